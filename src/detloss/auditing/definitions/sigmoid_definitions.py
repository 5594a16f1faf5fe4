"""Losses of one logit: label 0 or 1, and a quality in [0, 1]; both are held."""

from __future__ import annotations

from typing import Any

from mpmath import exp, log, log1p, mpf

from detloss.auditing.definitions.exact_arithmetic import definition, named, sigmoid


def entropy(x: mpf, target: Any) -> mpf:
    """-t log p - (1 - t) log(1 - p)."""
    return _times(target, log1p(exp(-x))) + _times(1 - target, log1p(exp(x)))


def _times(weight: Any, cost: mpf) -> mpf:
    return weight * cost if weight else mpf(0)


def _gap(x: mpf, target: Any) -> mpf:
    """|t - p|."""
    return abs(target * sigmoid(-x) - (1 - target) * sigmoid(x))


def _factor(base: mpf, exponent: Any) -> mpf:
    return mpf(base) ** mpf(exponent) if exponent else mpf(1)


@definition
def binary_cross_entropy(x: Any, target: Any, poly: float = 0.0) -> mpf:
    """Cross-entropy, and with ``poly`` its Poly-1: Leng et al., PolyLoss (2022)."""
    return entropy(x, target) + mpf(poly) * _missed(x, target)


@definition
def sigmoid_focal(x: Any, target: Any, alpha: float | None = None, gamma: float = 2.0, poly: float = 0.0) -> mpf:
    """Lin et al., Focal Loss (2017), linear in a soft target. Poly-1: + poly (1 - p_t)^(gamma + 1), times alpha."""
    weight = mpf(1) if alpha is None else mpf(alpha) * target + (1 - mpf(alpha)) * (1 - target)
    missed = _missed(x, target)
    focus = named(_factor(missed, gamma), "(1 - p_t)^gamma", constant=False)
    return weight * (_times(focus, entropy(x, target)) + mpf(poly) * _factor(missed, mpf(gamma) + 1))


def _missed(x: mpf, target: Any) -> mpf:
    """1 - p_t."""
    return target * sigmoid(-x) + (1 - target) * sigmoid(x)


@definition
def quality_focal(x: Any, label: Any, quality: Any, beta: float = 2.0) -> mpf:
    """Li et al., Generalized Focal Loss (2020), quality focal loss; the quality of the background is 0."""
    q = quality if label else mpf(0)
    return _times(named(_factor(_gap(x, q), beta), "|q - p|^beta", constant=False), entropy(x, q))


@definition
def varifocal(
    x: Any, label: Any, quality: Any, alpha: float = 0.75, gamma: float = 2.0, hold_focus: bool = False
) -> mpf:
    """Zhang et al., VarifocalNet (2021). A match of quality 0 is a negative."""
    q = quality if label else mpf(0)
    if q > 0:
        return q * entropy(x, q)
    focus = _factor(sigmoid(x), gamma)
    return mpf(alpha) * _times(named(focus, "p^gamma", constant=hold_focus), entropy(x, mpf(0)))


@definition
def matchability_aware(x: Any, label: Any, quality: Any, gamma: float = 1.5, alpha: float | None = None) -> mpf:
    """Huang et al., DEIM (2025). The focus of negatives is held; alpha, if given, is their weight."""
    if label:
        return entropy(x, _factor(quality, gamma))
    weight = mpf(1) if alpha is None else mpf(alpha)
    return weight * _times(named(_factor(sigmoid(x), gamma), "p^gamma"), entropy(x, mpf(0)))


@definition
def iou_aware_cross_entropy(x: Any, label: Any, quality: Any, alpha: float = 0.25, gamma: float = 2.0) -> mpf:
    """Cai et al., Align-DETR (2023), in the form of LW-DETR: the target max(p^alpha q^(1 - alpha), 0.01) is held."""
    if not label:
        return _times(_factor(sigmoid(x), gamma), entropy(x, mpf(0)))
    score = named(_factor(sigmoid(x), alpha) * _factor(quality, 1 - mpf(alpha)), "target")
    return entropy(x, max(score, mpf(1) / 100))


@definition
def heatmap_focal(x: Any, y: Any, alpha: float = 2.0, beta: float = 4.0, peak: float = 1.0) -> mpf:
    """Law and Deng, CornerNet (2018), eq. 1: the label is 1 where the heat map is at its peak."""
    if y >= mpf(peak):
        return _times(_factor(sigmoid(-x), alpha), entropy(x, mpf(1)))
    return _factor(1 - y, beta) * _times(_factor(sigmoid(x), alpha), entropy(x, mpf(0)))


@definition
def asymmetric(
    x: Any, label: Any, positive_gamma: float = 0.0, negative_gamma: float = 4.0, margin: float = 0.05
) -> mpf:
    """Ridnik et al., Asymmetric Loss (2020): p_m = max(p - margin, 0) of negatives."""
    if label:
        return _times(_factor(sigmoid(-x), positive_gamma), entropy(x, mpf(1)))
    shifted = max(sigmoid(x) - mpf(margin), mpf(0))
    cost = -log1p(-shifted) if 2 * shifted < 1 else -log(sigmoid(-x) + mpf(margin))  # both are -log(1 - p_m)
    return _times(named(_factor(shifted, negative_gamma), "p_m^gamma", constant=False), cost)
