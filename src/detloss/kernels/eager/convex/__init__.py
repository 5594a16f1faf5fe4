"""Pairs of convex bodies in torch operations: the rows of two shapes become measures, and derivatives come back.

A *body* is what one row stands for, a *meeting* what two bodies have in common. Both come with a function that carries
derivatives back, written out and not left to autograd: where edges coincide, autograd would divide by their angle.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.geometry import AxisAligned, Cuboid, Polytope, Rotated, Shape
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import cuboids, polygon_overlap, polytope_overlap
from detloss.kernels.eager.convex.meeting import Meeting, Slopes
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
    meeting = meet(request, first * factors[0], second * factors[1])

    mismatch = (meeting.size - meeting.shared) + (meeting.other_size - meeting.shared)
    turn, d_turns = turned(meeting)
    empty = primitives.relu(meeting.enclosure - mismatch - meeting.shared)
    unlike = torch.where(meeting.alike, 0.0, torch.ones_like(mismatch))
    measures = (mismatch, meeting.shared, empty, meeting.distance, meeting.diagonal, turn, unlike)
    loss, similarity, *slopes = (
        torch.as_tensor(result).expand_as(mismatch) for result in request.formula(primitives, *measures)
    )
    d_mismatch, d_shared, d_empty, d_distance, d_diagonal, d_turn = slopes
    by_rows: Sequence[Tensor] = meeting.pull(
        Slopes(
            size=d_mismatch - d_empty,
            other_size=d_mismatch - d_empty,
            shared=d_shared - 2.0 * d_mismatch + d_empty,
            enclosure=d_empty,
            distance=d_distance,
            diagonal=d_diagonal,
            sides=d_turn.unsqueeze(-1) * d_turns[0],
            other_sides=d_turn.unsqueeze(-1) * d_turns[1],
        )
    )
    # Bodies that are alike are as near as can be: no rounding may say otherwise. A box around turned ones is not.
    nearest = meeting.alike & (turn == 0.0) & (request.enclosing != "box")
    best = torch.where(nearest, 1.0, similarity) if request.measure else torch.where(nearest, 0.0, loss)
    by_rows = [torch.where(nearest.unsqueeze(-1), 0.0, by_row) for by_row in by_rows]
    # A number that is not finite must not hide behind a comparison: this is 0 for finite rows, NaN for the others.
    poison = 0.0 * (first.sum(-1) + second.sum(-1))
    value = best + poison
    sign = -1.0 if request.measure else 1.0
    derivatives = (sign * d_row * factor + poison.unsqueeze(-1) for d_row, factor in zip(by_rows, factors))
    return Pairs(value.to(dtype), *(derivative.to(dtype) for derivative in derivatives))


def meet(request: ConvexRequest, first: Tensor, second: Tensor) -> Meeting:
    """What the bodies of two rows have in common, by the cheapest way that both shapes have."""
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


def turned(meeting: Meeting) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """atan(w'/h') - atan(w/h), and its derivatives by the sides of both; 0 where there are none to ask for."""
    if meeting.sides is None or meeting.other_sides is None:
        zero = torch.zeros_like(meeting.size)
        return zero, (zero.unsqueeze(-1), zero.unsqueeze(-1))
    (width, height), (other_width, other_height) = meeting.sides.unbind(-1), meeting.other_sides.unbind(-1)
    defined = (width + height > 0.0) & (other_width + other_height > 0.0)
    across = primitives.where(defined, height * other_width - width * other_height, 0.0)
    along = primitives.where(defined, width * other_width + height * other_height, 1.0)
    by_sides = []
    for sides, sign in ((meeting.sides, -1.0), (meeting.other_sides, 1.0)):
        swapped = torch.stack((sides[..., 1], -sides[..., 0]), -1)
        each = sign * primitives.quotient(swapped, sides.square().sum(-1, keepdim=True))
        by_sides.append(torch.where(defined.unsqueeze(-1), each, 0.0))
    return primitives.angle(across, along), (by_sides[0], by_sides[1])
