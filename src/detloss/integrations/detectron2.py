"""Our losses in detectron2: Faster R-CNN and those made from it, cascades too, and RetinaNet."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from detloss.catalog import Kind, kind_of
from detloss.integrations.adapt import (
    Loss,
    for_boxes,
    kind_among,
    on,
    with_reduction,
)
from detloss.integrations.handle import Handle


def use_losses(
    model: nn.Module,
    *,
    box: Loss | None = None,
    classification: Loss | None = None,
    proposal_box: Loss | None = None,
    proposal_classification: Loss | None = None,
) -> Handle:
    """Train a detector of detectron2 with other losses than those of its configuration.

    Losses of boxes are given boxes, decoded by the model's own ``box2box_transform``, and gradients flow back through
    it. Losses of numbers are given what the network predicts, beside encoded targets. Their sums are divided by what
    detectron2 divides by, and multiplied by its ``loss_weight``.

    When to choose it: ``BBOX_REG_LOSS_TYPE`` knows four losses; here it is any, and this one model, not its class.

    Args:
        model: What ``build_model`` returns: a ``GeneralizedRCNN`` or a ``RetinaNet``.
        box: The loss of boxes of the box head or of RetinaNet: of boxes, which reads corners x1, y1, x2, y2 in pixels,
            or of numbers.
        classification: The loss of classes. Box head: a softmax loss, or with ``USE_SIGMOID_CE`` a sigmoid loss.
            RetinaNet: a sigmoid loss. Background is the last index.
        proposal_box: The loss of boxes of the region proposal network.
        proposal_classification: The loss of its one logit an anchor, object or not: a sigmoid loss.

    Returns:
        What brings detectron2's losses back: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model has no such parts, or what is to be a loss is none of ours.
        ValueError: No loss is given, or a loss of the wrong kind or geometry, or for a part that the model lacks.

    Edge cases:
        The names in the dict of losses stay, so do masks and keypoints. A loss's own reduction is replaced. No objects
        in a batch: the box loss is 0, attached to the graph. A federated class loss (``USE_FED_LOSS``) is refused: it
        counts a sample of the classes. FCOS is refused too; torchvision's can be trained instead. A copy of the model
        has copies of the losses, and its ``state_dict`` stays as it was.

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
        `detloss.integrations.handle.Handle`; `detloss.compat.fvcore`, for a training loop that calls its functions.
    """
    handle = Handle()
    detecting, proposing = terms_of(model)
    given = (("", box, classification, detecting), ("proposal_", proposal_box, proposal_classification, proposing))
    chosen = [
        each
        for prefix, ours, class_loss, terms in given
        for each in replacements(model, prefix, terms, ours, class_loss)
    ]
    if not chosen:
        raise ValueError("box, classification: expected at least one loss, got none")
    for terms in chosen:
        terms.put_in(handle)
    return handle


def terms_of(model: Any) -> tuple[list["Terms"], list["Terms"]]:
    """The parts of a model whose losses count, and those that propose regions."""
    predictors = getattr(getattr(model, "roi_heads", None), "box_predictor", None)
    proposing = getattr(model, "proposal_generator", None)
    if isinstance(predictors, nn.Module):
        cascade = list(predictors) if isinstance(predictors, nn.ModuleList) else [predictors]
        proposes = hasattr(proposing, "losses")
        return [BoxHeadTerms(each) for each in cascade], [ProposalTerms(proposing)] if proposes else []
    if all(hasattr(model, name) for name in ("losses", "focal_loss_alpha", "smooth_l1_beta", "box2box_transform")):
        return [RetinaNetTerms(model)], []
    raise TypeError(f"model: expected GeneralizedRCNN or RetinaNet of detectron2, got {type(model).__name__}")


def replacements(
    model: nn.Module, prefix: str, terms: list["Terms"], box: Loss | None, classification: Loss | None
) -> Iterator["Terms"]:
    """The parts that get losses, and the losses for them, checked."""
    for name, loss in ((f"{prefix}box", box), (f"{prefix}classification", classification)):
        if loss is not None and not terms:
            raise ValueError(
                f"{name}: expected None for {type(model).__name__}, which proposes no regions, got {loss!r}"
            )
    for each in terms:
        if box is not None:
            each.take_box(f"{prefix}box", box)
        if classification is not None:
            each.take_classification(f"{prefix}classification", classification)
        if box is not None or classification is not None:
            yield each


class Terms(ABC):
    """The terms of one part of a detector, put into what its own method ``losses`` returns.

    It is an object and no closure, so that a copy of the model has its own copy of it.
    """

    kind: Kind = Kind.SIGMOID
    because: str = "every class has a sigmoid of its own, and background is none of them"
    box_term: ClassVar[str] = "loss_box_reg"
    class_term: ClassVar[str] = "loss_cls"

    def __init__(self, part: Any) -> None:
        self.part = part
        self.theirs = part.losses
        self.box: Loss | None = None
        self.classification: Loss | None = None

    def take_box(self, name: str, loss: Loss) -> None:
        """A loss that compares boxes, or numbers."""
        for_boxes(name, loss, "it compares boxes, or what encodes them")
        self.box = with_reduction(loss, "sum")

    def take_classification(self, name: str, loss: Loss) -> None:
        """A loss that reads this part's logits."""
        kind_among(name, loss, (self.kind,), self.because)
        self.classification = with_reduction(loss, "sum")

    def put_in(self, handle: Handle) -> None:
        """Take the place of the part's method."""
        handle.replace(self.part, "losses", self)

    @abstractmethod
    def __call__(self, *args: Any) -> dict[str, Tensor]:
        """The part's dict of losses."""

    def class_loss(self, loss: Loss, logits: Tensor, target: Tensor) -> Tensor:
        """The sum over all entries."""
        return on(logits, loss)(logits, target)

    def box_loss(self, loss: Loss, deltas: Tensor, references: Tensor, boxes: Tensor) -> Tensor:
        """The sum over predictions beside the boxes that they should be."""
        transform = self.part.box2box_transform
        if kind_of(loss) is Kind.BOX:
            deltas, target = transform.apply_deltas(deltas, references), boxes
        else:
            target = transform.get_deltas(references, boxes)
        total: Tensor = on(boxes, loss)(deltas, target)
        return total

    def weight(self, term: str) -> float:
        """What detectron2 multiplies a term by."""
        weights: dict[str, float] = getattr(self.part, "loss_weight", {})
        return weights.get(term, 1.0)


