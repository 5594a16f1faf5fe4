"""`python -m tools.gpu`: whether the Triton kernels are right and fast on this machine's GPU, in at most five minutes.

Needs this tree, torch and triton; without mpmath there is no battery, without torchvision no benchmark. The exit status
is 1 if a check fails, and 2 where there is no GPU. With TRITON_INTERPRET=1 the checks run on the CPU, on few inputs.
"""

import argparse
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from random import Random
from typing import Any

import torch
from torch import Tensor

import detloss
from detloss import kernels

SECONDS = 270  # of five minutes; the rest is for starting and for the check under way
SHOWN = 10  # failures of a part


@dataclass(frozen=True)
class Extent:
    """How much is checked: cases of the battery by group and dtype, calls by kind, rows of a benchmark."""

    cases: int
    calls: int
    rows: int | None  # None: as many as the benchmarks have
    largest_call: int
    seconds_of_a_benchmark: float


ON_GPU = Extent(cases=40, calls=60, rows=None, largest_call=1 << 20, seconds_of_a_benchmark=0.5)
INTERPRETED = Extent(cases=1, calls=2, rows=4, largest_call=200, seconds_of_a_benchmark=0.001)


@dataclass
class Part:
    """What a part of the check has found."""

    until: float  # the time at which it stops
    failures: list[str] = field(default_factory=list)

    def attempt(self, check: Callable[[], None]) -> None:
        """Make a check; an exception is a failure."""
        try:
            check()
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {str(error).strip()[:500]}")

    def in_time(self, checks: Sequence[Callable[[], None]]) -> None:
        """Make checks one after the other, and say how far they came."""
        for count, check in enumerate(checks):
            if time.monotonic() > self.until:
                print(f"  time is up after {count} of {len(checks)}")
                return
            if sys.stdout.isatty():
                print(f"\r  {count} of {len(checks)}", end="\r", flush=True)
            elif count and count % 100 == 0:
                print(f"  {count} of {len(checks)}", flush=True)
            self.attempt(check)
        print(f"  {len(checks)} of {len(checks)}")


def battery(part: Part, device: torch.device, extent: Extent, seed: int) -> None:
    """Every loss on inputs that break losses, against exact answers."""
    from tests.battery.cases import GROUPS, Case
    from tests.battery.measure import Worst, describe, measure
    from tests.battery.sample import DTYPES, SHARES, broken, sampled

    worst: dict[tuple[str, torch.dtype], Worst] = defaultdict(Worst)

    def check(case: Case) -> None:
        pred, target, ours = moved(case.pred, device), moved(case.target, device), moved(case.ours, device)
        errors = list(measure(replace(case, pred=pred, target=target, ours=ours), ours))
        for error in errors:
            worst[case.loss, case.dtype].add(error)
        part.failures += [describe(case, error) for error in broken(case, errors)]

    random, cases = Random(seed), []
    for group in GROUPS:
        for dtype in DTYPES:
            some = sampled(group, dtype, seed, SHARES[group])
            cases += random.sample(some, min(extent.cases, len(some)))
    random.shuffle(cases)  # so that every loss has its turn where time is short
    part.in_time([partial(check, case) for case in cases])
    print(f"  {'worst error in ulps':24}{'dtype':>10} |     value  gradient")
    for (loss, dtype), found in sorted(worst.items(), key=lambda item: (item[0][0], str(item[0][1]))):
        print(f"  {loss:24}{str(dtype).removeprefix('torch.'):>10} | {found}")


def agreement(part: Part, device: torch.device, extent: Extent, seed: int) -> None:
    """Calls with every option, drawn at random, on Triton and on torch's own operations."""
    from tests.support.random_calls import KINDS, Call, draw
    from tests.support.tolerances import Results, differences, results

    compared: dict[str, list[bool]] = defaultdict(list)

    def on(backend: str, call: Call) -> Results:
        pred, target, options = moved(call.pred, device), moved(call.target, device), moved(call.options, device)
        found = results(replace(call, pred=pred, target=target, options=options), backend)
        gradients = {name: gradient.cpu() for name, gradient in found.gradients.items()}
        return Results(found.value.cpu(), gradients)

    def check(call: Call) -> None:
        found = list(differences(call, on("triton", call), on("eager", call)))
        compared[call.name].append(not found)
        part.failures += [f"{call}: {difference}" for difference in found]

    drawn = [draw(Random(f"{seed} {k}"), kind) for k in range(extent.calls) for kind in KINDS]
    part.in_time([partial(check, call) for call in drawn if call.pred.numel() <= extent.largest_call])
    for name, same in sorted(compared.items()):
        print(f"  {name:32} {sum(same)} of {len(same)} calls agree with eager")


