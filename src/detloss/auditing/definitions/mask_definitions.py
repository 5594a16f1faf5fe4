"""Losses of a row of mask logits against a row of fractions of foreground."""

from __future__ import annotations

from mpmath import mpf

from detloss.auditing.definitions.exact_arithmetic import Row, definition, quotient, sigmoid


@definition
def tversky(logits: Row, target: Row, alpha: float = 0.3, beta: float = 0.7) -> mpf:
    """Salehi et al., Tversky loss (2017): alpha weighs false positives, beta false negatives; 0 / 0 is 0."""
    shared = sum(sigmoid(x) * t for x, t in zip(logits, target))
    false_positives = sum(sigmoid(x) * (1 - t) for x, t in zip(logits, target))
    false_negatives = sum(sigmoid(-x) * t for x, t in zip(logits, target))
    errors = mpf(alpha) * false_positives + mpf(beta) * false_negatives
    return quotient(errors, shared + errors)  # 1 - shared / (shared + errors)


@definition
def dice(logits: Row, target: Row) -> mpf:
    """1 - 2 shared / (sum of probabilities + sum of targets)."""
    half = mpf(1) / 2
    return tversky(logits, target, half, half)
