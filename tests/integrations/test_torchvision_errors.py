"""Errors of `use_losses` on torchvision's detectors, which leave the model unchanged."""

import re
from functools import partial

import pytest
from torch import nn

import detloss
from detloss.integrations.torchvision import use_losses
from tests.support import torchvision_models as models
from tests.support.torchvision_losses import FOCAL, L1, RCNN_OWN
from tests.support.torchvision_models import Build


class TestErrors:
    def check(self, build: Build, error: type[Exception], message: str, **losses: object) -> None:
        model = build()
        attributes = [set(vars(module)) for module in model.modules()]
        with pytest.raises(error, match=f"^{re.escape(message)}"):
            use_losses(model, **losses)
        assert [set(vars(module)) for module in model.modules()] == attributes

    def test_another_model(self) -> None:
        message = "model: expected RetinaNet, FCOS, FasterRCNN or SSD of torchvision, got Sequential"
        self.check(nn.Sequential, TypeError, message, box=L1)

    def test_no_losses_given(self) -> None:
        message = "box, classification: expected at least one loss, got none"
        self.check(models.ssd, ValueError, message)
        self.check(models.ssd, ValueError, message, normalizer=detloss.Normalizer())
        self.check(models.faster_rcnn, ValueError, message)

    @pytest.mark.parametrize(
        ("build", "loss", "reason"),
        [
            (
                models.retinanet,
                detloss.CrossEntropyLoss(),
                "RetinaNet has one logit per class and none for the background",
            ),
            (models.fcos, detloss.SoftmaxFocalLoss(), "FCOS has one logit per class and none for the background"),
            (models.ssd, FOCAL, "SSD has one logit per class, of which class 0 is the background"),
            (
                models.faster_rcnn,
                FOCAL,
                "Faster R-CNN's box head has one logit per class, of which class 0 is the background",
            ),
        ],
        ids=["RetinaNet", "FCOS", "SSD", "box head"],
    )
    def test_a_class_loss_of_the_other_kind(self, build: Build, loss: nn.Module, reason: str) -> None:
        kinds = ["one-vs-rest logits", "softmax logits"]
        expected, given = kinds if loss is not FOCAL else reversed(kinds)
        names = "CrossEntropyLoss, SoftmaxFocalLoss"
        if loss is not FOCAL:
            expected += " or one-vs-rest logits with qualities"
            names = (
                "BinaryCrossEntropyLoss, BalancedCrossEntropyLoss, SigmoidFocalLoss, AsymmetricLoss, "
                "QualityFocalLoss, VarifocalLoss, MatchabilityAwareLoss, IoUAwareCrossEntropyLoss"
            )
        got = type(loss).__name__
        message = (
            f"classification: expected a loss of {expected} ({names}), because {reason}; got {got}, a loss of {given}"
        )
        self.check(build, ValueError, message, classification=loss)

    def test_a_softmax_for_proposals(self) -> None:
        message = (
            "proposal_classification: expected a loss of one-vs-rest logits (BinaryCrossEntropyLoss, "
            "BalancedCrossEntropyLoss, SigmoidFocalLoss, AsymmetricLoss), because the region proposal network has one "
            "objectness logit per anchor; got CrossEntropyLoss, a loss of softmax logits"
        )
        self.check(models.faster_rcnn, ValueError, message, box=L1, proposal_classification=detloss.CrossEntropyLoss())

    @pytest.mark.parametrize("name", ["box", "proposal_box"])
    def test_a_box_loss_that_does_not_fit(self, name: str) -> None:
        message = (
            f"{name}: expected a loss of boxes or numbers (L1Loss, L2Loss, SmoothL1Loss, CharbonnierLoss, "
            "BalancedL1Loss, LogCoshLoss, IoULoss, GeneralizedIoULoss, DistanceIoULoss, CompleteIoULoss, "
            "EfficientIoULoss, ScyllaIoULoss, MinimumPointsDistanceIoULoss, NormalizedWassersteinLoss, WiseIoULoss, "
            "ShapeIoULoss, PowerfulIoULoss), because it compares boxes or their encoded offsets; got"
        )
        self.check(models.faster_rcnn, ValueError, message, **{name: FOCAL})
        message = f"{name}: expected geometry=AxisAligned(), corners x1, y1, x2, y2, got AxisAligned(format='ltrb'"
        distances = detloss.AxisAligned(format="ltrb")
        self.check(models.faster_rcnn, ValueError, message, **{name: detloss.IoULoss(geometry=distances)})
        self.check(models.faster_rcnn, ValueError, message, **{name: partial(detloss.iou_loss, geometry=distances)})

    def test_the_class_of_a_loss(self) -> None:
        message = "box: expected an instance, GeneralizedIoULoss(), got the class GeneralizedIoULoss"
        self.check(models.retinanet, TypeError, message, box=detloss.GeneralizedIoULoss)

    @pytest.mark.parametrize(
        ("weights", "error", "message"),
        [
            ({"box_weight": "2"}, TypeError, "box_weight: expected a number, got str"),
            ({"box_weight": -1.0}, ValueError, "box_weight: expected a finite number of at least 0, got -1.0"),
            ({"box_weight": float("nan")}, ValueError, "box_weight: expected a finite number of at least 0, got nan"),
            (
                {"classification_weight": 2.0},
                ValueError,
                "classification_weight: expected 1.0 without a loss for classification, got 2.0",
            ),
        ],
    )
    def test_a_weight(self, weights: dict[str, object], error: type[Exception], message: str) -> None:
        self.check(models.retinanet, error, message, box=L1, **weights)

    @pytest.mark.parametrize("name", list(RCNN_OWN))
    def test_a_loss_of_another_library(self, name: str) -> None:
        message = f"{name}: expected a loss of detloss, its function or its module, got SmoothL1Loss()"
        self.check(models.faster_rcnn, TypeError, message, **{name: nn.SmoothL1Loss()})

    @pytest.mark.parametrize("name", ["proposal_box", "proposal_classification"])
    def test_proposals_of_models_without_them(self, name: str) -> None:
        message = f"{name}: expected None for RetinaNet, a model without region proposals, got SigmoidFocalLoss"
        self.check(models.retinanet, ValueError, message, box=L1, **{name: FOCAL})

    @pytest.mark.parametrize("build", [models.retinanet, models.fcos], ids=lambda build: build.__name__)
    def test_a_label_that_does_not_exist(self, build: Build, seed: int) -> None:
        images, targets = models.pictures(seed)
        targets[0]["labels"][:] = models.CLASSES
        model = build()
        use_losses(model, classification=FOCAL)
        with pytest.raises(IndexError, match=f"index {models.CLASSES} is out of bounds"):
            model(images, targets)

    def test_a_number_for_the_normalizer(self) -> None:
        message = "normalizer: expected a detloss.Normalizer, got 3"
        self.check(models.retinanet, TypeError, message, box=L1, normalizer=3)