def benchmark(part: Part, device: torch.device, extent: Extent, seed: int) -> None:
    """Every loss forward and backward beside its usual peer."""
    from benchmarks.cases import CASES, Case
    from benchmarks.contest import Budget
    from benchmarks.measure import measure, ours_and_main_peer
    from benchmarks.size import Size
    from benchmarks.stage import on_gpu, on_processor

    budget = Budget(seconds=extent.seconds_of_a_benchmark, stint=0.001, rounds=31)
    stage = (on_gpu if device.type == "cuda" else on_processor)(budget, compiles=False)
    lines: list[str] = []

    def check(case: Case) -> None:
        main = case.family.main
        size = Size(extent.rows, main.columns) if extent.rows else main
        result = measure(case, size, stage, ours_and_main_peer(case, stage))
        ours, ratio = result.nanoseconds("triton"), result.ratio(case.main_peer, "triton")
        score = result.scores["triton"]
        if ours is None or ratio is None:
            part.failures.append(f"{case.title}: {score.absent or 'not measured'}")
            return
        bandwidth = result.moved / (ours.median * size.entries)
        lines.append(
            f"  {case.title:24}{size!s:>14} {case.family.unit:9}{ours.median:12.4g} ns{bandwidth:10.1f} GB/s"
            f"{ratio.median:9.2f} x {case.main_peer}{launched(score.launches, score.synchronisations)}"
        )

    part.in_time([partial(check, case) for case in CASES])
    print(f"  {'forward and backward':24}{'size':>14} {'':9}{'per element':>15}{'':15}   speed against")
    print("\n".join(lines))


def launched(launches: int | None, synchronisations: int | None) -> str:
    """What the profiler saw of a call."""
    return "" if launches is None else f", {launches} launches, {synchronisations} synchronizations"


def moved(what: Any, device: torch.device) -> Any:
    """An operand, options or a loss with its options, every tensor of it on a device."""
    if isinstance(what, Tensor):
        return what.to(device)
    if isinstance(what, dict):
        return {name: moved(value, device) for name, value in what.items()}
    return partial(what.func, *what.args, **moved(what.keywords, device)) if isinstance(what, partial) else what


def describe_machine(device: torch.device) -> Iterator[str]:
    """What a result is worth nothing without."""
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        yield f"{gpu.name}, compute capability {gpu.major}.{gpu.minor}, {gpu.total_memory / 2**30:.0f} GiB"
    else:
        yield "no GPU: Triton's interpreter, small inputs; its times say nothing"
    yield f"torch {torch.__version__} (CUDA {torch.version.cuda}), triton {version('triton')}"
    yield f"detloss {detloss.__version__}, Python {platform.python_version()}, {platform.platform()}"


PARTS = (
    ("battery against exact answers", battery, ("mpmath",), 0.45),
    ("agreement with eager", agreement, ("numpy",), 0.65),
    ("benchmark", benchmark, ("torchvision",), 1.0),
)  # what each needs, and by which share of the time it stops


def main(arguments: Sequence[str]) -> int:
    """Check everything there is time and a package for."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="about how long to take")
    parser.add_argument("--seed", type=int, default=0, help="of everything drawn")
    options = parser.parse_args(arguments)
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if find_spec("triton") is None:
        print("triton: expected the package, found none; nothing was checked")
        return 2
    if not interpreted and not torch.cuda.is_available():
        print(f"GPU: expected one that torch {torch.__version__} can use, found none; nothing was checked.")
        print("On the CPU: TRITON_INTERPRET=1 python -m tools.gpu")
        return 2
    device, extent = torch.device("cpu" if interpreted else "cuda"), INTERPRETED if interpreted else ON_GPU
    if interpreted:
        import_module("numpy").seterr(all="ignore")  # which interprets: a GPU says nothing about NaN either
        kernels.AVAILABLE["cpu"].setdefault("triton", kernels.triton)
    start = time.monotonic()
    print(*describe_machine(device), sep="\n", flush=True)
    failed, absent = 0, []
    for title, check, needs, share in PARTS:
        missing = [name for name in needs if find_spec(name) is None]
        print(f"\n{title}{': left out, not installed: ' if missing else ''}{', '.join(missing)}", flush=True)
        absent += [f"{title} ({', '.join(missing)})"] if missing else []
        if not missing:
            part = Part(start + share * options.seconds)
            with detloss.use_backend("triton"):
                part.attempt(partial(check, part, device, extent, options.seed))
            for failure in part.failures[:SHOWN]:
                print(f"  FAILED {failure}")
            failed += len(part.failures)
    seconds = time.monotonic() - start
    print(
        f"\n{f'{failed} FAILED' if failed else 'passed'} in {seconds:.0f} s",
        *(f"left out: {each}" for each in absent),
        sep="; ",
    )
    return 1 if failed else 2 if len(absent) == len(PARTS) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
