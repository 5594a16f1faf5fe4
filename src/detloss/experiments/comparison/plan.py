"""Plan of a comparison: its settings, and its trials in two phases."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from detloss.experiments.comparison.weight_fit import EXTENSIONS, WeightFit
from detloss.experiments.data.dataset import Dataset, load, no_images
from detloss.experiments.training.outcome import Phase, Trial

FACTORS = (0.5, 1.0, 2.0, 4.0, 8.0)  # weights of a search, relative to the starting weight
SEARCH_FRACTION = 8  # a trial of the search has an eighth of the steps
SEARCH_SEEDS = (1_000_000, 1_000_001)  # no seeds of a comparison, however many it gets
ROUNDS = (3, 5, 8, 12, 20)  # numbers of seeds at the end of each round of a comparison that adds seeds
MATTERS = 0.01  # difference of scores below which two pairs are equal in practice, by default

Ended = Mapping[Trial, float | None]
"""Scores of the trials that have ended; None if a trial failed."""


class Pair(NamedTuple):
    """Names of a box loss and a class loss; with a custom detector, the name of a single loss."""

    box: str
    cls: str = ""

    def __str__(self) -> str:
        return " + ".join(filter(None, self))


def pair_of(trial: Trial) -> Pair:
    """The losses of a trial."""
    return Pair(trial.box, trial.cls)


def default_seeds(pairs: int, *, auto: bool = False) -> int:
    """Number of seeds if none is given, or of the first round: two pairs have few degrees of freedom."""
    return ROUNDS[0] if auto else 5 if pairs == 2 else 3


def weight_grid(start: float) -> tuple[float, ...]:
    """The weights of a search around a starting weight."""
    return tuple(start * factor for factor in FACTORS)


@dataclass(frozen=True)
class Plan:
    """The trials of a comparison.

    The search selects the weight of every pair with several candidates, on seeds and images of its own. The comparison
    trains every pair on every seed at its weight.
    """

    weights: Mapping[Pair, tuple[float, ...]]  # candidate weights of each pair; a single one is fixed
    seeds: Sequence[int]
    steps: int  # steps per trial of the comparison
    detector: str = "unitbox"  # name of the detector
    precision: str = "float32"  # training precision, float32 or bfloat16
    measured: bool = False  # whether the candidates of a search depend on measured gradients, which rounding changes
    auto: bool = False  # whether rounds of more seeds follow
    # pairs that an earlier round has excluded from the best, with their final number of seeds
    dropped: Mapping[Pair, int] = field(default_factory=dict)

    @property
    def searched(self) -> list[Pair]:
        """The pairs whose weight is searched."""
        return [pair for pair, weights in self.weights.items() if len(weights) > 1]

    def search_trials(self, ended: Ended) -> list[Trial]:
        """List the trials of the search: every weight of every pair with several candidates.

        When the trials of a pair have ended and its best weight seems to lie beyond them, another weight follows.
        """
        return [trial for pair in self.searched for trial in self.search_of(pair, ended)]

    @property
    def grids(self) -> dict[str, tuple[float, ...]]:
        """The candidates of the searched pairs by name, if they are measured."""
        return {str(pair): self.weights[pair] for pair in self.searched} if self.measured else {}

    def with_grids(self, grids: Mapping[str, Sequence[float]]) -> Self:
        """The same plan with other candidates of some pairs whose candidates are measured."""
        of_pairs = {pair: grids[str(pair)] for pair in self.searched if self.measured and str(pair) in grids}
        return replace(self, weights={**self.weights, **{pair: tuple(grid) for pair, grid in of_pairs.items()}})

    def search_of(self, pair: Pair, ended: Ended) -> list[Trial]:
        """List the trials of the search of one pair."""
        trials = [trial for weight in self.weights[pair] for trial in self.trials_at(pair, weight)]
        while all(trial in ended for trial in trials):
            weight = fit_of(trials, ended).extension(self.weights[pair])
            if weight is None:
                break
            trials += self.trials_at(pair, weight)
        return trials

    def trials_at(self, pair: Pair, weight: float) -> Iterator[Trial]:
        """The trials of the search at one weight."""
        steps = -(-self.steps // SEARCH_FRACTION)
        return (self.trial(pair, weight, seed, steps, Phase.SEARCH) for seed in SEARCH_SEEDS)

    def fits(self, ended: Ended) -> dict[Pair, WeightFit]:
        """The scores over the weights of every pair whose search has ended, unless all its trials failed."""
        searches = {pair: self.search_of(pair, ended) for pair in self.searched}
        return {
            pair: fit
            for pair, trials in searches.items()
            if all(trial in ended for trial in trials) and (fit := fit_of(trials, ended)).scores
        }

    def best_weights(self, ended: Ended) -> dict[Pair, float]:
        """The weight of every pair that has one: the fixed one, or that of the search."""
        searched = {pair: fit.weight for pair, fit in self.fits(ended).items()}
        fixed = {pair: weights[0] for pair, weights in self.weights.items() if len(weights) == 1}
        return {pair: (fixed | searched)[pair] for pair in self.weights if pair in fixed or pair in searched}

    def trials(self, ended: Ended) -> list[Trial]:
        """List the trials that are known to be needed."""
        return self.search_trials(ended) + self.comparison_trials(self.best_weights(ended))

    def comparison_trials(self, weights: Mapping[Pair, float]) -> list[Trial]:
        """List the trials of the comparison at these weights.

        All pairs of a seed come before the next seed, so that an interrupted run has compared all pairs on some seeds.
        """
        return [
            self.trial(pair, weight, seed, self.steps, Phase.COMPARE)
            for seed in self.seeds
            for pair, weight in weights.items()
            if seed in self.seeds_of(pair)
        ]

    def seeds_of(self, pair: Pair) -> Sequence[int]:
        """The seeds of a pair in the comparison."""
        return self.seeds[: self.dropped.get(pair)]

    @property
    def comparison_count(self) -> int:
        """Number of trials of the comparison."""
        return sum(len(self.seeds_of(pair)) for pair in self.weights)

    def trial(self, pair: Pair, weight: float, seed: int, steps: int, phase: Phase) -> Trial:
        """Make one trial of a pair."""
        return Trial(pair.box, pair.cls, weight, seed, steps, phase, self.detector, self.precision)

    def sample_trials(self) -> list[Trial]:
        """List one trial of every pair."""
        first = {pair: weights[0] for pair, weights in self.weights.items()}
        return self.comparison_trials(first)[: len(first)]

    def due(self, ended: Ended, known: Container[Trial]) -> list[Trial]:
        """List the trials that can start, or have started: the comparison follows when the whole search has ended.

        Failed trials of a search are not repeated once its pair is compared, because its weight would change. `known`
        are all trials that have been started, or wait.
        """
        search, comparison = self.search_trials(ended), self.comparison_trials(self.best_weights(ended))
        compared = {pair_of(trial) for trial in comparison if trial in known}
        due = [trial for trial in search if pair_of(trial) not in compared]
        return due + comparison if all(trial in ended for trial in search) else due

    def step_count(self, ended: Ended) -> int:
        """Number of training steps in both phases."""
        return sum(trial.steps for trial in self.search_trials(ended)) + self.comparison_count * self.steps

    def trial_count(self, ended: Ended) -> int:
        """Number of trials in both phases."""
        return len(self.search_trials(ended)) + self.comparison_count

    @property
    def weight_range(self) -> list[float]:
        """The lowest and the highest weight that a trial can have."""
        candidates = [weight for of_pair in self.weights.values() for weight in of_pair]
        return [min(candidates) / 2**EXTENSIONS, max(candidates) * 2**EXTENSIONS]

    @property
    def detector_settings(self) -> dict[str, str]:
        """The settings that all trials of a study share."""
        return {"detector": self.detector, "precision": self.precision}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read the output of `to_json` and the detector settings; other entries are ignored."""
        weights = {Pair(*pair.split(" + ")): tuple(of_pair) for pair, of_pair in record["weights"].items()}
        seeds, steps, auto = record["seeds"], record["steps"], record.get("auto", False)
        return cls(weights, seeds, steps, record["detector"], record["precision"], auto=auto)

    def to_json(self) -> dict[str, Any]:
        """Convert what determines the trials, beside the detector settings, to JSON."""
        return {
            "weights": {str(pair): list(weights) for pair, weights in self.weights.items()},
            "seeds": list(self.seeds),
            "steps": self.steps,
            "auto": self.auto,
        }


