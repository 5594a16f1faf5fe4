"""YOLOv8n of ultralytics with its head for small objects, trained by the loop of the trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel, yaml_model_load
from ultralytics.utils.nms import non_max_suppression

from detloss.catalog import Loss
from detloss.experiments.training.detector_interface import FrameworkDetector, loss_modules
from detloss.integrations.adapt import ONE_VS_REST
from detloss.integrations.ultralytics import use_losses

# The settings of ultralytics' validation, except for the number of detections, of which COCO's AP uses a hundred.
LEAST_SCORE = 0.001
MOST_OVERLAP = 0.7
MOST_DETECTIONS = 100
NMS_TIME_LIMIT = 1e6  # seconds per image: the boxes must not depend on the load of the machine

# ultralytics' .03 is for many epochs: after a few hundred steps its running averages still lag behind the weights.
MOMENTUM = 0.1


def yolo(num_classes: int, box: Loss, cls: Loss, weight: float) -> FrameworkDetector:
    """YOLOv8n: no anchors; its class targets are soft and depend on the overlap of the prediction."""
    reason = "yolo has one logit per class and none for the background"
    box_loss, class_loss = loss_modules(box, cls, ONE_VS_REST, reason)
    configuration = {**yaml_model_load("yolov8n-p2.yaml"), "nc": num_classes}  # type: ignore[no-untyped-call]
    network: Any = DetectionModel(configuration, verbose=False)  # type: ignore[no-untyped-call]
    network.args = get_cfg()  # ultralytics' own gains
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = MOMENTUM
    use_losses(network, box=box_loss, classification=class_loss)
    return YoloDetector(network, {"classification": {"class": 1.0}, "box": {"box": weight, "distribution": 1.0}})


class YoloDetector(FrameworkDetector):
    """A detection model of ultralytics."""

    def framework_losses(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
        padded = self.padded(images)
        height, width = padded.shape[-2:]
        boxes = torch.cat([target["boxes"] for target in targets])
        centers, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        counts = torch.tensor([len(target["boxes"]) for target in targets], device=boxes.device)
        batch = {
            "img": padded,
            "batch_idx": torch.arange(len(targets), device=boxes.device).repeat_interleave(counts).to(boxes.dtype),
            "cls": torch.cat([target["labels"] for target in targets])[:, None].to(boxes.dtype),
            "bboxes": torch.cat((centers, sizes), dim=1) / boxes.new_tensor([width, height, width, height]),
        }
        summed_over_images, _ = self.network.loss(batch)
        return dict(zip(("box", "class", "distribution"), summed_over_images / len(images)))

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        height, width = images.shape[-2:]
        limits = images.new_tensor([width, height, width, height])
        rows = non_max_suppression(
            self.network(self.padded(images)),
            LEAST_SCORE,
            MOST_OVERLAP,
            multi_label=True,
            max_det=MOST_DETECTIONS,
            max_time_img=NMS_TIME_LIMIT,
        )
        return [
            {"boxes": row[:, :4].clamp(min=0).minimum(limits), "scores": row[:, 4], "labels": row[:, 5].long()}
            for row in rows
        ]

    def padded(self, images: Tensor) -> Tensor:
        """Pad with black on the right and at the bottom to a multiple of the coarsest stride."""
        height, width = images.shape[-2:]
        stride = int(self.network.stride.max())
        return pad(images, (0, -width % stride, 0, -height % stride))
