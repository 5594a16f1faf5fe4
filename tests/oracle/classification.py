"""The exact answers of the classification losses, for one logit or one row of logits."""

import math
from collections.abc import Sequence

from mpmath import exp, inf, log1p, mpf

from tests.oracle.answer import ZERO, Answer, all_finite, number, sum_of, undefined


def binary_cross_entropy(logit: float, target: float, label_smoothing: float = 0.0) -> Answer:
    return sigmoid_focal(logit, target, alpha=None, gamma=0.0, label_smoothing=label_smoothing)


def balanced_cross_entropy(logit: float, target: float, alpha: float = 0.25, label_smoothing: float = 0.0) -> Answer:
    return sigmoid_focal(logit, target, alpha=alpha, gamma=0.0, label_smoothing=label_smoothing)


def sigmoid_focal(
    logit: float,
    target: float,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    label_smoothing: float = 0.0,
) -> Answer:
    """alpha_t * (1 - p_t)^gamma * cross-entropy, each linear in the target t but for the power."""
    if math.isnan(target):
        # A loss that is linear in its target may keep its rate by it.
        return undefined([logit], [])
    smoothing = mpf(label_smoothing)
    share = number(target) * (1 - smoothing) + smoothing / 2
    weight_yes, weight_no = (mpf(1), mpf(1)) if alpha is None else (mpf(alpha), 1 - mpf(alpha))
    weight = weight_yes * share + weight_no * (1 - share)
    if math.isnan(logit):
        # Weight zero means absent, whatever the logit.
        return undefined([logit], [target]) if weight else Answer(ZERO, (sum_of([]),))
    yes, no = _sigmoid(logit), _sigmoid(-logit)
    cost_yes, cost_no = _softplus(-logit), _softplus(logit)
    cost = _product(share, cost_yes) + _product(1 - share, cost_no)
    missed = share * no + (1 - share) * yes
    focus = missed ** mpf(gamma)
    # At an infinite logit p (1 - p) * cost tends to 0.
    steepness = mpf(gamma) * focus / missed * _product(yes * no, cost) if missed else ZERO
    by_logit = sum_of(
        weight * term
        for term in (
            -focus * share * no,
            focus * (1 - share) * yes,
            -steepness * share,
            steepness * (1 - share),
        )
    )
    value = _product(weight * focus, cost)
    # An infinite logit has no rate by its target to hold anyone to.
    if math.isinf(logit):
        return Answer(value, (by_logit,))
    curvature = mpf(gamma) * focus / missed * cost
    by_share = (() if alpha is None else (weight_yes * focus * cost, -weight_no * focus * cost)) + (
        weight * focus * cost_yes,
        -weight * focus * cost_no,
        weight * curvature * no,
        -weight * curvature * yes,
    )
    by_target = sum_of((1 - smoothing) * term for term in by_share)
    return Answer(value, (by_logit,), (by_target,))


def cross_entropy(
    logits: Sequence[float],
    target: int | Sequence[float],
    class_weight: Sequence[float] | None = None,
    label_smoothing: float = 0.0,
) -> Answer:
    """sum over classes of weight_c * t_c * -log p_c, the targets t smoothed toward 1 / C."""
    classes = len(logits)
    if any(math.isnan(logit) for logit in logits):
        return undefined(logits, [] if isinstance(target, int) else target)
    weights = [mpf(weight) for weight in class_weight or [1.0] * classes]
    smoothing = mpf(label_smoothing)
    wanted = _one_hot(target, classes) if isinstance(target, int) else [number(t) for t in target]
    parts = [
        weight * (share * (1 - smoothing) + smoothing / classes) for weight, share in zip(weights, wanted, strict=True)
    ]
    needed = range(classes) if not isinstance(target, int) or smoothing else (target,)
    present, missed = _softmax(logits)
    costs = {c: _negative_log(present[c], missed[c]) for c in needed}
    total = sum(parts, ZERO)
    if isinstance(target, int) and not smoothing:
        pulls = [((total - parts[c]) * present[c], -parts[c] * missed[c]) for c in range(classes)]
    else:
        # Between many wanted classes p - t truly cancels.
        pulls = [(total * present[c], -parts[c]) for c in range(classes)]
    by_logit = tuple(sum_of(pull) for pull in pulls)
    by_target = (
        ()
        if isinstance(target, int) or not all_finite(logits)
        else tuple(sum_of([weights[c] * (1 - smoothing) * costs[c]]) for c in range(classes))
    )
    return Answer(sum((_product(parts[c], costs[c]) for c in needed), ZERO), by_logit, by_target)


def softmax_focal(
    logits: Sequence[float],
    target: int,
    gamma: float = 2.0,
    class_weight: Sequence[float] | None = None,
) -> Answer:
    """weight_t * (1 - p_t)^gamma * -log p_t."""
    if any(math.isnan(logit) for logit in logits):
        return undefined(logits, [])
    weight = mpf(1) if class_weight is None else mpf(class_weight[target])
    present, missed = _softmax(logits)
    cost, rest = _negative_log(present[target], missed[target]), missed[target]
    focus = rest ** mpf(gamma)
    steepness = mpf(gamma) * focus / rest * _product(present[target], cost) if rest else ZERO
    by_logit = tuple(
        sum_of([-weight * focus * rest, -weight * steepness * rest])
        if c == target
        else sum_of([weight * focus * present[c], weight * steepness * present[c]])
        for c in range(len(logits))
    )
    return Answer(_product(weight * focus, cost), by_logit)


def _product(share: mpf, cost: mpf) -> mpf:
    """Weight zero means absent, even where the cost is infinite."""
    return share * cost if share else ZERO


def _one_hot(target: int, classes: int) -> list[mpf]:
    return [mpf(c == target) for c in range(classes)]


def _sigmoid(logit: float) -> mpf:
    return 1 / (1 + exp(-number(logit))) if math.isfinite(logit) else mpf(logit > 0)


def _softplus(logit: float) -> mpf:
    if math.isinf(logit):
        return inf if logit > 0 else ZERO
    return max(number(logit), ZERO) + log1p(exp(-abs(number(logit))))


def _softmax(logits: Sequence[float]) -> tuple[list[mpf], list[mpf]]:
    """Every class's share, and what all the others share, summed apart from it."""
    top = max(logits)
    if math.isinf(top):
        parts = [mpf(logit == top) for logit in logits]
    else:
        parts = [exp(number(logit) - number(top)) for logit in logits]
    first = logits.index(top)
    total = sum(parts, ZERO)
    beside_first = sum((part for c, part in enumerate(parts) if c != first), ZERO)
    missed = [beside_first if c == first else total - part for c, part in enumerate(parts)]
    return [part / total for part in parts], [part / total for part in missed]


def _negative_log(present: mpf, missed: mpf) -> mpf:
    """-log p_t as log(1 + the others over it), which keeps a p_t next to 1."""
    return log1p(missed / present) if present else inf
