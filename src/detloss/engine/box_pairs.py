"""Penalties on pairs of rows: the shared implementation of box losses and measures."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.geometry import AxisAligned, Geometry, Mixed, Shape
from detloss.kernels.interface import BoxRequest, ConvexRequest, needs_of

GEOMETRIES = (*Shape.__subclasses__(), Mixed)


class PairPlan(NamedTuple):
    """The request of a penalty on a geometry, and the shapes of its operands."""

    request: BoxRequest | ConvexRequest
    shapes: tuple[Shape, Shape]
    row_ranks: tuple[int, int]  # the dimensions of a row of each operand

    def checked(
        self, names: tuple[str, str], first: Tensor, second: Tensor, pairwise: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Both operands with flat rows of their geometries, on one device; unless pairwise, as many rows of each."""
        first = checks.rows(names[0], first, self.shapes[0])
        second = checks.rows(names[1], second, self.shapes[1])
        checks.same_device(names[1], second, names[0], first)
        rank, other_rank = self.row_ranks
        are_pairs = first.shape == second.shape or first.shape[:-rank] == second.shape[:-other_rank]
        if not (are_pairs or pairwise):
            raise ValueError(
                f"{names[1]}: expected as many rows as {names[0]}, {tuple(first.shape)}, got {tuple(second.shape)}"
            )
        if rank == 2:
            first = first.flatten(-2)
        if other_rank == 2:
            second = second.flatten(-2)
        return first, second


def plan_of(penalty: Callable[..., Any], geometry: Geometry, enclosing: str | None, measure: bool) -> PairPlan:
    """The plan of a penalty on a geometry, from a cache: to make one takes as long as a small loss."""
    if type(geometry) not in GEOMETRIES or enclosing not in checks.ENCLOSING:
        checks.enclosing_region(enclosing, geometry)
    compiling = torch.compiler.is_compiling()  # compilers do not support caches
    return (make_plan if compiling else cached_plan)(penalty, geometry, enclosing, measure)


def make_plan(penalty: Callable[..., Any], geometry: Geometry, enclosing: str | None, measure: bool) -> PairPlan:
    """Axis-aligned boxes of one format have a request of their own, without a hull; all other pairs are convex."""
    checks.enclosing_region(enclosing, geometry)
    shapes = checks.shapes(geometry)
    request: BoxRequest | ConvexRequest
    if isinstance(geometry, AxisAligned) and enclosing != "hull":
        request = BoxRequest(penalty, geometry, measure)
    else:
        region = (enclosing or "hull") if "enclosure_excess" in needs_of(penalty) else None
        request = ConvexRequest(penalty, shapes, region, measure)
    for name in sorted(request.needs - request.provided):
        raise ValueError(
            f"geometry: expected one with the measure {name}, which {penalty.__name__} reads, got {geometry}"
        )
    return PairPlan(request, shapes, (len(shapes[0].row), len(shapes[1].row)))


cached_plan = functools.cache(make_plan)


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
    parameters: Sequence[float | Tensor] = (),
) -> Tensor:
    """A penalty with its parameters on pairs of rows."""
    names = "pred", "target"
    plan = plan_of(penalty, geometry, enclosing, measure=False)
    pred, target = plan.checked(names, pred, target)
    return evaluate(
        name,
        plan.request,
        pred,
        target,
        operands=names,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=parameters,
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
    """A similarity of pairs of rows, row by row or of every row of `a` with every row of `b`."""
    names = "a", "b"
    plan = plan_of(penalty, geometry, enclosing, measure=True)
    a, b = plan.checked(names, a, b, pairwise)
    if pairwise:
        leading, other_leading = a.shape[:-1], b.shape[:-1]
        if not leading or len(other_leading) != len(leading) or leading[:-1] != other_leading[:-1]:
            raise ValueError(
                "b: expected (..., M) rows beside (..., N) rows of a with the same leading dimensions for "
                f"pairwise=True, got {tuple(other_leading)} beside {tuple(leading)}"
            )
        a = a.unsqueeze(-2).expand(*leading, other_leading[-1], -1)
        b = b.unsqueeze(-3).expand(*leading, *b.shape[-2:])
    return evaluate(name, plan.request, a, b, operands=names, reduction="none")
