"""Converters of cuboids: corners, quaternions."""

import itertools
import math

import numpy as np
import pytest
import torch

import detloss
from tests.support.converter_cases import (
    CUBE,
    SQUARE,
    corners_by_complex_numbers,
    cuboids,
)


def test_corners_of_cuboids(seed: int) -> None:
    rows = cuboids(seed)
    expected = []
    for x, y, z, length, width, height, yaw in rows.tolist():
        flat = corners_by_complex_numbers(x, y, length, width, yaw)
        expected.append([[*corner, z + level * height / 2] for level in (-1, 1) for corner in flat])
    corners = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(detloss.cuboid_to_corners(rows), corners)
    torch.testing.assert_close(detloss.cuboid_from_corners(corners), rows)
    torch.testing.assert_close(detloss.cuboid_from_corners(corners.roll(4, 1)), rows)


def test_corners_that_are_no_upright_box(seed: int) -> None:
    """No small change of the row comes nearer to the corners, in the sum of squares."""
    given = np.random.default_rng(seed).normal(scale=0.2, size=(8, 3)) + CUBE * [2, 1, 1.5]
    row = detloss.cuboid_from_corners(torch.from_numpy(given)).numpy()

    def left(row: np.ndarray) -> float:
        x, y, z, length, width, height, yaw = row
        flat = corners_by_complex_numbers(x, y, length, width, yaw)
        corners = [[*corner, z + level * height / 2] for level in (-1, 1) for corner in flat]
        return float(np.square(np.array(corners) - given).sum())

    for step in (1e-2, 1e-3):
        for number, sign in itertools.product(range(7), (-1, 1)):
            assert left(row + sign * step * np.eye(7)[number]) > left(row)


def test_a_quaternion_turns_as_its_axis_and_angle_say(seed: int) -> None:
    """Rodrigues: x cos + (k x x) sin + k (k.x) (1 - cos), for a quaternion cos a/2, k sin a/2 of any length."""
    generator = np.random.default_rng(seed)
    for _ in range(20):
        axis, angle, length = generator.normal(size=3), generator.uniform(-7, 7), generator.uniform(0.1, 9) ** 3
        axis /= np.linalg.norm(axis)
        center, size = generator.normal(size=3), generator.uniform(0.1, 4, 3)
        local = CUBE * size / 2
        rotated = (
            local * math.cos(angle)
            + np.cross(axis, local) * math.sin(angle)
            + np.outer(local @ axis, axis) * (1 - math.cos(angle))
        )
        scalar, vector = length * math.cos(angle / 2), length * math.sin(angle / 2) * axis
        for order, quaternion in (("wxyz", [scalar, *vector]), ("xyzw", [*vector, scalar])):
            operands = [torch.from_numpy(np.asarray(each)) for each in (center, size, quaternion)]
            ours = detloss.polytope_from_quaternion(*operands, order=order)
            torch.testing.assert_close(ours, torch.from_numpy(rotated + center), rtol=1e-12, atol=1e-12)


def test_a_quaternion_about_the_vertical_is_a_yaw(seed: int) -> None:
    rows = cuboids(seed)
    half = rows[:, 6] / 2
    quaternion = torch.stack((half.cos(), 0 * half, 0 * half, half.sin()), -1)
    upright = torch.tensor([[[*corner, z] for z in (-1.0, 1.0) for corner in SQUARE]], dtype=torch.float64)
    assert torch.equal(upright[0], torch.from_numpy(CUBE))
    ours = detloss.polytope_from_quaternion(rows[:, :3], rows[:, 3:6], quaternion, order="wxyz")
    for row, corners in zip(rows.tolist(), ours):
        flat = corners_by_complex_numbers(row[0], row[1], row[3], row[4], row[6])
        torch.testing.assert_close(corners[:4, :2], torch.tensor(flat, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_tiny_huge_and_zero_quaternions(dtype: torch.dtype) -> None:
    center, size = torch.zeros(3, dtype=dtype), torch.tensor([4.0, 2.0, 6.0], dtype=dtype)
    limits = torch.finfo(dtype)
    for length in (limits.tiny, limits.max):
        turn = torch.tensor([0.0, 0.0, length, length], dtype=dtype)  # a quarter about z
        corners = detloss.polytope_from_quaternion(center, size, turn, order="xyzw")
        assert corners.amax(0).tolist() == pytest.approx([1.0, 2.0, 3.0])
    none = torch.zeros(4, dtype=dtype, requires_grad=True)
    corners = detloss.polytope_from_quaternion(center, size, none, order="xyzw")
    assert corners.tolist() == (CUBE * [2.0, 1.0, 3.0]).tolist()
    assert torch.autograd.grad(corners.sum(), none)[0].isfinite().all()
