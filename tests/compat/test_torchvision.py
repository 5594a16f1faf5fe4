"""Agreement of compat.torchvision with torchvision."""

import functools
import math

import pytest
import torch
from torch import Tensor
from torchvision import ops

from detloss.compat import torchvision as ours
from tests.support.compat_agreement import (
    REDUCTIONS,
    assert_agree,
    generator,
    gradient,
    parameters,
    random_boxes,
    random_numbers,
    random_shares,
)

LOSSES = ("generalized_box_iou_loss", "distance_box_iou_loss", "complete_box_iou_loss")
MEASURES = ("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou")
SQUARE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize("name", ["sigmoid_focal_loss", *LOSSES, *MEASURES])
def test_signature(name: str) -> None:
    assert parameters(getattr(ours, name)) == parameters(getattr(ops, name))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", LOSSES)
def test_box_losses(name: str, reduction: str, seed: int) -> None:
    first, second = random_boxes(seed)
    mine, theirs = (functools.partial(getattr(library, name), reduction=reduction) for library in (ours, ops))
    assert_agree(mine, theirs, first, second, rtol=1e-6, atol=1e-8)  # room for their eps
    assert_agree(mine, theirs, first[0], second[0], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_box_losses_by_position_and_default(name: str, seed: int) -> None:
    boxes = random_boxes(seed)
    mine, theirs = getattr(ours, name), getattr(ops, name)
    torch.testing.assert_close(mine(*boxes), theirs(*boxes), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(mine(*boxes, "sum", 0.5), theirs(*boxes, "sum", 1e-7), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("leading", [(), (3,), (2, 2)])
def test_measures_of_all_pairs(name: str, leading: tuple[int, ...], seed: int) -> None:
    first, second = random_boxes(seed, math.prod(leading) * 6)
    first, second = first.reshape(*leading, 6, 4), second.reshape(*leading, 6, 4)[..., :4, :]
    assert_agree(getattr(ours, name), getattr(ops, name), first, second, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("fmt", ["xyxy", "xywh", "cxcywh"])
def test_box_iou_formats(fmt: str, seed: int) -> None:
    first, second = (ops.box_convert(boxes, "xyxy", fmt) for boxes in random_boxes(seed))
    assert_agree(lambda a, b: ours.box_iou(a, b, fmt), lambda a, b: ops.box_iou(a, b, fmt), first, second)


@pytest.mark.parametrize("fmt", ["cxcywhr", "xywhr", "xyxyxyxy", "ltrb", "corners"])
def test_box_iou_rejects_other_formats(fmt: str) -> None:
    with pytest.raises(ValueError, match=f"fmt: expected 'xyxy', 'xywh' or 'cxcywh' .* got '{fmt}'"):
        ours.box_iou(SQUARE, SQUARE, fmt)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("gamma", [0, 1.0, 2, 3.5])
@pytest.mark.parametrize("alpha", [-1, 0.0, 0.25, 1])
@pytest.mark.parametrize("hard", [True, False])
def test_focal(alpha: float, gamma: float, reduction: str, hard: bool, seed: int) -> None:
    logits, targets = random_numbers(seed, 5, 7), random_shares(seed + 1, 5, 7)
    targets = targets.round() if hard else targets
    assert_agree(
        lambda x, t: ours.sigmoid_focal_loss(x, t, alpha, gamma, reduction),
        lambda x, t: ops.sigmoid_focal_loss(x, t, alpha, gamma, reduction),
        logits,
        targets,
    )


def test_focal_defaults(seed: int) -> None:
    logits, targets = random_numbers(seed, 11), torch.randint(2, (11,), generator=generator(seed)).double()
    torch.testing.assert_close(ours.sigmoid_focal_loss(logits, targets), ops.sigmoid_focal_loss(logits, targets))


@pytest.mark.parametrize("library", [ours, ops])
def test_refused_by_both(library: object) -> None:
    zeros = torch.zeros(2)
    with pytest.raises(ValueError, match="alpha"):
        library.sigmoid_focal_loss(zeros, zeros, alpha=1.5)
    with pytest.raises(ValueError, match="reduction"):
        library.sigmoid_focal_loss(zeros, zeros, reduction="all")
    for name in LOSSES:
        with pytest.raises(ValueError, match="reduction"):
            getattr(library, name)(SQUARE, SQUARE, reduction="all")


@pytest.mark.parametrize("library", [ours, ops])
def test_empty(library: object) -> None:
    nothing = torch.zeros(0, 4, requires_grad=True)
    for name in LOSSES:
        loss = getattr(library, name)
        assert loss(nothing, nothing).shape == (0,)
        assert loss(nothing, nothing, "sum") == 0
        mean = loss(nothing, nothing, "mean")
        assert mean == 0
        mean.backward()
    for name in MEASURES:
        assert getattr(library, name)(nothing, SQUARE).shape == (0, 1)
        assert getattr(library, name)(SQUARE, nothing).shape == (1, 0)


# ------------------------------------------------------------------------- the table: each row from both sides


def giou(boxes: Tensor, others: Tensor) -> tuple[float, float]:
    return ops.generalized_box_iou_loss(boxes, others).item(), ours.generalized_box_iou_loss(boxes, others).item()


def test_table_identical_small_boxes() -> None:
    boxes = 0.001 * SQUARE
    assert giou(boxes, boxes) == (pytest.approx(0.0909, abs=1e-4), 0.0)


def test_table_identical_without_area() -> None:
    point = torch.zeros(1, 4)
    for name in LOSSES:
        theirs = getattr(ops, name)(point, point)
        assert theirs == 1 or theirs.isnan()
        assert getattr(ours, name)(point, point) == 0
    for name in MEASURES:
        assert getattr(ops, name)(point, point).isnan()
        assert getattr(ours, name)(point, point) == 1


def test_table_different_without_area() -> None:
    flat, other = torch.tensor([[0.0, 0.0, 1.0, 0.0]]), torch.tensor([[2.0, 0.0, 3.0, 0.0]])
    assert giou(flat, other) == (1.0, 2.0)
    for name, expected in (("box_iou", 0.0), ("generalized_box_iou", -1.0)):
        assert getattr(ops, name)(flat, other).isnan()
        assert getattr(ours, name)(flat, other) == expected


def test_table_aspect_of_a_point() -> None:
    point = torch.tensor([[0.5, 0.5, 0.5, 0.5]])
    assert ops.complete_box_iou_loss(point, SQUARE).isnan()
    assert ours.complete_box_iou_loss(point, SQUARE).isfinite()
    assert gradient(ours.complete_box_iou_loss, point, SQUARE).isfinite().all()


def test_table_inverted() -> None:
    inverted = SQUARE[:, [2, 3, 0, 1]]
    theirs, mine = giou(inverted, SQUARE)
    assert theirs == pytest.approx(0.0, abs=1e-6)
    assert mine >= 1


def test_table_near_boxes() -> None:
    near = torch.tensor([[0.0, 0.0, 1.0, 1.0 + 2.0**-23]])
    theirs, mine = giou(near, SQUARE)
    assert mine == pytest.approx(2.0**-23, rel=1e-6)
    assert abs(theirs - 2.0**-23) > 1e-8


def test_table_focal_of_easy_logits() -> None:
    logit, one = torch.tensor([17.0]), torch.ones(1)
    assert ops.sigmoid_focal_loss(logit, one) == 0
    expected = 0.25 * math.exp(-17.0) ** 3
    assert ours.sigmoid_focal_loss(logit, one).item() == pytest.approx(expected, rel=1e-5)
    root = {"gamma": 0.5}
    assert gradient(functools.partial(ops.sigmoid_focal_loss, **root), logit, one).isnan()
    assert gradient(functools.partial(ours.sigmoid_focal_loss, **root), logit, one).isfinite()


def test_table_focal_of_infinite_logits() -> None:
    logits, targets = torch.tensor([torch.inf, -torch.inf]), torch.tensor([1.0, 1.0])
    assert ops.sigmoid_focal_loss(logits, targets).isnan()[0]
    assert ours.sigmoid_focal_loss(logits, targets).tolist() == [0.0, torch.inf]


def test_table_focal_of_an_empty_batch() -> None:
    nothing = torch.zeros(0, 3)
    assert ops.sigmoid_focal_loss(nothing, nothing, reduction="mean").isnan()
    assert ours.sigmoid_focal_loss(nothing, nothing, reduction="mean") == 0


def test_table_dtypes() -> None:
    half = SQUARE.half()
    for name in LOSSES:
        assert getattr(ops, name)(half, half).dtype == torch.float32
        assert getattr(ours, name)(half, half).dtype == torch.float16
        assert getattr(ours, name)(half, half, "sum").dtype == torch.float32
    whole = SQUARE.long()
    assert ops.box_iou(whole, whole) == 1
    with pytest.raises(TypeError, match="expected a floating dtype"):
        ours.box_iou(whole, whole)


def test_class_indices_are_an_extra() -> None:
    logits, indices = torch.zeros(2, 3), torch.tensor([0, 3])
    with pytest.raises(ValueError, match="size"):
        ops.sigmoid_focal_loss(logits, indices)
    hot = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    assert torch.equal(ours.sigmoid_focal_loss(logits, indices), ours.sigmoid_focal_loss(logits, hot))
