"""Triangulated surfaces of convex hulls, and corners of intersections of half-spaces.

Both are the triples that have all other points, or planes, on one side. For this selection alone, coplanar points are
perturbed slightly: every facet is a triangle and every corner belongs to three planes, while measures use the original
coordinates.
"""

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.kernels.eager import primitives

PERTURBATION = 1e-12  # of the extent
NEAR = 1e-11  # of the largest offset: the tolerance of the first pass
SINGULAR = 1e-14  # a determinant of unit normals that rounding may give repeated planes
NUMBERS_PER_CHUNK = 1 << 17  # limits intermediate memory


class Enclosed(NamedTuple):
    """The volume inside a closed surface of triangles, and its derivatives by the points."""

    volume: Tensor
    d_points: Tensor


def facets_of(*sets: Tensor) -> Tensor:
    """Triangles (N, 2V - 4, 3) of the hull of points (N, V, 3), counterclockwise from outside, padded by 0, 0, 0.

    The points of several sets are numbered one set after the other. A face of four corners is divided in the same way
    with and without the other sets.
    """
    points = torch.cat(sets, -2).detach()
    subsets = Subsets.of(points.shape[-2], points.device)
    moves = torch.cat([perturbations(each.shape[-2], each.shape[-1], each) for each in sets])
    return torch.cat([select_facets(subsets, part, moves) for part in torch.split(points, subsets.chunk_size)])


def select_facets(subsets: "Subsets", points: Tensor, moves: Tensor) -> Tensor:
    """The triples of points that have all other points on one side."""
    low, high = points.amin(-2, keepdim=True), points.amax(-2, keepdim=True)
    moved = (points - 0.5 * (low + high)) + PERTURBATION * (high - low).amax(-1, keepdim=True) * moves
    at = moved.permute(2, 1, 0).index_select(1, subsets.quadruples.mT.flatten())
    first, *others = at.view(3, 4, len(subsets.quadruples), -1).unbind(1)  # each (axis, quadruples, N)
    (a, b, c), (d, e, f), (g, h, i) = (other - first for other in others)
    below, above = subsets.one_sided(a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g))
    best = (below | above).to(torch.uint8).topk(subsets.kept, dim=-1)
    triangles = subsets.triples[best.indices]
    oriented = torch.where(above.gather(-1, best.indices).unsqueeze(-1), triangles.flip(-1), triangles)
    return oriented * best.values.unsqueeze(-1)


def select_corners(subsets: "Subsets", rows: Tensor) -> tuple[Tensor, Tensor]:
    """The triples (N, 2M - 4, 3) of half-spaces (N, M, 4), n.x <= c with unit normals, that cross in a corner.

    The second result is False for padding.
    """
    position, det = crossing_point(rows[:, subsets.quadruples[:, :3]])
    last = rows[:, subsets.quadruples[:, 3]]
    below, above = subsets.one_sided(((last[..., :3] * position).sum(-1) - last[..., 3] * det).mT)
    _, det = crossing_point(rows[:, subsets.triples])
    best = ((below & (det > SINGULAR)) | (above & (det < -SINGULAR))).to(torch.uint8).topk(subsets.kept, dim=-1)
    return subsets.triples[best.indices], best.values > 0


