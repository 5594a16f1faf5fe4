"""Our losses in ultralytics: YOLOv8 to YOLO26, by the YOLO object or by the detection model inside of it."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.engine.model import Model
from ultralytics.nn.tasks import DetectionModel, OBBModel, RTDETRDetectionModel, YOLOEModel
from ultralytics.utils.torch_utils import unwrap_model

from detloss.catalog import Kind, kind_of
from detloss.integrations.adapt import (
    Loss,
    at_least_one,
    for_boxes,
    kind_among,
    with_reduction,
)
from detloss.integrations.handle import Handle

READY = "on_pretrain_routine_end"  # the trainer's model and its moving average are made, and stand on their device
REFUSED = {
    OBBModel: "its boxes are rotated",
    RTDETRDetectionModel: "it has no anchor points, and other terms; transformers' RT-DETR can be trained instead",
    YOLOEModel: "it takes another criterion where a batch has visual prompts",
}


def use_losses(model: nn.Module, *, box: Loss | None = None, classification: Loss | None = None) -> Handle:
    """Train a YOLO with other losses than its own CIoU and binary cross-entropy.

    ``loss = (box gain * sum_i w_i box(pred_i, target_i) + class gain * sum_ic classification(logit_ic, score_ic)) / W``
    and the framework's further terms; w_i is the target score of a positive anchor point i, W their sum, at least 1

    When to choose it: ``detloss compare`` or a paper says that another loss suits your data, and the detector is to
    stay as it is. Gains (``box=7.5``, ``cls=0.5``) stay yours to set: a loss of another size wants others.

    Args:
        model: A ``YOLO``, whose next trainings get the losses, or its ``DetectionModel``, for a training loop of your
            own. YOLOv8 to YOLO26, with DFL or without, end to end or not; segmentation and pose models too, whose
            further terms stay.
        box: The loss of positive anchor points, in the place of CIoU. Losses of boxes read corners x1, y1, x2, y2 in
            cells of the anchor point's grid. Losses of numbers (MSE and others) read the same corners and are averaged
            over the four: corners are as far apart as distances l, t, r, b from the anchor point, so this is their
            loss too.
        classification: A sigmoid loss of all logits against soft target scores (..., C). With several ``alpha``, one a
            class.

    Returns:
        What brings the framework's losses back: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is none of these, or what is to be a loss is none of ours.
        ValueError: No loss is given, a loss of the wrong kind or geometry, or a model that these losses do not fit.

    Edge cases:
        The assigner, which decides which anchor points are positive and what their target scores are, keeps its own
        CIoU, whatever the box loss. So does the DFL or L1 term beside the box loss. A loss's own reduction is
        replaced. No boxes in a batch: the box term is 0. A copy of the model has copies of the losses.
        A model file that is saved from a ``DetectionModel`` with these losses needs detloss to be read; checkpoints
        of the trainer do not. ``YOLO.tune`` starts programs of its own, with the framework's losses.

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
    losses = Losses(box, classification)
    handle = Handle()
    if getattr(network, "criterion", None) is None:
        handle.replace(network, "init_criterion", partial(criterion_with, losses, handle, network.init_criterion))
    else:
        losses.into(network.criterion, handle)
    if isinstance(model, Model):
        callbacks = copy(model.callbacks)
        callbacks[READY] = [*callbacks[READY], partial(into_trainer, losses, handle)]
        handle.replace(model, "callbacks", callbacks)
    return handle


def network_of(model: nn.Module) -> DetectionModel:
    """The network of a YOLO, where its criterion is one that these losses fit."""
    network = model.model if isinstance(model, Model) else model
    if not isinstance(network, DetectionModel):
        raise TypeError(f"model: expected a YOLO that detects, or its DetectionModel, got {type(network).__name__}")
    for kind, because in REFUSED.items():
        if isinstance(network, kind):
            raise ValueError(f"model: expected no {kind.__name__}, because {because}; got {type(network).__name__}")
    return network


@dataclass(frozen=True)
class Losses:
    """The losses that a criterion gets; None leaves its own."""

    box: Loss | None
    classification: Loss | None

    def __post_init__(self) -> None:
        at_least_one(box=self.box, classification=self.classification)
        if self.box is not None:
            for_boxes("box", self.box, "the head predicts boxes")
        if self.classification is not None:
            because = "every class of the head has a sigmoid of its own, and background is none of them"
            kind_among("classification", self.classification, (Kind.SIGMOID,), because)

    def into(self, criterion: Any, handle: Handle) -> None:
        """Replace the terms of a criterion; an end-to-end one holds two, for its two branches."""
        end_to_end = hasattr(criterion, "one2one")
        for branch in (criterion.one2many, criterion.one2one) if end_to_end else (criterion,):
            if self.box is not None:
                handle.replace(branch, "bbox_loss", BoxTerm(self.box, branch.bbox_loss))
            if self.classification is not None:
                handle.replace(branch, "bce", ClassTerm(self.classification).to(branch.device))


def criterion_with(losses: Losses, handle: Handle, init_criterion: Callable[[], Any]) -> Any:
    """The criterion of a model, with our losses; ultralytics makes it when the first loss is asked for."""
    criterion = init_criterion()
    losses.into(criterion, handle)
    return criterion


def into_trainer(losses: Losses, handle: Handle, trainer: Any) -> None:
    """Our losses for a trainer, which trains a model of its own making and validates the moving average of it."""
    networks: tuple[Any, Any] = unwrap_model(trainer.model), trainer.ema.ema
    for network in networks:
        # Kept in the criterion alone, which checkpoints leave out: so they can be read without detloss.
        network.criterion = network.init_criterion()
        losses.into(network.criterion, handle)


class BoxTerm(nn.Module):
    """The framework's box terms: the first is ours, the second (DFL, or L1 where a model has no DFL) theirs."""

    def __init__(self, loss: Loss, framework: nn.Module) -> None:
        super().__init__()
        self.loss = with_reduction(loss, "mean")
        self.of_sides = kind_of(loss) is Kind.REGRESSION
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
        _, second = self.framework(
            pred_dist,
            pred_bboxes.detach(),  # the framework's box loss is not asked for
            anchor_points,
            target_bboxes,
            target_scores,
            target_scores_sum,
            fg_mask,
            *size_and_stride,
        )
        positive = fg_mask.nonzero(as_tuple=True)
        weight, normalizer = target_scores[positive].sum(-1), target_scores_sum
        if self.of_sides:
            weight, normalizer = weight[:, None], 4 * normalizer
        first = self.loss(pred_bboxes[positive], target_bboxes[positive], weight=weight, normalizer=normalizer)
        return first, second


class ClassTerm(nn.Module):
    """The loss of every logit; the framework adds them up and divides."""

    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.loss = with_reduction(loss, "none")

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        # As autocast does for the framework's own: 16 bits do not hold a single entry's gradient times a loss scale.
        return self.loss(pred.to(torch.promote_types(pred.dtype, torch.float32)), target)
