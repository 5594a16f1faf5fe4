"""Losses of detloss in detectron2: Faster R-CNN and derived models, including cascades, and RetinaNet."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from detloss.catalog import Kind
from detloss.integrations.adapt import (
    BOX_KINDS,
    COMPARES_BOXES,
    AdaptedLoss,
    GivenLoss,
    Loss,
    adapted,
    at_least_one,
    given,
    without_proposals,
)
from detloss.integrations.handle import Handle


def use_losses(
    model: nn.Module,
    *,
    box: Loss | None = None,
    classification: Loss | None = None,
    proposal_box: Loss | None = None,
    proposal_classification: Loss | None = None,
    box_weight: float = 1.0,
    classification_weight: float = 1.0,
    proposal_box_weight: float = 1.0,
    proposal_classification_weight: float = 1.0,
) -> Handle:
    """Train a detectron2 detector with other losses than those of its configuration. Only this model changes.

    Losses of boxes receive boxes, decoded by the model's own ``box2box_transform``, and gradients flow through the
    decoding. Losses of numbers receive the predicted and the encoded offsets. Their sums are divided by detectron2's
    divisors and multiplied by its ``loss_weight``.

    When to choose it: you need a loss beyond the four of ``BBOX_REG_LOSS_TYPE``.

    Args:
        model: The result of ``build_model``: a ``GeneralizedRCNN`` or a ``RetinaNet``.
        box: The box loss of the box head or of RetinaNet: of boxes with corners x1, y1, x2, y2 in pixels, or of
            numbers.
        classification: The class loss. Box head: a softmax loss, or a sigmoid loss with ``USE_SIGMOID_CE``. RetinaNet:
            a sigmoid loss. Background is the last index.
        proposal_box: The box loss of the region proposal network.
        proposal_classification: The loss of its objectness logit: a sigmoid loss.
        box_weight: Factor of the box loss.
        classification_weight: Factor of the class loss.
        proposal_box_weight: Factor of the box loss for proposals.
        proposal_classification_weight: Factor of the objectness loss.

    Returns:
        A handle that restores detectron2's losses: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is not supported, a loss is not one of detloss, or a weight is not a number.
        ValueError: No loss is given, a loss has the wrong kind or geometry, a weight is invalid, or the model lacks the
            part that a loss is for.

    Edge cases:
        The names in the loss dict do not change, and masks and keypoints keep their losses. The reduction of a loss is
        replaced. If a batch has no objects, the box loss is 0 and attached to the graph. A federated class loss
        (``USE_FED_LOSS``) raises, because it samples classes, and so does FCOS; torchvision's FCOS is supported. A copy
        of the model has copies of the losses, and the ``state_dict`` does not change.

    Example:
        >>> import detloss
        >>> from detloss.integrations.detectron2 import use_losses
        >>> from torch import nn
        >>> model, head = nn.Module(), nn.Module()  # in your program: model = build_model(cfg)
        >>> head.losses = head.box_reg_loss = lambda *given: None
        >>> model.roi_heads = nn.Module()
        >>> model.roi_heads.box_predictor = head
        >>> with use_losses(model, box=detloss.DistanceIoULoss(), classification=detloss.SoftmaxFocalLoss()):
        ...     pass  # train

    Sources:
        Wu et al., Detectron2 (2019), https://github.com/facebookresearch/detectron2

    See also:
        `detloss.integrations.handle.Handle`; `detloss.compat.fvcore`, for training loops that call loss functions.
    """
    detecting, proposing = terms_of(model)
    losses = given("box", box, box_weight), given("classification", classification, classification_weight)
    proposal_losses = (
        given("proposal_box", proposal_box, proposal_box_weight),
        given("proposal_classification", proposal_classification, proposal_classification_weight),
    )
    at_least_one("box, classification", *losses, *proposal_losses)
    if not proposing:
        without_proposals(model, *proposal_losses)
    chosen = [(detecting, *losses), (proposing, *proposal_losses)]
    for terms, box_loss, class_loss in chosen:
        for each in terms:
            each.replace(box_loss, class_loss)
    handle = Handle()
    for terms, *_ in chosen:
        for each in terms:
            each.install(handle)
    return handle


def terms_of(model: Any) -> tuple[list["Terms"], list["Terms"]]:
    """The detection parts of a model, and its region proposal parts."""
    predictors = getattr(getattr(model, "roi_heads", None), "box_predictor", None)
    proposing = getattr(model, "proposal_generator", None)
    if isinstance(predictors, nn.Module):
        cascade = list(predictors) if isinstance(predictors, nn.ModuleList) else [predictors]
        proposes = hasattr(proposing, "losses")
        return [BoxHeadTerms(each) for each in cascade], [ProposalTerms(proposing)] if proposes else []
    if all(hasattr(model, name) for name in ("losses", "focal_loss_alpha", "smooth_l1_beta", "box2box_transform")):
        return [RetinaNetTerms(model)], []
    raise TypeError(f"model: expected GeneralizedRCNN or RetinaNet of detectron2, got {type(model).__name__}")


class Terms(ABC):
    """The terms of one part of a detector, put into the dict that its method ``losses`` returns.

    It is an object and not a closure, so that a copy of the model has its own copy of it.
    """

    kind: Kind = Kind.SIGMOID
    because: str = "every class has its own sigmoid, and there is no background class"
    box_term: ClassVar[str] = "loss_box_reg"
    class_term: ClassVar[str] = "loss_cls"

    def __init__(self, part: Any) -> None:
        self.part = part
        self.framework = part.losses
        self.box: AdaptedLoss | None = None
        self.classification: AdaptedLoss | None = None

    def replace(self, box: GivenLoss | None, classification: GivenLoss | None) -> None:
        """Take the sums of new losses, checked; None keeps a term."""
        self.box = adapted(box, "sum", BOX_KINDS, COMPARES_BOXES)
        self.classification = adapted(classification, "sum", (self.kind,), self.because)

    def install(self, handle: Handle) -> None:
        """Replace the part's method if there is a new loss."""
        if self.box is not None or self.classification is not None:
            handle.replace(self.part, "losses", self)

    @abstractmethod
    def __call__(self, *args: Any) -> dict[str, Tensor]:
        """The part's dict of losses."""

    def box_loss(self, loss: AdaptedLoss, deltas: Tensor, references: Tensor, boxes: Tensor) -> Tensor:
        """The sum over predicted deltas and target boxes."""
        transform = self.part.box2box_transform
        if loss.kind is Kind.BOX:
            deltas, target = transform.apply_deltas(deltas, references), boxes
        else:
            target = transform.get_deltas(references, boxes)
        total: Tensor = loss(deltas, target)
        return total

    def weight(self, term: str) -> float:
        """The weight of a term in detectron2."""
        weights: dict[str, float] = getattr(self.part, "loss_weight", {})
        return weights.get(term, 1.0)


