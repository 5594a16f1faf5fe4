"""Plan of a comparison: its settings, and its trials in two phases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from detloss.experiments.data.dataset import Dataset, load, no_images
from detloss.experiments.training.outcome import Phase, Trial

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # weights of a search, relative to the listed weight
SEARCH_FRACTION = 4  # a trial of the search has a quarter of the steps
MATTERS = 0.01  # difference of scores below which two pairs are equal in practice, by default


class Pair(NamedTuple):
    """Names of a box loss and a class loss; with a custom detector, the name of a single loss."""

    box: str
    cls: str = ""

    def __str__(self) -> str:
        return " + ".join(filter(None, self))


def pair_of(trial: Trial) -> Pair:
    """The losses of a trial."""
    return Pair(trial.box, trial.cls)


def default_seeds(pairs: int) -> int:
    """Number of seeds if none is given: two pairs have few degrees of freedom."""
    return 5 if pairs == 2 else 3


def weight_grid(listed: float) -> tuple[float, ...]:
    """The weights of a search around a listed weight."""
    return tuple(listed * factor for factor in FACTORS)


@dataclass(frozen=True)
class Plan:
    """The trials of a comparison.

    The search selects the weight of every pair with several candidates, on the first seed. The comparison trains every
    pair on every seed at its weight.

    Attributes:
        weights: Candidate weights of each pair; a single one is fixed.
        seeds: Seeds of the comparison.
        steps: Steps per trial of the comparison.
        detector: Name of the detector.
        precision: Training precision, float32 or bfloat16.
    """

    weights: Mapping[Pair, tuple[float, ...]]
    seeds: Sequence[int]
    steps: int
    detector: str = "unitbox"
    precision: str = "float32"

    def search_trials(self) -> list[Trial]:
        """List the trials of the search: every weight of every pair with several candidates."""
        steps = -(-self.steps // SEARCH_FRACTION)
        return [
            self.trial(pair, weight, self.seeds[0], steps, Phase.SEARCH)
            for pair, weights in self.weights.items()
            if len(weights) > 1
            for weight in weights
        ]

    def best_weights(self, scores: Mapping[Trial, float]) -> dict[Pair, float]:
        """Select the weight of every pair: the fixed one, or that of its best finished trial of the search.

        A pair without a finished trial is absent. Among equal scores, the first weight is selected.

        Args:
            scores: Scores of finished trials of either phase.
        """
        searched: dict[Pair, dict[float, float]] = {}
        for trial in self.search_trials():
            if trial in scores:
                searched.setdefault(pair_of(trial), {})[trial.weight] = scores[trial]
        best = {}
        for pair, weights in self.weights.items():
            candidates = dict.fromkeys(weights, 0.0) if len(weights) == 1 else searched.get(pair, {})
            if candidates:
                best[pair] = max(candidates, key=candidates.__getitem__)
        return best

    def comparison_trials(self, weights: Mapping[Pair, float]) -> list[Trial]:
        """List the trials of the comparison at these weights.

        All pairs of a seed come before the next seed, so that an interrupted run has compared all pairs on some seeds.
        """
        return [
            self.trial(pair, weight, seed, self.steps, Phase.COMPARE)
            for seed in self.seeds
            for pair, weight in weights.items()
        ]

    def trial(self, pair: Pair, weight: float, seed: int, steps: int, phase: Phase) -> Trial:
        """Make one trial of a pair."""
        return Trial(pair.box, pair.cls, weight, seed, steps, phase, self.detector, self.precision)

    def sample_trials(self) -> list[Trial]:
        """List one trial of every pair."""
        first = {pair: weights[0] for pair, weights in self.weights.items()}
        return self.comparison_trials(first)[: len(first)]

    @property
    def trial_count(self) -> int:
        """Number of trials in both phases."""
        return len(self.search_trials()) + len(self.seeds) * len(self.weights)

    @property
    def step_count(self) -> int:
        """Number of training steps in both phases."""
        comparison = len(self.seeds) * len(self.weights) * self.steps
        return sum(trial.steps for trial in self.search_trials()) + comparison

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read the output of `to_json`; other entries are ignored."""
        weights = {Pair(*pair.split(" + ")): tuple(of_pair) for pair, of_pair in record["weights"].items()}
        return cls(weights, record["seeds"], record["steps"], record["detector"], record["precision"])

    def to_json(self) -> dict[str, Any]:
        """Convert everything that determines the trials to JSON."""
        return {
            "detector": self.detector,
            "precision": self.precision,
            "weights": {str(pair): list(weights) for pair, weights in self.weights.items()},
            "seeds": list(self.seeds),
            "steps": self.steps,
        }


@dataclass(frozen=True)
class ComparisonSettings:
    """Settings of a comparison beyond its plan, which its folder keeps for the report.

    Attributes:
        command: The command line, without the password of a database.
        data: Absolute path of the data set; None: digit scenes.
        size: Longer side of the images in pixels; None: the default.
        scenes: Style of the digit scenes; None: the default.
        baseline: The pair that the others are compared with.
        quick: Whether it is a quick look.
        options: Options of the command by name.
        matters: Difference of AP below which two pairs are equal in practice.
        trainer: What trains the detector, in words: the command or function of the user; None: detloss.
        group: Pattern of the images that stay together; None: every image is alone.
        augment: Whether training images are augmented.
    """

    command: str
    data: str | None
    size: int | None
    scenes: str | None
    baseline: Pair
    quick: bool
    options: Mapping[str, str | int | float]
    matters: float = MATTERS
    trainer: str | None = None
    group: str | None = None
    augment: bool = False

    def load_data(self, cache: Path | None, announce: Callable[[str], None]) -> Dataset:
        """Load the data set, empty if the user's trainer does without; the arguments are those of `load`."""
        if self.trainer is not None and self.data is None:
            return no_images()
        return load(
            None if self.data is None else Path(self.data),
            size=self.size,
            scenes=self.scenes,
            group=self.group,
            augment=self.augment,
            cache=cache,
            announce=announce,
        )

    def with_data(self, data: Path) -> Self:
        """The same settings for a data set that has been moved."""
        return replace(self, data=str(data.resolve()))

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read the output of `to_json`."""
        return cls(**{**record, "baseline": Pair(*record["baseline"])})
