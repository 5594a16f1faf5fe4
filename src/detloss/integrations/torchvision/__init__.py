"""Losses of detloss in torchvision's RetinaNet, FCOS, Faster R-CNN, SSD and SSDLite."""

from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.ssd import SSD

from detloss import Normalizer
from detloss.integrations.adapt import Loss, at_least_one, given, without_proposals
from detloss.integrations.handle import Handle
from detloss.integrations.torchvision.one_stage import FCOSLosses, RetinaNetLosses, SSDLosses
from detloss.integrations.torchvision.stage import Losses, Stage
from detloss.integrations.torchvision.two_stages import BoxHeadLosses, ProposalLosses

__all__ = ["use_losses"]


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
    normalizer: Normalizer | None = None,
) -> Handle:
    """Train a torchvision detector with other losses. Only this model changes, not its class.

    Losses of boxes receive boxes, decoded by the model's own box coder, and gradients flow through the decoding. Losses
    of numbers receive the predicted and the encoded offsets.

    When to choose it: you train a torchvision detector and want another loss, for example one that ``detloss compare``
    found better. The training loop and the keys of the loss dict do not change.

    Args:
        model: RetinaNet, FCOS, SSD, SSDLite, Faster R-CNN, or a model derived from Faster R-CNN, such as Mask R-CNN
            and Keypoint R-CNN.
        box: The box loss: a function, a ``functools.partial`` of it or a module, of kind ``BOX`` with corners x1, y1,
            x2, y2 in pixels, or of kind ``REGRESSION`` (`detloss.catalog.Kind`). None keeps the model's own.
        classification: The class loss: of kind ``SIGMOID`` or ``QUALITY`` for RetinaNet and FCOS, of kind ``SOFTMAX``
            with class 0 as background for SSD and the box head of Faster R-CNN. None keeps the model's own.
        proposal_box: The box loss of Faster R-CNN's region proposal network. None keeps the model's own.
        proposal_classification: The loss of its objectness logit, of kind ``SIGMOID``. None keeps the model's own.
        box_weight: Factor of the box loss.
        classification_weight: Factor of the class loss.
        proposal_box_weight: Factor of the box loss for proposals.
        proposal_classification_weight: Factor of the objectness loss.
        normalizer: Maps the number of positives of the batch to the divisor of the new losses; each stage of Faster
            R-CNN has its own copy. None divides as the model does.

    Returns:
        A handle that restores the model's own losses: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is not supported, a loss is not one of detloss, or an option has the wrong type.
        ValueError: No loss is given, a loss has the wrong kind or geometry, or a weight is invalid.

    Edge cases:
        The reduction of a loss is replaced; its other options apply. FCOS's centerness, masks and keypoints keep their
        losses. In SSD, the model's own hard negative mining selects the anchors of the class loss. If a batch has no
        boxes, the box loss is 0 and attached to the graph. A copy of the model has copies of the losses. The
        ``state_dict`` does not change; class weights follow the model to its device nevertheless. Under autocast, boxes
        are decoded in float32. The losses are part of the forward pass, so ``DistributedDataParallel`` works as usual:
        call this before wrapping the model, and pass a `detloss.Normalizer` to divide by the mean over ranks.

    Example:
        >>> import torch, detloss
        >>> from detloss.integrations.torchvision import use_losses
        >>> from torchvision.models.detection import ssdlite320_mobilenet_v3_large
        >>> model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
        >>> handle = use_losses(model, box=detloss.GeneralizedIoULoss(), classification=detloss.SoftmaxFocalLoss())
        >>> target = {"boxes": torch.tensor([[20.0, 30.0, 120.0, 90.0]]), "labels": torch.tensor([1])}
        >>> losses = model([torch.rand(3, 160, 160)] * 2, [target] * 2)
        >>> sorted(losses)
        ['bbox_regression', 'classification']
        >>> handle.remove()

    See also:
        ``detloss.integrations.Handle``; `detloss.compat.torchvision`, for training loops that call loss functions.
    """
    if normalizer is not None and not isinstance(normalizer, Normalizer):
        raise TypeError(f"normalizer: expected a detloss.Normalizer, got {normalizer!r}")
    losses = Losses(
        given("box", box, box_weight), given("classification", classification, classification_weight), normalizer
    )
    proposal_losses = Losses(
        given("proposal_box", proposal_box, proposal_box_weight),
        given("proposal_classification", proposal_classification, proposal_classification_weight),
        normalizer,
    )
    stages = stages_of(model, losses, proposal_losses)
    at_least_one("box, classification", *losses[:2], *proposal_losses[:2])
    handle = Handle()
    for stage in stages:
        stage.install(handle)
    return handle


def stages_of(model: nn.Module, losses: Losses, proposal_losses: Losses) -> list[Stage]:
    """The stages of a model with their new losses."""
    if isinstance(model, FasterRCNN):
        return [BoxHeadLosses(model.roi_heads, losses), ProposalLosses(model.rpn, proposal_losses)]
    if not isinstance(model, RetinaNet | FCOS | SSD):
        raise TypeError(
            f"model: expected RetinaNet, FCOS, FasterRCNN or SSD of torchvision, got {type(model).__name__}"
        )
    without_proposals(model, proposal_losses.box, proposal_losses.classification)
    if isinstance(model, SSD):
        return [SSDLosses(model, losses)]
    stage = RetinaNetLosses if isinstance(model, RetinaNet) else FCOSLosses
    return [stage(model.head, losses)]
