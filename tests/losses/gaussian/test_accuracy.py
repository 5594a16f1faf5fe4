"""Gaussian losses of rotated boxes and their gradients, against their matrix definitions in 160 digits."""

import math
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
import torch
from mpmath import matrix, mp, mpf
from torch import Tensor

from detloss.auditing.oracle import exact_gaussians as oracle
from detloss.auditing.oracle.ulp import value_error
from tests.support.gaussian_cases import (
    FUNCTIONS,
    LOSSES,
    SETS,
    SMOOTH,
    Row,
    box,
    drawn,
    every_loss,
    with_gradients,
)
from tests.support.marks import quick_and_exhaustive

CENTERS, SIDES = {0, 1, 5, 6}, {2, 3, 7, 8}
KIN = [
    next(kin for kin in (CENTERS, {2, 3}, {7, 8}, {4, 9}) if k in kin) for k in range(10)
]  # groups of numbers that cancel


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.bfloat16, pytest.param(torch.float32, marks=pytest.mark.exhaustive)]
)
@pytest.mark.parametrize("kind", SETS)
@every_loss
def test_values_and_gradients(name: str, kind: str, dtype: torch.dtype, seed: int) -> None:
    """Results of dtypes narrower than float64 are rounded once; gradients of one kind may cancel in part."""
    pred, target = drawn(seed, kind, 1, dtype)
    values, gradients = with_gradients(name, pred, target)
    unit = torch.finfo(dtype).eps
    once = 8.0 if dtype == torch.float64 else 0.501
    for row, other, value, by_row in zip(pred.tolist(), target.tolist(), values.tolist(), gradients.tolist()):
        truth, true_gradients = oracle.loss_and_gradient(LOSSES[name][1], row, other)
        assert value_error(value, truth, dtype) <= once
        if truth == 0:
            assert not any(by_row)
            continue
        for k, (got, true) in enumerate(zip(by_row, true_gradients)):
            if abs(true) > torch.finfo(dtype).max:
                assert got == math.copysign(math.inf, true)
            else:
                kin, lengths = KIN[k], [*row, *other]
                largest = max(abs(true_gradients[j] * (lengths[j] if SIDES & {j} else 1)) for j in kin)
                largest /= lengths[k] if SIDES & {k} else 1
                allowed = 0.501 * unit * abs(true) + 1e-11 * largest
                allowed += torch.finfo(dtype).tiny + oracle.unseen(row, other)
                assert abs(got - true) <= allowed, k


def test_the_oracle_takes_the_root_of_a_matrix_as_mpmath_does(seed: int) -> None:
    rng = Random(seed)
    for _ in range(5):
        pred, target = ([mpf(x) for x in box(rng)] for _ in range(2))
        (mean, one, root), (other_mean, other, _) = oracle.gaussian(pred, 4), oracle.gaussian(target, 4)
        shift: matrix = mean - other_mean
        trace = oracle.trace(one + other - 2 * mp.sqrtm(root * other * root))
        assert abs((shift.T * shift)[0] + trace - oracle.wasserstein(pred, target)) < mpf(10) ** -50
        assert mp.norm(root * root - one) < mpf(10) ** -50


def test_values_by_hand() -> None:
    def cost(loss: Callable[..., Tensor], pred: Row, target: Row, **options: object) -> float:
        return loss(*(torch.tensor(row, dtype=torch.float64) for row in (pred, target)), **options).item()

    gwd, kld, probiou = FUNCTIONS
    # D = 3^2 + (4/2 - 4/2)^2 + (2/2 - 10/2)^2 = 25
    apart = [0.0, 0.0, 4.0, 2.0, 0.0], [3.0, 0.0, 4.0, 10.0, 0.0]
    assert cost(gwd, *apart) == pytest.approx(1 - 1 / 6, rel=1e-15)
    assert cost(gwd, *apart, form="linear") == pytest.approx(1 - 1 / 26, rel=1e-15)
    assert cost(gwd, *apart, form="log") == pytest.approx(1 - 1 / (1 + math.log(26)), rel=1e-15)
    assert cost(gwd, *apart, tau=3.0) == pytest.approx(1 - 1 / 8, rel=1e-15)
    assert cost(gwd, *apart, relative=True, form="linear") == pytest.approx(1 - 1 / (1 + 25 / 320**0.5), rel=1e-15)
    # a quarter turn: tr S + tr S' - 2 sqrt(tr SS' + 2 sqrt(|S||S'|)) = 2 (4 + 1) - 2 sqrt(8 + 2 * 4)
    quarter = [0.0, 0.0, 4.0, 2.0, 0.0], [0.0, 0.0, 4.0, 2.0, math.pi / 2]
    assert cost(gwd, *quarter) == pytest.approx(1 - 1 / (1 + math.sqrt(2)), rel=1e-15)
    # twice as long: ((2^2 - 1) - log 2^2) / 2; half as long: ((1/4 - 1) + log 4) / 2
    longer = [0.0, 0.0, 8.0, 2.0, 0.0], [0.0, 0.0, 4.0, 2.0, 0.0]
    there, back = (3 - math.log(4)) / 2, (math.log(4) - 0.75) / 2
    assert cost(kld, *longer, form="linear") == pytest.approx(1 - 1 / (1 + there), rel=1e-15)
    assert cost(kld, *longer, form="linear", direction="target_to_pred") == pytest.approx(1 - 1 / (1 + back), rel=1e-15)
    # |M| = (16 + 64)/24 * 4/12 and |S||S'| = (16 * 64 / 144) (4 / 12)^2: 1/2 log(5/4)
    assert cost(probiou, *longer, form="log") == pytest.approx(math.log(1.25) / 2, rel=1e-15)
    assert cost(probiou, *longer) == pytest.approx(math.sqrt(1 - 0.8**0.5), rel=1e-15)


@every_loss
@pytest.mark.parametrize("kind", ["random", "near", "nested"])
@pytest.mark.parametrize("in_one_direction", quick_and_exhaustive(True, False))
def test_derivatives_of_derivatives(name: str, kind: str, in_one_direction: bool, seed: int) -> None:
    pred, target = (rows.requires_grad_() for rows in drawn(seed, kind, 2))
    loss = partial(LOSSES[name][0], reduction="none")
    settings = {"eps": 1e-7, "atol": 1e-3, "rtol": 1e-3, "fast_mode": in_one_direction}
    assert torch.autograd.gradgradcheck(loss, (pred, target), **settings)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_curvature_at_identical_boxes(name: str, seed: int) -> None:
    row = drawn(seed, "random", 1)[0][0]
    loss = LOSSES[name][0]
    gradient = torch.func.grad(lambda pred: loss(pred, row))
    steps = torch.eye(5, dtype=torch.float64) * 1e-5
    differences = [(gradient(row + step) - gradient(row - step)) / 2e-5 for step in steps]
    torch.testing.assert_close(torch.func.jacrev(gradient)(row), torch.stack(differences), rtol=1e-5, atol=1e-5)
