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
class Boxes:
    """Boxes by axis: every tensor is (2, n), x and then y."""

    center: Tensor
    side: Tensor

    @cached_property
    def low(self) -> Tensor:
        """The left and the upper edge."""
        return self.center - self.side / 2

    @cached_property
    def high(self) -> Tensor:
        """The right and the lower edge."""
        return self.center + self.side / 2


class Area(NamedTuple):
    """An area of each pair, (n,), and its derivative by an outward shift of the box's edges: (low and high, 2, n)."""

    size: Tensor
    by_edge: Tensor


@dataclass(frozen=True)
class BoxPairs:
    """Boxes and their targets."""

    box: Boxes
    target: Boxes

    @classmethod
    def of(cls, boxes: Tensor, targets: Tensor) -> "BoxPairs":
        """Split (n, 4) rows of center and sides by axis."""
        return cls(*(Boxes(*rows.T.contiguous().view(2, 2, -1)) for rows in (boxes, targets)))

    @cached_property
    def offset(self) -> Tensor:
        """From the center of the box to that of the target: (2, n)."""
        return self.target.center - self.box.center

    @cached_property
    def distance(self) -> Tensor:
        """rho^2, the squared distance of the centers: (n,)."""
        return self.offset.square().sum(0)

    @cached_property
    def overlap(self) -> Tensor:
        """The overlap along each axis, (2, n); negative if the boxes are disjoint along it."""
        return torch.minimum(self.box.high, self.target.high) - torch.maximum(self.box.low, self.target.low)

    @cached_property
    def span(self) -> Tensor:
        """The sides of the enclosing box: (2, n)."""
        return torch.maximum(self.box.high, self.target.high) - torch.minimum(self.box.low, self.target.low)

    @cached_property
    def outside(self) -> Tensor:
        """1 for an edge of the box outside the target's, else 0: (low and high, 2, n)."""
        return torch.stack([self.box.low < self.target.low, self.box.high > self.target.high]).to(self.offset.dtype)

    @cached_property
    def inside(self) -> Tensor:
        """1 for an edge of the box inside the target's, else 0: (low and high, 2, n)."""
        return torch.stack([self.box.low > self.target.low, self.box.high < self.target.high]).to(self.offset.dtype)

    @cached_property
    def overlapping(self) -> Tensor:
        """Whether the intersection has an area: (n,)."""
        return (self.overlap > 0).all(0)

    @cached_property
    def intersection(self) -> Area:
        """The product of the overlaps; for disjoint boxes one or both factors are negative."""
        return Area(self.overlap.prod(0), self.inside * self.overlap.flip(0))

    @cached_property
    def union(self) -> Area:
        """Both areas less the intersection."""
        areas = self.box.side.prod(0) + self.target.side.prod(0)
        return Area(areas - self.intersection.size, self.box.side.flip(0) - self.intersection.by_edge)

    @cached_property
    def enclosure(self) -> Area:
        """The area of the enclosing box."""
        return Area(self.span.prod(0), self.outside * self.span.flip(0))

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


def overlap(pairs: BoxPairs) -> Step:
    """The ascent of IoU; disjoint boxes do not move."""
    center, side = ascent(pairs.intersection, pairs.union)
    return Step(torch.where(pairs.overlapping, center, 0.0), torch.where(pairs.overlapping, side, 0.0))


def enclosure(pairs: BoxPairs) -> Step:
    """The ascent of GIoU's union / enclosure: (b) the union of disjoint boxes lacks an intersection that is not 0."""
    return ascent(pairs.union, pairs.enclosure)


def center_distance(pairs: BoxPairs) -> Step:
    """The descent of DIoU's rho^2 / c^2: (c) the derivative of c^2 is wrong, for centers and for sides."""
    low, high = pairs.outside
    both, half = low * high, (low + high) / 2
    own = half - 2 * both  # -1 where both edges are outside
    strength = pairs.distance / pairs.diagonal.square()
    return Step(
        2 * pairs.offset / pairs.diagonal - 2 * pairs.span.sum(0) * (high - low) * strength,
        2 * (pairs.span * own + pairs.span.flip(0) * half) * strength,
    )


def aspect_ratio(pairs: BoxPairs) -> Step:
    """The descent of CIoU's aspect term with a constant weight: (d) without the division by w^2 + h^2."""
    (width, height), (target_width, target_height) = pairs.box.side, pairs.target.side
    difference = torch.atan(target_width / target_height) - torch.atan(width / height)
    penalty = (2 / math.pi * difference).square()
    iou = torch.where(pairs.overlapping, pairs.intersection.size / pairs.union.size, 0.0)
    weight = torch.where(penalty > 0, penalty / (1 - iou + penalty), 0.0)
    strength = 8 / math.pi**2 * weight * difference
    return Step(torch.zeros_like(pairs.offset), torch.stack([strength * height, -strength * width]))


TERMS: Mapping[str, Sequence[Term]] = {
    "iou": (overlap,),
    "giou": (overlap, enclosure),
    "diou": (overlap, center_distance),
    "ciou": (overlap, center_distance, aspect_ratio),
}
"""The terms of the losses that the authors implemented, by the name in the catalog."""


def published_gradient(terms: Sequence[Term], boxes: Tensor, targets: Tensor) -> Tensor:
    """The negative sum of the steps of all terms, which takes the place of a gradient: (n, 4) rows."""
    pairs = BoxPairs.of(boxes, targets)
    center, side = (sum(steps) for steps in zip(*(term(pairs) for term in terms), strict=True))
    return (-torch.cat([center, side])).T


def ascent(part: Area, whole: Area) -> Step:
    """The ascent of part / whole: (a) twice the true step for sides, of which each edge moves by a half."""
    ratio = part.size / whole.size
    at_low, at_high = (part.by_edge - ratio * whole.by_edge) / whole.size
    return Step(at_high - at_low, at_low + at_high)
