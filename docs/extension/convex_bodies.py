"""Convex bodies for drawings, of the plane and of space: facets and corners by their definition, however slow."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

NEAR = 1e-9
"""Points and planes nearer to each other than this are one: the bodies that are drawn are of size 1 or so."""


def facets(points: Points) -> Points:
    """The half-spaces (F, d + 1) that bound the hull of points (V, d): rows n, c of n.x <= c with n of length 1."""
    return distinct(half_spaces_through(points))


def half_spaces_through(points: Points) -> Iterator[Points]:
    """Of every d points, the plane through them, where all the others lie on one side."""
    for chosen in combinations(points, points.shape[1]):
        first, *others = chosen
        _, spans, directions = np.linalg.svd(np.array(others) - first)
        if spans.min() < NEAR:
            continue  # not one plane but many
        normal = directions[-1]
        heights = (points - first) @ normal
        if heights.max() < NEAR:
            yield np.append(normal, first @ normal)
        elif heights.min() > -NEAR:
            yield np.append(-normal, -first @ normal)


def corners(half_spaces: Points) -> Points:
    """The points (V, d) where d planes meet within all half-spaces (F, d + 1)."""
    return distinct(meeting_points(half_spaces))


def meeting_points(half_spaces: Points) -> Iterator[Points]:
    """Where every d planes meet, if the others do not cut it off."""
    normals, reaches = half_spaces[:, :-1], half_spaces[:, -1]
    for chosen in combinations(half_spaces, normals.shape[1]):
        planes = np.array(chosen)
        if abs(np.linalg.det(planes[:, :-1])) > NEAR:
            point = np.linalg.solve(planes[:, :-1], planes[:, -1])
            if (normals @ point - reaches).max() < NEAR:
                yield point


def distinct(rows: Iterator[Points]) -> Points:
    """Rows without their copies."""
    kept: list[Points] = []
    for row in rows:
        if all(np.abs(row - other).max() > NEAR for other in kept):
            kept.append(row)
    return np.array(kept)


def shared(first: Points, second: Points) -> Points:
    """The corners of what two bodies have in common, from their points."""
    return corners(np.concatenate([facets(first), facets(second)]))


def hull(*bodies: Points) -> Points:
    """The corners of the hull of all points."""
    return corners(facets(np.concatenate(bodies)))


def outline(points: Points) -> Points:
    """The corners of the hull of points of the plane, in order round it."""
    around = hull(points)
    x, y = (around - around.mean(axis=0)).T
    return around[np.argsort(np.arctan2(y, x))]


def faces(points: Points) -> Iterator[Points]:
    """The faces of the hull of points of space, each as corners in order round it."""
    around = hull(points)
    for *normal, reach in facets(points):
        face = around[np.abs(around @ normal - reach) < NEAR]
        across = np.linalg.svd(face - face[0])[2][:2]
        x, y = across @ (face - face.mean(axis=0)).T
        yield face[np.argsort(np.arctan2(y, x))]


def edges(points: Points) -> Iterator[tuple[Points, Points]]:
    """The edges of the hull of points of space."""
    planes = facets(points)

    def common_planes(start: Points, end: Points) -> int:
        heights = np.stack([start, end]) @ planes[:, :-1].T - planes[:, -1]
        return int((np.abs(heights).max(axis=0) < NEAR).sum())

    yield from (ends for ends in combinations(hull(points), 2) if common_planes(*ends) == 2)
