"""Mistakes that type checkers must report: an ignored error that does not exist is an error itself."""

from torch import Tensor

import detloss


def mistakes(pred: Tensor, target: Tensor) -> None:
    """Pass a wrong value, a wrong name or a wrong type in every statement."""
    detloss.iou_loss(pred, target, reduction="avg")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    detloss.iou_loss(pred, target, gamma=2.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    detloss.iou_loss(pred, target, 1.0)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    detloss.iou_loss(pred, target, geometry="xywh")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    detloss.AxisAligned(format="xyhw")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    detloss.IoULoss(form="squared")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    detloss.SigmoidFocalLoss(0.25)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    detloss.SigmoidFocalLoss(weight=target)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    loss = detloss.SigmoidFocalLoss(gamma=2.0)
    loss.gama = 1.0  # type: ignore[assignment]  # pyright: ignore[reportArgumentType]
    loss.reduction = "avg"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    loss(pred, target, target)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    loss(pred, pred=target)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    detloss.seesaw_loss(pred, target)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
