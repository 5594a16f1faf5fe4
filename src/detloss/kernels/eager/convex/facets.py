"""The surface of the convex hull of points, in triangles; the corners of what half-spaces bound.

Both are found the same way: of all triples, those that have all the others on one side. Points on one plane are moved
apart a little for that choice, and for it alone: so every facet is a triangle, every corner belongs to three planes,
and what is measured is where it was.
"""

from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from detloss.kernels.eager import primitives

JITTER = 1e-12  # of the extent
NEAR = 1e-11  # of the largest offset: what a first look takes for inside
SINGULAR = 1e-14  # the determinant of unit normals that rounding makes of repeated planes
NUMBERS_AT_ONCE = 1 << 17  # what a choice keeps at a time


class Enclosed(NamedTuple):
    """The volume within a closed surface of triangles, and its derivatives by the points."""

    volume: Tensor
    d_points: Tensor


def facets_of(*bodies: Tensor) -> Tensor:
    """Triangles (N, 2V - 4, 3) of the hull of points (N, V, 3), anticlockwise from outside; what is left is 0, 0, 0.

    Points of several bodies are numbered one body after the other. A face of four corners is divided in the same way
    whether its body is looked at alone or with others.
    """
    points = torch.cat(bodies, -2).detach()
    choice = Choice.of(points.shape[-2], points.device)
    moves = torch.cat([noise(body.shape[-2], body.shape[-1], body) for body in bodies])
    return torch.cat([facets_among(choice, part, moves) for part in torch.split(points, choice.at_once)])


def facets_among(choice: "Choice", points: Tensor, moves: Tensor) -> Tensor:
    """The triples that have all other points on one side."""
    low, high = points.amin(-2, keepdim=True), points.amax(-2, keepdim=True)
    moved = (points - 0.5 * (low + high)) + JITTER * (high - low).amax(-1, keepdim=True) * moves
    at = moved.permute(2, 1, 0).index_select(1, choice.quadruples.mT.flatten())
    first, *others = at.view(3, 4, len(choice.quadruples), -1).unbind(1)  # each (axis, quadruples, N)
    (a, b, c), (d, e, f), (g, h, i) = (other - first for other in others)
    below, above = choice.one_sided(a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g))
    best = (below | above).to(torch.uint8).topk(choice.kept, dim=-1)
    triangles = choice.triples[best.indices]
    turned = torch.where(above.gather(-1, best.indices).unsqueeze(-1), triangles.flip(-1), triangles)
    return turned * best.values.unsqueeze(-1)


def corners_among(choice: "Choice", rows: Tensor) -> tuple[Tensor, Tensor]:
    """Of half-spaces (N, M, 4), n.x <= c, the triples that meet in a corner, (N, 2M - 4, 3), and whether each does.

    The normals have length 1.
    """
    place, det = meeting_point(rows[:, choice.quadruples[:, :3]])
    last = rows[:, choice.quadruples[:, 3]]
    below, above = choice.one_sided(((last[..., :3] * place).sum(-1) - last[..., 3] * det).mT)
    _, det = meeting_point(rows[:, choice.triples])
    best = ((below & (det > SINGULAR)) | (above & (det < -SINGULAR))).to(torch.uint8).topk(choice.kept, dim=-1)
    return choice.triples[best.indices], best.values > 0


