"""Gaussian losses of boxes without area, with negative sides, or with numbers at the ends of the range of a dtype."""

import math
from random import Random

import pytest
import torch

from detloss.auditing.oracle import exact_gaussians as oracle
from tests.support.gaussian_cases import (
    LOSSES,
    RELATIVE,
    drawn,
    every_loss,
    with_gradients,
)


@every_loss
def test_a_negative_side_counts_as_0(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 20)
    pred[:10, 2], target[10:, 3] = -1.0, -2.0
    value, gradients = with_gradients(name, pred, target)
    clamped = [torch.cat((rows[:, :2], rows[:, 2:4].clamp(min=0.0), rows[:, 4:]), -1) for rows in (pred, target)]
    assert torch.equal(value, with_gradients(name, *clamped)[0])
    assert not gradients[:10, 2].any()
    assert not gradients[10:, 8].any()


@pytest.mark.parametrize("name", [name for name in LOSSES if name.startswith("gwd")])
def test_a_box_without_area_travels_as_any_other(name: str, seed: int) -> None:
    rng = Random(seed)
    for pred, target in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)):
        rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1), 1.5, size, rng.uniform(-3, 3)] for size in (pred, target)]
        value, gradients = with_gradients(name, *(torch.tensor([row], dtype=torch.float64) for row in rows))
        truth, true_gradients = oracle.loss_and_gradient(LOSSES[name][1], *rows)
        assert value.item() == pytest.approx(float(truth), rel=1e-14)
        assert gradients[0].tolist() == pytest.approx(
            [float(gradient) for gradient in true_gradients], rel=1e-12, abs=1e-14
        )


def test_a_point_grows_into_its_target() -> None:
    """Values and gradients of a point are those of a small square."""
    target = torch.tensor([[1.0, 0.0, 4.0, 2.0, 0.3]], dtype=torch.float64)
    point = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.3]], dtype=torch.float64)
    speck = torch.tensor([[0.0, 0.0, 1e-9, 1e-9, 1.0]], dtype=torch.float64)
    for angle in (0.0, 0.3, 1.0):
        point[0, 4] = speck[0, 4] = angle
        for order in (slice(None), slice(None, None, -1)):
            near, gradients = with_gradients("gwd, sqrt", *(speck, target)[order])
            got, got_gradients = with_gradients("gwd, sqrt", *(point, target)[order])
            torch.testing.assert_close(got, near)
            torch.testing.assert_close(got_gradients, gradients)
            assert (got_gradients.view(2, 5)[0 if order == slice(None) else 1, 2:4] < 0.0).all()


@pytest.mark.parametrize("name", RELATIVE)
def test_a_box_without_area_is_infinitely_far(name: str) -> None:
    whole, flat, thin = [0.0, 0.0, 4.0, 2.0, 0.3], [0.0, 0.0, 4.0, 0.0, 0.3], [0.0, 0.0, 0.0, 2.0, 0.3]
    pairs = [(whole, flat), (flat, whole), (flat, thin), (thin, [0.1, *thin[1:]]), (flat, [*flat[:4], 0.4])]
    pred, target = (torch.tensor(rows) for rows in zip(*pairs))
    value, gradients = with_gradients(name, pred, target)
    torch.testing.assert_close(value, torch.full((5,), 126 * math.log(2.0) if name == "probiou, log" else 1.0))
    assert not gradients.any()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_nothing_finite_becomes_nan(name: str, dtype: torch.dtype, seed: int) -> None:
    rng = Random(seed)
    least, most = (-120, 120) if dtype == torch.float64 else (-37, 37)

    def number() -> float:
        return rng.choice((0.0, 1.0, -1.0, rng.choice((-1, 1)) * 10.0 ** rng.uniform(least, most)))

    pred, target = (torch.tensor([[number() for _ in range(5)] for _ in range(2000)], dtype=dtype) for _ in range(2))
    pred[::3, :2] = target[::3, :2]
    pred[::5, 2:] = target[::5, 2:]
    value, gradients = with_gradients(name, pred, target)
    assert not value.isnan().any()
    assert (value >= 0.0).all()
    assert not gradients.isnan().any()
    if name != "probiou, log":
        assert (value <= 1.0).all()


@every_loss
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_non_finite_values_stay_in_their_row(name: str, bad: float, seed: int) -> None:
    pred, target = drawn(seed, "random", 11)
    pred[0, 2] = 0.0
    for k in range(5):
        pred[k, k] = target[5 + k, k] = bad
    value, gradients = with_gradients(name, pred, target)
    assert value[:10].isnan().all()
    assert gradients[:10].isnan().all()
    assert value[10].isfinite()
    assert gradients[10].isfinite().all()
