"""Losses of detloss in ultralytics: YOLOv8 to YOLO26, given as ``YOLO`` or as its ``DetectionModel``."""

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.engine.model import Model
from ultralytics.nn.tasks import DetectionModel, OBBModel, RTDETRDetectionModel, YOLOEModel
from ultralytics.utils.tal import bbox2dist
from ultralytics.utils.torch_utils import unwrap_model

from detloss.catalog import Kind
from detloss.integrations.adapt import (
    BOX_KINDS,
    ONE_VS_REST,
    AdaptedLoss,
    GivenLoss,
    Loss,
    adapted,
    at_least_one,
    given,
)
from detloss.integrations.handle import Handle

READY = "on_pretrain_routine_end"  # the trainer's model and its moving average exist, on their device
REFUSED = {
    OBBModel: "its boxes are rotated",
    RTDETRDetectionModel: "it has no anchor points and other terms (RT-DETR of transformers is supported)",
    YOLOEModel: "its criterion changes for batches with visual prompts",
}


def use_losses(
    model: nn.Module,
    *,
    box: Loss | None = None,
    classification: Loss | None = None,
    distribution: Loss | None = None,
    box_weight: float = 1.0,
    classification_weight: float = 1.0,
    distribution_weight: float = 1.0,
) -> Handle:
    """Train a YOLO model with other losses in place of CIoU, binary cross-entropy and DFL.

    With i a positive anchor point, w_i its target score and W the sum of the target scores, at least 1, the loss is
    ``(box gain * sum_i w_i box(pred_i, target_i) + class gain * sum_ic classification(logit_ic, score_ic)) / W``
    plus the other terms of the framework.

    When to choose it: you train a YOLO and want another loss, for example one that ``detloss compare`` found better.
    The gains of the trainer (``box=7.5``, ``cls=0.5``) apply in addition to the weights.

    Args:
        model: A ``YOLO``, for all trainings that it starts, or its ``DetectionModel``, for your own training loop:
            YOLOv8 to YOLO26, with or without DFL, end-to-end or not. Segmentation and pose models keep their other
            terms.
        box: The loss of positive anchor points, in place of CIoU. Losses of boxes receive corners x1, y1, x2, y2 in
            pixels. Losses of numbers receive the corners in cells of the anchor point's grid and are averaged over the
            four, which equals a loss of the distances l, t, r, b from the anchor point.
        classification: A sigmoid loss of all logits against target scores (..., C). With several ``alpha``, one per
            class. A loss with a quality takes the target score as the quality, with label 1 where it is above 0.
        distribution: A loss of the logits of bins (..., n + 1) and the distances l, t, r, b in cells, in place of DFL;
            averaged over the four. Only for models with DFL.
        box_weight: Factor of the box loss.
        classification_weight: Factor of the class loss.
        distribution_weight: Factor of the loss of the distances.

    Returns:
        A handle that restores the framework's losses: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is not supported, a loss is not one of detloss, or a weight is not a number.
        ValueError: No loss is given, a loss has the wrong kind or geometry, a weight is invalid, or the model is
            incompatible.

    Edge cases:
        The assigner, which selects positive anchor points and their target scores, keeps its own CIoU for any box loss.
        The DFL or L1 term beside the box loss stays without ``distribution``. ultralytics clamps distances to .01 below
        the last bin, which trains larger objects to that distance; `detloss.distribution_focal_loss` clamps them to the
        last bin, and is otherwise equal. The reduction of a loss is replaced. If a batch has no boxes, the box term is
        0. A copy of the model has copies of the losses. A ``DetectionModel`` saved with these losses needs detloss to
        load; checkpoints of the trainer do not. ``YOLO.tune`` starts separate programs, which use the framework's
        losses.

    Example:
        >>> import detloss
        >>> from detloss.integrations.ultralytics import use_losses
        >>> from ultralytics import YOLO
        >>> model = YOLO("yolov8n.yaml")
        >>> with use_losses(model, box=detloss.GeneralizedIoULoss(), classification=detloss.SigmoidFocalLoss()):
        ...     pass  # model.train(data="coco8.yaml")

    Sources:
        Jocher et al., Ultralytics YOLO (2023), https://docs.ultralytics.com
        Feng et al., TOOD: Task-aligned One-stage Object Detection (2021), https://arxiv.org/abs/2108.07755

    See also:
        ``detloss.integrations.Handle``; `detloss.integrations.transformers.use_losses`.
    """
    network = network_of(model)
    losses = Losses(
        given("box", box, box_weight),
        given("classification", classification, classification_weight),
        given("distribution", distribution, distribution_weight),
    )
    layers: Any = network.model
    if distribution is not None and layers[-1].reg_max == 1:
        raise ValueError("distribution: expected None, because the model has no DFL, got a loss")
    handle = Handle()
    if getattr(network, "criterion", None) is None:
        handle.replace(network, "init_criterion", partial(criterion_with, losses, handle, network.init_criterion))
    else:
        losses.install(network.criterion, handle)
    if isinstance(model, Model):
        callbacks = copy(model.callbacks)
        callbacks[READY] = [*callbacks[READY], partial(into_trainer, losses, handle)]
        handle.replace(model, "callbacks", callbacks)
    return handle


