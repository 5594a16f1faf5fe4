"""What a backend is asked for: which formula, over which entries. Every backend serves these four loops."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detloss.geometry import AxisAligned


@dataclass(frozen=True)
class ElementLoop:
    """One entry an element: `formula(m, pred, target, *parameters)`."""

    formula: Callable[..., Any]


@dataclass(frozen=True)
class BinaryLoop:
    """The element loop over logits, whose targets are 0/1, soft, or class indices with one dimension fewer."""

    formula: Callable[..., Any]
    ignore_index: int | None
    label_smoothing: float


@dataclass(frozen=True)
class RowLoop:
    """One entry a row of logits: `formula(m, nll, likelihood, missing, *parameters)` of the target's class."""

    formula: Callable[..., Any]
    ignore_index: int
    label_smoothing: float


@dataclass(frozen=True)
class PairLoop:
    """One entry a pair of rows: a penalty on a geometry's measures; `measure` asks for the similarity instead."""

    formula: Callable[..., Any]
    geometry: AxisAligned
    with_angle: bool
    measure: bool


Loop = ElementLoop | BinaryLoop | RowLoop | PairLoop
