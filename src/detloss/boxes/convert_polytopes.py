"""Converters of convex polytopes: half-spaces to vertices and vertices to half-spaces."""

from itertools import combinations

import torch
from torch import Tensor

from detloss.boxes.convert_cuboids import cross
from detloss.engine import checks
from detloss.engine.debugging import refuse_if_validating
from detloss.geometry import Polytope
from detloss.kernels.eager import primitives

PARALLEL = 1e-9  # three unit normals with a smaller determinant have an ill-conditioned intersection
ROUNDING = 1e-11  # tolerance of a vertex outside a half-space, relative to both
THIN = 1e-8  # a triangle with a smaller height, relative to its longest edge, defines no plane
STEPS = 32.0  # tolerance of a vertex off its face, in rounding steps of its dtype


def polytope_from_halfspaces(halfspaces: Tensor) -> Tensor:
    """Convert half-spaces to the vertices of the polytope that they bound.

    A vertex is an intersection of three planes that lies in all half-spaces.

    When to choose it: to draw, or for tools that take vertices. The losses accept half-spaces directly.

    Args:
        halfspaces: (..., M, 4) rows of ``Polytope(form="halfspaces")``: n, c with n.x <= c, n of any length. They must
            bound a polytope.

    Returns:
        (..., M (M - 1) (M - 2) / 6, 3) unordered vertices, one per triple of planes, padded by repetition of the first
        one, in the dtype of ``halfspaces``; computed in float64. A vertex of more than three planes occurs
        several times, up to rounding.

    Raises:
        TypeError: ``halfspaces`` is no floating tensor.
        ValueError: The last dimension is not 4, or there are fewer than 4 half-spaces; inside `validating`, also
            half-spaces without a vertex.

    Edge cases:
        Half-spaces without a vertex, such as those with an empty intersection, give NaN. An unbounded polytope gives
        the vertices that it has. A row with n = 0 is no constraint.

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
        `polytope_to_halfspaces`, the inverse.
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
    expected = "half-spaces that bound a polytope"
    refuse_if_validating("polytope_from_halfspaces", "halfspaces", halfspaces, has_none, expected)
    chosen = or_first(is_vertex).unsqueeze(-1).expand_as(points)
    vertices = points.gather(-2, chosen)
    return torch.where(has_none[..., None, None], torch.nan, vertices).to(halfspaces.dtype)


def polytope_to_halfspaces(vertices: Tensor) -> Tensor:
    """Convert vertices to the half-spaces that bound their convex hull.

    A face is a plane through three vertices with all others on one side.

    When to choose it: to test whether points lie inside, or for tools that take half-spaces. The losses accept vertices
    directly.

    Args:
        vertices: (..., V, 3) rows of ``Polytope(form="vertices")``, in any order.

    Returns:
        (..., V (V - 1) (V - 2) / 6, 4) rows n, c of ``Polytope(form="halfspaces")`` with n of length 1, one per triple
        of vertices, padded by repetition: triples of one face give the same row. In the dtype of ``vertices``, computed
        in float64.

    Raises:
        TypeError: ``vertices`` is no floating tensor.
        ValueError: The last dimension is not 3, or there are fewer than 4 vertices; inside `validating`, also vertices
            without volume.

    Edge cases:
        Vertices belong to one face if they lie in a plane up to the rounding of their dtype. The gradient of a plane
        goes to three of its vertices. Vertices without volume give NaN.

    Example:
        >>> import torch, detloss
        >>> corner = torch.tensor([[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]])
        >>> detloss.polytope_to_halfspaces(corner) + 0.
        tensor([[ 0.0000,  0.0000, -1.0000,  0.0000],
                [ 0.0000, -1.0000,  0.0000,  0.0000],
                [-1.0000,  0.0000,  0.0000,  0.0000],
                [ 0.5774,  0.5774,  0.5774,  0.5774]])

    See also:
        `polytope_from_halfspaces`, the inverse.
    """
    vertices = checks.rows("vertices", vertices, Polytope(form="vertices"))
    numbers = vertices.to(torch.float64)
    middle = numbers.mean(-2, keepdim=True).detach()
    corners, is_face = faces_of((numbers - middle).detach(), step_of(vertices))
    has_none = ~is_face.any(-1)
    refuse_if_validating("polytope_to_halfspaces", "vertices", vertices, has_none, "vertices of a polytope with volume")
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
    """Three vertices (..., F, 3) of the face through each triple of points, and a mask of the triples in a face.

    The three vertices depend on the face alone, so that all its triples give the same ones: the first vertex of the
    face, the farthest vertex from it, and the farthest vertex from the line through both.
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
    """Tolerance of a vertex off its face by the rounding of its dtype, (..., 1)."""
    largest = vertices.detach().to(torch.float64).abs().amax((-2, -1))
    return STEPS * torch.finfo(vertices.dtype).eps * largest.unsqueeze(-1)


def triples_of(count: int, device: torch.device) -> Tensor:
    """All triples of indices, copied to the device without synchronization."""
    return torch.tensor(list(combinations(range(count), 3))).to(device, non_blocking=True)


def at(points: Tensor, index: Tensor) -> Tensor:
    """The points (..., F, 3) at indices (..., F)."""
    return points.gather(-2, index.unsqueeze(-1).expand(*index.shape, 3))


def or_first(mask: Tensor) -> Tensor:
    """The index of each True element, and of the first True element for all others."""
    return torch.where(mask, torch.arange(mask.shape[-1], device=mask.device), mask.int().argmax(-1, keepdim=True))
