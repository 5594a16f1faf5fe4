"""Base class of detectors with a single feature map: every cell predicts class logits and a box."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

import detloss
from detloss.catalog import Kind, kind_of
from detloss.detectors import validation
from detloss.detectors.assignment import Assignment, cell_centers
from detloss.detectors.backbone import SmallPyramid, separable_convolution

CANDIDATES = 1000  # the highest-scoring cells of an image that enter non-maximum suppression


class DenseDetector(nn.Module, ABC):
    """A detector with a single feature map; a subclass defines the encoding of boxes.

    Args:
        num_classes: C, without background.
        box_loss: Called as ``box_loss(boxes, target_boxes, weight=, normalizer=)`` with the results of `loss_operands`.
        class_loss: As in `UnitBox`.
        box_weight: Factor of the box loss.
        each_number: Whether the unreduced box loss has a value per number of a box. None: known for losses of detloss,
            False for all others.
        background: As in `UnitBox`.
        prior: As in `UnitBox`.
        center_sampling: As in `UnitBox`.
        backbone: As in `UnitBox`.
        first_numbers: Bias of the box head before training.
        geometry: The geometry of boxes in pixels.
        encoding: The geometry of encoded boxes.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        box_loss: Callable[..., Tensor],
        class_loss: Callable[..., Tensor] | None,
        box_weight: float,
        each_number: bool | None,
        background: bool | None,
        prior: float,
        center_sampling: float,
        backbone: nn.Module | None,
        first_numbers: Sequence[float],
        geometry: detloss.AxisAligned | detloss.Rotated,
        encoding: detloss.AxisAligned | detloss.Rotated,
    ) -> None:
        super().__init__()
        validation.positive_integer("num_classes", num_classes)
        validation.fraction("prior", prior)
        validation.fraction("center_sampling", center_sampling, one_allowed=True)
        self.num_classes = num_classes
        self.numbers = len(first_numbers)
        self.geometry = geometry
        self.encoding = encoding
        self.each_number = kind_of(box_loss) is Kind.REGRESSION if each_number is None else each_number
        self.background = kind_of(class_loss) in (None, Kind.SOFTMAX) if background is None else background
        self.box_weight = box_weight
        self.center_sampling = center_sampling
        self.box_loss = box_loss
        self.class_loss = class_loss or (detloss.CrossEntropyLoss() if self.background else detloss.SigmoidFocalLoss())
        self.normalizer = detloss.Normalizer()

        self.backbone = backbone or SmallPyramid()
        channels, self.stride = validation.backbone(self.backbone)
        numbers = nn.Conv2d(channels, self.numbers, 1)
        self.box_head = nn.Sequential(separable_convolution(channels), numbers)
        class_tower = separable_convolution(channels)
        # The last layer to be initialized: a seed gives all others the same weights, whatever its number of logits.
        logits = nn.Conv2d(channels, num_classes + self.background, 1)
        self.class_head = nn.Sequential(class_tower, logits)

        odds = detloss.prior_bias(prior)
        prior_logits = [odds - math.log(num_classes)] * num_classes + [0.0] if self.background else [odds] * num_classes
        numbers.bias = nn.Parameter(torch.tensor(first_numbers))
        logits.bias = nn.Parameter(torch.tensor(prior_logits))

    @abstractmethod
    def activate(self, numbers: Tensor) -> Tensor:
        """Convert outputs of the box head, (B, numbers, H, W), to encoded boxes."""

    @abstractmethod
    def decode(self, boxes: Tensor, centers: Tensor, height: int, width: int) -> Tensor:
        """Convert encoded boxes, (B, cells, numbers), to boxes in pixels of an image."""

    @abstractmethod
    def assign(self, height: int, width: int, targets: Sequence[Mapping[str, Tensor]]) -> Assignment:
        """Assign boxes to the cells of all images."""

    def loss_operands(self, boxes: Tensor) -> Tensor:
        """Convert encoded boxes, (n, numbers), to operands of the box loss."""
        return boxes

    def forward(self, images: Tensor) -> Tensor:
        """Predict the feature map.

        Args:
            images: (B, 3, H, W) in [0, 1].

        Returns:
            (B, C + 1 + 4, H', W'), or (B, C + 4, H', W') without background: the logits, background last, then the
            distances l, t, r, b in strides, all above 0; for `RotatedUnitBox` the five numbers cx, cy, w, h, angle. H'
            and W' are H and W divided by the stride, rounded up.

        Raises:
            TypeError: The images are not a floating tensor.
            ValueError: The images are not (B, 3, H, W).
        """
        validation.images(images)
        height, width = images.shape[-2:]
        features = self.backbone(pad(images, (0, -width % self.stride, 0, -height % self.stride)))
        return torch.cat((self.class_head(features), self.activate(self.box_head(features))), dim=1)

    def loss(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Compute the training loss.

        Args:
            images: (B, 3, H, W) in [0, 1].
            targets: One mapping per image: "boxes", (n, 4) corners x1, y1, x2, y2 in pixels, or (n, 5) cx, cy, w, h,
                angle for `RotatedUnitBox`, and "labels", (n,) class indices from 0 to C - 1; n may be 0.

        Returns:
            The scalars "classification" and "box", weighted; the training loss is their sum.

        Raises:
            TypeError: The images are not a floating tensor.
            ValueError: A shape is invalid, or there are not as many targets as images.
        """
        return self.plane_loss(self(images), targets)

    def plane_loss(self, plane: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Compute the training loss of a predicted feature map.

        When to choose it: under DistributedDataParallel, which synchronizes gradients only for its own forward:
        ``parallel.module.plane_loss(parallel(images), targets)``.

        Args:
            plane: The result of `forward`.
            targets: As in `loss`.

        Returns:
            As in `loss`.

        Raises:
            ValueError: A shape is invalid, or there are not as many targets as images.
        """
        batch, channels, height, width = plane.shape
        validation.targets(targets, batch, self.numbers)
        labels, boxes, positive, fraction = self.assign(height, width, targets)
        cells = plane.permute(0, 2, 3, 1).reshape(-1, channels)
        objects, positives = self.normalizer(fraction.sum()), self.normalizer(positive.sum())
        weight = torch.where(positive, fraction * (positives / objects), 1.0)
        box_loss = self.box_loss(
            self.loss_operands(cells[positive, -self.numbers :]),
            self.loss_operands(boxes[positive]),
            weight=weight[positive, None] if self.each_number else weight[positive],
            normalizer=positives,
        )
        class_loss = self.class_loss(
            cells[:, : -self.numbers],
            labels,
            weight=weight if self.background else weight[:, None],
            normalizer=positives,
            **self.qualities(cells, boxes, positive),
        )
        return {"classification": class_loss, "box": self.box_weight * box_loss}

    def qualities(self, cells: Tensor, boxes: Tensor, positive: Tensor) -> dict[str, Tensor]:
        """The argument ``quality`` of a class loss that has it: the IoU of each positive cell's boxes, 0 for others."""
        if kind_of(self.class_loss) is not Kind.QUALITY:
            return {}
        quality = boxes.new_zeros(len(boxes))
        pred = cells[positive, -self.numbers :].detach().to(boxes.dtype)
        quality[positive] = detloss.iou(pred, boxes[positive], geometry=self.encoding)
        return {"quality": quality}

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        *,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
    ) -> list[dict[str, Tensor]]:
        """Detect objects.

        The score of a cell is the probability of its most probable class. Non-maximum suppression keeps the
        highest-scoring box of every overlapping group of boxes of a class.

        Args:
            images: (B, 3, H, W) in [0, 1].
            score_threshold: Boxes with lower or equal scores are dropped.
            iou_threshold: Boxes of a class with a larger IoU are the same object.
            max_detections: The largest number of detections per image.

        Returns:
            A mapping per image, highest scores first: "boxes", (n, 4) corners x1, y1, x2, y2 in pixels, clipped to the
            image, or (n, 5) rows for `RotatedUnitBox`; "scores", (n,); "labels", (n,) int64.

        Raises:
            TypeError: The images are not a floating tensor.
            ValueError: The images are not (B, 3, H, W).
        """
        plane = self(images)
        centers = cell_centers(*plane.shape[-2:], device=plane.device)
        logits, numbers = plane.flatten(2).transpose(1, 2).tensor_split([plane.shape[1] - self.numbers], dim=-1)
        probabilities = logits.softmax(dim=-1)[..., :-1] if self.background else logits.sigmoid()
        scores, labels = probabilities.max(dim=-1)
        boxes = self.decode(numbers, centers, *images.shape[-2:])

        detections = []
        for image in range(len(images)):
            best = scores[image].argsort(descending=True, stable=True)[:CANDIDATES]
            best = best[scores[image, best] > score_threshold]
            kept = detloss.nms(
                boxes[image, best],
                scores[image, best],
                iou_threshold,
                geometry=self.geometry,
                labels=labels[image, best],
            )
            best = best[kept[:max_detections]]
            detections.append(
                {"boxes": boxes[image, best], "scores": scores[image, best], "labels": labels[image, best]}
            )
        return detections
