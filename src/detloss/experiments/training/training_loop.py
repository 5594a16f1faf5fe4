"""Training and evaluation of one trial."""

import ctypes
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Protocol, get_args

import torch
from torch import nn

from detloss.catalog import Loss
from detloss.experiments.data.dataset import Dataset, Sample, search_dataset
from detloss.experiments.errors import OptionError
from detloss.experiments.training.batches import same_size_batches, to_network, training_batches
from detloss.experiments.training.checkpoints import Checkpoint, save_weights
from detloss.experiments.training.detector_interface import Detector
from detloss.experiments.training.detectors import DETECTORS, check_geometry
from detloss.experiments.training.devices import Device
from detloss.experiments.training.error_types import errors_by_type
from detloss.experiments.training.evaluation import Prediction, evaluate
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from detloss.experiments.training.snapshots import Snapshot, SnapshotSchedule, evenly_spaced, highest_scoring
from detloss.loss_names import CLASS_LOSSES, ROTATED_BOX_LOSSES, loss_named
from detloss.types import Precision

# The same settings for all losses, so that a comparison compares nothing else.
WEIGHT_DECAY = 0.05
WARM_UP = 0.3  # fraction of the steps in which the learning rate rises
MAX_GRADIENT_NORM = 10.0
POINTS_OF_CURVE = 60  # approximate maximum number of points of a training curve
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from malloc.h
LARGEST_KEPT = 1 << 30  # bytes
PRECISIONS = get_args(Precision)
TIMED_STEPS = 6  # for the estimate of the duration of a comparison
KEPT_IMAGES = 500  # validation images whose predictions are kept, for the report to select from


class OnProgress(Protocol):
    """Callback after every step, with the number of steps done and the snapshot if one was made.

    It is also called during the evaluation: a trial without a call for ten minutes counts as hung.
    """

    def __call__(self, step: int, snapshot: Snapshot | None = None) -> None: ...


def run_trial(
    trial: Trial,
    dataset: Dataset,
    *,
    device: Device = Device(),
    on_progress: OnProgress | None = None,
    checkpoints: Path | None = None,
    weights: Path | None = None,
) -> Outcome:
    """Train a detector with the losses of a trial and evaluate it: in a search on training images that are held out.

    Trials with the same seed start from the same weights and see the same images in the same order, whatever their
    losses. The same trial on the same processor has the same outcome. The process is left with one torch thread.
    `checkpoints` is a folder from which an interrupted trial continues; weights are not saved in a search.

    Raises:
        ValueError: A loss is not in the catalog or of the wrong kind, or there is no such detector.
        FloatingPointError: A loss or its gradient is not finite.
    """
    losses = losses_of(trial)
    search = trial.phase is Phase.SEARCH
    checkpoint = Checkpoint(trial, checkpoints)
    outcome = train_and_evaluate(
        *losses,
        trial,
        search_dataset(dataset) if search else dataset,
        device=device,
        on_progress=on_progress,
        schedule=None if search else SnapshotSchedule(dataset, trial.steps),
        checkpoint=checkpoint,
        weights=None if search else weights,
    )
    checkpoint.remove()
    return outcome


def train_and_evaluate(
    box: Loss,
    cls: Loss,
    trial: Trial,
    dataset: Dataset,
    *,
    device: Device,
    on_progress: OnProgress | None,
    schedule: SnapshotSchedule | None = None,
    checkpoint: Checkpoint | None = None,
    weights: Path | None = None,
) -> Outcome:
    """Run a trial with these losses, whose options may differ from the catalog's, and make snapshots."""
    prepare_process()
    state = checkpoint or Checkpoint(trial)
    model = build(box, cls, trial, dataset)
    model.to(device.name)

    def after_step(step: int) -> None:
        new: list[Snapshot] = []
        if schedule is not None and step in schedule.steps[:-1]:
            new.append(schedule.snapshot(step, predict(model, schedule.samples, device.name)))
            model.train()
        state.snapshots.extend(new)
        if on_progress is not None:
            on_progress(step, *new)

    curve = train(model, dataset, trial, device, after_step, state)
    predictions = predict(model, dataset.validation, device.name, on_batch=lambda: after_step(trial.steps))
    seconds = state.seconds
    if schedule is not None:
        state.snapshots.append(schedule.snapshot(trial.steps, [predictions[image] for image in schedule.images]))
    outcome = outcome_of_predictions(trial, predictions, dataset, seconds)
    if weights is not None and device.is_main:
        save_weights(weights, model, outcome, dataset)
    return replace(outcome, curve=curve, snapshots=state.snapshots)


def outcome_of_predictions(
    trial: Trial, predictions: Sequence[Prediction], dataset: Dataset, seconds: float
) -> Outcome:
    """Evaluate the predictions of the validation images, and keep those of some images."""
    evaluation = evaluate(predictions, dataset.validation, dataset.geometry)
    with_objects = [image for image, sample in enumerate(dataset.validation) if len(sample.boxes)]
    return Outcome(
        trial,
        evaluation.ap,
        seconds,
        evaluation,
        predictions={
            image: highest_scoring(predictions[image], dataset.validation[image])
            for image in evenly_spaced(with_objects, KEPT_IMAGES)
        },
        errors=errors_by_type(predictions, dataset.validation, dataset.geometry),
    )


