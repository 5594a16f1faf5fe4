"""Agreement of compat.mmdet with definitions written here from mmdet's documentation (mmdet is not installed)."""

import inspect
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torchvision import ops

from detloss.compat import mmdet as ours
from tests.support.class_indices import unread_classes
from tests.support.compat_agreement import (
    REDUCTIONS,
    assert_agree,
    generator,
    gradient,
    random_boxes,
    random_numbers,
    random_shares,
)

SQUARE = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
CALL = [("weight", None), ("avg_factor", None), ("reduction_override", None)]
CONSTRUCTORS = {
    "IoULoss": [("linear", False), ("eps", 1e-6), ("reduction", "mean"), ("loss_weight", 1.0), ("mode", "log")],
    "GIoULoss": [("eps", 1e-6), ("reduction", "mean"), ("loss_weight", 1.0)],
    "DIoULoss": [("eps", 1e-6), ("reduction", "mean"), ("loss_weight", 1.0)],
    "CIoULoss": [("eps", 1e-6), ("reduction", "mean"), ("loss_weight", 1.0)],
    "FocalLoss": [
        ("use_sigmoid", True),
        ("gamma", 2.0),
        ("alpha", 0.25),
        ("reduction", "mean"),
        ("loss_weight", 1.0),
        ("activated", False),
    ],
    "CrossEntropyLoss": [
        ("use_sigmoid", False),
        ("use_mask", False),
        ("reduction", "mean"),
        ("class_weight", None),
        ("ignore_index", None),
        ("loss_weight", 1.0),
        ("avg_non_ignore", False),
    ],
    "SmoothL1Loss": [("beta", 1.0), ("reduction", "mean"), ("loss_weight", 1.0)],
    "L1Loss": [("reduction", "mean"), ("loss_weight", 1.0)],
    "BalancedL1Loss": [
        ("alpha", 0.5),
        ("gamma", 1.5),
        ("beta", 1.0),
        ("reduction", "mean"),
        ("loss_weight", 1.0),
    ],
    "QualityFocalLoss": [
        ("use_sigmoid", True),
        ("beta", 2.0),
        ("reduction", "mean"),
        ("loss_weight", 1.0),
        ("activated", False),
    ],
    "DistributionFocalLoss": [("reduction", "mean"), ("loss_weight", 1.0)],
    "VarifocalLoss": [
        ("use_sigmoid", True),
        ("alpha", 0.75),
        ("gamma", 2.0),
        ("iou_weighted", True),
        ("reduction", "mean"),
        ("loss_weight", 1.0),
    ],
    "GaussianFocalLoss": [
        ("alpha", 2.0),
        ("gamma", 4.0),
        ("reduction", "mean"),
        ("loss_weight", 1.0),
        ("pos_weight", 1.0),
        ("neg_weight", 1.0),
    ],
    "SIoULoss": [("eps", 1e-6), ("reduction", "mean"), ("loss_weight", 1.0), ("neg_gamma", False)],
    "DiceLoss": [
        ("use_sigmoid", True),
        ("activate", True),
        ("reduction", "mean"),
        ("naive_dice", False),
        ("loss_weight", 1.0),
        ("eps", 1e-3),
    ],
    "MSELoss": [("reduction", "mean"), ("loss_weight", 1.0)],
}
CALLS = {
    "CrossEntropyLoss": ["cls_score", "label", *CALL, ("ignore_index", None)],
    "GaussianFocalLoss": ["pred", "target", ("pos_inds", None), ("pos_labels", None), *CALL],
    "DiceLoss": ["pred", "target", CALL[0], CALL[2], CALL[1]],
}
REQUIRED = {"DiceLoss": {"naive_dice": True}, "SIoULoss": {"neg_gamma": True}}
LABELS = torch.tensor([0, 2, 1, -1, 3, 0, 255, 2])


