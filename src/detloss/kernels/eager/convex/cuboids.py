"""Measures of pairs of upright cuboids, as rectangular footprints times heights."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from detloss.formulas.measures import ConvexMeasures, ConvexSlopes
from detloss.geometry import AxisAligned, Cuboid, Shape
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import polygon_overlap, prism_hulls
from detloss.kernels.eager.convex.enclosures import box_around
from detloss.kernels.eager.convex.polygons import (
    Polygons,
    axis_aligned_boxes,
    direction,
    rectangle,
)
from detloss.kernels.interface import ConvexRequest


class UprightCuboids(NamedTuple):
    """N upright cuboids.

    Attributes:
        footprint: Rectangles in the horizontal plane.
        middle: (N,) the vertical coordinates of the centers.
        height: (N,) the heights, not negative.
        backward: From derivatives by the footprint's five numbers, the middle and the height to those by the rows.
    """

    footprint: Polygons
    middle: Tensor
    height: Tensor
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]


def cuboids_of(shape: Shape, rows: Tensor) -> UprightCuboids:
    """The cuboids of rows of `Cuboid`, or of three-dimensional boxes in any format."""
    if isinstance(shape, Cuboid):
        return upright(rows[:, :3], rows[:, 3:6], rows[:, 6], lambda *slopes: torch.cat(slopes, -1))
    assert isinstance(shape, AxisAligned)
    center, sides, to_row = axis_aligned_boxes(shape.format, rows)
    return upright(center, sides, torch.zeros_like(sides[:, 0]), to_row)


def upright(center: Tensor, sides: Tensor, yaw: Tensor, to_row: Callable[..., Tensor]) -> UprightCuboids:
    """Cuboids from centers, sides and yaws; `to_row` concatenates the derivatives by these three."""
    footprint = rectangle(center[:, :2], sides[:, :2], direction(yaw), lambda *slopes: torch.cat(slopes, -1))

    def backward(d_footprint: Tensor, d_middle: Tensor, d_height: Tensor) -> Tensor:
        d_height = torch.where(sides[:, 2] >= 0.0, d_height, 0.0)
        d_center = torch.cat((d_footprint[:, :2], d_middle.unsqueeze(-1)), -1)
        return to_row(d_center, torch.cat((d_footprint[:, 2:4], d_height.unsqueeze(-1)), -1), d_footprint[:, 4:])

    return UprightCuboids(footprint, center[:, 2], primitives.relu(sides[:, 2]), backward)


class Volume(NamedTuple):
    """A measure of both cuboids, and its derivatives by the vertices of both footprints and by the four levels."""

    value: Tensor
    d_first: Tensor
    d_second: Tensor
    d_levels: Tensor


def measure_pairs(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of pairs of upright cuboids."""
    cuboids = [cuboids_of(shape, rows) for shape, rows in zip(request.shapes, (first, second))]
    footprints = [cuboid.footprint for cuboid in cuboids]
    vertices, shifts = polygon_overlap.centered_on_overlap(*footprints)
    origin = cuboids[0].middle.detach()
    middles = [cuboid.middle - origin for cuboid in cuboids]
    halves = [0.5 * cuboid.height for cuboid in cuboids]
    levels = torch.stack([m + sign * half for m, half in zip(middles, halves) for sign in (-1.0, 1.0)], -1)
    areas = footprints[0].size, footprints[1].size
    sizes = [area * cuboid.height for area, cuboid in zip(areas, cuboids)]

    magnitude = torch.maximum(*(footprint.anchor.abs().amax(-1) for footprint in footprints))
    apart, rise = torch.zeros_like(shifts[0]), torch.zeros_like(origin)
    volumes = {"intersection": intersection(vertices, areas, levels, magnitude)}
    optional: dict[str, Any] = {}
    if request.enclosing == "hull":
        volumes["enclosure"] = Volume(*prism_hulls.hull_of(*vertices, areas, levels))
    elif request.enclosing is not None:
        volumes["enclosure"] = box(vertices, levels)
    if "diagonal" in request.needs:
        volumes["diagonal"] = diameter(vertices, levels)
    if "distance" in request.needs:
        apart, rise = shifts[0] - shifts[1], middles[0] - middles[1]
        optional["distance"] = apart.square().sum(-1) + rise.square()

    def backward(slopes: ConvexSlopes) -> tuple[Tensor, Tensor]:
        by_volumes = [(getattr(slopes, name), volume) for name, volume in volumes.items()]
        d_levels = sum((slope.unsqueeze(-1) * volume.d_levels for slope, volume in by_volumes), torch.zeros(()))
        rows = []
        for k, (cuboid, d_size, sign) in enumerate(zip(cuboids, (slopes.size, slopes.other_size), (2.0, -2.0))):
            d_vertices = sum((slope[:, None, None] * volume[1 + k] for slope, volume in by_volumes), torch.zeros(()))
            d_apart = sign * slopes.distance
            d_low, d_high = d_levels[:, 2 * k], d_levels[:, 2 * k + 1]
            d_area, d_height = d_size * cuboid.height, d_size * areas[k] + 0.5 * (d_high - d_low)
            sides = torch.zeros_like(apart)
            d_footprint = cuboid.footprint.backward(d_vertices, d_area, d_apart.unsqueeze(-1) * apart, sides)
            rows.append(cuboid.backward(d_footprint, d_low + d_high + d_apart * rise, d_height))
        return rows[0], rows[1]

    optional |= {name: volume.value for name, volume in volumes.items()}
    identical = polygon_overlap.are_identical(*vertices) & (levels[:, :2] == levels[:, 2:]).all(-1)
    return ConvexMeasures(size=sizes[0], other_size=sizes[1], identical=identical, backward=backward, **optional)


