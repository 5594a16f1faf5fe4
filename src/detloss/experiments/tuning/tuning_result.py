"""What a tuning found: the best candidate, what it is worth beside the start, and the line of code to paste."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detloss.experiments.comparison.statistics import (
    Difference,
    Verdict,
    difference,
    draws_of_images,
)
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.average_precision import average_precisions
from detloss.experiments.training.workers import Failed
from detloss.experiments.tuning.candidates import Candidate, State
from detloss.experiments.tuning.folds import fold_of_images
from detloss.experiments.tuning.search import Design, Judged
from detloss.experiments.tuning.search_space import line_of


@dataclass(frozen=True)
class Tuned:
    """What a tuning found.

    Attributes:
        design: What was asked.
        fold_sizes: How many training images each fold has.
        candidates: Everything that was tried, in the order of beginning.
        start: The best of the settings that one would use without tuning.
        best: The candidate with the highest mean AP of the folds; it may be the start.
        difference: Of the best to the start, fold by fold, with its interval.
        failures: Trainings that ended without a result.
    """

    design: Design
    fold_sizes: Sequence[int]
    candidates: Sequence[Candidate]
    start: Judged
    best: Judged
    difference: Difference
    failures: Sequence[Failed]

    @property
    def verdict(self) -> Verdict:
        """Whether the best is better than the start, by the folds."""
        return self.difference.verdict

    @property
    def confirmed(self) -> bool:
        """Whether the best is ahead on the validation images too, which have chosen nothing."""
        return self.best.outcome.ap > self.start.outcome.ap

    @property
    def advised(self) -> Candidate:
        """What to use: the best if it is better and that is confirmed, else the start."""
        return (self.best if self.verdict is Verdict.BETTER and self.confirmed else self.start).candidate

    @property
    def line(self) -> str:
        """The line of code that makes what is advised."""
        return line_of(self.design.box, self.design.cls, self.advised.settings)

    def findings(self) -> list[str]:
        """Say in sentences what was found, the verdict first."""
        best, start = self.best.candidate, self.start.candidate
        if best.number == start.number:
            return [f"Nothing that was tried did better than the start, {start}: stay with it."]
        better = self.verdict is Verdict.BETTER
        if not better:
            advice = "Stay with the start."
        elif self.confirmed:
            advice = "Use the best."
        else:
            advice = "The best is not ahead there, so this may be chance: stay with the start."
        return [
            f"The best, {best}, is {self.verdict} {'than' if better else 'from'} the start, {start}: "
            f"{self.difference:.3f} AP over {self.design.folds} folds.",
            "Trained on all training images and judged on the validation images, which chose nothing: the best has "
            f"AP {self.best.outcome.ap:.3f}, the start {self.start.outcome.ap:.3f}. {advice}",
        ]

    def record(self) -> dict[str, Any]:
        """Everything, as JSON knows it."""
        return {
            **self.design.settings(),
            "folds": list(self.fold_sizes),
            "candidates": [record_of(candidate) for candidate in self.candidates],
            "start": judged_record(self.start),
            "best": judged_record(self.best),
            "difference": self.difference.mean,
            "interval": [self.difference.low, self.difference.high],
            "verdict": self.verdict.value,
            "confirmed": self.confirmed,
            "line": self.line,
        }


def record_of(candidate: Candidate) -> dict[str, Any]:
    """A candidate as JSON knows it."""
    return {
        "number": candidate.number,
        "settings": dict(candidate.settings),
        "state": candidate.state.value,
        "ap": candidate.score if candidate.outcomes else None,
        "folds": candidate.scores,
        "seconds": sum(outcome.seconds for outcome in candidate.outcomes),
    }


def judged_record(judged: Judged) -> dict[str, Any]:
    """A candidate with what it reached on the validation images."""
    precision = {name: getattr(judged.outcome, name) for name in ("ap", "ap50", "ap75")}
    return record_of(judged.candidate) | {"validation": precision}


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """The complete candidate with the highest mean, of equals the first; None if none is complete."""
    complete = [candidate for candidate in candidates if candidate.state is State.COMPLETE]
    return max(complete, key=lambda candidate: candidate.score, default=None)


def difference_over_folds(best: Candidate, start: Candidate, dataset: Dataset) -> Difference:
    """Compare two complete candidates fold by fold; the interval is for folds and images drawn anew.

    All training images are drawn at once: were each fold drawn by itself, with the same seed, images of the same place
    in their folds would always come together.
    """
    draws = draws_of_images(len(dataset.train))
    members = np.array(fold_of_images(dataset.train, len(start.outcomes)))
    objects = np.stack([np.bincount(sample.labels, minlength=len(dataset.class_names)) for sample in dataset.train])
    drawn_best, drawn_start = (
        np.stack(
            [
                average_precisions(outcome.matches, objects[members == fold], draws[:, members == fold])
                for fold, outcome in enumerate(candidate.outcomes)
            ]
        )
        for candidate in (best, start)
    )
    return difference(best.scores, start.scores, drawn_scores=drawn_best, drawn_baseline=drawn_start)


def sizes_of_folds(dataset: Dataset, folds: int) -> list[int]:
    """How many training images each fold has."""
    return [fold_of_images(dataset.train, folds).count(fold) for fold in range(folds)]
