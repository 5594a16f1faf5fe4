"""Check accuracy and speed of the Triton kernels on the GPU of this machine: `python -m tools.gpu`.

Takes at most five minutes. Requires this repository, torch and triton; the battery requires mpmath, the benchmark
torchvision. The exit status is 1 if a check fails, and 2 if there is no GPU. With TRITON_INTERPRET=1 the checks run on
the CPU with few inputs.
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

SECONDS = 270  # of five minutes; the rest covers imports and the last check
SHOWN = 10  # failures printed per part


@dataclass(frozen=True)
class Extent:
    """Amount of work: battery cases per group and dtype, calls per kind, rows of a benchmark."""

    cases: int
    calls: int
    rows: int | None  # None: the main size of the benchmark
    largest_call: int
    seconds_of_a_benchmark: float


ON_GPU = Extent(cases=40, calls=60, rows=None, largest_call=1 << 20, seconds_of_a_benchmark=0.5)
INTERPRETED = Extent(cases=1, calls=2, rows=4, largest_call=200, seconds_of_a_benchmark=0.001)


@dataclass
class Part:
    """Progress and failures of one part of the check."""

    deadline: float
    failures: list[str] = field(default_factory=list)

    def attempt(self, check: Callable[[], None]) -> None:
        """Run a check; an exception is a failure."""
        try:
            check()
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {str(error).strip()[:500]}")

    def run(self, checks: Sequence[Callable[[], None]]) -> None:
        """Run the checks until the deadline and print the progress."""
        for count, check in enumerate(checks):
            if time.monotonic() > self.deadline:
                print(f"  time limit reached after {count} of {len(checks)}")
                return
            if sys.stdout.isatty():
                print(f"\r  {count} of {len(checks)}", end="\r", flush=True)
            elif count and count % 100 == 0:
                print(f"  {count} of {len(checks)}", flush=True)
            self.attempt(check)
        print(f"  {len(checks)} of {len(checks)}")


def battery(part: Part, device: torch.device, extent: Extent, seed: int) -> None:
    """Every loss on difficult inputs, against exact values."""
    from detloss.auditing.battery.cases import GROUPS, Case
    from detloss.auditing.battery.measure import Worst, describe, measure
    from tests.support.battery_sample import DTYPES, FRACTIONS, exceeded, sampled

    worst: dict[tuple[str, torch.dtype], Worst] = defaultdict(Worst)

    def check(case: Case) -> None:
        pred, target, options = moved(case.pred, device), moved(case.target, device), moved(case.options, device)
        there = replace(case, pred=pred, target=target, options=options)
        errors = list(measure(there, there.ours))
        for error in errors:
            worst[case.loss, case.dtype].add(error)
        part.failures += [describe(case, error) for error in exceeded(case, errors)]

    random, cases = Random(seed), []
    for group in GROUPS:
        for dtype in DTYPES:
            selected = sampled(group, dtype, seed, FRACTIONS[group])
            cases += random.sample(selected, min(extent.cases, len(selected)))
    random.shuffle(cases)  # every loss is checked even if the time is short
    part.run([partial(check, case) for case in cases])
    print(f"  {'worst error in ulps':24}{'dtype':>10} |     value  gradient")
    for (loss, dtype), found in sorted(worst.items(), key=lambda item: (item[0][0], str(item[0][1]))):
        print(f"  {loss:24}{str(dtype).removeprefix('torch.'):>10} | {found}")


def agreement(part: Part, device: torch.device, extent: Extent, seed: int) -> None:
    """Random calls with every option, on the Triton and on the eager backend."""
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
    part.run([partial(check, call) for call in drawn if call.pred.numel() <= extent.largest_call])
    for name, same in sorted(compared.items()):
        print(f"  {name:32} {sum(same)} of {len(same)} calls agree with eager")


def benchmark(part: Part, device: torch.device, extent: Extent, seed: int) -> None:
    """Time of every loss, forward and backward, and speed-up over its baseline."""
    from benchmarks.cases import CASES, Case
    from benchmarks.environment import cpu_environment, gpu_environment
    from benchmarks.inputs import Size
    from benchmarks.measure import backends_and_baseline, measure
    from benchmarks.timing import Budget

    budget = Budget(seconds=extent.seconds_of_a_benchmark, min_run_time=0.001, rounds=31)
    environment = (gpu_environment if device.type == "cuda" else cpu_environment)(budget, compiles=False)
    lines: list[str] = []

    def check(case: Case) -> None:
        main = case.family.main
        size = Size(extent.rows, main.columns) if extent.rows else main
        result = measure(case, size, environment, backends_and_baseline(case, environment))
        ours, speedup = result.nanoseconds("triton"), result.ratio(case.baseline, "triton")
        figures = result.measurements["triton"]
        if ours is None or speedup is None:
            part.failures.append(f"{case.title}: {figures.skipped or 'not measured'}")
            return
        bandwidth = result.moved / (ours.median * size.elements)
        lines.append(
            f"  {case.title:24}{size!s:>14} {case.family.unit:9}{ours.median:12.4g} ns{bandwidth:10.1f} GB/s"
            f"{speedup.median:9.2f} x {case.baseline}{launched(figures.launches, figures.synchronizations)}"
        )

    part.run([partial(check, case) for case in CASES])
    print(f"  {'forward and backward':24}{'size':>14} {'':9}{'per element':>15}{'':15}   speed-up over")
    print("\n".join(lines))


def launched(launches: int | None, synchronizations: int | None) -> str:
    """Launches and synchronizations of a call, as text."""
    return "" if launches is None else f", {launches} launches, {synchronizations} synchronizations"


def moved(value: Any, device: torch.device) -> Any:
    """An operand or options, with all tensors moved to the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: moved(each, device) for name, each in value.items()}
    return value


