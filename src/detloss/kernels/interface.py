"""What a backend is asked for: which formula, over which entries. Every backend serves the first four loops."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.formulas.axis_aligned import measures_of_boxes
from detloss.formulas.measures import EVERY_GEOMETRY, RECTANGLES, needs
from detloss.geometry import AxisAligned, Rotated, Shape
from detloss.kernels.eager.class_sharding import Spread

known_needs = functools.cache(needs)


def needs_of(penalty: Callable[..., Any]) -> frozenset[str]:
    """The measures that a penalty reads, evaluated once per penalty; compilers do not support caches."""
    return (needs if torch.compiler.is_compiling() else known_needs)(penalty)


class ElementLoop(NamedTuple):
    """One entry an element: `formula(m, pred, target, *parameters)`."""

    formula: Callable[..., Any]


class BinaryLoop(NamedTuple):
    """The element loop over logits, whose targets are 0/1, soft, or class indices with one dimension fewer."""

    formula: Callable[..., Any]
    ignore_index: int | None
    label_smoothing: float

    def last_index(self, logits: Tensor) -> int:
        """The highest class index that a target may have: background."""
        return logits.shape[-1]


class RowLoop(NamedTuple):
    """One entry a row of logits: `formula(m, nll, probability, complement, *parameters)` of the target's class."""

    formula: Callable[..., Any]
    ignore_index: int
    label_smoothing: float

    def last_index(self, logits: Tensor) -> int:
        """The highest class index that a target may have."""
        return logits.shape[-1] - 1


class PairLoop(NamedTuple):
    """One entry a pair of rows: a penalty on a geometry's measures; `measure` asks for the similarity instead."""

    formula: Callable[..., Any]
    geometry: AxisAligned
    measure: bool

    @property
    def needs(self) -> frozenset[str]:
        """The measures that the penalty reads."""
        return needs_of(self.formula)

    @property
    def provided(self) -> frozenset[str]:
        """The measures that a penalty may read."""
        return measures_of_boxes(self.geometry.dims)


class ConvexLoop(NamedTuple):
    """One entry a pair of convex bodies, each a row of its shape's numbers laid end to end.

    `enclosing` is the enclosing region of a penalty that reads its size, else None; `measure` asks for the similarity
    instead.
    """

    formula: Callable[..., Any]
    shapes: tuple[Shape, Shape]
    enclosing: str | None
    measure: bool

    @property
    def needs(self) -> frozenset[str]:
        """The measures that the penalty reads."""
        return needs_of(self.formula)

    @property
    def provided(self) -> frozenset[str]:
        """The measures that a penalty may read."""
        is_planar = self.shapes[0].dims == 2
        have_sides = all(isinstance(shape, Rotated | AxisAligned) for shape in self.shapes)
        return RECTANGLES if is_planar and have_sides else EVERY_GEOMETRY


class GaussianLoop(NamedTuple):
    """One entry a pair of rotated boxes as Gaussians: a penalty on a divergence, which is the formula.

    `is_relative` says that the divergence is measured in the boxes' own sizes.
    """

    formula: Callable[..., Any]
    penalty: Callable[..., Any]
    is_relative: bool


class SpreadRowLoop(NamedTuple):
    """The row loop where the classes of a row are spread over ranks: for the reference backend alone."""

    formula: Callable[..., Any]
    ignore_index: int
    label_smoothing: float
    spread: Spread

    def last_index(self, logits: Tensor) -> int:
        """The highest class index that a target may have."""
        return self.spread.classes - 1


Loop = ElementLoop | BinaryLoop | RowLoop | PairLoop | ConvexLoop | GaussianLoop | SpreadRowLoop
BY_ROW = (RowLoop, PairLoop, ConvexLoop, GaussianLoop, SpreadRowLoop)  # one entry a row; the others have one an element
