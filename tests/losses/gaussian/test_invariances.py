"""Invariances of Gaussian losses: equivalent rows of a box, swapped operands, other units."""

import math
from random import Random

import pytest
import torch

from tests.support.gaussian_cases import (
    FROM_ZERO,
    RELATIVE,
    SYMMETRIC,
    drawn,
    every_loss,
    rotation,
    with_gradients,
)


@pytest.mark.parametrize("name", FROM_ZERO)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_identical_boxes_cost_nothing(name: str, dtype: torch.dtype, seed: int) -> None:
    rows = drawn(seed, "random", 100, dtype)[0]
    rows[1, 2] = rows[2, 2:4] = rows[3, 3] = 0.0  # a segment, a point, a segment
    rows[4, 2] = rows[4, 3]  # a square
    values, gradients = with_gradients(name, rows, rows)
    assert torch.equal(values, torch.zeros_like(values))
    assert not gradients.any()


@pytest.mark.parametrize("name", ["gwd, tau 2.5", "kld, tau 2.5"])
def test_tau_lifts_identical_boxes(name: str) -> None:
    rows = torch.tensor([[0.0, 1.0, 2.0, 3.0, 0.5], [0.0, 1.0, 2.0, 0.0, 0.5]])
    values, gradients = with_gradients(name, rows, rows)
    torch.testing.assert_close(values, torch.full((2,), 1.0 - 1.0 / 2.5))
    assert not gradients.any()


@every_loss
def test_a_box_has_many_rows(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, gradients = with_gradients(name, pred, target)
    half = pred + rotation(math.pi)
    exchanged = pred[:, [0, 1, 3, 2, 4]] + rotation(math.pi / 2)
    for rows, order in ((half, slice(None)), (exchanged, [0, 1, 3, 2, 4, 5, 6, 7, 8, 9])):
        other, other_gradients = with_gradients(name, rows, target)
        torch.testing.assert_close(other, value, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(other_gradients[:, order], gradients, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_prediction_and_target_can_be_swapped(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, gradients = with_gradients(name, pred, target)
    other, other_gradients = with_gradients(name, target, pred)
    torch.testing.assert_close(other, value, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(other_gradients.roll(5, -1), gradients, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("form", ["sqrt", "log", "linear"])
def test_one_direction_is_the_other_with_swapped_boxes(form: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, gradients = with_gradients(f"kld, {form}", pred, target)
    other, other_gradients = with_gradients(f"reverse kld, {form}", target, pred)
    torch.testing.assert_close(other, value, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(other_gradients.roll(5, -1), gradients, rtol=1e-11, atol=1e-11)


@every_loss
def test_translating_and_rotating_both_boxes_changes_nothing(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, _ = with_gradients(name, pred, target)
    angle = Random(seed).uniform(-3.0, 3.0)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
    for rows in (pred, target):
        rows[:, :2] = rows[:, :2] @ turn + torch.tensor([3.0, -2.0])
        rows[:, 4] += angle
    torch.testing.assert_close(with_gradients(name, pred, target)[0], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", RELATIVE)
@pytest.mark.parametrize("scale", [2.0**40, 2.0**-40, 2.0**400, 2.0**-400])
def test_the_unit_of_length_does_not_matter(name: str, scale: float, seed: int) -> None:
    pred, target = drawn(seed, "random", 50)
    factors = torch.tensor([scale, scale, scale, scale, 1.0], dtype=torch.float64)
    value, gradients = with_gradients(name, pred, target)
    other, other_gradients = with_gradients(name, pred * factors, target * factors)
    assert torch.equal(other, value)
    assert torch.equal(other_gradients * factors.repeat(2), gradients)


@every_loss
def test_the_angle_of_a_square_has_no_effect(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 50)
    pred[:, 3] = pred[:, 2]
    value, gradients = with_gradients(name, pred, target)
    torch.testing.assert_close(with_gradients(name, pred + rotation(1.0), target)[0], value, rtol=1e-13, atol=1e-14)
    assert not gradients[:, 4].any()
