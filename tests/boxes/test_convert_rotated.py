"""Converters of rotated rectangles: degrees, corners, ranges of the angle."""

import math

import numpy as np
import pytest
import torch

import detloss
from tests.support.converter_cases import SQUARE, corners_by_complex_numbers, rectangles


@pytest.mark.parametrize("degrees", [0.0, 30.0, -45.0, 90.0, 180.0, -270.0, 1000.0])
def test_degrees(degrees: float) -> None:
    rows = torch.tensor([1.0, 2.0, 3.0, 4.0, degrees], dtype=torch.float64)
    ours = detloss.rotated_from_degrees(rows)
    assert ours[:4].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert ours[4].item() == pytest.approx(math.radians(degrees), rel=1e-15)
    assert detloss.rotated_from_degrees(rows, clockwise=True)[4].item() == pytest.approx(
        -math.radians(degrees), rel=1e-15
    )
    for clockwise in (False, True):
        there = detloss.rotated_from_degrees(rows, clockwise=clockwise)
        torch.testing.assert_close(detloss.rotated_to_degrees(there, clockwise=clockwise), rows)
    assert detloss.rotated_to_degrees(ours, clockwise=True)[4].item() == pytest.approx(-degrees, rel=1e-15)


def test_clockwise_is_clockwise_where_y_points_up() -> None:
    """A long bar rotated by 30 degrees: its far end lies above the axis, or below."""
    bar = torch.tensor([0.0, 0.0, 2.0, 0.0, 30.0])
    assert detloss.rotated_to_corners(detloss.rotated_from_degrees(bar))[1, 1].item() == pytest.approx(0.5)
    flipped = detloss.rotated_from_degrees(bar, clockwise=True)
    assert detloss.rotated_to_corners(flipped)[1, 1].item() == pytest.approx(-0.5)


def test_corners_are_those_of_complex_numbers(seed: int) -> None:
    rows = rectangles(seed)
    expected = [corners_by_complex_numbers(*row) for row in rows.tolist()]
    torch.testing.assert_close(detloss.rotated_to_corners(rows), torch.tensor(expected, dtype=torch.float64))


def test_rectangles_from_their_corners(seed: int) -> None:
    rows = rectangles(seed)
    corners = torch.tensor([corners_by_complex_numbers(*row) for row in rows.tolist()], dtype=torch.float64)
    torch.testing.assert_close(detloss.rotated_from_corners(corners), rows)
    # In the opposite order the first edge is reversed: w and h are unchanged, the angle differs by half a turn.
    other = detloss.rotated_from_corners(corners[:, [1, 0, 3, 2]])
    torch.testing.assert_close(other[:, :4], rows[:, :4])
    torch.testing.assert_close((other[:, 4] - rows[:, 4]).cos(), torch.full((len(rows),), -1.0, dtype=torch.float64))
    # From the second corner on, the first edge is h.
    rolled = detloss.rotated_from_corners(corners.roll(-1, 1))
    torch.testing.assert_close(rolled[:, [0, 1, 3, 2]], rows[:, :4])
    torch.testing.assert_close((rolled[:, 4] - rows[:, 4]).sin(), torch.ones(len(rows), dtype=torch.float64))


@pytest.mark.parametrize("quarter", range(-1, 3))
def test_axis_aligned_rectangles_are_exact(quarter: int) -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]]).roll(-quarter, 0)
    w, h = (2.0, 3.0) if quarter % 2 else (3.0, 2.0)
    angle = {-1: -math.pi / 2, 0: 0.0, 1: math.pi / 2, 2: math.pi}[quarter]
    assert detloss.rotated_from_corners(corners).tolist() == pytest.approx([1.5, 1.0, w, h, angle], rel=2e-7)


def test_a_quadrilateral_becomes_its_nearest_rectangle(seed: int) -> None:
    """Linear least squares over a grid of angles and both orientations find nothing nearer."""
    quadrilaterals = np.random.default_rng(seed).normal(size=(20, 4, 2))
    ours = detloss.rotated_from_corners(torch.from_numpy(quadrilaterals))
    assert (ours[:, 2:4] >= 0).all()
    for given, row in zip(quadrilaterals, ours.tolist()):
        reached = min(
            np.square(np.array(corners_by_complex_numbers(*row[:3], sign * row[3], row[4])) - given).sum()
            for sign in (-1, 1)
        )
        best = math.inf
        for angle in np.linspace(0.0, math.pi, 2000):
            along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
            effects = np.array(
                [np.column_stack((np.eye(2), i * along / 2, j * across / 2)) for i, j in SQUARE]
            ).reshape(8, 4)
            left = given.flatten() - effects @ (np.linalg.pinv(effects) @ given.flatten())
            best = min(best, np.square(left).sum())
        assert reached <= best * (1 + 1e-12)


def test_rectangles_without_width() -> None:
    line = torch.tensor(
        [[[0.0, 0.0], [0.0, 0.0], [0.0, 2.0], [0.0, 2.0]], [[0.0, 0.0], [2.0, 2.0], [2.0, 2.0], [0.0, 0.0]]]
    )
    line.requires_grad_()
    rows = detloss.rotated_from_corners(line)
    assert rows[0].tolist() == pytest.approx([0.0, 1.0, 0.0, 2.0, 0.0], abs=1e-6)
    assert rows[1].tolist() == pytest.approx([1.0, 1.0, math.sqrt(8), 0.0, math.pi / 4], abs=1e-6)
    point = torch.full((4, 2), 3.0, requires_grad=True)
    row = detloss.rotated_from_corners(point)
    assert row.tolist() == [3.0, 3.0, 0.0, 0.0, 0.0]
    for made, given in ((rows, line), (row, point)):
        assert torch.autograd.grad(made.sum(), given)[0].isfinite().all()


