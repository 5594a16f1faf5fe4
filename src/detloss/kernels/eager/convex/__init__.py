"""Pairs of convex bodies in torch operations: the rows of two shapes become measures, and derivatives come back.

A *body* is what one row stands for. Bodies and the measures of a pair come with a function that carries derivatives
back, written out and not left to autograd: where edges coincide, autograd would divide by their angle.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from detloss.formulas.measures import ConvexMeasures, Slopes, convex_pair, convex_slopes
from detloss.geometry import AxisAligned, Cuboid, Polytope, Rotated, Shape
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import cuboids, polygon_overlap, polytope_overlap
from detloss.kernels.interface import ConvexRequest

PAIRS_AT_ONCE = {2: 1 << 14, 3: 1 << 11}  # by axes: so that what lies between stays small, however many there are


class Pairs(NamedTuple):
    """Loss or similarity of every pair, and the derivatives by its two rows."""

    value: Tensor
    d_first: Tensor
    d_second: Tensor


def evaluate(request: ConvexRequest, first: Tensor, second: Tensor) -> Pairs:
    """All pairs, some at a time, in float64."""
    rows = [operand.reshape(-1, operand.shape[-1]) for operand in (first, second)]
    # A graph has a fixed number of nodes, for any number of pairs.
    compiling = torch.compiler.is_compiling()
    at_once = PAIRS_AT_ONCE[request.shapes[0].dims]
    chunks = [rows] if compiling else zip(*(torch.split(operand, at_once) for operand in rows))
    parts = [evaluate_at_once(request, *chunk) for chunk in chunks]
    value, d_first, d_second = (torch.cat(part) for part in zip(*parts))
    return Pairs(value.view(first.shape[:-1]), d_first.view(first.shape), d_second.view(second.shape))


def evaluate_at_once(request: ConvexRequest, first: Tensor, second: Tensor) -> Pairs:
    """Pairs (N, numbers), as a penalty sees them."""
    dtype = first.dtype
    first, second = first.to(torch.float64), second.to(torch.float64)
    lengths = [lengths_of(shape, operand) for shape, operand in zip(request.shapes, (first, second))]
    largest = torch.maximum(*((rows * mask).abs().amax(-1) for rows, mask in zip((first, second), lengths)))
    scale = primitives.scale(largest, max(shape.dims for shape in request.shapes)).unsqueeze(-1)
    factors = [torch.where(mask, scale, 1.0) for mask in lengths]
    shapes = meet(request, first * factors[0], second * factors[1])

    pair, by_sides = convex_pair(primitives, shapes)
    loss, similarity, slopes = request.formula(primitives, pair)
    loss, similarity, *slopes = (torch.as_tensor(each).expand_as(shapes.size) for each in (loss, similarity, *slopes))
    by_rows = shapes.backward(convex_slopes(Slopes(*slopes), by_sides))
    # The loss of identical shapes is exactly 0, whatever rounding makes of it; but not with a box around rotated ones.
    nearest = shapes.identical & (request.enclosing != "box")
    if pair.aspect_angle is not None:
        nearest = nearest & (pair.aspect_angle == 0.0)
    best = torch.where(nearest, 1.0, similarity) if request.measure else torch.where(nearest, 0.0, loss)
    # A number that is not finite must not hide behind a comparison: this is 0 for finite rows, NaN for the others.
    poison = 0.0 * (first.sum(-1) + second.sum(-1))
    value = best + poison
    sign = -1.0 if request.measure else 1.0
    derivatives = (
        sign * torch.where(nearest.unsqueeze(-1), 0.0, by_row) * factor + poison.unsqueeze(-1)
        for by_row, factor in zip(by_rows, factors)
    )
    return Pairs(value.to(dtype), *(derivative.to(dtype) for derivative in derivatives))


def meet(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of the bodies of two rows, by the cheapest algorithm that both shapes have."""
    if request.shapes[0].dims == 2:
        return polygon_overlap.meet(request, first, second)
    if all(isinstance(shape, Cuboid | AxisAligned) for shape in request.shapes):
        return cuboids.meet(request, first, second)
    return polytope_overlap.meet(request, first, second)


def lengths_of(shape: Shape, rows: Tensor) -> Tensor:
    """Which numbers of a row are lengths, and grow with the picture."""
    lengths = torch.ones(rows.shape[-1], dtype=torch.bool, device=rows.device)
    if isinstance(shape, Rotated | Cuboid):
        lengths[-1] = False
    if isinstance(shape, Polytope) and shape.form == "halfspaces":
        lengths = lengths.view(-1, 4) & torch.tensor([False, False, False, True], device=rows.device)
    return lengths.flatten()
