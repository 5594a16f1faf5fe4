"""Measures of pairs of convex polygons; the intersection is an integral along both boundaries."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.formulas.measures import ConvexMeasures, ConvexSlopes
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex.enclosures import (
    Region,
    box_around,
    diameter,
    hull_of,
)
from detloss.kernels.eager.convex.polygons import (
    Anchored,
    Frame,
    Polygons,
    cross,
    polygons_of,
    rotated_clockwise,
)
from detloss.kernels.interface import ConvexRequest, may_read

# The distance below which edges coincide: of the smaller thickness; of the extent along an axis and of the coordinates,
# for their rounding.
SLACK, ROUNDING = 1e-12, 1e-15
LONG = 1e3  # the ratio of length to breadth from which a pair has a frame along its length


def measure_pairs(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of pairs of two-dimensional shapes."""
    polygons = [polygons_of(shape, rows) for shape, rows in zip(request.shapes, (first, second))]
    magnitude = torch.maximum(*(polygon.anchor.abs().amax(-1) for polygon in polygons))
    frame = frame_of(*polygons) if request.enclosing != "box" else None  # a box is axis-aligned in the original frame
    if frame is not None:
        polygons = [polygon.in_frame(frame) for polygon in polygons]
    vertices, shifts = centered_on_overlap(*polygons)
    apart = torch.zeros_like(polygons[0].center)
    regions = {"intersection": intersection(*vertices, polygons[0].size, polygons[1].size, magnitude)}
    optional: dict[str, Any] = {}
    if request.enclosing is not None:
        regions["enclosure"] = (hull_of if request.enclosing == "hull" else box_around)(*vertices)
    if "diagonal" in request.needs:
        regions["diagonal"] = diameter(*vertices)
    if "distance" in request.needs:
        apart = (shifts[0] + polygons[0].center) - (shifts[1] + polygons[1].center)
        optional["distance"] = apart.square().sum(-1)
    if "aspect_angle" in request.needs:
        optional["sides"], optional["other_sides"] = (
            polygon.sides.unbind(-1) for polygon in polygons if polygon.sides is not None
        )

    def backward(slopes: ConvexSlopes) -> tuple[Tensor, Tensor]:
        d_apart = 2.0 * slopes.distance.unsqueeze(-1) * apart
        rows = []
        for polygon, k, d_size, d_sides in (
            (polygons[0], 1, slopes.size, slopes.sides),
            (polygons[1], 2, slopes.other_size, slopes.other_sides),
        ):
            by_regions = (getattr(slopes, name)[:, None, None] * region[k] for name, region in regions.items())
            d_vertices = sum(by_regions, torch.zeros(()))
            d_sides = torch.zeros_like(apart) if d_sides is None else torch.stack(d_sides, -1)
            rows.append(polygon.backward(d_vertices, d_size, d_apart if k == 1 else -d_apart, d_sides))
        return rows[0], rows[1]

    optional |= {name: region.value for name, region in regions.items()}
    return ConvexMeasures(
        size=polygons[0].size,
        other_size=polygons[1].size,
        identical=are_identical(*vertices),
        backward=backward,
        **optional,
    )


def frame_of(first: Polygons, second: Polygons) -> Frame | None:
    """The frame in which corners are exact enough for a hull; None for polygons.

    The rounding errors of the corners of a long rectangle exceed its width, and those of distant corners exceed the
    size of both shapes, unless an axis is parallel to the greatest length.
    """
    rectangles = [(polygon.sides, polygon.along) for polygon in (first, second) if polygon.sides is not None]
    if not rectangles:
        return None
    way = (second.anchor - first.anchor).detach()
    candidates = [(sides.detach().amax(-1), along.detach()) for sides, along in rectangles if along is not None]
    candidates.append((way.abs().amax(-1), primitives.quotient(way, way.norm(dim=-1, keepdim=True))))
    lengths, directions = (torch.stack(each, 1) for each in zip(*candidates))
    length, longest = lengths.max(-1)
    breadth = torch.stack([sides.detach().amin(-1) for sides, _ in rectangles], -1).amax(-1)
    is_long = (length > LONG * breadth).unsqueeze(-1)
    along = directions.gather(1, longest.view(-1, 1, 1).expand(-1, 1, 2)).squeeze(1)
    origin = torch.where(is_long, first.anchor.detach(), 0.0)
    return Frame(origin, torch.where(is_long, along, along.new_tensor([1.0, 0.0])))


