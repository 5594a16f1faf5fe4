"""What the terminal shows while trials run: bars with the time left, or plain lines where there is no terminal."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from detloss.study.training import Trial
from detloss.study.workers import Advanced, Event, Failed, Finished, Started


def name_of(trial: Trial) -> str:
    """A trial in words."""
    return f"{trial.box} + {trial.cls}, seed {trial.seed}"


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """One bar for the whole comparison and one for every trial that runs; a line for every trial that ends."""

    def __init__(self, console: Console, trials: Sequence[Trial]) -> None:
        self.console = console
        self.trials = len(trials)
        self.ended = 0
        self.steps: dict[Trial, int] = {}
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            disable=not console.is_terminal,
        )
        self.overall = self.bars.add_task("all trials", total=sum(trial.steps for trial in trials))
        self.running: dict[Trial, TaskID] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def show(self, event: Event) -> None:
        """Bring the display up to date."""
        match event:
            case Started(trial):
                self.running[trial] = self.bars.add_task(name_of(trial), total=trial.steps)
            case Advanced(trial, step):
                self.bars.update(self.running[trial], completed=step)
                self.count(trial, step)
            case Finished(outcome):
                self.end(outcome.trial, f"AP {outcome.ap:.3f}, {outcome.seconds:.0f} s")
            case Failed(trial, reason):
                self.end(trial, f"failed: {reason}")

    def count(self, trial: Trial, steps: int) -> None:
        """Bring the bar of the whole comparison up to date."""
        self.steps[trial] = steps
        self.bars.update(self.overall, completed=sum(self.steps.values()))

    def end(self, trial: Trial, result: str) -> None:
        """Take away a trial's bar and print a line about it."""
        self.ended += 1
        self.count(trial, trial.steps)
        self.bars.remove_task(self.running.pop(trial))
        line = f"[{self.ended}/{self.trials}] {name_of(trial)}: {result}"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