def intersection(
    vertices: tuple[Tensor, Tensor], areas: tuple[Tensor, Tensor], levels: Tensor, magnitude: Tensor
) -> Volume:
    """The intersection of the footprints times that of the heights; ends on one level share its derivative."""
    area = polygon_overlap.intersection(*vertices, *areas, magnitude)
    lows, highs = levels[:, ::2], levels[:, 1::2]
    height = primitives.relu(highs.amin(-1) - lows.amax(-1))
    overlaps = (height > 0.0).unsqueeze(-1).to(levels.dtype)
    d_lows = -overlaps * shares(lows == lows.amax(-1, keepdim=True))
    d_highs = overlaps * shares(highs == highs.amin(-1, keepdim=True))
    return product(area, height, torch.stack((d_lows, d_highs), -1).flatten(-2))


def box(vertices: tuple[Tensor, Tensor], levels: Tensor) -> Volume:
    """The axis-aligned box around both."""
    low, high = levels.amin(-1, keepdim=True), levels.amax(-1, keepdim=True)
    d_levels = shares(levels == high) - shares(levels == low)
    return product(box_around(*vertices), (high - low).squeeze(-1), d_levels)


def product(area: tuple[Tensor, Tensor, Tensor], height: Tensor, d_levels: Tensor) -> Volume:
    """The product of an area and a height, with its derivatives by vertices and levels."""
    value, *by_vertices = area
    d_first, d_second = (height[:, None, None] * derivative for derivative in by_vertices)
    return Volume(value * height, d_first, d_second, value.unsqueeze(-1) * d_levels)


def diameter(vertices: tuple[Tensor, Tensor], levels: Tensor) -> Volume:
    """The largest squared distance of two vertices; pairs at that distance share its derivative."""
    points = torch.cat(vertices, -2)
    steps = points.unsqueeze(-2) - points.unsqueeze(-3)
    rises = levels.unsqueeze(-1) - levels.unsqueeze(-2)  # (N, 4, 4) of the levels of both
    # The largest vertical distance of every two prisms, for all of their vertices.
    blocks = rises.square().view(-1, 2, 2, 2, 2)
    tallest = blocks.amax((-1, -3))
    counts = [part.shape[-2] for part in vertices]
    of_prism = torch.arange(sum(counts), device=points.device) // counts[0]
    squares = steps.square().sum(-1) + tallest[:, of_prism][:, :, of_prism]
    longest = squares.flatten(-2).amax(-1)
    furthest = shares((squares == longest[:, None, None]).flatten(-2)).view_as(squares)
    by_points = 4.0 * (furthest.unsqueeze(-1) * steps).sum(-2)
    of_prisms = torch.stack([part.sum(-2) for part in torch.split(furthest, counts, -2)], -2)
    of_prisms = torch.stack([part.sum(-1) for part in torch.split(of_prisms, counts, -1)], -1)  # (N, 2, 2)
    tall = (blocks == tallest[:, :, None, :, None]).to(points.dtype)
    tall = tall / tall.sum((-1, -3), keepdim=True) * of_prisms[:, :, None, :, None]
    d_levels = 4.0 * (tall.flatten(1, 2).flatten(-2) * rises).sum(-1)
    d_first, d_second = torch.split(by_points, counts, -2)
    return Volume(longest, d_first, d_second, d_levels)


def shares(chosen: Tensor) -> Tensor:
    """Equal shares of 1 for all selected."""
    parts = chosen.to(torch.float64)
    return parts / parts.sum(-1, keepdim=True)
