"""A penalty on pairs of rows: what losses and measures share."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.geometry import AxisAligned, Geometry, Mixed, Shape
from detloss.kernels.interface import ConvexLoop, PairLoop, needs_of

ENCLOSING = (None, "box", "hull")
GEOMETRIES = (*Shape.__subclasses__(), Mixed)


class Way(NamedTuple):
    """What follows from a penalty and a geometry, whatever the rows are."""

    loop: PairLoop | ConvexLoop
    shapes: tuple[Shape, Shape]
    dimensions: tuple[int, int]  # of a row

    def leading(self, first: Tensor, second: Tensor) -> tuple[torch.Size, torch.Size]:
        """The shapes that the rows of both operands are in."""
        return first.shape[: -self.dimensions[0]], second.shape[: -self.dimensions[1]]


def way_of(penalty: Callable[..., Any], geometry: Geometry, enclosing: str | None, measure: bool) -> Way:
    """What follows from these; found out once, since that takes as long as a small loss."""
    if type(geometry) not in GEOMETRIES:
        shapes_of(geometry)
    compiling = torch.compiler.is_compiling()  # compilers do not look into caches
    return (find_way if compiling else known_way)(penalty, geometry, enclosing, measure)


def find_way(penalty: Callable[..., Any], geometry: Geometry, enclosing: str | None, measure: bool) -> Way:
    """The loop over pairs of these shapes: boxes of one format have one of their own."""
    shapes = shapes_of(geometry)
    loop: PairLoop | ConvexLoop
    if isinstance(geometry, AxisAligned) and enclosing != "hull":
        loop = PairLoop(penalty, geometry, measure)
    else:
        region = (enclosing or "hull") if "enclosure_excess" in needs_of(penalty) else None
        loop = ConvexLoop(penalty, shapes, region, measure)
    for name in sorted(loop.needs - loop.provided):
        raise ValueError(
            f"geometry: expected one with the measure {name}, which {penalty.__name__} reads, got {geometry}"
        )
    return Way(loop, shapes, (len(shapes[0].row), len(shapes[1].row)))


known_way = functools.cache(find_way)


def loss(
    name: str,
    penalty: Callable[..., Any],
    pred: Tensor,
    target: Tensor,
    geometry: Geometry,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
    enclosing: str | None = None,
) -> Tensor:
    """A penalty on pairs of rows."""
    way = way_of(penalty, geometry, enclosing, False)
    checks.rows("pred", pred, way.shapes[0])
    checks.rows("target", target, way.shapes[1])
    checks.same_device("target", target, "pred", pred)
    leading, target_leading = way.leading(pred, target)
    if leading != target_leading:
        raise ValueError(f"target: expected as many rows as pred, {tuple(pred.shape)}, got {tuple(target.shape)}")
    return evaluate(
        name,
        way.loop,
        in_one_dimension(pred, way.dimensions[0]),
        in_one_dimension(target, way.dimensions[1]),
        operands=("pred", "target"),
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def measure(
    name: str,
    penalty: Callable[..., Any],
    a: Tensor,
    b: Tensor,
    geometry: Geometry,
    pairwise: bool,
    enclosing: str | None = None,
) -> Tensor:
    """A similarity of pairs of rows, row by row or every one with every other."""
    way = way_of(penalty, geometry, enclosing, True)
    checks.rows("a", a, way.shapes[0])
    checks.rows("b", b, way.shapes[1])
    checks.same_device("b", b, "a", a)
    leading, other_leading = way.leading(a, b)
    if not pairwise and leading != other_leading:
        raise ValueError(f"b: expected as many rows as a, {tuple(a.shape)}, got {tuple(b.shape)}")
    a, b = in_one_dimension(a, way.dimensions[0]), in_one_dimension(b, way.dimensions[1])
    if pairwise:
        if not leading or len(other_leading) != len(leading) or leading[:-1] != other_leading[:-1]:
            raise ValueError(
                "b: expected (..., M) rows beside (..., N) rows of a with the same leading dimensions for "
                f"pairwise=True, got {tuple(other_leading)} beside {tuple(leading)}"
            )
        a = a.unsqueeze(-2).expand(*leading, other_leading[-1], -1)
        b = b.unsqueeze(-3).expand(*leading, *b.shape[-2:])
    return evaluate(name, way.loop, a, b, operands=("a", "b"), reduction="none")


def shapes_of(geometry: object) -> tuple[Shape, Shape]:
    """The shapes of both operands, of a geometry and not of its class or its name."""
    if isinstance(geometry, Mixed):
        return geometry.first, geometry.second
    if isinstance(geometry, Shape):
        return geometry, geometry
    given = geometry.__name__ + ", the class itself" if isinstance(geometry, type) else repr(geometry)
    raise TypeError(f"geometry: expected an instance such as AxisAligned(), got {given}")


def in_one_dimension(rows: Tensor, dimensions: int) -> Tensor:
    """Rows of vertices as rows of numbers."""
    return rows.flatten(-2) if dimensions == 2 else rows


def enclosure(geometry: object, enclosing: str | None) -> None:
    """An enclosing region that the geometry has."""
    if enclosing not in ENCLOSING:
        raise ValueError(f"enclosing: expected None, 'box' or 'hull', got {enclosing!r}")
    for shape in shapes_of(geometry) if enclosing == "hull" else ():
        if shape.dims not in (2, 3):
            raise ValueError(f"enclosing: expected None or 'box' for {shape}, got 'hull'")
