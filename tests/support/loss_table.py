"""One row a loss, beside the catalog: how to draw inputs, the textbook definition, values computed by hand.

The definitions are plain float64 torch, as a textbook writes them: good in the middle of the range, where every test
that uses them stays. At the edges the oracle in `tests/oracle` judges.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, Kind


@dataclass(frozen=True)
class Row:
    """A loss as the tests see it."""

    name: str
    loss: Callable[..., Tensor]
    sample: Callable[[torch.Generator], tuple[Tensor, Tensor]]
    definition: Callable[[Tensor, Tensor], Tensor]
    known: tuple[tuple[list, list, list], ...]  # pred, target, unreduced loss
    soft_target: bool = True  # a gradient flows to the target
    per_row: bool = False  # one entry a row, not an element
    options: dict = field(default_factory=dict)

    def __call__(self, pred: Tensor, target: Tensor, **options: object) -> Tensor:
        return self.loss(pred, target, **{**self.options, **options})

    def inputs(self, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        """Twelve rows that ask for gradients where gradients flow."""
        pred, target = self.sample(torch.Generator().manual_seed(seed))
        pred = pred.to(dtype).requires_grad_()
        return pred, target.to(dtype).requires_grad_() if self.soft_target else target


def numbers(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    pred, target = 3 * torch.randn(2, 12, 4, generator=generator, dtype=torch.float64)
    return pred, target


def boxes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A third of the pairs near each other, a third overlapping somehow, a third apart."""
    corner = 10 * torch.rand(12, 2, generator=generator, dtype=torch.float64)
    size = 0.5 + 4 * torch.rand(12, 2, generator=generator, dtype=torch.float64)
    shift = torch.tensor([0.1, 1.0, 8.0], dtype=torch.float64).repeat_interleave(4)[:, None]
    moved = corner + shift * torch.randn(12, 2, generator=generator, dtype=torch.float64)
    resized = size * (1 + 0.3 * torch.rand(12, 2, generator=generator, dtype=torch.float64))
    return torch.cat([corner, corner + size], 1), torch.cat([moved, moved + resized], 1)


