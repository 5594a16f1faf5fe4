"""Enclosing regions of two convex shapes: the hull of polygons, the axis-aligned box, and the diameter."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex.polygons import cross, rotated_clockwise

STEEP = torch.finfo(torch.float64).max
DILATION_OF_POLYGONS = 1e-12  # selects one polygon where both have the same vertex


class Region(NamedTuple):
    """A measure of both shapes together, and its derivatives by their vertices."""

    value: Tensor
    d_first: Tensor
    d_second: Tensor


def hull_of(first: Tensor, second: Tensor) -> Region:
    """The area of the convex hull of polygons (N, K, 2); coincident vertices share the derivative equally."""
    points = torch.cat((first, second), -2)
    areas, derivatives = [], []
    for operands in ((dilate(first), second), (first, dilate(second))):
        area, by_points = chains(points, torch.cat(operands, -2).detach())
        areas.append(area)
        derivatives.append(by_points)
    d_first, d_second = torch.split(0.5 * (derivatives[0] + derivatives[1]), [first.shape[-2], second.shape[-2]], -2)
    return Region(0.5 * (areas[0] + areas[1]), d_first, d_second)


def dilate(vertices: Tensor) -> Tensor:
    """Polygons slightly enlarged about their middle."""
    return vertices + DILATION_OF_POLYGONS * (vertices - vertices.mean(-2, keepdim=True))


def chains(points: Tensor, selecting: Tensor) -> tuple[Tensor, Tensor]:
    """The area of the hull and its derivatives; the corners are selected by `selecting`, slightly different points.

    From the first point in lexicographic order, each step of the lower chain goes to the point at the least slope, each
    step of the upper chain to that at the greatest, until the last point: both always end, despite rounding.
    """
    order = selecting[..., 1].argsort(dim=-1, stable=True)
    order = order.gather(-1, selecting[..., 0].gather(-1, order).argsort(dim=-1, stable=True))
    across = order.unsqueeze(-1).expand_as(points)
    sorted_points, selecting_sorted = points.gather(-2, across), selecting.gather(-2, across)
    count = points.shape[-2]
    positions = torch.arange(count, device=points.device)
    later, last = positions > positions.unsqueeze(-1), positions == count - 1
    step = selecting_sorted.unsqueeze(-3) - selecting_sorted.unsqueeze(-2)  # (N, from, to, 2)
    rightward = step[..., 0] > 0.0
    slope = torch.where(rightward, step[..., 1] / torch.where(rightward, step[..., 0], 1.0), STEEP)
    copies = (step == 0.0).all(-1)  # visited next
    area = torch.zeros_like(points[:, 0, 0])
    derivatives = torch.zeros_like(points)
    for sign in (1.0, -1.0):
        steepness = torch.where(copies, -torch.inf, sign * slope)
        following = torch.where(later, steepness, torch.inf).argmin(-1)
        following = torch.where(last, count - 1, following)
        at = torch.zeros_like(following[:, :1])
        visited = [at]
        for _ in range(count - 1):
            at = following.gather(-1, at)
            visited.append(at)
        path = torch.cat(visited, -1).unsqueeze(-1).expand_as(points)
        corners = sorted_points.gather(-2, path)
        start, end = corners[:, :-1], corners[:, 1:]
        area = area + sign * 0.5 * cross(start, end).sum(-1)
        derivatives = derivatives.scatter_add(-2, path[:, :-1], sign * 0.5 * rotated_clockwise(end))
        derivatives = derivatives.scatter_add(-2, path[:, 1:], -sign * 0.5 * rotated_clockwise(start))
    return area, torch.zeros_like(points).scatter(-2, across, derivatives)


def box_around(first: Tensor, second: Tensor) -> Region:
    """The area or volume of the axis-aligned box around both; vertices on one side share its derivative."""
    points = torch.cat((first, second), -2)
    low, high = points.amin(-2, keepdim=True), points.amax(-2, keepdim=True)
    sides = high - low
    on_high, on_low = (points == high).to(points.dtype), (points == low).to(points.dtype)
    shares = on_high / on_high.sum(-2, keepdim=True) - on_low / on_low.sum(-2, keepdim=True)
    others = math.prod((sides.roll(k, -1) for k in range(1, sides.shape[-1])), start=torch.ones_like(sides))
    derivatives = torch.split(shares * others, [first.shape[-2], second.shape[-2]], -2)
    return Region(sides.prod(-1).squeeze(-1), *derivatives)


def diameter(first: Tensor, second: Tensor) -> Region:
    """The largest squared distance of two vertices; pairs at that distance share its derivative."""
    points = torch.cat((first, second), -2)
    steps = points.unsqueeze(-2) - points.unsqueeze(-3)
    squares = steps.square().sum(-1)
    longest = squares.flatten(-2).amax(-1)
    furthest = (squares == longest[:, None, None]).to(points.dtype)
    shares = primitives.quotient(furthest, furthest.flatten(-2).sum(-1)[:, None, None])
    derivatives = 4.0 * (shares.unsqueeze(-1) * steps).sum(-2)
    return Region(longest, *torch.split(derivatives, [first.shape[-2], second.shape[-2]], -2))
