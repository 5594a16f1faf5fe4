"""Stand-ins for tuning: a known surface of scores, and small data sets."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from math import log
from random import Random

import numpy as np
import pytest

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.data.digit_scenes import DIGITS, compose
from detloss.experiments.training.average_precision import MatchedDetections
from detloss.experiments.training.devices import Device
from detloss.experiments.training.evaluation import Evaluation
from detloss.experiments.training.outcome import Outcome
from detloss.experiments.tuning import cross_validation
from detloss.experiments.tuning.cross_validation import tune
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.tuning_result import Tuned
from tests.support.inline_workers import Inline

IMAGES = 24
EASE_OF_FOLDS = (0.0, 0.02, -0.01)


def small_dataset() -> Dataset:
    """Images of 16 x 16 pixels, 4 x 4 cells, with one box of 2 x 2 cells each, of two classes alternately."""
    boxes = np.array([[0, 0, 8, 8]], np.float32)
    samples = [
        Sample(f"image-{number}.png", np.zeros((16, 16, 3), np.uint8), boxes, np.array([number % 2]))
        for number in range(IMAGES + 4)
    ]
    return Dataset("small", ("cat", "dog"), samples[:IMAGES], samples[IMAGES:], [], "For tests.")


def small_scenes() -> Dataset:
    """The first of the digit scenes."""
    train, validation = (
        [
            Sample(f"{part}-{number}", scene.image, scene.boxes, scene.labels)
            for number, scene in enumerate(islice(compose(count, part), count))
        ]
        for part, count in (("train", 12), ("validation", 4))
    )
    return Dataset("a few scenes", DIGITS, train, validation, [], "By the writers.")


@dataclass
class Surface:
    """A training whose AP is known: highest at alpha .4, gamma 1, beta .5, weight 2, the farther off the lower.

    Attributes:
        slope: How fast it falls; 0: everything is equal.
        noise: How far chance moves it, by standard deviations; the same training has the same luck.
        luck: Which luck.
        hopeless: Settings for which training raises.
        on_validation: What is added to the AP on the validation images, by the number of the candidate.
        calls: What was trained.
    """

    slope: float = 0.03
    noise: float = 0.0
    luck: int = 0
    hopeless: Callable[[TuningTrial], bool] = lambda trial: False
    on_validation: Callable[[int], float] = lambda candidate: 0.0
    calls: list[TuningTrial] = field(default_factory=list)

    def __call__(
        self, trial: TuningTrial, dataset: Dataset, *, device: Device, on_progress: Callable[[int], None] | None = None
    ) -> Outcome:
        self.calls.append(trial)
        if self.hopeless(trial):
            raise FloatingPointError("the gradient is gone")
        if on_progress is not None:
            on_progress(trial.steps)
        ap = self.height(dict(trial.settings)) + self.noise * Random(f"{self.luck} {trial}").gauss(0, 1)
        ap += self.on_validation(trial.candidate) if trial.fold is None else EASE_OF_FOLDS[trial.fold % 3]
        nan = float("nan")
        evaluation = Evaluation(ap, ap + 0.2, ap - 0.1, nan, nan, ap, MatchedDetections.none(), np.zeros(0, np.uint16))
        return Outcome(trial, ap, 2.0, evaluation)

    def height(self, settings: dict[str, float]) -> float:
        """The AP without chance and folds."""
        off = {
            "alpha": lambda alpha: log(alpha / (1 - alpha)) - log(0.4 / 0.6),
            "gamma": lambda gamma: gamma - 1,
            "beta": lambda beta: log(beta / 0.5),
            "weight": lambda weight: log(weight / 2),
        }
        return 0.5 - self.slope * sum(off[name](value) ** 2 for name, value in settings.items())


def tuned(surface: Callable[..., Outcome], **settings: object) -> Tuned:
    """Tune alpha and gamma on a surface, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_validation, "Workers", Inline)
        return tune(
            small_dataset, run_trial=surface, **{"over": ["alpha", "gamma"], "trials": 16, "steps": 5} | settings
        )
