"""What a comparison trains: a short search for each pair's weight, then every pair on every seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from detloss.experiments.training.trial import Trial

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # the weights of a search, as multiples of the listed weight
SEARCH_SHARE = 4  # a trial of the search has this part of the steps


class Pair(NamedTuple):
    """A box and a class loss by their names in the catalog; of a user's own detector, one loss of any kind."""

    box: str
    cls: str = ""

    def __str__(self) -> str:
        return " + ".join(filter(None, self))


def pair_of(trial: Trial) -> Pair:
    """Which losses a trial trains with."""
    return Pair(trial.box, trial.cls)


def grid(listed: float) -> tuple[float, ...]:
    """The weights that a search tries around a listed one."""
    return tuple(listed * factor for factor in FACTORS)


@dataclass(frozen=True)
class Plan:
    """Which trials a comparison is made of.

    Phase 1 finds the weight of every pair that has several to try, on the first seed. Phase 2 trains every pair on
    every seed at its weight.

    Attributes:
        weights: The weights of each pair; one alone is fixed.
        seeds: Of phase 2.
        steps: Of a trial of phase 2.
        detector: What is trained.
        precision: Of its training, float32 or bfloat16.
    """

    weights: Mapping[Pair, tuple[float, ...]]
    seeds: Sequence[int]
    steps: int
    detector: str = "unitbox"
    precision: str = "float32"

    def search(self) -> list[Trial]:
        """List the trials of phase 1: every weight of every pair that has several."""
        steps = -(-self.steps // SEARCH_SHARE)
        return [
            self.trial(pair, weight, self.seeds[0], steps, phase=1)
            for pair, weights in self.weights.items()
            if len(weights) > 1
            for weight in weights
        ]

    def chosen(self, scores: Mapping[Trial, float]) -> dict[Pair, float]:
        """Find the weight of every pair: the one that is given, or the best of what the search has finished.

        A pair of which no trial has finished is left out; of equal scores the first weight wins.

        Args:
            scores: The AP of finished trials, of either phase.
        """
        found: dict[Pair, dict[float, float]] = {}
        for trial in self.search():
            if trial in scores:
                found.setdefault(pair_of(trial), {})[trial.weight] = scores[trial]
        chosen = {}
        for pair, weights in self.weights.items():
            tried = dict.fromkeys(weights, 0.0) if len(weights) == 1 else found.get(pair, {})
            if tried:
                chosen[pair] = max(tried, key=tried.__getitem__)
        return chosen

    def comparison(self, chosen: Mapping[Pair, float]) -> list[Trial]:
        """List the trials of phase 2 at these weights.

        The seeds turn slowest, so that a run that is interrupted has compared all pairs on the seeds it reached.
        """
        return [
            self.trial(pair, weight, seed, self.steps, phase=2)
            for seed in self.seeds
            for pair, weight in chosen.items()
        ]

    def trial(self, pair: Pair, weight: float, seed: int, steps: int, *, phase: int) -> Trial:
        """Make one trial of a pair."""
        return Trial(
            pair.box, pair.cls, weight, seed, steps, phase=phase, detector=self.detector, precision=self.precision
        )

    def samples(self) -> list[Trial]:
        """List one trial of every pair."""
        first = {pair: weights[0] for pair, weights in self.weights.items()}
        return self.comparison(first)[: len(first)]

    def all_trials(self) -> int:
        """Count the trials of both phases."""
        return len(self.search()) + len(self.seeds) * len(self.weights)

    def all_steps(self) -> int:
        """Count the steps of both phases."""
        return sum(trial.steps for trial in self.search()) + len(self.seeds) * len(self.weights) * self.steps

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Plan":
        """Read what `settings` wrote; other entries are ignored."""
        weights = {Pair(*pair.split(" + ")): tuple(of_pair) for pair, of_pair in settings["weights"].items()}
        return cls(weights, settings["seeds"], settings["steps"], settings["detector"], settings["precision"])

    def settings(self) -> dict[str, Any]:
        """What decides the trials, as JSON knows it."""
        return {
            "detector": self.detector,
            "precision": self.precision,
            "weights": {str(pair): list(weights) for pair, weights in self.weights.items()},
            "seeds": list(self.seeds),
            "steps": self.steps,
        }
