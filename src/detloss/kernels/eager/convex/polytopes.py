"""What a row of space stands for: a convex body, its surface in triangles, and the way back to the row."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.geometry import Polytope, Shape
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import facets
from detloss.kernels.eager.convex.cuboids import upright_of

FLAT = 4e-15  # of the surface times the extent: what has less volume has none


class Solid(NamedTuple):
    """N convex bodies.

    Attributes:
        anchor: (N, 3) a point of each.
        offsets: (N, V, 3) vertices, less the anchor.
        triangles: (N, F, 3) the surface, by vertices, anticlockwise from outside.
        normals: (N, P, 3) of the planes that bound it, outward, of any length.
        size: (N,) its volume.
        center: (N, 3) its centroid, less the anchor.
        pull: Carries derivatives by the vertices, the size and the center back to the row.
    """

    anchor: Tensor
    offsets: Tensor
    triangles: Tensor
    normals: Tensor
    size: Tensor
    center: Tensor
    pull: Callable[[Tensor, Tensor, Tensor], Tensor]


def solid_of(shape: Shape, rows: Tensor) -> Solid:
    """The bodies of rows (N, numbers) of a shape of space."""
    if not isinstance(shape, Polytope):
        return of_cuboids(shape, rows)
    return of_vertices(rows) if shape.form == "vertices" else of_half_spaces(rows)


def of_vertices(rows: Tensor) -> Solid:
    """The hulls of points in any order."""
    given = rows.view(len(rows), -1, 3)
    anchor = given.detach().amin(-2)  # the same for any order
    offsets = given - anchor.unsqueeze(-2)
    triangles = facets.facets_of(offsets)
    normals = facets.normals_of(facets.at_corners(offsets, triangles))
    return solid(anchor, offsets, triangles, normals, lambda derivatives: derivatives.flatten(-2))


# Vertices are numbered as a binary number: 4 is high x, 2 high y, 1 high z. Of every two triangles, one face.
SIDES = ((0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6))
ENDS = ((0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3))
CORNERS = (0, 3, 1, 2)  # of the footprint, which goes round, in that order
ROUND = (0, 2, 3, 1)  # and back


def of_cuboids(shape: Shape, rows: Tensor) -> Solid:
    """Upright cuboids, their faces known."""
    upright = upright_of(shape, rows)
    footprint, half = upright.footprint, 0.5 * upright.height
    anchor = torch.cat((footprint.anchor, upright.middle.unsqueeze(-1)), -1)
    round_about = footprint.offsets[:, CORNERS]
    level = torch.stack((-half, half), -1)[:, None, :, None]
    offsets = torch.cat((round_about.unsqueeze(-2).expand(-1, -1, 2, -1), level.expand(-1, 4, -1, -1)), -1).flatten(
        1, 2
    )
    triangles = torch.tensor(SIDES + ENDS, device=rows.device).expand(len(rows), -1, -1)
    normals = facets.normals_of(facets.at_corners(offsets, triangles[:, ::2]))

    def to_row(derivatives: Tensor) -> Tensor:
        by_level = derivatives.view(-1, 4, 2, 3)
        d_vertices = by_level[..., :2].sum(-2)[:, ROUND]
        zero = torch.zeros_like(half)
        d_footprint = footprint.pull(
            d_vertices, zero, torch.zeros_like(footprint.center), torch.zeros_like(footprint.center)
        )
        d_low, d_high = by_level[..., 2].sum(-2).unbind(-1)
        return upright.pull(d_footprint, d_low + d_high, 0.5 * (d_high - d_low))

    return solid(anchor, offsets, triangles, normals, to_row)


def of_half_spaces(rows: Tensor) -> Solid:
    """What half-spaces have in common: the corners where three planes meet, and the faces between them."""
    given = rows.view(len(rows), -1, 4)
    lengths = given[..., :3].norm(dim=-1, keepdim=True)
    planes = primitives.quotient(given, lengths)
    anchor, chosen, triangles = facets.bounded(planes.detach())
    offsets_of_planes = given[..., 3:] - (given[..., :3] * anchor.unsqueeze(-2)).sum(-1, keepdim=True)
    centered = torch.cat((given[..., :3], offsets_of_planes), -1)
    met = facets.at_corners(centered, chosen)
    place, det = facets.meeting_point(met)
    offsets = primitives.quotient(place, det.unsqueeze(-1))

    def to_row(derivatives: Tensor) -> Tensor:
        crosses = primitives.quotient(facets.adjugate(met), det[..., None, None])
        by_offset = (crosses * derivatives.unsqueeze(-2)).sum(-1, keepdim=True)
        where = (anchor.unsqueeze(-2) + offsets).unsqueeze(-2)
        return facets.to_points(torch.cat((-by_offset * where, by_offset), -1), chosen, given).flatten(-2)

    return solid(anchor, offsets, triangles, given[..., :3], to_row)


def solid(
    anchor: Tensor, offsets: Tensor, triangles: Tensor, normals: Tensor, to_row: Callable[[Tensor], Tensor]
) -> Solid:
    """Measure a body; `to_row` carries derivatives by the vertices on."""
    corners = facets.at_corners(offsets, triangles)
    volumes, by_corners = facets.tetrahedra(corners)
    areas = facets.normals_of(corners).norm(dim=-1)
    low, high = offsets.amin(-2), offsets.amax(-2)
    volume, surface, extent = volumes.sum(-1), areas.sum(-1), (high - low).amax(-1)
    flat = (volume <= FLAT * surface * extent).unsqueeze(-1)
    size = torch.where(flat[:, 0], 0.0, volume)
    per_size = primitives.inverse(size).unsqueeze(-1)
    # Without a volume, the centroid of the faces, their areas held constant; of a segment, its middle.
    shares = primitives.quotient(areas, surface.unsqueeze(-1)).detach().unsqueeze(-1)
    has_area = (surface > FLAT * extent.square()).unsqueeze(-1)
    middles = corners.mean(-2)
    of_volume = 0.75 * (volumes.unsqueeze(-1) * middles).sum(-2) * per_size
    of_area = torch.where(has_area, (shares * middles).sum(-2), 0.5 * (low + high))
    ends = (offsets == high.unsqueeze(-2)).to(offsets.dtype), (offsets == low.unsqueeze(-2)).to(offsets.dtype)

    def pull(d_vertices: Tensor, d_size: Tensor, d_center: Tensor) -> Tensor:
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

    return Solid(anchor, offsets, triangles, normals, size, torch.where(flat, of_area, of_volume), pull)
