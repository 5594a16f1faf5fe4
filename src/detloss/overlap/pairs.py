"""A penalty on pairs of rows: what losses and measures share."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from detloss import arguments, formulas
from detloss.engine import evaluate
from detloss.geometry import AxisAligned
from detloss.kernels.loops import PairLoop


def loss(
    name: str,
    penalty: Callable[..., Any],
    pred: Tensor,
    target: Tensor,
    geometry: AxisAligned,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
) -> Tensor:
    """A penalty on pairs of rows."""
    shape_of(geometry)
    arguments.pair("pred", pred, "target", target)
    arguments.rows("pred", pred, geometry.row_length, geometry)
    return evaluate(
        name,
        PairLoop(penalty, geometry, with_angle=penalty is formulas.complete_iou, measure=False),
        pred,
        target,
        operands=("pred", "target"),
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def measure(
    name: str, penalty: Callable[..., Any], a: Tensor, b: Tensor, geometry: AxisAligned, pairwise: bool
) -> Tensor:
    """A similarity of pairs of rows, row by row or every one with every other."""
    shape_of(geometry)
    arguments.floating_tensor("a", a)
    arguments.floating_tensor("b", b)
    arguments.rows("a", a, geometry.row_length, geometry)
    arguments.rows("b", b, geometry.row_length, geometry)
    if pairwise:
        if a.dim() < 2 or b.dim() != a.dim() or a.shape[:-2] != b.shape[:-2]:
            raise ValueError(
                "b: expected (..., M, numbers) beside a (..., N, numbers) with the same leading dimensions for "
                f"pairwise=True, got {tuple(b.shape)} beside {tuple(a.shape)}"
            )
        arguments.same_device("b", b, "a", a)
        each, other = a.shape[-2], b.shape[-2]
        a, b = a.unsqueeze(-2), b.unsqueeze(-3)
        a = a.expand(*a.shape[:-2], other, a.shape[-1])
        b = b.expand(*b.shape[:-3], each, *b.shape[-2:])
    arguments.pair("a", a, "b", b)
    loop = PairLoop(penalty, geometry, with_angle=penalty is formulas.complete_iou, measure=True)
    return evaluate(name, loop, a, b, operands=("a", "b"), reduction="none")


def shape_of(geometry: object) -> None:
    """A geometry, not its class or its name."""
    if not isinstance(geometry, AxisAligned):
        given = geometry.__name__ + ", the class itself" if isinstance(geometry, type) else repr(geometry)
        raise TypeError(f"geometry: expected an instance such as AxisAligned(), got {given}")


def planar(geometry: AxisAligned) -> None:
    """Two dimensions: an aspect ratio has a width and a height."""
    shape_of(geometry)
    if geometry.dims != 2:
        raise ValueError(f"geometry: expected two dimensions for an aspect ratio, got dims={geometry.dims}")


def enclosure(geometry: AxisAligned, enclosing: str | None) -> None:
    """An enclosing region that the geometry has."""
    if enclosing not in (None, "box"):
        raise ValueError(f"enclosing: expected None or 'box' for {geometry}, got {enclosing!r}")
