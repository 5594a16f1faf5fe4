"""What a trial needs of a framework's network: its loss as two terms, its detections, and a trial's losses in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detloss.catalog import LOSSES, Kind, Loss

Terms = Mapping[str, Mapping[str, float]]


class FrameworkDetector(nn.Module):
    """A network of a framework, with what a trial asks of a detector.

    Attributes:
        network: The framework's own.
        terms: What "classification" and "box" are made of: the framework's terms by their names, with factors.
    """

    def __init__(self, network: nn.Module, terms: Terms) -> None:
        super().__init__()
        self.network: Any = network
        self.terms = terms

    def loss(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Measure "classification" and "box", weighted already."""
        found = self.framework_losses(images, targets)
        return {
            name: torch.stack([factor * found[term] for term, factor in parts.items()]).sum()
            for name, parts in self.terms.items()
        }

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """Find boxes in pixels, within the image, with scores and labels from 0; surest first."""
        return self.detections(images)

    def framework_losses(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
        """What the framework minimises, term by term."""
        raise NotImplementedError

    def detections(self, images: Tensor) -> list[dict[str, Tensor]]:
        """What the framework sees, as `predict` returns it."""
        raise NotImplementedError


def losses_of(box: Loss, cls: Loss, kind: Kind, because: str) -> tuple[nn.Module, nn.Module]:
    """Make a trial's box loss and its class loss, where that is one that the detector can have."""
    if cls.kind is not kind or cls.from_counts is not None:
        fitting = [loss.name for loss in LOSSES if loss.kind is kind and loss.from_counts is None]
        raise ValueError(f"cls: expected one of {', '.join(fitting)}, because {because}; got {cls.name!r}")
    return box.module(**box.options), cls.module(**cls.options)
