"""One trial: a detector trained with one pair of losses and judged on images it never saw."""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from detloss.catalog import Loss
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.loss_names import CLASS_LOSSES, ROTATED_BOX_LOSSES, loss_named
from detloss.experiments.training.average_precision import Matches
from detloss.experiments.training.builders import (
    DETECTORS,
    Detector,
    check_boxes,
    target_of,
)
from detloss.experiments.training.devices import Place
from detloss.experiments.training.evaluation import Prediction, evaluate
from detloss.experiments.training.snapshots import (
    Glimpse,
    Watch,
    evenly,
    highest_scoring,
)

# One setting for all losses, so that a comparison compares nothing else.
BATCH = 16
WEIGHT_DECAY = 0.05
WARM_UP = 0.3  # the share of the steps in which the learning rate rises
LONGEST_GRADIENT = 10.0
POINTS_OF_CURVE = 60  # a training curve has at most about this many points
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
LARGEST_KEPT = 1 << 30  # bytes
PRECISIONS = ("float32", "bfloat16")
PROBED = 6  # steps that are timed before a comparison starts
PICTURED = 48  # validation images whose predictions are kept, for a report to choose from


class Progress(Protocol):
    """Called after every step with the steps done, and with what the detector can do where that was looked at."""

    def __call__(self, step: int, glimpse: Glimpse | None = None) -> None: ...


class DetectorError(Exception):
    """A detector that cannot have these losses, or whose package is missing; the message names the option."""


@dataclass(frozen=True)
class Trial:
    """What one training run is made of.

    Attributes:
        box: The box loss's name in the catalog.
        cls: The class loss's name in the catalog.
        weight: The factor of the box loss.
        seed: Decides the initial weights and the order of the data, for every loss alike.
        steps: Batches of 16 images to train on.
        phase: 1 where a weight is searched, 2 where losses are compared.
        detector: What is trained.
        precision: What its convolutions and matrix products calculate in while it trains; all else is float32.
    """

    box: str
    cls: str
    weight: float
    seed: int
    steps: int
    phase: int = 2
    detector: str = "unitbox"
    precision: str = "float32"


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        trial: The trial.
        ap: COCO's average precision on the validation images, in [0, 1].
        ap50: The same at IoU .50.
        ap75: The same at IoU .75.
        small: AP of objects below 1/300 of their image; NaN where there is none.
        medium: Of objects in between.
        large: Of objects above 3 % of their image.
        seconds: From the first step to the last validation image.
        curve: (step, classification loss, box loss), each loss the mean since the point before.
        predictions: In some validation images, the highest-scoring, as many as each has objects.
        matches: Which detections found an object, for the AP of any draw of the validation images.
        found: (objects,) uint16, by image: bit t is set where an object of the validation images was found at IoU
            .50 + .05 t. None in results of versions that did not note it.
        pictured: Which validation images the predictions are for; none: the first ones.
        glimpses: How far the detector had come on the way; none in a search, and in results of earlier versions.
    """

    trial: Trial
    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    seconds: float
    curve: list[tuple[int, float, float]]
    predictions: list[Prediction]
    matches: Matches
    found: np.ndarray | None = None
    pictured: Sequence[int] = ()
    glimpses: Sequence[Glimpse] = ()


def run_trial(
    trial: Trial, dataset: Dataset, *, place: Place = Place(), on_progress: Progress | None = None
) -> Outcome:
    """Train a detector with a trial's losses and judge it.

    Trials of one seed start from the same weights and see the same images in the same order, whatever their losses;
    the same trial on the same processor has the same outcome. The process is left with one torch thread.

    Args:
        trial: Losses, weight, seed, steps and detector.
        dataset: What to train on and what to judge on.
        place: Where to train.
        on_progress: Called after every step.

    Returns:
        The outcome.

    Raises:
        ValueError: A loss is not in the catalog, or not of a kind that its place needs; there is no such detector.
        FloatingPointError: A loss or its gradient is not finite.
    """
    watch = Watch(dataset, trial.steps) if trial.phase == 2 else None
    return train_and_judge(*losses_of(trial), trial, dataset, place=place, on_progress=on_progress, watch=watch)


def train_and_judge(
    box: Loss,
    cls: Loss,
    trial: Trial,
    dataset: Dataset,
    *,
    place: Place,
    on_progress: Progress | None,
    watch: Watch | None = None,
) -> Outcome:
    """Run a trial with these losses, which may have other options than the catalog's, and look at it meanwhile."""
    prepare_process()
    start = perf_counter()
    model = build(box, cls, trial, dataset)
    model.to(place.device)
    glimpses: list[Glimpse] = []

    def after_step(step: int) -> None:
        seen: list[Glimpse] = []
        if watch is not None and step in watch.steps[:-1]:
            seen.append(watch.glimpse(step, predict(model, watch.samples, place.device)))
            model.train()
        glimpses.extend(seen)
        if on_progress is not None:
            on_progress(step, *seen)

    curve = train(model, dataset.train, trial, place, after_step)
    predictions = predict(model, dataset.validation, place.device)
    seconds = perf_counter() - start
    precision = evaluate(predictions, dataset.validation, dataset.geometry)
    if watch is not None:
        glimpses.append(watch.glimpse(trial.steps, [predictions[image] for image in watch.images]))
    pictured = evenly([image for image, sample in enumerate(dataset.validation) if len(sample.boxes)], PICTURED)
    return Outcome(
        trial,
        **vars(precision),
        seconds=seconds,
        curve=curve,
        predictions=[highest_scoring(predictions[image], dataset.validation[image]) for image in pictured],
        pictured=pictured,
        glimpses=glimpses,
    )


