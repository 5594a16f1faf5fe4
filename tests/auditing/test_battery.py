"""Errors of every loss on the battery, on every CPU backend."""

import pytest
import torch
from torch import Tensor

import detloss
from detloss.auditing.battery.cases import DTYPES, GROUPS
from detloss.auditing.battery.error_bounds import error_bound
from detloss.auditing.battery.measure import describe, failures
from detloss.kernels import AVAILABLE
from tests.support.battery_sample import sampled
from tests.support.marks import exhaustive_except, quick_and_exhaustive

SHOWN = 20
FRACTIONS = {
    "boxes": 0.06,
    "binary": 0.2,
    "softmax": 0.07,
    "adjusted": 0.2,
    "distribution": 0.3,
    "regression": 1.0,
    "masks": 0.3,
}  # of the families of a group


@pytest.mark.parametrize("dtype", exhaustive_except(DTYPES, lambda dtype: dtype != torch.float16), ids=str)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("complete", quick_and_exhaustive(False, True))
def test_error_bounds(group: str, dtype: torch.dtype, complete: bool, seed: int) -> None:
    found = []
    for case in sampled(group, dtype, seed, 1.0 if complete else FRACTIONS[group]):
        for backend in AVAILABLE["cpu"]:
            with detloss.use_backend(backend):
                found += [f"{backend}: {describe(case, error)}" for error in failures(case)]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results exceed their error bound", *found[:SHOWN]])


@pytest.mark.parametrize("positive", [0.0, 1.0])
@pytest.mark.parametrize("gamma", [1.0, 2.0, 4.0])
def test_error_bounds_of_focal_losses_on_a_grid(gamma: float, positive: float) -> None:
    worst = [-15.025134, -11.0043735, 11.5554515, 13.8008368, -8.8737411, -15.5756857, 9.5732603, 15.5749426]
    logits = torch.cat([torch.linspace(-20, 20, 40_001), torch.tensor(worst)])
    sign = 2.0 * positive - 1.0
    tail = (-sign * logits.double()).exp()
    wrong, nll = tail / (1 + tail), torch.log1p(tail)
    slope = -sign * wrong**gamma * (gamma * (1 - wrong) * nll + wrong)
    bound = error_bound("focal", torch.float32, gamma)
    for backend in AVAILABLE["cpu"]:
        with detloss.use_backend(backend):
            leaf = logits.clone().requires_grad_()
            target = torch.full_like(logits, positive)
            value = detloss.sigmoid_focal_loss(leaf, target, alpha=None, gamma=gamma, reduction="none")
            value.sum().backward()
            assert leaf.grad is not None
            assert largest_error(value.detach(), wrong**gamma * nll) <= bound.value
            assert largest_error(leaf.grad, slope) <= bound.gradient


@pytest.mark.parametrize("gamma", [1.0, 4.0])
def test_error_bounds_of_asymmetric_loss_on_a_grid(gamma: float) -> None:
    logits = torch.cat([torch.linspace(-2.9, 20, 23_001), torch.tensor([-1.9954292, -2.0957592, -2.7702730])])
    probability = torch.sigmoid(logits.double())
    shifted = probability - 0.05
    nll = -torch.log1p(-shifted)
    slope = (
        probability * torch.sigmoid(-logits.double()) * shifted ** (gamma - 1) * (gamma * nll + shifted / (1 - shifted))
    )
    bound = error_bound("margin", torch.float32, gamma)
    for backend in AVAILABLE["cpu"]:
        with detloss.use_backend(backend):
            leaf = logits.clone().requires_grad_()
            value = detloss.asymmetric_loss(leaf, torch.zeros_like(logits), negative_gamma=gamma, reduction="none")
            value.sum().backward()
            assert leaf.grad is not None
            assert largest_error(value.detach(), shifted**gamma * nll) <= bound.value
            assert largest_error(leaf.grad, slope) <= bound.gradient


def largest_error(found: Tensor, exact: Tensor) -> float:
    """The largest error of normal float32 results in ulps."""
    ulps = torch.ldexp(torch.ones_like(exact), (exact.abs().log2().floor() - 23).int())
    return ((found - exact) / ulps)[exact.abs() >= 2.0**-126].abs().max().item()