def network_of(model: nn.Module) -> DetectionModel:
    """The network of a YOLO, if its criterion is supported."""
    network = model.model if isinstance(model, Model) else model
    if not isinstance(network, DetectionModel):
        raise TypeError(f"model: expected a YOLO that detects, or its DetectionModel, got {type(network).__name__}")
    for kind, because in REFUSED.items():
        if isinstance(network, kind):
            raise ValueError(f"model: expected no {kind.__name__}, because {because}; got {type(network).__name__}")
    return network


class Losses:
    """The new losses of a criterion; None keeps the criterion's own."""

    def __init__(self, box: GivenLoss | None, classification: GivenLoss | None, distribution: GivenLoss | None) -> None:
        at_least_one("box, classification, distribution", box, classification, distribution)
        self.box = adapted(box, "mean", BOX_KINDS, "the head predicts boxes")
        because = "the head predicts the distances as distributions over bins"
        self.distribution = adapted(distribution, "mean", (Kind.DISTRIBUTION,), because)
        because = "every class of the head has its own sigmoid, and there is no background class"
        self.classification = adapted(classification, "none", ONE_VS_REST, because)

    def install(self, criterion: Any, handle: Handle) -> None:
        """Replace the terms of a criterion; an end-to-end criterion has two, one per branch."""
        end_to_end = hasattr(criterion, "one2one")
        for branch in (criterion.one2many, criterion.one2one) if end_to_end else (criterion,):
            if self.box is not None or self.distribution is not None:
                handle.replace(branch, "bbox_loss", BoxTerm(self.box, self.distribution, branch.bbox_loss))
            if self.classification is not None:
                handle.replace(branch, "bce", ClassTerm(self.classification))


def criterion_with(losses: Losses, handle: Handle, init_criterion: Callable[[], Any]) -> Any:
    """The criterion of a model with the new losses; ultralytics creates it for the first batch."""
    criterion = init_criterion()
    losses.install(criterion, handle)
    return criterion


def into_trainer(losses: Losses, handle: Handle, trainer: Any) -> None:
    """Replace the losses of a trainer, which trains a model that it creates, and validates its moving average."""
    networks: tuple[Any, Any] = unwrap_model(trainer.model), trainer.ema.ema
    for network in networks:
        # Only in the criterion, which checkpoints omit: they load without detloss.
        network.criterion = network.init_criterion()
        losses.install(network.criterion, handle)


class BoxTerm(nn.Module):
    """The box terms, each the new loss or the framework's: CIoU, and DFL (L1 in models without DFL)."""

    def __init__(self, loss: AdaptedLoss | None, distribution: AdaptedLoss | None, framework: Any) -> None:
        super().__init__()
        self.loss = loss
        self.distribution = distribution
        self.framework = framework

    def forward(
        self,
        pred_dist: Tensor,
        pred_bboxes: Tensor,
        anchor_points: Tensor,
        target_bboxes: Tensor,
        target_scores: Tensor,
        target_scores_sum: Tensor,
        fg_mask: Tensor,
        *size_and_stride: Tensor,
    ) -> tuple[Tensor, Tensor]:
        first = second = pred_dist.new_empty(())
        if self.loss is None or self.distribution is None:
            first, second = self.framework(
                pred_dist if self.distribution is None else pred_dist.detach(),  # the framework's loss is discarded
                pred_bboxes if self.loss is None else pred_bboxes.detach(),
                anchor_points,
                target_bboxes,
                target_scores,
                target_scores_sum,
                fg_mask,
                *size_and_stride,
            )
        positive = fg_mask.nonzero(as_tuple=True)
        weight = target_scores[positive].sum(-1)
        each = {"weight": weight[:, None], "normalizer": 4 * target_scores_sum}  # the mean of four numbers
        if self.loss is not None:
            pred, target = pred_bboxes[positive], target_bboxes[positive]
            options = each
            if self.loss.kind is Kind.BOX:
                options = {"weight": weight, "normalizer": target_scores_sum}
                for stride in size_and_stride[1:]:  # old versions of ultralytics do not pass it
                    pred, target = pred * stride[positive[1]], target * stride[positive[1]]
            first = self.loss(pred, target, **options)
        if self.distribution is not None:
            logits = pred_dist[positive].view(-1, 4, self.framework.dfl_loss.reg_max)
            second = self.distribution(logits, bbox2dist(anchor_points, target_bboxes)[positive], **each)
        return first, second


class ClassTerm(nn.Module):
    """The unreduced class loss, which the framework sums and divides."""

    def __init__(self, loss: AdaptedLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        # Like the framework's own under autocast: 16 bits cannot hold an element's gradient times a loss scale.
        value: Tensor = self.loss(pred.to(torch.promote_types(pred.dtype, torch.float32)), target)
        return value
