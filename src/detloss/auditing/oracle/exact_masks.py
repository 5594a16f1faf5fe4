"""Exact results of the mask losses."""

import math
from collections.abc import Sequence

from mpmath import exp, inf, mpf

from detloss.auditing.definitions import mask_definitions as definitions
from detloss.auditing.oracle.exact import ZERO, Exact, sum_of, undefined


def dice(logits: Sequence[float], target: Sequence[float]) -> Exact:
    return tversky(logits, target, alpha=0.5, beta=0.5)


def tversky(logits: Sequence[float], target: Sequence[float], alpha: float = 0.3, beta: float = 0.7) -> Exact:
    """The value of the definition; the derivatives of 1 - s / n by the quotient rule, (s dn - n ds) / n^2."""
    if any(map(math.isnan, (*logits, *target))):
        return undefined(logits, target)
    chances = [(_sigmoid(mpf(x)), _sigmoid(-mpf(x))) for x in logits]
    masks = [mpf(t) for t in target]
    shared = sum((p * t for (p, _), t in zip(chances, masks)), ZERO)
    excess = sum((p * (1 - t) for (p, _), t in zip(chances, masks)), ZERO)
    missing = sum((q * t for (_, q), t in zip(chances, masks)), ZERO)
    errors = alpha * excess + beta * missing
    total = shared + errors
    if not total:
        nothing = sum_of([])
        return Exact(ZERO, (nothing,) * len(masks), (nothing,) * len(masks))
    by_shared, by_error = -errors / total**2, shared / total**2
    by_pred = tuple(
        sum_of(p * q * term for term in (t * by_shared, (1 - t) * alpha * by_error, -t * beta * by_error))
        for (p, q), t in zip(chances, masks)
    )
    by_target = tuple(sum_of([p * by_shared, -p * alpha * by_error, q * beta * by_error]) for p, q in chances)
    return Exact(definitions.tversky(logits, target, alpha, beta), by_pred, by_target)


def _sigmoid(logit: mpf) -> mpf:
    return mpf(logit > 0) if abs(logit) == inf else 1 / (1 + exp(-logit))
