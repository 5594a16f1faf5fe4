"""Print the README's table: the same small inputs through torch or torchvision, through detloss, and exactly."""

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
    """One question, with the answers of the peer, of detloss, and of exact arithmetic or definition."""

    question: str
    peer: str
    theirs: float
    ours: float
    expected: float


def facts() -> list[Fact]:
    """Ask every question."""
    one, first = torch.ones(1), torch.tensor([0])
    sure, surer = torch.tensor([17.0]), torch.tensor([20.0])
    margin = torch.tensor([[17.0, 0.0]])
    half_margin = torch.tensor([[6.0, 0.0]], dtype=torch.bfloat16)
    ignored = torch.tensor([-100])
    tiny = torch.tensor([[0.0, 0.0, 0.001, 0.001]])
    unit, flipped = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    point = torch.tensor([[1.0, 1.0, 1.0, 1.0]])
    flat, solid = torch.tensor([[0.0, 0.0, 2.0, 0.0]]), torch.tensor([[0.0, 0.0, 2.0, 1.0]])
    huge, tall = torch.tensor([[0.0, 0.0, 1e20, 1e20]]), torch.tensor([[0.0, 0.0, 1e20, 2e20]])
    near, targets = boxes_near_their_targets()
    return [
        Fact(
            "sigmoid focal, gamma 0.5, logit 20, t = 1: gradient",
            "torchvision",
            slopes(lambda z: ops.sigmoid_focal_loss(z, one, gamma=0.5), surer).item(),
            slopes(lambda z: detloss.sigmoid_focal_loss(z, one, gamma=0.5), surer).item(),
            -focal_pull(20.0, alpha=0.25, gamma=0.5),
        ),
        Fact(
            "sigmoid focal, gamma 2, logit 17, t = 1: gradient",
            "torchvision",
            slopes(lambda z: ops.sigmoid_focal_loss(z, one), sure).item(),
            slopes(lambda z: detloss.sigmoid_focal_loss(z, one), sure).item(),
            -focal_pull(17.0, alpha=0.25, gamma=2.0),
        ),
        Fact(
            "cross-entropy, right by a margin of 17: gradient at the target",
            "torch",
            slopes(lambda z: functional.cross_entropy(z, first), margin)[0, 0].item(),
            slopes(lambda z: detloss.cross_entropy_loss(z, first), margin)[0, 0].item(),
            -missing(17.0),
        ),
        Fact(
            "cross-entropy, bfloat16, right by a margin of 6: loss",
            "torch",
            functional.cross_entropy(half_margin, first).item(),
            detloss.cross_entropy_loss(half_margin, first).item(),
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
            "GIoU, a predicted box turned inside out: loss",
            "torchvision",
            ops.generalized_box_iou_loss(flipped, unit).item(),
            detloss.generalized_iou_loss(flipped, unit).item(),
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
            "CIoU, a predicted box of height 0: NaN among its 4 derivatives",
            "torchvision",
            slopes(lambda box: ops.complete_box_iou_loss(box, solid), flat).isnan().sum().item(),
            slopes(lambda box: detloss.complete_iou_loss(box, solid), flat).isnan().sum().item(),
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


def slopes(loss: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
    """The derivatives of a loss."""
    point = point.clone().requires_grad_()
    return torch.autograd.grad(loss(point).sum(), point)[0]


def missing(margin: float) -> float:
    """1 - p, for a logit that is right by this margin."""
    return math.exp(-margin) / (1.0 + math.exp(-margin))


def focal_pull(logit: float, *, alpha: float, gamma: float) -> float:
    """The size of the gradient of focal loss at a positive."""
    wrong = missing(logit)
    return alpha * wrong**gamma * (gamma * (1.0 - wrong) * math.log1p(math.exp(-logit)) + wrong)


def boxes_near_their_targets() -> tuple[Tensor, Tensor]:
    """Boxes of 10 to 110 px in an image of 1000, and targets no edge of which is 0.001 px away."""
    random = torch.Generator().manual_seed(0)
    corner = 1000 * torch.rand(1000, 2, generator=random)
    targets = torch.cat([corner, corner + 10 + 100 * torch.rand(1000, 2, generator=random)], dim=1)
    return targets + 0.002 * (torch.rand(1000, 4, generator=random) - 0.5), targets


def largest_relative_error(losses: Tensor, boxes: Tensor, targets: Tensor) -> float:
    """The largest error of 1 - IoU, as a share of the exact value for the same floats; one digit of it."""
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
    """The answers as a Markdown table."""
    rows = [
        f"| {fact.question} | {fact.peer}: {cell(fact.theirs)} | {cell(fact.ours)} | {cell(fact.expected)} |"
        for fact in found
    ]
    return "\n".join(["| what is asked | torch, torchvision | detloss | expected |", "|---|---|---|---|", *rows])


def cell(value: float) -> str:
    """Two digits."""
    return "NaN" if math.isnan(value) else f"{value:.2g}"


if __name__ == "__main__":
    print(table(facts()))
