"""The experiment of `detloss simulate`: its cases, the gradients of a loss, and gradient descent from every case."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, Kind, Loss, Sizes
from detloss.experiments.errors import OptionError
from detloss.experiments.simulation.published_step import CENTER_AND_SIDES, TERMS, BoxPairs, published_gradient
from detloss.experiments.training.training_loop import keep_freed_memory

CENTER = 10.0  # center of every target, in x and in y
RADIUS = 3.0  # radius of the disc of anchor centers around the targets
ASPECT_RATIOS = (1 / 4, 1 / 3, 1 / 2, 1.0, 2.0, 3.0, 4.0)  # width to height, of targets and of anchors

TARGET_AREA = 1.0
ANCHOR_AREAS = (0.5, 0.67, 0.75, 1.0, 1.33, 1.5, 2.0)

SIZES = Sizes(image=(2 * CENTER, 2 * CENTER), objects=TARGET_AREA**0.5)  # sizes of the image and of the targets

CASES_PER_POINT = len(ANCHOR_AREAS) * len(ASPECT_RATIOS) * len(ASPECT_RATIOS)
ALL_POINTS = 5000  # number of points in the paper: 1 715 000 cases

STEPS = 200
POINTS_PER_BATCH = {"cpu": 64, "cuda": 5000}
"""Points evaluated together: as many as fit into the cache of a processor; all of them on a GPU."""

DEFAULT_LOSSES = ("l1", "l2", "smooth_l1", "iou", "log_iou", "giou", "diou", "ciou")
"""Names of the losses that are simulated unless others are chosen: those of the paper, and their relatives."""

WITH_DIAGONAL = (detloss.distance_iou_loss, detloss.complete_iou_loss)
"""Losses that divide by c^2, the squared diagonal of the enclosing box."""

WITH_OTHER_DIAGONALS = (detloss.efficient_iou_loss, detloss.shape_iou_loss, detloss.wise_iou_loss)
"""Losses that divide by c^2 or by its terms in another way."""

TotalLoss = Callable[[Tensor, Tensor], Tensor]
"""The sum of a loss over boxes and their targets, (n, 4) rows of center and sides."""

Gradient = Callable[[Tensor, Tensor], Tensor]
"""The derivative of the total loss by the boxes, or a substitute for it: (n, 4)."""


def anchor_centers(count: int, seed: int) -> Tensor:
    """Draw the centers of the anchors, uniform in the disc: (count, 2) float64."""
    area, turn = torch.rand(2, count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    radius, angle = RADIUS * area.sqrt(), 2.0 * math.pi * turn
    return CENTER + torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1)


def cases_at(points: Tensor) -> tuple[Tensor, Tensor]:
    """Combine every anchor at every point with every target: each (n * 343, 4) rows of center and sides.

    The cases of a point are adjacent.
    """
    center = torch.tensor([[CENTER, CENTER]])
    anchors = torch.cat([sides_of(area) for area in ANCHOR_AREAS]).to(points)
    targets = torch.cat([center.expand(len(ASPECT_RATIOS), 2), sides_of(TARGET_AREA)], dim=-1).to(points)
    shape = len(points), len(anchors), len(targets)
    return (
        torch.cat([points[:, None, None].expand(*shape, 2), anchors[:, None].expand(*shape, 2)], dim=-1).flatten(0, 2),
        targets.expand(*shape, 4).flatten(0, 2),
    )


def sides_of(area: float) -> Tensor:
    """Compute the widths and heights of the boxes of one area: (7, 2)."""
    ratio = torch.tensor(ASPECT_RATIOS, dtype=torch.float64)
    return torch.stack([(area * ratio).sqrt(), (area / ratio).sqrt()], dim=-1)


def exact(loss: Loss) -> Gradient:
    """The derivative of the loss."""
    return derivative(total(loss))


def detach(loss: Loss) -> Gradient:
    """The derivative of the loss with c^2 held constant; for a loss without c^2, its derivative."""
    value = total(loss)
    if loss.function not in WITH_DIAGONAL:
        return derivative(value)
    return derivative(lambda boxes, targets: value(boxes, targets) + diagonal_term(BoxPairs.of(boxes, targets)))


def published(loss: Loss) -> Gradient:
    """The update that the authors of the DIoU paper implemented by hand."""
    return partial(published_gradient, TERMS[loss.name])


GRADIENTS: Mapping[str, Callable[[Loss], Gradient]] = {"exact": exact, "detach": detach, "published": published}
"""Gradients by their names on the command line."""


def has_gradient(loss: Loss, gradient: str) -> bool:
    """Whether boxes can follow a gradient of a loss.

    Every loss of boxes or of their numbers has the exact one. The others are defined for the losses of the DIoU paper,
    and the one with c^2 held constant also for losses without c^2.
    """
    if gradient == "published":
        return loss.name in TERMS
    is_defined = gradient == "exact" or not (loss.modifiers or loss.function in WITH_OTHER_DIAGONALS)
    return loss.kind in (Kind.REGRESSION, Kind.BOX) and is_defined


def losses_with(gradient: str) -> tuple[Loss, ...]:
    """List the losses of the catalog that have a gradient."""
    return tuple(loss for loss in LOSSES if has_gradient(loss, gradient))


def default_losses(gradient: str) -> tuple[Loss, ...]:
    """List the losses of the catalog that are simulated unless others are chosen."""
    return tuple(loss for loss in losses_with(gradient) if loss.name in DEFAULT_LOSSES)


def total(loss: Loss) -> TotalLoss:
    """The sum of a loss: of a box loss over rows, of a regression loss over all numbers of the rows."""
    geometry = {"geometry": CENTER_AND_SIDES} if loss.kind is Kind.BOX else {}
    return loss.with_sizes(SIZES).build(**geometry, reduction="sum").eval()


def diagonal_term(pairs: BoxPairs) -> Tensor:
    """A zero whose derivative removes the part of the derivative of rho^2 / c^2 that comes from c^2."""
    return (pairs.distance / pairs.diagonal.detach() - pairs.distance / pairs.diagonal).sum()


def derivative(value: TotalLoss) -> Gradient:
    """The derivative of a sum by each of its boxes."""

    def gradient(boxes: Tensor, targets: Tensor) -> Tensor:
        boxes = boxes.detach().requires_grad_()
        (slope,) = torch.autograd.grad(value(boxes, targets), boxes)
        return slope

    return gradient


@dataclass(frozen=True)
class Course:
    """The error |dx| + |dy| + |dw| + |dh| of the boxes of one loss.

    `totals` are its sums over all cases, before the first step and after each; `final` is its mean over the cases of
    each point after the last step.
    """

    loss: Loss
    totals: list[float]
    final: Tensor

    @property
    def is_trivial(self) -> bool:
        """Whether the loss regresses the very numbers that the error is measured on."""
        return self.loss.kind is Kind.REGRESSION


@dataclass(frozen=True)
class Simulation:
    """The error of every loss along a gradient; `points` are the (n, 2) centers of the boxes before the first step."""

    gradient: str
    points: Tensor
    courses: Sequence[Course]

    @property
    def cases(self) -> int:
        """Number of boxes per loss."""
        return len(self.points) * CASES_PER_POINT

    def record(self) -> dict[str, object]:
        """Return the contents of simulate.json."""
        losses = {course.loss.name: course.totals for course in self.courses}
        return {"cases": self.cases, "gradient": self.gradient, "losses": losses}


def simulate(
    losses: Sequence[Loss],
    *,
    gradient: str,
    points: int,
    seed: int,
    device: str = "cpu",
    advance: Callable[[Loss, int], object] = lambda loss, points: None,
) -> Simulation:
    """Move boxes, 343 cases at every point, along a gradient of every loss: a key of `GRADIENTS`.

    `advance` is called with a loss and the number of points that have been finished. A loss that has no such gradient
    is an OptionError.
    """
    for loss in losses:
        if not has_gradient(loss, gradient):
            names = ", ".join(each.name for each in losses_with(gradient))
            raise OptionError(
                f"losses: expected some of {names} for the {gradient} gradient, "
                f"got {loss.name}, a loss of {loss.kind.value}"
            )
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("device: expected cpu, because torch finds no GPU, got cuda")
    start = anchor_centers(points, seed)
    courses = [
        descend(loss, GRADIENTS[gradient](loss), start.to(device), advance=partial(advance, loss)) for loss in losses
    ]
    return Simulation(gradient, start, courses)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch to one thread: for operations this short, the synchronization of several costs more than it saves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def descend(
    loss: Loss,
    gradient: Gradient,
    points: Tensor,
    *,
    points_per_batch: int | None = None,
    advance: Callable[[int], object] = lambda points: None,
) -> Course:
    """Move the boxes of all cases along a gradient.

    A step is ``rate * (2 - IoU) * gradient``, with the IoU before the step: distant boxes take longer steps. `points`
    are on the device to use; `advance` is called with the number of points that have been finished.
    """
    keep_freed_memory()
    totals = torch.zeros(STEPS + 1, dtype=torch.float64, device=points.device)
    final = []
    for part in torch.split(points, points_per_batch or POINTS_PER_BATCH[points.device.type]):
        boxes, targets = cases_at(part)
        totals[0] += (boxes - targets).abs().sum()
        for step in range(STEPS):
            length = learning_rate(step) * (2.0 - detloss.iou(boxes, targets, geometry=CENTER_AND_SIDES))
            boxes = boxes - length[:, None] * gradient(boxes, targets)
            totals[step + 1] += (boxes - targets).abs().sum()
        final.append((boxes - targets).abs().sum(-1).view(-1, CASES_PER_POINT).mean(-1))
        advance(len(part))
    return Course(loss, totals.tolist(), torch.cat(final).cpu())


def learning_rate(step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    if step < 160:
        return 0.1
    return 0.01 if step < 180 else 0.001
