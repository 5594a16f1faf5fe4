"""How the pairs of losses stand to each other: means, ranges, and what the differences to the baseline are worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from detloss.experiments.comparison.plan import Pair, pair_of
from detloss.experiments.comparison.statistics import (
    Difference,
    Verdict,
    difference,
    draws_of_images,
)
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.average_precision import average_precisions
from detloss.experiments.training.trial import Outcome, Trial
from detloss.experiments.training.workers import Failed


@dataclass(frozen=True)
class Summary:
    """What one number was over the seeds."""

    mean: float
    lowest: float
    highest: float

    def __format__(self, spec: str) -> str:
        """The mean and, if there is one, the range; `spec` formats each number."""
        mean, lowest, highest = (format(value, spec) for value in (self.mean, self.lowest, self.highest))
        return f"{mean} ({lowest}–{highest})" if lowest != highest else mean

    @property
    def width(self) -> float:
        """How far the seeds lie apart."""
        return self.highest - self.lowest


@dataclass(frozen=True)
class Standing:
    """The finished trials of a pair of losses in phase 2, in the order of their seeds.

    Attributes:
        pair: The losses.
        weight: The factor of the box loss.
        outcomes: One a seed.
        difference: To the baseline's AP; None for the baseline, and where no seed is finished for both.
        verdict: What the difference is worth; None where there is no difference.
        failed: The seeds that ended without a result.
    """

    pair: Pair
    weight: float
    outcomes: Sequence[Outcome]
    difference: Difference | None
    verdict: Verdict | None = None
    failed: Sequence[int] = ()

    @property
    def name(self) -> str:
        """Both names, as in tables."""
        return str(self.pair)

    @property
    def ap(self) -> Summary:
        """COCO's AP, the mean over IoU thresholds .5 to .95."""
        return self.summary("ap")

    def summary(self, number: str) -> Summary:
        """Mean and range of one of an outcome's numbers."""
        values = [getattr(outcome, number) for outcome in self.outcomes]
        return Summary(fmean(values), min(values), max(values))


class Bootstrap:
    """The AP of trials on the same draws of the validation images, each computed once."""

    def __init__(self, dataset: Dataset) -> None:
        self.draws = draws_of_images(len(dataset.validation))
        classes = len(dataset.class_names)
        self.objects = np.stack([np.bincount(sample.labels, minlength=classes) for sample in dataset.validation])
        self.known: dict[Trial, np.ndarray] = {}

    def __call__(self, outcome: Outcome) -> np.ndarray:
        """The AP of a trial on every draw."""
        if outcome.trial not in self.known:
            self.known[outcome.trial] = average_precisions(outcome.matches, self.objects, self.draws)
        return self.known[outcome.trial]


def standings(
    outcomes: Iterable[Outcome],
    bootstrap: Bootstrap,
    baseline: Pair,
    failures: Iterable[Failed] = (),
) -> list[Standing]:
    """Gather the seeds of every pair and compare them with the baseline's; the highest mean AP comes first."""
    groups: dict[Pair, dict[int, Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.trial.seed):
        if outcome.trial.phase == 2:
            groups.setdefault(pair_of(outcome.trial), {})[outcome.trial.seed] = outcome
    failed = {(pair_of(failure.trial), failure.trial.seed) for failure in failures if failure.trial.phase == 2}
    found = []
    for pair, group in groups.items():
        difference = None if pair == baseline else paired(group, groups.get(baseline, {}), bootstrap)
        seeds, of_baseline = ([seed for one, seed in sorted(failed) if one == asked] for asked in (pair, baseline))
        weight = next(iter(group.values())).trial.weight
        verdict = None if difference is None else verdict_of(difference, bool(seeds), bool(of_baseline))
        found.append(Standing(pair, weight, list(group.values()), difference, verdict, seeds))
    return sorted(found, key=lambda standing: -standing.ap.mean)


def verdict_of(difference: Difference, failed: bool, baseline_failed: bool) -> Verdict:
    """The verdict, unless it favors a side of which a seed failed: what that seed would have scored is not known."""
    favored_failed = failed if difference.verdict is Verdict.BETTER else baseline_failed
    return Verdict.NOT_DISTINGUISHABLE if favored_failed else difference.verdict


def paired(group: Mapping[int, Outcome], baseline: Mapping[int, Outcome], bootstrap: Bootstrap) -> Difference | None:
    """Compare the seeds that both have."""
    seeds = [seed for seed in group if seed in baseline]
    if not seeds:
        return None
    return difference(
        [group[seed].ap for seed in seeds],
        [baseline[seed].ap for seed in seeds],
        drawn_scores=np.stack([bootstrap(group[seed]) for seed in seeds]),
        drawn_baseline=np.stack([bootstrap(baseline[seed]) for seed in seeds]),
    )