def test_extreme_lengths_neither_vanish_nor_overflow() -> None:
    for length in (1e-30, 1e30):
        row = detloss.rotated_from_corners(torch.tensor([[0.0, 0.0], [3.0, 4.0], [-1.0, 7.0], [-4.0, 3.0]]) * length)
        assert (row[2:4] / length).tolist() == pytest.approx([5.0, 5.0], rel=1e-6)
        assert row[4].item() == pytest.approx(math.atan2(4.0, 3.0), rel=1e-6)


def test_the_enclosing_box_is_that_of_the_corners(seed: int) -> None:
    rows = rectangles(seed)
    corners = torch.tensor([corners_by_complex_numbers(*row) for row in rows.tolist()], dtype=torch.float64)
    expected = torch.cat((corners.amin(1), corners.amax(1)), -1)
    torch.testing.assert_close(detloss.rotated_to_axis_aligned(rows), expected)
    upright = torch.tensor([1.0, 2.0, 4.0, 6.0, 0.0], requires_grad=True)
    box = detloss.rotated_to_axis_aligned(upright)
    assert box.tolist() == [-1.0, -1.0, 3.0, 5.0]
    assert torch.autograd.grad(box[2], upright)[0].tolist() == [1.0, 0.0, 0.5, 0.0, 0.0]


def test_a_negative_side_counts_as_none() -> None:
    inverted = torch.tensor([1.0, 2.0, -4.0, 6.0, 0.0])
    assert detloss.rotated_to_axis_aligned(inverted).tolist() == [1.0, -1.0, 1.0, 5.0]
    assert detloss.rotated_to_corners(inverted).tolist() == [[1.0, -1.0], [1.0, -1.0], [1.0, 5.0], [1.0, 5.0]]
    box = torch.tensor([0.0, 0.0, 0.0, 2.0, 2.0, -2.0, 0.0])
    assert detloss.cuboid_to_corners(box).amax(0).tolist() == [1.0, 1.0, 0.0]
    whole = torch.tensor([0.0, 0.0, 0.0, 1.0])
    corners = detloss.polytope_from_quaternion(box[:3], box[3:6], whole, order="xyzw")
    assert corners.amax(0).tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize("long_side_first", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_angles_in_range(long_side_first: bool, dtype: torch.dtype, seed: int) -> None:
    rows = rectangles(seed, 500).to(dtype)
    rows[:, 4] *= 3
    exact = [turn * math.pi / 4 for turn in range(-8, 9)]
    edges = torch.tensor([exact, exact, exact], dtype=dtype)
    edges[0], edges[2] = edges[1].nextafter(torch.tensor(-9.0)), edges[1].nextafter(torch.tensor(9.0))
    rows[: edges.numel(), 4] = edges.flatten()
    rows[edges.numel(), 4], rows[edges.numel() + 1, 4] = -1e-30, 1e-30
    span = math.pi if long_side_first else math.pi / 2
    for start in (0.0, -math.pi / 2, -math.pi / 4, 1.0):
        ours = detloss.rotated_in_range(rows, start=start, long_side_first=long_side_first)
        angle = ours[:, 4]
        low, high = torch.tensor([start, start + span], dtype=torch.float64).to(dtype)
        assert (angle >= low).all()
        assert (angle < high).all()
        if long_side_first:
            assert (ours[:, 2] >= ours[:, 3]).all()
        # The same set of corners.
        there = np.array([corners_by_complex_numbers(*row) for row in ours.double().tolist()])
        given = np.array([corners_by_complex_numbers(*row) for row in rows.double().tolist()])
        apart = np.abs(there[:, :, None] - given[:, None]).max(-1)
        assert apart.min(1).max() < (1e-13 if dtype == torch.float64 else 2e-5)
        assert apart.min(2).max() < (1e-13 if dtype == torch.float64 else 2e-5)


def test_an_angle_that_rounding_put_at_the_end_is_the_start() -> None:
    below = torch.tensor([0.0, 0.0, 1.0, 2.0, -1e-30], requires_grad=True)
    ours = detloss.rotated_in_range(below, start=0.0, long_side_first=False)
    assert ours.tolist() == [0.0, 0.0, 1.0, 2.0, 0.0]
    assert torch.autograd.grad(ours[4], below)[0].tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_usual_ranges() -> None:
    def angle_and_sides(start: float, long_side_first: bool, *row: float) -> list[float]:
        rows = torch.tensor([0.0, 0.0, *row])
        return detloss.rotated_in_range(rows, start=start, long_side_first=long_side_first)[2:].tolist()

    quarter = math.pi / 2
    assert angle_and_sides(0.0, False, 2, 4, -0.5) == pytest.approx([4, 2, quarter - 0.5])
    assert angle_and_sides(0.0, False, 2, 4, quarter) == pytest.approx([4, 2, 0.0])
    assert angle_and_sides(-quarter, False, 2, 4, 0.5) == pytest.approx([4, 2, 0.5 - quarter])
    assert angle_and_sides(-quarter, True, 2, 4, 0.5) == pytest.approx([4, 2, 0.5 - quarter])
    assert angle_and_sides(-quarter, True, 4, 2, 3.0) == pytest.approx([4, 2, 3.0 - math.pi])
    assert angle_and_sides(-quarter / 2, True, 2, 4, 0.5) == pytest.approx([4, 2, 0.5 + quarter])
    assert angle_and_sides(-quarter / 2, True, 3, 3, 0.5) == [3, 3, 0.5]
