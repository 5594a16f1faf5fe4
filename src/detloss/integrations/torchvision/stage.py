"""What the stages of torchvision's detectors share: a box loss and a class loss, each of them a weighted sum."""

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from detloss import Normalizer
from detloss.catalog import Kind, kind_of
from detloss.integrations.adapt import (
    Loss,
    for_boxes,
    kind_among,
    on,
    with_reduction,
)
from detloss.integrations.handle import Handle


class Stage:
    """The losses put into one stage of a detector, called in the place of a method of the framework's module.

    It is an object and no closure, so that a copy of the module has its own copy of it.
    """

    method: ClassVar[str]  # of the framework's module
    kind: ClassVar[Kind]  # of the class loss
    because: ClassVar[str]  # it must be of this kind
    prefix: ClassVar[str] = ""  # of the arguments' names

    def __init__(
        self, owner: nn.Module, box: Loss | None, classification: Loss | None, normalizer: Normalizer | None
    ) -> None:
        self.owner: Any = owner
        self.theirs: Any = getattr(owner, self.method)
        self.box = None if box is None else self.fit_for_boxes(box)
        self.classification = None if classification is None else self.fit_for_classes(classification)
        self.normalizer = copy.deepcopy(normalizer)

    def put_in(self, handle: Handle) -> None:
        """Take the place of the framework's method, where there is a loss to do so for."""
        if self.box is not None or self.classification is not None:
            handle.replace(self.owner, self.method, self)

    def fit_for_boxes(self, loss: Loss) -> Loss:
        """The sum of a loss that compares boxes, or numbers."""
        for_boxes(f"{self.prefix}box", loss, "it compares boxes, or what encodes them")
        return with_reduction(loss, "sum")

    def fit_for_classes(self, loss: Loss) -> Loss:
        """The sum of a loss that reads this stage's logits."""
        kind_among(f"{self.prefix}classification", loss, (self.kind,), self.because)
        return with_reduction(loss, "sum")

    @property
    def box_coder(self) -> Any:
        """The framework's own translation between boxes and what the network predicts."""
        return self.owner.box_coder

    def encode(self, boxes: Tensor, references: Tensor) -> Tensor:
        """What the network should predict."""
        encoded: Tensor = self.box_coder.encode_single(boxes, references)
        return encoded

    def decode(self, encoded: Tensor, references: Tensor) -> Tensor:
        """The boxes that the network predicts."""
        boxes: Tensor = self.box_coder.decode_single(encoded, references)
        return boxes

    def share(self, positive: Tensor) -> Tensor:
        """What every row of the batch counts: one by the framework's count, or by the user's normaliser."""
        if self.normalizer is None:
            return self.count(positive).reciprocal()
        divisor: Tensor = self.normalizer.to(positive.device)(positive.sum())
        return divisor.reciprocal()

    def count(self, positive: Tensor) -> Tensor:
        """What the framework divides by, for the batch, or for each image where it divides image by image."""
        raise NotImplementedError

    def box_loss(self, loss: Loss, encoded: Tensor, references: Tensor, boxes: Tensor, weight: Tensor) -> Tensor:
        """The loss of predictions beside the boxes that they should be, one weight a box."""
        if kind_of(loss) is Kind.BOX:
            dtype = torch.promote_types(boxes.dtype, torch.float32)  # autocast's 16 bits do not hold a pixel
            return on(boxes, loss)(self.decode(encoded.to(dtype), references), boxes.to(dtype), weight=weight)
        return on(boxes, loss)(encoded, self.encode(boxes, references), weight=weight[:, None])
