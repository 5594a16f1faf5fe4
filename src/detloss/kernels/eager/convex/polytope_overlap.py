"""Measures of pairs of convex polytopes; the intersection is an integral over both surfaces."""

from typing import Any

import torch
from torch import Tensor

from detloss.formulas.measures import ConvexMeasures, ConvexSlopes
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import facets, polygon_overlap
from detloss.kernels.eager.convex.enclosures import Region, box_around, diameter
from detloss.kernels.eager.convex.polytopes import Polytopes, polytopes_of
from detloss.kernels.interface import ConvexRequest

# The distance below which faces coincide: of the larger extent, and of the coordinates, for their rounding.
SLACK, ROUNDING = 1e-14, 2e-15
DILATION = 4e-11  # selects one polytope where both have the same vertex
PAIRS_PER_CHUNK = 64  # clipped triangles stay in the cache
HYSTERESIS = 0.125  # of the slack: the distance behind a plane of its cut, so that a copy of the plane cuts nothing


def measure_pairs(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of pairs of three-dimensional shapes."""
    polytopes = [polytopes_of(shape, rows) for shape, rows in zip(request.shapes, (first, second))]
    vertices, shifts = polygon_overlap.centered_on_overlap(*polytopes)
    apart = torch.zeros_like(shifts[0])
    regions = {"intersection": intersection(vertices, *polytopes)}
    optional: dict[str, Any] = {}
    if request.enclosing is not None:
        regions["enclosure"] = (hull_of if request.enclosing == "hull" else box_around)(*vertices)
    if "diagonal" in request.needs:
        regions["diagonal"] = diameter(*vertices)
    if "distance" in request.needs:
        apart = (shifts[0] - shifts[1]) + (polytopes[0].center - polytopes[1].center)
        optional["distance"] = apart.square().sum(-1)

    def backward(slopes: ConvexSlopes) -> tuple[Tensor, Tensor]:
        d_apart = 2.0 * slopes.distance.unsqueeze(-1) * apart
        rows = []
        for polytope, k, d_size, sign in (
            (polytopes[0], 1, slopes.size, 1.0),
            (polytopes[1], 2, slopes.other_size, -1.0),
        ):
            by_regions = (getattr(slopes, name)[:, None, None] * region[k] for name, region in regions.items())
            d_vertices = sum(by_regions, torch.zeros(()))
            rows.append(polytope.backward(d_vertices, d_size, sign * d_apart))
        return rows[0], rows[1]

    optional |= {name: region.value for name, region in regions.items()}
    identical = polygon_overlap.are_identical(*vertices)
    size, other_size = (polytope.size for polytope in polytopes)
    return ConvexMeasures(size=size, other_size=other_size, identical=identical, backward=backward, **optional)


def intersection(vertices: tuple[Tensor, Tensor], first: Polytopes, second: Polytopes) -> Region:
    """The intersection by Gauss's theorem: a third of the areas of all visible parts times their signed distances.

    The visible part of a face is the part inside the other polytope. It is the mean of two views, with the half-spaces
    of the other polytope moved outward and inward by the slack, so coincident faces are half visible: a common face
    counts once, faces that touch from outside cancel, and the result is symmetric.
    """
    extents = [(points.amax(-2) - points.amin(-2)).amax(-1) for points in vertices]
    magnitudes = [polytope.anchor.abs().amax(-1) for polytope in (first, second)]
    slack = (SLACK * torch.maximum(*extents) + ROUNDING * torch.maximum(*magnitudes)).detach()
    volume = torch.zeros_like(first.size)
    derivatives = []
    for polytope, points, other, others in (
        (first, *vertices[:1], second, vertices[1]),
        (second, vertices[1], first, vertices[0]),
    ):
        corners = facets.at_corners(points, polytope.triangles)
        # The plane is a support plane, despite the rounding of its normal.
        reaches = (other.normals @ others.mT).amax(-1)
        operands = (torch.split(operand, PAIRS_PER_CHUNK) for operand in (corners, other.normals, reaches, slack))
        shares = torch.cat([visible(*part) for part in zip(*operands)])
        normals = facets.normals_of(corners)
        volume = volume + (shares.sum(-1) * (corners[..., 0, :] * normals).sum(-1)).sum(-1) / 6.0
        derivatives.append(
            facets.to_points(0.5 * shares.unsqueeze(-1) * normals.unsqueeze(-2), polytope.triangles, points)
        )
    smaller = primitives.minimum(first.size, second.size)
    # Polytopes that only touch have no intersection, like axis-aligned boxes.
    apart = (volume <= 4.0 * slack * torch.minimum(*extents).square()) | (smaller == 0.0)
    # The value is clamped, its derivatives are not.
    excess = volume - primitives.minimum(volume, smaller)
    d_first, d_second = (primitives.where(apart[:, None, None], 0.0, derivative) for derivative in derivatives)
    return Region(primitives.where(apart, 0.0, volume - excess.detach()), d_first, d_second)


def hull_of(first: Tensor, second: Tensor) -> Region:
    """The volume of the convex hull of points (N, V, 3); coincident vertices share the derivative equally."""
    points = torch.cat((first, second), -2)
    views = [
        facets.enclosed(points, facets.facets_of(*selecting))
        for selecting in ((dilate(first), second), (first, dilate(second)))
    ]
    volume, derivatives = (0.5 * (one + other) for one, other in zip(*views))
    return Region(volume, *torch.split(derivatives, [first.shape[-2], second.shape[-2]], -2))


def dilate(vertices: Tensor) -> Tensor:
    """Vertices slightly moved away from their middle."""
    return vertices + DILATION * (vertices - vertices.mean(-2, keepdim=True))


def visible(corners: Tensor, normals: Tensor, reaches: Tensor, slack: Tensor) -> Tensor:
    """The visible fractions of triangles (N, F, corner, axis) in half-spaces (N, P), by corner: (N, F, 3).

    The fraction of a corner is the integral of its barycentric coordinate over the visible part, divided by the
    triangle's area: the three sum to the visible fraction of the area. Both views are averaged.

    A triangle is a polygon in the barycentric coordinates of its second and third corner, and a polygon is a set of
    edges in any order. A half-space shortens the edges and adds the one that closes them. Nothing is sorted, no divisor
    vanishes, and the copy of a half-space cuts nothing.
    """
    planes, points = normals.permute(1, 2, 0), corners.permute(3, 1, 2, 0)  # pairs last: contiguous in memory
    heights = sum(planes[:, axis, None, None] * points[axis] for axis in range(3)) - reaches.mT[:, None, None]
    lengths = slack * normals.norm(dim=-1).mT
    views = slack.new_tensor([1.0, -1.0]).view(2, 1, 1) * lengths[:, None, None]
    at_first = heights[:, None, :, 0] - views
    to_second, to_third = (heights[:, None, :, k] - heights[:, None, :, 0] for k in (1, 2))
    margins = HYSTERESIS * lengths[:, None, None]
    shape = (3, 2, *at_first.shape[1:])
    x = slack.new_tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]).view(3, 2, 1, 1, 1).expand(shape)
    y = slack.new_tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).view(3, 2, 1, 1, 1).expand(shape)
    for start, second, third, margin in zip(at_first, to_second, to_third, margins):
        x, y = clipped(x, y, start + x * second + y * third, margin)
    (start_x, end_x), (start_y, end_y) = x.unbind(1), y.unbind(1)
    spans = start_x * end_y - end_x * start_y
    part = spans.sum(0)
    second, third = (spans * (start_x + end_x)).sum(0) / 3.0, (spans * (start_y + end_y)).sum(0) / 3.0
    return torch.stack((part - second - third, second, third), -1).mean(0).transpose(0, 1)


def clipped(x: Tensor, y: Tensor, heights: Tensor, margin: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of edges (K, 2 ends, ...) at heights that are not positive, and the edge that closes them."""
    outside = heights > 0.0
    starts_out, ends_out = outside.unbind(1)
    start, end = heights.unbind(1)
    crosses = starts_out ^ ends_out
    along = ((start + margin) / torch.where(crosses, start - end, 1.0)).clamp(0.0, 1.0)
    parts = []
    for place in (x, y):
        first, last = place.unbind(1)
        crossing = torch.where(crosses, first + along * (last - first), 0.0)
        left = torch.stack((torch.where(starts_out, crossing, first), torch.where(ends_out, crossing, last)), 1)
        closing = [torch.where(ends, crossing, 0.0).sum(0) for ends in (ends_out, starts_out)]
        parts.append(torch.cat((left, torch.stack(closing).unsqueeze(0))))
    return parts[0], parts[1]
