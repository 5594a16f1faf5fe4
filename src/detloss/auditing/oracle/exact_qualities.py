"""Exact results of losses of one logit with a label and a quality, from the definitions of their papers."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mpmath import mp, mpf

from detloss.auditing.definitions import sigmoid_definitions as sigmoid
from detloss.auditing.definitions.exact_arithmetic import gradient
from detloss.auditing.definitions.exact_arithmetic import sigmoid as probability
from detloss.auditing.oracle.exact import ZERO, Derivative, Exact, between, undefined

KINK = 2**22  # |t - p| may be 0 where it is smaller than a term divided by this
NEAREST = 2**53  # |t - p| differs from 0 by at least a term divided by this
INFINITE = 100_000  # derivatives at this logit are those at infinity, in 60 digits


def poly_focal(logit: float, target: float, label_smoothing: float = 0.0, **options: Any) -> Exact:
    """Poly-1 of a focal loss, with soft targets; derivatives by the target are not checked."""
    soft = target * (1 - mpf(label_smoothing)) + mpf(label_smoothing) / 2
    return of_soft_target(sigmoid.sigmoid_focal, logit, (soft,), soft, options, 1 + options["gamma"] + options["poly"])


def quality_focal(logit: float, target: float, beta: float) -> Exact:
    """Quality focal loss of a target that is the quality."""
    return of_soft_target(
        sigmoid.quality_focal, logit, labeled(target), mpf(target), {"beta": beta}, 1.0, exponent=beta
    )


def varifocal(logit: float, target: float, **options: Any) -> Exact:
    """Varifocal loss of a target that is the quality."""
    return of_soft_target(sigmoid.varifocal, logit, labeled(target), mpf(target), options, target)


def matchability_aware(logit: float, target: float, **options: Any) -> Exact:
    """Matchability-aware loss of a target that is the quality."""
    soft = mpf(target) ** mpf(options["gamma"]) if target else ZERO
    return of_soft_target(sigmoid.matchability_aware, logit, labeled(target), soft, options, 1.0)


def iou_aware_cross_entropy(logit: float, target: float, **options: Any) -> Exact:
    """IoU-aware cross-entropy of a target that is the quality."""
    alpha, soft = mpf(options["alpha"]), mpf(target)
    if target > 0 and not math.isnan(logit):
        soft = max(probability(mpf(logit)) ** alpha * soft ** (1 - alpha), mpf(1) / 100)
    return of_soft_target(sigmoid.iou_aware_cross_entropy, logit, labeled(target), soft, options, 1.0)


def heatmap_focal(logit: float, target: float, **options: Any) -> Exact:
    """Heatmap focal loss."""
    return of_soft_target(sigmoid.heatmap_focal, logit, (target,), ZERO, options, 0.0)


def asymmetric(logit: float, target: float, **options: Any) -> Exact:
    """Asymmetric loss; any target above 0 is positive. The difference of p and the margin may cancel."""
    label = target > 0 if target == target else target
    found = of_soft_target(sigmoid.asymmetric, logit, (label,), ZERO, options, 0.0)
    margin, gamma = mpf(options["margin"]), mpf(options["negative_gamma"])
    if label or not math.isfinite(logit) or not found.value or not margin:
        return found
    p = probability(mpf(logit))
    gap = p - margin
    cost, slope = -mp.log1p(-gap), 1 / (1 - gap)
    by_value = margin * gap ** (gamma - 1) * (gamma * cost + gap * slope)
    bend = gap ** (gamma - 2) * (abs(gamma - 1) * gamma * cost + 2 * gamma * gap * slope + (gap * slope) ** 2)
    slopes = tuple(replace(each, condition=margin * p * (1 - p) * bend) for each in found.by_pred)
    return replace(found, by_pred=slopes, condition=by_value)


def labeled(target: float) -> tuple[Any, Any]:
    """The label and the quality of a target that is the quality."""
    return target > 0, mpf(target)


def of_soft_target(
    definition: Callable[..., mpf],
    logit: float,
    arguments: tuple[Any, ...],
    soft: mpf,
    options: dict[str, Any],
    factor: float,
    exponent: float = 0.0,
) -> Exact:
    """The definition at a logit, with its derivative; factor |t - p|^exponent BCE(x; t) for a soft target t.

    Its value and its slope have the difference of t (1 - p) and (1 - t) p, which may cancel.
    """
    if math.isnan(logit) or any(argument != argument for argument in arguments):
        return undefined([logit], [])
    x = mpf(logit)
    at = mpf(math.copysign(INFINITE, logit)) if math.isinf(logit) else x
    value, slope = definition(x, *arguments, **options), gradient(definition, at, *arguments, **options)
    slope = slope if value else ZERO  # a minimum
    p = probability(at)
    one, other = soft * (1 - p), (1 - soft) * p
    gap, term, power = abs(one - other), max(one, other), mpf(exponent)
    if 0 < power <= 1 and gap < term / KINK:
        by_gap = power * max(gap, term / NEAREST) ** (power - 1) * sigmoid.entropy(at, soft)
        return Exact(value, (between(slope, -slope),), condition=term * by_gap)
    if not 0 < soft < 1 or (gap == 0 and power):
        return Exact(value, (Derivative(slope, slope, ZERO),))
    by_value, by_slope = ZERO, factor * (1 + power) * gap**power * term
    if power:
        cost = sigmoid.entropy(at, soft)
        by_value = factor * power * gap ** (power - 1) * term * cost
        by_slope += factor * power * gap ** (power - 2) * max(abs(power - 1) * term, gap) * p * (1 - p) * cost
    return Exact(value, (Derivative(slope, slope, by_slope),), condition=by_value)
