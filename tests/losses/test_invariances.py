"""Invariances of all losses, for every pair of boxes and every logit."""

import pytest
import torch
from torch import Tensor

import detloss
from detloss.catalog import Kind
from tests.support.loss_table import BOXES, TABLE, Row, rows_of

COUNT = 4096
every_box_loss = pytest.mark.parametrize("row", BOXES, ids=lambda row: row.name)


def whole(count: int, low: int, high: int) -> Tensor:
    """Whole numbers, as float32."""
    return torch.randint(low, high + 1, (count, 2)).float()


def boxes(seed: int) -> tuple[Tensor, Tensor]:
    """Pairs on integer coordinates: half of them so small that edges touch and areas vanish, an eighth of them equal."""
    torch.manual_seed(seed)

    def drawn() -> Tensor:
        corner = torch.cat([whole(COUNT // 2, -64, 64), whole(COUNT // 2, -3, 3)])
        return torch.cat([corner, corner + torch.cat([whole(COUNT // 2, 0, 32), whole(COUNT // 2, 0, 3)])], dim=1)

    pred, target = drawn(), drawn()
    target[::8] = pred[::8]
    return pred, target


def loss_and_gradient(row: Row, pred: Tensor, target: Tensor, **options: object) -> tuple[Tensor, Tensor]:
    pred = pred.clone().requires_grad_()
    loss = row(pred, target, reduction="none", **options)
    return loss.detach(), torch.autograd.grad(loss.sum(), pred)[0]


@every_box_loss
def test_shift_and_scale_by_powers_of_two_change_no_bit(row: Row, seed: int) -> None:
    pred, target = boxes(seed)
    loss, gradient = loss_and_gradient(row, pred, target)
    by = whole(COUNT, -64, 64).repeat(1, 2)
    moved = loss_and_gradient(row, pred + by, target + by)
    assert torch.equal(moved[0], loss)
    assert_same_bits(moved[1], gradient)
    factor = 2.0 ** torch.randint(-40, 41, (COUNT, 1))
    lengths = {name: torch.tensor(row.options[name]) * factor for name in row.lengths}
    lengths = {name: each if each.shape[1] > 1 else each[:, 0] for name, each in lengths.items()}
    scaled = loss_and_gradient(row, pred * factor, target * factor, **lengths)
    assert torch.equal(scaled[0], loss)
    assert_same_bits(scaled[1] * factor, gradient)


def assert_same_bits(ours: Tensor, theirs: Tensor) -> None:
    """Equal, unless a factor of the derivative is below the smallest normal number."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-30)


@every_box_loss
def test_swapping_boxes_or_axes_changes_no_value(row: Row, seed: int) -> None:
    pred, target = boxes(seed)
    loss, gradient = loss_and_gradient(row, pred, target)
    if row.is_symmetric:
        torch.testing.assert_close(row(target, pred, reduction="none"), loss, rtol=1e-6, atol=0)
    swapped = [1, 0, 3, 2]
    other, other_gradient = loss_and_gradient(row, pred[:, swapped], target[:, swapped])
    torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
    torch.testing.assert_close(other_gradient[:, swapped], gradient, rtol=1e-5, atol=1e-8)
    mirror = torch.tensor([-1.0, 1.0, -1.0, 1.0])
    flipped = [2, 1, 0, 3]
    other, other_gradient = loss_and_gradient(row, (pred * mirror)[:, flipped], (target * mirror)[:, flipped])
    torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
    torch.testing.assert_close((other_gradient * mirror)[:, flipped], gradient, rtol=1e-5, atol=1e-8)


@every_box_loss
def test_bounds_and_zero_at_equality(row: Row, seed: int) -> None:
    pred, target = boxes(seed)
    loss = row(pred, target, reduction="none")
    assert ((loss >= 0) & (loss <= row.highest)).all()
    assert torch.equal(loss == 0, (pred == target).all(dim=1))
    same, gradient = loss_and_gradient(row, pred, pred)
    assert (same == 0).all()
    assert (gradient == 0).all()


@every_box_loss
def test_a_small_step_against_the_gradient_does_not_raise_the_loss(row: Row, seed: int) -> None:
    pred, target = boxes(seed)
    edges = torch.cat([pred, target], dim=1).view(COUNT, 4, 2).sort(dim=1).values
    smooth = (edges.diff(dim=1) != 0).flatten(1).all(dim=1)  # at a kink no step need be downhill
    assert smooth.sum() > COUNT // 4
    pred, target = pred[smooth].double(), target[smooth].double()
    loss, gradient = loss_and_gradient(row, pred, target)
    if not row.gradient_is_exact:
        assert gradient.isfinite().all()
        return
    stepped = row(pred - 1e-7 * gradient, target, reduction="none")
    assert (stepped <= loss + 1e-12).all()


@pytest.mark.parametrize("row", [row for row in TABLE if not row.per_row], ids=lambda row: row.name)
def test_elements_are_finite_and_not_negative(row: Row, seed: int) -> None:
    torch.manual_seed(seed)
    ends = torch.tensor([0.0, -0.0, 120.0, -120.0, 1e-30, -1e-30, 0.25, 0.5, 1.0])
    z = torch.cat([240 * torch.rand(COUNT) - 120, 2 * torch.randn(COUNT), ends.repeat(COUNT // 8)])
    t = torch.tensor([0.0, 0.25, 0.5, 1.0])[torch.randint(4, z.shape)]
    loss, gradient = loss_and_gradient(row, z, t)
    assert (loss >= 0).all()
    assert gradient.isfinite().all()
    if row.is_odd:
        mirrored, back = loss_and_gradient(row, -z, 1 - t)
        torch.testing.assert_close(mirrored, loss)
        torch.testing.assert_close(back, -gradient)


@pytest.mark.parametrize("classes", range(2, 7))
def test_softmax_losses_do_not_see_a_common_shift(classes: int, seed: int) -> None:
    torch.manual_seed(seed)
    logits, index = 120 * torch.rand(COUNT, classes, dtype=torch.float64) - 60, torch.randint(classes, (COUNT,))
    shift = torch.tensor([-8.0, 0.5, 16.0], dtype=torch.float64)[torch.randint(3, (COUNT, 1))]
    for row in (row for row in rows_of(Kind.SOFTMAX) if not row.soft_target):
        one, other = logits.clone().requires_grad_(), logits + shift
        value = row(one, index, reduction="none")
        torch.testing.assert_close(value.detach(), row(other, index, reduction="none"), rtol=1e-10, atol=1e-300)
        [gradient] = torch.autograd.grad(value.sum(), one)
        assert (gradient.sum(dim=1).abs() <= 1e-12).all()


def test_the_first_argument_is_never_broadcast() -> None:
    with pytest.raises(ValueError, match="target: expected as many rows as pred"):
        detloss.iou_loss(torch.ones(3, 4), torch.ones(1, 4))
