"""Pairs of convex bodies of space: what they share, as an integral over both surfaces, and what encloses them."""

from typing import Any

import torch
from torch import Tensor

from detloss.formulas.measures import ConvexMeasures, ConvexSlopes
from detloss.kernels.eager import primitives
from detloss.kernels.eager.convex import facets, polygon_overlap
from detloss.kernels.eager.convex.clipping import visible
from detloss.kernels.eager.convex.enclosures import Region, box_around, diameter
from detloss.kernels.eager.convex.polytopes import Solid, solid_of
from detloss.kernels.interface import ConvexRequest

SLACK = 1e-14  # of the larger extent: faces that are nearer to each other coincide
ROUNDING = 2e-15  # of the distance from the origin, where the numbers of a row are coarser
STRETCH = 4e-11  # of a body, to be chosen where both offer the same vertex
PAIRS_AT_ONCE = 64  # so that what is clipped stays in the cache


def meet(request: ConvexRequest, first: Tensor, second: Tensor) -> ConvexMeasures:
    """The measures of two bodies."""
    bodies = [solid_of(shape, rows) for shape, rows in zip(request.shapes, (first, second))]
    vertices, shifts = polygon_overlap.around_overlap(*bodies)
    apart = torch.zeros_like(shifts[0])
    regions = {"intersection": intersection(vertices, *bodies)}
    others: dict[str, Any] = {}
    if request.enclosing is not None:
        regions["enclosure"] = (hull_of if request.enclosing == "hull" else box_around)(*vertices)
    if "diagonal" in request.needs:
        regions["diagonal"] = diameter(*vertices)
    if "distance" in request.needs:
        apart = (shifts[0] - shifts[1]) + (bodies[0].center - bodies[1].center)
        others["distance"] = apart.square().sum(-1)

    def backward(slopes: ConvexSlopes) -> tuple[Tensor, Tensor]:
        d_apart = 2.0 * slopes.distance.unsqueeze(-1) * apart
        rows = []
        for body, k, d_size, sign in ((bodies[0], 1, slopes.size, 1.0), (bodies[1], 2, slopes.other_size, -1.0)):
            by_regions = (getattr(slopes, name)[:, None, None] * region[k] for name, region in regions.items())
            d_vertices = sum(by_regions, torch.zeros(()))
            rows.append(body.pull(d_vertices, d_size, sign * d_apart))
        return rows[0], rows[1]

    others |= {name: region.value for name, region in regions.items()}
    identical = polygon_overlap.are_alike(*vertices)
    size, other_size = (body.size for body in bodies)
    return ConvexMeasures(size=size, other_size=other_size, identical=identical, backward=backward, **others)


def intersection(vertices: tuple[Tensor, Tensor], first: Solid, second: Solid) -> Region:
    """The volume that two bodies share: a third of every visible part of a face x its distance from the origin.

    What of a face lies in the other body is its visible part. Faces that coincide are half visible: once where the
    other body is a little larger, and not where it is a little smaller. So a shared face counts once, faces that touch
    from outside cancel, and swapping changes nothing.
    """
    extents = [(points.amax(-2) - points.amin(-2)).amax(-1) for points in vertices]
    places = [body.anchor.abs().amax(-1) for body in (first, second)]
    slack = (SLACK * torch.maximum(*extents) + ROUNDING * torch.maximum(*places)).detach()
    volume = torch.zeros_like(first.size)
    derivatives = []
    for body, points, other, others in (
        (first, *vertices[:1], second, vertices[1]),
        (second, vertices[1], first, vertices[0]),
    ):
        corners = facets.at_corners(points, body.triangles)
        # A plane holds the body, whatever rounding made of its direction.
        reaches = (other.normals @ others.mT).amax(-1)
        operands = (torch.split(operand, PAIRS_AT_ONCE) for operand in (corners, other.normals, reaches, slack))
        shares = torch.cat([visible(*part) for part in zip(*operands)])
        normals = facets.normals_of(corners)
        volume = volume + (shares.sum(-1) * (corners[..., 0, :] * normals).sum(-1)).sum(-1) / 6.0
        derivatives.append(facets.to_points(0.5 * shares.unsqueeze(-1) * normals.unsqueeze(-2), body.triangles, points))
    smaller = primitives.minimum(first.size, second.size)
    # Bodies that only touch share nothing, as boxes along the axes that touch.
    apart = (volume <= 4.0 * slack * torch.minimum(*extents).square()) | (smaller == 0.0)
    # The value is kept in bounds; its derivatives are left as they are.
    excess = volume - primitives.minimum(volume, smaller)
    d_first, d_second = (primitives.where(apart[:, None, None], 0.0, derivative) for derivative in derivatives)
    return Region(primitives.where(apart, 0.0, volume - excess.detach()), d_first, d_second)


def hull_of(first: Tensor, second: Tensor) -> Region:
    """The volume of the hull of points (N, V, 3); where vertices coincide, each has half of the derivative."""
    points = torch.cat((first, second), -2)
    views = [
        facets.enclosed(points, facets.facets_of(*chosen_by))
        for chosen_by in ((stretch(first), second), (first, stretch(second)))
    ]
    volume, derivatives = (0.5 * (one + other) for one, other in zip(*views))
    return Region(volume, *torch.split(derivatives, [first.shape[-2], second.shape[-2]], -2))


def stretch(vertices: Tensor) -> Tensor:
    """A little larger, about the middle."""
    return vertices + STRETCH * (vertices - vertices.mean(-2, keepdim=True))
