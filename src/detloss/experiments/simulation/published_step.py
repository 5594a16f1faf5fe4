"""The step that the authors of the DIoU paper wrote by hand: it does not go down the gradient of their losses.

It differs in four places, marked (a) to (d); docs/simulate.rst tells what they do to the published curves.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.experiments.simulation.axis_pair import Measure, Pair


class Step(NamedTuple):
    """What the centers and the sides of boxes gain, (2, n) each: along x, then along y."""

    center: Tensor
    side: Tensor


Part = Callable[[Pair], Step]
"""What one term of a loss does to the boxes."""


def overlap(pair: Pair) -> Step:
    """Up IoU; boxes that are apart stay."""
    center, side = up(pair.intersection, pair.union)
    return Step(torch.where(pair.touching, center, 0.0), torch.where(pair.touching, side, 0.0))


def enclosure(pair: Pair) -> Step:
    """Up GIoU's union / enclosure: (b) the union of boxes that are apart lacks an intersection that is not there."""
    return up(pair.union, pair.enclosure)


def nearness(pair: Pair) -> Step:
    """Down DIoU's rho^2 / c^2: (c) what c^2 gains is wrong, along x and y, in width and in height."""
    low, high = pair.outside
    both, half = low * high, (low + high) / 2
    own = half - 2 * both  # -1 where both edges are outside
    pull = pair.distance / pair.diagonal.square()
    return Step(
        2 * pair.gap / pair.diagonal - 2 * pair.span.sum(0) * (high - low) * pull,
        2 * (pair.span * own + pair.span.flip(0) * half) * pull,
    )


def aspect(pair: Pair) -> Step:
    """Down CIoU's term of the aspect ratio with a constant weight: (d) without the division by w^2 + h^2."""
    (width, height), (target_width, target_height) = pair.box.side, pair.target.side
    turn = torch.atan(target_width / target_height) - torch.atan(width / height)
    unlike = (2 / math.pi * turn).square()
    iou = torch.where(pair.touching, pair.intersection.size / pair.union.size, 0.0)
    weight = torch.where(unlike > 0, unlike / (1 - iou + unlike), 0.0)
    strength = 8 / math.pi**2 * weight * turn
    return Step(torch.zeros_like(pair.gap), torch.stack([strength * height, -strength * width]))


PARTS: Mapping[str, Sequence[Part]] = {
    "iou": (overlap,),
    "giou": (overlap, enclosure),
    "diou": (overlap, nearness),
    "ciou": (overlap, nearness, aspect),
}
"""The losses that the authors wrote a step for, by the name in the catalog."""


def backwards(parts: Sequence[Part], boxes: Tensor, targets: Tensor) -> Tensor:
    """What stands in the place of a gradient: the steps of all parts, with the other sign, as (n, 4) rows."""
    pair = Pair.of(boxes, targets)
    center, side = (sum(steps) for steps in zip(*(part(pair) for part in parts), strict=True))
    return (-torch.cat([center, side])).T


def up(part: Measure, whole: Measure) -> Step:
    """The step up part / whole: (a) twice the true one for sides, since each edge takes half of what a side gains."""
    ratio = part.size / whole.size
    at_low, at_high = (part.by_edge - ratio * whole.by_edge) / whole.size
    return Step(at_high - at_low, at_low + at_high)
