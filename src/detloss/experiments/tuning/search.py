"""Trainings in worker processes: candidates fold by fold, then the two that are compared, on all training images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.trial import Outcome
from detloss.experiments.training.workers import (
    Event,
    Failed,
    Finished,
    Started,
    Workers,
)
from detloss.experiments.tuning.candidates import Candidate, Candidates, State
from detloss.experiments.tuning.design import Design
from detloss.experiments.tuning.folds import TuningTrial

LISTENING = 1.0  # seconds between two looks at the workers


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
