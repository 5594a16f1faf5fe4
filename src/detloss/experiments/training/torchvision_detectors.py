"""RetinaNet, FCOS and Faster R-CNN of torchvision, for small images and short trainings."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign

from detloss.catalog import Kind, Loss
from detloss.detectors.backbone import SmallPyramid, convolution
from detloss.experiments.training.detector_interface import FrameworkDetector, LossTerms, loss_modules
from detloss.integrations.adapt import ONE_VS_REST
from detloss.integrations.torchvision import use_losses

STRIDES = (4, 8, 16, 32)
RATIOS = (0.5, 1.0, 2.0)
OCTAVE = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))  # anchor sizes per level
MOST_DETECTIONS = 100
LEAST_SCORE = 0.05

# Faster R-CNN: an image of 64 x 64 pixels has about a thousand anchors, a photograph a hundred thousand.
PROPOSALS = 100
SAMPLED = 64
POOLED = 5
HIDDEN = 256


class FeatureLevels(nn.Module):
    """UnitBox's small pyramid, followed by coarser levels: strides 4, 8, 16 and 32."""

    out_channels = 64  # a multiple of the 32 groups of the normalization in FCOS's head

    def __init__(self) -> None:
        super().__init__()
        self.pyramid = SmallPyramid()
        self.levels = nn.ModuleList([convolution(self.pyramid.out_channels, self.out_channels)])
        self.levels.extend(convolution(self.out_channels, self.out_channels, stride=2) for _ in STRIDES[1:])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Map (B, 3, H, W) in [0, 1] to levels by the name of their stride, the finest first."""
        features: Tensor = self.pyramid(images)
        levels = {}
        for stride, level in zip(STRIDES, self.levels):
            features = level(features)
            levels[str(stride)] = features
        return levels


def retinanet(num_classes: int, box: Loss, cls: Loss, weight: float) -> FrameworkDetector:
    """RetinaNet: nine anchors per cell, one logit per class."""
    reason = "retinanet has one logit per class and none for the background"
    box_loss, class_loss = loss_modules(box, cls, ONE_VS_REST, reason)
    anchors = AnchorGenerator(
        tuple(tuple(2 * stride * size for size in OCTAVE) for stride in STRIDES), (RATIOS,) * len(STRIDES)
    )
    backbone = FeatureLevels()
    head = RetinaNetHead(
        backbone.out_channels, anchors.num_anchors_per_location()[0], num_classes, partial(nn.GroupNorm, 32)
    )
    network = RetinaNet(
        backbone,
        num_classes,
        anchor_generator=anchors,
        head=head,
        score_thresh=LEAST_SCORE,
        detections_per_img=MOST_DETECTIONS,
    )
    use_losses(network, box=box_loss, classification=class_loss)
    return TorchvisionDetector(network, {"classification": {"classification": 1.0}, "box": {"bbox_regression": weight}})


def fcos(num_classes: int, box: Loss, cls: Loss, weight: float) -> FrameworkDetector:
    """FCOS: no anchors; cells near the center of an object predict the distances to its sides, and the centerness."""
    reason = "fcos has one logit per class and none for the background"
    box_loss, class_loss = loss_modules(box, cls, ONE_VS_REST, reason)
    network = FCOS(
        FeatureLevels(),
        num_classes,
        anchor_generator=AnchorGenerator(tuple((stride,) for stride in STRIDES), ((1.0,),) * len(STRIDES)),
        score_thresh=LEAST_SCORE,
        detections_per_img=MOST_DETECTIONS,
    )
    use_losses(network, box=box_loss, classification=class_loss)
    return TorchvisionDetector(
        network, {"classification": {"classification": 1.0, "bbox_ctrness": 1.0}, "box": {"bbox_regression": weight}}
    )


def faster_rcnn(num_classes: int, box: Loss, cls: Loss, weight: float) -> FrameworkDetector:
    """Faster R-CNN: the losses of the trial are used in the box head; the region proposals keep torchvision's own."""
    reason = (
        "faster-rcnn has one logit per class and one for the background, "
        "and selects the proposals that it trains on during training"
    )
    box_loss, class_loss = loss_modules(box, cls, (Kind.SOFTMAX,), reason)
    backbone = FeatureLevels()
    network = FasterRCNN(
        backbone,
        rpn_anchor_generator=AnchorGenerator(tuple((3 * stride,) for stride in STRIDES), (RATIOS,) * len(STRIDES)),
        rpn_pre_nms_top_n_train=2 * PROPOSALS,
        rpn_pre_nms_top_n_test=2 * PROPOSALS,
        rpn_post_nms_top_n_train=PROPOSALS,
        rpn_post_nms_top_n_test=PROPOSALS,
        rpn_batch_size_per_image=SAMPLED,
        box_roi_pool=MultiScaleRoIAlign([str(stride) for stride in STRIDES], POOLED, sampling_ratio=2),
        box_head=TwoMLPHead(backbone.out_channels * POOLED**2, HIDDEN),
        box_predictor=FastRCNNPredictor(HIDDEN, num_classes + 1),
        box_score_thresh=LEAST_SCORE,
        box_detections_per_img=MOST_DETECTIONS,
        box_batch_size_per_image=SAMPLED,
    )
    use_losses(network, box=box_loss, classification=class_loss)
    return TorchvisionDetector(
        network,
        {
            "classification": {"loss_classifier": 1.0, "loss_objectness": 1.0},
            "box": {"loss_box_reg": weight, "loss_rpn_box_reg": 1.0},
        },
        first_label=1,
    )


TORCHVISION = {"retinanet": retinanet, "fcos": fcos, "faster-rcnn": faster_rcnn}


class TorchvisionDetector(FrameworkDetector):
    """A detector of torchvision; its classes start at 0, or at 1 where 0 is the background."""

    def __init__(self, network: nn.Module, terms: LossTerms, *, first_label: int = 0) -> None:
        super().__init__(network, terms)
        self.network.transform = NoTransform()
        self.first_label = first_label

    def framework_losses(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = self.network(
            list(images), [{**target, "labels": target["labels"] + self.first_label} for target in targets]
        )
        return found

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        return [{**found, "labels": found["labels"] - self.first_label} for found in self.network(list(images))]


class NoTransform(GeneralizedRCNNTransform):  # type: ignore[misc]  # torchvision has no types
    """Neither resizing nor normalization: images already have their size, and the backbone takes [0, 1]."""

    def __init__(self) -> None:
        super().__init__(min_size=0, max_size=0, image_mean=[0.0] * 3, image_std=[1.0] * 3, size_divisible=STRIDES[-1])

    def resize(self, image: Tensor, target: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor] | None]:
        """Return the image unchanged."""
        return image, target
