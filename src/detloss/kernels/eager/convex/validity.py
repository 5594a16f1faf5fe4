"""Which rows cannot be meant: for `detloss.validating()`, where the host waits for the device anyway."""

from collections.abc import Iterator

import torch
from torch import Tensor

from detloss.geometry import AxisAligned, Cuboid, Polygon, Polytope, Rotated, Shape
from detloss.kernels.eager.convex.polygons import cross

TOLERANCE = 16.0  # of how far a vertex may lie beyond an edge: rounding units of the polygon's extent


def faults(shape: Shape, rows: Tensor) -> Iterator[tuple[Tensor, str]]:
    """What may be wrong with rows (..., numbers): a mask (...) and what was expected, one after another."""
    yield ~rows.isfinite().all(-1), "finite coordinates"
    if isinstance(shape, AxisAligned):
        yield from inverted(shape, rows)
    elif isinstance(shape, Rotated | Cuboid):
        sizes = rows[..., shape.dims : 2 * shape.dims]
        yield (sizes < 0).any(-1), "sizes of at least 0"
    elif isinstance(shape, Polygon):
        yield ~is_convex(torch.unflatten(rows, -1, (-1, 2))), "the vertices of a convex polygon in order"
    elif isinstance(shape, Polytope) and shape.form == "halfspaces":
        normals = torch.unflatten(rows, -1, (-1, 4))[..., :3]
        yield (normals == 0).all(-1).any(-1), "half-spaces with a normal"


def inverted(shape: AxisAligned, rows: Tensor) -> Iterator[tuple[Tensor, str]]:
    """Boxes along the axes that end before they start."""
    first, second = rows.chunk(2, -1)
    if shape.format == "xyxy":
        yield (second < first).any(-1), "maxima of at least the minima"
    elif shape.format == "ltrb":
        yield (first + second < 0).any(-1), "distances that do not sum below 0"
    else:
        yield (second < 0).any(-1), "sizes of at least 0"


def is_convex(vertices: Tensor) -> Tensor:
    """Whether no vertex lies beyond any edge, but for rounding; vertices (..., K, 2) go round in either direction."""
    rounding = torch.finfo(vertices.dtype).eps
    vertices = vertices.double() - vertices[..., :1, :].double()
    edges = vertices.roll(-1, -2) - vertices
    direction = cross(vertices, edges).sum(-1).sign()
    sides = cross(edges.unsqueeze(-2), vertices.unsqueeze(-3) - vertices.unsqueeze(-2))  # (..., edge, vertex)
    extent = (vertices.amax(-2) - vertices.amin(-2)).amax(-1)
    beyond = (sides * direction[..., None, None]).amin((-1, -2))
    convex: Tensor = beyond >= -TOLERANCE * rounding * extent * edges.norm(dim=-1).amax(-1)
    return convex
