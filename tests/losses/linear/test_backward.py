"""Backward of linear losses: repeated, masked, differentiated twice."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from tests.support.linear_cases import (
    CASES,
    CLASSES,
    ROWS,
    Case,
    every_loss,
    operands,
    reductions,
    same,
)


@every_loss
@reductions
def test_backward_twice(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, reduction)
    loss = case.loss(*layer_operands, target, reduction=reduction)
    for create_graph in (False, False, True, False):
        upstream = torch.randn(loss.shape, dtype=torch.float64)
        ours = torch.autograd.grad(loss, layer_operands, upstream, retain_graph=True, create_graph=create_graph)
        theirs = torch.autograd.grad(expected, layer_operands, upstream, retain_graph=True)
        for one, other in zip(ours, theirs):
            same(one, other)
            one.detach().zero_()  # callers may modify their gradients


@every_loss
def test_backward_scales_the_stored_gradients(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    for scale in (1.0, -0.5):
        layer_operands, target = operands(), case.target((ROWS,))
        loss = case.loss(*layer_operands, target)
        made = [each.data_ptr() for each in loss.grad_fn.gradients]
        (loss * scale).backward()
        assert [each.grad.data_ptr() for each in layer_operands] == made


@every_loss
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_an_upstream_of_zero_means_absent(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    with torch.no_grad():
        layer_operands[0][3] = torch.nan
    loss = case.loss(*layer_operands, target, reduction=reduction)
    assert loss.isnan()
    gradients = torch.autograd.grad(loss, layer_operands, torch.zeros((), dtype=torch.float64))
    assert (gradients[2] == 0).all()
    assert (gradients[0] == 0).all()


@every_loss
def test_masking_the_result_masks_the_row(case: Case, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    with torch.no_grad():
        layer_operands[0][3] = torch.inf
        layer_operands[1][0] = 0.0
    weight = torch.full((ROWS,) if case.per_row else (ROWS, 1), 0.5)
    for weight[3] in (0.5, torch.inf, torch.nan):
        each = case.loss(*layer_operands, target, reduction="none", weight=weight)
        assert not each[3].isfinite().all()
        gradients = torch.autograd.grad(each[torch.arange(ROWS) != 3].sum(), layer_operands)
        assert (gradients[0][3] == 0).all()
        assert gradients[2].isfinite().all()


@every_loss
@reductions
def test_first_and_second_derivatives(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands((5,)), case.target((5,))

    def loss(*given: Tensor) -> Tensor:
        return case.loss(*given, target, reduction=reduction)

    assert torch.autograd.gradcheck(loss, layer_operands)
    assert torch.autograd.gradgradcheck(loss, layer_operands)


@every_loss
def test_second_derivatives_where_operands_share_a_history(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    (root, *_), target = operands((ROWS,)), case.target((ROWS,))
    mixer = torch.randn(CLASSES, ROWS, dtype=torch.float64)
    results = []
    for loss in (case.loss, lambda x, m, b, t: case.expected(functional.linear(x, m, b), t)):
        matrix = (mixer @ root).tanh()
        features = root.sin() + matrix.sum()
        gradient = torch.autograd.grad(loss(features, matrix, None, target), root, create_graph=True)[0]
        results.append((gradient, torch.autograd.grad(gradient.square().sum(), root)[0]))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@every_loss
@reductions
@pytest.mark.parametrize("asking", [(True, False), (False, True), (True, True)])
def test_gradients_of_target_and_weight(case: Case, reduction: str, asking: tuple[bool, bool], seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), replace(case, dense=True).target((ROWS,))
    weight = torch.rand((ROWS,) if case.per_row else (ROWS, 1), dtype=torch.float64)
    more = [each.requires_grad_() for each, asks in zip((target, weight), asking) if asks]
    each = weight * case.definition(functional.linear(*layer_operands), target, {})
    expected = {"none": each, "sum": each.sum(), "mean": each.mean()}[reduction]
    upstream = torch.randn(expected.shape, dtype=torch.float64)
    loss = case.loss(*layer_operands, target, weight=weight, reduction=reduction)
    same(loss, expected)
    leaves = [*layer_operands, *more]
    ours, theirs = (torch.autograd.grad(value, leaves, upstream) for value in (loss, expected))
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@every_loss
def test_checkpointing(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(layer_operands[0].sin(), *layer_operands[1:]), target)
    gradients = torch.autograd.grad(expected, layer_operands)
    loss = checkpoint(lambda x, m, b: case.loss(x.sin(), m, b, target), *layer_operands, use_reentrant=False)
    same(loss, expected)
    for one, other in zip(torch.autograd.grad(loss, layer_operands), gradients):
        same(one, other)


def test_inputs_are_left_alone(seed: int) -> None:
    torch.manual_seed(seed)
    for case in CASES:
        layer_operands, target = operands(), case.target((ROWS,))
        before = [each.detach().clone() for each in (*layer_operands, target)]
        case.loss(*layer_operands, target, **case.options).backward()
        assert all(torch.equal(one, other) for one, other in zip(before, (*layer_operands, target)))
