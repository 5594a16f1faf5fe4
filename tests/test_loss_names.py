"""Names of losses with options: syntax, errors, and the named losses."""

from collections.abc import Callable

import pytest
import torch

import detloss
from detloss.catalog import LOSSES, ROTATED_LOSSES, Sizes
from detloss.loss_names import (
    ALL_LOSSES,
    BOX_LOSSES,
    CLASS_LOSSES,
    LossNameError,
    loss_named,
    losses_named,
    python_code,
)


@pytest.mark.parametrize("row", [*LOSSES, *ROTATED_LOSSES], ids=lambda row: row.name)
def test_a_name_of_the_catalog_is_its_row(row: object) -> None:
    assert loss_named(row.name) is row
    assert loss_named(f" {row.name.upper()} ") is row


@pytest.mark.parametrize(
    ("text", "name", "options", "title"),
    [
        ("focal:gamma=1.5", "focal:gamma=1.5", {"gamma": 1.5}, "Sigmoid focal, gamma 1.5"),
        ("Focal : Gamma = 2.0 : alpha = None", "focal:alpha=none:gamma=2", {"alpha": None, "gamma": 2}, "Sigmoid focal, alpha none, gamma 2"),
        ("smooth_l1:beta=5e-1", "smooth_l1:beta=0.5", {"beta": 0.5}, "Smooth L1, beta 0.5"),
        ("GIoU:enclosing=hull", "giou:enclosing=hull", {"enclosing": "hull"}, "Generalized IoU, enclosing hull"),
        ("iou:form=log", "iou:form=log", {"form": "log"}, "IoU, 1 - IoU, form log"),
        ("gwd:relative=true:tau=2", "gwd:tau=2:relative=true", {"tau": 2, "relative": True}, "Gaussian Wasserstein distance, tau 2, relative true"),
        ("ce:label_smoothing=0.1", "ce:label_smoothing=0.1", {"label_smoothing": 0.1}, "Cross-entropy, label_smoothing 0.1"),
    ],
)  # fmt: skip
def test_options_follow_the_name(text: str, name: str, options: dict, title: str) -> None:
    loss = loss_named(text)
    assert (loss.name, dict(loss.options), loss.title) == (name, options, title)
    assert loss_named(loss.name) == loss, "the name names the same loss again"


@pytest.mark.parametrize(
    "name",
    [
        *BOX_LOSSES,
        *CLASS_LOSSES,
        "focal:gamma=1.5:alpha=none",
        "giou:enclosing=hull",
        "inner-focaler-siou:inner=0.8:interval=0.1/0.9",
        "focal-ciou:gamma=0.7",
        "wise-inner-giou:delta=2",
    ],
)
def test_the_python_code_makes_the_loss(name: str) -> None:
    loss = loss_named(name).with_sizes(Sizes(image=(64.0, 48.0), objects=9.0))
    made = eval(python_code(loss), {"detloss": detloss, "counts": [3.0, 1.0, 9.0]})
    expected = loss.build(**(loss.from_counts([3.0, 1.0, 9.0]) if loss.from_counts else {}))
    assert type(made) is type(expected)
    assert repr(made) == repr(expected)
    assert repr(made.options()) == repr(expected.options())


def test_options_reach_the_loss() -> None:
    loss, logits, target = loss_named("focal:gamma=1.5:alpha=none"), torch.randn(5), torch.rand(5)
    expected = detloss.sigmoid_focal_loss(logits, target, gamma=1.5, alpha=None)
    assert loss.function(logits, target, **loss.options) == expected
    assert loss.module(**loss.options)(logits, target) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("giuo", "No such loss: 'giuo'. Did you mean giou? There are: l1, l2, "),
        ("", "No such loss: ''. There are: l1, "),
        ("focal:gama=1", "focal: expected one of the options alpha, gamma, poly, label_smoothing, got 'gama'. Did you mean gamma?"),
        ("l1:beta=1", "l1: expected no options, got 'beta'"),
        ("log_iou:form=linear", "log_iou: expected no options, got 'form'"),
        ("giou:geometry=rotated", "giou: expected one of the options enclosing, got 'geometry'"),
        ("focal:reduction=sum", "got 'reduction'"),
        ("focal:gamma", "focal: expected OPTION=VALUE after ':', got 'gamma'"),
        ("focal:gamma=", "focal: expected OPTION=VALUE after ':', got 'gamma='"),
        ("focal:", "focal: expected OPTION=VALUE after ':', got ''"),
        ("focal:gamma=1:gamma=2", "focal: expected every option once, got 'gamma' twice"),
        ("focal:gamma=-1", "focal:gamma=-1: gamma: expected a finite number"),
        ("focal:gamma=nan", "focal:gamma=nan: gamma: expected a finite number"),
        ("focal:alpha=25", "focal:alpha=25: alpha: expected a finite number in [0, 1], got 25"),
        ("focal:gamma=high", "focal:gamma=high: gamma: expected "),
        ("giou:enclosing=circle", "giou:enclosing=circle: enclosing: expected None, 'box' or 'hull', got 'circle'"),
        ("gwd:relative=2", "gwd:relative=2: relative: expected True or False, got int"),
    ],
)  # fmt: skip
def test_errors_name_the_option(text: str, message: str) -> None:
    with pytest.raises(LossNameError) as caught:
        loss_named(text)
    assert message in str(caught.value)


