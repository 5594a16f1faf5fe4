"""Targets as indices, as 0/1, as soft values; ignored entries; class weights; smoothing."""

import inspect

import pytest
import torch
import torch.nn.functional as F

import detloss
from detloss.catalog import LOSSES
from tests.support.class_indices import unread_classes
from tests.support.loss_table import ONE_LOGIT

BINARY = [loss for loss in LOSSES if loss.kind in ONE_LOGIT]
SMOOTHED = [loss for loss in BINARY if "label_smoothing" in inspect.signature(loss.function).parameters]
binary = pytest.mark.parametrize("loss", BINARY, ids=lambda loss: loss.name)
softmax = pytest.mark.parametrize("function", [detloss.cross_entropy_loss, detloss.softmax_focal_loss])


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.randn(4, 6, 5, dtype=torch.float64, requires_grad=True), torch.randint(0, 6, (4, 6))


@binary
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_indices_are_one_hot_rows(loss: detloss.catalog.Loss, dtype: torch.dtype, seed: int) -> None:
    logits, index = drawn(seed)
    hot = F.one_hot(index, 6)[..., :5]  # the sixth class is background
    for options in ({}, {"label_smoothing": 0.2}) if loss in SMOOTHED else ({},):
        expected = loss.function(logits, hot.double(), reduction="none", **options)
        assert torch.equal(loss.function(logits, index.to(dtype), reduction="none", **options), expected)
        for same in (hot, hot.bool()):
            assert torch.equal(loss.function(logits, same, reduction="none", **options), expected)


@binary
def test_ignored_rows_of_binary_losses(loss: detloss.catalog.Loss, seed: int) -> None:
    logits, index = drawn(seed)
    index[0] = 255
    for ignored in (255, -1):
        target = torch.where(index == 255, ignored, index)
        each = loss.function(logits, target, ignore_index=ignored, reduction="none")
        assert (each[0] == 0).all()
        assert torch.equal(each[1:], loss.function(logits[1:], index[1:], reduction="none"))
        torch.testing.assert_close(
            loss.function(logits, target, ignore_index=ignored), loss.function(logits[1:], index[1:])
        )
        gradient = torch.autograd.grad(loss.function(logits, target, ignore_index=ignored), logits)[0]
        assert (gradient[0] == 0).all()
        assert gradient[1:].abs().min() > 0
    with unread_classes():
        assert loss.function(logits, index, reduction="none")[0].isnan().all()
    nothing = loss.function(logits, torch.full_like(index, 255), ignore_index=255)
    assert nothing.item() == 0
    assert (torch.autograd.grad(nothing, logits)[0] == 0).all()


@softmax
def test_ignored_rows_of_softmax_losses(function: object, seed: int) -> None:
    logits, index = drawn(seed)
    index.clamp_(max=4)
    for ignored in (-100, 4):
        keep = index != ignored
        index[0] = ignored
        keep = index != ignored
        loss = function(logits, index, ignore_index=ignored)
        torch.testing.assert_close(loss, function(logits[keep], index[keep], ignore_index=ignored))
        gradient = torch.autograd.grad(loss, logits)[0]
        assert (gradient[~keep] == 0).all()
        assert torch.equal(function(logits, index, ignore_index=ignored, reduction="none") == 0, ~keep)
    nothing = function(logits, torch.full_like(index, -100))
    assert nothing.item() == 0
    assert (torch.autograd.grad(nothing, logits)[0] == 0).all()
    wrong = index.clone()
    wrong[1, 1] = 5
    with unread_classes():
        each = function(logits, wrong, reduction="none")
    assert each[1, 1].isnan()
    assert each.isnan().sum() == 1


