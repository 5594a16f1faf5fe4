"""What a backend is asked for: which formula, over which entries. Every backend serves these four loops."""

from collections.abc import Callable
from typing import Any, NamedTuple

from detloss.geometry import AxisAligned


class ElementLoop(NamedTuple):
    """One entry an element: `formula(m, pred, target, *parameters)`."""

    formula: Callable[..., Any]


class BinaryLoop(NamedTuple):
    """The element loop over logits, whose targets are 0/1, soft, or class indices with one dimension fewer."""

    formula: Callable[..., Any]
    ignore_index: int | None
    label_smoothing: float


class RowLoop(NamedTuple):
    """One entry a row of logits: `formula(m, nll, likelihood, missing, *parameters)` of the target's class."""

    formula: Callable[..., Any]
    ignore_index: int
    label_smoothing: float


class PairLoop(NamedTuple):
    """One entry a pair of rows: a penalty on a geometry's measures; `measure` asks for the similarity instead."""

    formula: Callable[..., Any]
    geometry: AxisAligned
    with_angle: bool
    measure: bool


Loop = ElementLoop | BinaryLoop | RowLoop | PairLoop
