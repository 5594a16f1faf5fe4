"""Divisors of the summed losses in torchvision's detectors, and weights that are kept."""

from collections import Counter
from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional
from torchvision.models.detection import _utils as detection
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.ssd import SSD

import detloss
from detloss.integrations.torchvision import use_losses
from tests.support import torchvision_models as models
from tests.support.torchvision_losses import (
    BUILDS,
    OWN,
    RCNN_OWN,
    Run,
    spy,
)
from tests.support.torchvision_models import Batch, Build


@pytest.fixture
def batch(seed: int) -> Batch:
    return models.pictures(seed)


assert_close = partial(torch.testing.assert_close, rtol=1e-6, atol=0.0, check_dtype=False)
ONE_STAGE = {models.retinanet: RetinaNetHead, models.fcos: FCOSHead, models.ssd: SSD}


class TestDivisor:
    @pytest.mark.parametrize("reduction", ["none", "mean"])
    @BUILDS
    def test_is_the_models_own_whatever_the_reduction(self, build: Build, reduction: str, batch: Batch) -> None:
        model = build()
        before = Run(model, batch).losses
        losses = {name: type(loss)(**{**loss.options(), "reduction": reduction}) for name, loss in OWN[build].items()}
        with use_losses(model, **losses):
            assert_close(Run(model, batch).losses, before)

    @pytest.mark.parametrize("build", ONE_STAGE, ids=lambda build: build.__name__)
    def test_is_the_normalizer_of_the_batchs_positives(
        self, build: Build, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = spy(monkeypatch, ONE_STAGE[build], "compute_loss")
        model = build()
        sums: Counter[str] = Counter()
        positives = 0
        for image, target in zip(*batch):
            losses = Run(model, ([image], [target])).losses
            (_, _, _, [matched]), _ = calls[-1]
            count = int((matched >= 0).sum())
            positives += count
            sums.update({name: loss * max(1, count) for name, loss in losses.items() if name != "bbox_ctrness"})
        for minimum in (1.0, 1000.0):
            with use_losses(model, **OWN[build], normalizer=detloss.Normalizer(minimum=minimum)):
                losses = Run(model, batch).losses
            for name, total in sums.items():
                assert_close(losses[name], total / max(positives, minimum))

    @pytest.mark.parametrize("momentum", [None, 0.9])
    def test_is_the_normalizer_of_the_positives_of_each_stage(
        self, momentum: float | None, batch: Batch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = spy(monkeypatch, detection.BalancedPositiveNegativeSampler, "__call__")
        model = models.faster_rcnn()
        own = Run(model, batch).losses
        drawn = [[int(torch.cat(masks).sum()) for masks in result] for _, result in calls]
        with use_losses(model, **RCNN_OWN, normalizer=detloss.Normalizer(momentum=momentum)):
            ours = Run(model, batch).losses
        stages = (("loss_objectness", "loss_rpn_box_reg"), ("loss_classifier", "loss_box_reg"))
        for names, (positive, negative) in zip(stages, drawn):
            for name in names:
                assert_close(ours[name], own[name] * (positive + negative) / positive)

    def test_is_updated_once_per_step_if_it_has_momentum(self, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = spy(monkeypatch, FCOSHead, "compute_loss")
        model = models.fcos()
        images, targets = batch
        steps = [(images[:1], targets[:1]), (images[2:], targets[2:])]
        alone = [Run(model, step).losses["classification"] for step in steps]
        first, second = (int((torch.stack(matched) >= 0).sum()) for (_, _, _, matched), _ in calls)
        with use_losses(model, **OWN[models.fcos], normalizer=detloss.Normalizer(momentum=0.75)):
            smooth = [Run(model, step).losses["classification"] for step in steps]
        assert_close(smooth[0], alone[0])
        assert_close(smooth[1], alone[1] * second / (0.75 * first + 0.25 * second))

    def test_leaves_class_weights_as_they_are(self, batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
        model = models.faster_rcnn()
        weights = torch.tensor([0.5, 2.0, 0.0, 3.0], dtype=torch.float64)
        with use_losses(model, classification=detloss.CrossEntropyLoss(class_weight=weights)):
            ours = Run(model, batch)
        summed = partial(functional.cross_entropy, weight=weights, reduction="sum")
        functions = {**vars(functional), "cross_entropy": lambda logits, labels: summed(logits, labels) / len(labels)}
        monkeypatch.setattr("torchvision.models.detection.roi_heads.F", SimpleNamespace(**functions))
        ours.assert_equal(Run(model, batch))
