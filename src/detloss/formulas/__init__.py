"""Formulas: the arithmetic of every loss, written once, as scalar functions that return a value and its derivatives.

A formula is straight-line code: assignments, arithmetic, comparisons, primitives of a vocabulary `m`, one return. It
knows nothing of tensors, weights, reductions or devices: `kernels/` applies it to tensors, `engine` adds autograd and
checks. The eager backend calls it with torch operations as primitives; C++ and Triton code is generated from it.

    elementwise      formula(m, pred, target, ...)                      -> loss, d_pred, d_target
                     formula(m, logit, positive, negative, keep, ...)   -> loss, d_logit, d_target
    two_sided        formula(m, logit, positive, negative, keep, ...)   -> loss, d_logit, 0
    softmax          formula(m, nll, probability, complement, ...)      -> loss, d_nll
    mask_sums        formula(m, shared, excess, missing, ...)           -> loss, total, derivatives times the total
    penalties        formula(m, pair, ...)                              -> loss, similarity, slopes
    gaussians        divergences and penalties, in gaussians.py

There is no epsilon. Terms that could cancel are never subtracted, and a divisor that could be 0 stands in a primitive
(`inverse`, `quotient`) that returns 0 there.

The tables below list the formulas with generated code. The position of a formula is its number in the generated code.
"""

from collections.abc import Callable
from typing import Any

from detloss.formulas import elementwise
from detloss.formulas.elementwise import REGRESSION
from detloss.formulas.mask_sums import MASKS
from detloss.formulas.modifiers import Modified
from detloss.formulas.penalties import (
    complete_iou,
    distance_iou,
    efficient_iou,
    generalized_iou,
    iou,
    log_iou,
    minimum_points_distance_iou,
    normalized_wasserstein,
    powerful_iou,
    scylla_iou,
    shape_iou,
    wise_iou,
)
from detloss.formulas.softmax import SOFTMAX
from detloss.formulas.two_sided import QUALITY

__all__ = ["BINARY", "MASKS", "PENALTIES", "REGRESSION", "SOFTMAX"]

BINARY = (*elementwise.BINARY, *QUALITY)

MODIFIABLE = (
    iou,
    generalized_iou,
    distance_iou,
    complete_iou,
    wise_iou,
    efficient_iou,
    scylla_iou,
    minimum_points_distance_iou,
    shape_iou,
    powerful_iou,
)
MODIFIED = {
    penalty: (Modified(penalty, False), Modified(penalty, True)) for penalty in MODIFIABLE
}  # without, with inner boxes
PENALTIES: tuple[Callable[..., Any], ...] = (
    *MODIFIABLE,
    log_iou,
    normalized_wasserstein,
    *(formula for both in MODIFIED.values() for formula in both),
)
