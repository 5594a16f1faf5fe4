"""Boxes before their targets, seen axis by axis: what the steps that the losses themselves do not have are made of."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Boxes:
    """Boxes axis by axis: every part is (2, n), along x, then along y."""

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


class Measure(NamedTuple):
    """A number of each pair, (n,), and what it gains where an edge of the box moves outwards: (low and high, 2, n)."""

    size: Tensor
    by_edge: Tensor


@dataclass(frozen=True)
class Pair:
    """Boxes and their targets."""

    box: Boxes
    target: Boxes

    @classmethod
    def of(cls, boxes: Tensor, targets: Tensor) -> "Pair":
        """Read (n, 4) rows of center and sides."""
        return cls(*(Boxes(*rows.T.contiguous().view(2, 2, -1)) for rows in (boxes, targets)))

    @cached_property
    def gap(self) -> Tensor:
        """From the box's center to the target's: (2, n)."""
        return self.target.center - self.box.center

    @cached_property
    def distance(self) -> Tensor:
        """rho^2, the square of the gap: (n,)."""
        return self.gap.square().sum(0)

    @cached_property
    def shared(self) -> Tensor:
        """What both share of each axis, (2, n); less than 0 where they are apart."""
        return torch.minimum(self.box.high, self.target.high) - torch.maximum(self.box.low, self.target.low)

    @cached_property
    def span(self) -> Tensor:
        """The sides of the smallest box around both: (2, n)."""
        return torch.maximum(self.box.high, self.target.high) - torch.minimum(self.box.low, self.target.low)

    @cached_property
    def outside(self) -> Tensor:
        """1 for an edge of the box that lies further out than the target's, else 0: (low and high, 2, n)."""
        return torch.stack([self.box.low < self.target.low, self.box.high > self.target.high]).to(self.gap.dtype)

    @cached_property
    def inside(self) -> Tensor:
        """1 for an edge of the box that lies further in than the target's, else 0: (low and high, 2, n)."""
        return torch.stack([self.box.low > self.target.low, self.box.high < self.target.high]).to(self.gap.dtype)

    @cached_property
    def touching(self) -> Tensor:
        """Which boxes share area with their targets: (n,)."""
        return (self.shared > 0).all(0)

    @cached_property
    def intersection(self) -> Measure:
        """The product of what is shared; of boxes that are apart, of two numbers of which one is negative or both."""
        return Measure(self.shared.prod(0), self.inside * self.shared.flip(0))

    @cached_property
    def union(self) -> Measure:
        """Both areas without the intersection."""
        areas = self.box.side.prod(0) + self.target.side.prod(0)
        return Measure(areas - self.intersection.size, self.box.side.flip(0) - self.intersection.by_edge)

    @cached_property
    def enclosure(self) -> Measure:
        """The area of the smallest box around both."""
        return Measure(self.span.prod(0), self.outside * self.span.flip(0))

    @cached_property
    def diagonal(self) -> Tensor:
        """c^2, the squared diagonal of the smallest box around both: (n,)."""
        return self.span.square().sum(0)
