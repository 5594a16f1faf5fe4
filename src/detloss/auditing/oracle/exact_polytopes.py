"""Exact results of the losses of convex polytopes, by clipping face by face in fractions."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from math import lcm
from typing import Any

from detloss.auditing.oracle import exact_polygons as polygons

Point = tuple[Any, ...]  # of fractions, or of integers where they are faster
Face = tuple[Point, ...]  # counterclockwise from outside
Row = Sequence[Fraction]


def exact(rows: Sequence[Sequence[float]]) -> list[Point]:
    """Floats as exact fractions."""
    return [tuple(Fraction(entry) for entry in row) for row in rows]


def cuboid(row: Row) -> list[Point]:
    """The vertices of a cuboid from center, sizes and yaw; a negative size is 0."""
    x, y, z, length, width, height, yaw = row
    height = max(height, Fraction(0))
    footprint = polygons.rectangle([x, y, length, width, yaw])
    return [(*corner, z + sign * height / 2) for corner in footprint.vertices for sign in (-1, 1)]


def corners(half_spaces: Sequence[Row]) -> list[Point]:
    """The vertices of the intersection of half-spaces n.x <= c (Cramer's rule for all triples)."""
    found = set()
    for triple in combinations(half_spaces, 3):
        normals = [plane[:3] for plane in triple]
        det = _dot(normals[0], _cross(normals[1], normals[2]))
        if det:
            crosses = [_cross(normals[(k + 1) % 3], normals[(k + 2) % 3]) for k in range(3)]
            point = tuple(sum(triple[k][3] * crosses[k][axis] for k in range(3)) / det for axis in range(3))
            if all(_dot(plane[:3], point) <= plane[3] for plane in half_spaces):
                found.add(point)
    return sorted(found)


def hull(points: Sequence[Point]) -> list[Face]:
    """The faces of the convex hull; none if it is flat."""
    points = sorted(set(points))
    scale = lcm(*(entry.denominator for point in points for entry in point))
    integers = [tuple(int(entry * scale) for entry in point) for point in points]  # much faster than fractions
    faces = {}
    for a, b, c in combinations(integers, 3):
        normal = _cross(_minus(b, a), _minus(c, a))
        heights = [_dot(normal, _minus(point, a)) for point in integers]
        if not any(normal) or (min(heights) < 0 < max(heights)):
            continue
        if max(heights) > 0:
            normal = tuple(-entry for entry in normal)
        on_plane = tuple(point for point, height in zip(points, heights, strict=True) if height == 0)
        faces[on_plane] = _around(on_plane, normal)
    return list(faces.values()) if len(faces) > 1 else []


def intersection(first: Sequence[Face], second: Sequence[Face]) -> list[Face]:
    """One polytope clipped at every face of another."""
    if not second:
        return []
    clipped = list(first)
    for face in second:
        clipped = _clipped(clipped, face[0], _normal(face))
    return clipped


def volume(faces: Sequence[Face]) -> Fraction:
    return sum((size for size, _ in _tetrahedra(faces)), Fraction(0))


def centroid(faces: Sequence[Face]) -> Point:
    parts, total = list(_tetrahedra(faces)), volume(faces)
    return tuple(sum(size * middle[axis] for size, middle in parts) / total for axis in range(3))


def losses(first: Sequence[Point], second: Sequence[Point], enclosing: str = "hull") -> dict[str, Fraction]:
    """All losses of the convex hulls of points; without DIoU if a hull has no volume."""
    points = [*first, *second]
    faces, other = hull(first), hull(second)
    shared = volume(intersection(faces, other))
    union = volume(faces) + volume(other) - shared
    enclosure = volume(hull(points)) if enclosing == "hull" else _box_volume(points)
    different = Fraction(set(first) != set(second))
    iou = 1 - shared / union if union else different
    found = {"iou": iou, "giou": iou + (1 - union / enclosure if enclosure else different)}
    if faces and other:
        distance = _minus(centroid(faces), centroid(other))
        longest = max(_dot(_minus(a, b), _minus(a, b)) for a, b in combinations(points, 2))
        found["diou"] = iou + _dot(distance, distance) / longest
    return found


def _clipped(faces: Sequence[Face], point: Point, normal: Point) -> list[Face]:
    """The part of a polytope behind a plane, with a face in the plane."""
    if all(_dot(normal, _minus(corner, point)) <= 0 for face in faces for corner in face):
        return list(faces)
    clipped: list[Face] = []
    on_plane: set[Point] = set()
    for face in faces:
        kept: list[Point] = []
        for here, following in zip(face, [*face[1:], face[0]], strict=True):
            height, next_height = (_dot(normal, _minus(corner, point)) for corner in (here, following))
            if height <= 0:
                kept.append(here)
            if height * next_height < 0:
                fraction = height / (height - next_height)
                kept.append(tuple(a + fraction * (b - a) for a, b in zip(here, following, strict=True)))
        on_plane.update(corner for corner in kept if _dot(normal, _minus(corner, point)) == 0)
        if len(set(kept)) > 2 and any(_normal(kept)):
            clipped.append(tuple(kept))
    cap = _around(sorted(on_plane), normal)
    return [*clipped, cap] if clipped and len(cap) > 2 else []


def _around(points: Sequence[Point], normal: Point) -> Face:
    """Points of one plane in counterclockwise order as seen from the tip of the normal."""
    axis = max(range(3), key=lambda k: abs(normal[k]))
    places = [(axis + 1) % 3, (axis + 2) % 3]
    flat = {tuple(point[k] for k in places): point for point in points}
    ring = polygons.hull(list(flat))
    face = tuple(flat[corner] for corner in ring)
    return face if normal[axis] > 0 else face[::-1]


def _normal(face: Sequence[Point]) -> Point:
    """The outward normal: the sum over the triangles of a face."""
    parts = [_cross(_minus(b, face[0]), _minus(c, face[0])) for b, c in pairwise(face[1:])]
    return tuple(sum(part[axis] for part in parts) for axis in range(3))


def _tetrahedra(faces: Sequence[Face]) -> list[tuple[Fraction, Point]]:
    """Volume and centroid of every tetrahedron of one vertex and a triangle of a face."""
    parts = []
    for face in faces:
        for b, c in pairwise(face[1:]):
            corners_of = (faces[0][0], face[0], b, c)
            sides = [_minus(corner, corners_of[0]) for corner in corners_of[1:]]
            middle = tuple(sum(corner[axis] for corner in corners_of) / 4 for axis in range(3))
            parts.append((_dot(sides[0], _cross(sides[1], sides[2])) / 6, middle))
    return parts


def _box_volume(points: Sequence[Point]) -> Fraction:
    product = Fraction(1)
    for axis in zip(*points, strict=True):
        product *= max(axis) - min(axis)
    return product


def _minus(a: Point, b: Point) -> Point:
    return tuple(x - y for x, y in zip(a, b, strict=True))


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum(x * y for x, y in zip(a, b, strict=True))


def _cross(a: Sequence[Any], b: Sequence[Any]) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
