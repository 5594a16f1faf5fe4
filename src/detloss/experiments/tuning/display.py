"""Terminal output of a tuning: progress bars with the remaining time, a line per candidate, and the result."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import TaskID
from rich.table import Table

from detloss.experiments.console import counted, duration, print_dataset, print_line, progress_bars
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import measure_speed
from detloss.experiments.training.workers import Advanced, Failed, Finished, Started
from detloss.experiments.tuning.candidates import State
from detloss.experiments.tuning.search import Ended, Opened, TuningEvent
from detloss.experiments.tuning.tuning_result import Tuned

VALIDATED = 2  # trainings on all training images, after the folds: the best and the start


class TuningDisplay(AbstractContextManager["TuningDisplay"]):
    """A progress bar for the search and one per running training; a line for every candidate that ends."""

    def __init__(self, console: Console, groups: Sequence[DeviceGroup]) -> None:
        self.console, self.groups = console, groups
        self.candidates = self.ended = 0
        self.trainings = self.finished = 0
        self.running: dict[Trial, TaskID] = {}
        self.fractions: dict[Trial, float] = {}
        self.bars = progress_bars(console)
        self.overall = self.bars.add_task("all candidates", unit="trainings")

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def show(self, event: TuningEvent) -> None:
        """Update the display."""
        match event:
            case Opened():
                self.open(event)
            case Started(trial):
                self.running[trial] = self.bars.add_task(str(trial), total=trial.steps, unit="steps")
            case Advanced(trial, step):
                self.bars.update(self.running[trial], completed=step)
                self.fractions[trial] = step / trial.steps
            case Finished(outcome):
                self.end(outcome.trial, f"AP {outcome.score:.3f}, {outcome.seconds:.0f} s")
            case Failed(trial, reason):
                self.end(trial, f"failed: {reason}")
            case Ended(candidate):
                self.ended += 1
                self.trainings -= self.folds - len(candidate.outcomes)
                result = f"AP {candidate.score:.3f}"
                if candidate.state is State.DROPPED:
                    result = f"dropped at {result} after {counted(len(candidate.outcomes), 'fold')}"
                print_line(self.console, f"[{self.ended}/{self.candidates}] {candidate}: {result}")
        self.bars.update(self.overall, total=self.trainings, completed=self.finished + sum(self.fractions.values()))

    def open(self, opened: Opened) -> None:
        """Print the plan and the estimated time, and start the progress bars."""
        design, tried = opened.design, opened.candidates
        self.folds, self.candidates = design.folds, max(design.trials, len(tried))
        ended = [candidate for candidate in tried if candidate.state is not State.UNFINISHED]
        self.ended, self.finished = len(ended), sum(len(candidate.outcomes) for candidate in tried)
        skipped = sum(self.folds - len(candidate.outcomes) for candidate in ended)
        self.trainings = self.candidates * self.folds - skipped + VALIDATED
        print_dataset(self.console, opened.dataset)
        for line in plan_of(opened, self.ended, self.trainings - self.finished, self.groups):
            print_line(self.console, line)
        self.bars.start()

    def end(self, trial: Trial, result: str) -> None:
        """Replace the progress bar of a training by a line with its result."""
        self.fractions.pop(trial, None)
        self.finished += 1
        self.bars.remove_task(self.running.pop(trial))
        print_line(self.console, f"{trial}: {result}")


def plan_of(opened: Opened, ended: int, trainings: int, groups: Sequence[DeviceGroup]) -> list[str]:
    """Describe the plan, with an upper bound of the time."""
    design, dataset = opened.design, opened.dataset
    names = ", ".join(parameter.name for parameter in design.parameters)
    lines = [
        f"plan: {design.trials} candidates for {names}, each on {design.folds} folds of the training images unless it "
        f"is dropped, {design.steps} steps per training; then the best and the start on all training images"
    ]
    if ended:
        lines.append(f"finished earlier: {ended} of {design.trials} candidates")
    if ended < design.trials:
        step, evaluation = measure_speed(design.untuned_trial(), dataset, Device(groups[0][0]))
        evaluation *= len(dataset.train) / design.folds / len(dataset.validation)
        seconds = trainings * (design.steps * step / len(groups[0]) + evaluation) / min(len(groups), trainings)
        lines.append(f"estimate: at most about {duration(seconds)}, with {len(groups)} at a time")
    return lines


def print_tuned(console: Console, tuned: Tuned, files: Sequence[str]) -> None:
    """Print a table of the candidates, the best first, the written files and the findings; the answer is the last."""
    names = [parameter.name for parameter in tuned.design.parameters]
    table = Table(*names, "AP", "folds", "", box=SIMPLE)
    table.caption = "AP: mean (range over the folds)"
    ranks = {State.COMPLETE: 0, State.DROPPED: 1, State.UNFINISHED: 2}
    for candidate in sorted(tuned.candidates, key=lambda one: (ranks[one.state], -len(one.outcomes), -one.score)):
        roles = {"best": tuned.best.candidate.number, "start": tuned.start.candidate.number}
        remarks = [role for role, number in roles.items() if number == candidate.number]
        if candidate.state is not State.COMPLETE:
            remarks.append(candidate.state.value)
        scores = candidate.scores
        score = f"{candidate.score:.3f} ({min(scores):.3f}–{max(scores):.3f})" if scores else ""
        values = (f"{candidate.settings[name]:.6g}" for name in names)
        table.add_row(*values, score, str(len(scores)), ", ".join(remarks))
    console.print(table)
    answer, *details = tuned.findings()
    for line in (*details, *files, tuned.line, answer):
        print_line(console, line)