class Choice(NamedTuple):
    """All triples and quadruples of so many.

    Attributes:
        triples: (T, 3) in order.
        quadruples: (Q, 4) in order of their last, then of their third, and so on.
        members: (T, V - 3) the quadruples that a triple is part of.
        signs: (T, V - 3) whether the fourth, moved to its place, turns the orientation around.
        kept: How many triples the answer has at most.
        at_once: How many bodies are looked at at a time.
    """

    triples: Tensor
    quadruples: Tensor
    members: Tensor
    signs: Tensor
    kept: int
    at_once: int

    @classmethod
    def of(cls, count: int, device: torch.device) -> "Choice":
        """List them."""
        triples = torch.tensor(list(combinations(range(count), 3)), device=device)
        quadruples = torch.tensor(sorted(combinations(range(count), 4), key=lambda each: each[::-1]), device=device)
        places = torch.arange(count, device=device)
        among = (triples.unsqueeze(-1) == places).any(-2)
        fourth = (among * count + places).argsort(-1)[:, : count - 3].unsqueeze(-1)
        joined = triples.unsqueeze(-2)
        a, b, c, d = torch.cat((joined.expand(-1, count - 3, -1), fourth), -1).sort(-1).values.unbind(-1)
        members = a + b * (b - 1) // 2 + c * (c - 1) * (c - 2) // 6 + d * (d - 1) * (d - 2) * (d - 3) // 24
        signs = 1 - 2 * ((joined > fourth).sum(-1) % 2)
        kept = min(2 * count - 4, len(triples))
        return cls(triples, quadruples, members, signs.to(torch.int8), kept, max(1, NUMBERS_AT_ONCE // len(quadruples)))

    def one_sided(self, orientations: Tensor) -> tuple[Tensor, Tensor]:
        """Of every triple, (N, T), whether all others lie below it, and whether above; orientations are (Q, N)."""
        # Zero is a side too, the same for all four: a face of four corners has two triangles either way.
        sides = ((orientations >= 0.0).to(torch.int8) * 2 - 1).index_select(0, self.members.flatten())
        sides = sides.view(*self.members.shape, -1) * self.signs.unsqueeze(-1)
        total = sides.sum(1, dtype=torch.int8).mT
        return total == -self.members.shape[-1], total == self.members.shape[-1]


def meeting_point(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where three planes (..., 3, 4) meet, times the determinant of their normals, and that determinant."""
    crosses = adjugate(rows)
    return (rows[..., 3:] * crosses).sum(-2), (rows[..., 0, :3] * crosses[..., 0, :]).sum(-1)


def adjugate(rows: Tensor) -> Tensor:
    """Of three planes (..., 3, 4), the cross product of the normals of the other two."""
    normals = rows[..., :3]
    crosses: Tensor = torch.linalg.cross(normals.roll(-1, -2), normals.roll(1, -2))
    return crosses


def noise(count: int, axes: int, like: Tensor) -> Tensor:
    """The same numbers between -1 and 1 for ever, without a pattern."""
    places = torch.arange(1, count + 1, dtype=like.dtype, device=like.device).unsqueeze(-1)
    moves: Tensor = torch.sin(places * places * (1.7 + torch.arange(axes, dtype=like.dtype, device=like.device)))
    return moves


def at_corners(points: Tensor, triangles: Tensor) -> Tensor:
    """The corners (N, F, 3, 3) of triangles: the last two dimensions are the corner and the axis."""
    across = triangles.flatten(1).unsqueeze(-1).expand(-1, -1, points.shape[-1])
    return points.gather(1, across).view(*triangles.shape, points.shape[-1])


def to_points(d_corners: Tensor, triangles: Tensor, points: Tensor) -> Tensor:
    """Derivatives by corners, added up at the points."""
    across = triangles.flatten(1).unsqueeze(-1).expand(-1, -1, points.shape[-1])
    return torch.zeros_like(points).scatter_add(1, across, d_corners.flatten(1, 2))


def normals_of(corners: Tensor) -> Tensor:
    """Outward, as long as twice the area: of the two shorter edges, whose product cancels least."""
    edges = corners.roll(-1, -2) - corners
    longest = edges.detach().square().sum(-1).argmax(-1)[..., None, None]
    one, other = (edges.gather(-2, ((longest + k) % 3).expand(*edges.shape[:-2], 1, 3)).squeeze(-2) for k in (1, 2))
    normals: Tensor = torch.linalg.cross(one, other)
    return normals


def tetrahedra(corners: Tensor) -> tuple[Tensor, Tensor]:
    """The volumes from the origin to triangles, and their derivatives by the corners."""
    following, last = corners.roll(-1, -2), corners.roll(1, -2)
    derivatives = torch.linalg.cross(following, last) / 6.0
    return (corners[..., 0, :] * derivatives[..., 0, :]).sum(-1), derivatives


def enclosed(points: Tensor, triangles: Tensor) -> Enclosed:
    """What triangles between points enclose."""
    volumes, derivatives = tetrahedra(at_corners(points, triangles))
    return Enclosed(primitives.relu(volumes.sum(-1)), to_points(derivatives, triangles, points))


def bounded(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The body within half-spaces of unit normals: a point of it, the planes of its corners, its surface in triangles.

    A first look finds where it lies and how large it is, a second one its corners. An edge joins the two corners that
    share two planes; a face is a fan of triangles from its first corner.
    """
    choice = Choice.of(rows.shape[-2], rows.device)
    parts = (bounded_by(choice, part) for part in torch.split(rows, choice.at_once))
    first, second, third = (torch.cat(results) for results in zip(*parts))
    return first, second, third


def bounded_by(choice: Choice, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same, of some at a time."""
    count = rows.shape[-2]
    place, det = meeting_point(rows[:, choice.triples])
    places = primitives.quotient(place, det.unsqueeze(-1))
    heights = places @ rows[..., :3].mT - rows[..., 3].unsqueeze(-2)
    near = NEAR * rows[..., 3].abs().amax(-1, keepdim=True)
    inside = ((heights.amax(-1) <= near) & (det.abs() > NEAR)).unsqueeze(-1)
    low = torch.where(inside, places, torch.inf).amin(-2)
    high = torch.where(inside, places, -torch.inf).amax(-2)
    exists = inside.any(-2)
    anchor = torch.where(exists, 0.5 * (low + high), 0.0)
    extent = torch.where(exists, high - low, 0.0).amax(-1, keepdim=True)

    offsets = rows[..., 3] - (rows[..., :3] @ anchor.unsqueeze(-1)).squeeze(-1)
    moved = offsets + JITTER * extent * noise(count, 1, rows).squeeze(-1)
    planes = torch.cat((rows[..., :3], moved.unsqueeze(-1)), -1)
    chosen, present = corners_among(choice, planes)
    chosen = torch.where(present.unsqueeze(-1), chosen, chosen[:, :1])  # what is left repeats the first
    place, det = meeting_point(at_corners(planes, chosen))
    places = primitives.quotient(place, det.unsqueeze(-1))

    edges = torch.tensor(list(combinations(range(count), 2)), device=rows.device)
    among = (chosen.unsqueeze(-1) == torch.arange(count, device=rows.device)).any(-2) & present.unsqueeze(-1)
    joined = among[..., edges[:, 0]] & among[..., edges[:, 1]]  # (N, corners, edges)
    start = joined.to(torch.uint8).argmax(-2)
    end = among.shape[-2] - 1 - joined.flip(-2).to(torch.uint8).argmax(-2)
    along = torch.linalg.cross(*(rows[:, edges[:, k], :3] for k in (0, 1)))
    ends = at_corners(places, torch.stack((start, end), -1))
    backward = ((ends[..., 1, :] - ends[..., 0, :]) * along).sum(-1) < 0.0
    start, end = torch.where(backward, end, start), torch.where(backward, start, end)
    is_edge = joined.sum(-2) == 2

    apex = among.to(torch.uint8).argmax(-2)[:, edges.mT]  # (N, 2, edges) of both faces
    fans = torch.stack((apex, torch.stack((start, end), -2), torch.stack((end, start), -2)), -1).flatten(1, 2)
    counts = (is_edge.unsqueeze(-2) & (apex != start.unsqueeze(-2)) & (apex != end.unsqueeze(-2))).flatten(1)
    used = counts.to(torch.uint8).topk(min(4 * count - 12, counts.shape[-1]), dim=-1)
    triangles = fans.gather(1, used.indices.unsqueeze(-1).expand(-1, -1, 3)) * used.values.unsqueeze(-1)
    return anchor, chosen, triangles
