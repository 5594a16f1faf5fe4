"""Measured facts of README and docs: small inputs evaluated by torch or torchvision, by detloss, and exactly."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor
from torch.nn import functional
from torchvision import ops

import detloss


@dataclass(frozen=True)
class Fact:
    """One case: the results of the peer and of detloss, and the exact or defined result."""

    case: str
    peer: str
    theirs: float
    ours: float
    expected: float


def facts() -> list[Fact]:
    """Evaluate every case."""
    one, first = torch.ones(1), torch.tensor([0])
    logit_17, logit_20 = torch.tensor([17.0]), torch.tensor([20.0])
    margin = torch.tensor([[17.0, 0.0]])
    bfloat16_margin = torch.tensor([[6.0, 0.0]], dtype=torch.bfloat16)
    ignored = torch.tensor([-100])
    tiny = torch.tensor([[0.0, 0.0, 0.001, 0.001]])
    unit, inverted = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    point = torch.tensor([[1.0, 1.0, 1.0, 1.0]])
    flat, solid = torch.tensor([[0.0, 0.0, 2.0, 0.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]])
    huge, tall = torch.tensor([[0.0, 0.0, 1e20, 1e20]]), torch.tensor([[0.0, 0.0, 1e20, 2e20]])
    near, targets = boxes_near_their_targets()
    return [
        Fact(
            "sigmoid focal, gamma 0.5, logit 20, target 1: gradient",
            "torchvision",
            gradient(lambda z: ops.sigmoid_focal_loss(z, one, gamma=0.5), logit_20).item(),
            gradient(lambda z: detloss.sigmoid_focal_loss(z, one, gamma=0.5), logit_20).item(),
            -focal_gradient(20.0, alpha=0.25, gamma=0.5),
        ),
        Fact(
            "sigmoid focal, gamma 2, logit 17, target 1: gradient",
            "torchvision",
            gradient(lambda z: ops.sigmoid_focal_loss(z, one), logit_17).item(),
            gradient(lambda z: detloss.sigmoid_focal_loss(z, one), logit_17).item(),
            -focal_gradient(17.0, alpha=0.25, gamma=2.0),
        ),
        Fact(
            "cross-entropy, target logit ahead by 17: gradient at the target",
            "torch",
            gradient(lambda z: functional.cross_entropy(z, first), margin)[0, 0].item(),
            gradient(lambda z: detloss.cross_entropy_loss(z, first), margin)[0, 0].item(),
            -missing(17.0),
        ),
        Fact(
            "cross-entropy, bfloat16, target logit ahead by 6: loss",
            "torch",
            functional.cross_entropy(bfloat16_margin, first).item(),
            detloss.cross_entropy_loss(bfloat16_margin, first).item(),
            math.log1p(math.exp(-6.0)),
        ),
        Fact(
            "cross-entropy, every row ignored: loss",
            "torch",
            functional.cross_entropy(margin, ignored).item(),
            detloss.cross_entropy_loss(margin, ignored).item(),
            0.0,
        ),
        Fact(
            "GIoU, two identical boxes of side 0.001: loss",
            "torchvision",
            ops.generalized_box_iou_loss(tiny, tiny).item(),
            detloss.generalized_iou_loss(tiny, tiny).item(),
            0.0,
        ),
        Fact(
            "GIoU, inverted predicted box: loss",
            "torchvision",
            ops.generalized_box_iou_loss(inverted, unit).item(),
            detloss.generalized_iou_loss(inverted, unit).item(),
            1.0,
        ),
        Fact(
            "GIoU, boxes with sides of 1e20: loss",
            "torchvision",
            ops.generalized_box_iou_loss(huge, tall).item(),
            detloss.generalized_iou_loss(huge, tall).item(),
            0.5,
        ),
        Fact(
            "CIoU, two identical points: loss",
            "torchvision",
            ops.complete_box_iou_loss(point, point).item(),
            detloss.complete_iou_loss(point, point).item(),
            0.0,
        ),
        Fact(
            "CIoU, predicted box of height 0: NaN among its 4 derivatives",
            "torchvision",
            gradient(lambda box: ops.complete_box_iou_loss(box, solid), flat).isnan().sum().item(),
            gradient(lambda box: detloss.complete_iou_loss(box, solid), flat).isnan().sum().item(),
            0,
        ),
        Fact(
            "1 - IoU, 1000 boxes within 0.001 px of their targets: largest relative error",
            "torchvision",
            largest_relative_error(1 - ops.box_iou(near, targets).diagonal(), near, targets),
            largest_relative_error(detloss.iou_loss(near, targets, reduction="none"), near, targets),
            0.0,
        ),
    ]


def gradient(loss: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    """The gradient of a loss."""
    point = point.clone().requires_grad_()
    return torch.autograd.grad(loss(point).sum(), point)[0]


def missing(margin: float) -> float:
    """1 - p of the target, whose logit is ahead by this margin."""
    return math.exp(-margin) / (1.0 + math.exp(-margin))


def focal_gradient(logit: float, *, alpha: float, gamma: float) -> float:
    """The magnitude of the gradient of focal loss at a positive."""
    wrong = missing(logit)
    return alpha * wrong**gamma * (gamma * (1.0 - wrong) * math.log1p(math.exp(-logit)) + wrong)


def boxes_near_their_targets() -> tuple[Tensor, Tensor]:
    """Boxes of 10 to 110 px in an image of 1000 px, and targets with edges within 0.001 px of theirs."""
    random = torch.Generator().manual_seed(0)
    corner = 1000 * torch.rand(1000, 2, generator=random)
    targets = torch.cat([corner, corner + 10 + 100 * torch.rand(1000, 2, generator=random)], dim=1)
    return targets + 0.002 * (torch.rand(1000, 4, generator=random) - 0.5), targets


def largest_relative_error(losses: Tensor, boxes: Tensor, targets: Tensor) -> float:
    """The largest error of 1 - IoU, as a fraction of the exact value for the same floats, to one digit."""
    exact = [exact_iou_loss(*pair) for pair in zip(boxes.tolist(), targets.tolist(), strict=True)]
    pairs = zip(losses.tolist(), exact, strict=True)
    largest = max(float(abs(Fraction(loss) - truth) / truth) for loss, truth in pairs if truth)
    return float(f"{largest:.1g}")


def exact_iou_loss(box: list[float], target: list[float]) -> Fraction:
    """1 - IoU of two boxes that overlap, without rounding."""
    left, top, right, bottom = map(Fraction, box)
    target_left, target_top, target_right, target_bottom = map(Fraction, target)
    width = min(right, target_right) - max(left, target_left)
    height = min(bottom, target_bottom) - max(top, target_top)
    areas = (right - left) * (bottom - top) + (target_right - target_left) * (target_bottom - target_top)
    return 1 - width * height / (areas - width * height)


def table(found: list[Fact]) -> str:
    """The facts as a Markdown table."""
    rows = [
        f"| {fact.case} | {fact.peer}: {cell(fact.theirs)} | {cell(fact.ours)} | {cell(fact.expected)} |"
        for fact in found
    ]
    return "\n".join(["| case | torch, torchvision | detloss | expected |", "|---|---|---|---|", *rows])


def cell(value: float) -> str:
    """Two digits."""
    return "NaN" if math.isnan(value) else f"{value:.2g}"


if __name__ == "__main__":
    print(table(facts()))
