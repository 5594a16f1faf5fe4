"""Search: the design of a tuning, and its trainings in worker processes, first by fold and then on all images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from detloss.catalog import Loss
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.errors import OptionError, UserError
from detloss.experiments.training.detectors import DETECTORS
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import PRECISIONS
from detloss.experiments.training.workers import Event, Failed, Finished, Started, Workers
from detloss.experiments.tuning.candidates import Candidate, Candidates, State
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.search_space import WEIGHT, Parameter
from detloss.loss_names import LossNameError, loss_named

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Design:
    """The arguments of `tune`, with losses and parameters in place of their names, and checked."""

    box: Loss
    cls: Loss
    parameters: Sequence[Parameter]
    folds: int
    trials: int
    steps: int
    seed: int
    detector: str
    precision: str
    jobs: int
    devices_per_trial: int

    def __post_init__(self) -> None:
        for name, choices in (("detector", DETECTORS), ("precision", PRECISIONS)):
            if (value := getattr(self, name)) not in choices:
                raise OptionError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")
        for name, least in {"folds": 2, "trials": 2, "steps": 1, "seed": 0, "jobs": 1, "devices_per_trial": 1}.items():
            if (number := getattr(self, name)) < least:
                raise OptionError(f"{name}: expected at least {least}, got {number}")

    def untuned_trial(self) -> Trial:
        """A trial with the losses without tuning."""
        box, cls = self.box, self.cls
        return Trial(
            box.name, cls.name, box.weight, self.seed, self.steps, detector=self.detector, precision=self.precision
        )

    def trial(self, candidate: Candidate, fold: int | None) -> TuningTrial:
        """The training of a candidate on all folds but one; on all training images if that is None.

        Each fold has its own seed.
        """
        weight = candidate.settings.get(WEIGHT, self.box.weight)
        plain = replace(self.untuned_trial(), weight=weight, seed=self.seed + (fold or 0))
        settings = tuple(candidate.settings.items())
        return TuningTrial(**vars(plain), candidate=candidate.number, settings=settings, fold=fold, folds=self.folds)

    def settings(self) -> dict[str, Any]:
        """Return what determines the outcome of a candidate, as JSON."""
        losses = {"box": self.box.name, "cls": self.cls.name, "over": [one.name for one in self.parameters]}
        numbers = {name: getattr(self, name) for name in ("folds", "seed", "steps")}
        return {"detector": self.detector, "precision": self.precision} | losses | numbers


def loss_argument(argument: str, text: str, losses: Mapping[str, Loss]) -> Loss:
    """Find the loss of an argument, or raise an OptionError that names the argument."""
    try:
        return loss_named(text, losses)
    except LossNameError as error:
        raise OptionError(f"{argument}: {error}") from error


@dataclass(frozen=True)
class Opened:
    """The data have been read, and the candidates of earlier runs are known."""

    design: Design
    dataset: Dataset
    candidates: Sequence[Candidate]


@dataclass(frozen=True)
class Ended:
    """A candidate is complete or dropped."""

    candidate: Candidate


@dataclass(frozen=True)
class Validated:
    """A candidate that was trained again on all training images, with its outcome on the validation images."""

    candidate: Candidate
    outcome: Outcome


class TrainingError(UserError):
    """A required training that failed."""


TuningEvent = Opened | Event | Ended


class Search:
    """The order of trainings, and their failures; `on_event` is called after the result of an event is stored."""

    def __init__(
        self, design: Design, candidates: Candidates, workers: Workers, on_event: Callable[[TuningEvent], None]
    ) -> None:
        self.design, self.candidates, self.workers, self.on_event = design, candidates, workers, on_event
        self.failures: list[Failed] = []
        self.waiting: list[Candidate] = []

    def run(self) -> None:
        """Finish the candidates of an earlier run, then try others."""
        self.waiting = [candidate for candidate in self.candidates.all() if candidate.state is State.UNFINISHED]
        self.train(self.next_fold)

    def validate(self, chosen: Mapping[int, Candidate]) -> dict[int, Validated]:
        """Train complete candidates on all training images and evaluate them on the validation images, if not done."""
        validated = self.candidates.validated
        trials = [self.design.trial(one, None) for number, one in chosen.items() if validated(number) is None]
        self.train(lambda: trials.pop(0) if trials else None)
        found = {number: Validated(one, outcome) for number, one in chosen.items() if (outcome := validated(number))}
        if len(found) < len(chosen):
            raise TrainingError(str(self.failures[-1]))
        return found

    def next_fold(self) -> TuningTrial | None:
        """The next fold of a waiting candidate, or the first of another; None: there is nothing to start now."""
        if self.waiting:
            candidate = self.waiting.pop(0)
        elif len(self.candidates) < self.design.trials:
            candidate = self.candidates.propose()
        else:
            return None
        return self.design.trial(candidate, fold=len(candidate.outcomes))

    def train(self, next_trial: Callable[[], TuningTrial | None]) -> None:
        """Train until no training is left to start and none is running."""
        while True:
            while self.workers.available and (trial := next_trial()):
                self.workers.submit(trial)
                self.on_event(Started(trial))
            if not self.workers.busy:
                return
            for event in self.workers.wait(POLL_SECONDS):
                match event:
                    case Finished(Outcome(trial=TuningTrial() as trial) as outcome):
                        candidate = self.candidates.enter(trial, outcome)
                        self.on_event(event)
                        if candidate.state is State.UNFINISHED:
                            self.waiting.append(candidate)
                        elif trial.fold is not None:
                            self.on_event(Ended(candidate))
                    case Failed():
                        self.failures.append(event)
                        self.on_event(event)
                    case _:
                        self.on_event(event)
