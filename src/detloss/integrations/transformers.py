"""Our losses in transformers: DETR, Deformable DETR, RT-DETR, D-FINE and the models that share their losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import FunctionType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.image_transforms import center_to_corners_format
from transformers.loss.loss_d_fine import DFineForObjectDetectionLoss, DFineLoss
from transformers.loss.loss_deformable_detr import DeformableDetrForObjectDetectionLoss, DeformableDetrImageLoss
from transformers.loss.loss_for_object_detection import ForObjectDetectionLoss, ImageLoss
from transformers.loss.loss_rt_detr import RTDetrForObjectDetectionLoss, RTDetrLoss

import detloss
from detloss.catalog import Kind
from detloss.integrations.adapt import (
    Loss,
    at_least_one,
    kind_among,
    reads_corners,
    with_reduction,
)
from detloss.integrations.handle import Handle

Outputs = Mapping[str, Tensor]
Targets = Sequence[Mapping[str, Tensor]]  # one an image
Indices = Sequence[tuple[Tensor, Tensor]]  # one an image: queries, objects


def use_losses(
    model: PreTrainedModel, *, box: Loss | None = None, distance: Loss | None = None, classification: Loss | None = None
) -> Handle:
    """Train a DETR with other losses than its own GIoU, L1 and class loss.

    ``loss = sum over layers of (a sum_i box(pred_i, target_i) + b sum_i distance(pred_i, target_i)) / N
    + c classification``, with i the matched queries, N the number of objects, and a, b, c the coefficients of the
    model's configuration

    When to choose it: ``detloss compare`` or a paper says that another loss suits your data, and the detector is to
    stay as it is. The coefficients stay the configuration's: a loss of another size wants others.

    Args:
        model: A model for object detection of transformers: DETR, Conditional, DAB and Deformable DETR, Table
            Transformer, YOLOS, RT-DETR, RT-DETRv2, D-FINE.
        box: In the place of GIoU, ``loss_giou``: a loss of boxes, given corners x1, y1, x2, y2 in shares of the image.
        distance: In the place of L1, ``loss_bbox``: a loss of numbers, given center x, center y, width, height in
            shares of the image, and summed over the four.
        classification: In the place of ``loss_ce`` or ``loss_vfl``. DETR, Table Transformer and YOLOS: a softmax loss
            of class indices, background last, in which background weighs ``eos_coefficient``, divided by the sum of
            these weights. All others: a sigmoid loss, divided by N, of targets that are 0 or 1, or the IoU of the
            matched boxes in the place of 1 where the framework's own loss is varifocal (RT-DETR, D-FINE).

    Returns:
        What brings the framework's losses back: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is none of transformers, or what is to be a loss is none of ours.
        ValueError: No loss is given, a loss of the wrong kind or geometry, or a model that these losses do not fit.

    Edge cases:
        The matcher, which decides which query is for which object, keeps its own GIoU, L1 and class cost. D-FINE's
        terms of distributions (``loss_fgl``, ``loss_ddf``) stay. With one of ``box`` and ``distance`` alone the
        other stays GIoU or L1, here computed by detloss, equal but for rounding. A loss's own reduction is replaced. No
        objects in a batch: the box terms are 0. A copy of the model has copies of the losses.

    Example:
        >>> import detloss
        >>> from detloss.integrations.transformers import use_losses
        >>> from transformers import YolosConfig, YolosForObjectDetection
        >>> model = YolosForObjectDetection(YolosConfig(hidden_size=12, num_hidden_layers=1, image_size=[32, 32]))
        >>> with use_losses(model, box=detloss.CompleteIoULoss(), classification=detloss.SoftmaxFocalLoss()):
        ...     pass  # train

    Sources:
        Carion et al., End-to-End Object Detection with Transformers (2020), https://arxiv.org/abs/2005.12872
        Zhao et al., DETRs Beat YOLOs on Real-time Object Detection (2023), https://arxiv.org/abs/2304.08069

    See also:
        ``detloss.integrations.Handle``; `detloss.integrations.ultralytics.use_losses`.
    """
    if not isinstance(model, PreTrainedModel):
        raise TypeError(f"model: expected a model of transformers, got {type(model).__name__}")
    before = model.loss_function
    current = before if isinstance(before, LossFunction) else LossFunction(before)
    if current.framework not in FAMILIES:
        expected = ", ".join(function.__name__ for function in FAMILIES)
        came = getattr(before, "__name__", repr(before))
        raise ValueError(f"model: expected one with {expected}, got {type(model).__name__} with {came}")
    terms = FAMILIES[current.framework].terms
    at_least_one(box=box, distance=distance, classification=classification)
    if box is not None:
        kind_among("box", box, (Kind.BOX,), "it takes the place of GIoU; what takes the place of L1 is distance")
        reads_corners("box", box)
    if distance is not None:
        kind_among("distance", distance, (Kind.REGRESSION,), "it takes the place of L1; what takes that of GIoU is box")
    if classification is not None:
        kind_among("classification", classification, (terms.kind,), terms.head)
    given = {"box": box, "distance": distance, "classification": classification}
    ready = {name: with_reduction(loss, "mean") for name, loss in given.items() if loss is not None}
    handle = Handle()
    # What the property `loss_function` sets and looks for; the property itself cannot be deleted.
    handle.replace(model, "_loss_function", replace(current, **ready))
    return handle


@dataclass(frozen=True)
class LossFunction:
    """A loss function of the framework with our losses in the place of some terms; None leaves a term."""

    framework: Callable[..., Any]
    box: Loss | None = None
    distance: Loss | None = None
    classification: Loss | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        code, names, defaults = (getattr(self.framework, part) for part in ("__code__", "__globals__", "__defaults__"))
        # The function makes its criterion by the name of a class: a copy of the function finds ours under that name.
        own = {FAMILIES[self.framework].criterion.__name__: self.criterion}
        return FunctionType(code, {**names, **own}, argdefs=defaults)(*args, **kwargs)

    def criterion(self, *args: Any, **kwargs: Any) -> Any:
        """The framework's criterion, some of its terms replaced."""
        criterion, terms = FAMILIES[self.framework]
        made: Any = criterion(*args, **kwargs)
        made.ours = ours = terms(self, made)  # a part of it, which moves to the device with it
        if self.box is not None or self.distance is not None:
            made.loss_boxes = ours.boxes
        if self.classification is not None:
            setattr(made, ours.method, ours.classes)
        return made


