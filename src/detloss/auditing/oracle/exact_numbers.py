"""Exact results of the regression losses."""

import math
from collections.abc import Callable
from typing import Any

from mpmath import mpf

from detloss.auditing.definitions import number_definitions as definitions
from detloss.auditing.definitions.exact_arithmetic import gradient
from detloss.auditing.oracle.exact import ZERO, Exact, between, sum_of, undefined


def l1(pred: float, target: float) -> Exact:
    return smooth_l1(pred, target, beta=0.0)


def l2(pred: float, target: float) -> Exact:
    if math.isnan(pred) or math.isnan(target):
        return undefined([pred], [target])
    gap = mpf(pred) - mpf(target)
    return Exact(gap * gap, (sum_of([2 * gap]),), (sum_of([-2 * gap]),))


def smooth_l1(pred: float, target: float, beta: float = 1.0) -> Exact:
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2."""
    if math.isnan(pred) or math.isnan(target):
        return undefined([pred], [target])
    gap, width = mpf(pred) - mpf(target), mpf(beta)
    if abs(gap) < width:
        return Exact(gap * gap / (2 * width), (sum_of([gap / width]),), (sum_of([-gap / width]),))
    value = abs(gap) - width / 2
    if gap == 0:
        return Exact(value, (between(mpf(-1), mpf(1)),), (between(mpf(-1), mpf(1)),))
    side = mpf(1 if gap > 0 else -1)
    return Exact(value, (sum_of([side]),), (sum_of([-side]),))


def charbonnier(pred: float, target: float, delta: float = 1.0) -> Exact:
    return smooth(definitions.charbonnier, pred, target, delta=delta) if delta else l1(pred, target)


def balanced_l1(pred: float, target: float, **options: float) -> Exact:
    return smooth(definitions.balanced_l1, pred, target, **options)


def log_cosh(pred: float, target: float) -> Exact:
    return smooth(definitions.log_cosh, pred, target)


def smooth(definition: Callable[..., mpf], pred: float, target: float, **options: Any) -> Exact:
    """The results of a definition without kinks."""
    if math.isnan(pred) or math.isnan(target):
        return undefined([pred], [target])
    slope = ZERO if pred == target else gradient(definition, pred, target, **options)
    return Exact(definition(pred, target, **options), (sum_of([slope]),), (sum_of([-slope]),))