def describe_machine(device: torch.device) -> Iterator[str]:
    """Device and versions."""
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        yield f"{gpu.name}, compute capability {gpu.major}.{gpu.minor}, {gpu.total_memory / 2**30:.0f} GiB"
    else:
        yield "no GPU: Triton's interpreter with small inputs; its times are not meaningful"
    yield f"torch {torch.__version__} (CUDA {torch.version.cuda}), triton {version('triton')}"
    yield f"detloss {detloss.__version__}, Python {platform.python_version()}, {platform.platform()}"


PARTS = (
    ("battery against exact values", battery, ("mpmath",), 0.45),
    ("agreement with eager", agreement, ("numpy",), 0.65),
    ("benchmark", benchmark, ("torchvision",), 1.0),
)  # title, check, required packages, fraction of the time at its deadline


def main(arguments: Sequence[str]) -> int:
    """Run all parts whose packages are installed, until the time limit."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"time limit (default: {SECONDS})")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    options = parser.parse_args(arguments)
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if find_spec("triton") is None:
        print("triton: expected an installed package, found none; nothing was checked")
        return 2
    if not interpreted and not torch.cuda.is_available():
        print(f"GPU: expected one that torch {torch.__version__} can use, found none; nothing was checked.")
        print("On the CPU: TRITON_INTERPRET=1 python -m tools.gpu")
        return 2
    device, extent = torch.device("cpu" if interpreted else "cuda"), INTERPRETED if interpreted else ON_GPU
    if interpreted:
        import_module("numpy").seterr(all="ignore")  # the interpreter uses numpy; a GPU has no warnings about NaN
        kernels.AVAILABLE["cpu"].setdefault("triton", kernels.triton)
    start = time.monotonic()
    print(*describe_machine(device), sep="\n", flush=True)
    failed, skipped = 0, []
    for title, check, required, fraction in PARTS:
        missing = [name for name in required if find_spec(name) is None]
        print(f"\n{title}{' skipped, not installed: ' if missing else ''}{', '.join(missing)}", flush=True)
        skipped += [f"{title} ({', '.join(missing)})"] if missing else []
        if not missing:
            part = Part(start + fraction * options.seconds)
            with detloss.use_backend("triton"):
                part.attempt(partial(check, part, device, extent, options.seed))
            for failure in part.failures[:SHOWN]:
                print(f"  FAILED {failure}")
            failed += len(part.failures)
    seconds = time.monotonic() - start
    print(
        f"\n{f'{failed} FAILED' if failed else 'passed'} in {seconds:.0f} s",
        *(f"skipped: {each}" for each in skipped),
        sep="; ",
    )
    return 1 if failed else 2 if len(skipped) == len(PARTS) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
