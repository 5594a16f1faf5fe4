"""Faster R-CNN: the losses are computed amid the forward pass, from anchors or proposals that only it has."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from detloss.catalog import Kind
from detloss.integrations.adapt import on
from detloss.integrations.handle import Handle
from detloss.integrations.torchvision.stage import Stage


class Sample(NamedTuple):
    """The rows that a stage has drawn to train on."""

    logits: Tensor
    target: Tensor
    encoded: Tensor
    references: Tensor
    boxes: Tensor


class Recorder:
    """A callable that keeps what went through it last."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *arguments: Any) -> Any:
        self.arguments = arguments
        self.result = self.function(*arguments)
        return self.result


class SampledStage(Stage):
    """``forward``, which is watched while it trains; its losses make way for ours."""

    method = "forward"
    box_name: ClassVar[str]
    class_name: ClassVar[str]

    def __call__(self, *arguments: Any, **keywords: Any) -> tuple[Any, dict[str, Tensor]]:
        if not self.owner.training:
            output: tuple[Any, dict[str, Tensor]] = self.theirs(*arguments, **keywords)
            return output
        with Handle() as handle:
            recorders = [record(handle, owner, name) for owner, name in self.watched()]
            result, losses = self.theirs(*arguments, **keywords)
        sample = self.sample(*recorders)
        positive = sample.target.flatten() > 0
        share = self.share(positive)
        if self.box is not None:
            losses[self.box_name] = self.box_loss(
                self.box,
                sample.encoded[positive],
                sample.references[positive],
                sample.boxes[positive],
                share.expand(positive.shape)[positive],
            )
        if self.classification is not None:
            loss = on(sample.logits, self.classification)
            losses[self.class_name] = loss(sample.logits, sample.target, weight=share)
        return result, losses

    def count(self, positive: Tensor) -> Tensor:
        return torch.tensor(len(positive), device=positive.device)

    def watched(self) -> list[tuple[Any, str]]:
        """The methods through which all goes that a loss needs: their owners and names."""
        raise NotImplementedError

    def sample(self, *recorders: Recorder) -> Sample:
        """What went through them."""
        raise NotImplementedError


class ProposalLosses(SampledStage):
    """The region proposal network: one logit an anchor, object or not."""

    kind = Kind.SIGMOID
    because = "the region proposal network has one logit an anchor, object or not"
    prefix = "proposal_"
    box_name = "loss_rpn_box_reg"
    class_name = "loss_objectness"

    def watched(self) -> list[tuple[Any, str]]:
        return [(self.owner, "compute_loss"), (self.owner, "fg_bg_sampler"), (self.box_coder, "encode")]

    def sample(self, *recorders: Recorder) -> Sample:
        losses, drawn, encoding = recorders
        logits, encoded, labels, _ = losses.arguments
        boxes, anchors = encoding.arguments
        positive, negative = drawn.result
        rows = (torch.cat(positive) | torch.cat(negative)).bool()
        target = torch.cat(labels)[:, None]
        return Sample(logits[rows], target[rows], encoded[rows], torch.cat(anchors)[rows], torch.cat(boxes)[rows])


class BoxHeadLosses(SampledStage):
    """The box head: class 0 is background, and every class has a box of its own."""

    kind = Kind.SOFTMAX
    because = "Faster R-CNN's box head has one logit a class, of which class 0 is the background"
    box_name = "loss_box_reg"
    class_name = "loss_classifier"

    def watched(self) -> list[tuple[Any, str]]:
        heads = self.owner
        return [(heads, "select_training_samples"), (heads.box_predictor, "forward"), (heads.box_coder, "encode")]

    def sample(self, *recorders: Recorder) -> Sample:
        drawn, prediction, encoding = recorders
        _, _, labels, _ = drawn.result
        logits, encoded = prediction.result
        boxes, proposals = encoding.arguments
        target = torch.cat(labels)
        of_its_class = encoded.unflatten(1, (-1, 4))[torch.arange(len(target), device=target.device), target]
        return Sample(logits, target, of_its_class, torch.cat(proposals), torch.cat(boxes))


def record(handle: Handle, owner: Any, name: str) -> Recorder:
    """Put a recorder in the place of a callable, until the handle takes it out."""
    recorder = Recorder(getattr(owner, name))
    handle.replace(owner, name, recorder)
    return recorder