def test_class_weights_and_smoothing_as_torch_defines_them(seed: int) -> None:
    logits, index = drawn(seed)
    index.clamp_(max=4)
    weight = torch.rand(5, dtype=torch.float64)
    index[0, 0] = -100
    rows, flat = logits.reshape(-1, 5), index.reshape(-1)
    for smoothing in (0.0, 0.1, 1.0):
        ours = detloss.cross_entropy_loss(rows, flat, class_weight=weight, label_smoothing=smoothing, reduction="none")
        theirs = F.cross_entropy(rows, flat, weight=weight, label_smoothing=smoothing, reduction="none")
        torch.testing.assert_close(ours, theirs)
        for one, other in zip(
            torch.autograd.grad(ours.sum(), logits, retain_graph=True), torch.autograd.grad(theirs.sum(), logits)
        ):
            torch.testing.assert_close(one, other)
    soft = torch.rand(24, 5, dtype=torch.float64)
    ours = detloss.cross_entropy_loss(rows, soft, class_weight=weight.tolist(), label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(ours, F.cross_entropy(rows, soft, weight=weight, label_smoothing=0.1, reduction="none"))
    flat = flat.clamp(min=0)
    focal = detloss.softmax_focal_loss(rows, flat, class_weight=weight, reduction="none", gamma=0.5)
    p = rows.softmax(-1).gather(-1, flat[:, None])[:, 0]
    torch.testing.assert_close(focal, -weight[flat] * (1 - p) ** 0.5 * p.log())


def test_alpha_per_class(seed: int) -> None:
    logits, index = drawn(seed)
    alphas = torch.tensor([0.1, 0.9, 0.5, 0.0, 1.0], dtype=torch.float64)
    for function in (detloss.balanced_cross_entropy_loss, detloss.sigmoid_focal_loss):
        each = function(logits, index, alpha=alphas, reduction="none")
        for k in range(5):
            one = function(logits[..., k], (index == k).double(), alpha=alphas[k].item(), reduction="none")
            torch.testing.assert_close(each[..., k], one)
        torch.testing.assert_close(function(logits, index, alpha=torch.tensor(0.3)), function(logits, index, alpha=0.3))
    unweighted = detloss.balanced_cross_entropy_loss(logits, index, alpha=None)
    torch.testing.assert_close(unweighted, detloss.binary_cross_entropy_loss(logits, index))
    torch.testing.assert_close(
        detloss.sigmoid_focal_loss(logits, index, gamma=0, alpha=0.3),
        detloss.balanced_cross_entropy_loss(logits, index, alpha=0.3),
    )


def test_soft_targets_smooth_as_written(seed: int) -> None:
    logits, _ = drawn(seed)
    target = torch.rand(logits.shape, dtype=torch.float64)
    for loss in SMOOTHED:
        smoothed = loss.function(logits, target, label_smoothing=0.3)
        torch.testing.assert_close(smoothed, loss.function(logits, target * 0.7 + 0.15))


@pytest.mark.parametrize(
    "geometry", [detloss.AxisAligned(f, d) for f in ("xyxy", "xywh", "cxcywh", "ltrb") for d in (1, 2, 3, 4)], ids=str
)
def test_formats_and_dimensions_agree(geometry: detloss.AxisAligned, seed: int) -> None:
    torch.manual_seed(seed)
    low, target_low = 5 * torch.rand(2, 50, geometry.dims, dtype=torch.float64)
    size, target_size = 3 * torch.rand(2, 50, geometry.dims, dtype=torch.float64)

    def written(low: torch.Tensor, size: torch.Tensor) -> torch.Tensor:
        parts = {
            "xyxy": (low, low + size),
            "xywh": (low, size),
            "cxcywh": (low + size / 2, size),
            "ltrb": (5 - low, low + size - 5),  # from the point (5, ..., 5)
        }
        return torch.cat(parts[geometry.format], -1)

    a, b = written(low, size), written(target_low, target_size)
    shared = (
        (torch.minimum(low + size, target_low + target_size) - torch.maximum(low, target_low)).clamp(min=0).prod(-1)
    )
    union = size.prod(-1) + target_size.prod(-1) - shared
    span = torch.maximum(low + size, target_low + target_size) - torch.minimum(low, target_low)
    distance = (low + size / 2 - target_low - target_size / 2).square().sum(-1) / span.square().sum(-1)
    expected = {
        detloss.iou: shared / union,
        detloss.generalized_iou: shared / union - (span.prod(-1) - union) / span.prod(-1),
        detloss.distance_iou: shared / union - distance,
    }
    for measure, value in expected.items():
        torch.testing.assert_close(measure(a, b, geometry=geometry), value)
        matrix = measure(a[:7].reshape(7, -1), b, geometry=geometry, pairwise=True)
        assert matrix.shape == (7, 50)
        torch.testing.assert_close(matrix[3], measure(a[3].expand_as(b), b, geometry=geometry))
    torch.testing.assert_close(detloss.iou_loss(a, b, geometry=geometry, reduction="none"), 1 - shared / union)
    torch.testing.assert_close(
        detloss.generalized_iou_loss(a, b, geometry=geometry, reduction="none"), 1 - expected[detloss.generalized_iou]
    )
    torch.testing.assert_close(
        detloss.distance_iou_loss(a, b, geometry=geometry, reduction="none"), 1 - expected[detloss.distance_iou]
    )


def test_pairwise_measures(seed: int) -> None:
    torch.manual_seed(seed)
    a, b = (torch.rand(3, n, 2, 2, dtype=torch.float64).sort(2).values.flatten(2) for n in (4, 6))
    a.requires_grad_()
    b.requires_grad_()
    for measure in (detloss.iou, detloss.generalized_iou, detloss.distance_iou, detloss.complete_iou):
        matrix = measure(a, b, pairwise=True)
        assert matrix.shape == (3, 4, 6)
        expected = torch.stack([torch.stack([measure(a[:, i], b[:, j]) for j in range(6)], -1) for i in range(4)], -2)
        torch.testing.assert_close(matrix, expected)
        upstream = torch.rand_like(matrix)
        ours = torch.autograd.grad(matrix, (a, b), upstream)
        for one, other in zip(ours, torch.autograd.grad(expected, (a, b), upstream)):
            torch.testing.assert_close(one, other)
        assert measure(a[:, :0], b, pairwise=True).shape == (3, 0, 6)


def test_an_ignored_row_has_no_gradient_by_its_weight(seed: int) -> None:
    torch.manual_seed(seed)
    logits, target = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, -1, 2, 1])
    for loss in (detloss.cross_entropy_loss, detloss.sigmoid_focal_loss):
        each = loss(logits, target, ignore_index=-1, reduction="none")
        assert not each[1].any()
        weight = torch.rand(each.shape, dtype=torch.float64).requires_grad_()
        total = loss(logits, target, ignore_index=-1, weight=weight, reduction="sum")
        torch.testing.assert_close(torch.autograd.grad(total, weight)[0], each)