def fit_of(trials: Sequence[Trial], ended: Ended) -> WeightFit:
    """The scores over the weights of trials of one pair."""
    return cached_fit(tuple((trial.weight, trial.seed, ended[trial]) for trial in trials if trial in ended))


@lru_cache(1000)  # of the pairs of a comparison, for whoever looks at the trials again
def cached_fit(trials: tuple[tuple[float, int, float | None], ...]) -> WeightFit:
    """The fit to weights, seeds and scores."""
    scores = {(weight, seed): score for weight, seed, score in trials if score is not None}
    return WeightFit(scores, failed=[weight for weight, _, score in trials if score is None])


@dataclass(frozen=True)
class ComparisonSettings:
    """Settings of a comparison beyond its plan, which its folder keeps for the report."""

    command: str  # the command line, without the password of a database
    data: str | None  # absolute path of the data set; None: digit scenes
    size: int | None  # longer side of the images in pixels; None: the default
    scenes: str | None  # style of the digit scenes; None: the default
    baseline: Pair  # the pair that the others are compared with
    quick: bool
    options: Mapping[str, str | int | float]  # options of the command by name
    matters: float = MATTERS  # difference of AP below which two pairs are equal in practice
    trainer: str | None = None  # what trains the detector, in words: the command or function of the user; None: detloss
    group: str | None = None  # pattern of the images that stay together; None: every image is alone
    augment: bool = False  # whether training images are augmented

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

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read the output of `to_json`."""
        return cls(**{**record, "baseline": Pair(*record["baseline"])})
