"""Base class of the stages of torchvision's detectors: their box loss and class loss as weighted sums."""

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from detloss import Normalizer
from detloss.catalog import Kind
from detloss.integrations.adapt import BOX_KINDS, COMPARES_BOXES, AdaptedLoss, GivenLoss, adapted
from detloss.integrations.handle import Handle


class Losses(NamedTuple):
    """The new losses of a stage, and their normalizer; None keeps those of the model."""

    box: GivenLoss | None
    classification: GivenLoss | None
    normalizer: Normalizer | None


class Stage:
    """The losses of one stage of a detector, called in place of a method of the framework's module.

    It is an object and not a closure, so that a copy of the module has its own copy of it.
    """

    method: ClassVar[str]  # the method that is replaced
    kinds: ClassVar[Sequence[Kind]]  # the kinds of the class loss
    because: ClassVar[str]  # the reason for these kinds

    def __init__(self, owner: nn.Module, losses: Losses) -> None:
        self.owner: Any = owner
        self.framework: Any = getattr(owner, self.method)
        self.box = adapted(losses.box, "sum", BOX_KINDS, COMPARES_BOXES)
        self.classification = adapted(losses.classification, "sum", self.kinds, self.because)
        self.normalizer = copy.deepcopy(losses.normalizer)

    def install(self, handle: Handle) -> None:
        """Replace the framework's method if there is a new loss."""
        if self.box is not None or self.classification is not None:
            handle.replace(self.owner, self.method, self)

    @property
    def box_coder(self) -> Any:
        """The framework's conversion between boxes and predicted offsets."""
        return self.owner.box_coder

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        """Target offsets of boxes."""
        encoded: Tensor = self.box_coder.encode_single(boxes, references)
        return encoded

    def decode(self, encoded: Tensor, references: Tensor) -> Tensor:
        """Predicted boxes."""
        boxes: Tensor = self.box_coder.decode_single(encoded, references)
        return boxes

    def row_weight(self, positive: Tensor) -> Tensor:
        """The weight of every row of the batch: 1 / divisor, of the framework or of the normalizer."""
        if self.normalizer is None:
            return self.count(positive).reciprocal()
        divisor: Tensor = self.normalizer.to(positive.device)(positive.sum())
        return divisor.reciprocal()

    def count(self, positive: Tensor) -> Tensor:
        """The divisor of the framework: a scalar, or one per image."""
        raise NotImplementedError

    def box_loss(self, loss: AdaptedLoss, encoded: Tensor, references: Tensor, boxes: Tensor, weight: Tensor) -> Tensor:
        """The loss of predicted offsets against target boxes, with a weight per box."""
        if loss.kind is Kind.BOX:
            dtype = torch.promote_types(boxes.dtype, torch.float32)  # 16 bits cannot represent single pixels
            boxes = boxes.to(dtype)
            value: Tensor = loss(self.decode(encoded.to(dtype), references), boxes, weight=weight)
            return value
        value = loss(encoded, self.encode(boxes, references), weight=weight[:, None])
        return value
