"""Losses and similarities of pairs of convex shapes, from their measures, in torch operations.

Shapes and the measures of a pair have an explicit backward function: where edges coincide, autograd would divide by the
angle between them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.formulas.measures import INNER, ConvexMeasures, ConvexSlopes, Slopes, convex_pair, convex_slopes
from detloss.formulas.modifiers import INNER_RATIO
from detloss.formulas.penalties import iou
from detloss.geometry import AxisAligned, Cuboid, Polytope, Rotated, Shape
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import cuboids, polygon_overlap, polytope_overlap
from detloss.kernels.eager.convex.inner_shapes import scaled_about_centers
from detloss.kernels.interface import ConvexRequest

PAIRS_PER_CHUNK = {2: 1 << 14, 3: 1 << 11}  # by the number of axes: limits intermediate memory


class Pairs(NamedTuple):
    """The loss or similarity of every pair, and its derivatives by both rows."""

    value: Tensor
    d_first: Tensor
    d_second: Tensor


def evaluate(request: ConvexRequest, first: Tensor, second: Tensor, parameters: Sequence[Tensor]) -> Pairs:
    """Evaluate all pairs, chunk by chunk, in float64; the parameters are numbers."""
    rows = [operand.reshape(-1, operand.shape[-1]) for operand in (first, second)]
    # A compiled graph has a fixed number of nodes for any number of pairs.
    compiling = torch.compiler.is_compiling()
    size = PAIRS_PER_CHUNK[request.shapes[0].dims]
    chunks = [rows] if compiling else zip(*(torch.split(operand, size) for operand in rows))
    parts = [evaluate_chunk(request, each, other, parameters) for each, other in chunks]
    value, d_first, d_second = (torch.cat(part) for part in zip(*parts))
    return Pairs(value.view(first.shape[:-1]), d_first.view(first.shape), d_second.view(second.shape))


def evaluate_chunk(request: ConvexRequest, first: Tensor, second: Tensor, parameters: Sequence[Tensor]) -> Pairs:
    """Evaluate pairs of rows (N, numbers)."""
    dtype = first.dtype
    first, second = first.to(torch.float64), second.to(torch.float64)
    lengths = [length_mask(shape, operand) for shape, operand in zip(request.shapes, (first, second))]
    largest = torch.maximum(*((rows * mask).abs().amax(-1) for rows, mask in zip((first, second), lengths)))
    scale = primitives.scale(largest, max(shape.dims for shape in request.shapes)).unsqueeze(-1)
    factors = [torch.where(mask, scale, 1.0) for mask in lengths]
    rows = first * factors[0], second * factors[1]
    shapes = measure_pairs(request, *rows)
    inner = measure_inner_pairs(request, *rows, parameters[INNER_RATIO]) if request.needs >= INNER else None

    pair, by_sides = convex_pair(primitives, shapes, inner)
    loss, similarity, slopes = request.formula(primitives, pair, *parameters)
    own: list[Any] = [torch.as_tensor(each).expand_as(shapes.size) for each in slopes[:-1]]
    slopes = Slopes(*own)
    by_rows = shapes.backward(convex_slopes(slopes, by_sides))
    if inner is not None:
        zeros: list[Any] = [torch.zeros_like(shapes.size)] * 4
        by_inner = inner.backward(
            convex_slopes(Slopes(slopes.inner_difference, slopes.inner_intersection, *zeros), None)
        )
        by_rows = by_rows[0] + by_inner[0], by_rows[1] + by_inner[1]
    # The loss of identical shapes is exactly 0, except with an enclosing box, which may be larger than rotated ones.
    is_exact = shapes.identical & (request.enclosing != "box")
    if pair.aspect_angle is not None:
        is_exact = is_exact & (pair.aspect_angle == 0.0)
    best = torch.where(is_exact, 1.0, similarity) if request.measure else torch.where(is_exact, 0.0, loss)
    # Comparisons hide numbers that are not finite: this is 0 for finite rows and NaN for the others.
    non_finite = 0.0 * (first.sum(-1) + second.sum(-1))
    value = best + non_finite
    sign = -1.0 if request.measure else 1.0
    derivatives = (
        sign * torch.where(is_exact.unsqueeze(-1), 0.0, by_row) * factor + non_finite.unsqueeze(-1)
        for by_row, factor in zip(by_rows, factors)
    )
    return Pairs(value.to(dtype), *(derivative.to(dtype) for derivative in derivatives))


def measure_pairs(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of all pairs, by the cheapest algorithm for both shapes."""
    if request.shapes[0].dims == 2:
        return polygon_overlap.measure_pairs(request, first, second)
    if all(isinstance(shape, Cuboid | AxisAligned) for shape in request.shapes):
        return cuboids.measure_pairs(request, first, second)
    return polytope_overlap.measure_pairs(request, first, second)


def measure_inner_pairs(request: ConvexRequest, first: Tensor, second: Tensor, ratio: Tensor) -> ConvexMeasures:
    """The sizes of all pairs, scaled about their centers, and those of their intersections."""
    scaled = [scaled_about_centers(shape, rows, ratio) for shape, rows in zip(request.shapes, (first, second))]
    shapes = scaled[0].shape, scaled[1].shape
    measures = measure_pairs(ConvexRequest(iou, shapes, None, request.measure), scaled[0].rows, scaled[1].rows)

    def backward(slopes: ConvexSlopes) -> tuple[Tensor, Tensor]:
        d_first, d_second = measures.backward(slopes)
        return scaled[0].backward(d_first), scaled[1].backward(d_second)

    return measures._replace(backward=backward)


def length_mask(shape: Shape, rows: Tensor) -> Tensor:
    """A mask of the numbers of a row that are lengths and scale with the image."""
    lengths = torch.ones(rows.shape[-1], dtype=torch.bool, device=rows.device)
    if isinstance(shape, Rotated | Cuboid):
        lengths[-1] = False
    if isinstance(shape, Polytope) and shape.form == "halfspaces":
        lengths = lengths.view(-1, 4) & torch.tensor([False, False, False, True], device=rows.device)
    return lengths.flatten()
