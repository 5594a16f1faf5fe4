"""Pairs of convex polygons: what they share, as an integral along both boundaries."""

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
    Body,
    Placed,
    View,
    body_of,
    cross,
    turned_back,
)
from detloss.kernels.interface import ConvexRequest

SLACK = 1e-12  # of the smaller thickness: edges that are nearer to each other coincide
LONG = 1e3  # how many times its breadth a pair is long that is seen along its length
# Of the breadth along an axis, and of the distance from the origin, where the numbers of a row are coarser.
ROUNDING = 1e-15


def meet(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of two bodies of the plane."""
    bodies = [body_of(shape, rows) for shape, rows in zip(request.shapes, (first, second))]
    places = torch.maximum(*(body.anchor.abs().amax(-1) for body in bodies))
    view = view_of(*bodies) if request.enclosing != "box" else None  # which has axes of its own
    if view is not None:
        bodies = [body.seen_in(view) for body in bodies]
    vertices, shifts = around_overlap(*bodies)
    apart = torch.zeros_like(bodies[0].center)
    regions = {"intersection": intersection(*vertices, bodies[0].size, bodies[1].size, places)}
    others: dict[str, Any] = {}
    if request.enclosing is not None:
        regions["enclosure"] = (hull_of if request.enclosing == "hull" else box_around)(*vertices)
    if "diagonal" in request.needs:
        regions["diagonal"] = diameter(*vertices)
    if "distance" in request.needs:
        apart = (shifts[0] + bodies[0].center) - (shifts[1] + bodies[1].center)
        others["distance"] = apart.square().sum(-1)
    if "aspect_angle" in request.needs:
        others["sides"], others["other_sides"] = (body.sides.unbind(-1) for body in bodies if body.sides is not None)

    def backward(slopes: ConvexSlopes) -> tuple[Tensor, Tensor]:
        d_apart = 2.0 * slopes.distance.unsqueeze(-1) * apart
        rows = []
        for body, k, d_size, d_sides in (
            (bodies[0], 1, slopes.size, slopes.sides),
            (bodies[1], 2, slopes.other_size, slopes.other_sides),
        ):
            by_regions = (getattr(slopes, name)[:, None, None] * region[k] for name, region in regions.items())
            d_vertices = sum(by_regions, torch.zeros(()))
            d_sides = torch.zeros_like(apart) if d_sides is None else torch.stack(d_sides, -1)
            rows.append(body.pull(d_vertices, d_size, d_apart if k == 1 else -d_apart, d_sides))
        return rows[0], rows[1]

    others |= {name: region.value for name, region in regions.items()}
    return ConvexMeasures(
        size=bodies[0].size, other_size=bodies[1].size, identical=are_alike(*vertices), backward=backward, **others
    )


def view_of(first: Body, second: Body) -> View | None:
    """The axes in which corners are exact enough for a hull; None of polygons.

    The corners of a long rectangle are rounded by more than its width, and corners far from each other by more than the
    size of both, unless an axis runs along the greatest length.
    """
    rectangles = [(body.sides, body.along) for body in (first, second) if body.sides is not None]
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
    return View(origin, torch.where(is_long, along, along.new_tensor([1.0, 0.0])))


def around_overlap(first: Placed, second: Placed) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The vertices of both, and their anchors, less the middle of the overlap of their bounding boxes, a constant."""
    bounds = []
    for body in (first, second):
        vertices = body.anchor.unsqueeze(-2) + body.offsets
        bounds.append((vertices.amin(-2), vertices.amax(-2)))
    (low, high), (other_low, other_high) = bounds
    middle = (0.5 * torch.maximum(low, other_low) + 0.5 * torch.minimum(high, other_high)).detach()
    shifts = first.anchor - middle, second.anchor - middle
    return (shifts[0].unsqueeze(-2) + first.offsets, shifts[1].unsqueeze(-2) + second.offsets), shifts


def are_alike(first: Tensor, second: Tensor) -> Tensor:
    """Whether every vertex of one is a vertex of the other."""
    same = (first.unsqueeze(-2) == second.unsqueeze(-3)).all(-1)
    return same.any(-1).all(-1) & same.any(-2).all(-1)


def slack_of(first: Tensor, second: Tensor, size: Tensor, other_size: Tensor, places: Tensor) -> Tensor:
    """How near to each other edges coincide."""
    sides, other_sides = (vertices.amax(-2) - vertices.amin(-2) for vertices in (first, second))
    thickness = torch.minimum(
        primitives.quotient(size, sides.amax(-1)), primitives.quotient(other_size, other_sides.amax(-1))
    )
    breadth = torch.minimum(sides, other_sides).amin(-1)
    return (SLACK * thickness + ROUNDING * (breadth + places)).detach()


def intersection(first: Tensor, second: Tensor, size: Tensor, other_size: Tensor, places: Tensor) -> Region:
    """The area that anticlockwise polygons (N, K, 2) share; where most are apart, pairs that are so are passed over."""
    operands = first, second, size, other_size, places
    apart = ((first.amin(-2) > second.amax(-2)) | (second.amin(-2) > first.amax(-2))).any(-1)  # their bounding boxes
    if not may_be_read(apart) or 2 * apart.sum() < len(apart):
        return along_boundaries(*operands)
    near = (~apart).nonzero().squeeze(-1)
    nothing = torch.zeros_like(size), torch.zeros_like(first), torch.zeros_like(second)
    shared = along_boundaries(*(operand[near] for operand in operands))
    return Region(*(whole.index_put((near,), part) for whole, part in zip(nothing, shared)))


def may_be_read(values: Tensor) -> bool:
    """Whether what is done next may depend on values: on a CPU, outside of compilers and function transforms."""
    watched = torch._C._are_functorch_transforms_active() or torch._C._len_torch_dispatch_stack()
    return values.device.type == "cpu" and not torch.compiler.is_compiling() and not watched


def along_boundaries(first: Tensor, second: Tensor, size: Tensor, other_size: Tensor, places: Tensor) -> Region:
    """The area that polygons share: half the sum of every visible piece of an edge x its end.

    What of an edge lies in the other polygon is its visible piece. Edges that coincide are half visible: once where the
    other polygon is a little larger, and not where it is a little smaller. So a shared edge counts once, edges that
    touch from outside cancel, and swapping changes nothing.
    """
    slack = slack_of(first, second, size, other_size, places)
    edges, other_edges = first.roll(-1, -2) - first, second.roll(-1, -2) - second
    lines = Lines.of(first, edges, second, other_edges)
    pieces, other_pieces = lines.pieces(slack)
    area = torch.zeros_like(size)
    derivatives = []
    for vertices, edge, (start, end), around in (
        (first, edges, pieces, other_size),
        (second, other_edges, other_pieces, size),
    ):
        seen = torch.where(around > 0.0, 0.5, 0.0).unsqueeze(-1)  # half for each view; none in a body without area
        length = seen * (end - start).sum(0)  # in edges
        moment = 0.5 * seen * (end.square() - start.square()).sum(0)
        area = area + 0.5 * (length * cross(vertices, vertices + edge)).sum(-1)
        normal = turned_back(edge)
        by_end = moment.unsqueeze(-1) * normal
        derivatives.append(length.unsqueeze(-1) * normal - by_end + by_end.roll(1, -2))
    # Bodies that only touch share nothing, as boxes along the axes that touch; one without area may lie inside.
    extent = torch.minimum(*(lengths.sum(-1) for lengths in (lines.length[..., 0], lines.other_length[..., 0, :])))
    smaller = primitives.minimum(size, other_size)
    inside = primitives.minimum(primitives.relu(area), smaller)
    apart = (inside <= slack * extent) & (inside < 0.5 * smaller)
    # The value is kept in bounds; its derivatives are left as they are.
    excess = area - inside
    d_first, d_second = (primitives.where(apart[:, None, None], 0.0, derivative) for derivative in derivatives)
    return Region(primitives.where(apart, 0.0, area - excess.detach()), d_first, d_second)


class Lines(NamedTuple):
    """Every edge of one polygon against the line of every edge of another: tensors (N, Ka, Kb).

    Attributes:
        start: How far inside of the other's line an edge starts, times the length of the line's edge.
        end: How far inside it ends.
        other_start: The same of the other's edges against lines of the first.
        other_end: How far inside they end.
        along: Where an edge meets the line, from 0 at its start to 1 at its end.
        other_along: Where the other edge is met by the first one's line: the same point.
        length: Of the edges of the first polygon.
        other_length: Of the second.
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
        """Measure them."""
        point, edge = first.unsqueeze(-2), edges.unsqueeze(-2)
        other, other_edge = second.unsqueeze(-3), other_edges.unsqueeze(-3)
        between = point - other
        next_between = first.roll(-1, -2).unsqueeze(-2) - other
        other_between = second.roll(-1, -2).unsqueeze(-3) - point
        start, end = cross(other_edge, between), cross(other_edge, next_between)
        along = primitives.quotient(start, start - end)
        square = other_edge.square().sum(-1)
        # One crossing for both: near-parallel edges meet who knows where, but they do meet.
        meeting = between + along.unsqueeze(-1) * edge
        return cls(
            start,
            end,
            cross(edge, -between),
            cross(edge, other_between),
            along,
            primitives.quotient((meeting * other_edge).sum(-1), square),
            edge.norm(dim=-1),
            other_edge.norm(dim=-1),
        )

    def pieces(self, slack: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Where the visible pieces of the edges of both start and end, seen with and without coinciding edges."""
        views = slack.new_tensor([1.0, -1.0]).view(2, 1, 1, 1) * slack.view(-1, 1, 1)
        ours = visible(self.start, self.end, self.along, self.other_length, views, self.other_length > 0.0, -1)
        others = visible(self.other_start, self.other_end, self.other_along, self.length, views, self.length > 0.0, -2)
        return ours, others


def visible(
    start: Tensor, end: Tensor, along: Tensor, length: Tensor, slack: Tensor, is_line: Tensor, lines: int
) -> tuple[Tensor, Tensor]:
    """Start and end of what of an edge lies inside of all lines, which are moved outwards by `slack`."""
    shift = slack * length
    inside, stays = start + shift >= 0.0, end + shift >= 0.0
    crossing = (along + primitives.quotient(shift, start - end)).clamp(0.0, 1.0)
    enters = torch.where(inside, 0.0, torch.where(stays, crossing, 1.0))
    leaves = torch.where(stays, 1.0, torch.where(inside, crossing, 0.0))
    first = torch.where(is_line, enters, 0.0).amax(lines)
    last = torch.where(is_line, leaves, 1.0).amin(lines)
    return first, torch.maximum(first, last)
