"""Convex bodies of space: from half-spaces to vertices and back."""

from itertools import combinations

import torch
from torch import Tensor

from detloss.boxes.convert_cuboids import cross
from detloss.engine import checks
from detloss.engine.debugging import refuse_if_validating
from detloss.geometry import Polytope
from detloss.kernels.eager import primitives

PARALLEL = 1e-9  # three unit normals that span less than this have no point in common that is worth its digits
ROUNDING = 1e-11  # how far a vertex may lie outside of a half-space, relative to both
THIN = 1e-8  # a triangle that is lower than this, relative to its longest edge, stands for a line and not for a plane
STEPS = 32.0  # how many steps of its dtype a vertex may lie off a face that it belongs to


def polytope_from_halfspaces(halfspaces: Tensor) -> Tensor:
    """Give the vertices of bodies that are written as half-spaces.

    A vertex is the point where three planes meet, where it lies in all half-spaces.

    When to choose it: to draw bodies, or for tools that take vertices. The losses take half-spaces as they are.

    Args:
        halfspaces: (..., M, 4) rows of ``Polytope(form="halfspaces")``: n, c with n.x <= c, n of any length. They must
            bound a body.

    Returns:
        (..., M (M - 1) (M - 2) / 6, 3) vertices in no order, one a triple of planes, padded by repetition of the first
        one, in the dtype of ``halfspaces``; computed in float64. Where more than three planes meet there are several
        equal, or nearly equal, ones.

    Raises:
        TypeError: ``halfspaces`` is no floating tensor.
        ValueError: The last dimension is not 4, or there are fewer than 4 half-spaces; inside `validating`, also
            half-spaces without a vertex.

    Edge cases:
        Half-spaces without a vertex, as those without a common point, give NaN. Of an unbounded body these are the
        vertices that it has. A row with n = 0 says nothing.

    Example:
        >>> import torch, detloss
        >>> below_one = torch.tensor([1., 1., 1., 1.])  # x + y + z <= 1
        >>> positive = torch.tensor([[-1., 0., 0., 0.], [0., -1., 0., 0.], [0., 0., -1., 0.]])
        >>> detloss.polytope_from_halfspaces(torch.cat((positive, below_one[None]))) + 0.
        tensor([[0., 0., 0.],
                [0., 0., 1.],
                [0., 1., 0.],
                [1., 0., 0.]])

    See also:
        `polytope_to_halfspaces`, the way back.
    """
    halfspaces = checks.rows("halfspaces", halfspaces, Polytope(form="halfspaces"))
    numbers = halfspaces.to(torch.float64)
    numbers = primitives.quotient(numbers, numbers[..., :3].norm(dim=-1, keepdim=True))
    normals, distances = numbers[..., :3], numbers[..., 3:]
    one, two, three = triples_of(halfspaces.shape[-2], halfspaces.device).unbind(-1)
    first, second, third = normals[..., one, :], normals[..., two, :], normals[..., three, :]
    across = (cross(second, third), cross(third, first), cross(first, second))
    span = (first * across[0]).sum(-1, keepdim=True)
    meets = span.abs() > PARALLEL
    weighted = [distances[..., plane, :] * normal for plane, normal in zip((one, two, three), across)]
    points = (weighted[0] + weighted[1] + weighted[2]) / torch.where(meets, span, 1.0)

    outside = (points @ normals.mT) - distances.mT
    allowed = ROUNDING * (points.abs().amax(-1, keepdim=True) + distances.abs().mT)
    is_vertex = meets.squeeze(-1) & (outside <= allowed).all(-1)
    has_none = ~is_vertex.any(-1)
    expected = "half-spaces that bound a body"
    refuse_if_validating("polytope_from_halfspaces", "halfspaces", halfspaces, has_none, expected)
    chosen = or_first(is_vertex).unsqueeze(-1).expand_as(points)
    vertices = points.gather(-2, chosen)
    return torch.where(has_none[..., None, None], torch.nan, vertices).to(halfspaces.dtype)


