"""What the terminal shows while trials run: bars with the time left, or plain lines where there is no terminal."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import TaskID

from detloss.experiments.comparison.estimate import counted
from detloss.experiments.comparison.plan import Plan
from detloss.experiments.comparison.runner import (
    Gathered,
    Happening,
    Late,
    Retried,
    Waiting,
)
from detloss.experiments.comparison.store import GRACE
from detloss.experiments.console import bars, say
from detloss.experiments.training.trial import Outcome, Trial
from detloss.experiments.training.workers import (
    Advanced,
    Failed,
    Finished,
    Started,
)


def name_of(trial: Trial) -> str:
    """A trial in words."""
    searched = f", weight {trial.weight:g}" if trial.phase == 1 else ""
    return f"{trial.box} + {trial.cls}{searched}, seed {trial.seed}"


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """One bar for the whole comparison and one for every trial that runs; a line for every trial that ends."""

    def __init__(self, console: Console, plan: Plan, done: list[Outcome]) -> None:
        self.console = console
        self.trials = plan.all_trials()
        self.ended = len(done)
        self.steps = {outcome.trial: outcome.trial.steps for outcome in done}
        self.bars = bars(console)
        done_steps = sum(self.steps.values())
        self.overall = self.bars.add_task("all trials", total=plan.all_steps(), completed=done_steps, unit="steps")
        self.running: dict[Trial, TaskID] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def show(self, event: Happening) -> None:
        """Bring the display up to date."""
        match event:
            case Started(trial):
                self.running[trial] = self.bars.add_task(name_of(trial), total=trial.steps, unit="steps")
            case Advanced(trial, step, glimpse):
                self.bars.update(self.running[trial], completed=step)
                if glimpse is not None:
                    self.bars.update(self.running[trial], description=f"{name_of(trial)}, AP {glimpse.ap:.3f}")
                self.count(trial, step)
            case Finished(outcome):
                self.end(outcome.trial, f"AP {outcome.ap:.3f}, {outcome.seconds:.0f} s")
            case Gathered(outcome):
                self.end(outcome.trial, f"AP {outcome.ap:.3f}, from another process")
            case Failed(trial, reason):
                self.end(trial, f"failed: {reason}")
            case Retried(failure):
                self.clear(failure.trial)
                say(self.console, f"{name_of(failure.trial)}: {failure.reason}; it is begun again")
            case Late(trial):
                self.clear(trial)
                say(self.console, f"{name_of(trial)}: another process was first; its result stands")
            case Waiting(trials):
                known = f"one that falls silent for {GRACE} seconds is taken over"
                say(self.console, f"waiting for {counted(len(trials), 'trial')} of other processes; {known}")

    def count(self, trial: Trial, steps: int) -> None:
        """Bring the bar of the whole comparison up to date."""
        self.steps[trial] = steps
        self.bars.update(self.overall, completed=sum(self.steps.values()))

    def end(self, trial: Trial, result: str) -> None:
        """Print a line about a trial that ended, in place of its bar."""
        self.ended += 1
        self.count(trial, trial.steps)
        self.clear(trial)
        say(self.console, f"[{self.ended}/{self.trials}] {name_of(trial)}: {result}")

    def clear(self, trial: Trial) -> None:
        """Take away a trial's bar, if it has one."""
        if trial in self.running:
            self.bars.remove_task(self.running.pop(trial))