def measure_speed(trial: Trial, dataset: Dataset, device: Device) -> tuple[float, float]:
    """Measure the seconds of a training step and of the evaluation of all images, from a few steps."""
    prepare_process()
    model = build(*losses_of(trial), trial, dataset)
    model.to(device.name)
    times: list[float] = []
    train(model, dataset, replace(trial, steps=TIMED_STEPS), device, lambda step: times.append(perf_counter()))
    batches = same_size_batches(dataset.validation).indices
    start = perf_counter()
    predict(model, [dataset.validation[index] for index in batches[0]], device.name)
    return (times[-1] - times[0]) / (TIMED_STEPS - 1), (perf_counter() - start) * len(batches)


def prepare_process() -> None:
    """Use one thread, and keep freed memory."""
    torch.set_num_threads(1)  # with one trial per core, more threads per trial slow each other down
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Let glibc keep freed memory: returning it to the system costs a tenth of each step of a training."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(parameter, LARGEST_KEPT)


def check_trials(trials: Iterable[Trial], dataset: Dataset) -> None:
    """Build the detector of each trial, so that an OptionError is raised before any training."""
    for trial in trials:
        try:
            build(*losses_of(trial), trial, dataset)
        except (ValueError, ModuleNotFoundError) as error:
            raise OptionError(str(error)) from error


def losses_of(trial: Trial) -> tuple[Loss, Loss]:
    """Find the box loss and the class loss of a trial in the catalog."""
    return loss_named(trial.box, ROTATED_BOX_LOSSES), loss_named(trial.cls, CLASS_LOSSES)


def build(box: Loss, cls: Loss, trial: Trial, dataset: Dataset) -> Detector:
    """Build the detector of a trial, with the initial weights of its seed.

    Raises:
        ValueError: There is no such detector, or it does not support the losses or the boxes of the data.
        ModuleNotFoundError: The package of the detector is missing.
    """
    if trial.detector not in DETECTORS:
        raise ValueError(f"detector: expected one of {', '.join(DETECTORS)}, got {trial.detector!r}")
    check_geometry(box, trial.detector, dataset)
    torch.manual_seed(trial.seed)
    return DETECTORS[trial.detector].build(box, cls, trial.weight, dataset)


def train(
    model: Detector,
    dataset: Dataset,
    trial: Trial,
    device: Device,
    on_step: Callable[[int], None],
    checkpoint: Checkpoint | None = None,
) -> list[tuple[int, float, float]]:
    """Train the model, from a checkpoint if there is one, and return the curve of its losses."""
    loss_function = device.loss_function(model)
    kind = torch.device(device.name).type
    precision = torch.autocast(kind, torch.bfloat16) if trial.precision == "bfloat16" else nullcontext()
    rate = DETECTORS[trial.detector].learning_rate
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=trial.steps, pct_start=WARM_UP)
    interval = -(-trial.steps // POINTS_OF_CURVE)  # steps between two points of the curve
    state = checkpoint or Checkpoint(trial)
    state.restore(model, optimizer, schedule)
    curve, recent = state.curve, state.recent
    model.train()
    batches = training_batches(dataset.train, trial.seed, trial.steps, augment=dataset.augment)
    for step, (pixels, targets) in enumerate(batches.on(device.name, first=state.step), start=state.step + 1):
        images = to_network(pixels[device.shard], device.name)
        moved = [{name: value.to(device.name) for name, value in target.items()} for target in targets[device.shard]]
        with precision:
            terms = loss_function(images, moved)
        optimizer.zero_grad()
        torch.autograd.backward(terms["classification"] + terms["box"])
        norm = nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        if not norm.isfinite():
            losses = ", ".join(f"{name} loss {term.item():g}" for name, term in terms.items())
            raise FloatingPointError(f"step {step}: expected a finite gradient norm, got {norm:g} at {losses}")
        optimizer.step()
        schedule.step()
        recent.append(torch.stack((terms["classification"], terms["box"])).detach())
        if step % interval == 0 or step == trial.steps:
            classification, box = device.mean(torch.stack(recent).mean(dim=0)).tolist()
            curve.append((step, classification, box))
            recent.clear()
        on_step(step)
        if device.is_main:
            state.save_if_due(step, model, optimizer, schedule)
    return curve


def predict(
    model: Detector, samples: Sequence[Sample], device: str, on_batch: Callable[[], None] | None = None
) -> list[Prediction]:
    """Predict images in batches of the same size."""
    model.eval()
    batches = same_size_batches(samples)
    predictions: dict[int, Prediction] = {}
    for indices, (pixels, _) in zip(batches.indices, batches.on(device)):
        for index, found in zip(indices, model.predict(to_network(pixels, device)), strict=True):
            boxes, scores, labels = (found[key].cpu().numpy() for key in ("boxes", "scores", "labels"))
            predictions[index] = Prediction(boxes, scores, labels)
        if on_batch is not None:
            on_batch()
    return [predictions[index] for index in range(len(samples))]
