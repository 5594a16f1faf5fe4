"""Converters of rotated boxes: degrees, corners, angle ranges."""

import math

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.geometry import Rotated
from detloss.kernels.eager import primitives
from detloss.kernels.interface import at_least_float32


def rotated_from_degrees(rows: Tensor, *, clockwise: bool = False) -> Tensor:
    """Convert angles in degrees to the angles of `Rotated`.

    ``angle = pi / 180 * degrees``, negated for ``clockwise``

    When to choose it: data with angles in degrees. The direction of positive angles is a convention, and its name
    depends on the direction of y:

    ============= ==================== ====================== ==================================== =============
    x rotates     with y upward        on images, y downward  convention of                        ``clockwise``
    ============= ==================== ====================== ==================================== =============
    toward y      counterclockwise     clockwise              OpenCV, MMRotate                     False
    away from y   clockwise            counterclockwise       Detectron2, torchvision's cxcywhr    True
    ============= ==================== ====================== ==================================== =============

    Args:
        rows: (..., 5) cx, cy, w, h, angle in degrees.
        clockwise: Whether positive angles rotate x away from y, which is clockwise with y upward.

    Returns:
        (..., 5) rows of `Rotated`, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor.
        ValueError: The last dimension is not 5.

    Example:
        >>> import torch, detloss
        >>> detloss.rotated_from_degrees(torch.tensor([1., 2., 4., 3., 90.]))
        tensor([1.0000, 2.0000, 4.0000, 3.0000, 1.5708])
        >>> detloss.rotated_from_degrees(torch.tensor([1., 2., 4., 3., 90.]), clockwise=True)
        tensor([ 1.0000,  2.0000,  4.0000,  3.0000, -1.5708])

    See also:
        `rotated_to_degrees`, the inverse; `rotated_in_range`.
    """
    rows = checks.rows("rows", rows, Rotated())
    return with_angle_times(rows, math.pi / 180.0, clockwise)


def rotated_to_degrees(rows: Tensor, *, clockwise: bool = False) -> Tensor:
    """Convert the angles of `Rotated` to degrees.

    ``degrees = 180 / pi * angle``, negated for ``clockwise``

    When to choose it: for tools that take degrees. Apply `rotated_in_range` first if they require a range of angles.

    Args:
        rows: (..., 5) rows of `Rotated`.
        clockwise: Whether positive angles rotate x away from y, which is clockwise with y upward and counterclockwise
            on images.

    Returns:
        (..., 5) cx, cy, w, h, angle in degrees, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor.
        ValueError: The last dimension is not 5.

    Example:
        >>> import math, torch, detloss
        >>> detloss.rotated_to_degrees(torch.tensor([1., 2., 4., 3., math.pi / 4]))
        tensor([ 1.,  2.,  4.,  3., 45.])

    See also:
        `rotated_from_degrees`, the inverse, with a table of conventions.
    """
    rows = checks.rows("rows", rows, Rotated())
    return with_angle_times(rows, 180.0 / math.pi, clockwise)


def rotated_from_corners(corners: Tensor) -> Tensor:
    """Convert four corners to rows of `Rotated`, by least squares for corners of other shapes.

    The side w is the first edge, from the first corner to the second, and the angle is its direction.

    When to choose it: data sets with four corners per object (DOTA, scene text). Corners of general convex
    quadrilaterals are already rows of `Polygon`.

    Args:
        corners: (..., 4, 2) in clockwise or counterclockwise order.

    Returns:
        (..., 5) rows of `Rotated` with an angle in [-pi, pi], in the dtype of ``corners``.

    Raises:
        TypeError: ``corners`` is no floating tensor.
        ValueError: The last dimensions are not 4, 2.

    Edge cases:
        For corners of other shapes the result is the rectangle with the least sum of squared corner distances: its
        center is the mean of the corners, and its sides are the means of opposite edges, projected on two perpendicular
        directions that minimize the sum. A side of length 0 is perpendicular to the other side; a point has the angle
        0. A non-finite coordinate makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> detloss.rotated_from_corners(torch.tensor([[4., 0.], [4., 2.], [0., 2.], [0., 0.]]))
        tensor([2.0000, 1.0000, 2.0000, 4.0000, 1.5708])

    See also:
        `rotated_to_corners`, the inverse; `rotated_in_range`.
    """
    checks.last_dimensions("corners", corners, 4, 2)
    return rectangle_of(at_least_float32(corners)).to(corners.dtype)


