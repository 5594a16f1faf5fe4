"""A training step as users write it: mypy and pyright accept it in strict mode."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import SGD

import detloss
from detloss.catalog import LOSSES, Kind, Sizes
from detloss.types import Reduction


class Criterion(nn.Module):
    """A class loss and a box loss with a common normalizer."""

    def __init__(self, box_loss: Callable[..., Tensor], reduction: Reduction = "mean") -> None:
        super().__init__()
        self.class_loss = detloss.SigmoidFocalLoss(alpha=[0.25, 0.5], gamma=1.5, reduction=reduction)
        self.box_loss = box_loss
        self.normalizer = detloss.Normalizer(momentum=0.9)

    def forward(self, logits: Tensor, labels: Tensor, boxes: Tensor, targets: Tensor) -> Tensor:
        positives: Tensor = self.normalizer((labels < logits.shape[-1]).sum())
        class_loss = self.class_loss(logits=logits, target=labels, normalizer=positives)
        return class_loss + self.box_loss(boxes, targets, normalizer=positives)


def main() -> None:
    """Train for three steps with every box loss."""
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 4.0, 3.0]], requires_grad=True)
    logits = torch.zeros(2, 2, requires_grad=True)
    labels, targets = torch.tensor([1, 2]), torch.tensor([[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 4.0, 4.0]])
    sizes = Sizes(image=(8.0, 6.0), objects=2.0)
    for row in LOSSES:
        if row.kind is Kind.BOX:
            criterion = Criterion(row.with_sizes(sizes).build())
            criterion.class_loss.gamma = 2.0
            gradients = torch.autograd.grad(criterion(logits, labels, boxes, targets), [logits, boxes])
            assert all(bool(gradient.isfinite().all()) for gradient in gradients), row.name
    geometry = detloss.AxisAligned(format="xywh")
    loss = detloss.GeneralizedIoULoss(geometry=geometry, enclosing="box", reduction="none")
    value = loss(boxes, targets, weight=torch.ones(2))
    assert loss.enclosing == "box", loss
    optimizer = SGD([boxes])
    torch.autograd.backward(detloss.mse_loss(boxes, targets, reduction="sum"))
    optimizer.step()
    kept = detloss.nms(boxes, value.detach(), iou_threshold=0.5, geometry=geometry)
    assert kept.tolist(), detloss.iou(boxes, targets, pairwise=True)
    with detloss.doctor(on_fault="warn"), detloss.use_backend("eager"):
        detloss.kullback_leibler_loss(torch.ones(1, 5), torch.ones(1, 5), direction="target_to_pred", form="log")


if __name__ == "__main__":
    main()
