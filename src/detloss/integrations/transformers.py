"""Losses of detloss in transformers: DETR, Deformable DETR, RT-DETR, D-FINE and models that share their losses."""

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
from transformers.loss.loss_lw_detr import LwDetrForObjectDetectionLoss, LwDetrImageLoss
from transformers.loss.loss_rt_detr import RTDetrForObjectDetectionLoss, RTDetrLoss

import detloss
from detloss.catalog import Kind
from detloss.integrations.adapt import ONE_VS_REST, AdaptedLoss, Loss, adapted, at_least_one, given
from detloss.integrations.handle import Handle

Outputs = Mapping[str, Tensor]
Targets = Sequence[Mapping[str, Tensor]]  # one per image
Indices = Sequence[tuple[Tensor, Tensor]]  # queries and objects, one pair per image


def use_losses(
    model: PreTrainedModel,
    *,
    box: Loss | None = None,
    distance: Loss | None = None,
    classification: Loss | None = None,
    box_weight: float = 1.0,
    distance_weight: float = 1.0,
    classification_weight: float = 1.0,
) -> Handle:
    """Train a model of the DETR family with other losses in place of GIoU, L1 and the class loss.

    With i a matched query, N the number of objects and a, b, c the coefficients of the model's configuration, the loss
    of every decoder layer is ``(a sum_i box(pred_i, target_i) + b sum_i distance(pred_i, target_i)) / N
    + c classification``.

    When to choose it: you train such a model and want another loss, for example one that ``detloss compare`` found
    better. The coefficients of the configuration apply in addition to the weights.

    Args:
        model: An object detection model of transformers: DETR, Conditional, DAB and Deformable DETR, Table
            Transformer, YOLOS, RT-DETR, RT-DETRv2, D-FINE, LW-DETR, RF-DETR.
        box: The loss in place of GIoU, ``loss_giou``: a loss of boxes, which receives corners x1, y1, x2, y2 as
            fractions of the image.
        distance: The loss in place of L1, ``loss_bbox``: a loss of numbers, which receives center x, center y, width
            and height as fractions of the image and is summed over the four.
        classification: The loss in place of ``loss_ce`` or ``loss_vfl``. DETR, Table Transformer and YOLOS: a softmax
            loss of class indices, background last, where background has weight ``eos_coefficient``, divided by the sum
            of these weights. All others: a sigmoid loss, divided by N, with targets 0 and 1, or 0 and the IoU of the
            matched boxes if the framework's loss depends on it (RT-DETR, D-FINE, LW-DETR, RF-DETR); or a loss with a
            quality, which is this IoU.
        box_weight: Factor of ``box``.
        distance_weight: Factor of ``distance``.
        classification_weight: Factor of ``classification``.

    Returns:
        A handle that restores the framework's losses: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is not of transformers, a loss is not one of detloss, or a weight is not a number.
        ValueError: No loss is given, a loss has the wrong kind or geometry, a weight is invalid, or the model is not
            supported.

    Edge cases:
        The matcher, which assigns queries to objects, keeps its own GIoU, L1 and class cost. D-FINE's distribution
        terms (``loss_fgl``, ``loss_ddf``) stay. If only one of ``box`` and ``distance`` is given, detloss computes the
        other, GIoU or L1, with equal results up to rounding. The reduction of a loss is replaced. If a batch has no
        objects, the box terms are 0. A copy of the model has copies of the losses.

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
        got = getattr(before, "__name__", repr(before))
        raise ValueError(f"model: expected one with {expected}, got {type(model).__name__} with {got}")
    terms = FAMILIES[current.framework].terms
    boxes, distances = given("box", box, box_weight), given("distance", distance, distance_weight)
    classes = given("classification", classification, classification_weight)
    at_least_one("box, distance, classification", boxes, distances, classes)
    replaced = {
        "box": adapted(boxes, "mean", (Kind.BOX,), "it replaces GIoU; the loss that replaces L1 is distance"),
        "distance": adapted(
            distances, "mean", (Kind.REGRESSION,), "it replaces L1; the loss that replaces GIoU is box"
        ),
        "classification": adapted(classes, "mean", terms.kinds, terms.head),
    }
    handle = Handle()
    # The attribute behind the property `loss_function`, which cannot be deleted.
    new = {name: loss for name, loss in replaced.items() if loss is not None}
    handle.replace(model, "_loss_function", replace(current, **new))
    return handle


@dataclass(frozen=True)
class LossFunction:
    """A loss function of the framework with new losses for some terms; None keeps a term."""

    framework: Callable[..., Any]
    box: AdaptedLoss | None = None
    distance: AdaptedLoss | None = None
    classification: AdaptedLoss | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        code, names, defaults = (getattr(self.framework, part) for part in ("__code__", "__globals__", "__defaults__"))
        # The function creates its criterion by class name: a copy of the function finds ours under that name.
        own = {FAMILIES[self.framework].criterion.__name__: self.criterion}
        return FunctionType(code, {**names, **own}, argdefs=defaults)(*args, **kwargs)

    def criterion(self, *args: Any, **kwargs: Any) -> Any:
        """The framework's criterion with some terms replaced."""
        criterion, terms = FAMILIES[self.framework]
        created: Any = criterion(*args, **kwargs)
        created.detloss_terms = ours = terms(self, created)  # a submodule, which moves with the criterion
        if self.box is not None or self.distance is not None:
            created.loss_boxes = ours.boxes
        if self.classification is not None:
            setattr(created, ours.method, ours.classes)
        return created


