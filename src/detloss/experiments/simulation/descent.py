"""The way of the boxes: 200 steps down a gradient, and how far they still are from their targets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

import detloss
from detloss.catalog import Kind, Loss
from detloss.experiments.simulation.cases import CASES_A_POINT, cases_at
from detloss.experiments.simulation.gradients import CENTER_AND_SIDES, GradientOf

STEPS = 200
POINTS_AT_ONCE = {"cpu": 24, "cuda": 5000}
"""What the cache of a processor holds; a GPU wants all that there is."""


@dataclass(frozen=True)
class Course:
    """How the error |dx| + |dy| + |dw| + |dh| of one loss's boxes falls.

    Attributes:
        loss: A row of the catalog.
        totals: The error of all cases together, before the first step and after each: 201 numbers.
        left: The mean error in the end of the cases of each point: (points,).
    """

    loss: Loss
    totals: list[float]
    left: Tensor

    @property
    def is_trivial(self) -> bool:
        """Whether the loss regresses the very numbers that the error is measured on."""
        return self.loss.kind is Kind.REGRESSION


def rate(step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if step < 160:
        return 0.1
    return 0.01 if step < 180 else 0.001


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: over operations this short, several lose more than they gain by waiting."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def descend(
    loss: Loss,
    gradient_of: GradientOf,
    points: Tensor,
    *,
    points_at_once: int | None = None,
    advance: Callable[[int], object] = lambda points: None,
) -> Course:
    """Let the boxes of every case go down a loss towards their targets.

    A step is ``rate * (2 - IoU) * gradient``, with the IoU before the step: boxes that are far off take longer ones.

    Args:
        loss: What to go down.
        gradient_of: Which gradient of it.
        points: (n, 2) centers of the boxes, on the device that calculates.
        points_at_once: Points whose cases are calculated together; as many as suit the device unless given.
        advance: Told how many more points are done.

    Returns:
        The course of the error.
    """
    gradient = gradient_of(loss)
    totals = torch.zeros(STEPS + 1, dtype=torch.float64, device=points.device)
    left = []
    for part in torch.split(points, points_at_once or POINTS_AT_ONCE[points.device.type]):
        boxes, targets = cases_at(part)
        totals[0] += (boxes - targets).abs().sum()
        for step in range(STEPS):
            length = rate(step) * (2.0 - detloss.iou(boxes, targets, geometry=CENTER_AND_SIDES))
            boxes = boxes - length[:, None] * gradient(boxes, targets)
            totals[step + 1] += (boxes - targets).abs().sum()
        left.append((boxes - targets).abs().sum(-1).view(-1, CASES_A_POINT).mean(-1))
        advance(len(part))
    return Course(loss, totals.tolist(), torch.cat(left).cpu())
