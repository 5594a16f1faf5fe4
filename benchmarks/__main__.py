"""Benchmark of every loss against other implementations and lower bounds of its time (`python -m benchmarks`).

It writes bench.md and bench.json, and published.md with the tables of README.md, README.zh-CN.md and docs/backends.rst.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.cases import CASES, Case
from benchmarks.environment import cpu_environment, empty_compile_cache, gpu_environment
from benchmarks.inputs import Size
from benchmarks.machine import NAMES
from benchmarks.meters import cpu_seconds
from benchmarks.published import published
from benchmarks.run import PARTS, Selection, run


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--quick", action="store_true", help="one size per loss and few rounds, about a minute")
    options.add_argument("--only", type=named_cases, default=CASES, help="comma-separated losses, such as giou,focal")
    options.add_argument(
        "--parts", type=named_parts, default=PARTS, help=f"comma-separated, of {', '.join(PARTS)} (default: all)"
    )
    options.add_argument("--sizes", type=parsed_sizes, default=(), help="rows, or rows x classes: 65536,4096x32000")
    options.add_argument("--threads", type=int, default=1, help="threads of every implementation (default: 1)")
    options.add_argument("--cpu-time", action="store_true", help="measure CPU time, for one thread on a loaded machine")
    options.add_argument("--isa", choices=tuple(NAMES), help="instruction set of the C++ kernels (default: the best)")
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="device (default: cpu)")
    options.add_argument("--out", type=Path, help="output folder (default: out/bench, with --isa v3 out/bench/v3)")
    return options


def named_cases(text: str) -> tuple[Case, ...]:
    """The cases of a comma-separated list of losses."""
    names, known = text.split(","), list(dict.fromkeys(case.name for case in CASES))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"expected losses among {', '.join(known)}, got {name!r}")
    return tuple(case for case in CASES if case.name in names)


def named_parts(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    names = tuple(text.split(","))
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"expected parts among {', '.join(PARTS)}, got {name!r}")
    return names


def parsed_sizes(text: str) -> tuple[Size, ...]:
    """The sizes of a comma-separated list."""
    try:
        return tuple(map(Size.parse, text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: Sequence[str]) -> int:
    """Measure, print the tables, and write the report."""
    options = parser()
    given = options.parse_args(arguments)
    if given.isa and os.environ.get("DETLOSS_ISA") != given.isa:
        return restart(given.isa, arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        options.error("--device: expected a GPU that torch can use for cuda, found none")
    if given.cpu_time and (given.device == "cuda" or given.threads > 1):
        options.error("--cpu-time: expected one thread of the CPU, got --device cuda or --threads")
    selection, device = Selection(given.only, given.sizes, given.quick, given.parts), torch.device(given.device)
    if given.sizes and not any(selection.forward_backward(device)):
        options.error("--sizes: expected rows without classes for losses of boxes and numbers, got rows x classes")
    torch.set_num_threads(given.threads)
    console = Console()
    if not console.is_terminal:
        console.width = 160  # of the widest table
    with empty_compile_cache(device) as compiles:
        if not compiles:
            console.print("torch.compile is not measured: it finds no working compiler.")
        environment = (gpu_environment if device.type == "cuda" else cpu_environment)(selection.budget, compiles)
        if given.cpu_time:
            environment = replace(environment, clock=cpu_seconds)
        report = run(selection, environment, console)
    report.show(console)
    folder = given.out or Path("out/bench", given.isa or "")
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder)
    (folder / "published.md").write_text(published(report) + "\n", encoding="utf-8")
    return 0


def restart(instruction_set: str, arguments: Sequence[str]) -> int:
    """Run in a new process: the kernels read the environment when they are loaded."""
    program = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(program, env={**os.environ, "DETLOSS_ISA": instruction_set}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