class DenseTerms(Terms):
    """A part that predicts at every anchor; detectron2 hands it a list a level and a list an image."""

    def __call__(
        self,
        anchors: Sequence[Any],
        pred_logits: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        pred_anchor_deltas: Sequence[Tensor],
        gt_boxes: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.theirs(anchors, pred_logits, gt_labels, pred_anchor_deltas, gt_boxes)
        labels = torch.stack(tuple(gt_labels))
        divisor = self.divisor(len(labels))  # after theirs, which moves RetinaNet's running mean
        if self.box is not None:
            positive = self.positive(labels)
            deltas, boxes = torch.cat(tuple(pred_anchor_deltas), dim=1), torch.stack(tuple(gt_boxes))
            references = torch.cat([level.tensor for level in anchors]).expand_as(boxes)
            total = self.box_loss(self.box, deltas[positive], references[positive], boxes[positive])
            losses[self.box_term] = self.weight(self.box_term) * total / divisor
        if self.classification is not None:
            counted = labels >= 0
            logits = torch.cat(tuple(pred_logits), dim=1)[counted]
            target = labels[counted].to(torch.int64 if logits.dim() > 1 else logits.dtype)
            total = self.class_loss(self.classification, logits, target)
            losses[self.class_term] = self.weight(self.class_term) * total / divisor
        return losses

    @abstractmethod
    def positive(self, labels: Tensor) -> Tensor:
        """Which anchors have a box."""

    @abstractmethod
    def divisor(self, images: int) -> float:
        """What detectron2 divides sums by."""


class RetinaNetTerms(DenseTerms):
    """RetinaNet: class indices with background last; divided by a running mean of the positives."""

    def positive(self, labels: Tensor) -> Tensor:
        background: int = self.part.num_classes
        return (labels >= 0) & (labels != background)

    def divisor(self, images: int) -> float:
        divisor: float = self.part.loss_normalizer
        return divisor


class ProposalTerms(DenseTerms):
    """The region proposal network: one logit an anchor, 1 for an object; divided by the anchors that are sampled."""

    because = "it has one logit an anchor, object or not"
    box_term = "loss_rpn_loc"
    class_term = "loss_rpn_cls"

    def positive(self, labels: Tensor) -> Tensor:
        return labels == 1

    def divisor(self, images: int) -> float:
        divisor: float = self.part.batch_size_per_image * images
        return divisor


class BoxHeadTerms(Terms):
    """The box head: the sampled proposals divide, and its own ``losses`` asks for the box loss by a method."""

    def __init__(self, part: Any) -> None:
        super().__init__(part)
        if not getattr(part, "use_sigmoid_ce", False):
            self.kind, self.because = Kind.SOFTMAX, "it has a softmax over the classes and background"

    def take_classification(self, name: str, loss: Loss) -> None:
        if getattr(self.part, "use_fed_loss", False):
            raise ValueError(f"{name}: expected a head with use_fed_loss=False, since it samples classes, got True")
        super().take_classification(name, loss)

    def put_in(self, handle: Handle) -> None:
        if self.box is not None:
            handle.replace(self.part, "box_reg_loss", partial(self.box_reg_loss, self.box))
        if self.classification is not None:
            super().put_in(handle)

    def __call__(self, predictions: tuple[Tensor, Tensor], proposals: Sequence[Any]) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = self.theirs(predictions, proposals)
        logits, _ = predictions
        labels = torch.cat([logits.new_zeros(0, dtype=torch.int64), *(image.gt_classes for image in proposals)])
        if self.classification is not None:
            read = logits[:, :-1] if self.kind is Kind.SIGMOID else logits  # with sigmoids, the last logit is for none
            total = self.class_loss(self.classification, read, labels)
            losses[self.class_term] = self.weight(self.class_term) * total / max(len(labels), 1)
        return losses

    def box_reg_loss(
        self, loss: Loss, proposal_boxes: Tensor, gt_boxes: Tensor, pred_deltas: Tensor, gt_classes: Tensor
    ) -> Tensor:
        """The loss of the proposals that have a box, by the deltas of its class; detectron2 weighs it."""
        positive = ((gt_classes >= 0) & (gt_classes < self.part.num_classes)).nonzero().squeeze(1)
        count, numbers = pred_deltas.shape
        per_box = proposal_boxes.shape[1]
        deltas = pred_deltas.reshape(count, numbers // per_box, per_box)  # one set a class, or one for all
        of_class = gt_classes[positive] if deltas.shape[1] > 1 else 0
        total = self.box_loss(loss, deltas[positive, of_class], proposal_boxes[positive], gt_boxes[positive])
        return total / max(gt_classes.numel(), 1)
