"""What a row of numbers is: boxes along the axes, and convex shapes of the plane and of space."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from detloss.formulas import axis_aligned


@dataclass(frozen=True)
class Format:
    """How a row writes a box: the formulas from its numbers to edge differences, and back for derivatives.

    `center_and_side` says how much of its two numbers an axis are in the center, and how much in the side.
    """

    meaning: str
    differences_of: Callable[..., Any]
    derivatives_by: Callable[..., Any]
    center_and_side: tuple[tuple[float, float], tuple[float, float]]


FORMATS = {
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


@dataclass(frozen=True)
class AxisAligned:
    """Boxes with edges along the axes, in any number of dimensions.

    A row holds ``2 * dims`` numbers: first one an axis, then another one an axis. In the plane that is the
    familiar order of each format:

    ========== ================== ============================================================
    format     row in the plane   meaning
    ========== ================== ============================================================
    ``xyxy``   x1, y1, x2, y2     corners: the minima, then the maxima
    ``xywh``   x1, y1, w, h       the minima, then the sizes
    ``cxcywh`` cx, cy, w, h       the center, then the sizes
    ``ltrb``   l, t, r, b         distances from one point to the four edges, as UnitBox and FCOS regress them
    ========== ================== ============================================================

    With ``ltrb`` both rows of a pair are measured from the same point. A row whose maximum lies below its minimum
    (a negative size) is the empty set: see the losses' edge cases.

    When to choose it: always, unless boxes are turned. Keep the format your head predicts: a conversion to corners
    by hand loses digits that the formats here keep.

    Args:
        format: ``"xyxy"``, ``"xywh"``, ``"cxcywh"`` or ``"ltrb"``.
        dims: Number of axes, at least 1; 2 for images, 3 for volumes.

    Raises:
        ValueError: The format does not exist, or ``dims`` is below 1.
        TypeError: ``dims`` is not an integer.

    Example:
        >>> import torch, detloss
        >>> distances = detloss.AxisAligned(format="ltrb")
        >>> detloss.iou(torch.tensor([[1., 1., 1., 1.]]), torch.tensor([[1., 1., 1., 3.]]), geometry=distances)
        tensor([0.5000])
    """

    format: str = "xyxy"
    dims: int = 2

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format: expected one of {', '.join(map(repr, FORMATS))}, got {self.format!r}")
        if isinstance(self.dims, bool) or not isinstance(self.dims, int):
            raise TypeError(f"dims: expected an integer, got {type(self.dims).__name__}")
        if self.dims < 1:
            raise ValueError(f"dims: expected at least 1, got {self.dims}")

    @property
    def row(self) -> tuple[int]:
        """The shape of a row."""
        return (2 * self.dims,)


@dataclass(frozen=True)
class Rotated:
    """Rectangles of the plane, turned.

    A row holds ``cx, cy, w, h, angle``: the center, the sides, and the angle in radians by which the side w is turned
    from the x axis toward the y axis. On images, where y points down, that is clockwise to the eye. A negative side
    counts as 0. ``(w, h, angle)`` and ``(h, w, angle + pi/2)`` are the same rectangle; all measures and losses agree
    on that but those with an aspect ratio, `complete_iou` and `complete_iou_loss`.

    When to choose it: aerial images, text, grasping. Other habits of angle are converted first: `rotated_from_degrees`,
    `rotated_from_corners`.

    Example:
        >>> import math, torch, detloss
        >>> upright, turned = torch.tensor([[0., 0., 1., 1., 0.]]), torch.tensor([[0., 0., 1., 1., math.pi / 4]])
        >>> detloss.iou(upright, turned, geometry=detloss.Rotated())  # an octagon of area 2 (sqrt 2 - 1)
        tensor([0.7071])
    """

    @property
    def row(self) -> tuple[int]:
        """The shape of a row."""
        return (5,)

    @property
    def dims(self) -> int:
        """Number of axes."""
        return 2


@dataclass(frozen=True)
class Polygon:
    """Convex polygons of the plane.

    A row holds the vertices in order, (K, 2) with any K of at least 3, in either direction round. Rows of fewer
    vertices are padded by repeating the last one; the two operands may have different K. What a polygon that is not
    convex means is not defined: inside `validating` it raises.

    When to choose it: quadrilaterals of text, field boundaries, footprints, whatever is convex and no rectangle.

    Example:
        >>> import torch, detloss
        >>> triangle = torch.tensor([[[0., 0.], [2., 0.], [0., 2.]]])
        >>> square = torch.tensor([[[0., 0.], [1., 0.], [1., 1.], [0., 1.]]])
        >>> detloss.iou(triangle, square, geometry=detloss.Polygon())  # the square lies in the triangle
        tensor([0.5000])
    """

    @property
    def row(self) -> tuple[int | None, ...]:
        """The shape of a row; None is any number."""
        return (None, 2)

    @property
    def dims(self) -> int:
        """Number of axes."""
        return 2


@dataclass(frozen=True)
class Cuboid:
    """Upright boxes of space, turned about the vertical.

    A row holds ``x, y, z, l, w, h, yaw``: the center; the sizes, l along the x axis at yaw 0, w along y, h along z; and
    the yaw in radians, from x toward y. A negative size counts as 0.

    When to choose it: objects around a car, with lidar or several cameras.

    Example:
        >>> import torch, detloss
        >>> low, high = torch.tensor([[0., 0., 0., 4., 2., 2., 0.]]), torch.tensor([[0., 0., 1., 4., 2., 2., 0.]])
        >>> detloss.iou(low, high, geometry=detloss.Cuboid())  # a third
        tensor([0.3333])
    """

    @property
    def row(self) -> tuple[int]:
        """The shape of a row."""
        return (7,)

    @property
    def dims(self) -> int:
        """Number of axes."""
        return 3


FORMS = {"vertices": 3, "halfspaces": 4}  # and how many numbers each has


@dataclass(frozen=True)
class Polytope:
    """Convex bodies of space with flat faces.

    With ``form="vertices"`` a row holds (V, 3) vertices in any order, with ``form="halfspaces"`` (M, 4) rows n, c that
    stand for all points x with n.x <= c. Rows with fewer are padded by repetition; the two operands may have different
    numbers. Half-spaces must bound a body.

    When to choose it: any convex body: tilted cuboids, frustums, prisms.

    Args:
        form: ``"vertices"`` or ``"halfspaces"``.

    Raises:
        ValueError: The form does not exist.

    Example:
        >>> import torch, detloss
        >>> corner = torch.tensor([[[0., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]])
        >>> cube = torch.cartesian_prod(*[torch.tensor([0., 1.])] * 3)[None]
        >>> detloss.iou(corner, cube, geometry=detloss.Polytope())  # a sixth
        tensor([0.1667])
    """

    form: str = "vertices"

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"form: expected one of {', '.join(map(repr, FORMS))}, got {self.form!r}")

    @property
    def row(self) -> tuple[int | None, ...]:
        """The shape of a row; None is any number."""
        return (None, FORMS[self.form])

    @property
    def dims(self) -> int:
        """Number of axes."""
        return 3


Shape = AxisAligned | Rotated | Polygon | Cuboid | Polytope


@dataclass(frozen=True)
class Mixed:
    """Two geometries, where the operands of a measure or of a loss are rows of different kinds.

    When to choose it: rotated predictions against annotated polygons, upright boxes against turned ones.

    Args:
        first: Of ``pred``, or of ``a``.
        second: Of ``target``, or of ``b``.

    Raises:
        TypeError: One of them is no geometry.
        ValueError: One is of the plane, the other of space.

    Example:
        >>> import torch, detloss
        >>> turned, corners = torch.tensor([[1., 1., 2., 2., 0.]]), torch.tensor([[0., 0., 2., 1.]])
        >>> detloss.iou(turned, corners, geometry=detloss.Mixed(detloss.Rotated(), detloss.AxisAligned()))
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


Geometry = Shape | Mixed