class DenseTerms(Terms):
    """A part with a prediction per anchor; its inputs are lists over levels and images."""

    def __call__(
        self,
        anchors: Sequence[Any],
        pred_logits: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        pred_anchor_deltas: Sequence[Tensor],
        gt_boxes: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.framework(anchors, pred_logits, gt_labels, pred_anchor_deltas, gt_boxes)
        labels = torch.stack(tuple(gt_labels))
        divisor = self.divisor(len(labels))  # after the framework's losses, which update RetinaNet's running mean
        if self.box is not None:
            positive = self.positive(labels)
            deltas, boxes = torch.cat(tuple(pred_anchor_deltas), dim=1), torch.stack(tuple(gt_boxes))
            references = torch.cat([level.tensor for level in anchors]).expand_as(boxes)
            total = self.box_loss(self.box, deltas[positive], references[positive], boxes[positive])
            losses[self.box_term] = self.weight(self.box_term) * total / divisor
        if self.classification is not None:
            included = labels >= 0
            logits = torch.cat(tuple(pred_logits), dim=1)[included]
            target = labels[included].to(torch.int64 if logits.dim() > 1 else logits.dtype)
            total = self.classification(logits, target)
            losses[self.class_term] = self.weight(self.class_term) * total / divisor
        return losses

    @abstractmethod
    def positive(self, labels: Tensor) -> Tensor:
        """Whether an anchor has a target box."""

    @abstractmethod
    def divisor(self, images: int) -> float:
        """The divisor of the sums in detectron2."""


class RetinaNetTerms(DenseTerms):
    """RetinaNet: class indices with background last; the divisor is a running mean of the number of positives."""

    def positive(self, labels: Tensor) -> Tensor:
        background: int = self.part.num_classes
        return (labels >= 0) & (labels != background)

    def divisor(self, images: int) -> float:
        divisor: float = self.part.loss_normalizer
        return divisor


class ProposalTerms(DenseTerms):
    """The region proposal network: one objectness logit per anchor; the divisor is the number of sampled anchors."""

    because = "it has one objectness logit per anchor"
    box_term = "loss_rpn_loc"
    class_term = "loss_rpn_cls"

    def positive(self, labels: Tensor) -> Tensor:
        return labels == 1

    def divisor(self, images: int) -> float:
        divisor: float = self.part.batch_size_per_image * images
        return divisor


class BoxHeadTerms(Terms):
    """The box head: the divisor is the number of sampled proposals; ``losses`` calls the method ``box_reg_loss``."""

    def __init__(self, part: Any) -> None:
        super().__init__(part)
        if not getattr(part, "use_sigmoid_ce", False):
            self.kind, self.because = Kind.SOFTMAX, "it has a softmax over the classes and background"

    def replace(self, box: GivenLoss | None, classification: GivenLoss | None) -> None:
        if classification is not None and getattr(self.part, "use_fed_loss", False):
            raise ValueError(
                f"{classification.name}: expected a head with use_fed_loss=False, since it samples classes, got True"
            )
        super().replace(box, classification)

    def install(self, handle: Handle) -> None:
        if self.box is not None:
            handle.replace(self.part, "box_reg_loss", partial(self.box_reg_loss, self.box))
        if self.classification is not None:
            super().install(handle)

    def __call__(self, predictions: tuple[Tensor, Tensor], proposals: Sequence[Any]) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.framework(predictions, proposals)
        logits, _ = predictions
        labels = torch.cat([logits.new_zeros(0, dtype=torch.int64), *(image.gt_classes for image in proposals)])
        if self.classification is not None:
            logits = (
                logits[:, :-1] if self.kind is Kind.SIGMOID else logits
            )  # a sigmoid head does not use its last logit
            total = self.classification(logits, labels)
            losses[self.class_term] = self.weight(self.class_term) * total / max(len(labels), 1)
        return losses

    def box_reg_loss(
        self, loss: AdaptedLoss, proposal_boxes: Tensor, gt_boxes: Tensor, pred_deltas: Tensor, gt_classes: Tensor
    ) -> Tensor:
        """The loss of the positive proposals, by the deltas of their class; detectron2 applies its weight."""
        positive = ((gt_classes >= 0) & (gt_classes < self.part.num_classes)).nonzero().squeeze(1)
        count, numbers = pred_deltas.shape
        per_box = proposal_boxes.shape[1]
        deltas = pred_deltas.reshape(count, numbers // per_box, per_box)  # one set per class, or one for all
        of_class = gt_classes[positive] if deltas.shape[1] > 1 else 0
        total = self.box_loss(loss, deltas[positive, of_class], proposal_boxes[positive], gt_boxes[positive])
        return total / max(gt_classes.numel(), 1)
