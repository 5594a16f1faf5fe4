"""One trial: a detector trained with one pair of losses and judged on images it never saw."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch
from torch import Tensor, nn

import detloss
from detloss.catalog import LOSSES, Kind, Loss
from detloss.detectors import UnitBox
from detloss.study.dataset import Dataset, Sample
from detloss.study.evaluation import Prediction, evaluate

# One setting for all losses, so that a comparison compares nothing else.
BATCH = 16
LEARNING_RATE = 6e-3
WEIGHT_DECAY = 0.05
WARM_UP = 0.15  # the share of the steps in which the learning rate rises
LONGEST_GRADIENT = 10.0
POINTS_OF_CURVE = 60  # a training curve has at most about this many points
PICTURED = 8  # validation images whose predictions a report draws


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
    """

    box: str
    cls: str
    weight: float
    seed: int
    steps: int
    phase: int = 2


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    Attributes:
        trial: The trial.
        ap: COCO's average precision on the validation images, in [0, 1].
        ap50: The same at IoU .50.
        ap75: The same at IoU .75.
        seconds: From the first step to the last validation image.
        curve: (step, classification loss, box loss), each loss the mean since the point before.
        predictions: In the first few validation images.
    """

    trial: Trial
    ap: float
    ap50: float
    ap75: float
    seconds: float
    curve: list[tuple[int, float, float]]
    predictions: list[Prediction]


def run_trial(trial: Trial, dataset: Dataset, *, on_progress: Callable[[int], None] | None = None) -> Outcome:
    """Train UnitBox with a trial's losses and judge it.

    Trials of one seed start from the same weights and see the same images in the same order, whatever their losses;
    the same trial on the same machine has the same outcome. The process is left with one torch thread.

    Args:
        trial: Losses, weight, seed and steps.
        dataset: What to train on and what to judge on.
        on_progress: Called after every step with the number of steps done.

    Returns:
        The outcome.

    Raises:
        ValueError: A loss is not in the catalog, or not of a kind that its place needs.
        FloatingPointError: A loss or its gradient is not finite.
    """
    torch.set_num_threads(1)  # several threads a trial slow each other down where every core has a trial
    box = named(trial.box, (Kind.REGRESSION, Kind.BOX))
    cls = named(trial.cls, (Kind.SIGMOID, Kind.SOFTMAX))
    start = perf_counter()
    model = build(box, cls, trial, dataset)
    curve = train(model, dataset.train, trial, on_progress or (lambda step: None))
    predictions = predict(model, dataset.validation)
    seconds = perf_counter() - start
    precision = evaluate(predictions, dataset.validation)
    return Outcome(
        trial=trial,
        ap=precision.ap,
        ap50=precision.ap50,
        ap75=precision.ap75,
        seconds=seconds,
        curve=curve,
        predictions=predictions[:PICTURED],
    )


def named(name: str, kinds: Sequence[Kind]) -> Loss:
    """Find a loss of one of these kinds in the catalog."""
    fitting = [loss for loss in LOSSES if loss.kind in kinds]
    for loss in fitting:
        if loss.name == name:
            return loss
    raise ValueError(f"loss: expected one of {', '.join(loss.name for loss in fitting)}, got {name!r}")


def build(box: Loss, cls: Loss, trial: Trial, dataset: Dataset) -> UnitBox:
    """Make the detector of a trial, with the initial weights of its seed."""
    geometry = {"geometry": detloss.AxisAligned(format="ltrb")} if box.kind is Kind.BOX else {}
    torch.manual_seed(trial.seed)
    model = UnitBox(
        len(dataset.class_names),
        box_loss=partial(box.function, **box.options, **geometry),
        class_loss=partial(cls.function, **cls.options),
        box_weight=trial.weight,
    )
    if cls.from_counts is not None:
        from_data = cls.from_counts(cells_of_classes(model, dataset.train))
        model.class_loss = partial(cls.function, **cls.options, **from_data)
    return model


def cells_of_classes(model: UnitBox, samples: Sequence[Sample]) -> list[float]:
    """Count the cells that each class has in all images, the background's last."""
    counts = torch.zeros(model.num_classes + 1, dtype=torch.int64)
    for sample in samples:
        height, width = (-(-side // model.stride) for side in sample.image.shape[:2])
        counts += model.assign(height, width, target_of(sample)).labels.bincount(minlength=len(counts))
    return counts.tolist()


def train(
    model: UnitBox, samples: Sequence[Sample], trial: Trial, on_progress: Callable[[int], None]
) -> list[tuple[int, float, float]]:
    """Train in place and return the curve of the losses."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=trial.steps, pct_start=WARM_UP)
    point = -(-trial.steps // POINTS_OF_CURVE)  # steps from one point of the curve to the next
    curve: list[tuple[int, float, float]] = []
    since_point: list[Tensor] = []
    model.train()
    for step, (images, targets) in zip(range(1, trial.steps + 1), batches(samples, trial.seed)):
        terms = model.loss(images, targets)
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
            classification, box = torch.stack(since_point).mean(dim=0).tolist()
            curve.append((step, classification, box))
            since_point.clear()
        on_progress(step)
    return curve


def batches(samples: Sequence[Sample], seed: int) -> Iterator[tuple[Tensor, list[dict[str, Tensor]]]]:
    """Yield images and targets without end, every sample once before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < BATCH:
            waiting += torch.randperm(len(samples), generator=generator).tolist()
        batch = [samples[index] for index in waiting[:BATCH]]
        del waiting[:BATCH]
        yield images_of(batch), [target_of(sample) for sample in batch]


def images_of(samples: Sequence[Sample]) -> Tensor:
    """Put images into one batch, black where one is smaller than the largest."""
    height = max(sample.image.shape[0] for sample in samples)
    width = max(sample.image.shape[1] for sample in samples)
    images = torch.zeros(len(samples), 3, height, width)
    for image, sample in zip(images, samples):
        pixels = torch.from_numpy(sample.image).permute(2, 0, 1)
        image[:, : pixels.shape[1], : pixels.shape[2]] = pixels / 255
    return images


def target_of(sample: Sample) -> dict[str, Tensor]:
    """Write a sample's boxes as the detector wants them."""
    return {"boxes": torch.from_numpy(sample.boxes), "labels": torch.from_numpy(sample.labels)}


def predict(model: UnitBox, samples: Sequence[Sample]) -> list[Prediction]:
    """Detect in images, batch by batch."""
    model.eval()
    predictions: list[Prediction] = []
    for first in range(0, len(samples), BATCH):
        for found in model.predict(images_of(samples[first : first + BATCH])):
            boxes, scores, labels = (found[key].numpy() for key in ("boxes", "scores", "labels"))
            predictions.append(Prediction(boxes, scores, labels))
    return predictions
