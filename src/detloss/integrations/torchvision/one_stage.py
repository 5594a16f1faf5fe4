"""Losses of RetinaNet, FCOS and SSD, whose method ``compute_loss`` receives all predictions and targets."""

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection._utils import Matcher

import detloss
from detloss.catalog import Kind
from detloss.integrations.adapt import ONE_VS_REST, AdaptedLoss
from detloss.integrations.torchvision.stage import Stage

Targets = list[dict[str, Tensor]]
Outputs = dict[str, Tensor]


class OneStage(Stage):
    """``compute_loss`` with new losses; all other terms stay the framework's."""

    method = "compute_loss"

    def __call__(
        self, targets: Targets, head_outputs: Outputs, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> Outputs:
        # Only the class loss depends on classes: with a single class, computing the other terms is cheap.
        rest = (targets, head_outputs) if self.classification is None else of_one_class(targets, head_outputs)
        losses: Outputs = self.framework(*rest, anchors, matched_idxs)
        matched = torch.stack(matched_idxs)
        positive = matched >= 0
        weight = self.row_weight(positive)
        if self.box is not None:
            losses["bbox_regression"] = self.box_loss(
                self.box,
                head_outputs["bbox_regression"][positive],
                torch.stack(anchors)[positive],
                of_positives("boxes", targets, matched_idxs),
                weight.expand(positive.shape)[positive],
            )
        if self.classification is not None:
            labels = of_positives("labels", targets, matched_idxs)
            quality = None
            if self.classification.kind is Kind.QUALITY:
                quality = self.iou(
                    head_outputs["bbox_regression"][positive],
                    torch.stack(anchors)[positive],
                    of_positives("boxes", targets, matched_idxs),
                )
            losses["classification"] = self.class_loss(
                self.classification, head_outputs["cls_logits"], matched, labels, weight, quality
            )
        return losses

    def iou(self, encoded: Tensor, references: Tensor, boxes: Tensor) -> Tensor:
        """The IoU of predicted offsets with their targets, a constant."""
        dtype = torch.promote_types(boxes.dtype, torch.float32)
        return detloss.iou(self.decode(encoded.detach().to(dtype), references), boxes.to(dtype))

    def count(self, positive: Tensor) -> Tensor:
        return positive.sum().clamp(min=1)

    def class_loss(
        self,
        loss: AdaptedLoss,
        logits: Tensor,
        matched: Tensor,
        labels: Tensor,
        weight: Tensor,
        quality: Tensor | None,
    ) -> Tensor:
        """The loss of all anchors; labels and qualities are those of the positive ones."""
        raise NotImplementedError


class FCOSLosses(OneStage):
    """One logit per class; the predicted offsets are distances to the four sides."""

    kinds = ONE_VS_REST
    because = "FCOS has one logit per class and none for the background"

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        encoded: Tensor = self.box_coder.encode(references, boxes)
        return encoded

    def decode(self, encoded: Tensor, references: Tensor) -> Tensor:
        boxes: Tensor = self.box_coder.decode(encoded, references)
        return boxes

    def class_loss(
        self,
        loss: AdaptedLoss,
        logits: Tensor,
        matched: Tensor,
        labels: Tensor,
        weight: Tensor,
        quality: Tensor | None,
    ) -> Tensor:
        return one_vs_rest(loss, logits, matched, labels, weight, quality)


class RetinaNetLosses(OneStage):
    """One logit per class; anchors between the thresholds are excluded, and every image has the same weight."""

    kinds = ONE_VS_REST
    because = "RetinaNet has one logit per class and none for the background"

    @property
    def box_coder(self) -> Any:
        return self.owner.regression_head.box_coder

    def count(self, positive: Tensor) -> Tensor:
        return positive.sum(1, keepdim=True).clamp(min=1) * len(positive)

    def class_loss(
        self,
        loss: AdaptedLoss,
        logits: Tensor,
        matched: Tensor,
        labels: Tensor,
        weight: Tensor,
        quality: Tensor | None,
    ) -> Tensor:
        included = matched != Matcher.BETWEEN_THRESHOLDS
        return one_vs_rest(loss, logits, matched, labels, weight * included, quality)


class SSDLosses(OneStage):
    """Class 0 is background; hard negative mining selects the background anchors that are trained."""

    kinds = (Kind.SOFTMAX,)
    because = "SSD has one logit per class, of which class 0 is the background"

    def class_loss(
        self,
        loss: AdaptedLoss,
        logits: Tensor,
        matched: Tensor,
        labels: Tensor,
        weight: Tensor,
        quality: Tensor | None,
    ) -> Tensor:
        target = torch.zeros_like(matched)
        target[matched >= 0] = labels
        positive = target > 0
        # A small image may have fewer background anchors than requested: the framework then adds positives a second
        # time, and so does this sum.
        times = positive.to(weight.dtype) + self.is_hard(logits, positive)
        value: Tensor = loss(logits, target, weight=weight * times)
        return value

    def is_hard(self, logits: Tensor, positive: Tensor) -> Tensor:
        """Whether an anchor is among the hard negatives of its image."""
        nll = -logits.detach().log_softmax(-1)[..., 0]
        nll[positive] = -torch.inf
        rank = nll.argsort(dim=1, descending=True).argsort(dim=1)
        requested: Tensor = self.owner.neg_to_pos_ratio * positive.sum(1, keepdim=True)
        return rank < requested


def one_vs_rest(
    loss: AdaptedLoss, logits: Tensor, matched: Tensor, labels: Tensor, weight: Tensor, quality: Tensor | None
) -> Tensor:
    """The class loss of heads without a background class."""
    positive = matched >= 0
    target = torch.zeros(logits.shape, dtype=torch.uint8, device=logits.device)
    target[(*positive.nonzero(as_tuple=True), labels)] = 1
    weight = weight.expand(matched.shape)[..., None]
    value: Tensor
    if quality is None:
        value = loss(logits, target, weight=weight)
    else:
        spread = quality.new_zeros(matched.shape)
        spread[positive] = quality
        value = loss(logits, target, weight=weight, quality=spread[..., None].expand(logits.shape))
    return value


def of_positives(name: str, targets: Targets, matched_idxs: list[Tensor]) -> Tensor:
    """A field of the targets for every positive anchor, concatenated over images."""
    return torch.cat([target[name][matched[matched >= 0]] for target, matched in zip(targets, matched_idxs)])


def of_one_class(targets: Targets, head_outputs: Outputs) -> tuple[Targets, Outputs]:
    """The same boxes with class 0, and the logits of that class alone."""
    alike = [{**target, "labels": torch.zeros_like(target["labels"])} for target in targets]
    return alike, {**head_outputs, "cls_logits": head_outputs["cls_logits"][..., :1]}
