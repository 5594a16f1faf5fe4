"""Losses of the difference d of two numbers."""

from __future__ import annotations

from typing import Any

from mpmath import cosh, exp, log, log1p, mpf, sqrt

from detloss.auditing.definitions.exact_arithmetic import definition


@definition
def charbonnier(pred: Any, target: Any, delta: float = 1.0) -> mpf:
    """sqrt(d^2 + delta^2) - delta: Charbonnier et al. (1994); delta times it is the pseudo-Huber loss."""
    d, delta = pred - target, mpf(delta)
    return sqrt(d**2 + delta**2) - delta


@definition
def balanced_l1(pred: Any, target: Any, alpha: float = 0.5, gamma: float = 1.5, beta: float = 1.0) -> mpf:
    """Pang et al., Libra R-CNN (2019), for differences in units of beta: beta times the loss of d / beta."""
    alpha, gamma, beta = mpf(alpha), mpf(gamma), mpf(beta)
    d = abs(pred - target) / beta
    b = exp(gamma / alpha) - 1
    if d < 1:
        return beta * (alpha / b * (b * d + 1) * log1p(b * d) - alpha * d)
    constant = alpha / b * (b + 1) * log(b + 1) - alpha - gamma
    return beta * (gamma * d + constant)


@definition
def log_cosh(pred: Any, target: Any) -> mpf:
    """log cosh d."""
    d = pred - target
    return log(cosh(d)) if abs(d) < 1 else abs(d) + log1p(exp(-2 * abs(d))) - log(mpf(2))
