"""Losses of a row of logits with the class of its target."""

from __future__ import annotations

from mpmath import exp, log, log1p, mpf

from detloss.auditing.definitions.exact_arithmetic import Row, definition, named


def rest(logits: Row, target: int) -> mpf:
    """(1 - p) / p of the softmax probability p of a class."""
    return sum((exp(logit - logits[target]) for j, logit in enumerate(logits) if j != target), mpf(0))


def negative_log_likelihood(logits: Row, target: int) -> mpf:
    return log1p(rest(logits, target))


def prepared(logits: Row, target: int, offset: Row | None, margin: Row | None) -> list[mpf]:
    """The logits plus the offset of each class, minus the margin of the target class."""
    offset = offset or [0] * len(logits)
    margins = [margin[target] if margin and j == target else 0 for j in range(len(logits))]
    return [logit + mpf(o) - mpf(m) for logit, o, m in zip(logits, offset, margins)]


@definition
def cross_entropy(
    logits: Row, target: int, poly: float = 0.0, logit_offset: Row | None = None, margin: Row | None = None
) -> mpf:
    """-log p, and with ``poly`` + poly (1 - p): Leng et al., PolyLoss (2022)."""
    return softmax_focal(logits, target, 0, poly, logit_offset, margin)


@definition
def softmax_focal(
    logits: Row,
    target: int,
    gamma: float = 2.0,
    poly: float = 0.0,
    logit_offset: Row | None = None,
    margin: Row | None = None,
) -> mpf:
    """(1 - p)^gamma (-log p) + poly (1 - p)^(gamma + 1)."""
    row = prepared(logits, int(target), logit_offset, margin)
    others = rest(row, int(target))
    missed = others / (1 + others)
    focus = named(missed ** mpf(gamma) if gamma else mpf(1), "(1 - p_t)^gamma", constant=False)
    cost = log1p(others)
    return (focus * cost if focus else mpf(0)) + (mpf(poly) * focus * missed if poly else mpf(0))


@definition
def logit_offset_from_counts(counts: Row, tau: float = 1.0) -> list[mpf]:
    """Menon et al., Logit adjustment (2020): tau log(prior), counts at least 1; with tau 1 also balanced softmax."""
    counts = [max(count, mpf(1)) for count in counts]
    return [mpf(tau) * log(count / sum(counts)) for count in counts]


@definition
def margin_from_counts(counts: Row, largest: float = 0.5) -> list[mpf]:
    """Cao et al., LDAM (2019): margins proportional to n^(-1/4), the largest as given. Counts are at least 1."""
    margins = [max(count, mpf(1)) ** (-mpf(1) / 4) for count in counts]
    return [mpf(largest) * margin / max(margins) for margin in margins]
