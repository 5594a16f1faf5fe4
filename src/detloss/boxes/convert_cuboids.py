"""Converters of 3-D boxes: corners, and orientations given by quaternions."""

import torch
from torch import Tensor

from detloss.boxes.convert_rotated import corners_of, rectangle_of
from detloss.engine import checks
from detloss.engine.debugging import refuse_if_validating
from detloss.geometry import Cuboid
from detloss.kernels.eager import primitives
from detloss.kernels.interface import at_least_float32

ORDERS = {"wxyz": (0, 1, 2, 3), "xyzw": (3, 0, 1, 2)}  # positions of w, x, y, z


def cuboid_to_corners(rows: Tensor) -> Tensor:
    """Convert rows of `Cuboid` to corners, which are rows of ``Polytope(form="vertices")``.

    The corners of the base in the order of `rotated_to_corners`, ``--, +-, ++, -+`` in l and w, then those of the top.

    When to choose it: to draw, to project into a camera, or to compare with tilted boxes.

    Args:
        rows: (..., 7) rows of `Cuboid`.

    Returns:
        (..., 8, 3), in the dtype of ``rows``.

    Raises:
        TypeError: ``rows`` is no floating tensor.
        ValueError: The last dimension is not 7.

    Edge cases:
        A negative size counts as 0.

    Example:
        >>> import torch, detloss
        >>> corners = detloss.cuboid_to_corners(torch.tensor([0., 0., 1., 4., 2., 2., 0.]))
        >>> corners[0], corners[6]
        (tensor([-2., -1.,  0.]), tensor([2., 1., 2.]))

    See also:
        `cuboid_from_corners`, the inverse.
    """
    rows = checks.rows("rows", rows, Cuboid())
    numbers = at_least_float32(rows)
    base = corners_of(torch.cat((numbers[..., :2], numbers[..., 3:5], numbers[..., 6:]), -1))
    middle, half = numbers[..., 2:3], 0.5 * numbers[..., 5:6].clamp(min=0.0)
    levels = [height.unsqueeze(-2).expand_as(base[..., :1]) for height in (middle - half, middle + half)]
    return torch.cat([torch.cat((base, level), -1) for level in levels], -2).to(rows.dtype)


def cuboid_from_corners(corners: Tensor) -> Tensor:
    """Convert eight corners to rows of `Cuboid`, by least squares for corners of other shapes.

    The base gives center, l, w and yaw as in `rotated_from_corners`; h is the distance between top and base.

    When to choose it: data sets with eight corners per box. Tilted boxes are already rows of
    ``Polytope(form="vertices")``.

    Args:
        corners: (..., 8, 3): the base in clockwise or counterclockwise order, its first edge along l; then the top,
            each corner above the corresponding corner of the base.

    Returns:
        (..., 7) rows of `Cuboid` with a yaw in [-pi, pi], in the dtype of ``corners``.

    Raises:
        TypeError: ``corners`` is no floating tensor.
        ValueError: The last dimensions are not 8, 3.

    Edge cases:
        For other corners the result is the upright box with the least sum of squared corner distances. The top may come
        before the base.

    Example:
        >>> import torch, detloss
        >>> corners = detloss.cuboid_to_corners(torch.tensor([5., 0., 1., 4., 2., 2., 0.]))
        >>> detloss.cuboid_from_corners(corners)
        tensor([5., 0., 1., 4., 2., 2., 0.])

    See also:
        `cuboid_to_corners`, the inverse.
    """
    checks.last_dimensions("corners", corners, 8, 3)
    numbers = at_least_float32(corners)
    base, top = numbers[..., :4, :], numbers[..., 4:, :]
    flat = rectangle_of(0.5 * (base + top)[..., :2])
    middle = numbers[..., 2].mean(-1, keepdim=True)
    rise = (top - base)[..., 2].mean(-1, keepdim=True)
    height = torch.where(rise < 0.0, -rise, rise)
    return torch.cat((flat[..., :2], middle, flat[..., 2:4], height, flat[..., 4:]), -1).to(corners.dtype)


def polytope_from_quaternion(center: Tensor, size: Tensor, quaternion: Tensor, *, order: str) -> Tensor:
    """Convert boxes of any orientation to corners, which are rows of ``Polytope(form="vertices")``.

    ``center + q p / |q|``, where p is a corner of the axis-aligned box and q p is p rotated by the quaternion.

    When to choose it: boxes with roll and pitch, such as those of robots, drones and scanned rooms. For upright boxes
    `Cuboid` is faster.

    Args:
        center: (..., 3).
        size: (..., 3) l, w, h: along x, y and z before the rotation.
        quaternion: (..., 4), of any length above 0; ``q`` and ``-q`` are the same rotation. It maps box coordinates to
            world coordinates.
        order: Order of the quaternion's components: ``"wxyz"`` (nuScenes, Eigen's constructor) or ``"xyzw"`` (SciPy,
            ROS).

    Returns:
        (..., 8, 3) in the order of `cuboid_to_corners`, in the dtype of ``center``.

    Raises:
        TypeError: An operand is no floating tensor.
        ValueError: Shapes or devices do not fit, or the order does not exist; inside `validating`, also a quaternion
            that is 0.

    Edge cases:
        A negative size counts as 0. A zero quaternion is the identity.

    Example:
        >>> import torch, detloss
        >>> center, size = torch.zeros(3), torch.tensor([4., 2., 6.])
        >>> upward = torch.tensor([1., 0., -1., 0.])  # 90 degrees about y: x to z
        >>> detloss.polytope_from_quaternion(center, size, upward, order="wxyz").amax(0)
        tensor([3., 1., 2.])

    See also:
        `cuboid_to_corners`, for upright boxes.
    """
    if order not in ORDERS:
        raise ValueError(f"order: expected 'wxyz' or 'xyzw', got {order!r}")
    for name, value, length in (("center", center, 3), ("size", size, 3), ("quaternion", quaternion, 4)):
        checks.last_dimensions(name, value, length)
        checks.same_device(name, value, "center", center)
        if value.shape[:-1] != center.shape[:-1]:
            expected = (*center.shape[:-1], length)
            raise ValueError(f"{name}: expected {expected} like center, got {tuple(value.shape)}")
    zero = (quaternion == 0.0).all(-1)
    refuse_if_validating("polytope_from_quaternion", "quaternion", quaternion, zero, "a length above 0")

    rotation = at_least_float32(quaternion)
    rotation = primitives.quotient(
        rotation, rotation.detach().abs().amax(-1, keepdim=True)
    )  # keeps its square in range
    w, *v = (rotation[..., at, None] for at in ORDERS[order])
    axis = torch.cat(v, -1).unsqueeze(-2)
    squared = rotation.square().sum(-1, keepdim=True).unsqueeze(-2)
    sides = at_least_float32(size)
    corners = cuboid_to_corners(torch.cat((torch.zeros_like(sides), sides, torch.zeros_like(sides[..., :1])), -1))
    sideways = cross(axis, corners)
    rotated = corners + primitives.quotient(2.0 * (w.unsqueeze(-2) * sideways + cross(axis, sideways)), squared)
    return (at_least_float32(center).unsqueeze(-2) + rotated).to(center.dtype)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Cross product of 3-D vectors."""
    (ax, ay, az), (bx, by, bz) = a.unbind(-1), b.unbind(-1)
    return torch.stack((ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx), -1)
