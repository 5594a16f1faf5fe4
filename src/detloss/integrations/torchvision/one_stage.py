"""RetinaNet, FCOS and SSD: a prediction at every anchor, and one method that is given all that a loss needs."""

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection._utils import Matcher

from detloss.catalog import Kind
from detloss.integrations.adapt import Loss, on
from detloss.integrations.torchvision.stage import Stage

Targets = list[dict[str, Tensor]]
Outputs = dict[str, Tensor]


class OneStage(Stage):
    """``compute_loss`` with losses of ours in it; the rest stays the framework's."""

    method = "compute_loss"

    def __call__(
        self, targets: Targets, head_outputs: Outputs, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> Outputs:
        # Nothing but the class loss looks at classes: with a single one, the rest is had for next to nothing.
        rest = (targets, head_outputs) if self.classification is None else of_one_class(targets, head_outputs)
        losses: Outputs = self.theirs(*rest, anchors, matched_idxs)
        matched = torch.stack(matched_idxs)
        positive = matched >= 0
        share = self.share(positive)
        if self.box is not None:
            losses["bbox_regression"] = self.box_loss(
                self.box,
                head_outputs["bbox_regression"][positive],
                torch.stack(anchors)[positive],
                of_positives("boxes", targets, matched_idxs),
                share.expand(positive.shape)[positive],
            )
        if self.classification is not None:
            labels = of_positives("labels", targets, matched_idxs)
            losses["classification"] = self.class_loss(
                self.classification, head_outputs["cls_logits"], matched, labels, share
            )
        return losses

    def count(self, positive: Tensor) -> Tensor:
        return positive.sum().clamp(min=1)

    def class_loss(self, loss: Loss, logits: Tensor, matched: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        """The loss of all anchors; the labels are those of the positive ones."""
        raise NotImplementedError


class FCOSLosses(OneStage):
    """One logit a class; what the network predicts are distances to the four sides."""

    kind = Kind.SIGMOID
    because = "FCOS has one logit a class and none for the background"

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        encoded: Tensor = self.box_coder.encode(references, boxes)
        return encoded

    def decode(self, encoded: Tensor, references: Tensor) -> Tensor:
        boxes: Tensor = self.box_coder.decode(encoded, references)
        return boxes

    def class_loss(self, loss: Loss, logits: Tensor, matched: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        return one_against_all(loss, logits, matched, labels, share)


class RetinaNetLosses(OneStage):
    """One logit a class; anchors between the thresholds are absent, and every image counts the same."""

    kind = Kind.SIGMOID
    because = "RetinaNet has one logit a class and none for the background"

    @property
    def box_coder(self) -> Any:
        return self.owner.regression_head.box_coder

    def count(self, positive: Tensor) -> Tensor:
        return positive.sum(1, keepdim=True).clamp(min=1) * len(positive)

    def class_loss(self, loss: Loss, logits: Tensor, matched: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        present = matched != Matcher.BETWEEN_THRESHOLDS
        return one_against_all(loss, logits, matched, labels, share * present)


class SSDLosses(OneStage):
    """Class 0 is background, and of the background only the anchors that look least like it are trained."""

    kind = Kind.SOFTMAX
    because = "SSD has one logit a class, of which class 0 is the background"

    def class_loss(self, loss: Loss, logits: Tensor, matched: Tensor, labels: Tensor, share: Tensor) -> Tensor:
        target = torch.zeros_like(matched)
        target[matched >= 0] = labels
        positive = target > 0
        # Small images may have fewer anchors of background than are asked for: the framework then takes positives
        # a second time, and so does this sum.
        times = positive.to(share.dtype) + self.is_hard(logits, positive)
        return on(logits, loss)(logits, target, weight=share * times)

    def is_hard(self, logits: Tensor, positive: Tensor) -> Tensor:
        """Which anchors an image's few positives are trained against."""
        surprise = -logits.detach().log_softmax(-1)[..., 0]
        surprise[positive] = -torch.inf
        rank = surprise.argsort(dim=1, descending=True).argsort(dim=1)
        wanted: Tensor = self.owner.neg_to_pos_ratio * positive.sum(1, keepdim=True)
        return rank < wanted


def one_against_all(loss: Loss, logits: Tensor, matched: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """The class loss of heads that have no class for the background."""
    target = torch.zeros(logits.shape, dtype=torch.uint8, device=logits.device)
    target[(*(matched >= 0).nonzero(as_tuple=True), labels)] = 1
    return on(logits, loss)(logits, target, weight=weight.expand(matched.shape)[..., None])


def of_positives(name: str, targets: Targets, matched_idxs: list[Tensor]) -> Tensor:
    """What the targets say of every positive anchor, image after image."""
    return torch.cat([target[name][matched[matched >= 0]] for target, matched in zip(targets, matched_idxs)])


def of_one_class(targets: Targets, head_outputs: Outputs) -> tuple[Targets, Outputs]:
    """The same boxes, all of them of class 0, and the logits of that class alone."""
    alike = [{**target, "labels": torch.zeros_like(target["labels"])} for target in targets]
    return alike, {**head_outputs, "cls_logits": head_outputs["cls_logits"][..., :1]}
