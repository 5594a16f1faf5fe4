"""Ranking of the pairs of losses: mean scores, differences from the baseline, and the pairs that may be the best."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import compress
from math import inf, isfinite
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detloss.experiments.comparison.plan import MATTERS, Pair, pair_of
from detloss.experiments.comparison.statistics import CONFIDENCE, Difference, Estimate, Verdict, finite
from detloss.experiments.comparison.weight_fit import WeightFit
from detloss.experiments.training.evaluation import Evaluation
from detloss.experiments.training.outcome import Outcome, Phase
from detloss.experiments.training.workers import Failed

UNWRAPPED = 1000  # columns of a console in which no table is wrapped


@dataclass(frozen=True)
class Summary:
    """Mean and range of a number over the seeds."""

    mean: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Summarize the values of the seeds."""
        return cls(fmean(values), min(values), max(values))

    def __format__(self, spec: str) -> str:
        """The mean and, if there is one, the range; `spec` formats each number."""
        mean, lowest, highest = (format(value, spec) for value in (self.mean, self.lowest, self.highest))
        return f"{mean} ({lowest}–{highest})" if lowest != highest else mean

    @property
    def width(self) -> float:
        """Width of the range."""
        return self.highest - self.lowest


@dataclass(frozen=True)
class Standing:
    """The finished trials of a pair of losses in the comparison."""

    pair: Pair
    weight: float  # weight of the box loss
    outcomes: Sequence[Outcome]  # one per seed, in ascending order
    # from the mean score of the baseline; None for the baseline, and if that has no score
    difference: Difference | None = None
    verdict: Verdict | None = None  # result of the comparison with the baseline; None if there is no difference
    regret: float = inf  # upper bound of the score that is lost by choosing this pair instead of the best one
    failed: Sequence[int] = ()  # seeds that ended without a result
    diverged: Sequence[int] = ()  # those of the failed seeds on which the loss or its gradient was not finite

    @property
    def name(self) -> str:
        """Names of both losses."""
        return str(self.pair)

    @property
    def scores(self) -> dict[int, float]:
        """Scores by seed."""
        return {outcome.trial.seed: outcome.score for outcome in self.outcomes}

    @property
    def score(self) -> Summary:
        """Mean and range of the score; except with a custom detector, it is COCO's AP."""
        return Summary.of(list(self.scores.values()))

    @property
    def mean(self) -> float:
        """Mean of the score."""
        return self.score.mean

    @property
    def always_diverged(self) -> bool:
        """Whether every seed so far has diverged."""
        return not self.outcomes and bool(self.diverged) and self.diverged == self.failed

    @property
    def seconds(self) -> Summary:
        """Mean and range of the duration of a trial."""
        return Summary.of([outcome.seconds for outcome in self.outcomes])

    @property
    def evaluations(self) -> list[Evaluation]:
        """The evaluations of the outcomes; empty with a custom detector."""
        return [outcome.evaluation for outcome in self.outcomes if outcome.evaluation is not None]

    def summary(self, number: str) -> Summary:
        """Mean and range of one number of the evaluations."""
        return Summary.of([getattr(evaluation, number) for evaluation in self.evaluations])

    def to_json(self) -> dict[str, Any]:
        """Convert to an entry of standings.json."""
        difference = self.difference
        return {
            "name": self.name,
            "box": self.pair.box,
            "cls": self.pair.cls,
            "weight": self.weight,
            "mean": self.mean if self.outcomes else None,
            "seeds": len(self.outcomes),
            "difference": difference and difference.mean,
            "low": difference and finite(difference.low),
            "high": difference and finite(difference.high),
            "verdict": self.verdict,
            "regret": finite(self.regret),
        }


@dataclass(frozen=True)
class MainEffect:
    """Difference of a loss from that of the baseline, averaged over the losses of the other kind."""

    loss: str
    baseline: str
    averaged: str
    difference: Difference


