"""Names of losses with options: syntax, errors, and the named losses."""

import pytest
import torch

import detloss
from detloss.catalog import LOSSES, ROTATED_LOSSES
from detloss.experiments.loss_names import ALL_LOSSES, BOX_LOSSES, CLASS_LOSSES, LossNameError, loss_named, losses_named


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
    ],
)
def test_the_same_loss_twice_is_an_error(text: str, message: str) -> None:
    with pytest.raises(LossNameError, match=message):
        losses_named(text)
