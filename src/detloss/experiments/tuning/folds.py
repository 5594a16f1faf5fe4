"""Cross-validation folds, and the training of one candidate on all folds but one or on all training images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.data.samples import group_numbers
from detloss.experiments.loss_names import loss_named
from detloss.experiments.training.devices import Device
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import OnProgress, train_and_evaluate
from detloss.experiments.tuning.search_space import (
    Settings,
    TuningError,
    described,
    with_settings,
)


@dataclass(frozen=True, kw_only=True)
class TuningTrial(Trial):
    """One training of a candidate.

    Attributes:
        candidate: Its number.
        settings: Names and values of the tuned parameters.
        fold: The fold of the evaluation; None: the validation images.
        folds: Number of folds.
    """

    candidate: int
    settings: tuple[tuple[str, float], ...]
    fold: int | None
    folds: int

    def __str__(self) -> str:
        images = "on all training images" if self.fold is None else f"fold {self.fold + 1}"
        return f"{described(dict(self.settings))}, {images}"

    def plain(self) -> Trial:
        """Return the attributes that every trial has."""
        return Trial(self.box, self.cls, self.weight, self.seed, self.steps, self.phase, self.detector, self.precision)


def assign_folds(samples: Sequence[Sample], folds: int) -> list[int]:
    """Assign groups of images to folds, in turn, in the order of the checksums of their names.

    The remainder of the checksum is not used, because it may already determine the validation set.
    """
    groups = group_numbers(samples)
    names = {number: sample.group or sample.name for number, sample in zip(groups.tolist(), samples)}
    order = sorted(names, key=lambda number: (crc32(names[number].encode(errors="backslashreplace")), number))
    fold_of = {number: position % folds for position, number in enumerate(order)}
    return [fold_of[number] for number in groups.tolist()]


def fold_dataset(dataset: Dataset, fold: int, folds: int) -> Dataset:
    """Select the training images of a data set: one fold for evaluation, the others for training."""
    members = assign_folds(dataset.train, folds)
    return replace(
        dataset,
        train=[sample for sample, member in zip(dataset.train, members) if member != fold],
        validation=[sample for sample, member in zip(dataset.train, members) if member == fold],
    )


def check_folds(dataset: Dataset, folds: int) -> None:
    """Reject folds without boxes.

    Raises:
        TuningError: A fold has no box, or is the only one that has.
    """
    for fold in range(folds):
        part = fold_dataset(dataset, fold, folds)
        for purpose, samples in (("training", part.train), ("evaluation", part.validation)):
            if not any(len(sample.boxes) for sample in samples):
                raise TuningError(
                    f"folds: expected boxes for {purpose} in fold {fold + 1} of {folds}, got none in "
                    f"{len(samples)} of {len(dataset.train)} training images: use fewer folds"
                )


def run_tuning_trial(
    trial: TuningTrial, dataset: Dataset, *, device: Device, on_progress: OnProgress | None = None
) -> Outcome:
    """Train a detector with the settings of a candidate and evaluate it on the images of the trial."""
    part = dataset if trial.fold is None else fold_dataset(dataset, trial.fold, trial.folds)
    settings: Settings = dict(trial.settings)
    box, cls = with_settings(loss_named(trial.box), loss_named(trial.cls), settings)
    outcome = train_and_evaluate(box, cls, trial, part, device=device, on_progress=on_progress)
    return replace(outcome, curve=[], predictions={})  # a tuning does not use them
