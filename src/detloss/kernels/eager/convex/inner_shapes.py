"""Convex shapes scaled about their centers, with the backward function to the rows: the shapes of Inner-IoU."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.geometry import AxisAligned, Cuboid, Polygon, Polytope, Rotated, Shape
from detloss.kernels.eager.convex.polygons import axis_aligned_boxes, polygons_of
from detloss.kernels.eager.convex.polytopes import polytopes_of


class Scaled(NamedTuple):
    """N scaled shapes: rows (N, numbers) and their geometry, and the backward function from these to the given rows."""

    shape: Shape
    rows: Tensor
    backward: Callable[[Tensor], Tensor]


def scaled_about_centers(shape: Shape, rows: Tensor, ratio: Tensor) -> Scaled:
    """Shapes of which every length from the center is multiplied by the ratio."""
    if isinstance(shape, Rotated | Cuboid):
        factors = torch.ones_like(rows[0])
        factors[shape.dims : -1] = ratio
        return Scaled(shape, rows * factors, lambda slopes: slopes * factors)
    if isinstance(shape, AxisAligned):
        center, sides, to_row = axis_aligned_boxes(shape.format, rows)

        def backward(slopes: Tensor) -> Tensor:
            d_center, d_sides = slopes.chunk(2, -1)
            return to_row(d_center, ratio * d_sides, torch.zeros(()))

        return Scaled(AxisAligned("cxcywh", shape.dims), torch.cat((center, ratio * sides), -1), backward)
    if isinstance(shape, Polytope) and shape.form == "halfspaces":
        return half_spaces(shape, rows, ratio)
    return vertices(shape, rows, ratio)


def centers_of(shape: Shape, rows: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The centroids of polygons or polytopes, and their backward function."""
    zero = torch.zeros(())
    if isinstance(shape, Polygon):
        polygons = polygons_of(shape, rows)
        size, sides = torch.zeros_like(polygons.size), torch.zeros_like(polygons.center)
        return polygons.anchor + polygons.center, lambda slopes: polygons.backward(zero, size, slopes, sides)
    polytopes = polytopes_of(shape, rows)
    size = torch.zeros_like(polytopes.size)
    return polytopes.anchor + polytopes.center, lambda slopes: polytopes.backward(zero, size, slopes)


def vertices(shape: Shape, rows: Tensor, ratio: Tensor) -> Scaled:
    """Shapes as vertices, which move along their lines to the center."""
    center, by_center = centers_of(shape, rows)
    given = rows.view(len(rows), -1, shape.dims)
    moved = given - (1.0 - ratio) * (given - center.unsqueeze(-2))

    def backward(slopes: Tensor) -> Tensor:
        total = slopes.view_as(given).sum(-2)
        return ratio * slopes + by_center((1.0 - ratio) * total)

    return Scaled(shape, moved.flatten(-2), backward)


def half_spaces(shape: Polytope, rows: Tensor, ratio: Tensor) -> Scaled:
    """Half-spaces n.x <= c, of which only c changes: to r c + (1 - r) n.center."""
    center, by_center = centers_of(shape, rows)
    normals, limits = torch.split(rows.view(len(rows), -1, 4), [3, 1], -1)
    heights = (normals * center.unsqueeze(-2)).sum(-1, keepdim=True)
    moved = torch.cat((normals, heights + ratio * (limits - heights)), -1)

    def backward(slopes: Tensor) -> Tensor:
        d_normals, d_limits = torch.split(slopes.view(len(rows), -1, 4), [3, 1], -1)
        by_height = (1.0 - ratio) * d_limits
        d_normals = d_normals + by_height * center.unsqueeze(-2)
        direct = torch.cat((d_normals, ratio * d_limits), -1).flatten(-2)
        return direct + by_center((by_height * normals).sum(-2))

    return Scaled(shape, moved.flatten(-2), backward)
