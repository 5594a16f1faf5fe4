"""A whole run: which cells are measured in which order, and what is shown meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.cases import CASES, Case
from benchmarks.contest import Budget, inference, training
from benchmarks.growth import PAIRS_AND_LOGITS
from benchmarks.machine import Machine, this_machine
from benchmarks.measure import Entrant, Mode, everybody, measure, ours_and_main_peer
from benchmarks.report import Report
from benchmarks.result import Result
from benchmarks.size import Size
from benchmarks.stage import Stage
from benchmarks.targets import ON_GPU, ON_PROCESSOR, unmeasured, verdicts

QUICK = Budget(seconds=0.5, stint=0.001, rounds=31)
FULL = Budget(seconds=3.0, stint=0.003, rounds=101)

Cell = tuple[Case, Size]
Entrants = Callable[[Case, Stage], Iterator[Entrant]]


@dataclass(frozen=True)
class Choice:
    """What a run measures: the sizes of the targets where none are given, one size a loss where it is to be quick."""

    cases: Sequence[Case] = CASES
    sizes: Sequence[Size] = ()
    quick: bool = False

    @property
    def budget(self) -> Budget:
        """How long one cell may take."""
        return QUICK if self.quick else FULL

    def contests(self, device: torch.device) -> Iterator[Cell]:
        """Every loss at each of its sizes."""
        for case in self.cases:
            if self.sizes:
                yield from ((case, fitted) for size in self.sizes if (fitted := case.family.fitted(size)))
            elif self.quick:
                yield case, case.family.main
            else:
                yield from ((case, size) for size in case.family.sizes_on(device))

    def without_gradient(self) -> Iterator[Cell]:
        """Every loss at one size, unless sizes were asked for or time is short."""
        if not (self.sizes or self.quick):
            yield from ((case, case.family.main) for case in self.cases)

    def growth(self) -> Iterator[Cell]:
        """Powers of ten, unless sizes were asked for."""
        if not self.sizes:
            grown = [case for case in self.cases if case.title in PAIRS_AND_LOGITS]
            yield from ((case, Size(10**power)) for case in grown for power in range(2, 6 if self.quick else 8))


def measured(choice: Choice, stage: Stage, console: Console) -> Report:
    """Measure everything chosen."""
    chosen = [list(choice.contests(stage.device)), list(choice.without_gradient()), list(choice.growth())]
    with progress(console) as bar:
        task = bar.add_task("", total=sum(map(len, chosen)))

        def in_turn(what: str, cells: Sequence[Cell], entrants: Entrants, mode: Mode = training) -> list[Result]:
            """Measure cells one after the other, and say how each came out."""
            results = []
            for case, size in cells:
                bar.update(task, description=f"{what}: {case.title}, {size}")
                results.append(measure(case, size, stage, entrants(case, stage), mode))
                bar.advance(task)
                console.print(f"{what}: {outcome(results[-1])}", highlight=False, soft_wrap=True)
            return results

        contests = in_turn("training", chosen[0], everybody)
        without_gradient = in_turn("without a gradient", chosen[1], ours_and_main_peer, inference)
        growth = in_turn("growth", chosen[2], ours_and_main_peer)

    return judged(this_machine(stage.device), contests, without_gradient, growth)


def judged(
    machine: Machine, contests: Sequence[Result], without_gradient: Sequence[Result], growth: Sequence[Result]
) -> Report:
    """The figures with what they say about the targets, which on a processor are for one thread."""
    if machine.gpu:
        table, others = ON_GPU, ["everything on a processor"]
    elif machine.threads == 1:
        table, others = ON_PROCESSOR, ["everything on a GPU"]
    else:
        table, others = (), ["everything with one thread", "everything on a GPU"]
    found = list(verdicts(contests, table, machine.instruction_set))
    return Report(machine, contests, without_gradient, growth, found, [*unmeasured(contests, table), *others])


def progress(console: Console) -> Progress:
    """A bar for the whole run; nothing where there is no terminal."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def outcome(result: Result) -> str:
    """A cell in a line."""
    ours, ratio = result.nanoseconds(result.active), result.ratio(result.case.main_peer, result.active)
    name = f"{result.case.title}, {result.size}"
    if ours is None or ratio is None:
        return f"{name}: {result.active} {result.scores[result.active].absent or 'alone'}"
    return f"{name}: {result.active} {ours.text(' ns')} an entry, {result.case.main_peer} takes {ratio.text('x')}"