class Matches:
    """The matched queries and their objects, over all images of a batch."""

    def __init__(self, outputs: Outputs, targets: Targets, indices: Indices) -> None:
        images = [torch.full_like(queries, image) for image, (queries, _) in enumerate(indices)]
        self.queries = torch.cat(images), torch.cat([queries for queries, _ in indices])
        self.labels, self.boxes = (
            torch.cat([target[name][objects] for target, (_, objects) in zip(targets, indices)])
            for name in ("class_labels", "boxes")
        )
        # In the dtype of the objects: 16 bits cannot represent single pixels of a large image.
        self.pred_boxes = outputs["pred_boxes"][self.queries].to(self.boxes.dtype)

    @property
    def corners(self) -> tuple[Tensor, Tensor]:
        """The boxes of the queries and of the objects as x1, y1, x2, y2."""
        corners: Any = center_to_corners_format  # annotated with tensors of other frameworks
        return corners(self.pred_boxes), corners(self.boxes)

    @property
    def iou(self) -> Tensor:
        """The IoU of every query's box with its object, a constant."""
        pred, boxes = self.corners
        return detloss.iou(pred.detach(), boxes).to(torch.float32)


class Terms(nn.Module, ABC):
    """Terms of a criterion with the framework's signatures; a subclass defines the class targets of a family."""

    kinds: ClassVar[Sequence[Kind]]
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
    """DETR: class indices with a weight for background; a weighted mean."""

    kinds = (Kind.SOFTMAX,)
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
    """Deformable DETR: target 1 for the class of the object."""

    kinds = ONE_VS_REST
    head = "every class of its head has its own sigmoid, and there is no background class"

    def class_loss(self, logits: Tensor, found: Matches, num_boxes: float) -> Tensor:
        loss: Tensor
        if self.classification.kind is Kind.QUALITY:
            labels = torch.full(logits.shape[:-1], logits.shape[-1], device=logits.device)
            quality = torch.zeros(labels.shape, device=logits.device)
            labels[found.queries], quality[found.queries] = found.labels, found.iou
            loss = self.classification(logits, labels, quality=quality, normalizer=num_boxes)
        else:
            target = torch.zeros(logits.shape, device=logits.device)
            target[*found.queries, found.labels] = self.score(found)
            loss = self.classification(logits, target, normalizer=num_boxes)
        return loss

    def score(self, found: Matches) -> Tensor:
        """The target of the object's class."""
        return torch.ones(len(found.boxes), device=found.boxes.device)


class QualityTerms(SigmoidTerms):
    """RT-DETR and D-FINE: the IoU with the object as the target of its class."""

    method = "loss_labels_vfl"
    term = "loss_vfl"

    def score(self, found: Matches) -> Tensor:
        return found.iou


class LwDetrTerms(QualityTerms):
    """LW-DETR and RF-DETR: the same targets under the usual names."""

    method = "loss_labels"
    term = "loss_ce"


class Family(NamedTuple):
    """Models that share a loss function: the class of its criterion, and its new terms."""

    criterion: Callable[..., nn.Module]
    terms: type[Terms]


FAMILIES: dict[Callable[..., Any], Family] = {
    ForObjectDetectionLoss: Family(ImageLoss, SoftmaxTerms),
    DeformableDetrForObjectDetectionLoss: Family(DeformableDetrImageLoss, SigmoidTerms),
    RTDetrForObjectDetectionLoss: Family(RTDetrLoss, QualityTerms),
    DFineForObjectDetectionLoss: Family(DFineLoss, QualityTerms),
    LwDetrForObjectDetectionLoss: Family(LwDetrImageLoss, LwDetrTerms),
}
