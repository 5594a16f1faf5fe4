"""Our losses in mmdet (3.x): by name in a configuration, or put into the heads of a detector that is built.

Importing this module where mmdet is installed registers every loss of `detloss.compat.mmdet` under its name with
``Detloss`` in front, with mmdet's arguments: ``loss_bbox=dict(type="DetlossGIoULoss", loss_weight=2.0)``. A
configuration asks for it by ``custom_imports = dict(imports=["detloss.integrations.mmdetection"])``.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from torch import Tensor, nn

from detloss.catalog import Kind, kind_of
from detloss.compat import mmdet as peer
from detloss.integrations.adapt import (
    Loss,
    kind_among,
    reads_corners,
    with_reduction,
)
from detloss.integrations.handle import Handle

OF_INDICES = ("CrossEntropyLoss", "FocalLoss", "HeadLoss")  # class losses of a head whose targets are class indices


def use_losses(
    model: nn.Module,
    *,
    box: Loss | None = None,
    classification: Loss | None = None,
    proposal_box: Loss | None = None,
    proposal_classification: Loss | None = None,
) -> Handle:
    """Train a detector of mmdet with other losses than those of its configuration.

    When to choose it: ``detloss compare`` or a paper says that another loss suits your data, and the detector is to
    stay as it is. The ``loss_weight`` of the loss that is replaced stays: a loss of another size wants another.

    Args:
        model: A detector that is built: with one stage (RetinaNet, ATSS, FCOS, YOLOX, DETR and others), or with two,
            cascades too.
        box: In the place of ``loss_bbox``: a loss of boxes, which reads corners x1, y1, x2, y2, or of numbers. Where a
            head has both ``loss_iou`` and ``loss_bbox``, as DETR's has, a loss of boxes takes the place of the first.
        classification: In the place of ``loss_cls``: a loss of the head's kind, sigmoid or softmax, in which
            background is the last index.
        proposal_box: In the place of ``loss_bbox`` of a two-stage detector's ``rpn_head``.
        proposal_classification: In the place of its ``loss_cls``, a sigmoid: object or not.

    Returns:
        What brings mmdet's losses back: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model has no such heads, or what is to be a loss is none of ours.
        ValueError: No loss is given, a loss of the wrong kind or geometry, a head that these losses do not fit, or a
            loss of boxes for a head with ``reg_decoded_bbox=False``.

    Edge cases:
        A head with ``reg_decoded_bbox=False`` gives its box loss offsets, of which an IoU says nothing, and many a
        training came to nothing that way: it is refused here. Set it to True in the configuration; the weight of the
        loss then wants tuning. With True, losses of numbers are given pixels. A loss keeps the reduction of what it
        replaces. Weights of a background class (DETR's ``bg_cls_weight``) are those of the loss that you give. A class
        weight stands in the ``state_dict`` under the head.

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
        ValueError: box: expected a head with reg_decoded_bbox=True for a loss of boxes, since False gives it offsets...

    Sources:
        Chen et al., MMDetection: Open MMLab Detection Toolbox and Benchmark (2019), https://arxiv.org/abs/1906.07155

    See also:
        `detloss.integrations.handle.Handle`; `detloss.compat.mmdet`, its losses over ours.
    """
    given = (("", box, classification), ("proposal_", proposal_box, proposal_classification))
    replacements = [
        replacement
        for (prefix, ours, class_loss), heads in zip(given, heads_of(model))
        for replacement in replacements_in(model, prefix, heads, ours, class_loss)
    ]
    if not replacements:
        raise ValueError("box, classification: expected at least one loss, got none")
    handle = Handle()
    for head, name, loss in replacements:
        handle.replace(head, name, HeadLoss(loss, getattr(head, name)))
    return handle


class Replacement(NamedTuple):
    """A loss of a head, by its attribute, and what takes its place."""

    head: Any
    name: str
    loss: Loss


def heads_of(model: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """The heads whose detections count, a cascade's one after the other, and those that propose regions."""
    two_stages = getattr(model, "roi_head", None)
    heads = getattr(model if two_stages is None else two_stages, "bbox_head", None)
    if not isinstance(heads, nn.Module):
        raise TypeError(f"model: expected a detector of mmdet with bbox_head or roi_head, got {type(model).__name__}")
    proposing = getattr(model, "rpn_head", None)
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads], [] if proposing is None else [proposing]


