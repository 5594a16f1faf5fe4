"""Gaussian losses keep the contract of all losses: weights, dtypes, modules, errors, transforms."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detloss
from tests.support.gaussian_cases import FUNCTIONS, drawn, every_function
from tests.support.marks import exhaustive_except


@every_function
def test_weights_and_reductions(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = (rows.view(2, 3, 5) for rows in drawn(seed, "random", 6))
    each = function(pred, target, reduction="none")
    weight = torch.tensor([[0.0, 1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    assert each.shape == (2, 3)
    torch.testing.assert_close(function(pred, target), each.mean())
    torch.testing.assert_close(function(pred, target, reduction="sum", weight=2.0), 2.0 * each.sum())
    weighted = function(pred, target, weight=weight, normalizer=5.0)
    torch.testing.assert_close(weighted, (each * weight).sum() / 5.0)
    torch.testing.assert_close(torch.autograd.grad(weighted, weight)[0], each.sum(0, keepdim=True) / 5.0)
    assert function(pred[:0], target[:0]).item() == 0.0
    absent = torch.where(torch.arange(5) == 2, math.nan, pred)
    assert function(absent, target, weight=torch.zeros(2, 3)).item() == 0.0


@every_function
def test_dtypes(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = drawn(seed, "random", 4)
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        rows = pred.to(dtype).requires_grad_()
        value = function(rows, target.to(torch.float32), reduction="none")
        assert value.dtype == dtype
        assert torch.autograd.grad(value.sum(), rows)[0].dtype == dtype
        reduced = torch.float32 if dtype.itemsize == 2 else dtype
        assert function(rows, target).dtype == reduced


@every_function
def test_modules(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = drawn(seed, "random", 4)
    module = FUNCTIONS[function](reduction="sum", form="log")
    assert torch.equal(
        module(pred, target, weight=2.0), function(pred, target, weight=2.0, reduction="sum", form="log")
    )
    assert repr(FUNCTIONS[function](form="log", reduction="sum")).endswith("reduction='sum')")


@every_function
def test_errors(function: Callable[..., Tensor]) -> None:
    rows = torch.zeros(3, 5)
    for call, error, message in (
        (lambda: function([1.0], rows), TypeError, r"pred: expected a tensor, got list \(try torch.tensor\(pred\)\)"),
        (lambda: function(rows[:, :4], rows), ValueError, "pred: expected .* 5.* rows of Rotated.*, got .3, 4."),
        (lambda: function(rows, rows[:2]), ValueError, "target: expected shape .3, 5. .same as pred., got .2, 5."),
        (
            lambda: function(rows, rows.int()),
            TypeError,
            r"target: expected a floating dtype, got torch.int32 \(try target.to\(torch.float32\)\)",
        ),
        (lambda: function(rows, rows, form="cubic"), ValueError, "form: expected .*'log'.*, got 'cubic'"),
        (lambda: function(rows, rows, reduction="max"), ValueError, "reduction: expected"),
        (lambda: function(rows, rows, weight=torch.ones(2)), ValueError, "weight: expected"),
    ):
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("function", [detloss.gaussian_wasserstein_loss, detloss.kullback_leibler_loss])
def test_errors_of_tau(function: Callable[..., Tensor]) -> None:
    rows = torch.zeros(3, 5)
    with pytest.raises(ValueError, match="tau: expected a finite number of at least 1, got 0.5"):
        function(rows, rows, tau=0.5)
    with pytest.raises(TypeError, match="tau: expected a number, got str"):
        function(rows, rows, tau="1")


def test_errors_of_other_options() -> None:
    rows = torch.zeros(3, 5)
    with pytest.raises(TypeError, match="relative: expected True or False, got str"):
        detloss.gaussian_wasserstein_loss(rows, rows, relative="no")
    with pytest.raises(ValueError, match="direction: expected 'pred_to_target' or 'target_to_pred', got 'both'"):
        detloss.kullback_leibler_loss(rows, rows, direction="both")
    with pytest.raises(ValueError, match="form: expected 'sqrt', 'log' or 'linear', got 'square'"):
        detloss.kullback_leibler_loss(rows, rows, form="square")
    with pytest.raises(ValueError, match="form: expected 'linear' or 'log', got 'sqrt'"):
        detloss.probabilistic_iou_loss(rows, rows, form="sqrt")


@every_function
def test_transforms(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = drawn(seed, "random", 4)
    value = function(pred, target, reduction="none")
    torch.testing.assert_close(torch.vmap(function)(pred, target), value)
    gradients = torch.vmap(torch.func.grad(function))(pred, target)
    rows = pred.clone().requires_grad_()
    torch.testing.assert_close(gradients, torch.autograd.grad(function(rows, target, reduction="sum"), rows)[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers warn about their own code
@pytest.mark.parametrize(
    "function",
    exhaustive_except(FUNCTIONS, lambda function: function is detloss.kullback_leibler_loss),
    ids=lambda each: each.__name__,
)
def test_compilation(function: Callable[..., Tensor], seed: int) -> None:
    def step(pred: Tensor, target: Tensor) -> Tensor:
        return function(pred, target, form="log")

    torch._dynamo.reset()
    pred, target = (rows.requires_grad_() for rows in drawn(seed, "random", 8, torch.float32))
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for one, other in zip(
        torch.autograd.grad(compiled(pred, target), (pred, target)),
        torch.autograd.grad(step(pred, target), (pred, target)),
    ):
        torch.testing.assert_close(one, other)
