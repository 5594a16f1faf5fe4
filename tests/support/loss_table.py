"""Losses as the tests see them: their specification, with inputs, a textbook definition and known results.

A new loss needs a row here and in `detloss.auditing.specifications`. The tests of the contract, the invariances, the battery
and the random calls follow from them. The definition, in `loss_definitions`, is accurate for moderate inputs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

import detloss
from detloss.auditing.specifications import SPECIFICATIONS, Specification
from detloss.catalog import Kind
from tests.support import box_definitions as by_sides
from tests.support import loss_definitions as textbook

Known = tuple[tuple[list, list, list], ...]


@dataclass(frozen=True, kw_only=True)
class Row(Specification):
    """A loss, its inputs and its results.

    Attributes:
        sample: Draws twelve rows of operands.
        definition: The textbook formula, with `options`.
        known: Operands and unreduced losses computed by hand.
        measure: The measure that is 1 minus a box loss.
        same_bits: Whether all backends return the same bits: they use the same operations, none of them like exp.
        parameters: The parameters of the formula, if they are not the options in order.
    """

    sample: Callable[[torch.Generator], tuple[Tensor, Tensor]]
    definition: Callable[[Tensor, Tensor], Tensor]
    known: Known = ()
    measure: Callable[..., Tensor] | None = None
    same_bits: bool = False
    parameters: tuple[float, ...] = ()

    def __call__(self, pred: Tensor, target: Tensor, **options: object) -> Tensor:
        return self.loss(pred, target, **{**self.options, **options})

    def inputs(self, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        """Twelve rows that require gradients where gradients flow."""
        pred, target = self.sample(torch.Generator().manual_seed(seed))
        pred = pred.to(dtype).requires_grad_()
        if target.is_floating_point():
            target = target.to(dtype).requires_grad_(self.soft_target)
        return pred, target


def row(
    name: str,
    sample: Callable[[torch.Generator], tuple[Tensor, Tensor]],
    definition: Callable[[Tensor, Tensor], Tensor],
    known: Known = (),
    **properties: object,
) -> Row:
    """The row of a loss, by the name of its specification."""
    [specification] = [each for each in SPECIFICATIONS if each.name == name]
    return Row(**vars(specification), sample=sample, definition=definition, known=known, **properties)


LOG2 = math.log(2)
OFFSET = [[0.0, 0.0, 4.0, 2.0]], [[1.0, 1.0, 5.0, 4.0]]
SQUARE, SHIFTED, APART = [[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, 3.0, 3.0]], [[4.0, 0.0, 6.0, 2.0]]
FLAT = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2  # v of a square against a box twice as wide as high

TABLE = (
    row("l1", textbook.numbers, lambda p, t: (p - t).abs(), (([1.0, -2.0], [3.0, -2.0], [2.0, 0.0]),), same_bits=True),
    row("l2", textbook.numbers, lambda p, t: (p - t).square(), (([1.0, -2.0], [3.0, -2.0], [4.0, 0.0]),)),
    row("smooth_l1", textbook.numbers, textbook.smooth_l1, (([1.0, 0.35], [3.0, 0.0], [1.65, 0.35**2 / 1.4]),)),
    row("charbonnier", textbook.numbers, textbook.charbonnier, (([3.4, -1.0], [1.0, -1.0], [1.8, 0.0]),)),
    row(
        "balanced_l1",
        textbook.numbers,
        textbook.balanced_l1,
        (([2.0, 1.0], [1.0, 1.0], [0.7 * (1.5 / 0.7 + 1.5 / math.expm1(5) - 0.3), 0.0]),),
        parameters=(0.3, math.expm1(5) / 0.7, 0.7),
    ),
    row("log_cosh", textbook.numbers, textbook.log_cosh, (([math.log(2), 5.0], [0.0, 5.0], [math.log(1.25), 0.0]),)),
    row(
        "iou",
        textbook.boxes,
        textbook.one_minus_iou,
        ((SQUARE, SHIFTED, [6 / 7]), (SQUARE, APART, [1.0]), (SQUARE, SQUARE, [0.0])),
        measure=detloss.iou,
        same_bits=True,
    ),
    row(
        "log_iou",
        textbook.near_boxes,
        textbook.minus_log_iou,
        ((SQUARE, SHIFTED, [math.log(7)]), (SQUARE, APART, [126 * LOG2])),
    ),
    row(
        "giou",
        textbook.boxes,
        textbook.one_minus_giou,
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 9]), (SQUARE, APART, [1 + 4 / 12])),
        measure=detloss.generalized_iou,
        same_bits=True,
    ),
    row(
        "diou",
        textbook.boxes,
        textbook.one_minus_diou,
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 18]), (SQUARE, APART, [1 + 16 / 40])),
        measure=detloss.distance_iou,
        same_bits=True,
    ),
    row(
        "ciou",
        textbook.boxes,
        textbook.one_minus_ciou,
        (
            (SQUARE, SHIFTED, [6 / 7 + 2 / 18]),
            (SQUARE, [[0.0, 0.0, 2.0, 1.0]], [0.5 + 0.25 / 8 + FLAT**2 / (0.5 + FLAT)]),
        ),
        measure=detloss.complete_iou,
    ),
    row(
        "eiou",
        textbook.boxes,
        by_sides.efficient_iou,
        ((*OFFSET, [14 / 17 + 13 / 164 + 1 / 16]), (SQUARE, SHIFTED, [61 / 63])),
    ),
    row(
        "siou",
        textbook.boxes,
        by_sides.scylla_iou,
        ((*OFFSET, [0.9181052479730968]), (SQUARE, SHIFTED, [0.9623035403284874])),
    ),
    row("mpdiou", textbook.boxes, by_sides.minimum_points_distance_iou, ((*OFFSET, [14 / 17 + 7 / 2500]),)),
    row("nwd", textbook.boxes, by_sides.normalized_wasserstein, ((*OFFSET, [1 - math.exp(-math.sqrt(3.5) / 5)]),)),
    row(
        "wiou",
        textbook.boxes,
        by_sides.wise_iou,
        ((*OFFSET, [0.8914662305490912]), (SQUARE, SHIFTED, [0.957873487493026])),
    ),
    row("shapeiou", textbook.boxes, by_sides.shape_iou, ((SQUARE, SHIFTED, [6 / 7 + 2 / 18]),)),
    row(
        "piou",
        textbook.boxes,
        by_sides.powerful_iou,
        ((*OFFSET, [0.9547143555018627]), (SQUARE, SHIFTED, [1.078342074071452])),
    ),
    row(
        "ce",
        textbook.indices,
        textbook.cross_entropy,
        (([[0.0, 0.0], [0.0, math.log(3)]], [0, 1], [LOG2, math.log(4 / 3)]),),
    ),
    row("soft_ce", textbook.probabilities, textbook.cross_entropy),
    row("softmax_focal", textbook.indices, textbook.softmax_focal, (([[0.0, 0.0]], [1], [0.5**1.5 * LOG2]),)),
    row("poly_ce", textbook.indices, textbook.poly_cross_entropy, (([[0.0, 0.0]], [1], [LOG2 + 0.75]),)),
    row(
        "poly_softmax_focal",
        textbook.indices,
        textbook.poly_softmax_focal,
        (([[0.0, 0.0]], [1], [0.5**1.5 * (LOG2 + 0.75)]),),
        parameters=(1.5, 2.5),
    ),
    row(
        "dfl",
        textbook.values_between_bins,
        textbook.distribution_focal,
        (([[0.0, 0.0, 0.0]], [1.25], [math.log(3)]), ([[0.0, math.log(3)]], [0.75], [2 * LOG2 - 0.75 * math.log(3)])),
    ),
    row("bce", textbook.soft, textbook.binary, (([0.0, math.log(3)], [1.0, 0.0], [LOG2, math.log(4)]),)),
    row("balanced_bce", textbook.soft, textbook.balanced, (([0.0, 0.0], [1.0, 0.0], [0.3 * LOG2, 0.7 * LOG2]),)),
    row(
        "focal",
        textbook.soft,
        textbook.focal,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * 0.5**1.5 * LOG2, 0.7 * 0.5**1.5 * LOG2]),),
    ),
    row(
        "dice",
        textbook.soft,
        textbook.dice,
        (([[0.0, math.log(3)], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [1 / 3, 1.0]),),
    ),
    row("tversky", textbook.soft, textbook.tversky, (([[math.log(3), math.log(3)]], [[0.0, 1.0]], [0.425 / 1.175]),)),
    row(
        "poly_focal",
        textbook.soft,
        textbook.poly_focal,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * 0.5**1.5 * (LOG2 + 0.4), 0.7 * 0.5**1.5 * (LOG2 + 0.4)]),),
    ),
    row(
        "qfl",
        textbook.qualities,
        textbook.quality_focal,
        (([0.0, 0.0], [0.75, 0.0], [0.125 * LOG2, 0.5**1.5 * LOG2]),),
        parameters=(1.0, 1.5),
    ),
    row(
        "vfl",
        textbook.qualities,
        textbook.varifocal,
        (([0.0, 0.0], [0.75, 0.0], [0.75 * LOG2, 0.6 * 0.5**1.5 * LOG2]),),
        parameters=(1.0, 0.6, 1.5),
    ),
    row(
        "varifocal_with_constant_focus",
        textbook.qualities,
        textbook.varifocal_with_constant_focus,
        parameters=(1.0, 0.6, 1.5),
    ),
    row(
        "mal",
        textbook.qualities,
        textbook.matchability_aware,
        (([0.0, 0.0], [0.75, 0.0], [LOG2, 0.6 * 0.5**1.5 * LOG2]),),
        parameters=(1.0, 1.5, 0.6),
    ),
    row(
        "iabce",
        textbook.qualities,
        textbook.iou_aware_cross_entropy,
        (([0.0, 0.0], [0.75, 0.0], [LOG2, 0.5**1.5 * LOG2]),),
        parameters=(1.0, 0.3, 1.5),
    ),
    row(
        "heatmap",
        textbook.qualities,
        textbook.heatmap_focal,
        (([0.0, 0.0, 0.0], [0.75, 0.5, 0.0], [0.5**1.5 * LOG2, 0.5**4.5 * LOG2, 0.5**1.5 * LOG2]),),
        parameters=(1.5, 3.0, 0.7),
    ),
    row(
        "asl",
        textbook.qualities,
        textbook.asymmetric,
        (([0.0, 0.0], [1.0, 0.0], [0.5**0.5 * LOG2, -(0.3**3) * math.log(0.7)]),),
        parameters=(0.5, 3.0, 0.2, -math.log(4.0), 0.0),
    ),
    row("asymmetric_without_margin", textbook.qualities, textbook.asymmetric_without_margin, parameters=(0.5, 3.0)),
)

ONE_LOGIT = (Kind.SIGMOID, Kind.QUALITY, Kind.HEATMAP)
"""Kinds of losses with one value per logit."""


def rows_of(*kinds: Kind) -> tuple[Row, ...]:
    """The rows of losses of these kinds."""
    return tuple(row for row in TABLE if row.kind in kinds)


BOXES = rows_of(Kind.BOX)