def near_boxes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Every pair overlaps."""
    pred, _ = boxes(generator)
    return pred, pred + 0.2 * (torch.rand(12, 4, generator=generator, dtype=torch.float64) - 0.5)


def indices(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits = 3 * torch.randn(12, 5, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, 5, (12,), generator=generator)


def probabilities(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits, other = 3 * torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    return logits, other.softmax(-1)


def soft(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits, other = 3 * torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    return logits, other.sigmoid()


def parts(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """IoU, union, and the sides of the enclosing box, as every paper writes them."""
    low, high = torch.maximum(p[:, :2], t[:, :2]), torch.minimum(p[:, 2:], t[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = (p[:, 2:] - p[:, :2]).prod(1) + (t[:, 2:] - t[:, :2]).prod(1) - shared
    hull = torch.maximum(p[:, 2:], t[:, 2:]) - torch.minimum(p[:, :2], t[:, :2])
    return shared / union, union, hull, ((p[:, :2] + p[:, 2:] - t[:, :2] - t[:, 2:]) / 2).square().sum(1)


def one_minus_iou(p: Tensor, t: Tensor) -> Tensor:
    return 1 - parts(p, t)[0]


def minus_log_iou(p: Tensor, t: Tensor) -> Tensor:
    return -parts(p, t)[0].log()


def one_minus_giou(p: Tensor, t: Tensor) -> Tensor:
    iou, union, hull, _ = parts(p, t)
    return 1 - iou + (hull.prod(1) - union) / hull.prod(1)


def one_minus_diou(p: Tensor, t: Tensor) -> Tensor:
    iou, _, hull, distance = parts(p, t)
    return 1 - iou + distance / hull.square().sum(1)


def one_minus_ciou(p: Tensor, t: Tensor) -> Tensor:
    size, target_size = p[:, 2:] - p[:, :2], t[:, 2:] - t[:, :2]
    turn = torch.atan(target_size[:, 0] / target_size[:, 1]) - torch.atan(size[:, 0] / size[:, 1])
    v = 4 / math.pi**2 * turn.square()
    with torch.no_grad():
        alpha = v / (one_minus_iou(p, t) + v)
    return one_minus_diou(p, t) + alpha * v


def cross_entropy(z: Tensor, t: Tensor) -> Tensor:
    share = t if t.is_floating_point() else torch.nn.functional.one_hot(t, z.shape[-1])
    return -(share * z.log_softmax(-1)).sum(-1)


def softmax_focal(z: Tensor, t: Tensor) -> Tensor:
    p = z.softmax(-1).gather(-1, t[:, None])[:, 0]
    return -((1 - p) ** 1.5) * p.log()


def binary(z: Tensor, t: Tensor) -> Tensor:
    return -(t * z.sigmoid().log() + (1 - t) * (1 - z.sigmoid()).log())


def balanced(z: Tensor, t: Tensor) -> Tensor:
    return (0.3 * t + 0.7 * (1 - t)) * binary(z, t)


def focal(z: Tensor, t: Tensor) -> Tensor:
    p_t = z.sigmoid() * t + (1 - z.sigmoid()) * (1 - t)
    return (0.3 * t + 0.7 * (1 - t)) * (1 - p_t) ** 1.5 * binary(z, t)


def smooth_l1(p: Tensor, t: Tensor) -> Tensor:
    d = (p - t).abs()
    return torch.where(d < 0.7, d.square() / 1.4, d - 0.35)


LOG2 = math.log(2)
SQUARE, SHIFTED, APART = [[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, 3.0, 3.0]], [[4.0, 0.0, 6.0, 2.0]]
FLAT = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2  # v of a square against a box twice as wide as high

TABLE = (
    Row("l1", detloss.l1_loss, numbers, lambda p, t: (p - t).abs(), (([1.0, -2.0], [3.0, -2.0], [2.0, 0.0]),)),
    Row("l2", detloss.l2_loss, numbers, lambda p, t: (p - t).square(), (([1.0, -2.0], [3.0, -2.0], [4.0, 0.0]),)),
    Row(
        "smooth_l1",
        detloss.smooth_l1_loss,
        numbers,
        smooth_l1,
        (([1.0, 0.35], [3.0, 0.0], [1.65, 0.35**2 / 1.4]),),
        options={"beta": 0.7},
    ),
    Row(
        "iou",
        detloss.iou_loss,
        boxes,
        one_minus_iou,
        ((SQUARE, SHIFTED, [6 / 7]), (SQUARE, APART, [1.0]), (SQUARE, SQUARE, [0.0])),
        per_row=True,
    ),
    Row(
        "log_iou",
        detloss.iou_loss,
        near_boxes,
        minus_log_iou,
        ((SQUARE, SHIFTED, [math.log(7)]), (SQUARE, APART, [126 * LOG2])),
        per_row=True,
        options={"form": "log"},
    ),
    Row(
        "giou",
        detloss.generalized_iou_loss,
        boxes,
        one_minus_giou,
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 9]), (SQUARE, APART, [1 + 4 / 12])),
        per_row=True,
    ),
    Row(
        "diou",
        detloss.distance_iou_loss,
        boxes,
        one_minus_diou,
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 18]), (SQUARE, APART, [1 + 16 / 40])),
        per_row=True,
    ),
    Row(
        "ciou",
        detloss.complete_iou_loss,
        boxes,
        one_minus_ciou,
        (
            (SQUARE, SHIFTED, [6 / 7 + 2 / 18]),
            (SQUARE, [[0.0, 0.0, 2.0, 1.0]], [0.5 + 0.25 / 8 + FLAT**2 / (0.5 + FLAT)]),
        ),
        per_row=True,
    ),
    Row(
        "ce",
        detloss.cross_entropy_loss,
        indices,
        cross_entropy,
        (([[0.0, 0.0], [0.0, math.log(3)]], [0, 1], [LOG2, math.log(4 / 3)]),),
        soft_target=False,
        per_row=True,
    ),
    Row("soft_ce", detloss.cross_entropy_loss, probabilities, cross_entropy, (), per_row=True),
    Row(
        "softmax_focal",
        detloss.softmax_focal_loss,
        indices,
        softmax_focal,
        (([[0.0, 0.0]], [1], [0.5**1.5 * LOG2]),),
        soft_target=False,
        per_row=True,
        options={"gamma": 1.5},
    ),
    Row(
        "bce", detloss.binary_cross_entropy_loss, soft, binary, (([0.0, math.log(3)], [1.0, 0.0], [LOG2, math.log(4)]),)
    ),
    Row(
        "balanced_bce",
        detloss.balanced_cross_entropy_loss,
        soft,
        balanced,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * LOG2, 0.7 * LOG2]),),
        options={"alpha": 0.3},
    ),
    Row(
        "focal",
        detloss.sigmoid_focal_loss,
        soft,
        focal,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * 0.5**1.5 * LOG2, 0.7 * 0.5**1.5 * LOG2]),),
        options={"alpha": 0.3, "gamma": 1.5},
    ),
)
BOXES = tuple(row for row in TABLE if row.name in {loss.name for loss in LOSSES if loss.kind is Kind.BOX})
