"""Convex polytopes from rows of three-dimensional shapes, with triangulated surfaces and backward functions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.geometry import Polytope, Shape
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import facets
from detloss.kernels.eager.convex.cuboids import cuboids_of

FLAT = 4e-15  # of surface times extent: a smaller volume counts as 0


class Polytopes(NamedTuple):
    """N convex polytopes.

    Attributes:
        anchor: (N, 3) a point of each polytope.
        offsets: (N, V, 3) vertices relative to the anchor.
        triangles: (N, F, 3) the surface, as indices of vertices, counterclockwise from outside.
        normals: (N, P, 3) outward normals of the bounding planes, of any length.
        size: (N,) volumes.
        center: (N, 3) centroids relative to the anchor.
        backward: From derivatives by vertices, size and center to those by the rows.
    """

    anchor: Tensor
    offsets: Tensor
    triangles: Tensor
    normals: Tensor
    size: Tensor
    center: Tensor
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]


def polytopes_of(shape: Shape, rows: Tensor) -> Polytopes:
    """The polytopes of rows (N, numbers) of a three-dimensional shape."""
    if not isinstance(shape, Polytope):
        return from_cuboids(shape, rows)
    return from_vertices(rows) if shape.form == "vertices" else from_half_spaces(rows)


def from_vertices(rows: Tensor) -> Polytopes:
    """The convex hulls of points in any order."""
    given = rows.view(len(rows), -1, 3)
    anchor = given.detach().amin(-2)  # independent of the order
    offsets = given - anchor.unsqueeze(-2)
    triangles = facets.facets_of(offsets)
    normals = facets.normals_of(facets.at_corners(offsets, triangles))
    return measured(anchor, offsets, triangles, normals, lambda derivatives: derivatives.flatten(-2))


# The bits of a vertex's index: 4 for high x, 2 for high y, 1 for high z. Every two triangles are a face.
SIDES = ((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6))
ENDS = ((0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3))
CORNERS = (0, 3, 1, 2)  # the footprint's corners in that order
INVERSE = (0, 2, 3, 1)  # of this permutation


def from_cuboids(shape: Shape, rows: Tensor) -> Polytopes:
    """Upright cuboids, whose faces are known."""
    upright = cuboids_of(shape, rows)
    footprint, half = upright.footprint, 0.5 * upright.height
    anchor = torch.cat((footprint.anchor, upright.middle.unsqueeze(-1)), -1)
    ordered = footprint.offsets[:, CORNERS]
    level = torch.stack((-half, half), -1)[:, None, :, None]
    offsets = torch.cat((ordered.unsqueeze(-2).expand(-1, -1, 2, -1), level.expand(-1, 4, -1, -1)), -1).flatten(1, 2)
    triangles = torch.tensor(SIDES + ENDS, device=rows.device).expand(len(rows), -1, -1)
    normals = facets.normals_of(facets.at_corners(offsets, triangles[:, ::2]))

    def to_row(derivatives: Tensor) -> Tensor:
        by_level = derivatives.view(-1, 4, 2, 3)
        d_vertices = by_level[..., :2].sum(-2)[:, INVERSE]
        zero = torch.zeros_like(half)
        d_footprint = footprint.backward(
            d_vertices, zero, torch.zeros_like(footprint.center), torch.zeros_like(footprint.center)
        )
        d_low, d_high = by_level[..., 2].sum(-2).unbind(-1)
        return upright.backward(d_footprint, d_low + d_high, 0.5 * (d_high - d_low))

    return measured(anchor, offsets, triangles, normals, to_row)


def from_half_spaces(rows: Tensor) -> Polytopes:
    """The intersections of half-spaces: the corners at which three planes cross, and the faces between them."""
    given = rows.view(len(rows), -1, 4)
    lengths = given[..., :3].norm(dim=-1, keepdim=True)
    planes = primitives.quotient(given, lengths)
    anchor, chosen, triangles = facets.bounded(planes.detach())
    offsets_of_planes = given[..., 3:] - (given[..., :3] * anchor.unsqueeze(-2)).sum(-1, keepdim=True)
    centered = torch.cat((given[..., :3], offsets_of_planes), -1)
    met = facets.at_corners(centered, chosen)
    position, det = facets.crossing_point(met)
    offsets = primitives.quotient(position, det.unsqueeze(-1))

    def to_row(derivatives: Tensor) -> Tensor:
        crosses = primitives.quotient(facets.adjugate(met), det[..., None, None])
        by_offset = (crosses * derivatives.unsqueeze(-2)).sum(-1, keepdim=True)
        where = (anchor.unsqueeze(-2) + offsets).unsqueeze(-2)
        return facets.to_points(torch.cat((-by_offset * where, by_offset), -1), chosen, given).flatten(-2)

    return measured(anchor, offsets, triangles, given[..., :3], to_row)


def measured(
    anchor: Tensor, offsets: Tensor, triangles: Tensor, normals: Tensor, to_row: Callable[[Tensor], Tensor]
) -> Polytopes:
    """Polytopes with volumes and centroids; `to_row` is the backward function of the vertices."""
    corners = facets.at_corners(offsets, triangles)
    volumes, by_corners = facets.tetrahedra(corners)
    areas = facets.normals_of(corners).norm(dim=-1)
    low, high = offsets.amin(-2), offsets.amax(-2)
    volume, surface, extent = volumes.sum(-1), areas.sum(-1), (high - low).amax(-1)
    flat = (volume <= FLAT * surface * extent).unsqueeze(-1)
    size = torch.where(flat[:, 0], 0.0, volume)
    per_size = primitives.inverse(size).unsqueeze(-1)
    # Without volume: the centroid of the faces, with constant areas; the middle of a segment.
    shares = primitives.quotient(areas, surface.unsqueeze(-1)).detach().unsqueeze(-1)
    has_area = (surface > FLAT * extent.square()).unsqueeze(-1)
    middles = corners.mean(-2)
    of_volume = 0.75 * (volumes.unsqueeze(-1) * middles).sum(-2) * per_size
    of_area = torch.where(has_area, (shares * middles).sum(-2), 0.5 * (low + high))
    ends = (offsets == high.unsqueeze(-2)).to(offsets.dtype), (offsets == low.unsqueeze(-2)).to(offsets.dtype)

    def backward(d_vertices: Tensor, d_size: Tensor, d_center: Tensor) -> Tensor:
        toward = (d_center * per_size).unsqueeze(-2)
        d_volumes = (0.75 * middles - of_volume.unsqueeze(-2)) * toward
        d_volumes = torch.where(flat, 0.0, d_size.unsqueeze(-1)) + d_volumes.sum(-1)
        by_middles = torch.where(
            flat.unsqueeze(-1),
            shares * has_area.unsqueeze(-1) * d_center.unsqueeze(-2),
            0.75 * volumes.unsqueeze(-1) * toward,
        )
        d_corners = d_volumes[..., None, None] * by_corners + by_middles.unsqueeze(-2) / 3.0
        by_ends = sum(0.5 * end / end.sum(-2, keepdim=True) for end in ends) * d_center.unsqueeze(-2)
        by_ends = torch.where((flat & ~has_area).unsqueeze(-1), by_ends, 0.0)
        return to_row(d_vertices + by_ends + facets.to_points(d_corners, triangles, offsets))

    return Polytopes(anchor, offsets, triangles, normals, size, torch.where(flat, of_area, of_volume), backward)