def rotated_to_corners(rows: Tensor) -> Tensor:
    """Convert rows of `Rotated` to corners, which are rows of `Polygon`.

    ``center -+ w/2 (cos angle, sin angle) -+ h/2 (-sin angle, cos angle)``, with the signs ``--, +-, ++, -+``

    When to choose it: to draw, or for tools that take polygons.

    Args:
        rows: (..., 5) rows of `Rotated`.

    Returns:
        (..., 4, 2) corners in order, the first edge along w, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor.
        ValueError: The last dimension is not 5.

    Edge cases:
        A negative side counts as 0.

    Example:
        >>> import torch, detloss
        >>> detloss.rotated_to_corners(torch.tensor([2., 1., 4., 2., 0.]))
        tensor([[0., 0.],
                [4., 0.],
                [4., 2.],
                [0., 2.]])

    See also:
        `rotated_from_corners`, the inverse; `rotated_to_axis_aligned`.
    """
    rows = checks.rows("rows", rows, Rotated())
    return corners_of(at_least_float32(rows)).to(rows.dtype)


def rotated_to_axis_aligned(rows: Tensor) -> Tensor:
    """Convert rows of `Rotated` to their axis-aligned bounding boxes.

    ``center -+ (w |cos angle| + h |sin angle|, w |sin angle| + h |cos angle|) / 2``

    When to choose it: for heads and tools that take axis-aligned boxes only, and as a coarse filter. The area grows by
    a factor of up to two for squares, and by more for elongated boxes.

    Args:
        rows: (..., 5) rows of `Rotated`.

    Returns:
        (..., 4) x1, y1, x2, y2, rows of ``AxisAligned()``, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor.
        ValueError: The last dimension is not 5.

    Edge cases:
        A negative side counts as 0. At angle 0, where the bounding box is smallest, the gradient by the angle is 0.

    Example:
        >>> import math, torch, detloss
        >>> detloss.rotated_to_axis_aligned(torch.tensor([0., 0., 2., 2., math.pi / 4]))
        tensor([-1.4142, -1.4142,  1.4142,  1.4142])

    See also:
        `rotated_to_corners`.
    """
    rows = checks.rows("rows", rows, Rotated())
    numbers = at_least_float32(rows)
    sides = numbers[..., 2:4].clamp(min=0.0)
    cosine, sine = numbers[..., 4:].cos().abs(), numbers[..., 4:].sin().abs()
    reach = 0.5 * (sides * cosine + sides.flip(-1) * sine)
    return torch.cat((numbers[..., :2] - reach, numbers[..., :2] + reach), -1).to(rows.dtype)


