"""Benchmark runs: the selected cases at their sizes, in order, with progress on the console."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.cases import CASES, Case
from benchmarks.environment import Environment
from benchmarks.inputs import Size
from benchmarks.machine import this_machine
from benchmarks.measure import Implementation, Mode, backends_and_baseline, implementations, measure
from benchmarks.report import Report
from benchmarks.results import Result
from benchmarks.scaling import TITLES
from benchmarks.timing import Budget, forward, forward_backward

QUICK = Budget(seconds=0.5, min_run_time=0.001, rounds=31)
FULL = Budget(seconds=3.0, min_run_time=0.003, rounds=101)

Configuration = tuple[Case, Size]
Implementations = Callable[[Case, Environment], Iterator[Implementation]]


@dataclass(frozen=True)
class Selection:
    """The cases and sizes of a run: the default sizes if none are given, one size per loss in a quick run."""

    cases: Sequence[Case] = CASES
    sizes: Sequence[Size] = ()
    quick: bool = False

    @property
    def budget(self) -> Budget:
        """The limits of one measurement."""
        return QUICK if self.quick else FULL

    def forward_backward(self, device: torch.device) -> Iterator[Configuration]:
        """Every loss at each of its sizes."""
        for case in self.cases:
            if self.sizes:
                yield from ((case, fitted) for size in self.sizes if (fitted := case.family.fitted(size)))
            elif self.quick:
                yield case, case.family.main
            else:
                yield from ((case, size) for size in case.family.sizes_on(device))

    def forward(self) -> Iterator[Configuration]:
        """Every loss at one size; none if sizes are given or the run is quick."""
        if not (self.sizes or self.quick):
            yield from ((case, case.family.main) for case in self.cases)

    def scaling(self) -> Iterator[Configuration]:
        """Powers of ten; none if sizes are given."""
        if not self.sizes:
            scaled = [case for case in self.cases if case.title in TITLES]
            yield from ((case, Size(10**power)) for case in scaled for power in range(2, 6 if self.quick else 8))


def run(selection: Selection, environment: Environment, console: Console) -> Report:
    """Measure the selection."""
    both = list(selection.forward_backward(environment.device))
    forwards, scaled = list(selection.forward()), list(selection.scaling())
    with progress(console) as bar:
        task = bar.add_task("", total=len(both) + len(forwards) + len(scaled))

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
            this_machine(environment.device),
            measured("forward + backward", both, implementations),
            measured("forward", forwards, backends_and_baseline, forward),
            measured("scaling", scaled, backends_and_baseline),
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
