"""Turned rectangles: degrees, corners, ranges of the angle."""

import math

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.geometry import Rotated
from detloss.kernels.eager import primitives
from detloss.kernels.interface import at_least_float32


def rotated_from_degrees(rows: Tensor, *, clockwise: bool = False) -> Tensor:
    """Turn an angle in degrees into the angle of `Rotated`.

    ``angle = pi / 180 * degrees``, and minus that where ``clockwise``

    When to choose it: data whose angles are degrees. Which way they grow is their author's habit, and the word for it
    depends on where y points:

    ============= ==================== ====================== ==================================== =============
    x is turned   where y points up    on images, y down      as in                                ``clockwise``
    ============= ==================== ====================== ==================================== =============
    toward y      anticlockwise        clockwise to the eye   OpenCV, MMRotate                     False
    away from y   clockwise            anticlockwise          Detectron2, torchvision's cxcywhr    True
    ============= ==================== ====================== ==================================== =============

    Args:
        rows: (..., 5) cx, cy, w, h, angle in degrees.
        clockwise: Whether the angle turns x away from y, which is clockwise where y points up.

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
        `rotated_to_degrees`, the way back; `rotated_in_range`.
    """
    rows = checks.rows("rows", rows, Rotated())
    return with_angle_times(rows, math.pi / 180.0, clockwise)


def rotated_to_degrees(rows: Tensor, *, clockwise: bool = False) -> Tensor:
    """Turn the angle of `Rotated` into degrees.

    ``degrees = 180 / pi * angle``, and minus that where ``clockwise``

    When to choose it: to hand boxes to tools that count in degrees. They may also want a certain range of angles:
    `rotated_in_range` first.

    Args:
        rows: (..., 5) rows of `Rotated`.
        clockwise: Whether the degrees turn x away from y, which is clockwise where y points up, and anticlockwise to
            the eye on an image.

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
        `rotated_from_degrees`, the way back, with who has which habit.
    """
    rows = checks.rows("rows", rows, Rotated())
    return with_angle_times(rows, 180.0 / math.pi, clockwise)


def rotated_from_corners(corners: Tensor) -> Tensor:
    """Make rows of `Rotated` of four corners, by least squares where they are no rectangle.

    The side w is the first edge, from the first corner to the second, and the angle is the direction of it.

    When to choose it: data sets that annotate four corners (DOTA, scene text). Corners that are meant as any convex
    quadrilateral are rows of `Polygon` as they are.

    Args:
        corners: (..., 4, 2) in order, in either direction round.

    Returns:
        (..., 5) rows of `Rotated` with an angle in [-pi, pi], in the dtype of ``corners``.

    Raises:
        TypeError: ``corners`` is no floating tensor.
        ValueError: The last dimensions are not 4, 2.

    Edge cases:
        Of corners that are no rectangle it is the one whose corners have the least sum of squared distances to them:
        its center is their mean, and its sides are the mean of opposite edges, projected on two perpendicular
        directions, which are chosen together. A side of length 0 has the direction that the other one leaves it; a
        point has the angle 0. A coordinate that is not finite makes its row NaN.

    Example:
        >>> import torch, detloss
        >>> detloss.rotated_from_corners(torch.tensor([[4., 0.], [4., 2.], [0., 2.], [0., 0.]]))
        tensor([2.0000, 1.0000, 2.0000, 4.0000, 1.5708])

    See also:
        `rotated_to_corners`, the way back; `rotated_in_range`.
    """
    checks.last_dimensions("corners", corners, 4, 2)
    return rectangle_of(at_least_float32(corners)).to(corners.dtype)


def rotated_to_corners(rows: Tensor) -> Tensor:
    """Give the corners of rows of `Rotated`, which are rows of `Polygon`.

    ``center -+ w/2 (cos angle, sin angle) -+ h/2 (-sin angle, cos angle)``, with the signs ``--, +-, ++, -+``

    When to choose it: to draw, or to hand boxes to tools that take polygons.

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
        `rotated_from_corners`, the way back; `rotated_to_axis_aligned`.
    """
    rows = checks.rows("rows", rows, Rotated())
    return corners_of(at_least_float32(rows)).to(rows.dtype)


def rotated_to_axis_aligned(rows: Tensor) -> Tensor:
    """Give the smallest box along the axes around every row of `Rotated`.

    ``center -+ (w |cos angle| + h |sin angle|, w |sin angle| + h |cos angle|) / 2``

    When to choose it: for heads and tools that know boxes along the axes only, and for coarse filters. Around a
    square it is up to twice as large, and around long rectangles more.

    Args:
        rows: (..., 5) rows of `Rotated`.

    Returns:
        (..., 4) x1, y1, x2, y2, rows of ``AxisAligned()``, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor.
        ValueError: The last dimension is not 5.

    Edge cases:
        A negative side counts as 0. At the angle 0, where the box is smallest, the derivative by the angle is 0.

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
    """Write the same rectangles with angles in one range.

    ``(w, h, angle) = (h, w, angle + pi/2) = (w, h, angle + pi)``: of these, the one in the range.

    When to choose it: before a head regresses the numbers of a row, so that a rectangle has one row. The usual ranges:

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
        start: Where the range starts, in radians, in [-pi, pi].
        long_side_first: True: w is the longer side, and the range is pi long. False: the sides come in the order that
            leaves the range pi/2 long.

    Returns:
        (..., 5) rows of `Rotated` with angles of at least ``start`` and below its end, in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor, or ``start`` no number.
        ValueError: The last dimension is not 5, or ``start`` is out of bounds.

    Edge cases:
        With ``long_side_first`` a square keeps its angle but for half turns. 16-bit angles may be rounded to the end.

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
    # What rounding left just outside is the start; the difference of 0 keeps the derivative.
    angle = torch.where((angle < start) | at_end, start + (angle - angle.detach()), angle)
    swapped = longer_second ^ (((turns + at_end) * quarters) % 2.0 == 1.0)
    return torch.cat((center, torch.where(swapped, sides.flip(-1), sides), angle), -1).to(rows.dtype)


def with_angle_times(rows: Tensor, factor: float, reverse: bool) -> Tensor:
    """Rows with another unit of angle."""
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
    """The rectangles cx, cy, w, h, angle that are nearest to corners (..., 4, 2).

    With edges as complex numbers, the mean first edge u and the mean second edge v of the corners, a rectangle at the
    angle t misses u and v least where ``Re(exp(-2it) (u^2 - v^2))`` is largest.
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