@dataclass(frozen=True)
class Ranking:
    """The pairs of a comparison, the highest mean score first; ``print`` shows them as a table."""

    standings: Sequence[Standing]  # one per pair with a finished trial
    baseline: Pair  # the pair that the others are compared with
    best: Sequence[Standing] = ()  # the pairs that may be the best, by ascending regret, those with a failed seed last
    unscored: Sequence[Standing] = ()  # the pairs that have failed on every seed so far
    main_effects: Sequence[MainEffect] = ()  # differences of box losses and of class losses, if they are crossed
    matters: float = MATTERS  # difference of scores below which two pairs are equal in practice
    # joint estimate of the mean scores, in the order of the standings
    estimate: Estimate | None = field(default=None, compare=False, repr=False)
    failures: Sequence[Failed] = ()  # the trials that ended without a result, of either phase

    @property
    def measure(self) -> str:
        """Name of the score: AP, unless the training of the user returned it."""
        return "AP" if all(standing.evaluations for standing in self.standings) else "score"

    @property
    def unit(self) -> str:
        """The name after a number; a score has none."""
        return " AP" * (self.measure == "AP")

    @property
    def equal(self) -> bool:
        """Whether the choice among the pairs that may be the best costs less than what matters."""
        return all(standing.regret <= self.matters and not standing.failed for standing in self.best)

    @cached_property
    def contrasts(self) -> np.ndarray:
        """The differences from the baseline, or from the first pair, as contrasts of the estimate."""
        assert self.estimate is not None
        pairs = [standing.pair for standing in self.standings]
        return self.estimate.from_baseline(pairs.index(self.baseline) if self.baseline in pairs else 0)

    @cached_property
    def parts(self) -> tuple[float, float]:
        """Half-widths of the widest interval if only the seeds vary, and if only the images vary."""
        return self.estimate.parts(self.contrasts) if self.estimate and len(self.contrasts) else (inf, inf)

    @cached_property
    def detectable(self) -> float:
        """The smallest difference from the baseline that is detected with a probability of 80 %."""
        return self.estimate.detectable(self.contrasts) if self.estimate and len(self.contrasts) else inf

    def seed_differences(self, standing: Standing) -> dict[int, float]:
        """Differences of the scores from those of the baseline, by seed."""
        scores = next((one.scores for one in self.standings if one.pair == self.baseline), {})
        return {seed: score - scores[seed] for seed, score in standing.scores.items() if seed in scores}

    def to_json(self) -> dict[str, Any]:
        """Convert to the content of standings.json; an infinite or unknown number is null."""
        seeds, images = self.parts
        return {
            "best": [standing.name for standing in self.best],
            "pairs": [standing.to_json() for standing in (*self.standings, *self.unscored)],
            "parts": {"seeds": finite(seeds), "images": finite(images) or None},
            "detectable": finite(self.detectable),
        }

    def __getitem__(self, name: str) -> Standing:
        """The standing of a pair by its name."""
        return {standing.name: standing for standing in self.standings}[name]

    def table(self, score: str, *, digits: int, ranges: bool = False) -> Table:
        """Make a table with the mean score, on request its range, the difference, regret and verdict of each pair."""
        rows = [("loss", "weight", score, "difference", "regret", "verdict")]
        for standing in self.standings:
            rows.append(
                (
                    standing.name,
                    f"{standing.weight:g}",
                    f"{standing.score if ranges else standing.mean:.{digits}f}",
                    f"{standing.difference:.{digits}f}" if standing.difference else "",
                    f"{standing.regret:.{digits}f}" if isfinite(standing.regret) else "",
                    "baseline" if standing.pair == self.baseline else standing.verdict or "",
                )
            )
        table = Table(box=None, pad_edge=False)
        for header, *cells in zip(*rows):
            words = " ".join([header, *cells]).split()
            table.add_column(header, min_width=max(map(len, words)))  # a narrow terminal wraps between words only
        for row in rows[1:]:
            table.add_row(*map(Text, row))
        return table

    def __str__(self) -> str:
        console = Console(width=UNWRAPPED)
        with console.capture() as capture:
            console.print(self.table("mean", digits=4))
        failed = [f"{pair_of(one.trial)}, seed {one.trial.seed} failed: {one.reason}" for one in self.failures]
        return "\n".join([*(line.rstrip() for line in capture.get().splitlines()), *failed])


def rank(
    outcomes: Iterable[Outcome],
    baseline: Pair,
    bootstrap: Callable[[Outcome], np.ndarray] | None = None,
    failures: Iterable[Failed] = (),
    *,
    matters: float = MATTERS,
    fits: Mapping[Pair, WeightFit] = {},
    confidence: float = CONFIDENCE,
    dropped: Container[Pair] = (),
) -> Ranking:
    """Group the outcomes of the comparison by pair, compare the pairs, and sort them by mean score.

    Args:
        outcomes: Outcomes of either phase; those of the search are ignored.
        baseline: The pair that the others are compared with.
        bootstrap: Computes the scores of an outcome on bootstrap samples of the images, the same samples for all. None:
            the intervals account for the seeds only.
        failures: Trials that ended without a result.
        matters: Difference of scores below which two pairs are equal in practice.
        fits: Searches for the weights of pairs, whose uncertainty widens the intervals.
        confidence: Probability that all intervals hold together.
        dropped: Pairs that an earlier round has excluded from the best; they exclude no other pair.
    """
    failures = list(failures)
    standings = standings_of(outcomes, failures)
    scored = sorted(
        (one for one in standings if one.outcomes), key=lambda one: (-one.mean, one.pair != baseline, one.pair)
    )
    unscored = [one for one in standings if not one.outcomes]
    reference = next((standing for standing in standings if standing.pair == baseline), None)

    def compared(standing: Standing, difference: Difference | None = None, regret: float = inf) -> Standing:
        other = None if reference is None or reference.pair == standing.pair else reference
        verdict = verdict_of(standing, other, difference, matters) if other else None
        return replace(standing, difference=difference, verdict=verdict, regret=regret)

    unscored = [compared(standing) for standing in unscored]
    if not scored:
        return Ranking((), baseline, unscored=unscored, matters=matters, failures=failures)
    pairs = [standing.pair for standing in scored]
    by_weights = [fits[pair].uncertainty if pair in fits else 0.0 for pair in pairs]
    estimate = replace(estimate_of(scored, bootstrap).with_uncertain_weights(by_weights), confidence=confidence)
    differences = estimate.differences_from(pairs, baseline) if baseline in pairs else {}
    best, regrets = estimate.best(
        np.array([not standing.diverged for standing in scored]),
        np.array([not standing.failed and standing.pair not in dropped for standing in scored]),
    )
    best &= [standing.pair not in dropped for standing in scored]
    ranked = [compared(one, differences.get(one.pair), regret) for one, regret in zip(scored, regrets.tolist())]
    return Ranking(
        standings=ranked,
        baseline=baseline,
        best=sorted(compress(ranked, best), key=lambda one: (bool(one.failed), one.regret)),
        unscored=unscored,
        main_effects=[] if any(one.failed for one in standings) else main_effects(pairs, baseline, estimate),
        matters=matters,
        estimate=estimate,
        failures=failures,
    )


