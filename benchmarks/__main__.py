"""`python -m benchmarks`: every loss beside what its users call today, and beside what no program can beat."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console

from benchmarks import growth
from benchmarks.cases import CASES, Case
from benchmarks.machine import NAMES
from benchmarks.run import Choice, measured
from benchmarks.size import Size
from benchmarks.stage import fresh_compiler, on_gpu, on_processor


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size a loss and few rounds: about a minute")
    parser.add_argument("--only", type=named_cases, default=CASES, help="losses, such as giou,focal")
    parser.add_argument("--sizes", type=parsed_sizes, default=(), help="rows, or rows x classes: 65536,4096x32000")
    parser.add_argument("--threads", type=int, default=1, help="threads of every contender")
    parser.add_argument("--isa", choices=tuple(NAMES), help="the instruction set of our kernels; peers keep theirs")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to measure")
    parser.add_argument("--out", type=Path, help="where to leave the results: out/bench, with --isa v3 out/bench/v3")
    return parser


def named_cases(text: str) -> tuple[Case, ...]:
    """The cases of a list of losses."""
    names, known = text.split(","), list(dict.fromkeys(case.name for case in CASES))
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no loss is called {name!r}; choose from {', '.join(known)}")
    return tuple(case for case in CASES if case.name in names)


def parsed_sizes(text: str) -> tuple[Size, ...]:
    """A list of sizes."""
    try:
        return tuple(map(Size.parse, text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: Sequence[str]) -> int:
    """Measure, show, and leave the results behind."""
    parser = options()
    given = parser.parse_args(arguments)
    if given.isa and os.environ.get("DETLOSS_ISA") != given.isa:
        return again_with(given.isa, arguments)
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU here")
    choice, device = Choice(given.only, given.sizes, given.quick), torch.device(given.device)
    if not any(choice.contests(device)):
        parser.error("--sizes: none of them suits these losses; boxes and numbers have no classes")
    torch.set_num_threads(given.threads)
    console = Console()
    if not console.is_terminal:
        console.width = 160  # the tables' own
    with fresh_compiler(device) as compiles:
        if not compiles:
            console.print("torch.compile is left out: it finds no working compiler.")
        stage = (on_gpu if device.type == "cuda" else on_processor)(choice.budget, compiles)
        report = measured(choice, stage, console)
    report.show(console)
    folder = given.out or Path("out/bench", given.isa or "")
    folder.mkdir(parents=True, exist_ok=True)
    report.write(folder)
    if report.growth:
        growth.draw(report.growth, folder / "growth.svg")
    return 0


def again_with(instruction_set: str, arguments: Sequence[str]) -> int:
    """Start over: kernels look at the environment once, when they are loaded."""
    program = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(program, env={**os.environ, "DETLOSS_ISA": instruction_set}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
