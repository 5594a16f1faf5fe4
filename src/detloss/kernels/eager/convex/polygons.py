"""What a row of the plane stands for: the vertices of a convex polygon, and the way back from them to the row."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from detloss.geometry import FORMATS, AxisAligned, Polygon, Rotated, Shape
from detloss.kernels.eager import primitives
from detloss.types import BoxFormat


class Placed(Protocol):
    """A body of the plane or of space, as a point of it and its vertices about that point."""

    @property
    def anchor(self) -> Tensor: ...

    @property
    def offsets(self) -> Tensor: ...


class View(NamedTuple):
    """The axes that pairs are seen in, constants: (N, 2) the origin, and a unit vector along x."""

    origin: Tensor
    along: Tensor

    def seen(self, vectors: Tensor) -> Tensor:
        """Vectors (N, ..., 2) in these axes."""
        along = self.along.view(-1, *[1] * (vectors.dim() - 2), 2)
        return torch.stack(((along * vectors).sum(-1), cross(along, vectors)), -1)

    def back(self, derivatives: Tensor) -> Tensor:
        """Derivatives by vectors (N, ..., 2), in the axes that rows are written in."""
        mirrored = View(self.origin, self.along * self.along.new_tensor([1.0, -1.0]))
        return mirrored.seen(derivatives)


class Body(NamedTuple):
    """N convex polygons.

    Attributes:
        anchor: (N, 2) a point of each.
        offsets: (N, K, 2) its vertices, anticlockwise where y points up, less the anchor.
        size: (N,) its area.
        center: (N, 2) its centroid, less the anchor.
        sides: (N, 2) width and height; None of a polygon.
        along: (N, 2) the direction of the width; None of a polygon.
        pull: Carries derivatives by the vertices, the size, the center and the sides back to the row.
        seen_in: The same bodies in other axes.
    """

    anchor: Tensor
    offsets: Tensor
    size: Tensor
    center: Tensor
    sides: Tensor | None
    along: Tensor | None
    pull: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    seen_in: Callable[[View], "Body"]


def body_of(shape: Shape, rows: Tensor) -> Body:
    """The bodies of rows (N, numbers) of a shape of the plane."""
    if isinstance(shape, Polygon):
        return polygon(rows.reshape(rows.shape[0], rows.shape[1] // 2, 2), lambda slopes: slopes.flatten(-2))
    if isinstance(shape, Rotated):
        return rectangle(rows[:, :2], rows[:, 2:4], direction(rows[:, 4]), lambda *slopes: torch.cat(slopes, -1))
    assert isinstance(shape, AxisAligned)
    center, sides, to_row = along_axes(shape.format, rows)
    return rectangle(center, sides, direction(torch.zeros_like(sides[:, 0])), to_row)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The area that two vectors span."""
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def turned_back(vectors: Tensor) -> Tensor:
    """Vectors turned by -90 degrees: of an edge of an anticlockwise polygon, its outer normal."""
    return torch.stack((vectors[..., 1], -vectors[..., 0]), -1)


CORNERS = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))  # in sides, anticlockwise


def direction(angle: Tensor) -> Tensor:
    """Unit vectors (N, 2)."""
    return torch.stack((torch.cos(angle), torch.sin(angle)), -1)


def rectangle(center: Tensor, sides: Tensor, along: Tensor, to_row: Callable[..., Tensor]) -> Body:
    """Rectangles from centers, sides and directions; `to_row` joins the derivatives by center, sides and angle."""
    positive = primitives.relu(sides)
    across = -turned_back(along)
    corners = positive.new_tensor(CORNERS)
    steps = positive.unsqueeze(-2) * corners  # (N, 4, 2) along and across
    offsets = steps[..., :1] * along.unsqueeze(-2) + steps[..., 1:] * across.unsqueeze(-2)

    def pull(d_vertices: Tensor, d_size: Tensor, d_center: Tensor, d_sides: Tensor) -> Tensor:
        d_steps = torch.stack(
            ((d_vertices * along.unsqueeze(-2)).sum(-1), (d_vertices * across.unsqueeze(-2)).sum(-1)), -1
        )
        by_sides = (d_steps * corners).sum(-2) + d_size.unsqueeze(-1) * positive.flip(-1) + d_sides
        by_angle = cross(offsets, d_vertices).sum(-1)
        return to_row(d_vertices.sum(-2) + d_center, torch.where(sides >= 0.0, by_sides, 0.0), by_angle.unsqueeze(-1))

    def seen_in(view: View) -> Body:
        def to_turned_row(d_center: Tensor, *slopes: Tensor) -> Tensor:
            return to_row(view.back(d_center), *slopes)

        return rectangle(view.seen(center - view.origin), sides, view.seen(along), to_turned_row)

    return Body(center, offsets, positive.prod(-1), torch.zeros_like(center), positive, along, pull, seen_in)


