"""Exact results of the classification losses, for one logit or one row of logits."""

import math
from collections.abc import Sequence

from mpmath import exp, inf, log1p, log10, mp, mpf

from detloss.auditing.definitions.bin_definitions import place
from detloss.auditing.definitions.softmax_definitions import prepared
from detloss.auditing.oracle.exact import ZERO, Exact, all_finite, number, sum_of, undefined


def binary_cross_entropy(logit: float, target: float, label_smoothing: float = 0.0) -> Exact:
    return sigmoid_focal(logit, target, alpha=None, gamma=0.0, label_smoothing=label_smoothing)


def balanced_cross_entropy(logit: float, target: float, alpha: float = 0.25, label_smoothing: float = 0.0) -> Exact:
    return sigmoid_focal(logit, target, alpha=alpha, gamma=0.0, label_smoothing=label_smoothing)


def sigmoid_focal(
    logit: float,
    target: float,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> Exact:
    """alpha_t * (1 - p_t)^gamma * cross-entropy; alpha_t, p_t and cross-entropy are linear in the target t."""
    if math.isnan(target):
        # The derivative by the target is not checked: where the loss is linear in it, it may be finite.
        return undefined([logit], [])
    smoothing = mpf(label_smoothing)
    soft = number(target) * (1 - smoothing) + smoothing / 2
    weight_yes, weight_no = (mpf(1), mpf(1)) if alpha is None else (mpf(alpha), 1 - mpf(alpha))
    weight = weight_yes * soft + weight_no * (1 - soft)
    if math.isnan(logit):
        # Weight 0 excludes the element, whatever the logit.
        return undefined([logit], [target]) if weight else Exact(ZERO, (sum_of([]),))
    yes, no = _sigmoid(logit), _sigmoid(-logit)
    cost_yes, cost_no = _softplus(-logit), _softplus(logit)
    cost = _product(soft, cost_yes) + _product(1 - soft, cost_no)
    missed = soft * no + (1 - soft) * yes
    focus = missed ** mpf(gamma)
    # At an infinite logit p (1 - p) * cost tends to 0.
    steepness = mpf(gamma) * focus / missed * _product(yes * no, cost) if missed else ZERO
    by_logit = sum_of(
        weight * term
        for term in (
            -focus * soft * no,
            focus * (1 - soft) * yes,
            -steepness * soft,
            steepness * (1 - soft),
        )
    )
    value = _product(weight * focus, cost)
    # At an infinite logit the derivative by the target is not checked.
    if math.isinf(logit):
        return Exact(value, (by_logit,))
    curvature = mpf(gamma) * focus / missed * cost
    by_soft = (() if alpha is None else (weight_yes * focus * cost, -weight_no * focus * cost)) + (
        weight * focus * cost_yes,
        -weight * focus * cost_no,
        weight * curvature * no,
        -weight * curvature * yes,
    )
    by_target = sum_of((1 - smoothing) * term for term in by_soft)
    return Exact(value, (by_logit,), (by_target,))


def cross_entropy(
    logits: Sequence[float],
    target: int | Sequence[float],
    class_weight: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> Exact:
    """sum over classes of weight_c * t_c * -log p_c, the targets t smoothed toward 1 / C."""
    classes = len(logits)
    if any(math.isnan(logit) for logit in logits):
        return undefined(logits, [] if isinstance(target, int) else target)
    weights = [mpf(weight) for weight in class_weight or [1.0] * classes]
    smoothing = mpf(label_smoothing)
    targets = _one_hot(target, classes) if isinstance(target, int) else [number(t) for t in target]
    parts = [
        weight * (soft * (1 - smoothing) + smoothing / classes) for weight, soft in zip(weights, targets, strict=True)
    ]
    needed = range(classes) if not isinstance(target, int) or smoothing else (target,)
    present, missed = _softmax(logits)
    costs = {c: _negative_log(present[c], missed[c]) for c in needed}
    total = sum(parts, ZERO)
    if isinstance(target, int) and not smoothing:
        terms = [((total - parts[c]) * present[c], -parts[c] * missed[c]) for c in range(classes)]
    else:
        # With several target classes p - t cancels in any implementation.
        terms = [(total * present[c], -parts[c]) for c in range(classes)]
    by_logit = tuple(sum_of(pair) for pair in terms)
    by_target = (
        ()
        if isinstance(target, int) or not all_finite(logits)
        else tuple(sum_of([weights[c] * (1 - smoothing) * costs[c]]) for c in range(classes))
    )
    return Exact(sum((_product(parts[c], costs[c]) for c in needed), ZERO), by_logit, by_target)


def softmax_focal(
    logits: Sequence[float],
    target: int,
    gamma: float = 2.0,
    class_weight: Sequence[float] | None = None,
    poly: float = 0.0,
) -> Exact:
    """weight_t * (1 - p_t)^gamma * (-log p_t + poly * (1 - p_t))."""
    if any(math.isnan(logit) for logit in logits):
        return undefined(logits, [])
    weight = mpf(1) if class_weight is None else mpf(class_weight[target])
    present, missed = _softmax(logits)
    rest = missed[target]
    cost = _poly_cost(present[target], rest, poly)
    focus = rest ** mpf(gamma)
    steepness = mpf(gamma) * focus / rest * _product(present[target], cost) if rest else ZERO
    rate = 1 + poly - poly * rest
    by_logit = tuple(
        sum_of([-weight * focus * rate * rest, -weight * steepness * rest])
        if c == target
        else sum_of([weight * focus * rate * present[c], weight * steepness * present[c]])
        for c in range(len(logits))
    )
    return Exact(_product(weight * focus, cost), by_logit)


def adjusted_softmax_focal(
    logits: Sequence[float],
    target: int,
    gamma: float = 2.0,
    class_weight: Sequence[float] | None = None,
    poly: float = 0.0,
    logit_offset: Sequence[float] | None = None,
    margin: Sequence[float] | None = None,
) -> Exact:
    """`softmax_focal` of logits plus offsets, minus the margin of the target's class."""
    return softmax_focal(prepared(logits, target, logit_offset, margin), target, gamma, class_weight, poly)


def distribution_focal(logits: Sequence[float], value: float, bins: Sequence[float] | None = None) -> Exact:
    """The value of the definition; the derivatives are those of cross-entropy with two target classes."""
    if any(map(math.isnan, (*logits, value))):
        return undefined(logits, [])
    first, fraction = place(number(value), [number(v) for v in bins or range(len(logits))])
    shares = {first: 1 - fraction, first + 1: fraction}
    present, missed = _softmax(logits)
    by_logit = tuple(
        sum_of([(1 - shares[c]) * present[c], -shares[c] * missed[c]]) if c in shares else sum_of([present[c]])
        for c in range(len(logits))
    )
    costs = {c: _negative_log(present[c], missed[c]) for c in shares}
    return Exact(sum((_product(share, costs[c]) for c, share in shares.items()), ZERO), by_logit)


def _product(weight: mpf, cost: mpf) -> mpf:
    """Weight 0 excludes the cost, even if it is infinite."""
    return weight * cost if weight else ZERO


def _one_hot(target: int, classes: int) -> list[mpf]:
    return [mpf(c == target) for c in range(classes)]


def _sigmoid(logit: float) -> mpf:
    return 1 / (1 + exp(-number(logit))) if math.isfinite(logit) else mpf(logit > 0)


def _softplus(logit: float) -> mpf:
    if math.isinf(logit):
        return inf if logit > 0 else ZERO
    return max(number(logit), ZERO) + log1p(exp(-abs(number(logit))))


def _softmax(logits: Sequence[float]) -> tuple[list[mpf], list[mpf]]:
    """The probability of every class, and the sum of the others, computed without cancellation."""
    top = max(logits)
    if math.isinf(top):
        parts = [mpf(logit == top) for logit in logits]
    else:
        parts = [exp(number(logit) - number(top)) for logit in logits]
    first = logits.index(top)
    total = sum(parts, ZERO)
    without_first = sum((part for c, part in enumerate(parts) if c != first), ZERO)
    missed = [without_first if c == first else total - part for c, part in enumerate(parts)]
    return [part / total for part in parts], [part / total for part in missed]


def _poly_cost(present: mpf, missed: mpf, poly: float) -> mpf:
    """-log p_t + poly * (1 - p_t), with more digits where both terms nearly cancel."""
    if not poly or 2 * missed > 1 or not missed:
        return _negative_log(present, missed) + poly * missed
    with mp.workdps(mp.dps + min(400, -int(log10(missed)))):
        cost = poly * missed - log1p(-missed)
    return +cost


def _negative_log(present: mpf, missed: mpf) -> mpf:
    """-log p_t as log1p((1 - p_t) / p_t), which keeps the digits of a p_t near 1."""
    return log1p(missed / present) if present else inf
