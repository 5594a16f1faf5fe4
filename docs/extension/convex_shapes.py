"""Convex shapes of plots, in 2-D and 3-D: facets and vertices computed from their definitions by brute force."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

TOLERANCE = 1e-9
"""Points and planes closer than this are equal; the plotted shapes have a size of about 1."""


def facets(points: Points) -> Points:
    """Half-spaces (F, d + 1) that bound the hull of points (V, d): rows n, c of n.x <= c with n of length 1."""
    return distinct(supporting_half_spaces(points))


def supporting_half_spaces(points: Points) -> Iterator[Points]:
    """Half-spaces through every d points that contain all other points."""
    for chosen in combinations(points, points.shape[1]):
        first, *others = chosen
        _, spans, directions = np.linalg.svd(np.array(others) - first)
        if spans.min() < TOLERANCE:
            continue  # degenerate: the points do not determine a plane
        normal = directions[-1]
        heights = (points - first) @ normal
        if heights.max() < TOLERANCE:
            yield np.append(normal, first @ normal)
        elif heights.min() > -TOLERANCE:
            yield np.append(-normal, -first @ normal)


def vertices(half_spaces: Points) -> Points:
    """Vertices (V, d) of the intersection of half-spaces (F, d + 1)."""
    return distinct(feasible_plane_intersections(half_spaces))


def feasible_plane_intersections(half_spaces: Points) -> Iterator[Points]:
    """Intersection points of every d planes that lie in all half-spaces."""
    normals, offsets = half_spaces[:, :-1], half_spaces[:, -1]
    for chosen in combinations(half_spaces, normals.shape[1]):
        planes = np.array(chosen)
        if abs(np.linalg.det(planes[:, :-1])) > TOLERANCE:
            point = np.linalg.solve(planes[:, :-1], planes[:, -1])
            if (normals @ point - offsets).max() < TOLERANCE:
                yield point


def distinct(rows: Iterator[Points]) -> Points:
    """Rows without duplicates."""
    kept: list[Points] = []
    for row in rows:
        if all(np.abs(row - other).max() > TOLERANCE for other in kept):
            kept.append(row)
    return np.array(kept)


def intersection(first: Points, second: Points) -> Points:
    """Vertices of the intersection of two shapes, given by their points."""
    return vertices(np.concatenate([facets(first), facets(second)]))


def hull(*shapes: Points) -> Points:
    """Vertices of the convex hull of all points."""
    return vertices(facets(np.concatenate(shapes)))


def outline(points: Points) -> Points:
    """Vertices of the convex hull of 2-D points, in order."""
    around = hull(points)
    x, y = (around - around.mean(axis=0)).T
    return around[np.argsort(np.arctan2(y, x))]


def faces(points: Points) -> Iterator[Points]:
    """Faces of the convex hull of 3-D points, each as vertices in order."""
    around = hull(points)
    for *normal, offset in facets(points):
        face = around[np.abs(around @ normal - offset) < TOLERANCE]
        axes = np.linalg.svd(face - face[0])[2][:2]
        x, y = axes @ (face - face.mean(axis=0)).T
        yield face[np.argsort(np.arctan2(y, x))]


def edges(points: Points) -> Iterator[tuple[Points, Points]]:
    """Edges of the convex hull of 3-D points: pairs of vertices with two common facets."""
    planes = facets(points)

    def common_planes(start: Points, end: Points) -> int:
        heights = np.stack([start, end]) @ planes[:, :-1].T - planes[:, -1]
        return int((np.abs(heights).max(axis=0) < TOLERANCE).sum())

    yield from (ends for ends in combinations(hull(points), 2) if common_planes(*ends) == 2)
