"""Values and gradients of linear losses against their definition."""

import pytest
import torch
from torch.nn import functional

from tests.support.linear_cases import (
    CLASSES,
    FEATURES,
    ROWS,
    Case,
    every_case,
    every_loss,
    operands,
    reductions,
    same,
    weights,
)


@every_case
@reductions
def test_values_and_gradients_are_those_of_the_definition(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    for weight in weights(case):
        expected = case.expected(functional.linear(*layer_operands), target, reduction, weight)
        upstream = torch.randn(expected.shape, dtype=torch.float64)
        gradients = torch.autograd.grad(expected, layer_operands, upstream)
        loss = case.loss(*layer_operands, target, **case.options, weight=weight, reduction=reduction)
        assert type(loss.grad_fn).__name__ == "LinearLossBackward"
        same(loss, expected)
        for one, other in zip(torch.autograd.grad(loss, layer_operands, upstream), gradients):
            same(one, other)


@every_case
def test_normalizer(case: Case, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, normalizer=7)
    gradients = torch.autograd.grad(expected, layer_operands)
    for normalizer in (7, torch.tensor(7), torch.tensor([7.0])):
        loss = case.loss(*layer_operands, target, **case.options, normalizer=normalizer)
        same(loss, expected)
        for one, other in zip(torch.autograd.grad(loss, layer_operands), gradients):
            same(one, other)
    loss = case.loss(*layer_operands, target, **case.options, normalizer=0)
    assert loss == 0
    assert all((each == 0).all() for each in torch.autograd.grad(loss, layer_operands))


@every_case
@reductions
def test_any_number_of_dimensions(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands((2, 3, 4)), case.target((2, 3, 4))
    weight = torch.rand((2, 1, 4) if case.per_row else (2, 1, 4, 1), dtype=torch.float64)
    expected = case.expected(functional.linear(*layer_operands), target, reduction, weight)
    upstream = torch.randn(expected.shape, dtype=torch.float64)
    gradients = torch.autograd.grad(expected, layer_operands, upstream)
    loss = case.loss(*layer_operands, target, **case.options, weight=weight, reduction=reduction)
    same(loss, expected)
    for one, other in zip(torch.autograd.grad(loss, layer_operands, upstream), gradients):
        same(one, other)


@every_loss
@reductions
@pytest.mark.parametrize("layout", ["permuted", "expanded", "strided"])
def test_operands_that_are_not_contiguous(case: Case, reduction: str, layout: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    shape = {"permuted": (2, FEATURES, 7), "expanded": (7, FEATURES), "strided": (2, 7, 2 * FEATURES)}[layout]
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True), *operands()[1:]]
    features = {
        "permuted": lambda each: each.transpose(1, 2),
        "expanded": lambda each: each.expand(2, 7, FEATURES),
        "strided": lambda each: each[..., ::2],
    }[layout](leaves[0])
    layer_operands = (features, leaves[1].T.contiguous().T, leaves[2].repeat_interleave(2)[::2])
    target = case.target((7, 2)).T
    expected = case.expected(functional.linear(*layer_operands), target, reduction)
    upstream = torch.randn((), dtype=torch.float64).expand(expected.shape)
    gradients = torch.autograd.grad(expected, leaves, upstream)
    loss = case.loss(*layer_operands, target, reduction=reduction)
    same(loss, expected)
    for one, other in zip(torch.autograd.grad(loss, leaves, upstream), gradients):
        same(one, other)


@every_loss
@reductions
def test_operands_that_do_not_require_grad_get_no_gradient(
    case: Case, reduction: str, backend: None, seed: int
) -> None:
    torch.manual_seed(seed)
    for with_bias in (True, False):
        layer_operands, target = operands(), case.target((ROWS,))
        if not with_bias:
            layer_operands[2] = None
        expected = case.expected(functional.linear(*layer_operands), target, reduction)
        for asking in range(8):
            layer_operands = [
                None if each is None else each.detach().requires_grad_(bool(asking >> k & 1))
                for k, each in enumerate(layer_operands)
            ]
            loss = case.loss(*layer_operands, target, reduction=reduction)
            same(loss.detach(), expected.detach())
            differentiable = [each for each in layer_operands if each is not None and each.requires_grad]
            assert loss.requires_grad == bool(differentiable)
            if differentiable:
                again = case.expected(functional.linear(*layer_operands), target, reduction)
                gradients = torch.autograd.grad(again.sum(), differentiable)
                for create_graph in (True, False):
                    ours = torch.autograd.grad(loss.sum(), differentiable, retain_graph=True, create_graph=create_graph)
                    for one, other in zip(ours, gradients, strict=True):
                        same(one, other)


@every_loss
@reductions
def test_part_of_the_gradients(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, reduction).sum()
    gradients = torch.autograd.grad(expected, layer_operands, retain_graph=True)
    for operand, gradient in zip(layer_operands, gradients):
        loss = case.loss(*layer_operands, target, reduction=reduction).sum()
        same(torch.autograd.grad(loss, operand)[0], gradient)


@every_loss
@reductions
def test_without_gradients(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, reduction).detach()
    weight = torch.ones((), requires_grad=True)
    for disabled in (torch.no_grad, torch.inference_mode):
        with disabled():
            loss = case.loss(*layer_operands, target, reduction=reduction, weight=weight)
            assert not loss.requires_grad
        same(loss, expected)


@every_loss
def test_few_rows(case: Case, backend: None, seed: int) -> None:
    """No row, one row, and one full chunk."""
    torch.manual_seed(seed)
    for shape in ((0,), (2, 0), (), (1,), (3,)):
        layer_operands = operands(shape)
        target = torch.randint(0, CLASSES, shape)
        for reduction in ("none", "sum", "mean"):
            loss = case.loss(*layer_operands, target, reduction=reduction)
            gradients = torch.autograd.grad(loss.sum(), layer_operands)
            assert [each.shape for each in gradients] == [each.shape for each in layer_operands]
            if target.numel():
                expected = case.expected(functional.linear(*layer_operands)[None], target[None], reduction)
                same(loss.reshape(expected.shape), expected)
            elif reduction != "none":
                assert loss == 0
                assert all((each == 0).all() for each in gradients)


@every_loss
def test_no_rows_left(case: Case, backend: None) -> None:
    for rows, ignored in ((0, 0), (ROWS, 0), (ROWS, -100)):
        layer_operands = operands((rows,))
        target = torch.full((rows,), ignored)
        loss = case.loss(*layer_operands, target, ignore_index=ignored)
        assert loss == 0
        assert all((each == 0).all() for each in torch.autograd.grad(loss, layer_operands))
