"""Linear losses in 16 bits and under autocast."""

import pytest
import torch
from torch.nn import functional

from tests.support.linear_cases import (
    BCE,
    CASES,
    CE,
    CLASSES,
    ROWS,
    Case,
    binary,
    every_loss,
    operands,
    reductions,
    same,
    set_chunks,
)
from tests.support.marks import quick_and_exhaustive


@every_loss
@reductions
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits(case: Case, reduction: str, dtype: torch.dtype, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=dtype), case.target((ROWS,))
    exact = [each.detach().double().requires_grad_() for each in layer_operands]
    expected = case.expected(functional.linear(*exact), target, reduction)
    loss = case.loss(*layer_operands, target, reduction=reduction)
    gradients = torch.autograd.grad(loss.sum(), layer_operands)
    assert loss.dtype == (dtype if reduction == "none" else torch.float32)
    precision = torch.finfo(dtype).eps
    torch.testing.assert_close(loss.double(), expected, rtol=8 * precision, atol=8 * precision)
    for one, other in zip(gradients, torch.autograd.grad(expected.sum(), exact)):
        assert one.dtype == dtype
        torch.testing.assert_close(one.double(), other, rtol=8 * precision, atol=16 * precision)


@pytest.mark.parametrize("dtype", quick_and_exhaustive(torch.bfloat16, torch.float16))
@pytest.mark.parametrize("reduction", quick_and_exhaustive("mean", "sum"))
def test_sums_over_many_chunks_keep_their_digits(
    dtype: torch.dtype, reduction: str, monkeypatch: pytest.MonkeyPatch, backend: None
) -> None:
    """In 16 bits a sum of halves stops growing at 256 or 2048; in float32 a thousand roundings would show."""
    set_chunks(monkeypatch, 1)
    rows = 5000
    layer_operands = [torch.ones(rows, 2), torch.zeros(1, 2), torch.zeros(1)]
    layer_operands = [each.to(dtype).requires_grad_() for each in layer_operands]
    loss = BCE(*layer_operands, torch.ones(rows, 1), reduction=reduction)
    _, by_matrix, by_bias = torch.autograd.grad(loss.sum(), layer_operands)
    expected = -0.5 * (1 if reduction == "mean" else rows)
    assert by_bias.item() == torch.tensor(expected, dtype=dtype).item()
    assert by_matrix[0, 0].item() == torch.tensor(expected, dtype=dtype).item()


def test_values_over_many_chunks_keep_their_digits(backend: None, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    set_chunks(monkeypatch, 1)
    torch.manual_seed(seed)
    features, matrix = 3 * torch.rand(3000, 1), torch.ones(1, 1)
    exact = functional.softplus(features.double()).sum().item()
    with torch.no_grad():
        loss = BCE(features, matrix, None, torch.zeros(3000, 1), reduction="sum")
    assert abs(loss.item() - exact) <= 2**-24 * exact


def test_a_small_float16_gradient_survives_loss_scaling(seed: int) -> None:
    """Derivatives below float16's smallest number: a scale on the loss must bring them back."""
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float16), torch.randint(0, CLASSES, (ROWS,))
    for case in CASES[0], CASES[4], CASES[8]:
        small = torch.autograd.grad(case.loss(*layer_operands, target, normalizer=1e9) * 1e9, layer_operands)
        plain = torch.autograd.grad(case.loss(*layer_operands, target, reduction="sum"), layer_operands)
        for one, other in zip(small, plain):
            assert one.dtype == torch.float16
            torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-4)


@every_loss
@reductions
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
def test_autocast(case: Case, reduction: str, inside: bool, given: torch.dtype, backend: None, seed: int) -> None:
    """The logits are those of the layer under autocast, and the gradients know it wherever they are made."""
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), case.target((ROWS,))
    layer_operands[0] = layer_operands[0].detach().to(given).requires_grad_()
    exact = [each.detach().bfloat16().double().requires_grad_() for each in layer_operands]
    rounded = functional.linear(*exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = functional.linear(*layer_operands)
        assert logits.dtype == torch.bfloat16
        loss = case.loss(*layer_operands, target, reduction=reduction)
        expected = case.expected(logits.double(), target, reduction)
    assert loss.dtype == (torch.bfloat16 if reduction == "none" else torch.float32)
    torch.testing.assert_close(loss.double(), expected, rtol=2**-8 if reduction == "none" else 1e-6, atol=1e-6)
    gradients = torch.autograd.grad(case.expected(rounded, target, reduction).sum(), exact)
    with torch.autocast("cpu", enabled=not inside, dtype=torch.float16):
        for _ in range(2):
            for create_graph in (False, True):
                ours = torch.autograd.grad(loss.sum(), layer_operands, retain_graph=True, create_graph=create_graph)
                for one, other, operand in zip(ours, gradients, layer_operands):
                    assert one.dtype == operand.dtype
                    torch.testing.assert_close(one.double(), other, rtol=0.05, atol=0.1)


@every_loss
@reductions
def test_a_backward_pass_inside_autocast(case: Case, reduction: str, backend: None, seed: int) -> None:
    """Recomputation uses the autocast state of the forward pass."""
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands).double(), target, reduction).sum()
    gradients = torch.autograd.grad(expected, layer_operands)
    loss = case.loss(*layer_operands, target, reduction=reduction).sum()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for create_graph in (False, False, True):
            ours = torch.autograd.grad(loss, layer_operands, retain_graph=True, create_graph=create_graph)
            for one, other in zip(ours, gradients):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_autocast_leaves_float64_alone(seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), CASES[0].target((ROWS,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = CE(*layer_operands, target)
    same(loss, CASES[0].expected(functional.linear(*layer_operands), target))


def test_a_target_of_more_digits_than_the_logits(backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), torch.rand(ROWS, CLASSES, dtype=torch.float64)
    loss = BCE(*layer_operands, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, binary(functional.linear(*layer_operands), target, {}).mean().float())
    assert all(each.dtype == torch.float32 for each in torch.autograd.grad(loss, layer_operands))
