"""Specifications of the losses: exact results, options to examine, error bounds and properties, per loss.

The battery and the audit follow from them. The exact results are written from the papers, not from the formulas.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from torch import Tensor

from detloss.auditing.battery import logit_families as logits
from detloss.auditing.definitions import box_definitions as definitions
from detloss.auditing.oracle import exact_boxes, exact_classes, exact_masks, exact_numbers, exact_qualities
from detloss.auditing.oracle.defined_boxes import (
    Defined,
    nothing,
    of_angles_and_shapes,
    of_corners,
    of_edge_offsets,
    of_gaussians,
    of_side_differences,
)
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss

Options = Mapping[str, Any]
CATALOG = {loss.name: loss for loss in (*LOSSES, *ROTATED_LOSSES)}
PER_ROW = (Kind.BOX, Kind.ROTATED, Kind.SOFTMAX, Kind.DISTRIBUTION, Kind.MASK)
"""Kinds of losses with one value per row, not per element."""

IMAGE = (40.0, 30.0, 20.0, 10.0)  # the sizes of an image along up to four axes


def defaults_alone(rng: Random, finite: bool) -> Iterable[Options]:
    """The only combination of options of a loss without options."""
    yield {}


@dataclass(frozen=True)
class Specification:
    """A loss as its paper defines it.

    Attributes:
        name: The name in the catalog, or of a variant.
        exact: The exact result of an element or a row of logits; of boxes: a `Defined`, or a term of the measures.
        chosen: The options of a box loss, beside those of the catalog, and of the textbook definitions of the tests.
        of: The name in the catalog, for a variant.
        grid: Draws combinations of options to examine, for finite logits or others.
        bound: The kind of its error bound.
        highest: The largest value of a box loss.
        gradient_is_exact: Whether the gradient is the derivative of the value.
        index_target: Whether the target is the index of a class.
        constant_target: Whether the target may not require a gradient.
        exponents: The options whose sum amplifies rounding errors.
        is_odd: Whether exchanging the sides of a logit and its target only changes the sign of the gradient.
        planar: Whether a box loss is defined in two dimensions only.
        is_symmetric: Whether exchanging prediction and target changes no value of a box loss.
        lengths: The options of a box loss in the unit of the boxes; without any, the loss does not depend on the unit.
    """

    name: str
    exact: Any
    chosen: Options = field(default_factory=dict)
    of: str = ""
    grid: Callable[[Random, bool], Iterable[Options]] = defaults_alone
    bound: str = "dense"
    highest: float = math.inf
    gradient_is_exact: bool = True
    index_target: bool = False
    constant_target: bool = False
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
        axes = {name: each[:dims] for name, each in self.chosen.items() if name == "image_size"}
        return {**self.entry.options, **self.chosen, **axes}

    @property
    def kind(self) -> Kind:
        return self.entry.kind

    @property
    def per_row(self) -> bool:
        """Whether the unreduced loss has a value per row, not per element."""
        return self.kind in PER_ROW

    @property
    def soft_target(self) -> bool:
        """Whether the target has a gradient."""
        return not (self.constant_target or self.index_target)


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


def constant_focus_of_negatives(rng: Random, finite: bool) -> Iterable[Options]:
    """Weights and exponents of the negatives, with a constant focus."""
    return ({**each, "hold_focus": True} for each in focus_of_negatives(rng, finite))


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
        smoothing = rng.choice((0.0, 0.125))
        yield {"poly": poly, "gamma": rng.choice(logits.GAMMAS), "alpha": 0.25, "label_smoothing": smoothing}


SPECIFICATIONS = (
    Specification("l1", exact_numbers.l1),
    Specification("l2", exact_numbers.l2),
    Specification("smooth_l1", exact_numbers.smooth_l1, {"beta": 0.7}, grid=betas),
    Specification("charbonnier", exact_numbers.charbonnier, {"delta": 0.7}, grid=deltas),
    Specification(
        "balanced_l1",
        exact_numbers.balanced_l1,
        {"alpha": 0.3, "gamma": 1.5, "beta": 0.7},
        grid=balances,
        bound="logarithm",
    ),
    Specification("log_cosh", exact_numbers.log_cosh, bound="logarithm"),
    Specification("iou", exact_boxes.iou, bound="box", highest=1.0),
    Specification("log_iou", exact_boxes.log_iou, bound="box", highest=87.34),
    Specification("giou", exact_boxes.giou, bound="box", highest=2.0),
    Specification("diou", exact_boxes.diou, bound="box", highest=2.0),
    Specification("ciou", exact_boxes.ciou, bound="aspect", highest=3.0, gradient_is_exact=False, planar=True),
    Specification("eiou", Defined(definitions.eiou, exact_boxes.diou, of_side_differences), bound="box", highest=4.0),
    Specification(
        "siou",
        Defined(definitions.siou, exact_boxes.diou, of_angles_and_shapes),
        bound="smooth",
        highest=2.2,
        planar=True,
    ),
    Specification(
        "mpdiou",
        Defined(definitions.mpdiou, terms=of_corners),
        {"image_size": IMAGE},
        bound="box",
        lengths=("image_size",),
    ),
    Specification(
        "nwd",
        Defined(definitions.nwd, nothing, of_gaussians),
        {"scale": 5.0},
        bound="smooth",
        highest=1.0,
        lengths=("scale",),
    ),
    Specification(
        "wiou",
        Defined(definitions.wiou, exact_boxes.diou),
        bound="smooth",
        highest=math.e,
        gradient_is_exact=False,
    ),
    Specification(
        "shapeiou",
        Defined(definitions.shape_iou, exact_boxes.diou),
        {"scale": 0.6},
        bound="smooth",
        planar=True,
        is_symmetric=False,
    ),
    Specification(
        "piou", Defined(definitions.piou, terms=of_edge_offsets), bound="smooth", highest=2.0, is_symmetric=False
    ),
    Specification("ce", exact_classes.cross_entropy, grid=a_smoothing, bound="cross_entropy", index_target=True),
    Specification("soft_ce", exact_classes.cross_entropy, of="ce", bound="cross_entropy"),
    Specification(
        "softmax_focal", exact_classes.softmax_focal, {"gamma": 1.5}, grid=a_gamma, bound="focal", index_target=True
    ),
    Specification(
        "poly_ce",
        partial(exact_classes.softmax_focal, gamma=0.0),
        {"poly": 1.5},
        of="ce",
        grid=softmax_polys,
        bound="poly",
        index_target=True,
    ),
    Specification(
        "poly_softmax_focal",
        exact_classes.softmax_focal,
        {"gamma": 1.5, "poly": 1.5},
        of="softmax_focal",
        grid=polys_and_gammas,
        bound="poly",
        index_target=True,
    ),
    Specification("dfl", exact_classes.distribution_focal, bound="cross_entropy", constant_target=True),
    Specification("bce", exact_classes.binary_cross_entropy, grid=smoothings, is_odd=True),
    Specification("balanced_bce", exact_classes.balanced_cross_entropy, {"alpha": 0.3}, grid=alphas),
    Specification(
        "focal", exact_classes.sigmoid_focal, {"alpha": 0.3, "gamma": 1.5}, grid=alphas_and_gammas, bound="focal"
    ),
    Specification("dice", exact_masks.dice, bound="mask"),
    Specification("tversky", exact_masks.tversky, {"alpha": 0.3, "beta": 0.8}, grid=mask_weights, bound="mask"),
    Specification(
        "poly_focal",
        exact_qualities.poly_focal,
        {"alpha": 0.3, "gamma": 1.5, "poly": 0.8},
        of="focal",
        grid=polys,
        bound="focal",
    ),
    Specification(
        "qfl",
        exact_qualities.quality_focal,
        {"beta": 1.5},
        grid=betas_of_quality,
        bound="focal",
        constant_target=True,
        exponents=("beta",),
    ),
    Specification(
        "vfl",
        exact_qualities.varifocal,
        {"alpha": 0.6, "gamma": 1.5},
        grid=focus_of_negatives,
        bound="focal",
        constant_target=True,
    ),
    Specification(
        "varifocal_with_constant_focus",
        partial(exact_qualities.varifocal, hold_focus=True),
        {"alpha": 0.6, "gamma": 1.5, "hold_focus": True},
        of="vfl",
        grid=constant_focus_of_negatives,
        bound="focal",
        constant_target=True,
        gradient_is_exact=False,
    ),
    Specification(
        "mal",
        exact_qualities.matchability_aware,
        {"gamma": 1.5, "alpha": 0.6},
        grid=focus_of_negatives,
        bound="focal",
        constant_target=True,
        gradient_is_exact=False,
    ),
    Specification(
        "iabce",
        exact_qualities.iou_aware_cross_entropy,
        {"alpha": 0.3, "gamma": 1.5},
        grid=shares_of_the_score,
        bound="focal",
        constant_target=True,
        gradient_is_exact=False,
    ),
    Specification(
        "heatmap",
        exact_qualities.heatmap_focal,
        {"alpha": 1.5, "beta": 3.0, "peak": 0.7},
        grid=heatmap_options,
        bound="focal",
        constant_target=True,
        exponents=("alpha", "beta"),
    ),
    Specification(
        "asl",
        exact_qualities.asymmetric,
        {"positive_gamma": 0.5, "negative_gamma": 3.0, "margin": 0.2},
        grid=asymmetric_options,
        bound="margin",
        constant_target=True,
        exponents=("positive_gamma", "negative_gamma"),
    ),
    Specification(
        "asymmetric_without_margin",
        exact_qualities.asymmetric,
        {"positive_gamma": 0.5, "negative_gamma": 3.0, "margin": 0.0},
        of="asl",
        grid=asymmetric_options,
        bound="focal",
        constant_target=True,
        exponents=("positive_gamma", "negative_gamma"),
    ),
)