def standings_of(outcomes: Iterable[Outcome], failures: Iterable[Failed]) -> list[Standing]:
    """Group the trials of the comparison by pair, in ascending order of their seeds."""
    of_pairs: dict[Pair, list[Outcome | Failed]] = {}
    trials: list[Outcome | Failed] = [*outcomes, *failures]
    for one in sorted(trials, key=lambda one: one.trial.seed):
        if one.trial.phase is Phase.COMPARE:
            of_pairs.setdefault(pair_of(one.trial), []).append(one)
    return [
        Standing(
            pair,
            ended[0].trial.weight,
            [one for one in ended if isinstance(one, Outcome)],
            failed=[one.trial.seed for one in ended if isinstance(one, Failed)],
            diverged=[one.trial.seed for one in ended if isinstance(one, Failed) and one.diverged],
        )
        for pair, ended in of_pairs.items()
    ]


def estimate_of(standings: Sequence[Standing], bootstrap: Callable[[Outcome], np.ndarray] | None) -> Estimate:
    """Estimate the mean scores of all pairs together."""
    outcomes = [{outcome.trial.seed: outcome for outcome in standing.outcomes} for standing in standings]
    scores = [standing.scores for standing in standings]
    evaluated = all(one.evaluation or one.image_scores for of_pair in outcomes for one in of_pair.values())
    if bootstrap is None or not evaluated:
        return Estimate.of_seeds(scores)
    return Estimate.of_seeds(
        scores, [{seed: bootstrap(outcome) for seed, outcome in of_pair.items()} for of_pair in outcomes]
    )


def verdict_of(standing: Standing, baseline: Standing, difference: Difference | None, matters: float) -> Verdict:
    """The verdict, unless it favors a pair with a failed seed: that seed counts against its pair or is unknown."""
    verdict = Verdict.NOT_DISTINGUISHABLE
    if difference is not None:
        verdict = difference.verdict(matters)
    elif standing.always_diverged or baseline.always_diverged:
        verdict = Verdict.WORSE if standing.always_diverged else Verdict.BETTER
    favored = {
        Verdict.BETTER: [standing],
        Verdict.WORSE: [baseline],
        Verdict.EQUAL: [standing, baseline],
        Verdict.NOT_DISTINGUISHABLE: [],
    }
    return Verdict.NOT_DISTINGUISHABLE if any(one.failed for one in favored[verdict]) else verdict


def main_effects(pairs: Sequence[Pair], baseline: Pair, estimate: Estimate) -> list[MainEffect]:
    """Compare box losses over all class losses and class losses over all box losses, if all are crossed."""
    boxes, classes = ({pair[kind] for pair in pairs} for kind in (0, 1))
    if min(len(boxes), len(classes)) < 2 or len(pairs) < len(boxes) * len(classes) or baseline not in pairs:
        return []
    names, contrasts = [], []
    for kind, averaged in enumerate(("class losses", "box losses")):
        members = {pair[kind]: np.array([one[kind] == pair[kind] for one in pairs], float) for pair in pairs}
        reference = baseline[kind]
        for loss in members:
            if loss == reference:
                continue
            names.append((loss, reference, averaged))
            contrasts.append((members[loss] - members[reference]) / members[reference].sum())
    found = estimate.differences(np.stack(contrasts))
    effects = [MainEffect(*of_loss, difference) for of_loss, difference in zip(names, found)]
    return sorted(effects, key=lambda effect: (effect.averaged == "box losses", -effect.difference.mean))