def defaults(function: Callable) -> list[tuple]:
    signature = inspect.signature(function).parameters.values()
    return [(each.name, each.default) for each in signature if each.kind is each.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_signature(name: str) -> None:
    module = getattr(ours, name)
    assert defaults(module) == CONSTRUCTORS[name]
    operands = CALLS.get(name, ["pred", "target", *CALL])
    expected = [(each, inspect.Parameter.empty) if isinstance(each, str) else each for each in operands]
    assert defaults(made(name).forward) == expected


def made(name: str, **options: object) -> torch.nn.Module:
    """A loss with the options that it requires."""
    module: torch.nn.Module = getattr(ours, name)(**{**REQUIRED.get(name, {}), **options})
    return module


def operands(name: str, rows: int) -> tuple[Tensor, Tensor]:
    """A prediction that requires gradients, with its target."""
    target = torch.zeros(rows) if name == "DistributionFocalLoss" else torch.zeros(rows, 4)
    return torch.full((rows, 4), 0.5, requires_grad=True), target


# --------------------------------------------------------------------------------------- the peer, from its contract


def reduced(each: Tensor, weight: Tensor | None, avg_factor: float | None, reduction: str) -> Tensor:
    each = each if weight is None else each * weight
    if reduction == "none":
        return each
    if reduction == "sum":
        return each.sum()
    return each.mean() if avg_factor is None else each.sum() / avg_factor


def iou(pred: Tensor, target: Tensor) -> Tensor:
    return ops.box_iou(pred[:, None], target[:, None])[:, 0, 0]


def complete_iou(pred: Tensor, target: Tensor) -> Tensor:
    width, height = (pred[:, 2] - pred[:, 0]), (pred[:, 3] - pred[:, 1])
    wide, high = (target[:, 2] - target[:, 0]), (target[:, 3] - target[:, 1])
    overlap = iou(pred, target)
    aspect = 4 / math.pi**2 * (torch.atan(wide / high) - torch.atan(width / height)) ** 2
    trade_off = ((overlap > 0.5) * aspect / (1 - overlap + aspect)).detach()
    return ops.distance_box_iou_loss(pred, target, eps=0.0) + trade_off * aspect


def scylla_iou(pred: Tensor, target: Tensor) -> Tensor:
    """SIoU by the angle of the center line, the arcsine and all."""
    sides, wanted = pred[:, 2:] - pred[:, :2], target[:, 2:] - target[:, :2]
    shift = (pred[:, :2] + pred[:, 2:] - target[:, :2] - target[:, 2:]) / 2
    span = torch.maximum(pred[:, 2:], target[:, 2:]) - torch.minimum(pred[:, :2], target[:, :2])
    sine = shift[:, 1].abs() / shift.norm(dim=1)
    angle = 1 - 2 * torch.sin(torch.asin(sine) - math.pi / 4) ** 2
    distance = (1 - torch.exp((angle - 2)[:, None] * (shift / span) ** 2)).sum(1)
    shape = ((1 - torch.exp(-(sides - wanted).abs() / torch.maximum(sides, wanted))) ** 4).sum(1)
    return 1 - iou(pred, target) + (distance + shape) / 2


def balanced_l1(error: Tensor, alpha: float, gamma: float) -> Tensor:
    b = math.exp(gamma / alpha) - 1
    near = alpha / b * (b * error + 1) * torch.log(b * error + 1) - alpha * error
    return torch.where(error < 1, near, gamma * error + gamma / b - alpha)


BOX_LOSSES = {
    "log": (lambda **call: ours.IoULoss(**call), lambda a, b: -iou(a, b).log()),
    "linear": (lambda **call: ours.IoULoss(mode="linear", **call), lambda a, b: 1 - iou(a, b)),
    "linear flag": (lambda **call: ours.IoULoss(True, **call), lambda a, b: 1 - iou(a, b)),
    "square": (lambda **call: ours.IoULoss(mode="square", **call), lambda a, b: 1 - iou(a, b) ** 2),
    "giou": (ours.GIoULoss, lambda a, b: ops.generalized_box_iou_loss(a, b, eps=0.0)),
    "diou": (ours.DIoULoss, lambda a, b: ops.distance_box_iou_loss(a, b, eps=0.0)),
    "ciou": (ours.CIoULoss, complete_iou),
    "siou": (lambda **call: ours.SIoULoss(neg_gamma=True, **call), scylla_iou),
}
NUMBER_LOSSES = {
    "l1": (ours.L1Loss, lambda a, b: (a - b).abs()),
    "mse": (ours.MSELoss, lambda a, b: (a - b) ** 2),
    "smooth l1": (
        lambda **call: ours.SmoothL1Loss(0.5, **call),
        lambda a, b: functional.smooth_l1_loss(a, b, beta=0.5, reduction="none"),
    ),
    "balanced l1": (
        lambda **call: ours.BalancedL1Loss(0.25, 1.0, **call),
        lambda a, b: balanced_l1((a - b).abs(), 0.25, 1.0),
    ),
}


@pytest.mark.parametrize("avg_factor", [None, 7.5, torch.tensor(3)])
@pytest.mark.parametrize("weight", [None, (20,), (20, 4)])
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("name", BOX_LOSSES)
def test_box_losses(
    name: str, reduction: str, weight: tuple[int, ...] | None, avg_factor: float | None, seed: int
) -> None:
    module, each = BOX_LOSSES[name]
    pred, target = (boxes[::2] for boxes in random_boxes(seed))  # the pairs that overlap: log IoU is finite
    aside = 0.4 * (target[10:, 2:] - target[10:, :2]).repeat(1, 2)
    target = torch.cat([target[:10], target[10:] + aside])  # some below an IoU of .5, where CIoU has its gate
    factor = None if weight is None else random_shares(seed, *weight)
    of_box = factor.mean(-1) if factor is not None and factor.dim() > 1 else factor
    expected = lambda a, b: 1.5 * reduced(each(a, b), of_box, avg_factor, reduction)  # noqa: E731
    for options, override in (({"reduction": reduction}, None), ({"reduction": "sum"}, reduction)):
        mine = module(loss_weight=1.5, **options)
        assert_agree(
            lambda a, b, mine=mine, override=override: mine(a, b, factor, avg_factor, override),
            expected,
            pred,
            target,
            rtol=1e-7,
            atol=1e-9,
        )


def test_box_losses_reach_both_sides_of_the_gate(seed: int) -> None:
    pred, target = random_boxes(seed)
    near = iou(pred, target) > 0.5
    assert 0 < near.sum() < len(near)
    assert_agree(ours.CIoULoss(reduction="none"), complete_iou, pred, target, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("weight", [None, (6, 4), (6, 1), (1, 4)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", NUMBER_LOSSES)
def test_number_losses(name: str, reduction: str, weight: tuple[int, ...] | None, seed: int) -> None:
    module, each = NUMBER_LOSSES[name]
    factor = None if weight is None else random_shares(seed, *weight)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        mine = module(reduction=reduction, loss_weight=0.3)
        assert_agree(
            lambda a, b, mine=mine, avg_factor=avg_factor: mine(a, b, factor, avg_factor),
            lambda a, b, avg_factor=avg_factor: 0.3 * reduced(each(a, b), factor, avg_factor, reduction),
            random_numbers(seed, 6, 4),
            random_numbers(seed + 1, 6, 4),
        )


@pytest.mark.parametrize("weight", [None, (8,), (8, 1), (8, 3), (24,)])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("indices", [True, False])
def test_focal(indices: bool, reduction: str, weight: tuple[int, ...] | None, seed: int) -> None:
    labels = LABELS.clamp(0, 3)
    hot = functional.one_hot(labels, 4)[:, :3].double()
    factor = None if weight is None else random_shares(seed, *weight)
    shaped = factor if factor is None or factor.dim() == 2 else factor.reshape(8, -1)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        mine = ours.FocalLoss(True, 1.5, 0.4, reduction, 2.0)
        assert_agree(
            lambda x, mine=mine, avg_factor=avg_factor: mine(x, labels if indices else hot, factor, avg_factor),
            lambda x, avg_factor=avg_factor: (
                2.0 * reduced(ops.sigmoid_focal_loss(x, hot, 0.4, 1.5), shaped, avg_factor, reduction)
            ),
            random_numbers(seed, 8, 3),
        )


@pytest.mark.parametrize("class_weight", [None, [0.5, 1.0, 2.0, 0.0]])
@pytest.mark.parametrize("avg_non_ignore", [False, True])
@pytest.mark.parametrize("ignore_index", [None, 1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy(
    reduction: str,
    weighted: bool,
    ignore_index: int | None,
    avg_non_ignore: bool,
    class_weight: list[float] | None,
    seed: int,
) -> None:
    ignored = -100 if ignore_index is None else ignore_index
    for shape in ((8, 4), (2, 4, 4)):
        labels = LABELS.clamp(0, 3).reshape(shape[:1] + shape[2:])
        labels = labels.where(labels != 2, ignored)
        factor = random_shares(seed, *labels.shape) if weighted else None

        def expected(
            x: Tensor, avg_factor: float | None, labels: Tensor = labels, factor: Tensor | None = factor
        ) -> Tensor:
            weight = None if class_weight is None else x.new_tensor(class_weight)
            each = functional.cross_entropy(x, labels, weight, reduction="none", ignore_index=ignored)
            if avg_factor is None and avg_non_ignore:
                avg_factor = int((labels != ignored).sum())
            return 0.7 * reduced(each, factor, avg_factor, reduction)

        mine = ours.CrossEntropyLoss(False, False, reduction, class_weight, ignore_index, 0.7, avg_non_ignore)
        for avg_factor in (None,) if reduction == "sum" else (None, 3):
            assert_agree(
                lambda x, labels=labels, factor=factor, mine=mine, avg_factor=avg_factor: mine(
                    x, labels, factor, avg_factor
                ),
                lambda x, expected=expected, avg_factor=avg_factor: expected(x, avg_factor),
                random_numbers(seed, *shape),
            )


@pytest.mark.parametrize("class_weight", [None, [0.5, 1.0, 2.0]])
@pytest.mark.parametrize("avg_non_ignore", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("indices", [True, False])
def test_sigmoid_cross_entropy(
    indices: bool, reduction: str, weighted: bool, avg_non_ignore: bool, class_weight: list[float] | None, seed: int
) -> None:
    if indices:  # an index that is no class is background; negative and ignored ones are absent
        labels = LABELS
        target = (labels[:, None] == torch.arange(3)).double()
        valid = ((labels >= 0) & (labels != 255))[:, None].expand(8, 3)
    else:
        labels = target = torch.randint(-1, 2, (8, 3), generator=generator(seed)).double()
        valid = labels >= 0
    factor = random_shares(seed, 8) if indices else random_shares(seed, 8, 3)

    def expected(x: Tensor, avg_factor: float | None) -> Tensor:
        positive = None if class_weight is None else x.new_tensor(class_weight)
        each = functional.binary_cross_entropy_with_logits(x, target, pos_weight=positive, reduction="none")
        weight = valid * (factor[:, None] if indices else factor) if weighted else valid
        if avg_factor is None and avg_non_ignore:
            avg_factor = int(valid.sum())
        return reduced(each, weight, avg_factor, reduction)

    mine = ours.CrossEntropyLoss(True, False, reduction, class_weight, avg_non_ignore=avg_non_ignore)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        assert_agree(
            lambda x, avg_factor=avg_factor: mine(
                x, labels, factor if weighted else None, avg_factor, None, 255 if indices else None
            ),
            lambda x, avg_factor=avg_factor: expected(x, avg_factor),
            random_numbers(seed, 8, 3),
        )


def test_cross_entropy_ignores_at_the_call(seed: int) -> None:
    scores, labels = random_numbers(seed, 4, 3), torch.tensor([0, 1, 2, 1])
    mine = ours.CrossEntropyLoss(ignore_index=0, reduction="none")
    assert (mine(scores, labels) == 0).tolist() == [True, False, False, False]
    assert (mine(scores, labels, ignore_index=1) == 0).tolist() == [False, True, False, True]


def test_masks(seed: int) -> None:
    labels, target = torch.tensor([2, 0, 1]), random_shares(seed, 3, 5, 6)
    assert_agree(
        lambda x: ours.CrossEntropyLoss(use_mask=True, loss_weight=0.5)(x, target, labels),
        lambda x: 0.5 * functional.binary_cross_entropy_with_logits(x[[0, 1, 2], labels], target)[None],
        random_numbers(seed + 1, 3, 4, 5, 6),
    )
    for options, call in (({"reduction": "sum"}, {}), ({"class_weight": [1.0]}, {}), ({}, {"avg_factor": 2})):
        with pytest.raises(ValueError, match="use_mask: expected reduction='mean'"):
            ours.CrossEntropyLoss(use_mask=True, **options)(torch.zeros(3, 4, 5, 6), target, labels, **call)


def binary(logits: Tensor, target: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("soft", [False, True])
def test_quality_focal(soft: bool, reduction: str, weighted: bool, seed: int) -> None:
    labels, scores = LABELS, random_shares(seed, 8)
    hot = (labels[:, None] == torch.arange(3)) * scores[:, None]  # a class that does not exist is background
    factor = random_shares(seed + 1, 8) if weighted else None

    def expected(x: Tensor, avg_factor: float | None) -> Tensor:
        each = (binary(x, hot) * (hot - x.sigmoid()).abs() ** 1.5).sum(-1, keepdim=soft)
        shaped = factor.reshape(each.shape) if weighted else None
        return 2.0 * reduced(each, shaped, avg_factor, reduction)

    mine = ours.QualityFocalLoss(True, 1.5, reduction, 2.0)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        assert_agree(
            lambda x, avg_factor=avg_factor: mine(x, hot if soft else (labels, scores), factor, avg_factor),
            lambda x, avg_factor=avg_factor: expected(x, avg_factor),
            random_numbers(seed, 8, 3),
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("iou_weighted", [False, True])
def test_varifocal(iou_weighted: bool, reduction: str, weighted: bool, seed: int) -> None:
    target = random_shares(seed, 8, 3) * (random_shares(seed + 1, 8, 3) < 0.5)
    factor = random_shares(seed + 2, 8, 3) if weighted else None

    def expected(x: Tensor, avg_factor: float | None) -> Tensor:
        focus = torch.where(target > 0, target if iou_weighted else 1.0, 0.6 * x.sigmoid() ** 1.5)
        return reduced(focus * binary(x, target), factor, avg_factor, reduction)

    mine = ours.VarifocalLoss(True, 0.6, 1.5, iou_weighted, reduction)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        assert_agree(
            lambda x, avg_factor=avg_factor: mine(x, target, factor, avg_factor),
            lambda x, avg_factor=avg_factor: expected(x, avg_factor),
            random_numbers(seed, 8, 3),
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("sides", [(1.0, 1.0), (0.25, 2.0)])
def test_gaussian_focal(sides: tuple[float, float], reduction: str, weighted: bool, seed: int) -> None:
    target = random_shares(seed, 8, 3)
    target[::3] = 1.0
    factor = random_shares(seed + 2, 8, 3) if weighted else None

    def expected(p: Tensor, avg_factor: float | None) -> Tensor:
        positive = -((1 - p) ** 2.5) * p.log()
        negative = -(p**2.5) * (1 - p).log() * (1 - target) ** 3
        each = torch.where(target == 1, sides[0] * positive, sides[1] * negative)
        return reduced(each, factor, avg_factor, reduction)

    mine = ours.GaussianFocalLoss(2.5, 3.0, reduction, 1.0, *sides)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        assert_agree(
            lambda p, avg_factor=avg_factor: mine(p, target, None, None, factor, avg_factor),
            lambda p, avg_factor=avg_factor: expected(p, avg_factor),
            random_shares(seed + 1, 8, 3),
        )
    with pytest.raises(ValueError, match="pos_inds: expected None, got a value; set the target of positives to 1"):
        mine(target, target, torch.tensor([0]), torch.tensor([0]))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_distribution_focal(reduction: str, weighted: bool, seed: int) -> None:
    value = 4 * random_shares(seed, 8)
    factor = random_shares(seed + 1, 8) if weighted else None
    low = value.long()

    def expected(x: Tensor, avg_factor: float | None) -> Tensor:
        below, above = (functional.cross_entropy(x, index, reduction="none") for index in (low, low + 1))
        return 0.25 * reduced(below * (low + 1 - value) + above * (value - low), factor, avg_factor, reduction)

    mine = ours.DistributionFocalLoss(reduction, 0.25)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        assert_agree(
            lambda x, avg_factor=avg_factor: mine(x, value, factor, avg_factor),
            lambda x, avg_factor=avg_factor: expected(x, avg_factor),
            random_numbers(seed, 8, 5),
        )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_dice(reduction: str, weighted: bool, seed: int) -> None:
    target = (random_shares(seed, 8, 4, 5) < 0.4).double()
    factor = random_shares(seed + 1, 8) if weighted else None

    def expected(x: Tensor, avg_factor: float | None) -> Tensor:
        p, t = x.sigmoid().flatten(1), target.flatten(1)
        return 5.0 * reduced(1 - 2 * (p * t).sum(1) / (p.sum(1) + t.sum(1)), factor, avg_factor, reduction)

    mine = ours.DiceLoss(True, True, reduction, True, 5.0)
    for avg_factor in (None,) if reduction == "sum" else (None, 3):
        assert_agree(
            lambda x, avg_factor=avg_factor: mine(x, target, factor, None, avg_factor),
            lambda x, avg_factor=avg_factor: expected(x, avg_factor),
            random_numbers(seed, 8, 4, 5),
        )


# ------------------------------------------------------------------------------------------------------ argument errors


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("IoULoss", {"mode": "cubic"}, "mode: expected 'linear', 'square' or 'log', got 'cubic'"),
        ("FocalLoss", {"use_sigmoid": False}, "use_sigmoid: expected True, got False"),
        ("FocalLoss", {"activated": True}, "activated: expected False, got True"),
        ("CrossEntropyLoss", {"use_sigmoid": True, "use_mask": True}, "use_mask: expected False"),
        ("QualityFocalLoss", {"use_sigmoid": False}, "use_sigmoid: expected True, got False"),
        ("QualityFocalLoss", {"activated": True}, "activated: expected False, got True; pass logits"),
        ("VarifocalLoss", {"use_sigmoid": False}, "use_sigmoid: expected True, got False"),
        ("SIoULoss", {}, "neg_gamma: expected True, got False; with False the sign of an exponent"),
        ("DiceLoss", {"use_sigmoid": False}, "use_sigmoid: expected True, got False"),
        ("DiceLoss", {"activate": False}, "activate: expected True, got False; pass logits"),
        ("DiceLoss", {}, "naive_dice: expected True, got False; V-Net's form with squares in the denominator"),
    ],
)
def test_invalid_constructor_arguments_are_rejected(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        getattr(ours, name)(**options)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_invalid_calls_are_rejected(name: str) -> None:
    loss, given = made(name), operands(name, 2)
    with pytest.raises(ValueError, match="avg_factor: expected None with reduction='sum'"):
        loss(*given, avg_factor=2, reduction_override="sum")
    with pytest.raises(ValueError, match="reduction: expected 'none', 'sum' or 'mean', got 'avg'"):
        loss(*given, reduction_override="avg")
    with pytest.raises(TypeError, match="color"):
        loss(*given, color=1)


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_empty(name: str) -> None:
    given = operands(name, 0)
    for reduction in ("mean", "sum"):
        loss = made(name, reduction=reduction)(*given)
        assert loss == 0
        loss.backward()
    assert made(name, reduction="none")(*given).numel() == 0


# --------------------------------------------- the table; mmdet's side follows from its documented eps, where simple


@pytest.mark.parametrize("name", BOX_LOSSES)
def test_table_tiny_boxes(name: str) -> None:
    tiny = 1e-5 * SQUARE
    assert BOX_LOSSES[name][0]()(tiny, tiny) == 0
    assert 1 - 1e-10 / max(1e-10, 1e-6) > 0.99  # its loss: the IoU's union is at least eps


def test_table_overlap_of_zero() -> None:
    apart = SQUARE + 5
    expected = {"log": 126 * math.log(2), "linear": 1.0, "square": 1.0}
    for mode, loss in expected.items():
        assert ours.IoULoss(mode=mode)(apart, SQUARE).item() == pytest.approx(loss, rel=1e-6)
    assert expected["log"] > -math.log(1e-6)
    small = torch.tensor([[0.0, 0.0, 1e-4, 1e-4]])
    assert ours.IoULoss()(small, SQUARE).item() == pytest.approx(-math.log(1e-8), rel=1e-6)


def test_table_inverted() -> None:
    inverted = SQUARE[:, [2, 3, 0, 1]]
    for name in ("GIoULoss", "DIoULoss", "CIoULoss"):
        assert getattr(ours, name)()(inverted, SQUARE) >= 1


def test_table_identical_boxes() -> None:
    large = 100 * SQUARE
    assert 100.0 * 100.0 + 1e-6 - torch.tensor(1e4 + 1e-6).item() > 0  # float32 forgets the eps: 0/0 there
    assert ours.CIoULoss()(large, large) == 0
    assert torch.equal(gradient(ours.CIoULoss(), large, large), torch.zeros(1, 4))


def test_table_easy_focal() -> None:
    logit, one = torch.tensor([[17.0]]), torch.ones(1, 1)
    assert ops.sigmoid_focal_loss(logit, one) == 0  # the same arithmetic as mmdet's
    assert ours.FocalLoss()(logit, one).item() == pytest.approx(0.25 * math.exp(-17.0) ** 3, rel=1e-5)


@pytest.mark.parametrize("name", BOX_LOSSES)
def test_table_averages_and_weights(name: str) -> None:
    pred = (SQUARE.expand(3, 4) + 0.25).clone().requires_grad_()
    target, zero = SQUARE.expand(3, 4), torch.zeros(3)
    module = BOX_LOSSES[name][0]()
    for loss in (module(pred, target, avg_factor=0), module(pred, target, zero)):
        assert loss == 0
        assert torch.equal(torch.autograd.grad(loss, pred)[0], torch.zeros(3, 4))
    assert module(pred, target, zero, reduction_override="none").tolist() == [0.0, 0.0, 0.0]
    spoiled = pred.detach().index_fill(0, torch.tensor([1]), torch.nan)
    assert module(spoiled, target, torch.tensor([1.0, 0.0, 1.0])).isfinite()


def test_table_class_above_background() -> None:
    scores, labels = torch.zeros(2, 3), torch.tensor([3, 4])
    with pytest.raises(ValueError, match=r"^target\[1\]: expected a class index in \[0, 3\], got 4$"):
        ours.FocalLoss()(scores, labels)
    with unread_classes():
        loss = ours.FocalLoss(reduction="none")(scores, labels)
    assert loss.isnan().all(-1).tolist() == [False, True]


def test_table_siou_above_two() -> None:
    wide, high = torch.tensor([[0.0, 0.0, 1e3, 0.0]]), torch.tensor([[1e9, 1e6, 1e9, 1e6 + 1e3]])
    assert 2.0 < ours.SIoULoss(neg_gamma=True)(wide.double(), high.double()).item() < 2.03


def test_table_balanced_l1_at_zero() -> None:
    small, zero = torch.tensor([[1e-6]], dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    for beta in (0.5, 2.0):
        assert gradient(ours.BalancedL1Loss(beta=beta), small, zero).abs().item() < 1e-4
    assert 0.5 * (1 / 0.5 - 1) == 0.5  # its slope at 0, alpha (1 / beta - 1)


def test_table_last_bin() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, 0.0]])
    loss = ours.DistributionFocalLoss()(logits, torch.tensor([3.0])).item()
    assert loss == pytest.approx(-logits.log_softmax(-1)[0, 3].item(), rel=1e-6)


def test_table_certain_probabilities() -> None:
    p = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    target = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    loss = ours.GaussianFocalLoss(reduction="none")(p, target)
    assert loss.isfinite().all()
    assert (loss[0, :2] < 1e-12).all()
    assert torch.equal(gradient(ours.GaussianFocalLoss(), p, target), torch.zeros(1, 4))


def test_table_smoothing_of_dice() -> None:
    nothing = torch.full((1, 4), -math.inf)
    assert ours.DiceLoss(naive_dice=True, eps=1.0)(nothing, torch.zeros(1, 4)) == 0
    assert ours.DiceLoss(naive_dice=True, eps=1.0)(torch.full((1, 4), -30.0), torch.zeros(1, 4)) == 1


def test_losses_that_are_not_here_are_explained() -> None:
    with pytest.raises(
        AttributeError, match="'EIoULoss': mmdet's EIoULoss is Extended IoU .* detloss.EfficientIoULoss"
    ):
        ours.EIoULoss  # noqa: B018
    with pytest.raises(AttributeError, match="has no attribute 'SeesawLoss'$"):
        ours.SeesawLoss  # noqa: B018
