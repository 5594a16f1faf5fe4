"""Losses of detloss in mmdet (3.x): by name in a configuration, or in the heads of an existing detector.

If mmdet is installed, importing this module registers every loss of `detloss.compat.mmdet` with the prefix ``Detloss``
and mmdet's arguments: ``loss_bbox=dict(type="DetlossGIoULoss", loss_weight=2.0)``. In a configuration, import it by
``custom_imports = dict(imports=["detloss.integrations.mmdetection"])``.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from torch import Tensor, nn

from detloss.catalog import Kind, kind_of
from detloss.compat import mmdet as peer
from detloss.compat.mmdet.loss_call import Loss as FrameworkLoss
from detloss.integrations.adapt import (
    BOX_KINDS,
    COMPARES_BOXES,
    GivenLoss,
    Loss,
    at_least_one,
    given,
    with_reduction,
    without_proposals,
)
from detloss.integrations.handle import Handle
from detloss.types import Reduction

OF_INDICES = ("CrossEntropyLoss", "FocalLoss", "HeadLoss")  # class losses with class indices as targets


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
    """Train an mmdet detector with other losses than those of its configuration.

    When to choose it: you have built a detector and want another loss, for example one that ``detloss compare`` found
    better. The ``loss_weight`` of the replaced loss applies in addition to the weights.

    Args:
        model: A detector with one stage (RetinaNet, ATSS, FCOS, YOLOX, DETR and others) or two, including cascades.
        box: The loss in place of ``loss_bbox``: of boxes with corners x1, y1, x2, y2, or of numbers. If a head has both
            ``loss_iou`` and ``loss_bbox``, as in DETR, a loss of boxes replaces ``loss_iou``.
        classification: The loss in place of ``loss_cls``: of the head's kind, sigmoid or softmax; background is the
            last index.
        proposal_box: The loss in place of ``loss_bbox`` of a two-stage detector's ``rpn_head``.
        proposal_classification: The loss in place of its ``loss_cls``, a sigmoid loss of objectness.
        box_weight: Factor of the box loss.
        classification_weight: Factor of the class loss.
        proposal_box_weight: Factor of the box loss for proposals.
        proposal_classification_weight: Factor of the objectness loss.

    Returns:
        A handle that restores mmdet's losses: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model has no such heads, a loss is not one of detloss, or a weight is not a number.
        ValueError: No loss is given, a loss has the wrong kind or geometry, a weight is invalid, a head is
            incompatible, or a head with ``reg_decoded_bbox=False`` gets a loss of boxes.

    Edge cases:
        A head with ``reg_decoded_bbox=False`` passes offsets to its box loss, for which an IoU is meaningless, so this
        raises. Set it to True in the configuration and tune the weight of the loss; losses of numbers then receive
        pixels. A loss takes the reduction of the loss that it replaces. Weights of a background class (DETR's
        ``bg_cls_weight``) are those of the new loss. Class weights are part of the head's ``state_dict``.

    Example:
        >>> import detloss
        >>> from detloss.compat import mmdet
        >>> from detloss.integrations.mmdetection import use_losses
        >>> from torch import nn
        >>> head = nn.Module()  # in your program: model = MODELS.build(config.model)
        >>> head.loss_cls, head.loss_bbox, head.reg_decoded_bbox = mmdet.FocalLoss(), mmdet.L1Loss(), False
        >>> model = nn.Module()
        >>> model.bbox_head = head
        >>> with use_losses(model, classification=detloss.SigmoidFocalLoss(gamma=1.5)):
        ...     pass  # train
        >>> use_losses(model, box=detloss.GeneralizedIoULoss())  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: box: expected a head with reg_decoded_bbox=True for a loss of boxes, since False passes...

    Sources:
        Chen et al., MMDetection: Open MMLab Detection Toolbox and Benchmark (2019), https://arxiv.org/abs/1906.07155

    See also:
        `detloss.integrations.handle.Handle`; `detloss.compat.mmdet`, its losses over ours.
    """
    losses = given("box", box, box_weight), given("classification", classification, classification_weight)
    proposal_losses = (
        given("proposal_box", proposal_box, proposal_box_weight),
        given("proposal_classification", proposal_classification, proposal_classification_weight),
    )
    heads, proposal_heads = heads_of(model)
    at_least_one("box, classification", *losses, *proposal_losses)
    if not proposal_heads:
        without_proposals(model, *proposal_losses)
    replacements = [*replacements_in(heads, *losses), *replacements_in(proposal_heads, *proposal_losses)]
    handle = Handle()
    for head, name, loss in replacements:
        handle.replace(head, name, HeadLoss(loss, getattr(head, name)))
    return handle


class Replacement(NamedTuple):
    """A loss of a head, by its attribute, and the new loss."""

    head: Any
    name: str
    loss: GivenLoss


def heads_of(model: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """The detection heads, several in a cascade, and the region proposal heads."""
    two_stages = getattr(model, "roi_head", None)
    heads = getattr(model if two_stages is None else two_stages, "bbox_head", None)
    if not isinstance(heads, nn.Module):
        raise TypeError(f"model: expected a detector of mmdet with bbox_head or roi_head, got {type(model).__name__}")
    proposing = getattr(model, "rpn_head", None)
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads], [] if proposing is None else [proposing]


def replacements_in(
    heads: list[nn.Module], box: GivenLoss | None, classification: GivenLoss | None
) -> Iterator[Replacement]:
    """The replacements in the heads of one stage, checked."""
    for head in heads:
        if box is not None:
            yield Replacement(head, box_attribute(box, head), box)
        if classification is not None:
            check_classification(classification, head)
            yield Replacement(head, "loss_cls", classification)


def box_attribute(loss: GivenLoss, head: Any) -> str:
    """The attribute of a head that a box loss replaces."""
    kind = loss.kind_among(BOX_KINDS, COMPARES_BOXES)
    name = "loss_iou" if kind is Kind.BOX and hasattr(head, "loss_iou") else "loss_bbox"
    if not hasattr(head, name):
        raise ValueError(f"{loss.name}: expected a head with {name}, got {type(head).__name__}")
    if kind is Kind.BOX and not getattr(head, "reg_decoded_bbox", True):
        raise ValueError(
            f"{loss.name}: expected a head with reg_decoded_bbox=True for a loss of boxes, since False passes offsets "
            f"instead of boxes; got {type(head).__name__} with False"
        )
    return name


def check_classification(loss: GivenLoss, head: Any) -> None:
    """Reject a class loss of another kind than the head's."""
    framework = getattr(head, "loss_cls", None)
    if type(framework).__name__ not in OF_INDICES:
        expected = "loss_cls of CrossEntropyLoss or FocalLoss, whose targets are class indices"
        raise ValueError(f"{loss.name}: expected a head with {expected}, got {type(head).__name__} with {framework!r}")
    if getattr(framework, "use_sigmoid", False):
        loss.kind_among((Kind.SIGMOID,), "the head has a sigmoid per class, and no background class")
    else:
        loss.kind_among((Kind.SOFTMAX,), "the head has a softmax over the classes and background")


