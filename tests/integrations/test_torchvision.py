"""Losses in torchvision's detectors: with our versions of their losses nothing changes, and boxes are decoded."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection import _utils as detection
from torchvision.models.detection.fcos import FCOSHead
from torchvision.ops import box_iou, distance_box_iou_loss, generalized_box_iou_loss

import detloss
from detloss.integrations.torchvision import use_losses
from tests.support import torchvision_models as models
from tests.support.torchvision_losses import (
    BUILDS,
    FOCAL,
    KEYS,
    OTHER,
    OTHERS,
    OWN,
    SSD_OWN,
    Losses,
    Run,
    spy,
)
from tests.support.torchvision_models import Batch, Build


@pytest.fixture
def batch(seed: int) -> Batch:
    return models.pictures(seed)


def subsets() -> Iterator[object]:
    """Our versions of the model's losses: all of them, and each one separately."""
    for build, losses in OWN.items():
        for names in (tuple(losses), *((name,) for name in losses)):
            yield pytest.param(
                build, {name: losses[name] for name in names}, id=f"{build.__name__}-{'all' if names[1:] else names[0]}"
            )


class TestTheModelsOwnLosses:
    @pytest.mark.parametrize(("build", "losses"), list(subsets()))
    def test_are_the_same_in_ours(self, build: Build, losses: Losses, batch: Batch) -> None:
        model = build()
        before = Run(model, batch)
        with use_losses(model, **losses):
            Run(model, batch).assert_equal(before)

    @BUILDS
    def test_are_restored_bit_for_bit(self, build: Build, batch: Batch) -> None:
        model, other = build(), build()
        attributes = [set(vars(module)) for module in model.modules()]
        before, of_other = Run(model, batch), Run(other, batch)
        handle = use_losses(model, **OWN[build])
        Run(model, batch)
        Run(other, batch).assert_same_bits(of_other)
        handle.remove()
        Run(model, batch).assert_same_bits(before)
        assert [set(vars(module)) for module in model.modules()] == attributes

    @BUILDS
    def test_are_the_same_if_no_image_has_a_box(self, build: Build, seed: int) -> None:
        batch = models.pictures(seed, counts=(0, 0))
        model = build()
        before = Run(model, batch)
        with use_losses(model, **OWN[build]):
            Run(model, batch).assert_equal(before)

    def test_of_ssd_are_the_same_if_background_is_scarce(self, batch: Batch) -> None:
        model = models.ssd()
        model.proposal_matcher = detection.SSDMatcher(0.02)
        before = Run(model, batch)
        with use_losses(model, **SSD_OWN):
            Run(model, batch).assert_equal(before)

    def test_of_retinanet_ignore_anchors_between_the_thresholds(self, batch: Batch) -> None:
        model = models.retinanet(fg_iou_thresh=0.6, bg_iou_thresh=0.05)
        before = Run(model, batch)
        with use_losses(model, classification=FOCAL):
            Run(model, batch).assert_equal(before)

    @OTHERS
    def test_that_are_not_replaced_stay(self, build: Build, batch: Batch) -> None:
        model = build()
        before = Run(model, batch).losses
        for name, loss in OTHER[build].items():
            with use_losses(model, **{name: loss}):
                after = Run(model, batch).losses
            assert list(after) == list(before)
            for key, value in after.items():
                if key in KEYS[name]:
                    assert value != before[key]
                else:
                    torch.testing.assert_close(value, before[key], rtol=1e-6, atol=0.0)

    def test_of_classes_work_with_one_class_if_replaced(self, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = spy(monkeypatch, FCOSHead, "compute_loss")
        model = models.fcos()
        for name, classes in (("box", models.CLASSES), ("classification", 1)):
            with use_losses(model, **{name: OWN[models.fcos][name]}):
                Run(model, batch)
            (_, outputs, _, _), _ = calls[-1]
            assert outputs["cls_logits"].shape[-1] == classes

    @OTHERS
    def test_do_not_change_detections(self, build: Build, batch: Batch) -> None:
        model = build().eval()
        images, _ = batch
        before = model(images)
        with use_losses(model, **OTHER[build]):
            after = model(images)
        for mine, theirs in zip(after, before):
            assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


class TestWeights:
    @OTHERS
    def test_multiply_their_terms(self, build: Build, batch: Batch) -> None:
        model = build()
        with use_losses(model, **OTHER[build]):
            plain = Run(model, batch)
        with use_losses(model, **OTHER[build], **{f"{name}_weight": 1.0 for name in OTHER[build]}):
            Run(model, batch).assert_same_bits(plain)
        for name in OTHER[build]:
            with use_losses(model, **OTHER[build], **{f"{name}_weight": 4.0}):
                losses = Run(model, batch).losses
            for key, value in losses.items():
                assert value == (4.0 if key in KEYS[name] else 1.0) * plain.losses[key]


SEEN: list[tuple[Tensor, Tensor]] = []


class SpiedLoss(detloss.GeneralizedIoULoss):
    """GIoU that records its operands."""

    def forward(self, pred: Tensor, target: Tensor, **options: Tensor) -> Tensor:
        SEEN.append((pred, target))
        return super().forward(pred, target, **options)


QUALITIES: list[tuple[Tensor, Tensor]] = []


class SpiedClassLoss(detloss.QualityFocalLoss):
    """Quality focal loss that records targets and qualities."""

    def forward(self, logits: Tensor, target: Tensor, **options: Tensor) -> Tensor:
        QUALITIES.append((target, options["quality"]))
        return super().forward(logits, target, **options)


BOX_CODERS = [
    pytest.param(models.ssd, "box", (10.0, 10.0, 5.0, 5.0), "torch.nn.functional", id="SSD"),
    pytest.param(
        models.faster_rcnn, "box", (10.0, 10.0, 5.0, 5.0), "torchvision.models.detection.roi_heads.F", id="box head"
    ),
    pytest.param(
        models.faster_rcnn, "proposal_box", (1.0, 1.0, 1.0, 1.0), "torchvision.models.detection.rpn.F", id="proposals"
    ),
]


class TestBoxes:
    @pytest.mark.parametrize(("build", "place", "weights", "functions"), BOX_CODERS)
    def test_are_decoded(
        self,
        build: Build,
        place: str,
        weights: tuple[float, ...],
        functions: str,
        batch: Batch,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def giou_of_encoded(pred: Tensor, target: Tensor, *, reduction: str, beta: float = 1.0) -> Tensor:
            """GIoU does not change with the origin and the units of an axis, so any box may be the reference."""
            unit = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(len(pred), 4)
            decode = partial(detection.BoxCoder(weights).decode_single, boxes=unit)
            return generalized_box_iou_loss(decode(pred), decode(target), reduction=reduction)

        model = build()
        with use_losses(model, **{place: detloss.GeneralizedIoULoss()}):
            ours = Run(model, batch)
        monkeypatch.setattr(functions, SimpleNamespace(**{**vars(functional), "smooth_l1_loss": giou_of_encoded}))
        ours.assert_equal(Run(model, batch), tolerance=1e-4)  # torchvision adds 1e-7 to an area

    @pytest.mark.parametrize(
        ("name", "loss"),
        [
            ("l1", detloss.l1_loss),
            ("smooth_l1", detloss.smooth_l1_loss),
            ("giou", detloss.generalized_iou_loss),
            ("diou", detloss.DistanceIoULoss(reduction="none")),
            ("ciou", partial(detloss.complete_iou_loss, reduction="none")),
        ],
    )
    def test_of_retinanet_have_the_configured_loss(self, name: str, loss: Callable[..., Tensor], batch: Batch) -> None:
        model = models.retinanet()
        with use_losses(model, box=loss):
            ours = Run(model, batch)
        model.head.regression_head._loss_type = name
        ours.assert_equal(Run(model, batch))

    @pytest.mark.parametrize(
        ("loss", "oracle"),
        [
            (detloss.DistanceIoULoss(), distance_box_iou_loss),
            # Where every anchor is 8 pixels wide, distances are in units of 8 pixels.
            (detloss.L1Loss(), lambda pred, target, reduction: (pred - target).abs().sum() / 8),
        ],
        ids=["DIoU", "L1"],
    )
    def test_of_fcos_are_decoded_or_encoded(
        self, loss: nn.Module, oracle: Callable[..., Tensor], batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = models.fcos(sizes=((8,), (8,)))
        with use_losses(model, box=loss):
            ours = Run(model, batch)
        monkeypatch.setattr("torchvision.models.detection.fcos.generalized_box_iou_loss", oracle)
        ours.assert_equal(Run(model, batch))

    @pytest.mark.parametrize("build", [models.retinanet, models.retinanet_v2, models.fcos])
    def test_have_their_overlap_as_quality(self, build: Build, batch: Batch) -> None:
        model = build()
        SEEN.clear()
        QUALITIES.clear()
        with use_losses(model, box=SpiedLoss(), classification=SpiedClassLoss()):
            sum(model(*batch).values()).backward()
        ((pred, target),), ((labels, quality),) = SEEN, QUALITIES
        assert not quality.requires_grad
        positive = labels.bool()
        assert positive.sum() == len(pred) > 0
        torch.testing.assert_close(quality[positive], box_iou(pred.detach(), target).diagonal(), rtol=1e-5, atol=1e-6)

    @OTHERS
    def test_keep_32_bits_under_autocast(self, build: Build, batch: Batch) -> None:
        model = build()
        SEEN.clear()
        with use_losses(model, box=SpiedLoss()), torch.autocast("cpu", torch.bfloat16):
            losses = model(*batch)
        assert all(loss.isfinite() for loss in losses.values())
        assert [(pred.dtype, target.dtype) for pred, target in SEEN] == [(torch.float32, torch.float32)]
