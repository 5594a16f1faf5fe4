"""Losses of Faster R-CNN, whose forward pass computes them from its own anchors or proposals."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from detloss.catalog import Kind
from detloss.integrations.handle import Handle
from detloss.integrations.torchvision.stage import Stage


class Sample(NamedTuple):
    """The rows that a stage has sampled for training."""

    logits: Tensor
    target: Tensor
    encoded: Tensor
    references: Tensor
    boxes: Tensor


class Recorder:
    """A callable that keeps its last arguments and result."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        self.arguments = arguments
        self.result = self.function(*arguments)
        return self.result


class SampledStage(Stage):
    """``forward``, recorded while it trains; its losses are replaced."""

    method = "forward"
    box_name: ClassVar[str]
    class_name: ClassVar[str]

    def __call__(self, *arguments: Any, **keywords: Any) -> tuple[Any, dict[str, Tensor]]:
        if not self.owner.training:
            output: tuple[Any, dict[str, Tensor]] = self.framework(*arguments, **keywords)
            return output
        with Handle() as handle:
            recorders = [record(handle, owner, name) for owner, name in self.recorded()]
            result, losses = self.framework(*arguments, **keywords)
        sample = self.sample(*recorders)
        positive = sample.target.flatten() > 0
        weight = self.row_weight(positive)
        if self.box is not None:
            losses[self.box_name] = self.box_loss(
                self.box,
                sample.encoded[positive],
                sample.references[positive],
                sample.boxes[positive],
                weight.expand(positive.shape)[positive],
            )
        if self.classification is not None:
            losses[self.class_name] = self.classification(sample.logits, sample.target, weight=weight)
        return result, losses

    def count(self, positive: Tensor) -> Tensor:
        return torch.tensor(len(positive), device=positive.device)

    def recorded(self) -> list[tuple[Any, str]]:
        """Owners and names of the methods whose arguments and results a loss needs."""
        raise NotImplementedError

    def sample(self, *recorders: Recorder) -> Sample:
        """The rows, from the recorded calls."""
        raise NotImplementedError


class ProposalLosses(SampledStage):
    """The region proposal network: one objectness logit per anchor."""

    kinds = (Kind.SIGMOID,)
    because = "the region proposal network has one objectness logit per anchor"
    box_name = "loss_rpn_box_reg"
    class_name = "loss_objectness"

    def recorded(self) -> list[tuple[Any, str]]:
        return [(self.owner, "compute_loss"), (self.owner, "fg_bg_sampler"), (self.box_coder, "encode")]

    def sample(self, *recorders: Recorder) -> Sample:
        losses, sampling, encoding = recorders
        logits, encoded, labels, _ = losses.arguments
        boxes, anchors = encoding.arguments
        positive, negative = sampling.result
        rows = (torch.cat(positive) | torch.cat(negative)).bool()
        target = torch.cat(labels)[:, None]
        return Sample(logits[rows], target[rows], encoded[rows], torch.cat(anchors)[rows], torch.cat(boxes)[rows])


class BoxHeadLosses(SampledStage):
    """The box head: class 0 is background, and every class has its own box."""

    kinds = (Kind.SOFTMAX,)
    because = "Faster R-CNN's box head has one logit per class, of which class 0 is the background"
    box_name = "loss_box_reg"
    class_name = "loss_classifier"

    def recorded(self) -> list[tuple[Any, str]]:
        heads = self.owner
        return [(heads, "select_training_samples"), (heads.box_predictor, "forward"), (heads.box_coder, "encode")]

    def sample(self, *recorders: Recorder) -> Sample:
        sampling, prediction, encoding = recorders
        _, _, labels, _ = sampling.result
        logits, encoded = prediction.result
        boxes, proposals = encoding.arguments
        target = torch.cat(labels)
        of_its_class = encoded.unflatten(1, (-1, 4))[torch.arange(len(target), device=target.device), target]
        return Sample(logits, target, of_its_class, torch.cat(proposals), torch.cat(boxes))


def record(handle: Handle, owner: Any, name: str) -> Recorder:
    """Replace a callable with a recorder until the handle is removed."""
    recorder = Recorder(getattr(owner, name))
    handle.replace(owner, name, recorder)
    return recorder