PRED = torch.tensor([[0.0, 0.0, 4.0, 2.0], [0.0, 0.0, 1.0, 1.0]])
TARGET = torch.tensor([[1.0, 1.0, 5.0, 4.0], [0.2, 0.0, 1.0, 1.0]])


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("inner-siou:inner=0.8", "inner-siou:inner=0.8", lambda: detloss.scylla_iou_loss(PRED, TARGET, overlap=detloss.Overlap(inner=0.8))),
        ("inner-ciou", "inner-ciou", lambda: detloss.complete_iou_loss(PRED, TARGET, overlap=detloss.Overlap(inner=0.7))),
        ("Focaler-CIoU:interval=0.1/0.9", "focaler-ciou:interval=0.1/0.9", lambda: detloss.complete_iou_loss(PRED, TARGET, overlap=detloss.Overlap(interval=(0.1, 0.9)))),
        ("focaler-iou", "focaler-iou", lambda: detloss.iou_loss(PRED, TARGET, overlap=detloss.Overlap(interval=(0.0, 0.95)))),
        ("alpha-diou", "alpha-diou", lambda: detloss.distance_iou_loss(PRED, TARGET, overlap=detloss.Overlap(power=3.0))),
        ("inner-alpha-focaler-iou:power=2", "alpha-focaler-inner-iou:power=2", lambda: detloss.iou_loss(PRED, TARGET, overlap=detloss.Overlap(2.0, (0.0, 0.95), 0.7))),
        ("focal-eiou:gamma=1", "focal-eiou:gamma=1", lambda: detloss.efficient_iou_loss(PRED, TARGET, weight=detloss.iou(PRED, TARGET))),
        ("mpdiou:image_size=8/6", "mpdiou:image_size=8/6", lambda: detloss.minimum_points_distance_iou_loss(PRED, TARGET, image_size=(8, 6))),
        ("nwd:scale=12.8", "nwd:scale=12.8", lambda: detloss.normalized_wasserstein_loss(PRED, TARGET, scale=12.8)),
        ("shapeiou:scale=1:theta=2", "shapeiou:scale=1:theta=2", lambda: detloss.shape_iou_loss(PRED, TARGET, scale=1, theta=2)),
    ],
)  # fmt: skip
def test_prefixes_modify_a_box_loss(text: str, name: str, expected: Callable[[], torch.Tensor]) -> None:
    loss = loss_named(text)
    assert loss.name == name
    assert loss_named(loss.name) == loss
    assert torch.equal(loss.build()(PRED, TARGET), expected())


def test_wise_weights_follow_the_running_mean() -> None:
    module = loss_named("wise-inner-giou:momentum=0.5:inner=0.8").build(reduction="none")
    overlap = detloss.Overlap(inner=0.8)
    each = detloss.iou_loss(PRED, TARGET, overlap=overlap, reduction="none")
    expected = detloss.generalized_iou_loss(PRED, TARGET, overlap=overlap, reduction="none")
    for mean in (0.5 + 0.5 * each.mean(), 0.25 + 0.75 * each.mean()):
        relative = each / mean
        weight = relative / (3.0 * 1.9 ** (relative - 3.0))
        assert module(PRED, TARGET) == pytest.approx(weight * expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["focal-eiou", "wise-giou"])
def test_focusing_weights_of_16_bit_boxes_are_computed_in_float32(name: str, dtype: torch.dtype) -> None:
    pred, target = PRED.to(dtype), TARGET.to(dtype)
    rounded = loss_named(name).build(reduction="none")(pred, target)
    exact = loss_named(name).build(reduction="none")(pred.double(), target.double())
    assert rounded.dtype == dtype
    torch.testing.assert_close(rounded.double(), exact, rtol=0.51 * torch.finfo(dtype).eps, atol=0.0)