class HeadLoss(FrameworkLoss):
    """A loss with the call of mmdet's losses, and with the reduction and weight of the loss that it replaces."""

    def __init__(self, loss: GivenLoss, framework: Any) -> None:
        self.framework_weight = getattr(framework, "framework_weight", framework.loss_weight)
        super().__init__(framework.reduction, self.framework_weight * loss.weight)
        self.loss = with_reduction(loss.loss, self.reduction)
        self.kind = kind_of(loss.loss)
        self.use_sigmoid = self.kind is Kind.SIGMOID  # heads read it to interpret their logits

    def evaluate(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, reduction: Reduction, divisor: float | Tensor | None
    ) -> Tensor:
        if weight is not None and self.kind is Kind.BOX and weight.dim() == pred.dim():
            weight = weight.mean(-1)  # mmdet repeats the weight of a box four times
        elif weight is not None and self.kind in (Kind.REGRESSION, Kind.SIGMOID) and weight.dim() < pred.dim():
            weight = weight.unsqueeze(-1)
        loss = self.loss if reduction == self.reduction else with_reduction(self.loss, reduction)
        return loss(pred, target, weight=weight, normalizer=divisor)


def register() -> None:
    """Register the losses with mmdet."""
    registry = import_module("mmdet.registry").MODELS
    for name in peer.__all__:
        registry.register_module(name=f"Detloss{name}", module=getattr(peer, name))


if find_spec("mmdet"):
    register()