def rotated_in_range(rows: Tensor, *, start: float, long_side_first: bool) -> Tensor:
    """Express the same boxes with angles in one range.

    ``(w, h, angle) = (h, w, angle + pi/2) = (w, h, angle + pi)``: the one with an angle in the range.

    When to choose it: before a head regresses the row, so that every box has one representation. Common ranges:

    =========================== ============== ===================
    range, in degrees           ``start``      ``long_side_first``
    =========================== ============== ===================
    [0, 90)                     0              False
    [-90, 0), OpenCV 5          -pi/2          False
    [-90, 90), "le90"           -pi/2          True
    [-45, 135), "le135"         -pi/4          True
    =========================== ============== ===================

    Args:
        rows: (..., 5) rows of `Rotated`.
        start: Start of the range in radians, in [-pi, pi].
        long_side_first: True: w is the longer side and the range has length pi. False: the range has length pi/2, and
            the order of the sides follows.

    Returns:
        (..., 5) rows of `Rotated` with angles of at least ``start`` and below its end, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor, or ``start`` no number.
        ValueError: The last dimension is not 5, or ``start`` is out of bounds.

    Edge cases:
        With ``long_side_first`` the angle of a square changes by multiples of pi only. 16-bit angles may round to the
        end of the range.

    Example:
        >>> import math, torch, detloss
        >>> upright = torch.tensor([0., 0., 2., 4., 0.])
        >>> detloss.rotated_in_range(upright, start=-math.pi / 2, long_side_first=True)
        tensor([ 0.0000,  0.0000,  4.0000,  2.0000, -1.5708])

    See also:
        `rotated_from_degrees`.
    """
    rows = checks.rows("rows", rows, Rotated())
    start = checks.number("start", start, -math.pi, math.pi)
    numbers = at_least_float32(rows)
    center, sides, angle = numbers[..., :2], numbers[..., 2:4], numbers[..., 4:]
    quarters = 2 if long_side_first else 1
    span = quarters * 0.5 * math.pi
    longer_second = (sides[..., :1] < sides[..., 1:]) & long_side_first
    angle = torch.where(longer_second, angle + 0.5 * math.pi, angle)
    turns = ((angle - start) / span).floor()
    angle = angle - turns * span
    at_end = angle >= start + span
    # Rounding may leave the range: such an angle becomes the start, and the zero difference keeps its gradient.
    angle = torch.where((angle < start) | at_end, start + (angle - angle.detach()), angle)
    swapped = longer_second ^ (((turns + at_end) * quarters) % 2.0 == 1.0)
    return torch.cat((center, torch.where(swapped, sides.flip(-1), sides), angle), -1).to(rows.dtype)


def with_angle_times(rows: Tensor, factor: float, reverse: bool) -> Tensor:
    """Rows with the angle multiplied by a factor."""
    numbers = at_least_float32(rows)
    return torch.cat((numbers[..., :4], numbers[..., 4:] * (-factor if reverse else factor)), -1).to(rows.dtype)


def corners_of(rows: Tensor) -> Tensor:
    """Corners (..., 4, 2) of rectangles cx, cy, w, h, angle."""
    center, half, angle = rows[..., :2], 0.5 * rows[..., 2:4].clamp(min=0.0), rows[..., 4:5]
    cosine, sine = angle.cos(), angle.sin()
    along = half[..., :1] * torch.cat((cosine, sine), -1)
    across = half[..., 1:] * torch.cat((-sine, cosine), -1)
    steps = (-along - across, along - across, along + across, across - along)
    return torch.stack([center + step for step in steps], -2)


def rectangle_of(corners: Tensor) -> Tensor:
    """Least-squares rectangles cx, cy, w, h, angle of corners (..., 4, 2).

    With the mean first edge u and the mean second edge v as complex numbers, the residual of a rectangle at angle t is
    smallest where ``Re(exp(-2it) (u^2 - v^2))`` is largest.
    """
    first, second, third, fourth = corners.unbind(-2)
    u = 0.5 * ((second - first) + (third - fourth))
    v = 0.5 * ((third - second) + (fourth - first))
    largest = torch.cat((u, v), -1).detach().abs().amax(-1, keepdim=True)
    (ux, uy), (vx, vy) = primitives.quotient(u, largest).unbind(-1), primitives.quotient(v, largest).unbind(-1)
    real = (ux - uy) * (ux + uy) - (vx - vy) * (vx + vy)
    direction = 0.5 * torch.atan2(2.0 * (ux * uy - vx * vy), real)
    cosine, sine = direction.cos(), direction.sin()
    width = u[..., 0] * cosine + u[..., 1] * sine
    height = v[..., 1] * cosine - v[..., 0] * sine
    opposite = torch.where(direction > 0.0, direction - math.pi, direction + math.pi)
    angle = torch.where(width < 0.0, opposite, direction)
    sides = torch.stack((torch.where(width < 0.0, -width, width), torch.where(height < 0.0, -height, height)), -1)
    return torch.cat((corners.mean(-2), sides, angle.unsqueeze(-1)), -1)