def along_axes(box_format: BoxFormat, rows: Tensor) -> tuple[Tensor, Tensor, Callable[..., Tensor]]:
    """The centers and sides of boxes of any format and dimension, and how derivatives by them become a row's."""
    (first_in_center, second_in_center), (first_in_side, second_in_side) = FORMATS[box_format].center_and_side
    first, second = torch.tensor_split(rows, 2, -1)

    def to_row(d_center: Tensor, d_sides: Tensor, d_angle: Tensor) -> Tensor:
        by_first = first_in_center * d_center + first_in_side * d_sides
        return torch.cat((by_first, second_in_center * d_center + second_in_side * d_sides), -1)

    center = first_in_center * first + second_in_center * second
    return center, first_in_side * first + second_in_side * second, to_row


def polygon(given: Tensor, to_row: Callable[[Tensor], Tensor]) -> Body:
    """Polygons from vertices (N, K, 2) in either direction round; `to_row` flattens the derivatives by them."""
    anchor = given[:, 0].detach()
    offsets = given - anchor.unsqueeze(-2)
    following = offsets.roll(-1, -2)
    spans = cross(offsets, following)
    twice = spans.sum(-1)
    backward = (twice < 0.0).view(-1, 1, 1)
    vertices = torch.where(backward, offsets.flip(-2), offsets)
    size = 0.5 * twice.abs()
    center, by_center = centroid(vertices, size)

    def pull(d_vertices: Tensor, d_size: Tensor, d_center: Tensor, d_sides: Tensor) -> Tensor:
        total = d_vertices + d_size[:, None, None] * by_area(vertices) + by_center(d_center)
        return to_row(torch.where(backward, total.flip(-2), total))

    def seen_in(view: View) -> Body:
        return polygon(view.seen(given - view.origin.unsqueeze(-2)), lambda slopes: to_row(view.back(slopes)))

    return Body(anchor, vertices, size, center, None, None, pull, seen_in)


def by_area(vertices: Tensor) -> Tensor:
    """The derivatives of the area of anticlockwise polygons by their vertices."""
    return 0.5 * turned_back(vertices.roll(-1, -2) - vertices.roll(1, -2))


def centroid(vertices: Tensor, size: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """The centroids of the areas, and the way back; without area, of the edges, their lengths held constant."""
    following = vertices.roll(-1, -2)
    spans, sums = cross(vertices, following), vertices + following
    per_area = primitives.quotient(torch.ones_like(size), 6.0 * size)[:, None]
    of_area = (spans.unsqueeze(-1) * sums).sum(-2) * per_area
    lengths = (following - vertices).norm(dim=-1).detach()
    # A point has no edges: all weight on its first vertex.
    lengths = torch.where(
        lengths.sum(-1, keepdim=True) > 0.0, lengths, torch.eye(1, lengths.shape[-1], device=size.device)
    )
    shares = (lengths / lengths.sum(-1, keepdim=True)).unsqueeze(-1)
    has_area = (size > 0.0)[:, None]
    center = torch.where(has_area, of_area, 0.5 * (shares * sums).sum(-2))

    def pull(d_center: Tensor) -> Tensor:
        toward = d_center.unsqueeze(-2)
        along = (sums * toward).sum(-1, keepdim=True)  # of each span
        d_spans = along * per_area.unsqueeze(-1)
        d_sums = spans.unsqueeze(-1) * toward * per_area.unsqueeze(-1)
        d_size = -6.0 * (of_area * d_center).sum(-1, keepdim=True).unsqueeze(-1) * per_area.unsqueeze(-1)
        by_vertices = d_spans * turned_back(following) + d_sums
        by_following = -d_spans * turned_back(vertices) + d_sums
        of_areas = by_vertices + by_following.roll(1, -2) + d_size * by_area(vertices)
        of_edges = 0.5 * (shares + shares.roll(1, -2)) * toward
        return torch.where(has_area.unsqueeze(-1), of_areas, of_edges)

    return center, pull
