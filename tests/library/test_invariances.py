"""Properties that hold for every pair of boxes and every logit, searched by Hypothesis."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import detloss
from tests.library.table import BOXES, TABLE, Row

whole = st.integers(-64, 64)
box = st.tuples(whole, whole, st.integers(0, 32), st.integers(0, 32)).map(
    lambda b: [float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3])]
)
every_box_loss = pytest.mark.parametrize("row", BOXES, ids=lambda row: row.name)
searched = settings(max_examples=60, deadline=None, derandomize=False)


def loss_and_slope(row: Row, pred: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    pred = pred.clone().requires_grad_()
    loss = row(pred, target, reduction="none")
    return loss.detach(), torch.autograd.grad(loss.sum(), pred)[0]


@every_box_loss
@searched
@given(a=box, b=box, shift=st.tuples(whole, whole), exponent=st.integers(-40, 40))
def test_shift_and_scale_by_powers_of_two_change_no_bit(
    row: Row, a: list, b: list, shift: tuple, exponent: int
) -> None:
    pred, target = torch.tensor([a]), torch.tensor([b])
    loss, slope = loss_and_slope(row, pred, target)
    by = torch.tensor([*shift, *shift], dtype=torch.float32)
    moved = loss_and_slope(row, pred + by, target + by)
    assert torch.equal(moved[0], loss)
    assert torch.equal(moved[1], slope)
    scaled = loss_and_slope(row, pred * 2.0**exponent, target * 2.0**exponent)
    assert torch.equal(scaled[0], loss)
    assert torch.equal(scaled[1] * 2.0**exponent, slope)


@every_box_loss
@searched
@given(a=box, b=box)
def test_swapping_boxes_or_axes_changes_no_value(row: Row, a: list, b: list) -> None:
    pred, target = torch.tensor([a]), torch.tensor([b])
    loss, slope = loss_and_slope(row, pred, target)
    torch.testing.assert_close(row(target, pred, reduction="none"), loss, rtol=1e-6, atol=0)
    turned = [1, 0, 3, 2]
    other, other_slope = loss_and_slope(row, pred[:, turned], target[:, turned])
    torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
    torch.testing.assert_close(other_slope[:, turned], slope, rtol=1e-5, atol=1e-8)
    mirror = torch.tensor([-1.0, 1.0, -1.0, 1.0])
    flipped = [2, 1, 0, 3]
    other, other_slope = loss_and_slope(row, (pred * mirror)[:, flipped], (target * mirror)[:, flipped])
    torch.testing.assert_close(other, loss, rtol=1e-6, atol=0)
    torch.testing.assert_close((other_slope * mirror)[:, flipped], slope, rtol=1e-5, atol=1e-8)


@every_box_loss
@searched
@given(a=box, b=box)
def test_bounds_and_zero_at_equality(row: Row, a: list, b: list) -> None:
    pred, target = torch.tensor([a]), torch.tensor([b])
    loss = row(pred, target, reduction="none")
    highest = {"iou": 1.0, "log_iou": 87.34, "giou": 2.0, "diou": 2.0, "ciou": 3.0}[row.name]
    assert 0 <= loss.item() <= highest
    assert (loss.item() == 0) == (a == b)
    same, slope = loss_and_slope(row, pred, pred)
    assert same.item() == 0
    assert (slope == 0).all()


@every_box_loss
@searched
@given(a=box, b=box)
def test_a_small_step_against_the_gradient_does_not_raise_the_loss(row: Row, a: list, b: list) -> None:
    assume(len({a[0], a[2], b[0], b[2]}) == len({a[1], a[3], b[1], b[3]}) == 4)  # at a kink no step need be downhill
    pred, target = torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
    loss, slope = loss_and_slope(row, pred, target)
    if row.name == "ciou":  # its gradient holds the trade-off constant: it is not the derivative of its value
        assert slope.isfinite().all()
        return
    stepped = row(pred - 1e-7 * slope, target, reduction="none")
    assert stepped.item() <= loss.item() + 1e-12


@pytest.mark.parametrize("row", [row for row in TABLE if not row.per_row], ids=lambda row: row.name)
@searched
@given(z=st.floats(-120, 120, width=32), t=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_elements_are_finite_and_not_negative(row: Row, z: float, t: float) -> None:
    loss, slope = loss_and_slope(row, torch.tensor([z]), torch.tensor([t]))
    assert loss.item() >= 0
    assert slope.isfinite().all()
    if row.name not in ("l1", "l2", "smooth_l1"):
        mirrored, back = loss_and_slope(row, torch.tensor([-z]), torch.tensor([1 - t]))
        balance = {"balanced_bce": 1, "focal": 1}.get(row.name)
        if balance is None:  # an alpha of .3 breaks the symmetry, on purpose
            torch.testing.assert_close(mirrored, loss)
            torch.testing.assert_close(back, -slope)


@searched
@given(z=st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=6), shift=st.sampled_from([-8.0, 0.5, 16.0]))
def test_softmax_losses_do_not_see_a_common_shift(z: list, shift: float) -> None:
    logits, index = torch.tensor([z], dtype=torch.float64), torch.tensor([1])
    for function in (detloss.cross_entropy_loss, detloss.softmax_focal_loss):
        one, other = (logits + by for by in (0, shift))
        torch.testing.assert_close(function(one, index), function(other, index), rtol=1e-10, atol=1e-300)
        one.requires_grad_()
        slope = torch.autograd.grad(function(one, index), one)[0]
        assert abs(slope.sum().item()) <= 1e-12


def test_the_first_argument_is_never_broadcast() -> None:
    with pytest.raises(ValueError, match="target: expected as many rows as pred"):
        detloss.iou_loss(torch.ones(3, 4), torch.ones(1, 4))
