"""Print the largest errors of every loss and of its peers in ulps: `python -m tests.battery [--seeds 10]`.

Measures every CPU backend; the C++ backend uses the instruction set of DETLOSS_ISA, or the best one.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable
from random import Random, SystemRandom

import torch

import detloss
from detloss.kernels import AVAILABLE
from tests.battery.cases import DTYPES, GROUPS
from tests.battery.measure import Worst, describe, measure


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.battery", description=__doc__)
    options.add_argument("--seeds", type=int, default=10, help="number of new seeds (default: 10)")
    options.add_argument("--seed", type=int, action="append", help="a seed to repeat; may be given several times")
    options.add_argument("--group", choices=GROUPS, action="append", help="only these losses")
    given = options.parse_args()
    torch.set_num_threads(1)
    seeds = given.seed or [SystemRandom().randrange(2**31) for _ in range(given.seeds)]
    ours, peers, failed = _run(seeds, given.group or GROUPS)
    print(f"\nseeds {' '.join(map(str, seeds))}")
    print(
        f"{'largest errors':24}{'dtype':>10}{'by':>7} | {'value':>9} {'gradient':>9} {'':>16} | peer: value, gradient"
    )
    for (loss, dtype, backend), worst in ours.items():
        peer = str(peers[loss, dtype]) if (loss, dtype) in peers else ""
        print(f"{loss:24}{str(dtype).removeprefix('torch.'):>10}{backend:>7} | {worst} | {peer}")
    for examples in failed.values():
        print(f"{len(examples)} results exceed this error bound, such as {examples[0]}")
    raise SystemExit(bool(failed))


Ours = dict[tuple[str, torch.dtype, str], Worst]  # by loss, dtype and backend
Peers = dict[tuple[str, torch.dtype], Worst]
Failed = dict[tuple[str, str, str], list[str]]  # by backend, loss and kind of result


def _run(seeds: Iterable[int], groups: Iterable[str]) -> tuple[Ours, Peers, Failed]:
    ours: Ours = defaultdict(Worst)
    peers: Peers = defaultdict(Worst)
    failed: Failed = defaultdict(list)
    for seed in seeds:
        start = time.perf_counter()
        for group in groups:
            for dtype in DTYPES:
                for case in GROUPS[group](Random(seed), dtype):
                    for backend in AVAILABLE["cpu"]:
                        with detloss.use_backend(backend):
                            errors = list(measure(case, case.ours))
                        for error in errors:
                            ours[case.loss, dtype, backend].add(error)
                            if not error.ulps <= error.bound:
                                example = f"{backend}, seed {seed}: {describe(case, error)}"
                                failed[backend, case.loss, error.kind].append(example)
                    if case.peer:
                        for error in measure(case, case.peer):
                            peers[case.loss, dtype].add(error)
        count = sum(map(len, failed.values()))
        print(f"seed {seed}: {count} errors exceed their bound so far, {time.perf_counter() - start:.0f} s", flush=True)
    return ours, peers, failed


if __name__ == "__main__":
    main()