class Matches:
    """The queries that are for an object, and these objects, over all images of a batch."""

    def __init__(self, outputs: Outputs, targets: Targets, indices: Indices) -> None:
        images = [torch.full_like(queries, image) for image, (queries, _) in enumerate(indices)]
        self.queries = torch.cat(images), torch.cat([queries for queries, _ in indices])
        self.labels, self.boxes = (
            torch.cat([target[name][objects] for target, (_, objects) in zip(targets, indices)])
            for name in ("class_labels", "boxes")
        )
        # In the dtype of the objects: the 16 bits of autocast do not hold a pixel of a large image.
        self.pred_boxes = outputs["pred_boxes"][self.queries].to(self.boxes.dtype)

    @property
    def corners(self) -> tuple[Tensor, Tensor]:
        """The boxes of the queries and of the objects as x1, y1, x2, y2."""
        corners: Any = center_to_corners_format  # its types name other frameworks' tensors
        return corners(self.pred_boxes), corners(self.boxes)


class Terms(nn.Module, ABC):
    """Terms of a criterion, called as the framework calls its own; a family has one target of classes."""

    kind: ClassVar[Kind]
    head: ClassVar[str]
    method: ClassVar[str] = "loss_labels"
    term: ClassVar[str] = "loss_ce"

    def __init__(self, losses: LossFunction, criterion: Any) -> None:
        super().__init__()
        self.box = losses.box or partial(detloss.generalized_iou_loss, reduction="mean")
        self.distance = losses.distance or partial(detloss.l1_loss, reduction="mean")
        self.classification: Any = losses.classification

    def boxes(self, outputs: Outputs, targets: Targets, indices: Indices, num_boxes: float) -> dict[str, Tensor]:
        """The terms of boxes."""
        found = Matches(outputs, targets, indices)
        return {
            "loss_bbox": self.distance(found.pred_boxes, found.boxes, normalizer=num_boxes),
            "loss_giou": self.box(*found.corners, normalizer=num_boxes),
        }

    def classes(self, outputs: Outputs, targets: Targets, indices: Indices, num_boxes: float) -> dict[str, Tensor]:
        """The term of classes."""
        return {self.term: self.class_loss(outputs["logits"], Matches(outputs, targets, indices), num_boxes)}

    @abstractmethod
    def class_loss(self, logits: Tensor, found: Matches, num_boxes: float) -> Tensor:
        """The loss of all logits."""


class SoftmaxTerms(Terms):
    """DETR: class indices, in which background has a weight of its own; the mean is by weight."""

    kind = Kind.SOFTMAX
    head = "its head has a softmax over the classes and background"

    def __init__(self, losses: LossFunction, criterion: Any) -> None:
        super().__init__(losses, criterion)
        self.background_weight = criterion.eos_coef

    def class_loss(self, logits: Tensor, found: Matches, num_boxes: float) -> Tensor:
        background = logits.shape[-1] - 1
        target = torch.full(logits.shape[:-1], background, device=logits.device)
        target[found.queries] = found.labels
        weight = torch.where(target == background, self.background_weight, 1.0)
        loss: Tensor = self.classification(logits, target, weight=weight, normalizer=weight.sum())
        return loss


class SigmoidTerms(Terms):
    """Deformable DETR: 1 for the class of the object."""

    kind = Kind.SIGMOID
    head = "every class of its head has a sigmoid of its own, and background is none of them"

    def class_loss(self, logits: Tensor, found: Matches, num_boxes: float) -> Tensor:
        target = torch.zeros(logits.shape, device=logits.device)
        target[*found.queries, found.labels] = self.score(found)
        loss: Tensor = self.classification(logits, target, normalizer=num_boxes)
        return loss

    def score(self, found: Matches) -> Tensor:
        """What the logit of an object's class is to say."""
        return torch.ones(len(found.boxes), device=found.boxes.device)


class QualityTerms(SigmoidTerms):
    """RT-DETR and D-FINE: the IoU with the object for its class."""

    method = "loss_labels_vfl"
    term = "loss_vfl"

    def score(self, found: Matches) -> Tensor:
        pred, boxes = found.corners
        return detloss.iou(pred.detach(), boxes).to(torch.float32)


class Family(NamedTuple):
    """Models that share a loss function: the class of its criterion, and our terms for it."""

    criterion: Callable[..., nn.Module]
    terms: type[Terms]


FAMILIES: dict[Callable[..., Any], Family] = {
    ForObjectDetectionLoss: Family(ImageLoss, SoftmaxTerms),
    DeformableDetrForObjectDetectionLoss: Family(DeformableDetrImageLoss, SigmoidTerms),
    RTDetrForObjectDetectionLoss: Family(RTDetrLoss, QualityTerms),
    DFineForObjectDetectionLoss: Family(DFineLoss, QualityTerms),
}