def polytope_to_halfspaces(vertices: Tensor) -> Tensor:
    """Give the half-spaces that bound the hulls of vertices.

    A face is a plane through three vertices that has all others on one side.

    When to choose it: to ask whether points lie inside, or for tools that take half-spaces. The losses take vertices
    as they are.

    Args:
        vertices: (..., V, 3) rows of ``Polytope(form="vertices")``, in any order.

    Returns:
        (..., V (V - 1) (V - 2) / 6, 4) rows n, c of ``Polytope(form="halfspaces")`` with n of length 1, one a triple of
        vertices, padded by repetition: triples in one face give the same row. In the dtype of ``vertices``, computed in
        float64.

    Raises:
        TypeError: ``vertices`` is no floating tensor.
        ValueError: The last dimension is not 3, or there are fewer than 4 vertices; inside `validating`, also vertices
            without volume.

    Edge cases:
        Vertices belong to one face where they lie in a plane up to the rounding of their dtype. The derivative takes
        each plane as held by three of its vertices. Vertices without volume give NaN.

    Example:
        >>> import torch, detloss
        >>> corner = torch.tensor([[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])
        >>> detloss.polytope_to_halfspaces(corner) + 0.
        tensor([[ 0.0000,  0.0000, -1.0000,  0.0000],
                [ 0.0000, -1.0000,  0.0000,  0.0000],
                [-1.0000,  0.0000,  0.0000,  0.0000],
                [ 0.5774,  0.5774,  0.5774,  0.5774]])

    See also:
        `polytope_from_halfspaces`, the way back.
    """
    vertices = checks.rows("vertices", vertices, Polytope(form="vertices"))
    numbers = vertices.to(torch.float64)
    middle = numbers.mean(-2, keepdim=True).detach()
    corners, is_face = faces_of((numbers - middle).detach(), step_of(vertices))
    has_none = ~is_face.any(-1)
    refuse_if_validating("polytope_to_halfspaces", "vertices", vertices, has_none, "vertices of a body with volume")
    corners = corners.gather(-2, or_first(is_face).unsqueeze(-1).expand_as(corners))
    first, second, third = (at(numbers - middle, corner) for corner in corners.unbind(-1))
    normal = cross(second - first, third - first)
    inward = (normal * first).sum(-1, keepdim=True) < 0.0
    normal = torch.where(inward, -normal, normal)
    normal = primitives.quotient(normal, normal.norm(dim=-1, keepdim=True))
    distance = (normal * (first + middle)).sum(-1, keepdim=True)
    halfspaces = torch.cat((normal, distance), -1)
    return torch.where(has_none[..., None, None], torch.nan, halfspaces).to(vertices.dtype)


def faces_of(points: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
    """Three vertices (..., F, 3) of the face through each triple of points, and which triples lie in a face at all.

    The three depend on the face alone, so that triples in one face have the same ones: the first vertex in it, the one
    farthest from that, and the one farthest from the line through both.
    """
    triples = triples_of(points.shape[-2], points.device)
    first, second, third = (points[..., corner, :] for corner in triples.unbind(-1))
    edges = torch.stack((second - first, third - second, first - third), -2)
    longest = edges.norm(dim=-1).amax(-1, keepdim=True)
    normal = cross(edges[..., 0, :], edges[..., 1, :])
    length = normal.norm(dim=-1, keepdim=True)
    normal = primitives.quotient(normal, length)
    above = normal @ points.mT - (normal * first).sum(-1, keepdim=True)
    near = step.unsqueeze(-1)
    spans = length > longest * torch.maximum(THIN * longest, near)
    is_face = spans.squeeze(-1) & ((above <= near).all(-1) ^ (above >= -near).all(-1))

    in_plane = above.abs() <= near
    here = in_plane.int().argmax(-1)
    away = points.unsqueeze(-3) - at(points, here).unsqueeze(-2)
    there = torch.where(in_plane, away.square().sum(-1), -1.0).argmax(-1)
    line = (at(points, there) - at(points, here)).unsqueeze(-2)
    beside = torch.where(in_plane, cross(line.expand_as(away), away).square().sum(-1), -1.0).argmax(-1)
    return torch.stack((here, there, beside), -1), is_face


def step_of(vertices: Tensor) -> Tensor:
    """How far off its face a vertex may lie by the rounding of its dtype, (..., 1)."""
    largest = vertices.detach().to(torch.float64).abs().amax((-2, -1))
    return STEPS * torch.finfo(vertices.dtype).eps * largest.unsqueeze(-1)


def triples_of(count: int, device: torch.device) -> Tensor:
    """All triples of indices, copied to the device without a wait for it."""
    return torch.tensor(list(combinations(range(count), 3))).to(device, non_blocking=True)


def at(points: Tensor, index: Tensor) -> Tensor:
    """The points (..., F, 3) at indices (..., F)."""
    return points.gather(-2, index.unsqueeze(-1).expand(*index.shape, 3))


def or_first(mask: Tensor) -> Tensor:
    """Each place where the mask is True, and the first such place for all others."""
    return torch.where(mask, torch.arange(mask.shape[-1], device=mask.device), mask.int().argmax(-1, keepdim=True))