def test_focusing_weights_multiply_the_given_weight_and_have_no_gradient() -> None:
    module = loss_named("focal-giou:gamma=2").build(reduction="sum")
    pred = PRED.clone().requires_grad_()
    weight = torch.tensor([3.0, 1.0])
    module(pred, TARGET, weight=weight).backward()
    expected = PRED.clone().requires_grad_()
    factor = weight * detloss.iou(PRED, TARGET) ** 2
    detloss.generalized_iou_loss(expected, TARGET, weight=factor, reduction="sum").backward()
    assert torch.equal(pred.grad, expected.grad)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "iner-giou",
            "No such prefix: 'iner'. Did you mean inner? There are: wise-, focal-, alpha-, focaler-, inner-.",
        ),
        ("inner-inner-giou", "inner-inner-giou: expected every prefix once, got 'inner' twice"),
        ("inner-nwd", "inner-nwd: expected one of the losses iou, giou, "),
        ("alpha-log_iou", " after alpha-, got log_iou"),
        ("focal-l1", "focal-l1: expected one of the losses iou, "),
        ("inner-focal", "inner-focal: expected one of the losses iou, "),
        ("inner-giou:inner=0", "inner-giou:inner=0: inner: expected "),
        ("focaler-giou:interval=0.5", "interval: expected two numbers such as (0.0, 0.95), got 0.5"),
        ("inner-giou:power=2", "inner-giou: expected one of the options inner, enclosing, got 'power'"),
        ("giou:overlap=2", "giou: expected one of the options enclosing, got 'overlap'"),
        ("wise-giou:version=4", "wise-giou:version=4: version: expected 2 or 3, got 4"),
        ("nwd:scale=0", "nwd:scale=0: scale: expected "),
    ],
)
def test_errors_name_the_prefix(text: str, message: str) -> None:
    with pytest.raises(LossNameError) as caught:
        loss_named(text)
    assert message in str(caught.value)


IOU_LOSSES = "giou, diou, ciou, eiou, siou, mpdiou, "


@pytest.mark.parametrize(
    ("prefix", "losses"),
    [
        ("inner", f"iou, {IOU_LOSSES}wiou, shapeiou, piou"),
        ("wise", f"iou, log_iou, {IOU_LOSSES}nwd, wiou, shapeiou, piou"),
        ("focal", f"iou, log_iou, {IOU_LOSSES}nwd, wiou, shapeiou, piou"),
    ],
)
def test_an_impossible_prefix_lists_the_losses_that_accept_it(prefix: str, losses: str) -> None:
    with pytest.raises(LossNameError) as caught:
        loss_named(f"{prefix}-l1")
    assert str(caught.value) == f"{prefix}-l1: expected one of the losses {losses} after {prefix}-, got l1"


def test_a_loss_of_another_kind_is_named_as_such() -> None:
    for text, losses, message in (
        ("focal:gamma=1", BOX_LOSSES, "'focal' is a loss of "),
        ("kld", BOX_LOSSES, "'kld' is a loss of "),
        ("giou", CLASS_LOSSES, "'giou' is a loss of boxes. There are: ce, "),
    ):
        with pytest.raises(LossNameError, match=message):
            loss_named(text, losses)


def test_variants_of_a_loss_are_different_losses() -> None:
    names = [loss.name for loss in losses_named("focal, focal:gamma=1.5,focal:gamma=1.5:alpha=none")]
    assert names == ["focal", "focal:gamma=1.5", "focal:alpha=none:gamma=1.5"]
    assert len(ALL_LOSSES) == len(losses_named(",".join(ALL_LOSSES)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("l1,L1", "expected every loss once, got l1 and l1"),
        ("focal,focal:gamma=2.0", "got focal and focal:gamma=2, which are the same"),
        ("focal:gamma=1:alpha=.5,focal:alpha=.5:gamma=1", "got focal:alpha=0.5:gamma=1 and focal:alpha=0.5:gamma=1"),
        ("log_iou,iou:form=log", "got log_iou and iou:form=log, which are the same"),
        ("inner-alpha-giou,alpha-inner-giou", "got alpha-inner-giou and alpha-inner-giou"),
        ("inner-giou,inner-giou:inner=0.7", "got inner-giou and inner-giou:inner=0.7, which are the same"),
    ],
)
def test_the_same_loss_twice_is_an_error(text: str, message: str) -> None:
    with pytest.raises(LossNameError, match=message):
        losses_named(text)
