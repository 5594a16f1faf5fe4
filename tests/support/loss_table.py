"""Losses as the tests see them: a row per loss with its inputs, definition, exact result and properties.

A new loss needs a row here. The tests of the contract, the invariances, the battery and the random calls follow from it.
Its definition, in `loss_definitions`, is accurate for moderate inputs. Its oracle, in `tests/oracle`, covers extreme ones.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

import detloss
from detloss.catalog import LOSSES, Kind, Loss
from tests.battery import logits
from tests.definitions import boxes as definitions
from tests.oracle import boxes as exact_boxes
from tests.oracle import classification, masks, quality, regression
from tests.oracle.defined_boxes import (
    Defined,
    nothing,
    of_angles_and_shapes,
    of_corners,
    of_edge_offsets,
    of_gaussians,
    of_side_differences,
)
from tests.support import box_definitions as by_sides
from tests.support import loss_definitions as textbook

Options = dict[str, object]
CATALOG = {loss.name: loss for loss in LOSSES}


def defaults_alone(rng: Random, finite: bool) -> Iterable[Options]:
    """The only combination of options of a loss without options."""
    yield {}


@dataclass(frozen=True)
class Row:
    """A loss, its inputs and its properties.

    Attributes:
        name: The name in the catalog, or of a variant.
        sample: Draws twelve rows of operands.
        definition: The textbook formula, with `options`.
        exact: The oracle: of an element or a row of logits, or a term of `exact_boxes.Measures`.
        known: Operands and unreduced losses computed by hand.
        chosen: The options of `definition` and `known`, beside those of the catalog.
        of: The name in the catalog, for a variant.
        grid: Draws combinations of options that the battery compares with the oracle, for finite logits or others.
        bound: The kind of its error bound.
        peer: The same loss of torch or torchvision for some options, or None.
        highest: The largest value of a box loss.
        measure: The measure that is 1 minus a box loss.
        same_bits: Whether all backends return the same bits: they use the same operations, none of them like exp.
        gradient_is_exact: Whether the gradient is the derivative of the value.
        constant_target: Whether the target may not require a gradient.
        parameters: The parameters of the formula, if they are not the options in order.
        exponents: The options whose sum amplifies rounding errors.
        is_odd: Whether exchanging the sides of a logit and its target only changes the sign of the gradient.
        planar: Whether a box loss is defined in two dimensions only.
        is_symmetric: Whether exchanging prediction and target changes no value of a box loss.
        lengths: The options of a box loss in the unit of the boxes; without any, the loss does not depend on the unit.
    """

    name: str
    sample: Callable[[torch.Generator], tuple[Tensor, Tensor]]
    definition: Callable[[Tensor, Tensor], Tensor]
    exact: Callable[..., object]
    known: tuple[tuple[list, list, list], ...] = ()
    chosen: Options = field(default_factory=dict)
    of: str = ""
    grid: Callable[[Random, bool], Iterable[Options]] = defaults_alone
    bound: str = "dense"
    peer: Callable[[Options], Callable[..., Tensor] | None] = lambda options: None
    highest: float = math.inf
    measure: Callable[..., Tensor] | None = None
    same_bits: bool = False
    gradient_is_exact: bool = True
    constant_target: bool = False
    parameters: tuple[float, ...] = ()
    exponents: tuple[str, ...] = ("gamma",)
    is_odd: bool = False
    planar: bool = False
    is_symmetric: bool = True
    lengths: tuple[str, ...] = ()

    @property
    def entry(self) -> Loss:
        """The row of the catalog."""
        return CATALOG[self.of or self.name]

    @property
    def loss(self) -> Callable[..., Tensor]:
        return self.entry.function

    @property
    def options(self) -> Options:
        return self.options_of(2)

    def options_of(self, dims: int) -> Options:
        """The options for boxes of so many axes."""
        axes = {name: each[:dims] for name, each in self.chosen.items() if isinstance(each, tuple)}
        return {**self.entry.options, **self.chosen, **axes}

    @property
    def kind(self) -> Kind:
        return self.entry.kind

    @property
    def per_row(self) -> bool:
        """Whether the unreduced loss has a value per row, not per element."""
        return self.kind in (Kind.BOX, Kind.SOFTMAX, Kind.DISTRIBUTION, Kind.MASK)

    @property
    def soft_target(self) -> bool:
        """Whether the target has a gradient."""
        return not self.constant_target and self.sample(torch.Generator())[1].is_floating_point()

    def __call__(self, pred: Tensor, target: Tensor, **options: object) -> Tensor:
        return self.loss(pred, target, **{**self.options, **options})

    def inputs(self, seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
        """Twelve rows that require gradients where gradients flow."""
        pred, target = self.sample(torch.Generator().manual_seed(seed))
        pred = pred.to(dtype).requires_grad_()
        if target.is_floating_point():
            target = target.to(dtype).requires_grad_(self.soft_target)
        return pred, target


LOG2 = math.log(2)
OFFSET = [[0.0, 0.0, 4.0, 2.0]], [[1.0, 1.0, 5.0, 4.0]]
IMAGE = (*by_sides.IMAGE, 20.0, 10.0)  # the sizes of an image along up to four axes
SQUARE, SHIFTED, APART = [[0.0, 0.0, 2.0, 2.0]], [[1.0, 1.0, 3.0, 3.0]], [[4.0, 0.0, 6.0, 2.0]]
FLAT = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2  # v of a square against a box twice as wide as high


def of_torchvision(name: str, pred: Tensor, target: Tensor, **options: object) -> Tensor:
    """A loss of torchvision, imported only where peers are measured."""
    import torchvision.ops

    loss: Tensor = getattr(torchvision.ops, name)(pred, target, **options)
    return loss


def of_boxes(name: str) -> Callable[[Options], Callable[..., Tensor]]:
    """A box loss of torchvision, whatever the options."""
    return lambda options: partial(of_torchvision, name)


def betas(rng: Random, finite: bool) -> Iterable[Options]:
    """Errors at which smooth L1 changes."""
    return ({"beta": beta} for beta in (0.0, 0.125, 1.0, 0.1))


def deltas(rng: Random, finite: bool) -> Iterable[Options]:
    """Widths of the quadratic part of Charbonnier loss."""
    return ({"delta": delta} for delta in (0.0, 0.125, 1.0, 0.1))


def balances(rng: Random, finite: bool) -> Iterable[Options]:
    """Options of balanced L1, whose quotient gamma / alpha is exact."""
    for alpha, gamma, beta in ((0.5, 1.5, 1.0), (0.125, 1.25, 0.7), (2.0, 0.25, 0.1)):
        yield {"alpha": alpha, "gamma": gamma, "beta": beta}


def mask_weights(rng: Random, finite: bool) -> Iterable[Options]:
    """Weights of false positives and negatives."""
    return ({"alpha": alpha, "beta": beta} for alpha, beta in ((0.3, 0.7), (1.0, 0.0), (0.0, 1.0), (2.0, 0.1)))


def smoothings(rng: Random, finite: bool) -> Iterable[Options]:
    """Label smoothing, off and on."""
    return ({"label_smoothing": smoothing} for smoothing in (0.0, 0.125))


def alphas(rng: Random, finite: bool) -> Iterable[Options]:
    """Weights of positives, with label smoothing off or on."""
    return ({"alpha": alpha, "label_smoothing": rng.choice((0.0, 0.125))} for alpha in (0.0, 0.25, 1.0))


def alphas_and_gammas(rng: Random, finite: bool) -> Iterable[Options]:
    """Every alpha with every gamma, and every gamma with label smoothing."""
    for gamma in logits.GAMMAS:
        for alpha in logits.ALPHAS:
            yield {"alpha": alpha, "gamma": gamma, "label_smoothing": 0.0}
        yield {"alpha": 0.25, "gamma": gamma, "label_smoothing": 0.125}


def a_smoothing(rng: Random, finite: bool) -> Iterable[Options]:
    """Label smoothing, off or on; off for infinite logits."""
    yield {"label_smoothing": rng.choice((0.0, 0.0, 0.125)) if finite else 0.0}


def a_gamma(rng: Random, finite: bool) -> Iterable[Options]:
    """A focusing exponent."""
    yield {"gamma": rng.choice(logits.GAMMAS)}


def softmax_polys(rng: Random, finite: bool) -> Iterable[Options]:
    """A coefficient of Poly-1."""
    yield {"poly": rng.choice((-1.0, -0.4, 1.0, 5.0))}


def polys_and_gammas(rng: Random, finite: bool) -> Iterable[Options]:
    """A coefficient of Poly-1 and a focusing exponent."""
    yield {"poly": rng.choice((-1.0, -0.4, 1.0, 5.0)), "gamma": rng.choice(logits.GAMMAS)}


def betas_of_quality(rng: Random, finite: bool) -> Iterable[Options]:
    """Exponents of |q - p|."""
    return ({"beta": beta} for beta in (0.0, 0.5, 1.0, 1.5, 2.0, 4.0))


def focus_of_negatives(rng: Random, finite: bool) -> Iterable[Options]:
    """Weights and exponents of the negatives."""
    return ({"alpha": rng.choice((0.25, 0.75, 1.0)), "gamma": gamma} for gamma in (0.0, 0.5, 1.0, 1.5, 2.0, 4.0))


def shares_of_the_score(rng: Random, finite: bool) -> Iterable[Options]:
    """Exponents of p in the target, and of the negatives."""
    return ({"alpha": alpha, "gamma": rng.choice((0.0, 1.5, 2.0))} for alpha in (0.0, 0.25, 0.5, 1.0))


def heatmap_options(rng: Random, finite: bool) -> Iterable[Options]:
    """The published options, a peak below 1, and other exponents."""
    yield {"alpha": 2.0, "beta": 4.0, "peak": 1.0}
    yield {"alpha": rng.choice((0.0, 0.5, 1.0, 1.5)), "beta": rng.choice((0.0, 1.0, 3.0)), "peak": 0.7}


def asymmetric_options(rng: Random, finite: bool) -> Iterable[Options]:
    """Margins with the published exponents and others."""
    for margin in (0.0, 1e-3, 0.05, 0.5, 1.0):
        yield {"positive_gamma": 0.0, "negative_gamma": 4.0, "margin": margin}
    yield {"positive_gamma": 1.0, "negative_gamma": 0.0, "margin": 0.05}
    yield {"positive_gamma": 0.5, "negative_gamma": 1.5, "margin": rng.choice((0.0, 0.2))}


def polys(rng: Random, finite: bool) -> Iterable[Options]:
    """Coefficients of Poly-1 with exponents and label smoothing."""
    for poly in (0.5, 1.0, 3.0):
        yield {
            "poly": poly,
            "gamma": rng.choice(logits.GAMMAS),
            "alpha": 0.25,
            "label_smoothing": rng.choice((0.0, 0.125)),
        }


def their_binary_cross_entropy(options: Options) -> Callable[..., Tensor] | None:
    """The loss of torch, which has no label smoothing."""
    return None if options["label_smoothing"] else functional.binary_cross_entropy_with_logits


def their_focal_loss(options: Options) -> Callable[..., Tensor] | None:
    """The loss of torchvision, which has no label smoothing."""
    if options["label_smoothing"]:
        return None
    alpha = -1 if options["alpha"] is None else options["alpha"]
    return partial(of_torchvision, "sigmoid_focal_loss", alpha=alpha, gamma=options["gamma"])


TABLE = (
    Row(
        "l1",
        textbook.numbers,
        lambda p, t: (p - t).abs(),
        regression.l1,
        (([1.0, -2.0], [3.0, -2.0], [2.0, 0.0]),),
        peer=lambda options: functional.l1_loss,
        same_bits=True,
    ),
    Row(
        "l2",
        textbook.numbers,
        lambda p, t: (p - t).square(),
        regression.l2,
        (([1.0, -2.0], [3.0, -2.0], [4.0, 0.0]),),
        peer=lambda options: functional.mse_loss,
    ),
    Row(
        "smooth_l1",
        textbook.numbers,
        textbook.smooth_l1,
        regression.smooth_l1,
        (([1.0, 0.35], [3.0, 0.0], [1.65, 0.35**2 / 1.4]),),
        chosen={"beta": 0.7},
        grid=betas,
        peer=lambda options: partial(functional.smooth_l1_loss, **options),
    ),
    Row(
        "charbonnier",
        textbook.numbers,
        textbook.charbonnier,
        regression.charbonnier,
        (([3.4, -1.0], [1.0, -1.0], [1.8, 0.0]),),
        chosen={"delta": 0.7},
        grid=deltas,
    ),
    Row(
        "balanced_l1",
        textbook.numbers,
        textbook.balanced_l1,
        regression.balanced_l1,
        (([2.0, 1.0], [1.0, 1.0], [0.7 * (1.5 / 0.7 + 1.5 / math.expm1(5) - 0.3), 0.0]),),
        chosen={"alpha": 0.3, "gamma": 1.5, "beta": 0.7},
        grid=balances,
        bound="logarithm",
        parameters=(0.3, math.expm1(5) / 0.7, 0.7),
    ),
    Row(
        "log_cosh",
        textbook.numbers,
        textbook.log_cosh,
        regression.log_cosh,
        (([math.log(2), 5.0], [0.0, 5.0], [math.log(1.25), 0.0]),),
        bound="logarithm",
    ),
    Row(
        "iou",
        textbook.boxes,
        textbook.one_minus_iou,
        exact_boxes.iou,
        ((SQUARE, SHIFTED, [6 / 7]), (SQUARE, APART, [1.0]), (SQUARE, SQUARE, [0.0])),
        bound="box",
        highest=1.0,
        measure=detloss.iou,
        same_bits=True,
    ),
    Row(
        "log_iou",
        textbook.near_boxes,
        textbook.minus_log_iou,
        exact_boxes.log_iou,
        ((SQUARE, SHIFTED, [math.log(7)]), (SQUARE, APART, [126 * LOG2])),
        bound="box",
        highest=87.34,
    ),
    Row(
        "giou",
        textbook.boxes,
        textbook.one_minus_giou,
        exact_boxes.giou,
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 9]), (SQUARE, APART, [1 + 4 / 12])),
        bound="box",
        peer=of_boxes("generalized_box_iou_loss"),
        highest=2.0,
        measure=detloss.generalized_iou,
        same_bits=True,
    ),
    Row(
        "diou",
        textbook.boxes,
        textbook.one_minus_diou,
        exact_boxes.diou,
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 18]), (SQUARE, APART, [1 + 16 / 40])),
        bound="box",
        peer=of_boxes("distance_box_iou_loss"),
        highest=2.0,
        measure=detloss.distance_iou,
        same_bits=True,
    ),
    Row(
        "ciou",
        textbook.boxes,
        textbook.one_minus_ciou,
        exact_boxes.ciou,
        (
            (SQUARE, SHIFTED, [6 / 7 + 2 / 18]),
            (SQUARE, [[0.0, 0.0, 2.0, 1.0]], [0.5 + 0.25 / 8 + FLAT**2 / (0.5 + FLAT)]),
        ),
        bound="aspect",
        peer=of_boxes("complete_box_iou_loss"),
        highest=3.0,
        measure=detloss.complete_iou,
        gradient_is_exact=False,
        planar=True,
    ),
    Row(
        "eiou",
        textbook.boxes,
        by_sides.efficient_iou,
        Defined(definitions.eiou, exact_boxes.diou, terms=of_side_differences),
        ((*OFFSET, [14 / 17 + 13 / 164 + 1 / 16]), (SQUARE, SHIFTED, [61 / 63])),
        bound="box",
        highest=4.0,
    ),
    Row(
        "siou",
        textbook.boxes,
        by_sides.scylla_iou,
        Defined(definitions.siou, exact_boxes.diou, terms=of_angles_and_shapes),
        ((*OFFSET, [0.9181052479730968]), (SQUARE, SHIFTED, [0.9623035403284874])),
        bound="smooth",
        highest=2.2,
        planar=True,
    ),
    Row(
        "mpdiou",
        textbook.boxes,
        by_sides.minimum_points_distance_iou,
        Defined(definitions.mpdiou, options={"image_size": IMAGE}, terms=of_corners),
        ((*OFFSET, [14 / 17 + 7 / 2500]),),
        chosen={"image_size": IMAGE},
        bound="box",
        lengths=("image_size",),
    ),
    Row(
        "nwd",
        textbook.boxes,
        by_sides.normalized_wasserstein,
        Defined(definitions.nwd, nothing, {"scale": 5}, of_gaussians),
        ((*OFFSET, [1 - math.exp(-math.sqrt(3.5) / 5)]),),
        chosen={"scale": 5.0},
        bound="smooth",
        highest=1.0,
        lengths=("scale",),
    ),
    Row(
        "wiou",
        textbook.boxes,
        by_sides.wise_iou,
        Defined(definitions.wiou, exact_boxes.diou),
        ((*OFFSET, [0.8914662305490912]), (SQUARE, SHIFTED, [0.957873487493026])),
        bound="smooth",
        highest=math.e,
        gradient_is_exact=False,
    ),
    Row(
        "shapeiou",
        textbook.boxes,
        by_sides.shape_iou,
        Defined(definitions.shape_iou, exact_boxes.diou, {"scale": 0.6}),
        ((SQUARE, SHIFTED, [6 / 7 + 2 / 18]),),
        chosen={"scale": 0.6},
        bound="smooth",
        planar=True,
        is_symmetric=False,
    ),
    Row(
        "piou",
        textbook.boxes,
        by_sides.powerful_iou,
        Defined(definitions.piou, terms=of_edge_offsets),
        ((*OFFSET, [0.9547143555018627]), (SQUARE, SHIFTED, [1.078342074071452])),
        bound="smooth",
        highest=2.0,
        is_symmetric=False,
    ),
    Row(
        "ce",
        textbook.indices,
        textbook.cross_entropy,
        classification.cross_entropy,
        (([[0.0, 0.0], [0.0, math.log(3)]], [0, 1], [LOG2, math.log(4 / 3)]),),
        grid=a_smoothing,
        bound="cross_entropy",
        peer=lambda options: partial(functional.cross_entropy, label_smoothing=options["label_smoothing"]),
    ),
    Row(
        "soft_ce",
        textbook.probabilities,
        textbook.cross_entropy,
        classification.cross_entropy,
        of="ce",
        bound="cross_entropy",
        peer=lambda options: functional.cross_entropy,
    ),
    Row(
        "softmax_focal",
        textbook.indices,
        textbook.softmax_focal,
        classification.softmax_focal,
        (([[0.0, 0.0]], [1], [0.5**1.5 * LOG2]),),
        chosen={"gamma": 1.5},
        grid=a_gamma,
        bound="focal",
    ),
    Row(
        "poly_ce",
        textbook.indices,
        textbook.poly_cross_entropy,
        partial(classification.softmax_focal, gamma=0.0),
        (([[0.0, 0.0]], [1], [LOG2 + 0.75]),),
        chosen={"poly": 1.5},
        of="ce",
        grid=softmax_polys,
        bound="poly",
    ),
    Row(
        "poly_softmax_focal",
        textbook.indices,
        textbook.poly_softmax_focal,
        classification.softmax_focal,
        (([[0.0, 0.0]], [1], [0.5**1.5 * (LOG2 + 0.75)]),),
        chosen={"gamma": 1.5, "poly": 1.5},
        of="softmax_focal",
        grid=polys_and_gammas,
        parameters=(1.5, 2.5),
        bound="poly",
    ),
    Row(
        "dfl",
        textbook.values_between_bins,
        textbook.distribution_focal,
        classification.distribution_focal,
        (([[0.0, 0.0, 0.0]], [1.25], [math.log(3)]), ([[0.0, math.log(3)]], [0.75], [2 * LOG2 - 0.75 * math.log(3)])),
        bound="cross_entropy",
        constant_target=True,
    ),
    Row(
        "bce",
        textbook.soft,
        textbook.binary,
        classification.binary_cross_entropy,
        (([0.0, math.log(3)], [1.0, 0.0], [LOG2, math.log(4)]),),
        grid=smoothings,
        peer=their_binary_cross_entropy,
        is_odd=True,
    ),
    Row(
        "balanced_bce",
        textbook.soft,
        textbook.balanced,
        classification.balanced_cross_entropy,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * LOG2, 0.7 * LOG2]),),
        chosen={"alpha": 0.3},
        grid=alphas,
    ),
    Row(
        "focal",
        textbook.soft,
        textbook.focal,
        classification.sigmoid_focal,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * 0.5**1.5 * LOG2, 0.7 * 0.5**1.5 * LOG2]),),
        chosen={"alpha": 0.3, "gamma": 1.5},
        grid=alphas_and_gammas,
        bound="focal",
        peer=their_focal_loss,
    ),
    Row(
        "dice",
        textbook.soft,
        textbook.dice,
        masks.dice,
        (([[0.0, math.log(3)], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [1 / 3, 1.0]),),
        bound="mask",
    ),
    Row(
        "tversky",
        textbook.soft,
        textbook.tversky,
        masks.tversky,
        (([[math.log(3), math.log(3)]], [[0.0, 1.0]], [0.425 / 1.175]),),
        chosen={"alpha": 0.3, "beta": 0.8},
        grid=mask_weights,
        bound="mask",
    ),
    Row(
        "poly_focal",
        textbook.soft,
        textbook.poly_focal,
        quality.poly_focal,
        (([0.0, 0.0], [1.0, 0.0], [0.3 * 0.5**1.5 * (LOG2 + 0.4), 0.7 * 0.5**1.5 * (LOG2 + 0.4)]),),
        chosen={"alpha": 0.3, "gamma": 1.5, "poly": 0.8},
        of="focal",
        grid=polys,
        bound="focal",
    ),
    Row(
        "qfl",
        textbook.qualities,
        textbook.quality_focal,
        quality.quality_focal,
        (([0.0, 0.0], [0.75, 0.0], [0.125 * LOG2, 0.5**1.5 * LOG2]),),
        chosen={"beta": 1.5},
        grid=betas_of_quality,
        bound="focal",
        constant_target=True,
        parameters=(1.0, 1.5),
        exponents=("beta",),
    ),
    Row(
        "vfl",
        textbook.qualities,
        textbook.varifocal,
        quality.varifocal,
        (([0.0, 0.0], [0.75, 0.0], [0.75 * LOG2, 0.6 * 0.5**1.5 * LOG2]),),
        chosen={"alpha": 0.6, "gamma": 1.5},
        grid=focus_of_negatives,
        bound="focal",
        constant_target=True,
        parameters=(1.0, 0.6, 1.5),
    ),
    Row(
        "varifocal_with_constant_focus",
        textbook.qualities,
        textbook.varifocal_with_constant_focus,
        partial(quality.varifocal, hold_focus=True),
        chosen={"alpha": 0.6, "gamma": 1.5, "hold_focus": True},
        of="vfl",
        grid=lambda rng, finite: ({**each, "hold_focus": True} for each in focus_of_negatives(rng, finite)),
        bound="focal",
        constant_target=True,
        parameters=(1.0, 0.6, 1.5),
        gradient_is_exact=False,
    ),
    Row(
        "mal",
        textbook.qualities,
        textbook.matchability_aware,
        quality.matchability_aware,
        (([0.0, 0.0], [0.75, 0.0], [LOG2, 0.6 * 0.5**1.5 * LOG2]),),
        chosen={"gamma": 1.5, "alpha": 0.6},
        grid=focus_of_negatives,
        bound="focal",
        constant_target=True,
        parameters=(1.0, 1.5, 0.6),
        gradient_is_exact=False,
    ),
    Row(
        "iabce",
        textbook.qualities,
        textbook.iou_aware_cross_entropy,
        quality.iou_aware_cross_entropy,
        (([0.0, 0.0], [0.75, 0.0], [LOG2, 0.5**1.5 * LOG2]),),
        chosen={"alpha": 0.3, "gamma": 1.5},
        grid=shares_of_the_score,
        bound="focal",
        constant_target=True,
        parameters=(1.0, 0.3, 1.5),
        gradient_is_exact=False,
    ),
    Row(
        "heatmap",
        textbook.qualities,
        textbook.heatmap_focal,
        quality.heatmap_focal,
        (([0.0, 0.0, 0.0], [0.75, 0.5, 0.0], [0.5**1.5 * LOG2, 0.5**4.5 * LOG2, 0.5**1.5 * LOG2]),),
        chosen={"alpha": 1.5, "beta": 3.0, "peak": 0.7},
        grid=heatmap_options,
        bound="focal",
        constant_target=True,
        parameters=(1.5, 3.0, 0.7),
        exponents=("alpha", "beta"),
    ),
    Row(
        "asl",
        textbook.qualities,
        textbook.asymmetric,
        quality.asymmetric,
        (([0.0, 0.0], [1.0, 0.0], [0.5**0.5 * LOG2, -(0.3**3) * math.log(0.7)]),),
        chosen={"positive_gamma": 0.5, "negative_gamma": 3.0, "margin": 0.2},
        grid=asymmetric_options,
        bound="focal",
        constant_target=True,
        parameters=(0.5, 3.0, 0.2, -math.log(4.0), 0.0),
        exponents=("positive_gamma", "negative_gamma"),
    ),
    Row(
        "asymmetric_without_margin",
        textbook.qualities,
        textbook.asymmetric_without_margin,
        quality.asymmetric,
        chosen={"positive_gamma": 0.5, "negative_gamma": 3.0, "margin": 0.0},
        of="asl",
        grid=asymmetric_options,
        bound="focal",
        constant_target=True,
        parameters=(0.5, 3.0),
        exponents=("positive_gamma", "negative_gamma"),
    ),
)

ONE_LOGIT = (Kind.SIGMOID, Kind.QUALITY, Kind.HEATMAP)
"""Kinds of losses with one value per logit."""


def rows_of(*kinds: Kind) -> tuple[Row, ...]:
    """The rows of losses of these kinds."""
    return tuple(row for row in TABLE if row.kind in kinds)


BOXES = rows_of(Kind.BOX)
