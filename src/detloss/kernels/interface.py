"""What a backend is asked for: which formula, over which entries. Every backend serves the first four loops."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from detloss.geometry import AxisAligned, Shape
from detloss.kernels.eager.class_sharding import Spread


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
    """One entry a row of logits: `formula(m, nll, likelihood, missing, *parameters)` of the target's class."""

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
    with_angle: bool
    measure: bool


class ConvexLoop(NamedTuple):
    """One entry a pair of convex bodies, each a row of its shape's numbers laid end to end.

    `enclosing` says which enclosing region a penalty needs, None where it needs none; `with_distance` whether it needs
    the distance of the centers, `with_angle` the aspect ratios; `measure` asks for the similarity instead.
    """

    formula: Callable[..., Any]
    shapes: tuple[Shape, Shape]
    enclosing: str | None
    with_distance: bool
    with_angle: bool
    measure: bool


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
