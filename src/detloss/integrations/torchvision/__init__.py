"""Our losses in torchvision's RetinaNet, FCOS, Faster R-CNN, SSD and SSDLite."""

from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.ssd import SSD

from detloss import Normalizer
from detloss.integrations.adapt import Loss
from detloss.integrations.handle import Handle
from detloss.integrations.torchvision.one_stage import FCOSLosses, RetinaNetLosses, SSDLosses
from detloss.integrations.torchvision.stage import Stage
from detloss.integrations.torchvision.two_stages import BoxHeadLosses, ProposalLosses

__all__ = ["use_losses"]

Pair = tuple[Loss | None, Loss | None]


def use_losses(
    model: nn.Module,
    *,
    box: Loss | None = None,
    classification: Loss | None = None,
    proposal_box: Loss | None = None,
    proposal_classification: Loss | None = None,
    normalizer: Normalizer | None = None,
) -> Handle:
    """Train a detector of torchvision with other losses than its own: this one model, not its class.

    Losses of boxes are given boxes: what the network predicts is decoded first, by the model's own box coder, and
    gradients flow back through it. Losses of numbers are given what the network predicts, beside encoded targets.

    When to choose it: ``detloss compare`` or a paper says that another loss suits your data, and the detector is to
    stay as it is. The training loop stays too: the model returns the same dict, with the same keys.

    Args:
        model: RetinaNet, FCOS, SSD and SSDLite, Faster R-CNN and those made from it: Mask and Keypoint R-CNN.
        box: The loss of boxes: the function, a ``functools.partial`` of it or the module, of kind ``BOX``, which reads
            corners x1, y1, x2, y2 in pixels, or ``REGRESSION`` (`detloss.catalog.Kind`); None: the model's own stays.
        classification: The loss of classes: of kind ``SIGMOID`` for RetinaNet and FCOS, of kind ``SOFTMAX`` for SSD
            and the box head of Faster R-CNN, where class 0 is background; None: the model's own stays.
        proposal_box: The loss of boxes in the region proposal network of Faster R-CNN; None: the model's own stays.
        proposal_classification: The loss of its one logit an anchor, object or not, of kind ``SIGMOID``; None: the
            model's own stays.
        normalizer: Given the batch's positives, it divides the sums of the losses that are put in; each stage of
            Faster R-CNN has a copy of it. None: what the model divides by.

    Returns:
        What brings the model's own losses back: ``remove()``, or a ``with`` block.

    Raises:
        TypeError: The model is none of these, a loss is none of ours, or the normaliser is none.
        ValueError: No loss is given, or a loss of the wrong kind or geometry.

    Edge cases:
        A loss's own reduction is replaced, its other options count. FCOS's centerness, masks and keypoints keep their
        losses. In SSD the loss of classes sees the anchors that the model's own hard negative mining chooses. No
        boxes in a batch: the box loss is 0, attached to the graph. A copy of the model has copies of the losses. The
        ``state_dict`` stays as it was; class weights follow the model from device to device all the same. Under
        autocast, boxes are decoded in 32 bits. The losses are part of the model's forward pass, so that
        ``DistributedDataParallel`` needs nothing more: call this before the model is wrapped, and give a
        `detloss.Normalizer` where ranks are to divide by their mean count.

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
        ``detloss.integrations.Handle``; `detloss.compat.torchvision`, for a training loop that calls its functions.
    """
    if normalizer is not None and not isinstance(normalizer, Normalizer):
        raise TypeError(f"normalizer: expected a detloss.Normalizer, got {normalizer!r}")
    handle = Handle()
    for stage in stages_of(model, (box, classification), (proposal_box, proposal_classification), normalizer):
        stage.put_in(handle)
    if not handle.replaced:
        raise ValueError("box, classification: expected a loss for at least one place, got none")
    return handle


def stages_of(model: nn.Module, losses: Pair, proposal_losses: Pair, normalizer: Normalizer | None) -> list[Stage]:
    """The stages of a model, with the losses that are meant for them."""
    if isinstance(model, FasterRCNN):
        return [
            BoxHeadLosses(model.roi_heads, *losses, normalizer),
            ProposalLosses(model.rpn, *proposal_losses, normalizer),
        ]
    if not isinstance(model, RetinaNet | FCOS | SSD):
        raise TypeError(
            f"model: expected RetinaNet, FCOS, FasterRCNN or SSD of torchvision, got {type(model).__name__}"
        )
    for name, loss in zip(("proposal_box", "proposal_classification"), proposal_losses):
        if loss is not None:
            raise ValueError(
                f"{name}: expected None for {type(model).__name__}, which proposes no regions, got {loss!r}"
            )
    if isinstance(model, SSD):
        return [SSDLosses(model, *losses, normalizer)]
    stage = RetinaNetLosses if isinstance(model, RetinaNet) else FCOSLosses
    return [stage(model.head, *losses, normalizer)]
