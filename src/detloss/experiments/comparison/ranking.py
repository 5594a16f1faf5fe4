"""Ranking of the pairs of losses: means and ranges over the seeds, and differences from the baseline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detloss.experiments.comparison.plan import Pair, pair_of
from detloss.experiments.comparison.statistics import (
    Difference,
    Verdict,
    difference,
    draws_of_images,
)
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.average_precision import average_precisions
from detloss.experiments.training.evaluation import Evaluation
from detloss.experiments.training.outcome import Outcome, Phase, Trial
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
    """The finished trials of a pair of losses in the comparison.

    Attributes:
        pair: The losses.
        weight: Weight of the box loss.
        outcomes: One per seed, in ascending order.
        difference: From the score of the baseline; None for the baseline, and if no seed is finished for both.
        verdict: Result of the comparison with the baseline; None if there is no difference.
        failed: Seeds that ended without a result.
    """

    pair: Pair
    weight: float
    outcomes: Sequence[Outcome]
    difference: Difference | None
    verdict: Verdict | None = None
    failed: Sequence[int] = ()

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


@dataclass(frozen=True)
class Ranking:
    """The pairs of a comparison, the highest mean score first; ``print`` shows them as a table.

    Attributes:
        standings: One per pair with a finished trial.
        baseline: The pair that the others are compared with.
        failures: The trials that ended without a result, of either phase.
    """

    standings: Sequence[Standing]
    baseline: Pair
    failures: Sequence[Failed] = ()

    def __getitem__(self, name: str) -> Standing:
        """The standing of a pair by its name."""
        return {standing.name: standing for standing in self.standings}[name]

    def table(self, score: str, *, digits: int, ranges: bool = False) -> Table:
        """Make a table with the mean score, on request with its range, the difference and the verdict of each pair."""
        rows = [("loss", "weight", score, "difference", "verdict")]
        for standing in self.standings:
            rows.append(
                (
                    standing.name,
                    f"{standing.weight:g}",
                    f"{standing.score if ranges else standing.mean:.{digits}f}",
                    f"{standing.difference:.{digits}f}" if standing.difference else "",
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


class Bootstrap:
    """The scores of trials on the same bootstrap samples of the validation images, computed once per trial."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.images = dataset, len(dataset.validation)
        self.known: dict[Trial, np.ndarray] = {}

    def __call__(self, outcome: Outcome) -> np.ndarray | None:
        """The score of a trial on every sample; None if the training of the user returned one number."""
        if outcome.trial not in self.known:
            if outcome.evaluation is not None:
                draws = draws_of_images(len(self.dataset.validation))
                drawn = average_precisions(outcome.evaluation.matches, self.objects, draws)
            elif outcome.image_scores:
                drawn = self.drawn_means(outcome.image_scores)
            else:
                return None
            self.known[outcome.trial] = drawn
        return self.known[outcome.trial]

    def drawn_means(self, scores: Sequence[float]) -> np.ndarray:
        """The mean score of the images on every sample."""
        self.images = self.images or len(scores)
        if len(scores) != self.images:
            raise ValueError(f"train: expected the scores of {self.images} images, as before, got {len(scores)}")
        means: np.ndarray = draws_of_images(self.images) @ scores / self.images
        return means

    @cached_property
    def objects(self) -> np.ndarray:
        """Number of objects by image and class."""
        classes = len(self.dataset.class_names)
        return np.stack([np.bincount(sample.labels, minlength=classes) for sample in self.dataset.validation])


def rank(
    outcomes: Iterable[Outcome],
    baseline: Pair,
    bootstrap: Bootstrap | None = None,
    failures: Iterable[Failed] = (),
) -> Ranking:
    """Group the outcomes of the comparison by pair, compare each pair with the baseline, and sort by mean score.

    Args:
        outcomes: Outcomes of either phase; those of the search are ignored.
        baseline: The pair that the others are compared with.
        bootstrap: Bootstrap of the validation images; None: the intervals account for the seeds only.
        failures: Trials that ended without a result.
    """
    groups: dict[Pair, dict[int, Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.trial.seed):
        if outcome.trial.phase is Phase.COMPARE:
            groups.setdefault(pair_of(outcome.trial), {})[outcome.trial.seed] = outcome
    failures = list(failures)
    failed: dict[Pair, list[int]] = {}
    for trial in sorted((failure.trial for failure in failures), key=lambda trial: trial.seed):
        if trial.phase is Phase.COMPARE:
            failed.setdefault(pair_of(trial), []).append(trial.seed)
    standings = []
    for pair, group in groups.items():
        difference = None if pair == baseline else paired_difference(group, groups.get(baseline, {}), bootstrap)
        verdict = None if difference is None else verdict_of(difference, pair in failed, baseline in failed)
        weight = next(iter(group.values())).trial.weight
        standings.append(Standing(pair, weight, list(group.values()), difference, verdict, failed.get(pair, ())))
    return Ranking(sorted(standings, key=lambda standing: -standing.mean), baseline, failures)


def verdict_of(difference: Difference, failed: bool, baseline_failed: bool) -> Verdict:
    """The verdict, unless it favors a pair with a failed seed, whose score is unknown."""
    favored_failed = failed if difference.verdict is Verdict.BETTER else baseline_failed
    return Verdict.NOT_DISTINGUISHABLE if favored_failed else difference.verdict


def paired_difference(
    group: Mapping[int, Outcome], baseline: Mapping[int, Outcome], bootstrap: Bootstrap | None
) -> Difference | None:
    """Compare the seeds that both pairs have finished."""
    seeds = [seed for seed in group if seed in baseline]
    if not seeds:
        return None

    def resampled(outcomes: Mapping[int, Outcome]) -> np.ndarray | None:
        drawn = [None if bootstrap is None else bootstrap(outcomes[seed]) for seed in seeds]
        known = [of_seed for of_seed in drawn if of_seed is not None]
        return np.stack(known) if len(known) == len(drawn) else None

    return difference(
        [group[seed].score for seed in seeds],
        [baseline[seed].score for seed in seeds],
        drawn_scores=resampled(group),
        drawn_baseline=resampled(baseline),
    )
