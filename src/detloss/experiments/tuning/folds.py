"""One training of a candidate: on all folds but one, judged on that one; or on all, judged on the validation images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from detloss.experiments.cli_options import BOX_LOSSES, CLASS_LOSSES
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.devices import Place
from detloss.experiments.training.trial import (
    Outcome,
    Progress,
    Trial,
    train_and_judge,
)
from detloss.experiments.tuning.search_space import (
    Settings,
    TuningError,
    in_words,
    with_settings,
)


@dataclass(frozen=True, kw_only=True)
class TuningTrial(Trial):
    """What one training run of a candidate is made of.

    Attributes:
        candidate: Its number.
        settings: Names and values of what is tuned.
        fold: On which it is judged; None: on the validation images.
        folds: How many there are.
    """

    candidate: int
    settings: tuple[tuple[str, float], ...]
    fold: int | None
    folds: int

    def __str__(self) -> str:
        images = "on all training images" if self.fold is None else f"fold {self.fold + 1}"
        return f"{in_words(dict(self.settings))}, {images}"

    def plain(self) -> Trial:
        """What every trial has."""
        return Trial(self.box, self.cls, self.weight, self.seed, self.steps, self.phase, self.detector, self.precision)


def fold_of_images(samples: Sequence[Sample], folds: int) -> list[int]:
    """Deal images to folds in the order of the checksums of their names.

    The remainder of the checksum would not do: it may have divided training from validation images already.
    """
    order = sorted(
        range(len(samples)), key=lambda index: (crc32(samples[index].name.encode(errors="backslashreplace")), index)
    )
    members = [0] * len(samples)
    for place, index in enumerate(order):
        members[index] = place % folds
    return members


def held_out(dataset: Dataset, fold: int, folds: int) -> Dataset:
    """The training images of a data set, with one fold to judge on and the others to train on."""
    members = fold_of_images(dataset.train, folds)
    return replace(
        dataset,
        train=[sample for sample, member in zip(dataset.train, members) if member != fold],
        validation=[sample for sample, member in zip(dataset.train, members) if member == fold],
    )


def check_folds(dataset: Dataset, folds: int) -> None:
    """Refuse folds without anything to find.

    Raises:
        TuningError: A fold has no box, or is the only one that has.
    """
    for fold in range(folds):
        part = held_out(dataset, fold, folds)
        for purpose, samples in (("train on", part.train), ("judge on", part.validation)):
            if not any(len(sample.boxes) for sample in samples):
                raise TuningError(
                    f"folds: expected boxes to {purpose} for fold {fold + 1} of {folds}, got none in "
                    f"{len(samples)} of {len(dataset.train)} training images: try fewer"
                )


def run_tuning_trial(
    trial: TuningTrial, dataset: Dataset, *, place: Place, on_progress: Progress | None = None
) -> Outcome:
    """Train a detector with a candidate's settings and judge it on images that it was not trained on."""
    part = dataset if trial.fold is None else held_out(dataset, trial.fold, trial.folds)
    settings: Settings = dict(trial.settings)
    box, cls = with_settings(BOX_LOSSES[trial.box], settings), with_settings(CLASS_LOSSES[trial.cls], settings)
    outcome = train_and_judge(box, cls, trial, part, place=place, on_progress=on_progress)
    return replace(outcome, curve=[], predictions=[], pictured=[])  # which nothing of a tuning shows
