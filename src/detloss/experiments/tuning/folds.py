"""Training of one candidate on all folds but one or on all training images."""

from dataclasses import dataclass, replace

from detloss.experiments.data.dataset import Dataset, fold_dataset
from detloss.experiments.errors import OptionError
from detloss.experiments.training.devices import Device
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import OnProgress, train_and_evaluate
from detloss.experiments.tuning.search_space import Settings, described, with_settings
from detloss.loss_names import loss_named


@dataclass(frozen=True, kw_only=True)
class TuningTrial(Trial):
    """One training of a candidate, which is evaluated on a fold, or on the validation images if that is None."""

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


def check_folds(dataset: Dataset, folds: int) -> None:
    """Raise an OptionError if a fold has no box, or is the only one that has."""
    for fold in range(folds):
        part = fold_dataset(dataset, fold, folds)
        for purpose, samples in (("training", part.train), ("evaluation", part.validation)):
            if not any(len(sample.boxes) for sample in samples):
                raise OptionError(
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
