"""Convex polygons from rows of two-dimensional shapes, with the backward function from vertices to rows."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from detloss.geometry import FORMATS, AxisAligned, Polygon, Rotated, Shape
from detloss.kernels.eager import primitives
from detloss.types import BoxFormat


class Anchored(Protocol):
    """Convex shapes as an anchor point each and vertices relative to it."""

    @property
    def anchor(self) -> Tensor: ...

    @property
    def offsets(self) -> Tensor: ...


class Frame(NamedTuple):
    """Coordinate frames of pairs, constants: (N, 2) the origin, and a unit vector along the x axis."""

    origin: Tensor
    along: Tensor

    def coordinates(self, vectors: Tensor) -> Tensor:
        """The coordinates of vectors (N, ..., 2) in the frame."""
        along = self.along.view(-1, *[1] * (vectors.dim() - 2), 2)
        return torch.stack(((along * vectors).sum(-1), cross(along, vectors)), -1)

    def backward(self, derivatives: Tensor) -> Tensor:
        """Derivatives by vectors (N, ..., 2) from those by their coordinates."""
        mirrored = Frame(self.origin, self.along * self.along.new_tensor([1.0, -1.0]))
        return mirrored.coordinates(derivatives)


class Polygons(NamedTuple):
    """N convex polygons.

    Attributes:
        anchor: (N, 2) a point of each polygon.
        offsets: (N, K, 2) vertices relative to the anchor, counterclockwise with y upward.
        size: (N,) areas.
        center: (N, 2) centroids relative to the anchor.
        sides: (N, 2) width and height of rectangles, else None.
        along: (N, 2) the direction of the width of rectangles, else None.
        backward: From derivatives by vertices, size, center and sides to those by the rows.
        in_frame: The polygons in another frame.
    """

    anchor: Tensor
    offsets: Tensor
    size: Tensor
    center: Tensor
    sides: Tensor | None
    along: Tensor | None
    backward: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    in_frame: Callable[[Frame], "Polygons"]


def polygons_of(shape: Shape, rows: Tensor) -> Polygons:
    """The polygons of rows (N, numbers) of a two-dimensional shape."""
    if isinstance(shape, Polygon):
        return polygon(rows.reshape(rows.shape[0], rows.shape[1] // 2, 2), lambda slopes: slopes.flatten(-2))
    if isinstance(shape, Rotated):
        return rectangle(rows[:, :2], rows[:, 2:4], direction(rows[:, 4]), lambda *slopes: torch.cat(slopes, -1))
    assert isinstance(shape, AxisAligned)
    center, sides, to_row = axis_aligned_boxes(shape.format, rows)
    return rectangle(center, sides, direction(torch.zeros_like(sides[:, 0])), to_row)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The signed area of the parallelogram of two vectors."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def rotated_clockwise(vectors: Tensor) -> Tensor:
    """Vectors rotated by -90 degrees: the outer normals of the edges of a counterclockwise polygon."""
    return torch.stack((vectors[..., 1], -vectors[..., 0]), -1)


CORNERS = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))  # in units of the sides, counterclockwise


def direction(angle: Tensor) -> Tensor:
    """Unit vectors (N, 2) at angles."""
    return torch.stack((torch.cos(angle), torch.sin(angle)), -1)


def rectangle(center: Tensor, sides: Tensor, along: Tensor, to_row: Callable[..., Tensor]) -> Polygons:
    """Rectangles from centers, sides and directions; `to_row` concatenates derivatives by center, sides and angle."""
    positive = primitives.relu(sides)
    across = -rotated_clockwise(along)
    corners = positive.new_tensor(CORNERS)
    steps = positive.unsqueeze(-2) * corners  # (N, 4, 2) along and across
    offsets = steps[..., :1] * along.unsqueeze(-2) + steps[..., 1:] * across.unsqueeze(-2)

    def backward(d_vertices: Tensor, d_size: Tensor, d_center: Tensor, d_sides: Tensor) -> Tensor:
        d_steps = torch.stack(
            ((d_vertices * along.unsqueeze(-2)).sum(-1), (d_vertices * across.unsqueeze(-2)).sum(-1)), -1
        )
        by_sides = (d_steps * corners).sum(-2) + d_size.unsqueeze(-1) * positive.flip(-1) + d_sides
        by_angle = cross(offsets, d_vertices).sum(-1)
        return to_row(d_vertices.sum(-2) + d_center, torch.where(sides >= 0.0, by_sides, 0.0), by_angle.unsqueeze(-1))

    def in_frame(frame: Frame) -> Polygons:
        def to_row_of_frame(d_center: Tensor, *slopes: Tensor) -> Tensor:
            return to_row(frame.backward(d_center), *slopes)

        return rectangle(frame.coordinates(center - frame.origin), sides, frame.coordinates(along), to_row_of_frame)

    return Polygons(center, offsets, positive.prod(-1), torch.zeros_like(center), positive, along, backward, in_frame)


def axis_aligned_boxes(box_format: BoxFormat, rows: Tensor) -> tuple[Tensor, Tensor, Callable[..., Tensor]]:
    """Centers and sides of boxes in any format and dimension, and the function from derivatives by them to rows."""
    (first_in_center, second_in_center), (first_in_side, second_in_side) = FORMATS[box_format].center_and_side
    first, second = torch.tensor_split(rows, 2, -1)

    def to_row(d_center: Tensor, d_sides: Tensor, d_angle: Tensor) -> Tensor:
        by_first = first_in_center * d_center + first_in_side * d_sides
        return torch.cat((by_first, second_in_center * d_center + second_in_side * d_sides), -1)

    center = first_in_center * first + second_in_center * second
    return center, first_in_side * first + second_in_side * second, to_row


def polygon(given: Tensor, to_row: Callable[[Tensor], Tensor]) -> Polygons:
    """Polygons from vertices (N, K, 2) in either orientation; `to_row` flattens derivatives by them."""
    anchor = given[:, 0].detach()
    offsets = given - anchor.unsqueeze(-2)
    following = offsets.roll(-1, -2)
    spans = cross(offsets, following)
    twice = spans.sum(-1)
    is_clockwise = (twice < 0.0).view(-1, 1, 1)
    vertices = torch.where(is_clockwise, offsets.flip(-2), offsets)
    size = 0.5 * twice.abs()
    center, by_center = centroid(vertices, size)

    def backward(d_vertices: Tensor, d_size: Tensor, d_center: Tensor, d_sides: Tensor) -> Tensor:
        total = d_vertices + d_size[:, None, None] * by_area(vertices) + by_center(d_center)
        return to_row(torch.where(is_clockwise, total.flip(-2), total))

    def in_frame(frame: Frame) -> Polygons:
        return polygon(
            frame.coordinates(given - frame.origin.unsqueeze(-2)), lambda slopes: to_row(frame.backward(slopes))
        )

    return Polygons(anchor, vertices, size, center, None, None, backward, in_frame)


def by_area(vertices: Tensor) -> Tensor:
    """The derivatives of the area of counterclockwise polygons by their vertices."""
    return 0.5 * rotated_clockwise(vertices.roll(-1, -2) - vertices.roll(1, -2))


def centroid(vertices: Tensor, size: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Centroids and their backward function; those of the edges, with constant lengths, for polygons without area."""
    following = vertices.roll(-1, -2)
    spans, sums = cross(vertices, following), vertices + following
    per_area = primitives.quotient(torch.ones_like(size), 6.0 * size)[:, None]
    of_area = (spans.unsqueeze(-1) * sums).sum(-2) * per_area
    lengths = (following - vertices).norm(dim=-1).detach()
    # A polygon that is a point: its first vertex.
    lengths = torch.where(
        lengths.sum(-1, keepdim=True) > 0.0, lengths, torch.eye(1, lengths.shape[-1], device=size.device)
    )
    shares = (lengths / lengths.sum(-1, keepdim=True)).unsqueeze(-1)
    has_area = (size > 0.0)[:, None]
    center = torch.where(has_area, of_area, 0.5 * (shares * sums).sum(-2))

    def backward(d_center: Tensor) -> Tensor:
        toward = d_center.unsqueeze(-2)
        along = (sums * toward).sum(-1, keepdim=True)  # of each span
        d_spans = along * per_area.unsqueeze(-1)
        d_sums = spans.unsqueeze(-1) * toward * per_area.unsqueeze(-1)
        d_size = -6.0 * (of_area * d_center).sum(-1, keepdim=True).unsqueeze(-1) * per_area.unsqueeze(-1)
        by_vertices = d_spans * rotated_clockwise(following) + d_sums
        by_following = -d_spans * rotated_clockwise(vertices) + d_sums
        of_areas = by_vertices + by_following.roll(1, -2) + d_size * by_area(vertices)
        of_edges = 0.5 * (shares + shares.roll(1, -2)) * toward
        return torch.where(has_area.unsqueeze(-1), of_areas, of_edges)

    return center, backward
