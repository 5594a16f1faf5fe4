"""Torchvision's detectors at a size that trains in milliseconds, and images of rectangles for them."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator, DefaultBoxGenerator
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.models.detection.ssd import SSD
from torchvision.ops import MultiScaleRoIAlign

CLASSES = 4
SIDE = 64
Batch = tuple[list[Tensor], list[dict[str, Tensor]]]


class Backbone(nn.Module):
    """Feature maps of strides 8 and 16."""

    out_channels = 32

    def __init__(self) -> None:
        super().__init__()
        channels = self.out_channels
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 8, stride=8), nn.ReLU())
        self.top = nn.Sequential(nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.ReLU())

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        low = self.stem(images)
        return OrderedDict(low=low, high=self.top(low))


def anchors(aspect_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)) -> AnchorGenerator:
    return AnchorGenerator(((16,), (32,)), (aspect_ratios,) * 2)


SIZE = {"min_size": SIDE, "max_size": SIDE}


def retinanet(**options: object) -> RetinaNet:
    return RetinaNet(Backbone(), CLASSES, anchor_generator=anchors(), **SIZE, **options)


def retinanet_v2() -> RetinaNet:
    """As retinanet_resnet50_fpn_v2 builds it: group norm in the head, GIoU for its boxes."""
    head = RetinaNetHead(Backbone.out_channels, 3, CLASSES, norm_layer=partial(nn.GroupNorm, 32))
    head.regression_head._loss_type = "giou"
    return retinanet(head=head)


def fcos(sizes: tuple[tuple[int, ...], ...] = ((8,), (16,))) -> FCOS:
    generator = AnchorGenerator(sizes, ((1.0,),) * 2)
    return FCOS(Backbone(), CLASSES, anchor_generator=generator, **SIZE)


def rcnn(build: type[FasterRCNN], **options: object) -> FasterRCNN:
    return build(
        Backbone(),
        CLASSES,
        rpn_anchor_generator=anchors(),
        box_roi_pool=MultiScaleRoIAlign(["low", "high"], 3, 1),
        rpn_pre_nms_top_n_train=40,
        rpn_post_nms_top_n_train=20,
        rpn_batch_size_per_image=32,
        box_batch_size_per_image=16,
        **SIZE,
        **options,
    )


def faster_rcnn() -> FasterRCNN:
    return rcnn(FasterRCNN)


def mask_rcnn() -> MaskRCNN:
    return rcnn(MaskRCNN, mask_roi_pool=MultiScaleRoIAlign(["low", "high"], 3, 1))


def ssd() -> SSD:
    backbone = Backbone()
    backbone.out_channels = [Backbone.out_channels] * 2
    boxes = DefaultBoxGenerator([[2], [2]], scales=[0.2, 0.45, 0.7], steps=[8, 16])
    return SSD(backbone, boxes, (SIDE, SIDE), CLASSES)


Build = Callable[[], nn.Module]


def pictures(seed: int, counts: tuple[int, ...] = (2, 0, 3, 1)) -> Batch:
    """Rectangles on noise, each in the color of its class, and a seed for the model that is built next."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    images, targets = [], []
    for count in counts:
        image = torch.rand(3, SIDE, SIDE, generator=generator) * 0.2
        corner = torch.randint(0, SIDE // 2, (count, 2), generator=generator)
        size = torch.randint(12, SIDE // 2 + 1, (count, 2), generator=generator)
        boxes = torch.cat((corner, corner + size), dim=1)
        labels = torch.randint(1, CLASSES, (count,), generator=generator)
        masks = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
        for (x1, y1, x2, y2), label, mask in zip(boxes.tolist(), labels.tolist(), masks):
            image[:, y1:y2, x1:x2] = 0.1
            image[label - 1, y1:y2, x1:x2] = 1.0
            mask[y1:y2, x1:x2] = 1
        images.append(image)
        targets.append({"boxes": boxes.float().reshape(-1, 4), "labels": labels, "masks": masks})
    return images, targets
