"""The update that the authors of the DIoU paper implemented by hand, which is not the gradient of their losses.

It differs in four places, marked (a) to (d); docs/simulate.rst describes their effect on the published curves.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

import torch
from torch import Tensor

import detloss


class Step(NamedTuple):
    """The change of the centers and of the sides of boxes, each (2, n): x and then y."""

    center: Tensor
    side: Tensor


def area(side: Tensor) -> Tensor:
    """The product of two sides: (n,)."""
    return side[0] * side[1]


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
    def offset(self) -> Tensor:
        """The offset of the target's center."""
        return self.target_center - self.center

    @cached_property
    def excess(self) -> Tensor:
        """The distance by which an edge of the box is outside the target's, or less than 0: (low and high, 2, n)."""
        margin = (self.side - self.target_side) / 2
        return torch.stack([margin + self.offset, margin - self.offset])

    @cached_property
    def outside(self) -> Tensor:
        """1 for an edge of the box outside the target's, and 0 for one inside: (low and high, 2, n)."""
        return (self.excess > 0).to(self.excess.dtype)

    @cached_property
    def overlap(self) -> Tensor:
        """The overlap along each axis; negative if the boxes are disjoint along it."""
        return self.target_side + self.excess.clamp_max(0.0).sum(0)

    @cached_property
    def span(self) -> Tensor:
        """The sides of the enclosing box."""
        return self.side + self.target_side - self.overlap

    @cached_property
    def union(self) -> Tensor:
        """Both areas less the product of the overlaps, one or both of which are negative for disjoint boxes: (n,)."""
        return area(self.side) + area(self.target_side) - area(self.overlap)

    @cached_property
    def iou(self) -> Tensor:
        """The intersection over the union: (n,)."""
        return area(self.overlap.clamp_min(0.0)) / self.union

    @cached_property
    def distance(self) -> Tensor:
        """rho^2, the squared distance of the centers: (n,)."""
        return self.offset.square().sum(0)

    @cached_property
    def diagonal(self) -> Tensor:
        """c^2, the squared diagonal of the enclosing box: (n,)."""
        return self.span.square().sum(0)


Term = Callable[[BoxPairs], Step]
"""The step of one term of a loss."""


def enclosure(pairs: BoxPairs) -> Step:
    """The ascent of GIoU's union / enclosure: (a) twice the true step for sides, of which each edge moves by a half.

    (b) The union of disjoint boxes lacks an intersection that is not 0.
    """
    low, high = pairs.outside
    hull, across = area(pairs.span), pairs.overlap.flip(0)
    by_outside = across - pairs.union / hull * pairs.span.flip(0)
    by_side = 2 * (pairs.side.flip(0) - across) + (low + high) * by_outside
    return Step((high - low) * by_outside / hull, by_side / hull)


def center_distance(pairs: BoxPairs) -> Step:
    """The descent of DIoU's rho^2 / c^2: (c) the derivative of c^2 is wrong, for centers and for sides."""
    (low, high), half_perimeter = pairs.outside, pairs.span.sum(0)
    strength = 2 * pairs.distance / pairs.diagonal.square()
    return Step(
        2 / pairs.diagonal * pairs.offset - strength * half_perimeter * (high - low),
        strength * (half_perimeter / 2 * (low + high) - 2 * low * high * pairs.span),
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
    "iou": (),
    "giou": (enclosure,),
    "diou": (center_distance,),
    "ciou": (center_distance, aspect_ratio),
}
"""The terms besides IoU of the losses that the authors implemented, by the name in the catalog."""

CENTER_AND_SIDES = detloss.AxisAligned(format="cxcywh")


def published_gradient(terms: Sequence[Term], boxes: Tensor, targets: Tensor) -> Tensor:
    """The negative sum of the steps of IoU and of all terms, which takes the place of a gradient: (n, 4) rows."""
    boxes = boxes.detach().requires_grad_()
    loss = detloss.iou_loss(boxes, targets, geometry=CENTER_AND_SIDES, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, boxes)  # 0 for disjoint boxes
    gradient[:, 2:] *= 2  # (a)
    if terms:
        pairs = BoxPairs.of(boxes.detach(), targets)
        center, side = (reduce(torch.add, steps) for steps in zip(*(term(pairs) for term in terms), strict=True))
        gradient -= torch.cat([center, side]).T
    return gradient
