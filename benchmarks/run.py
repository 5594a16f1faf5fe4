"""Benchmark runs: the selected cases at their sizes, in order, with progress on the console."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import grid, shares
from benchmarks.cases import CASES, Case
from benchmarks.environment import Environment
from benchmarks.inputs import Size
from benchmarks.machine import Machine, this_machine
from benchmarks.measure import Implementation, Mode, backends_and_baseline, implementations, measure
from benchmarks.report import Report
from benchmarks.results import Result
from benchmarks.timing import Budget, forward, forward_backward

QUICK = Budget(seconds=0.5, min_run_time=0.001, rounds=31)
FULL = Budget(seconds=3.0, min_run_time=0.003, rounds=101)
LOSSES, GRID, SHARES = "losses", "grid", "shares"
PARTS = (LOSSES, GRID, SHARES)

Configuration = tuple[Case, Size]
Implementations = Callable[[Case, Environment], Iterator[Implementation]]


@dataclass(frozen=True)
class Selection:
    """The cases, sizes and parts of a run.

    The default sizes are measured if none are given, and one size per loss in a quick run. Given sizes replace the grid
    and the shares.
    """

    cases: Sequence[Case] = CASES
    sizes: Sequence[Size] = ()
    quick: bool = False
    parts: Sequence[str] = PARTS

    @property
    def budget(self) -> Budget:
        """The limits of one measurement."""
        return QUICK if self.quick else FULL

    def forward_backward(self, device: torch.device) -> Iterator[Configuration]:
        """Every loss at each of its sizes."""
        for case in self.cases if LOSSES in self.parts else ():
            if self.sizes:
                yield from ((case, fitted) for size in self.sizes if (fitted := case.family.fitted(size)))
            elif self.quick:
                yield case, case.family.main
            else:
                yield from ((case, size) for size in case.family.sizes_on(device))

    def forward(self) -> Iterator[Configuration]:
        """Every loss at one size; none if sizes are given or the run is quick."""
        if LOSSES in self.parts and not (self.sizes or self.quick):
            yield from ((case, case.family.main) for case in self.cases)

    def grid(self) -> list[Case]:
        """The losses of the grid, in a quick run only the main ones; none if sizes are given."""
        if GRID not in self.parts or self.sizes:
            return []
        return [case for case in self.cases if not self.quick or case.name in grid.MAIN]

    def shares(self, machine: Machine) -> Sequence[Case]:
        """The losses whose shares are measured; none on a GPU, if sizes are given, or without the tools."""
        wanted = SHARES in self.parts and not self.sizes and machine.gpu is None
        return self.cases if wanted and shares.is_measurable(machine) else ()


def run(selection: Selection, environment: Environment, console: Console) -> Report:
    """Measure the selection."""
    machine = this_machine(environment.device)
    both, forwards = list(selection.forward_backward(environment.device)), list(selection.forward())
    gridded = selection.grid()
    with progress(console) as bar:
        task = bar.add_task("", total=len(both) + len(forwards) + 2 * len(gridded))

        def done(title: str) -> None:
            """Print a line about two rows of the grid."""
            bar.advance(task)
            console.print(f"grid: {title}", highlight=False, soft_wrap=True)

        def measured(
            title: str,
            configurations: Sequence[Configuration],
            candidates: Implementations,
            mode: Mode = forward_backward,
        ) -> list[Result]:
            """Measure one configuration after the other and print a line for each."""
            results = []
            for case, size in configurations:
                bar.update(task, description=f"{title}: {case.title}, {size}")
                results.append(measure(case, size, environment, candidates(case, environment), mode))
                bar.advance(task)
                console.print(f"{title}: {outcome(results[-1])}", highlight=False, soft_wrap=True)
            return results

        return Report(
            machine,
            measured("forward + backward", both, implementations),
            measured("forward", forwards, backends_and_baseline, forward),
            grid.measured_grid(gridded, grid.QUICK if selection.quick else grid.FULL, environment, done),
            shares.measured_shares(selection.shares(machine), machine, environment),
        )


def progress(console: Console) -> Progress:
    """A progress bar of the whole run; disabled where there is no terminal."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def outcome(result: Result) -> str:
    """A result in one line."""
    ours, speedup = result.nanoseconds(result.default), result.ratio(result.case.baseline, result.default)
    name = f"{result.case.title}, {result.size}: {result.default}"
    if ours is None:
        return f"{name} skipped, {result.measurements[result.default].skipped}"
    line = f"{name} {ours.text(' ns')} per element"
    return line if speedup is None else f"{line}, speed-up over {result.case.baseline} {speedup.text('x')}"
