"""Interface between trials and detectors: two loss terms, and predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detloss.catalog import LOSSES, Kind, Loss
from detloss.detectors import RotatedUnitBox, UnitBox

LossTerms = Mapping[str, Mapping[str, float]]


class FrameworkDetector(nn.Module):
    """A network of another framework with the interface of a detector.

    "classification" and "box" consist of terms of the framework by name, with their factors.
    """

    def __init__(self, network: nn.Module, terms: LossTerms) -> None:
        super().__init__()
        self.network: Any = network
        self.terms = terms

    def loss(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Compute the weighted terms "classification" and "box"."""
        losses = self.framework_losses(images, targets)
        return {
            name: torch.stack([factor * losses[term] for term, factor in parts.items()]).sum()
            for name, parts in self.terms.items()
        }

    def framework_losses(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
        """Compute the loss terms of the framework by name."""
        raise NotImplementedError

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Predict boxes in pixels within the image, scores and labels from 0; highest score first."""
        raise NotImplementedError


Detector = UnitBox | RotatedUnitBox | FrameworkDetector
"""A module that a trial can train: it computes the weighted terms "classification" and "box", and predicts."""


def loss_modules(box: Loss, cls: Loss, kinds: Sequence[Kind], reason: str) -> tuple[nn.Module, nn.Module]:
    """Make the box loss and the class loss of a trial, which has to be of a kind that the detector can use."""
    if cls.kind not in kinds or cls.from_counts is not None:
        usable = [loss.name for loss in LOSSES if loss.kind in kinds and loss.from_counts is None]
        raise ValueError(f"cls: expected one of {', '.join(usable)}, because {reason}; got {cls.name!r}")
    return box.build(), cls.build()
