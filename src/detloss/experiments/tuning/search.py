"""Trainings in worker processes: candidates fold by fold, then the two that are compared, on all training images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detloss.catalog import Loss
from detloss.experiments.cli_options import BOX_LOSSES, CLASS_LOSSES
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.builders import DETECTORS
from detloss.experiments.training.trial import PRECISIONS, Outcome, Trial
from detloss.experiments.training.workers import (
    Event,
    Failed,
    Finished,
    Started,
    Workers,
)
from detloss.experiments.tuning.candidates import Candidate, Candidates, State
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.search_space import WEIGHT, Parameter, TuningError, parameters_over

LISTENING = 1.0  # seconds between two looks at the workers


@dataclass(frozen=True)
class Design:
    """What is tuned, and how.

    Attributes:
        box: The box loss.
        cls: The class loss.
        parameters: What is tuned about them.
        folds: Into how many parts the training images are divided.
        trials: How many candidates are tried.
        steps: Of every training.
        seed: Of the sampler and of the first fold; the next fold has the next one.
        detector: What is trained.
        precision: Of its training, float32 or bfloat16.
    """

    box: Loss
    cls: Loss
    parameters: Sequence[Parameter]
    folds: int
    trials: int
    steps: int
    seed: int
    detector: str
    precision: str

    def sample(self) -> Trial:
        """A trial with the losses as they are."""
        return Trial(
            self.box.name,
            self.cls.name,
            self.box.weight,
            self.seed,
            self.steps,
            detector=self.detector,
            precision=self.precision,
        )

    def trial(self, candidate: Candidate, fold: int | None) -> TuningTrial:
        """The training of a candidate on all folds but this; on all images if it is None."""
        return TuningTrial(
            self.box.name,
            self.cls.name,
            candidate.settings.get(WEIGHT, self.box.weight),
            self.seed + (fold or 0),
            self.steps,
            detector=self.detector,
            precision=self.precision,
            candidate=candidate.number,
            settings=tuple(candidate.settings.items()),
            fold=fold,
            folds=self.folds,
        )

    def settings(self) -> dict[str, Any]:
        """What decides the outcome of a candidate, as JSON knows it."""
        return {
            "detector": self.detector,
            "precision": self.precision,
            "box": self.box.name,
            "cls": self.cls.name,
            "over": [parameter.name for parameter in self.parameters],
            "folds": self.folds,
            "seed": self.seed,
            "steps": self.steps,
        }


def designed(
    *,
    box: str,
    cls: str,
    over: Sequence[str] | None,
    folds: int,
    trials: int,
    steps: int,
    seed: int,
    detector: str,
    precision: str,
    jobs: int,
    devices_per_trial: int,
) -> Design:
    """Check what is asked.

    Raises:
        TuningError: There is no such loss, parameter or detector, or a number is too small.
    """
    for name, chosen, there in (
        ("box", box, BOX_LOSSES),
        ("cls", cls, CLASS_LOSSES),
        ("detector", detector, DETECTORS),
        ("precision", precision, PRECISIONS),
    ):
        if chosen not in there:
            raise TuningError(f"{name}: expected one of {', '.join(there)}, got {chosen!r}")
    for name, number, least in (
        ("folds", folds, 2),
        ("trials", trials, 2),
        ("steps", steps, 1),
        ("seed", seed, 0),
        ("jobs", jobs, 1),
        ("devices_per_trial", devices_per_trial, 1),
    ):
        if number < least:
            raise TuningError(f"{name}: expected at least {least}, got {number}")
    losses = BOX_LOSSES[box], CLASS_LOSSES[cls]
    return Design(*losses, parameters_over(*losses, over), folds, trials, steps, seed, detector, precision)


@dataclass(frozen=True)
class Opened:
    """The data are read, and it is known what an earlier run has tried."""

    design: Design
    dataset: Dataset
    candidates: Sequence[Candidate]


@dataclass(frozen=True)
class Settled:
    """A candidate is complete or dropped."""

    candidate: Candidate


@dataclass(frozen=True)
class Judged:
    """A candidate that was trained once more, on all training images.

    Attributes:
        candidate: Complete.
        outcome: On the validation images, which have chosen nothing.
    """

    candidate: Candidate
    outcome: Outcome


class TrainingError(Exception):
    """A training without which there is no answer ended without a result."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(f"{failure.trial} failed: {failure.reason}\n{failure.details}".rstrip())


Happening = Opened | Event | Settled
Watch = Callable[[Happening], None]


class Search:
    """What is trained next, and what has failed.

    Args:
        design: What is asked.
        candidates: What has been tried.
        workers: Who trains.
        watch: Called with everything that happens, after it has been kept.
    """

    def __init__(self, design: Design, candidates: Candidates, workers: Workers, watch: Watch) -> None:
        self.design, self.candidates, self.workers, self.watch = design, candidates, workers, watch
        self.failures: list[Failed] = []
        self.waiting: list[Candidate] = []

    def try_candidates(self) -> None:
        """Finish what an earlier run has begun, then try new ones."""
        self.waiting = [candidate for candidate in self.candidates.all() if candidate.state is State.UNFINISHED]
        self.train(self.next_fold)

    def judge(self, chosen: Mapping[int, Candidate]) -> dict[int, Judged]:
        """Train these on all training images and judge them on the validation images, if that has not been done.

        Args:
            chosen: Complete candidates, by their numbers.

        Raises:
            TrainingError: One of them ended without a result.
        """
        judged = self.candidates.judged
        trials = [self.design.trial(one, None) for number, one in chosen.items() if judged(number) is None]
        self.train(lambda: trials.pop(0) if trials else None)
        found = {number: Judged(one, outcome) for number, one in chosen.items() if (outcome := judged(number))}
        if len(found) < len(chosen):
            raise TrainingError(self.failures[-1])
        return found

    def next_fold(self) -> TuningTrial | None:
        """The next fold of a candidate that goes on, or the first of another; None: there is nothing to begin now."""
        if self.waiting:
            candidate = self.waiting.pop(0)
        elif len(self.candidates) < self.design.trials:
            candidate = self.candidates.propose()
        else:
            return None
        return self.design.trial(candidate, fold=len(candidate.outcomes))

    def train(self, next_trial: Callable[[], TuningTrial | None]) -> None:
        """Train until there is nothing left to begin, and nothing that runs."""
        while True:
            while self.workers.available and (trial := next_trial()):
                self.workers.begin(trial)
                self.watch(Started(trial))
            if not self.workers.busy:
                return
            for event in self.workers.listen(LISTENING):
                match event:
                    case Finished(Outcome(trial=TuningTrial() as trial) as outcome):
                        candidate = self.candidates.enter(trial, outcome)
                        self.watch(event)
                        if trial.fold is not None:
                            self.go_on_with(candidate)
                    case Failed():
                        self.failures.append(event)
                        self.watch(event)
                    case _:
                        self.watch(event)

    def go_on_with(self, candidate: Candidate) -> None:
        """Let a candidate wait for its next fold, or tell that it has ended."""
        if candidate.state is State.UNFINISHED:
            self.waiting.append(candidate)
        else:
            self.watch(Settled(candidate))
