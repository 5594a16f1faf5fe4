"""Losses for torchvision's detectors, and the result of one step with them."""

from typing import Any

import pytest
import torch
from torch import nn

import detloss
from tests.support import torchvision_models as models
from tests.support.torchvision_models import Batch, Build

Losses = dict[str, object]

FOCAL, L1, GIOU = detloss.SigmoidFocalLoss(), detloss.L1Loss(), detloss.GeneralizedIoULoss()
SMOOTH_L1 = detloss.SmoothL1Loss(beta=1 / 9)
SSD_OWN = {"box": detloss.SmoothL1Loss(), "classification": detloss.CrossEntropyLoss()}
RCNN_OWN = {
    "box": SMOOTH_L1,
    "classification": detloss.CrossEntropyLoss(),
    "proposal_box": SMOOTH_L1,
    "proposal_classification": detloss.BinaryCrossEntropyLoss(),
}
OWN: dict[Build, Losses] = {
    models.retinanet: {"box": L1, "classification": FOCAL},
    models.retinanet_v2: {"box": GIOU, "classification": FOCAL},
    models.fcos: {"box": GIOU, "classification": FOCAL},
    models.ssd: SSD_OWN,
    models.faster_rcnn: RCNN_OWN,
    models.mask_rcnn: RCNN_OWN,
}
OTHER: dict[Build, Losses] = {
    models.retinanet: {"box": detloss.CompleteIoULoss(), "classification": detloss.BinaryCrossEntropyLoss()},
    models.fcos: {"box": L1, "classification": detloss.SigmoidFocalLoss(alpha=[0.1, 0.2, 0.3, 0.4])},
    models.ssd: {"box": GIOU, "classification": detloss.CrossEntropyLoss(class_weight=[1.0, 2.0, 3.0, 4.0])},
    models.faster_rcnn: {
        "box": GIOU,
        "classification": detloss.SoftmaxFocalLoss(class_weight=[1.0, 2.0, 3.0, 4.0]),
        "proposal_box": detloss.DistanceIoULoss(),
        "proposal_classification": FOCAL,
    },
}
BUILDS = pytest.mark.parametrize("build", OWN, ids=lambda build: build.__name__)
OTHERS = pytest.mark.parametrize("build", OTHER, ids=lambda build: build.__name__)
KEYS = {
    "box": ("bbox_regression", "loss_box_reg"),
    "classification": ("classification", "loss_classifier"),
    "proposal_box": ("loss_rpn_box_reg",),
    "proposal_classification": ("loss_objectness",),
}


class Run:
    """The losses and gradients of one step in 64 bits; the anchors that a stage draws are the same in every run."""

    def __init__(self, model: nn.Module, batch: Batch) -> None:
        torch.manual_seed(0)
        model.double().zero_grad()
        images = [image.double() for image in batch[0]]
        losses = model(images, [{**target, "boxes": target["boxes"].double()} for target in batch[1]])
        sum(losses.values()).backward()
        self.losses = {name: loss.detach() for name, loss in losses.items()}
        self.gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}

    def assert_equal(self, other: "Run", tolerance: float = 1e-6) -> None:
        """Up to rounding: divisors are made in 32 bits."""
        for mine, others in ((self.losses, other.losses), (self.gradients, other.gradients)):
            assert list(mine) == list(others)
            for name, tensor in mine.items():
                allowed = tolerance * others[name].abs().max() + (1e-15 if tolerance else 0.0)
                assert (tensor - others[name]).abs().max() <= allowed, name

    def assert_same_bits(self, other: "Run") -> None:
        self.assert_equal(other, tolerance=0.0)


def spy(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[tuple[Any, Any]]:
    """The arguments and results of every call of a method of the framework, from now on."""
    calls, method = [], getattr(owner, name)

    def watched(self: object, *arguments: object) -> object:
        calls.append((arguments, method(self, *arguments)))
        return calls[-1][1]

    monkeypatch.setattr(owner, name, watched)
    return calls
