"""The exact answers of the regression losses."""

import math

from mpmath import mpf

from tests.oracle.answer import Answer, between, sum_of, undefined


def l1(pred: float, target: float) -> Answer:
    return smooth_l1(pred, target, beta=0.0)


def l2(pred: float, target: float) -> Answer:
    if math.isnan(pred) or math.isnan(target):
        return undefined([pred], [target])
    gap = mpf(pred) - mpf(target)
    return Answer(gap * gap, (sum_of([2 * gap]),), (sum_of([-2 * gap]),))


def smooth_l1(pred: float, target: float, beta: float = 1.0) -> Answer:
    """d^2 / (2 beta) for |d| < beta, else |d| - beta / 2."""
    if math.isnan(pred) or math.isnan(target):
        return undefined([pred], [target])
    gap, width = mpf(pred) - mpf(target), mpf(beta)
    if abs(gap) < width:
        return Answer(gap * gap / (2 * width), (sum_of([gap / width]),), (sum_of([-gap / width]),))
    value = abs(gap) - width / 2
    if gap == 0:
        return Answer(value, (between(mpf(-1), mpf(1)),), (between(mpf(-1), mpf(1)),))
    side = mpf(1 if gap > 0 else -1)
    return Answer(value, (sum_of([side]),), (sum_of([-side]),))
