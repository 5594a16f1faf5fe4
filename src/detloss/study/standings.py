"""How the pairs of losses stand to each other: means, ranges, and what the differences to the baseline are worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from detloss.study.dataset import Dataset
from detloss.study.matching import average_precisions
from detloss.study.plan import Pair, pair_of
from detloss.study.training import Outcome
from detloss.study.verdict import Difference, Verdict, difference, draws_of_images


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
    """

    pair: Pair
    weight: float
    outcomes: Sequence[Outcome]
    difference: Difference | None

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


def standings(outcomes: Sequence[Outcome], dataset: Dataset, baseline: Pair) -> list[Standing]:
    """Gather the seeds of every pair and compare them with the baseline's; the highest mean AP comes first."""
    groups: dict[Pair, dict[int, Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.trial.seed):
        if outcome.trial.phase == 2:
            groups.setdefault(pair_of(outcome.trial), {})[outcome.trial.seed] = outcome
    drawn = drawn_precisions([outcome for group in groups.values() for outcome in group.values()], dataset)
    found = [
        Standing(
            pair=pair,
            weight=next(iter(group.values())).trial.weight,
            outcomes=list(group.values()),
            difference=None if pair == baseline else paired(group, groups.get(baseline, {}), drawn),
        )
        for pair, group in groups.items()
    ]
    return sorted(found, key=lambda standing: -standing.ap.mean)


def drawn_precisions(outcomes: Sequence[Outcome], dataset: Dataset) -> dict[int, np.ndarray]:
    """Compute the AP of each trial on the same draws of the validation images, by the trial's identity."""
    draws = draws_of_images(len(dataset.validation))
    objects = np.stack(
        [np.bincount(sample.labels, minlength=len(dataset.class_names)) for sample in dataset.validation]
    )
    return {id(outcome): average_precisions(outcome.matches, objects, draws) for outcome in outcomes}


def paired(
    group: Mapping[int, Outcome], baseline: Mapping[int, Outcome], drawn: Mapping[int, np.ndarray]
) -> Difference | None:
    """Compare the seeds that both have."""
    seeds = [seed for seed in group if seed in baseline]
    if not seeds:
        return None
    return difference(
        [group[seed].ap for seed in seeds],
        [baseline[seed].ap for seed in seeds],
        drawn_scores=np.stack([drawn[id(group[seed])] for seed in seeds]),
        drawn_baseline=np.stack([drawn[id(baseline[seed])] for seed in seeds]),
    )


def findings(standings: Sequence[Standing], baseline: Pair) -> list[str]:
    """Say in sentences what was found, the verdict first."""
    seeds = max(len(standing.outcomes) for standing in standings)
    others = [standing for standing in standings if standing.difference is not None]
    first = standings[0]
    highest = f"The highest mean AP is {first.ap.mean:.3f}, of {first.name}."
    if not others:
        return [highest]
    if seeds == 1:
        return [
            "Not distinguishable: with one seed there is no telling chance from merit.",
            highest,
            "Another seed may turn the order.",
        ]
    told = []
    for verdict, words in (
        (Verdict.BETTER, "better than"),
        (Verdict.WORSE, "worse than"),
        (Verdict.NOT_DISTINGUISHABLE, "not distinguishable from"),
    ):
        of_this = [standing for standing in others if standing.difference and standing.difference.verdict is verdict]
        if of_this:
            names = [f"{standing.name} ({standing.difference:.3f})" for standing in of_this]
            told.append(f"{in_words(names)} {'is' if len(names) == 1 else 'are'} {words} {baseline}.")
    return [
        *told,
        highest,
        f"In brackets: the mean difference of AP over {seeds} seeds and its 95 % interval, for seeds and images drawn"
        " anew. Of losses that do not differ, one in twenty is called better or worse by chance.",
    ]


def in_words(names: Sequence[str]) -> str:
    """A list as part of a sentence."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
