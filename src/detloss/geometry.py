"""Geometries: the meaning of the numbers in a row, from axis-aligned boxes to convex polytopes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detloss.formulas import axis_aligned
from detloss.types import BoxFormat, PolytopeForm, check_choice


@dataclass(frozen=True)
class Format:
    """A box format: the formulas from a row to edge differences, and from derivatives by edges to those by the row.

    `center_and_side` holds the coefficients of an axis's two numbers in its center and in its side.
    """

    meaning: str
    differences_of: Callable[..., Any]
    derivatives_by: Callable[..., Any]
    center_and_side: tuple[tuple[float, float], tuple[float, float]]


FORMATS: dict[BoxFormat, Format] = {
    "xyxy": Format(
        "the minima, then the maxima", axis_aligned.corners, axis_aligned.by_corners, ((0.5, 0.5), (-1.0, 1.0))
    ),
    "xywh": Format(
        "the minima, then the sizes",
        axis_aligned.corner_and_size,
        axis_aligned.by_corner_and_size,
        ((1.0, 0.5), (0.0, 1.0)),
    ),
    "cxcywh": Format(
        "the center, then the sizes",
        axis_aligned.center_and_size,
        axis_aligned.by_center_and_size,
        ((1.0, 0.0), (0.0, 1.0)),
    ),
    "ltrb": Format(
        "the distances from a point of the box to its edges: before, then after",
        axis_aligned.distances_from_a_point,
        axis_aligned.by_distances_from_a_point,
        ((-0.5, 0.5), (1.0, 1.0)),
    ),
}


class Geometry:
    """Base class of all geometries: the meaning of the rows that a box loss or a measure compares."""


class Shape(Geometry):
    """Base class of the geometries of a single kind of row."""

    @property
    def row(self) -> tuple[int | None, ...]:
        """The shape of a row; None is any size."""
        raise NotImplementedError

    @property
    def dims(self) -> int:
        """Number of axes."""
        raise NotImplementedError


@dataclass(frozen=True)
class AxisAligned(Shape):
    """Axis-aligned boxes, in any number of dimensions.

    A row holds ``2 * dims`` numbers: the first of every axis, then the second of every axis. In two dimensions:

    ========== ================== ============================================================
    format     row                meaning
    ========== ================== ============================================================
    ``xyxy``   x1, y1, x2, y2     corners: the minima, then the maxima
    ``xywh``   x1, y1, w, h       the minima, then the sizes
    ``cxcywh`` cx, cy, w, h       the center, then the sizes
    ``ltrb``   l, t, r, b         distances from a point to the four edges, as in UnitBox and FCOS
    ========== ================== ============================================================

    With ``ltrb`` both rows of a pair are measured from the same point. A row with a maximum below its minimum
    (a negative size) is the empty set: see the edge cases of the losses.

    When to choose it: always, unless boxes are rotated. Keep the format that your head predicts: a separate conversion
    to corners loses digits that the formats here keep.

    Args:
        format: ``"xyxy"``, ``"xywh"``, ``"cxcywh"`` or ``"ltrb"``.
        dims: Number of axes, at least 1; 2 for images, 3 for volumes.

    Raises:
        ValueError: The format is unknown, or ``dims`` is below 1.
        TypeError: ``dims`` is not an integer.

    Example:
        >>> import torch, detloss
        >>> distances = detloss.AxisAligned(format="ltrb")
        >>> detloss.iou(torch.tensor([[1., 1., 1., 1.]]), torch.tensor([[1., 1., 1., 3.]]), geometry=distances)
        tensor([0.5000])
    """

    format: BoxFormat = "xyxy"
    dims: int = 2

    def __post_init__(self) -> None:
        check_choice("format", self.format, FORMATS)
        if isinstance(self.dims, bool) or not isinstance(self.dims, int):
            raise TypeError(f"dims: expected an integer, got {type(self.dims).__name__}")
        if self.dims < 1:
            raise ValueError(f"dims: expected at least 1, got {self.dims}")

    @property
    def row(self) -> tuple[int]:
        return (2 * self.dims,)


@dataclass(frozen=True)
class Rotated(Shape):
    """Rotated rectangles.

    A row holds ``cx, cy, w, h, angle``: the center, the sides, and the angle in radians from the x axis to the side w,
    positive toward the y axis. On images, where y points down, positive is clockwise. A negative side counts as 0.
    ``(w, h, angle)`` and ``(h, w, angle + pi/2)`` are the same rectangle, and all measures and losses treat them alike
    except those with an aspect ratio, `complete_iou` and `complete_iou_loss`.

    When to choose it: aerial images, text, grasping. Convert other conventions first: `rotated_from_degrees`,
    `rotated_from_corners`.

    Example:
        >>> import math, torch, detloss
        >>> upright, rotated = torch.tensor([[0., 0., 1., 1., 0.]]), torch.tensor([[0., 0., 1., 1., math.pi / 4]])
        >>> detloss.iou(upright, rotated, geometry=detloss.Rotated())  # an octagon of area 2 (sqrt 2 - 1)
        tensor([0.7071])
    """

    row = (5,)
    dims = 2


@dataclass(frozen=True)
class Polygon(Shape):
    """Convex polygons.

    A row holds the vertices in order, (K, 2) with any K of at least 3, clockwise or counterclockwise. Rows with fewer
    vertices are padded by repeating the last one; the two operands may have different K. For a polygon that is not
    convex the result is undefined, and `validating` raises.

    When to choose it: quadrilaterals of text, field boundaries, building footprints: convex shapes that are no
    rectangles.

    Example:
        >>> import torch, detloss
        >>> triangle = torch.tensor([[[0., 0.], [2., 0.], [0., 2.]]])
        >>> square = torch.tensor([[[0., 0.], [1., 0.], [1., 1.], [0., 1.]]])
        >>> detloss.iou(triangle, square, geometry=detloss.Polygon())  # the square lies in the triangle
        tensor([0.5000])
    """

    row = (None, 2)
    dims = 2


@dataclass(frozen=True)
class Cuboid(Shape):
    """Upright 3D boxes, rotated about the vertical axis.

    A row holds ``x, y, z, l, w, h, yaw``: the center; the sizes, l along the x axis at yaw 0, w along y, h along z; and
    the yaw in radians, from x toward y. A negative size counts as 0.

    When to choose it: 3D detection for driving, with lidar or several cameras.

    Example:
        >>> import torch, detloss
        >>> low, high = torch.tensor([[0., 0., 0., 4., 2., 2., 0.]]), torch.tensor([[0., 0., 1., 4., 2., 2., 0.]])
        >>> detloss.iou(low, high, geometry=detloss.Cuboid())  # 1/3
        tensor([0.3333])
    """

    row = (7,)
    dims = 3


FORMS: dict[PolytopeForm, int] = {"vertices": 3, "halfspaces": 4}  # numbers per vertex, per half-space


@dataclass(frozen=True)
class Polytope(Shape):
    """Convex polytopes in 3D.

    With ``form="vertices"`` a row holds (V, 3) vertices in any order. With ``form="halfspaces"`` it holds (M, 4) rows
    n, c, each the half-space of all points x with n.x <= c; their intersection must be bounded. Rows with fewer
    vertices or half-spaces are padded by repetition; the two operands may have different numbers of them.

    When to choose it: any other convex body: tilted cuboids, frustums, prisms.

    Args:
        form: ``"vertices"`` or ``"halfspaces"``.

    Raises:
        ValueError: The form is unknown.

    Example:
        >>> import torch, detloss
        >>> corner = torch.tensor([[[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]])
        >>> cube = torch.cartesian_prod(*[torch.tensor([0., 1.])] * 3)[None]
        >>> detloss.iou(corner, cube, geometry=detloss.Polytope())  # 1/6
        tensor([0.1667])
    """

    form: PolytopeForm = "vertices"
    dims = 3

    def __post_init__(self) -> None:
        check_choice("form", self.form, FORMS)

    @property
    def row(self) -> tuple[int | None, ...]:
        return (None, FORMS[self.form])


@dataclass(frozen=True)
class Mixed(Geometry):
    """Two geometries, for operands with different kinds of rows.

    When to choose it: rotated predictions against annotated polygons, axis-aligned boxes against rotated ones.

    Args:
        first: The geometry of ``pred``, or of ``a``.
        second: The geometry of ``target``, or of ``b``.

    Raises:
        TypeError: One of them is not a geometry.
        ValueError: One has two dimensions, the other three.

    Example:
        >>> import torch, detloss
        >>> rotated, corners = torch.tensor([[1., 1., 2., 2., 0.]]), torch.tensor([[0., 0., 2., 1.]])
        >>> detloss.iou(rotated, corners, geometry=detloss.Mixed(detloss.Rotated(), detloss.AxisAligned()))
        tensor([0.5000])
    """

    first: Shape
    second: Shape

    def __post_init__(self) -> None:
        for name, shape in (("first", self.first), ("second", self.second)):
            if not isinstance(shape, Shape):
                raise TypeError(f"{name}: expected a geometry such as Rotated(), got {shape!r}")
        if self.first.dims != self.second.dims or self.first.dims not in (2, 3):
            raise ValueError(f"second: expected a geometry that goes with {self.first}, got {self.second}")
