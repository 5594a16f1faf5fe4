"""Convex hulls of two upright prisms, in closed form.

A horizontal slice of the hull is a weighted Minkowski sum of the footprints P and Q and their hull C. Its area is a
quadratic form in the weights, with mixed areas as coefficients, and the weights are linear between the four levels at
which a prism starts or ends.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex.enclosures import hull_of as planar_hull_of
from detloss.kernels.eager.convex.polygons import by_area, rotated_clockwise


class Mixed(NamedTuple):
    """The mixed area of polygons (N, K, 2) and of the hulls of points, and its derivatives by both."""

    area: Tensor
    d_polygon: Tensor
    d_points: Tensor


class PrismHull(NamedTuple):
    """The volume of the hull of two prisms, its derivatives by both footprints and by the four levels."""

    volume: Tensor
    d_first: Tensor
    d_second: Tensor
    d_levels: Tensor


def mixed_area(polygon: Tensor, points: Tensor) -> Mixed:
    """Half the sum over all edges of the length times the support of the points along the outer normal."""
    normals = rotated_clockwise(polygon.roll(-1, -2) - polygon)
    reaches = (normals.unsqueeze(-2) * points.unsqueeze(-3)).sum(-1)  # (N, edges, points)
    furthest = reaches.amax(-1)
    shares = (reaches == furthest.unsqueeze(-1)).to(points.dtype)
    shares = shares / shares.sum(-1, keepdim=True)
    by_edge = -rotated_clockwise(shares @ points)
    d_polygon = 0.5 * (by_edge.roll(1, -2) - by_edge)
    return Mixed(0.5 * furthest.sum(-1), d_polygon, 0.5 * shares.mT @ normals)


def hull_of(first: Tensor, second: Tensor, areas: tuple[Tensor, Tensor], levels: Tensor) -> PrismHull:
    """The hull of prisms over counterclockwise polygons (N, K, 2) of these areas.

    `levels` (N, 4) are the bottom and the top of the first, then those of the second. If both start or end on one
    level, the derivatives are the mean of both orders. The areas are given; their derivatives are included in those of
    the footprints.
    """
    both = torch.cat((first, second), -2)
    around, crossed = planar_hull_of(first, second), mixed_area(first, second)
    wide, other_wide = mixed_area(first, both), mixed_area(second, both)
    rows = (
        (areas[0], crossed.area, wide.area),
        (crossed.area, areas[1], other_wide.area),
        (wide.area, other_wide.area, around.value),
    )
    coefficients = torch.stack([torch.stack(row, -1) for row in rows], -2)
    views = [
        slices(coefficients, levels, outside(levels[:, 0], levels[:, 2]), outside(levels[:, 3], levels[:, 1]))
        for outside in (torch.le, torch.lt)
    ]
    volume, by_coefficients, d_levels = (0.5 * (one + other) for one, other in zip(*views))
    by = [2.0 * by_coefficients[:, i, j, None, None] for i, j in ((0, 1), (0, 2), (1, 2))]
    by_points = by[1] * wide.d_points + by[2] * other_wide.d_points
    by_points, by_other_points = torch.split(by_points, [first.shape[-2], second.shape[-2]], -2)
    by_around, by_size, by_other_size = (by_coefficients[:, k, k, None, None] for k in (2, 0, 1))
    d_first = by[0] * crossed.d_polygon + by[1] * wide.d_polygon + by_points
    d_second = by[0] * crossed.d_points + by[2] * other_wide.d_polygon + by_other_points
    return PrismHull(
        volume,
        d_first + by_around * around.d_first + by_size * by_area(first),
        d_second + by_around * around.d_second + by_other_size * by_area(second),
        d_levels,
    )


def slices(
    coefficients: Tensor, levels: Tensor, first_is_lowest: Tensor, first_is_highest: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The volume between the four levels, and its derivatives by the coefficients and by the levels.

    A row of `weights` holds the weights of P, Q and C in the slice at a level. For linear weights, the integral of the
    form is the height times a third of the sum of its values at both ends and their product.
    """
    bottom, top, other_bottom, other_top = torch.eye(4, dtype=levels.dtype, device=levels.device)
    of_first, of_second, of_both = torch.eye(3, dtype=levels.dtype, device=levels.device)
    lowest, highest = first_is_lowest.unsqueeze(-1), first_is_highest.unsqueeze(-1)
    start, end = torch.where(lowest, bottom, other_bottom), torch.where(highest, top, other_top)
    starts, ends = torch.where(lowest, other_bottom, bottom), torch.where(highest, other_top, top)
    gap = ((ends * levels).sum(-1) < (starts * levels).sum(-1)).unsqueeze(-1)
    order = torch.stack((start, torch.where(gap, ends, starts), torch.where(gap, starts, ends), end), -2)
    t = (order @ levels.unsqueeze(-1)).squeeze(-1)
    below, above = torch.where(lowest, of_first, of_second), torch.where(highest, of_first, of_second)

    # In a gap, the slice interpolates from one prism to the other; where their heights overlap, it is C.
    across, other_across = t[:, 2:3] - t[:, :1], t[:, 3:] - t[:, 1:2]
    reached = torch.where(gap, primitives.quotient(t[:, 1:2] - t[:, :1], across), 1.0)
    other_reached = torch.where(gap, primitives.quotient(t[:, 3:] - t[:, 2:3], other_across), 1.0)
    weights = torch.stack(
        (below, below + reached * (of_both - below), above + other_reached * (of_both - above), above), -2
    )
    heights = t.diff(dim=-1) / 3.0
    outer, inner = 0.5 * torch.diag_embed(heights, 1), torch.zeros_like(heights[:, :1])
    ends_of = torch.diag_embed(torch.cat((heights, inner), -1) + torch.cat((inner, heights), -1))
    shares = outer + outer.mT + ends_of
    by_weights = shares @ weights
    products = weights @ coefficients @ weights.mT
    volume = (shares * products).sum((-1, -2))

    values = products.diagonal(dim1=-2, dim2=-1)
    d_steps = (values[:, :-1] + values[:, 1:] + products.diagonal(1, -2, -1)) / 3.0
    d_weights = 2.0 * by_weights @ coefficients
    d_reached = (d_weights[:, 1] * (of_both - below)).sum(-1, keepdim=True)
    d_other_reached = (d_weights[:, 2] * (of_both - above)).sum(-1, keepdim=True)
    by_across = torch.where(gap, primitives.quotient(d_reached, across), 0.0)
    by_other_across = torch.where(gap, primitives.quotient(d_other_reached, other_across), 0.0)
    none = torch.zeros_like(by_across)
    d_t = torch.cat((none, d_steps), -1) - torch.cat((d_steps, none), -1)
    d_t = d_t + by_across * torch.cat((reached - 1.0, none + 1.0, -reached, none), -1)
    d_t = d_t + by_other_across * torch.cat((none, other_reached, none - 1.0, 1.0 - other_reached), -1)
    return volume, weights.mT @ by_weights, (d_t.unsqueeze(-2) @ order).squeeze(-2)
