"""The update that the authors of the DIoU paper implemented by hand, which is not the gradient of their losses.

It differs in four places, marked (a) to (d); docs/simulate.rst describes their effect on the published curves.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class BoxPairs:
    """Boxes and their targets by axis: a tensor is (2, n), x and then y, unless its property states another shape."""

    center: Tensor
    side: Tensor
    target_center: Tensor
    target_side: Tensor

    @classmethod
    def of(cls, boxes: Tensor, targets: Tensor) -> "BoxPairs":
        """Split (n, 4) rows of center and sides by axis."""
        return cls(*(part for rows in (boxes, targets) for part in rows.T.contiguous().view(2, 2, -1)))

    @cached_property
    def edges(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The lower and the upper edge of the box, then those of the target."""
        half, target_half = self.side / 2, self.target_side / 2
        centers = self.center, self.target_center
        return centers[0] - half, centers[0] + half, centers[1] - target_half, centers[1] + target_half

    @cached_property
    def outside(self) -> Tensor:
        """Whether an edge of the box is outside the target's: (low and high, 2, n)."""
        low, high, target_low, target_high = self.edges
        return torch.stack([low < target_low, high > target_high])

    @cached_property
    def overlap(self) -> Tensor:
        """The overlap along each axis; negative if the boxes are disjoint along it."""
        low, high, target_low, target_high = self.edges
        return torch.where(high < target_high, high, target_high) - torch.where(low > target_low, low, target_low)

    @cached_property
    def span(self) -> Tensor:
        """The sides of the enclosing box."""
        low, high, target_low, target_high = self.edges
        return torch.where(self.outside[1], high, target_high) - torch.where(self.outside[0], low, target_low)

    @cached_property
    def union(self) -> Tensor:
        """Both areas less the product of the overlaps, one or both of which are negative for disjoint boxes: (n,)."""
        return self.side.prod(0) + self.target_side.prod(0) - self.overlap.prod(0)

    @cached_property
    def iou(self) -> Tensor:
        """The intersection over the union: (n,)."""
        return torch.where((self.overlap > 0).all(0), self.overlap.prod(0) / self.union, 0.0)

    @cached_property
    def distance(self) -> Tensor:
        """rho^2, the squared distance of the centers: (n,)."""
        return (self.target_center - self.center).square().sum(0)

    @cached_property
    def diagonal(self) -> Tensor:
        """c^2, the squared diagonal of the enclosing box: (n,)."""
        return self.span.square().sum(0)


class Step(NamedTuple):
    """The change of the centers and of the sides of boxes, each (2, n): x and then y."""

    center: Tensor
    side: Tensor


Term = Callable[[BoxPairs], Step]
"""The step of one term of a loss."""


def ascent(measure: Tensor, pairs: BoxPairs) -> Step:
    """The ascent of a measure: (a) twice the true step for sides, of which each edge moves by a half."""
    center, side = torch.autograd.grad(measure.sum(), (pairs.center, pairs.side), retain_graph=True)
    return Step(center, 2 * side)


def overlap(pairs: BoxPairs) -> Step:
    """The ascent of IoU; disjoint boxes do not move."""
    return ascent(pairs.iou, pairs)


def enclosure(pairs: BoxPairs) -> Step:
    """The ascent of GIoU's union / enclosure: (b) the union of disjoint boxes lacks an intersection that is not 0."""
    return ascent(pairs.union / pairs.span.prod(0), pairs)


def center_distance(pairs: BoxPairs) -> Step:
    """The descent of DIoU's rho^2 / c^2: (c) the derivative of c^2 is wrong, for centers and for sides."""
    low, high = pairs.outside.to(pairs.span.dtype)
    both, half = low * high, (low + high) / 2
    own = half - 2 * both  # -1 where both edges are outside
    strength = pairs.distance / pairs.diagonal.square()
    offset = pairs.target_center - pairs.center
    return Step(
        2 * offset / pairs.diagonal - 2 * pairs.span.sum(0) * (high - low) * strength,
        2 * (pairs.span * own + pairs.span.flip(0) * half) * strength,
    )


def aspect_ratio(pairs: BoxPairs) -> Step:
    """The descent of CIoU's aspect term with a constant weight: (d) without the division by w^2 + h^2."""
    (width, height), (target_width, target_height) = pairs.side, pairs.target_side
    difference = torch.atan(target_width / target_height) - torch.atan(width / height)
    penalty = (2 / math.pi * difference).square()
    weight = torch.where(penalty > 0, penalty / (1 - pairs.iou + penalty), 0.0)
    strength = 8 / math.pi**2 * weight * difference
    return Step(torch.zeros_like(pairs.center), torch.stack([strength * height, -strength * width]))


TERMS: Mapping[str, Sequence[Term]] = {
    "iou": (overlap,),
    "giou": (overlap, enclosure),
    "diou": (overlap, center_distance),
    "ciou": (overlap, center_distance, aspect_ratio),
}
"""The terms of the losses that the authors implemented, by the name in the catalog."""


def published_gradient(terms: Sequence[Term], boxes: Tensor, targets: Tensor) -> Tensor:
    """The negative sum of the steps of all terms, which takes the place of a gradient: (n, 4) rows."""
    pairs = BoxPairs.of(boxes.detach().requires_grad_(), targets)
    center, side = (sum(steps) for steps in zip(*(term(pairs) for term in terms), strict=True))
    return -torch.cat([center, side]).T.detach()
