"""Agreement of compat.fvcore with fvcore; of DIoU and CIoU loss, from detectron2, with torchvision's copies."""

import warnings

import pytest
import torch
from torchvision import ops

from detloss.compat import fvcore as ours
from tests.support.compat_agreement import (
    REDUCTIONS,
    assert_agree,
    gradient,
    parameters,
    random_boxes,
    random_numbers,
    random_shares,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import compiles with torch.jit
    import fvcore.nn as theirs


@pytest.mark.parametrize("name", ["sigmoid_focal_loss", "giou_loss", "smooth_l1_loss"])
def test_signature(name: str) -> None:
    assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name))


@pytest.mark.parametrize("mine", [ours.diou_loss, ours.ciou_loss])
def test_signature_of_detectron2(mine: object) -> None:
    assert parameters(mine) == parameters(theirs.giou_loss)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("gamma", [0, 2, 2.5])
@pytest.mark.parametrize("alpha", [-1, -0.5, 0, 0.25, 1])
def test_focal(alpha: float, gamma: float, reduction: str, seed: int) -> None:
    logits, targets = random_numbers(seed, 5, 7).float(), random_shares(seed + 1, 5, 7).float()
    for mine, peer in (
        (ours.sigmoid_focal_loss, theirs.sigmoid_focal_loss),
        (ours.sigmoid_focal_loss_jit, theirs.sigmoid_focal_loss_jit),
    ):
        assert_agree(
            lambda x, t, mine=mine: mine(x, t, alpha, gamma, reduction),
            lambda x, t, peer=peer: peer(x, t, float(alpha), float(gamma), reduction),
            logits,
            targets,
            rtol=1e-3,
            atol=1e-5,
        )


def test_focal_default_has_no_alpha(seed: int) -> None:
    logits, targets = random_numbers(seed, 9).float(), random_shares(seed + 1, 9).round().float()
    torch.testing.assert_close(
        ours.sigmoid_focal_loss(logits, targets), theirs.sigmoid_focal_loss(logits, targets), rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_boxes(reduction: str, seed: int) -> None:
    for mine, peer in (
        (ours.giou_loss, theirs.giou_loss),
        (ours.diou_loss, ops.distance_box_iou_loss),
        (ours.ciou_loss, ops.complete_box_iou_loss),
    ):
        assert_agree(
            lambda a, b, mine=mine: mine(a, b, reduction, 1e-7),
            lambda a, b, peer=peer: peer(a, b, reduction, 1e-7),
            *random_boxes(seed),
            rtol=1e-6,
            atol=1e-8,
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("beta", [0.0, 0.1, 1.0, 5.0])
def test_smooth_l1(beta: float, reduction: str, seed: int) -> None:
    assert_agree(
        lambda a, b: ours.smooth_l1_loss(a, b, beta, reduction),
        lambda a, b: theirs.smooth_l1_loss(a, b, beta, reduction),
        random_numbers(seed, 6, 4),
        random_numbers(seed + 1, 6, 4),
    )


def test_smooth_l1_needs_beta() -> None:
    for library in (ours, theirs):
        with pytest.raises(TypeError, match="beta"):
            library.smooth_l1_loss(torch.zeros(1), torch.zeros(1))


def test_empty() -> None:
    nothing = torch.zeros(0, 4)
    for library in (ours, theirs):
        assert library.giou_loss(nothing, nothing, "mean") == 0
        assert library.smooth_l1_loss(nothing, nothing, 1.0, "mean") == 0
        assert library.sigmoid_focal_loss(nothing, nothing).shape == (0, 4)
    assert theirs.sigmoid_focal_loss(nothing, nothing, reduction="mean").isnan()
    assert ours.sigmoid_focal_loss(nothing, nothing, reduction="mean") == 0


# ------------------------------------------------------------------------- the table: each row from both sides


def test_table_focal_dtypes() -> None:
    for dtype, mine in ((torch.float64, torch.float64), (torch.bfloat16, torch.bfloat16)):
        logits = torch.zeros(2, dtype=dtype)
        assert theirs.sigmoid_focal_loss(logits, logits).dtype == torch.float32
        assert ours.sigmoid_focal_loss(logits, logits).dtype == mine
    assert ours.sigmoid_focal_loss(logits, logits, reduction="sum").dtype == torch.float32


def test_table_focal_alpha() -> None:
    logits = torch.zeros(1)
    assert theirs.sigmoid_focal_loss(logits, logits, alpha=2.0) < 0
    with pytest.raises(ValueError, match="alpha"):
        ours.sigmoid_focal_loss(logits, logits, alpha=2.0)


def test_table_inverted() -> None:
    square = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    inverted = square[:, [2, 3, 0, 1]]
    with pytest.raises(AssertionError, match="bad box"):
        theirs.giou_loss(inverted, square)
    assert ours.giou_loss(inverted, square) >= 1


def test_table_smooth_l1() -> None:
    error, zero, beta = torch.tensor([2e-6], dtype=torch.float64), torch.zeros(1, dtype=torch.float64), 8e-6
    assert theirs.smooth_l1_loss(error, zero, beta).item() == 2e-6
    assert ours.smooth_l1_loss(error, zero, beta).item() == pytest.approx(2e-6 * (2e-6 / 8e-6) / 2)
    far = torch.tensor([1e20])
    assert theirs.smooth_l1_loss(far, torch.zeros(1), 1e30).isinf()
    assert ours.smooth_l1_loss(far, torch.zeros(1), 1e30).item() == pytest.approx(5e9)
    assert gradient(lambda x: ours.smooth_l1_loss(x, torch.zeros(1), 1e30), far).item() == pytest.approx(1e-10)


def test_table_unknown_reduction() -> None:
    zeros = torch.zeros(2)
    assert theirs.smooth_l1_loss(zeros, zeros, 1.0, "avg").shape == (2,)
    with pytest.raises(ValueError, match="reduction"):
        ours.smooth_l1_loss(zeros, zeros, 1.0, "avg")
