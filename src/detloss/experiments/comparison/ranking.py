"""Ranking of the pairs of losses: means and ranges over the seeds, and differences from the baseline."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from detloss.experiments.data.samples import group_numbers
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
    """

    standings: Sequence[Standing]
    baseline: Pair

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
        return "\n".join(line.rstrip() for line in capture.get().splitlines())


class Bootstrap:
    """The AP of trials on the same bootstrap samples of the validation images, computed once per trial."""

    def __init__(self, dataset: Dataset) -> None:
        self.draws = draws_of_images(group_numbers(dataset.validation))
        classes = len(dataset.class_names)
        self.objects = np.stack([np.bincount(sample.labels, minlength=classes) for sample in dataset.validation])
        self.known: dict[Trial, np.ndarray] = {}

    def __call__(self, trial: Trial, evaluation: Evaluation) -> np.ndarray:
        """The AP of a trial on every sample."""
        if trial not in self.known:
            self.known[trial] = average_precisions(evaluation.matches, self.objects, self.draws)
        return self.known[trial]


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
    return Ranking(sorted(standings, key=lambda standing: -standing.mean), baseline)


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
        if bootstrap is None:
            return None
        of_seeds = [outcomes[seed] for seed in seeds]
        return np.stack([bootstrap(one.trial, one.evaluation) for one in of_seeds if one.evaluation is not None])

    return difference(
        [group[seed].score for seed in seeds],
        [baseline[seed].score for seed in seeds],
        drawn_scores=resampled(group),
        drawn_baseline=resampled(baseline),
    )
