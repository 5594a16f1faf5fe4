"""Losses against their textbook definitions, and the contract of all losses."""

import pytest
import torch

import detloss
from detloss.catalog import LOSSES
from tests.support.loss_table import BOXES, TABLE, Row

every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
LOW = [torch.float32, torch.bfloat16, torch.float16]


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Equal up to the last bits: torch's vector and scalar loops differ there."""
    torch.testing.assert_close(ours, theirs, rtol=4 * 2**-23, atol=1e-9)


def test_the_table_has_every_loss_of_the_catalog() -> None:
    needed = {(loss.function, *loss.options.values()) for loss in LOSSES}
    assert {(row.loss, *row.entry.options.values()) for row in TABLE} == needed


@every_loss
def test_known_values(row: Row) -> None:
    for pred, target, expected in row.known:
        loss = row(torch.tensor(pred, dtype=torch.float64), torch.tensor(target), reduction="none")
        torch.testing.assert_close(loss, torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=1e-15)


@every_loss
def test_value_and_gradients_are_those_of_the_definition(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    upstream = torch.rand(row.definition(pred, target).shape, dtype=torch.float64)
    operands = (pred, target) if row.soft_target else (pred,)
    expected = torch.autograd.grad((row.definition(pred, target) * upstream).sum(), operands)
    loss = row(pred, target, reduction="none")
    torch.testing.assert_close(loss, row.definition(pred, target), rtol=1e-11, atol=1e-13)
    for ours, theirs in zip(torch.autograd.grad(loss, operands, upstream), expected):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@every_loss
def test_second_derivatives(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    operands = (pred, target) if row.soft_target else (pred,)
    tangents = [torch.rand_like(operand) for operand in operands]

    def curvature(loss: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gradients = torch.autograd.grad(loss.sum(), operands, create_graph=True)
        along = sum((gradient * tangent).sum() for gradient, tangent in zip(gradients, tangents))
        if not along.requires_grad:  # L1: the gradient is constant
            return tuple(torch.zeros_like(operand) for operand in operands)
        curved = torch.autograd.grad(along, operands, allow_unused=True)
        return tuple(torch.zeros_like(t) if c is None else c for c, t in zip(curved, operands))

    for ours, theirs in zip(curvature(row(pred, target, reduction="none")), curvature(row.definition(pred, target))):
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


@every_loss
def test_reductions_weights_and_normalizers(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    each = row(pred, target, reduction="none")
    assert each.shape == (pred.shape[:1] if row.per_row else pred.shape)
    torch.testing.assert_close(row(pred, target, reduction="sum"), each.sum())
    torch.testing.assert_close(row(pred, target), each.mean())
    torch.testing.assert_close(row(pred, target, normalizer=7), each.sum() / 7)
    torch.testing.assert_close(row(pred, target, normalizer=torch.tensor([7.0])), each.sum() / 7)
    torch.testing.assert_close(row(pred, target, weight=3), 3 * each.mean())
    narrow = torch.rand(12, *[1] * (each.dim() - 1), dtype=torch.float64)
    for weight in (narrow, torch.rand(each.shape, dtype=torch.float64), torch.tensor(0.5)):
        torch.testing.assert_close(row(pred, target, weight=weight, reduction="none"), weight * each)
        torch.testing.assert_close(row(pred, target, weight=weight), (weight * each).mean())
        ours = torch.autograd.grad(row(pred, target, weight=weight, normalizer=3.0), pred)[0]
        theirs = torch.autograd.grad((weight * row(pred, target, reduction="none")).sum() / 3, pred)[0]
        torch.testing.assert_close(ours, theirs)


@every_loss
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_gradient_by_the_weight(row: Row, reduction: str, seed: int) -> None:
    pred, target = row.inputs(seed)
    shape = row(pred, target, reduction="none").shape
    for weight_shape in (shape, (12, *[1] * (len(shape) - 1)), ()):
        weight = torch.rand(weight_shape, dtype=torch.float64, requires_grad=True)
        ours = torch.autograd.grad(row(pred, target, weight=weight, reduction=reduction).sum(), weight)[0]
        weighted = weight * row(pred, target, reduction="none").detach()
        theirs = torch.autograd.grad(weighted.mean() if reduction == "mean" else weighted.sum(), weight)[0]
        torch.testing.assert_close(ours, theirs)


@every_loss
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weight_zero_means_absent(row: Row, bad: float, seed: int) -> None:
    pred, target = row.inputs(seed)
    broken = pred.detach().clone()
    broken[3] = bad
    broken.requires_grad_()
    kept = torch.ones(12, *[1] * (0 if row.per_row else 1), dtype=torch.float64)
    kept[3] = 0
    loss = row(broken, target, weight=kept, reduction="sum")
    torch.testing.assert_close(loss, row(pred, target, weight=kept, reduction="sum"))
    ours, theirs = (torch.autograd.grad(row(x, target, weight=kept), x)[0] for x in (broken, pred))
    torch.testing.assert_close(ours, theirs)
    assert (ours[3] == 0).all()


@every_loss
def test_masking_the_result_masks_the_gradient(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    broken = pred.detach().clone()
    broken[3] = float("nan")
    broken.requires_grad_()
    each = row(broken, target, reduction="none")
    assert each[3].isnan().all()
    each[torch.arange(12) != 3].sum().backward()
    assert broken.grad.isfinite().all()


@every_loss
def test_nothing_to_average(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    for reduction in ("sum", "mean"):
        empty = pred.detach()[:0].requires_grad_()
        loss = row(empty, target[:0], reduction=reduction)
        assert loss.item() == 0
        loss.backward()
        assert empty.grad.shape == empty.shape
    assert row(pred[:0], target[:0], reduction="none").numel() == 0
    for normalizer in (0, torch.tensor(0)):
        loss = row(pred, target, normalizer=normalizer)
        assert loss.item() == 0
        assert (torch.autograd.grad(loss, pred)[0] == 0).all()


@every_loss
def test_a_batch_is_its_parts(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed, torch.float32)
    each = row(pred, target, reduction="none")
    for k in range(12):
        close(each[k], row(pred[k], target[k], reduction="none"))
    leading = row(
        pred.reshape(3, 4, -1), target.reshape(3, 4, -1) if target.dim() > 1 else target.reshape(3, 4), reduction="none"
    )
    close(leading.reshape(each.shape), each)


@every_loss
def test_strides_do_not_matter(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed, torch.float32)
    wide = torch.stack([pred, -pred], -1).detach()[..., 0].requires_grad_()
    transposed = target.detach().t().contiguous().t() if target.dim() == 2 else target
    assert not wide.is_contiguous()
    loss = row(wide, transposed)
    close(loss, row(pred, target))
    close(torch.autograd.grad(loss, wide)[0], torch.autograd.grad(row(pred, target), pred)[0])


@every_loss
@pytest.mark.parametrize("dtype", LOW)
def test_dtypes_of_results(row: Row, dtype: torch.dtype, seed: int) -> None:
    pred, target = row.inputs(seed, dtype)
    assert row(pred, target, reduction="none").dtype == dtype
    assert row(pred, target).dtype == torch.float32
    loss = row(pred, target, reduction="sum")
    assert loss.dtype == torch.float32
    loss.backward()
    assert pred.grad.dtype == dtype
    if row.soft_target:
        assert target.grad.dtype == dtype
        mixed = row(pred, target.detach().double(), reduction="none")
        assert mixed.dtype == dtype


@every_loss
def test_a_small_gradient_survives_loss_scaling(row: Row, seed: int) -> None:
    """float16 gradients of a mean over a million entries are below its smallest number until they are scaled."""
    pred, target = row.inputs(seed, torch.float16)
    scaled = torch.autograd.grad(row(pred, target, normalizer=1e9) * 1e9, pred)[0]
    plain = torch.autograd.grad(row(pred, target, reduction="sum"), pred)[0]
    torch.testing.assert_close(scaled, plain, rtol=2e-3, atol=1e-7)


@every_loss
def test_long_sums_keep_their_digits(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed, torch.float32)
    many = (pred.detach().repeat(20_000, 1), target.detach().repeat(20_000, *[1] * (target.dim() - 1)))
    exact = row(*many, reduction="none").double().sum()
    assert abs(row(*many, reduction="sum").double() - exact) <= 8 * 2**-24 * exact
    assert abs(
        row(*many).double() - exact / (exact.numel() * row(*many, reduction="none").numel())
    ) <= 8 * 2**-24 * exact / len(many[0])


@every_loss
def test_backward_twice(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    loss = 3.0 * row(pred, target)  # a backend may multiply in the memory of the derivative
    first = torch.autograd.grad(loss, pred, retain_graph=True)[0].clone()
    assert torch.equal(first, torch.autograd.grad(loss, pred, retain_graph=True)[0])
    torch.testing.assert_close(first, torch.autograd.grad(loss, pred, create_graph=True)[0], rtol=1e-13, atol=1e-15)


@every_loss
def test_the_gradient_by_a_weight_is_the_loss_that_it_weighs(row: Row, seed: int) -> None:
    pred, target = (operand.detach() for operand in row.inputs(seed))
    each = row(pred, target, reduction="none")
    weight, upstream = torch.rand(2, *each.shape, dtype=each.dtype)
    weight.requires_grad_()
    (gradient,) = torch.autograd.grad(row(pred, target, weight=weight, reduction="none"), weight, upstream)
    torch.testing.assert_close(gradient, upstream * each)
    (gradient,) = torch.autograd.grad(3.0 * row(pred, target, weight=weight, reduction="mean"), weight)
    torch.testing.assert_close(gradient, 3.0 * each / each.numel())


@pytest.mark.parametrize("row", [row for row in TABLE if row.soft_target], ids=lambda row: row.name)
def test_a_gradient_is_rounded_to_the_dtype_of_its_operand(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed, torch.float32)
    coarse = pred.detach().bfloat16()
    (ours,) = torch.autograd.grad(row(coarse.requires_grad_(), target, reduction="sum"), target)
    (exact,) = torch.autograd.grad(row(coarse.detach().float(), target, reduction="sum"), target)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, exact)


@every_loss
def test_inputs_are_left_alone(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    before = pred.detach().clone(), target.detach().clone()
    row(pred, target).backward()
    assert torch.equal(before[0], pred)
    assert torch.equal(before[1], target)


@pytest.mark.parametrize("row", [row for row in BOXES if row.is_symmetric], ids=lambda row: row.name)
def test_target_gradient_is_the_swapped_pair(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    forward = torch.autograd.grad(row(pred, target), target)[0]
    swapped = torch.autograd.grad(row(target, pred), target)[0]
    torch.testing.assert_close(forward, swapped, rtol=1e-13, atol=1e-16)


def test_mse_is_the_second_name_of_l2() -> None:
    assert detloss.mse_loss is detloss.l2_loss
    assert detloss.MSELoss is detloss.L2Loss


@pytest.mark.parametrize("row", [row for row in BOXES if row.measure], ids=lambda row: row.name)
def test_a_measure_is_one_minus_its_loss(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    similarity, expected = row.measure(pred, target), 1 - row.definition(pred, target)
    torch.testing.assert_close(similarity, expected, rtol=1e-11, atol=1e-13)
    gradients = torch.autograd.grad(similarity.sum(), (pred, target))
    for ours, theirs in zip(gradients, torch.autograd.grad(expected.sum(), (pred, target))):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
