"""Losses of a distribution over bins."""

from __future__ import annotations

from typing import Any

from mpmath import log, mpf

from detloss.auditing.definitions.exact_arithmetic import Row, definition, held
from detloss.auditing.definitions.softmax_definitions import negative_log_likelihood


def place(value: Any, bins: Row) -> tuple[int, mpf]:
    """The last bin at or below the value, except the last of all, and the fraction of the way to the next one."""
    value = min(max(value, bins[0]), bins[-1])
    first = max(i for i in range(len(bins) - 1) if bins[i] <= value)
    return first, (value - bins[first]) / (bins[first + 1] - bins[first])


@definition
def distribution_focal(logits: Row, value: Any, bins: Row | None = None, excess: bool = False) -> mpf:
    """Li et al., Generalized Focal Loss (2020), distribution focal loss; ``excess`` subtracts its least value."""
    bins = [mpf(bin) for bin in bins] if bins else [mpf(i) for i in range(len(logits))]
    first, fraction = held(place(value, bins))
    costs = (negative_log_likelihood(logits, first), negative_log_likelihood(logits, first + 1))
    weights = (1 - fraction, fraction)
    least = -sum(weight * log(weight) for weight in weights if weight)
    total = sum((weight * cost for weight, cost in zip(weights, costs) if weight), mpf(0))
    return total - least if excess else total


@definition
def fine_grained_bins(count: int = 32, up: float = 0.5, scale: float = 4.0) -> list[mpf]:
    """Peng et al., D-FINE (2024): count + 1 values, symmetric about 0, in geometric steps except the outermost."""
    count = int(count)
    reach = mpf(up) * mpf(scale)
    step = (reach + 1) ** (mpf(2) / (count - 2))
    right = [step**k - 1 for k in range(1, count // 2)] + [2 * reach]
    return [-value for value in reversed(right)] + [mpf(0)] + right