class Subsets(NamedTuple):
    """All triples and quadruples of a number of points or planes.

    Attributes:
        triples: (T, 3) in lexicographic order.
        quadruples: (Q, 4) in colexicographic order.
        members: (T, V - 3) the quadruples that contain a triple.
        signs: (T, V - 3) -1 if sorting the quadruple changes its orientation.
        kept: The maximal number of selected triples.
        chunk_size: The number of polytopes that are evaluated at once.
    """

    triples: Tensor
    quadruples: Tensor
    members: Tensor
    signs: Tensor
    kept: int
    chunk_size: int

    @classmethod
    def of(cls, count: int, device: torch.device) -> "Subsets":
        """All subsets of `count` indices."""
        triples = torch.tensor(list(combinations(range(count), 3)), device=device)
        quadruples = torch.tensor(sorted(combinations(range(count), 4), key=lambda each: each[::-1]), device=device)
        positions = torch.arange(count, device=device)
        among = (triples.unsqueeze(-1) == positions).any(-2)
        fourth = (among * count + positions).argsort(-1)[:, : count - 3].unsqueeze(-1)
        joined = triples.unsqueeze(-2)
        a, b, c, d = torch.cat((joined.expand(-1, count - 3, -1), fourth), -1).sort(-1).values.unbind(-1)
        members = a + b * (b - 1) // 2 + c * (c - 1) * (c - 2) // 6 + d * (d - 1) * (d - 2) * (d - 3) // 24
        signs = 1 - 2 * ((joined > fourth).sum(-1) % 2)
        kept = min(2 * count - 4, len(triples))
        return cls(
            triples, quadruples, members, signs.to(torch.int8), kept, max(1, NUMBERS_PER_CHUNK // len(quadruples))
        )

    def one_sided(self, orientations: Tensor) -> tuple[Tensor, Tensor]:
        """Whether all others are below a triple, and whether above, (N, T), from the orientations (Q, N)."""
        # Zero counts as above for all four, so a face of four corners has two triangles in either case.
        sides = ((orientations >= 0.0).to(torch.int8) * 2 - 1).index_select(0, self.members.flatten())
        sides = sides.view(*self.members.shape, -1) * self.signs.unsqueeze(-1)
        total = sides.sum(1, dtype=torch.int8).mT
        return total == -self.members.shape[-1], total == self.members.shape[-1]


def crossing_point(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The crossing of three planes (..., 3, 4), times the determinant of their normals, and that determinant."""
    crosses = adjugate(rows)
    return (rows[..., 3:] * crosses).sum(-2), (rows[..., 0, :3] * crosses[..., 0, :]).sum(-1)


def adjugate(rows: Tensor) -> Tensor:
    """For each of three planes (..., 3, 4), the cross product of the normals of the other two."""
    normals = rows[..., :3]
    crosses: Tensor = torch.linalg.cross(normals.roll(-1, -2), normals.roll(1, -2))
    return crosses


def perturbations(count: int, axes: int, like: Tensor) -> Tensor:
    """Fixed irregular numbers between -1 and 1."""
    positions = torch.arange(1, count + 1, dtype=like.dtype, device=like.device).unsqueeze(-1)
    moves: Tensor = torch.sin(positions * positions * (1.7 + torch.arange(axes, dtype=like.dtype, device=like.device)))
    return moves


def at_corners(points: Tensor, triangles: Tensor) -> Tensor:
    """The corners of triangles, (N, F, corner, axis)."""
    across = triangles.flatten(1).unsqueeze(-1).expand(-1, -1, points.shape[-1])
    return points.gather(1, across).view(*triangles.shape, points.shape[-1])


def to_points(d_corners: Tensor, triangles: Tensor, points: Tensor) -> Tensor:
    """The derivatives by the points, from those by the corners."""
    across = triangles.flatten(1).unsqueeze(-1).expand(-1, -1, points.shape[-1])
    return torch.zeros_like(points).scatter_add(1, across, d_corners.flatten(1, 2))


def normals_of(corners: Tensor) -> Tensor:
    """Outward normals, twice the area long: products of the two shorter edges, which cancel least."""
    edges = corners.roll(-1, -2) - corners
    longest = edges.detach().square().sum(-1).argmax(-1)[..., None, None]
    one, other = (edges.gather(-2, ((longest + k) % 3).expand(*edges.shape[:-2], 1, 3)).squeeze(-2) for k in (1, 2))
    normals: Tensor = torch.linalg.cross(one, other)
    return normals


def tetrahedra(corners: Tensor) -> tuple[Tensor, Tensor]:
    """The volumes of tetrahedra from the origin to triangles, and their derivatives by the corners."""
    following, last = corners.roll(-1, -2), corners.roll(1, -2)
    derivatives = torch.linalg.cross(following, last) / 6.0
    return (corners[..., 0, :] * derivatives[..., 0, :]).sum(-1), derivatives


def enclosed(points: Tensor, triangles: Tensor) -> Enclosed:
    """The volume inside triangles between points."""
    volumes, derivatives = tetrahedra(at_corners(points, triangles))
    return Enclosed(primitives.relu(volumes.sum(-1)), to_points(derivatives, triangles, points))


def bounded(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The intersection of half-spaces with unit normals: an anchor, the planes of its corners, its triangles.

    The first pass finds its position and extent, the second its corners. An edge joins two corners with two common
    planes; a face is a fan of triangles from its first corner.
    """
    subsets = Subsets.of(rows.shape[-2], rows.device)
    parts = (bounded_chunk(subsets, part) for part in torch.split(rows, subsets.chunk_size))
    first, second, third = (torch.cat(results) for results in zip(*parts))
    return first, second, third


def bounded_chunk(subsets: Subsets, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The intersections of one chunk."""
    count = rows.shape[-2]
    position, det = crossing_point(rows[:, subsets.triples])
    positions = primitives.quotient(position, det.unsqueeze(-1))
    heights = positions @ rows[..., :3].mT - rows[..., 3].unsqueeze(-2)
    near = NEAR * rows[..., 3].abs().amax(-1, keepdim=True)
    inside = ((heights.amax(-1) <= near) & (det.abs() > NEAR)).unsqueeze(-1)
    low = torch.where(inside, positions, torch.inf).amin(-2)
    high = torch.where(inside, positions, -torch.inf).amax(-2)
    exists = inside.any(-2)
    anchor = torch.where(exists, 0.5 * (low + high), 0.0)
    extent = torch.where(exists, high - low, 0.0).amax(-1, keepdim=True)

    offsets = rows[..., 3] - (rows[..., :3] @ anchor.unsqueeze(-1)).squeeze(-1)
    moved = offsets + PERTURBATION * extent * perturbations(count, 1, rows).squeeze(-1)
    planes = torch.cat((rows[..., :3], moved.unsqueeze(-1)), -1)
    chosen, present = select_corners(subsets, planes)
    chosen = torch.where(present.unsqueeze(-1), chosen, chosen[:, :1])  # padding repeats the first
    position, det = crossing_point(at_corners(planes, chosen))
    positions = primitives.quotient(position, det.unsqueeze(-1))

    edges = torch.tensor(list(combinations(range(count), 2)), device=rows.device)
    among = (chosen.unsqueeze(-1) == torch.arange(count, device=rows.device)).any(-2) & present.unsqueeze(-1)
    joined = among[..., edges[:, 0]] & among[..., edges[:, 1]]  # (N, corners, edges)
    start = joined.to(torch.uint8).argmax(-2)
    end = among.shape[-2] - 1 - joined.flip(-2).to(torch.uint8).argmax(-2)
    along = torch.linalg.cross(*(rows[:, edges[:, k], :3] for k in (0, 1)))
    ends = at_corners(positions, torch.stack((start, end), -1))
    backward = ((ends[..., 1, :] - ends[..., 0, :]) * along).sum(-1) < 0.0
    start, end = torch.where(backward, end, start), torch.where(backward, start, end)
    is_edge = joined.sum(-2) == 2

    apex = among.to(torch.uint8).argmax(-2)[:, edges.mT]  # (N, 2, edges), for both faces
    fans = torch.stack((apex, torch.stack((start, end), -2), torch.stack((end, start), -2)), -1).flatten(1, 2)
    counts = (is_edge.unsqueeze(-2) & (apex != start.unsqueeze(-2)) & (apex != end.unsqueeze(-2))).flatten(1)
    used = counts.to(torch.uint8).topk(min(4 * count - 12, counts.shape[-1]), dim=-1)
    triangles = fans.gather(1, used.indices.unsqueeze(-1).expand(-1, -1, 3)) * used.values.unsqueeze(-1)
    return anchor, chosen, triangles
