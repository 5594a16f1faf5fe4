"""Diagnosis of invalid values: `doctor` reports the row, `validating` rejects it."""

import re
from collections.abc import Callable

import pytest
import torch

import detloss
from tests.support.class_indices import unread_classes

NAN, INF = float("nan"), float("inf")


def boxes(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


GOOD = [0.0, 0.0, 2.0, 2.0]


def examined(call: object) -> str:
    with pytest.raises(detloss.NonFiniteLossError) as caught, detloss.doctor():
        call()
    return str(caught.value)


def test_a_coordinate() -> None:
    text = examined(lambda: detloss.generalized_iou_loss(boxes(GOOD, [0.0, NAN, 1.0, 1.0]), boxes(GOOD, GOOD)))
    assert text.splitlines() == [
        "generalized_iou_loss: the loss is nan at [1]: pred[1] holds nan",
        "  pred[1] = [0.0, nan, 1.0, 1.0]",
        "  target[1] = [0.0, 0.0, 2.0, 2.0]",
    ]


def test_a_measure() -> None:
    text = examined(lambda: detloss.iou(boxes(GOOD, GOOD), boxes(GOOD, [0.0, 0.0, INF, 1.0]), pairwise=True))
    assert text.startswith("iou: the loss is nan at [0, 1]: b[0, 1] holds inf")


def test_logits_targets_and_weights() -> None:
    logits = torch.zeros(2, 3)
    logits[1, 2] = NAN
    text = examined(lambda: detloss.sigmoid_focal_loss(logits, torch.tensor([0, 3])))
    assert text.startswith("sigmoid_focal_loss: the loss is nan at [1, 2]: logits[1, 2] holds nan\n")
    assert "target[1] = 3" in text
    text = examined(lambda: detloss.cross_entropy_loss(torch.zeros(2, 3), torch.tensor([0, 7])))
    assert "target[1] is not a class index in [0, 2]" in text
    text = examined(lambda: detloss.binary_cross_entropy_loss(torch.zeros(2, 3), torch.tensor([0, 4])))
    assert "target[1] is not a class index in [0, 3]" in text
    text = examined(lambda: detloss.l1_loss(torch.zeros(2, 2), torch.zeros(2, 2), weight=torch.tensor([[1.0], [INF]])))
    assert text.startswith("l1_loss: the loss is nan at [1, 0]: weight[1, 0] holds inf\n")
    text = examined(lambda: detloss.l1_loss(torch.ones(2), torch.zeros(2), normalizer=torch.tensor(NAN)))
    assert "normalizer is nan" in text


QUALITY_LOSSES = (
    detloss.quality_focal_loss,
    detloss.varifocal_loss,
    detloss.matchability_aware_loss,
    detloss.iou_aware_cross_entropy_loss,
)


@pytest.mark.parametrize("loss", QUALITY_LOSSES, ids=lambda loss: loss.__name__)
def test_the_quality_of_a_positive(loss: Callable[..., torch.Tensor]) -> None:
    logits, quality = torch.zeros(3, 2), torch.tensor([0.5, NAN, NAN])
    text = examined(lambda: loss(logits, torch.tensor([0, 1, 2]), quality=quality))
    assert text.splitlines() == [
        f"{loss.__name__}: the loss is nan at [1, 1]: quality[1] holds nan",
        "  logits[1, 1] = 0.0",
        "  target[1] = 1",
        "  quality[1] = nan",
    ]
    text = examined(lambda: loss(logits, torch.eye(3, 2), quality=quality[:, None].expand(3, 2)))
    assert text.splitlines()[0] == f"{loss.__name__}: the loss is nan at [1, 1]: quality[1, 1] holds nan"
    logits[2, 0] = NAN  # the quality of background is not read
    text = examined(lambda: loss(logits, torch.tensor([0, 2, 2]), quality=quality))
    assert text.splitlines()[0] == f"{loss.__name__}: the loss is nan at [2, 0]: logits[2, 0] holds nan"
    assert "quality" not in "".join(text.splitlines()[1:])


def test_a_quality_out_of_range() -> None:
    quality = torch.tensor([-0.5])
    text = examined(lambda: detloss.matchability_aware_loss(torch.zeros(1, 2), torch.tensor([0]), quality=quality))
    assert text.splitlines()[0].endswith("at [0, 0]: quality[0] is not in [0, 1]")
    assert text.splitlines()[-1] == "  quality[0] = -0.5"


def test_a_value_above_the_dtype() -> None:
    text = examined(lambda: detloss.l2_loss(torch.tensor([1.0, 1e30]), torch.zeros(2)))
    assert text.splitlines()[0] == "l2_loss: the loss is inf at [1]: the value exceeds the range of the dtype"


def test_the_upstream_gradient() -> None:
    pred = boxes(GOOD, GOOD).requires_grad_()
    with detloss.doctor():
        loss = detloss.iou_loss(pred, boxes([1.0, 1.0, 3.0, 3.0], GOOD), reduction="none")
    with pytest.raises(detloss.NonFiniteLossError) as caught:  # backward runs after the block
        (loss * torch.tensor([NAN, 1.0])).sum().backward()
    first = "iou_loss: the gradient by pred is nan at [0, 0]: the upstream gradient is nan"
    assert str(caught.value).splitlines()[0] == first


def test_a_gradient_above_the_dtype() -> None:
    pred = torch.ones(2, dtype=torch.float16).requires_grad_()
    with detloss.doctor():
        loss = detloss.l2_loss(pred, torch.tensor([1.0, 0.0], dtype=torch.float16), reduction="sum")
    with pytest.raises(detloss.NonFiniteLossError) as caught:
        (1e6 * loss).backward()
    first = "l2_loss: the gradient by pred is inf at [1]: the derivative exceeds the range of the dtype"
    assert str(caught.value).splitlines()[0] == first


def test_warn_goes_on() -> None:
    with pytest.warns(RuntimeWarning, match="pred\\[0\\] holds nan"), detloss.doctor(on_fault="warn"):
        loss = detloss.iou_loss(boxes([NAN, 0.0, 1.0, 1.0]), boxes(GOOD))
    assert loss.isnan()


def test_inactive_outside_its_context_and_no_output_for_valid_input() -> None:
    assert detloss.iou_loss(boxes([NAN, 0.0, 1.0, 1.0]), boxes(GOOD)).isnan()
    pred = boxes(GOOD).requires_grad_()
    with detloss.doctor():
        detloss.complete_iou_loss(pred, boxes([1.0, 1.0, 3.0, 3.0])).backward()
    assert pred.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: detloss.iou_loss(boxes(GOOD, [2.0, 0.0, 1.0, 1.0]), boxes(GOOD, GOOD)),
            "iou_loss: pred[1]: expected maxima of at least the minima, got [2.0, 0.0, 1.0, 1.0]",
        ),
        (
            lambda: detloss.iou_loss(boxes(GOOD), boxes([0.0, 3.0, 1.0, 1.0])),
            "iou_loss: target[0]: expected maxima of at least the minima, got [0.0, 3.0, 1.0, 1.0]",
        ),
        (
            lambda: detloss.iou_loss(boxes([0.0, 0.0, 1.0, -1.0]), boxes(GOOD), geometry=detloss.AxisAligned("xywh")),
            "iou_loss: pred[0]: expected sizes of at least 0, got [0.0, 0.0, 1.0, -1.0]",
        ),
        (
            lambda: detloss.iou_loss(boxes([0.0, 0.0, -1.0, 1.0]), boxes(GOOD), geometry=detloss.AxisAligned("cxcywh")),
            "iou_loss: pred[0]: expected sizes of at least 0, got [0.0, 0.0, -1.0, 1.0]",
        ),
        (
            lambda: detloss.iou_loss(boxes([1.0, 0.0, -2.0, 1.0]), boxes(GOOD), geometry=detloss.AxisAligned("ltrb")),
            "iou_loss: pred[0]: expected distances that do not sum below 0, got [1.0, 0.0, -2.0, 1.0]",
        ),
        (
            lambda: detloss.iou(boxes(GOOD), boxes([0.0, NAN, 1.0, 1.0])),
            "iou: b[0]: expected finite coordinates, got [0.0, nan, 1.0, 1.0]",
        ),
        (
            lambda: detloss.cross_entropy_loss(torch.tensor([[0.0, NAN]]), torch.tensor([0])),
            "cross_entropy_loss: logits[0, 1]: expected logits that are not NaN, got nan",
        ),
        (
            lambda: detloss.cross_entropy_loss(torch.zeros(3, 2), torch.tensor([0, -100, 2])),
            "cross_entropy_loss: target[2]: expected a class index in [0, 1] or ignore_index -100, got 2",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(torch.zeros(2, 2), torch.tensor([2, 3])),
            "sigmoid_focal_loss: target[1]: expected a class index in [0, 2], got 3",
        ),
        (
            lambda: detloss.binary_cross_entropy_loss(torch.zeros(1, 2), torch.tensor([[0.0, 1.5]])),
            "binary_cross_entropy_loss: target[0, 1]: expected values in [0, 1], got 1.5",
        ),
        (
            lambda: detloss.l1_loss(torch.zeros(1, 2), torch.tensor([[0.0, NAN]])),
            "l1_loss: target[0, 1]: expected values that are not NaN, got nan",
        ),
        (
            lambda: detloss.l1_loss(torch.tensor([[NAN, 0.0]]), torch.zeros(1, 2)),
            "l1_loss: pred[0, 0]: expected values that are not NaN, got nan",
        ),
        (
            lambda: detloss.iou_loss(boxes(GOOD, GOOD), boxes(GOOD, GOOD), weight=torch.tensor([1.0, -1.0])),
            "iou_loss: weight[1]: expected finite values of at least 0, got -1.0",
        ),
        (
            lambda: detloss.iou_loss(boxes(GOOD), boxes(GOOD), normalizer=torch.tensor(INF)),
            "iou_loss: normalizer: expected finite values of at least 0, got inf",
        ),
        (
            lambda: detloss.minimum_points_distance_iou_loss(
                boxes(GOOD), boxes(GOOD), image_size=torch.tensor([[8.0, 0.0]])
            ),
            "minimum_points_distance_iou_loss: image_size[0, 1]: expected lengths above 0, got 0.0",
        ),
        (
            lambda: detloss.normalized_wasserstein_loss(boxes(GOOD), boxes(GOOD), scale=torch.tensor([-1.0])),
            "normalized_wasserstein_loss: scale[0]: expected lengths above 0, got -1.0",
        ),
    ],
)
def test_validating(call: object, message: str) -> None:
    with unread_classes():
        call()  # no error outside
    with detloss.validating(), pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_validating_lets_good_input_pass() -> None:
    with detloss.validating():
        detloss.iou_loss(boxes(GOOD), boxes(GOOD), weight=1.0, normalizer=2)
        detloss.cross_entropy_loss(torch.tensor([[0.0, -INF]]), torch.tensor([0]))
        detloss.sigmoid_focal_loss(torch.zeros(2, 2), torch.tensor([9, 2]), ignore_index=9)
        detloss.cross_entropy_loss(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]))