def pace(trial: Trial, dataset: Dataset, place: Place) -> tuple[float, float]:
    """Measure on a few steps how many seconds a step takes, and how many the judging of all images."""
    prepare_process()
    model = build(*losses_of(trial), trial, dataset)
    model.to(place.device)
    times: list[float] = []
    train(model, dataset.train, replace(trial, steps=PROBED), place, lambda step: times.append(perf_counter()))
    start = perf_counter()
    predict(model, dataset.validation[:BATCH], place.device)
    batches_to_judge = -(-len(dataset.validation) // BATCH)
    return (times[-1] - times[0]) / (PROBED - 1), (perf_counter() - start) * batches_to_judge


def prepare_process() -> None:
    """Train on one thread, and let glibc keep freed memory: to fetch it anew in each step takes a tenth of its time."""
    torch.set_num_threads(1)  # several threads a trial slow each other down where every core has a trial
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(parameter, LARGEST_KEPT)


def check_trials(trials: Iterable[Trial], dataset: Dataset) -> None:
    """Find out before anything trains what could only be found out by a trial.

    Raises:
        DetectorError: A detector cannot have a trial's losses, or its package is missing.
    """
    for trial in trials:
        try:
            build(*losses_of(trial), trial, dataset)
        except (ValueError, ModuleNotFoundError) as error:
            raise DetectorError(str(error)) from error


def losses_of(trial: Trial) -> tuple[Loss, Loss]:
    """Find a trial's box loss and its class loss."""
    return loss_named(trial.box, ROTATED_BOX_LOSSES), loss_named(trial.cls, CLASS_LOSSES)


def build(box: Loss, cls: Loss, trial: Trial, dataset: Dataset) -> Detector:
    """Make the detector of a trial, with the initial weights of its seed."""
    if trial.detector not in DETECTORS:
        raise ValueError(f"detector: expected one of {', '.join(DETECTORS)}, got {trial.detector!r}")
    check_boxes(box, trial.detector, dataset)
    torch.manual_seed(trial.seed)
    return DETECTORS[trial.detector].build(box, cls, trial.weight, dataset)


def train(
    model: Detector, samples: Sequence[Sample], trial: Trial, place: Place, on_progress: Callable[[int], None]
) -> list[tuple[int, float, float]]:
    """Train the model and return the curve of the losses."""
    device, loss_of = place.device, place.loss_of(model)
    half = torch.autocast(torch.device(device).type, torch.bfloat16) if trial.precision == "bfloat16" else nullcontext()
    rate = DETECTORS[trial.detector].learning_rate
    optimizer = torch.optim.AdamW(model.parameters(), rate, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=trial.steps, pct_start=WARM_UP)
    point = -(-trial.steps // POINTS_OF_CURVE)  # steps from one point of the curve to the next
    curve: list[tuple[int, float, float]] = []
    since_point: list[Tensor] = []
    model.train()
    for step, indices in zip(range(1, trial.steps + 1), order(len(samples), trial.seed)):
        batch = [samples[index] for index in indices]
        images = images_of(batch, device)[place.part]
        with half:
            terms = loss_of(images, [target_of(sample, device) for sample in batch[place.part]])
        optimizer.zero_grad()
        torch.autograd.backward(terms["classification"] + terms["box"])
        length = nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
        if not length.isfinite():
            found = ", ".join(f"{name} loss {term.item():g}" for name, term in terms.items())
            raise FloatingPointError(f"step {step}: expected a finite gradient, got length {length:g} at {found}")
        optimizer.step()
        schedule.step()
        since_point.append(torch.stack((terms["classification"], terms["box"])).detach())
        if step % point == 0 or step == trial.steps:
            classification, box = place.mean(torch.stack(since_point).mean(dim=0)).tolist()
            curve.append((step, classification, box))
            since_point.clear()
        on_progress(step)
    return curve


def order(samples: int, seed: int) -> Iterator[list[int]]:
    """Yield the samples of each batch without end, every sample once before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < BATCH:
            waiting += torch.randperm(samples, generator=generator).tolist()
        yield waiting[:BATCH]
        del waiting[:BATCH]


def images_of(samples: Sequence[Sample], device: str) -> Tensor:
    """Put images into one batch in [0, 1], black where one is smaller than the largest."""
    height = max(sample.image.shape[0] for sample in samples)
    width = max(sample.image.shape[1] for sample in samples)
    pixels = np.zeros((len(samples), height, width, 3), np.uint8)
    for image, sample in zip(pixels, samples):
        image[: sample.image.shape[0], : sample.image.shape[1]] = sample.image
    channels_last = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2)  # the faster layout for convolutions
    return channels_last / 255


def predict(model: Detector, samples: Sequence[Sample], device: str) -> list[Prediction]:
    """Detect in images, batch by batch."""
    model.eval()
    predictions: list[Prediction] = []
    for first in range(0, len(samples), BATCH):
        for found in model.predict(images_of(samples[first : first + BATCH], device)):
            boxes, scores, labels = (found[key].cpu().numpy() for key in ("boxes", "scores", "labels"))
            predictions.append(Prediction(boxes, scores, labels))
    return predictions