def replacements_in(
    model: nn.Module, prefix: str, heads: list[nn.Module], box: Loss | None, classification: Loss | None
) -> Iterator[Replacement]:
    """What is to be replaced in heads of one stage, checked."""
    for name, loss in ((f"{prefix}box", box), (f"{prefix}classification", classification)):
        if loss is not None and not heads:
            raise ValueError(
                f"{name}: expected None for {type(model).__name__}, which proposes no regions, got {loss!r}"
            )
    for head in heads:
        if box is not None:
            yield Replacement(head, box_place(f"{prefix}box", box, head), box)
        if classification is not None:
            check_classes(f"{prefix}classification", classification, head)
            yield Replacement(head, "loss_cls", classification)


def box_place(name: str, loss: Loss, head: Any) -> str:
    """The attribute of a head that a loss of boxes or numbers takes the place of."""
    kind = kind_among(name, loss, (Kind.BOX, Kind.REGRESSION), "it compares boxes, or what encodes them")
    place = "loss_iou" if kind is Kind.BOX and hasattr(head, "loss_iou") else "loss_bbox"
    if not hasattr(head, place):
        raise ValueError(f"{name}: expected a head with {place}, got {type(head).__name__}")
    if kind is Kind.BOX:
        reads_corners(name, loss)
        if not getattr(head, "reg_decoded_bbox", True):
            raise ValueError(
                f"{name}: expected a head with reg_decoded_bbox=True for a loss of boxes, since False gives it offsets "
                f"from anchors in the place of boxes; got {type(head).__name__} with False"
            )
    return place


def check_classes(name: str, loss: Loss, head: Any) -> None:
    """A class loss of the kind that a head was made for."""
    theirs = getattr(head, "loss_cls", None)
    if type(theirs).__name__ not in OF_INDICES:
        expected = "loss_cls of CrossEntropyLoss or FocalLoss, whose targets are class indices"
        raise ValueError(f"{name}: expected a head with {expected}, got {type(head).__name__} with {theirs!r}")
    if getattr(theirs, "use_sigmoid", False):
        kind_among(name, loss, (Kind.SIGMOID,), "the head has a sigmoid for each class, and none for background")
    else:
        kind_among(name, loss, (Kind.SOFTMAX,), "the head has a softmax over the classes and background")


class HeadLoss(peer.Loss):
    """A loss of ours, called as mmdet calls the loss of a head, with the reduction and weight of what was there."""

    def __init__(self, loss: Loss, framework: Any) -> None:
        super().__init__(framework.reduction, framework.loss_weight)
        self.loss = with_reduction(loss, self.reduction)
        self.kind = kind_of(loss)
        self.use_sigmoid = self.kind is Kind.SIGMOID  # heads ask for it to read their logits

    def evaluate(
        self, pred: Tensor, target: Tensor, weight: Tensor | None, reduction: str, divisor: float | Tensor | None
    ) -> Tensor:
        if weight is not None and self.kind is Kind.BOX and weight.dim() == pred.dim():
            weight = weight.mean(-1)  # mmdet gives a box its weight four times
        elif weight is not None and self.kind in (Kind.REGRESSION, Kind.SIGMOID) and weight.dim() < pred.dim():
            weight = weight.unsqueeze(-1)
        loss = self.loss if reduction == self.reduction else with_reduction(self.loss, reduction)
        return loss(pred, target, weight=weight, normalizer=divisor)


def register() -> None:
    """Name our losses to mmdet."""
    registry = import_module("mmdet.registry").MODELS
    for name in peer.__all__:
        registry.register_module(name=f"Detloss{name}", module=getattr(peer, name))


if find_spec("mmdet"):
    register()
