"""What is asked of a tuning, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from detloss.catalog import Loss
from detloss.experiments.cli_options import BOX_LOSSES, CLASS_LOSSES
from detloss.experiments.training.builders import DETECTORS
from detloss.experiments.training.trial import PRECISIONS, Trial
from detloss.experiments.tuning.candidates import Candidate
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.search_space import (
    WEIGHT,
    Parameter,
    TuningError,
    parameters_over,
)


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
