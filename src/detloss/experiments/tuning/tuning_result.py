"""Result of a tuning: the best candidate, its difference to the start, and the line of code to use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from detloss.experiments.comparison.statistics import Difference, Estimate, Verdict, draws_of_images, finite
from detloss.experiments.data.dataset import Dataset, assign_folds
from detloss.experiments.data.samples import group_numbers
from detloss.experiments.training.average_precision import average_precisions
from detloss.experiments.training.workers import Failed
from detloss.experiments.tuning.candidates import Candidate, State
from detloss.experiments.tuning.search import Design, Validated
from detloss.experiments.tuning.search_space import code_line


@dataclass(frozen=True)
class Tuned:
    """The result of a tuning."""

    design: Design
    fold_sizes: Sequence[int]  # number of training images of each fold
    candidates: Sequence[Candidate]  # all candidates in the order of their start
    start: Validated  # the best of the settings without tuning
    best: Validated  # the candidate with the highest mean AP of the folds; it may be the start
    difference: Difference  # difference of the best to the start, paired by fold, with its interval
    # fraction of the explained variance of AP that is due to each parameter (fANOVA); empty if unknown
    importances: Mapping[str, float]
    failures: Sequence[Failed]  # trainings that failed

    @property
    def verdict(self) -> Verdict:
        """Whether the best is better than the start, by the folds."""
        return self.difference.verdict()

    @property
    def confirmed(self) -> bool:
        """Whether the best is also ahead on the validation images, which played no part in the selection."""
        return self.best.outcome.score > self.start.outcome.score

    @property
    def recommended(self) -> Candidate:
        """The best if it is better and confirmed, else the start."""
        return (self.best if self.verdict is Verdict.BETTER and self.confirmed else self.start).candidate

    @property
    def line(self) -> str:
        """The line of code with the recommended settings."""
        return code_line(self.design.box, self.design.cls, self.recommended.settings)

    def findings(self) -> list[str]:
        """Describe the result in sentences: the answer, and what the validation images show."""
        best, start = self.best.candidate, self.start.candidate
        if best.number == start.number:
            return [f"Keep the start, {start}: no candidate was better."]
        size = f"{self.difference:.3f} AP over {self.design.folds} folds"
        if self.verdict is not Verdict.BETTER:
            answer = f"Keep the start, {start}: the best candidate, {best}, is {self.verdict} from it, {size}."
        elif self.confirmed:
            answer = f"Use the best candidate, {best}: it is better than the start, {start}, {size}."
        else:
            doubt = "not on the validation images, so the difference may be chance"
            answer = f"Keep the start, {start}: the best candidate, {best}, is better, {size}, but {doubt}."
        return [
            answer,
            "After training on all training images, on the validation images, which played no part in the selection: "
            f"the best has AP {self.best.outcome.score:.3f}, the start {self.start.outcome.score:.3f}.",
        ]

    def record(self) -> dict[str, Any]:
        """Return the contents of tune.json."""
        return {
            **self.design.settings(),
            "folds": list(self.fold_sizes),
            "candidates": [candidate_record(candidate) for candidate in self.candidates],
            "start": validated_record(self.start),
            "best": validated_record(self.best),
            "difference": self.difference.mean,
            "interval": [finite(self.difference.low), finite(self.difference.high)],
            "verdict": self.verdict.value,
            "confirmed": self.confirmed,
            "line": self.line,
        }


def candidate_record(candidate: Candidate) -> dict[str, Any]:
    """Convert a candidate to JSON."""
    return {
        "number": candidate.number,
        "settings": dict(candidate.settings),
        "state": candidate.state.value,
        "ap": candidate.score if candidate.outcomes else None,
        "folds": candidate.scores,
        "seconds": sum(outcome.seconds for outcome in candidate.outcomes),
    }


def validated_record(validated: Validated) -> dict[str, Any]:
    """Convert a candidate and its AP on the validation images to JSON."""
    precision = {name: getattr(validated.outcome.evaluation, name) for name in ("ap", "ap50", "ap75")}
    return candidate_record(validated.candidate) | {"validation": precision}


def best_of(candidates: Sequence[Candidate]) -> Candidate | None:
    """Find the complete candidate with the highest mean, the first of equals; None if none is complete."""
    complete = [candidate for candidate in candidates if candidate.state is State.COMPLETE]
    return max(complete, key=lambda candidate: candidate.score, default=None)


def difference_over_folds(best: Candidate, start: Candidate, dataset: Dataset) -> Difference:
    """Compare two complete candidates by fold; the interval covers the choice of folds and images.

    The training images of two folds overlap, for which the variance over the folds is corrected.

    All training images are resampled together. If each fold were resampled separately with the same seed, images in
    the same position of their folds would always be drawn together.
    """
    if best.number == start.number:
        return Difference(0.0, 0.0, 0.0)
    draws, folds = draws_of_images(group_numbers(dataset.train)), len(start.outcomes)
    members = np.array(assign_folds(dataset.train, folds))
    objects = np.stack([np.bincount(sample.labels, minlength=len(dataset.class_names)) for sample in dataset.train])
    drawn = [
        [
            average_precisions(outcome.evaluation.matches, objects[members == fold], draws[:, members == fold])
            for fold, outcome in enumerate(candidate.outcomes)
            if outcome.evaluation is not None
        ]
        for candidate in (best, start)
    ]
    estimate = Estimate.of(np.array([best.scores, start.scores]), np.array(drawn), overlap=1 / (folds - 1))
    [difference] = estimate.differences(estimate.from_baseline(1))
    return difference