def centered_on_overlap(first: Anchored, second: Anchored) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Vertices and anchors of both, relative to the middle of the overlap of their bounding boxes, a constant."""
    bounds = []
    for polygon in (first, second):
        vertices = polygon.anchor.unsqueeze(-2) + polygon.offsets
        bounds.append((vertices.amin(-2), vertices.amax(-2)))
    (low, high), (other_low, other_high) = bounds
    middle = (0.5 * torch.maximum(low, other_low) + 0.5 * torch.minimum(high, other_high)).detach()
    shifts = first.anchor - middle, second.anchor - middle
    return (shifts[0].unsqueeze(-2) + first.offsets, shifts[1].unsqueeze(-2) + second.offsets), shifts


def are_identical(first: Tensor, second: Tensor) -> Tensor:
    """Whether both have the same set of vertices."""
    same = (first.unsqueeze(-2) == second.unsqueeze(-3)).all(-1)
    return same.any(-1).all(-1) & same.any(-2).all(-1)


def coincidence_distance(first: Tensor, second: Tensor, size: Tensor, other_size: Tensor, magnitude: Tensor) -> Tensor:
    """The distance below which edges coincide."""
    sides, other_sides = (vertices.amax(-2) - vertices.amin(-2) for vertices in (first, second))
    thickness = torch.minimum(
        primitives.quotient(size, sides.amax(-1)), primitives.quotient(other_size, other_sides.amax(-1))
    )
    breadth = torch.minimum(sides, other_sides).amin(-1)
    return (SLACK * thickness + ROUNDING * (breadth + magnitude)).detach()


def intersection(first: Tensor, second: Tensor, size: Tensor, other_size: Tensor, magnitude: Tensor) -> Region:
    """The intersection of counterclockwise polygons (N, K, 2); if most pairs are disjoint, those are skipped."""
    operands = first, second, size, other_size, magnitude
    apart = ((first.amin(-2) > second.amax(-2)) | (second.amin(-2) > first.amax(-2))).any(
        -1
    )  # bounding boxes are disjoint
    if not may_read(apart) or 2 * apart.sum() < len(apart):
        return along_boundaries(*operands)
    near = (~apart).nonzero().squeeze(-1)
    nothing = torch.zeros_like(size), torch.zeros_like(first), torch.zeros_like(second)
    shared = along_boundaries(*(operand[near] for operand in operands))
    return Region(*(whole.index_put((near,), part) for whole, part in zip(nothing, shared)))


def along_boundaries(first: Tensor, second: Tensor, size: Tensor, other_size: Tensor, magnitude: Tensor) -> Region:
    """The intersection by Green's theorem: half the sum of the cross products of the ends of all visible pieces.

    The visible piece of an edge is the part inside the other polygon. It is the mean of two views, with the lines of
    the other polygon moved outward and inward by the slack, so coincident edges are half visible: a common edge counts
    once, edges that touch from outside cancel, and the result is symmetric.
    """
    slack = coincidence_distance(first, second, size, other_size, magnitude)
    edges, other_edges = first.roll(-1, -2) - first, second.roll(-1, -2) - second
    lines = Lines.of(first, edges, second, other_edges)
    pieces, other_pieces = lines.pieces(slack)
    area = torch.zeros_like(size)
    derivatives = []
    for vertices, edge, (start, end), other_area in (
        (first, edges, pieces, other_size),
        (second, other_edges, other_pieces, size),
    ):
        seen = torch.where(other_area > 0.0, 0.5, 0.0).unsqueeze(-1)  # half for each view; 0 in a polygon without area
        length = seen * (end - start).sum(0)  # in units of the edge
        moment = 0.5 * seen * (end.square() - start.square()).sum(0)
        area = area + 0.5 * (length * cross(vertices, vertices + edge)).sum(-1)
        normal = rotated_clockwise(edge)
        by_end = moment.unsqueeze(-1) * normal
        derivatives.append(length.unsqueeze(-1) * normal - by_end + by_end.roll(1, -2))
    # Polygons that only touch have no intersection, like axis-aligned boxes; one without area may be inside.
    extent = torch.minimum(*(lengths.sum(-1) for lengths in (lines.length[..., 0], lines.other_length[..., 0, :])))
    smaller = primitives.minimum(size, other_size)
    inside = primitives.minimum(primitives.relu(area), smaller)
    apart = (inside <= slack * extent) & (inside < 0.5 * smaller)
    # The value is clamped, its derivatives are not.
    excess = area - inside
    d_first, d_second = (primitives.where(apart[:, None, None], 0.0, derivative) for derivative in derivatives)
    return Region(primitives.where(apart, 0.0, area - excess.detach()), d_first, d_second)


class Lines(NamedTuple):
    """All edges of one polygon against the lines of all edges of another: tensors (N, Ka, Kb).

    Attributes:
        start: The distance of an edge's start inside the other's line, times the length of the line's edge.
        end: The distance of its end.
        other_start: The same for the other's edges against the lines of the first.
        other_end: The distance of their ends.
        along: The position of the crossing on the edge, from 0 at its start to 1 at its end.
        other_along: The position of the same point on the other edge.
        length: The lengths of the edges of the first polygon.
        other_length: The lengths of those of the second.
    """

    start: Tensor
    end: Tensor
    other_start: Tensor
    other_end: Tensor
    along: Tensor
    other_along: Tensor
    length: Tensor
    other_length: Tensor

    @classmethod
    def of(cls, first: Tensor, edges: Tensor, second: Tensor, other_edges: Tensor) -> "Lines":
        """The positions of all edges."""
        point, edge = first.unsqueeze(-2), edges.unsqueeze(-2)
        other, other_edge = second.unsqueeze(-3), other_edges.unsqueeze(-3)
        between = point - other
        next_between = first.roll(-1, -2).unsqueeze(-2) - other
        other_between = second.roll(-1, -2).unsqueeze(-3) - point
        start, end = cross(other_edge, between), cross(other_edge, next_between)
        along = primitives.quotient(start, start - end)
        square = other_edge.square().sum(-1)
        # The crossing of near-parallel edges is ill-conditioned: both use the same point.
        crossing = between + along.unsqueeze(-1) * edge
        return cls(
            start,
            end,
            cross(edge, -between),
            cross(edge, other_between),
            along,
            primitives.quotient((crossing * other_edge).sum(-1), square),
            edge.norm(dim=-1),
            other_edge.norm(dim=-1),
        )

    def pieces(self, slack: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Start and end of the visible pieces of the edges of both, in both views."""
        views = slack.new_tensor([1.0, -1.0]).view(2, 1, 1, 1) * slack.view(-1, 1, 1)
        ours = visible(self.start, self.end, self.along, self.other_length, views, self.other_length > 0.0, -1)
        others = visible(self.other_start, self.other_end, self.other_along, self.length, views, self.length > 0.0, -2)
        return ours, others


def visible(
    start: Tensor, end: Tensor, along: Tensor, length: Tensor, slack: Tensor, is_line: Tensor, lines: int
) -> tuple[Tensor, Tensor]:
    """Start and end of the part of an edge inside all lines, which are moved outward by `slack`."""
    shift = slack * length
    inside, stays = start + shift >= 0.0, end + shift >= 0.0
    crossing = (along + primitives.quotient(shift, start - end)).clamp(0.0, 1.0)
    enters = torch.where(inside, 0.0, torch.where(stays, crossing, 1.0))
    leaves = torch.where(stays, 1.0, torch.where(inside, crossing, 0.0))
    first = torch.where(is_line, enters, 0.0).amax(lines)
    last = torch.where(is_line, leaves, 1.0).amin(lines)
    return first, torch.maximum(first, last)
