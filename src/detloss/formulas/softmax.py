"""Losses of the target's class under a softmax: functions of nll = -log p, with p and its complement 1 - p."""

import functools

ODD = range(35, 1, -2)  # terms of the series of atanh, enough for arguments up to 1/3


def cross_entropy(m, nll, probability, complement):
    return nll, 1.0


def softmax_focal(m, nll, probability, complement, gamma):
    """Lin et al., Focal Loss (2017), eq. 4, over a softmax."""
    factor = m.power(complement, gamma)
    ratio = m.weighted(gamma * probability, m.quotient(nll, complement))
    return m.weighted(factor, nll), factor * (ratio + 1.0)


def poly_softmax_focal(m, nll, probability, complement, gamma, leading):
    """Leng et al., PolyLoss (2022), Poly-1; `leading` is 1 + poly, the coefficient of 1 - p in the series of -log p."""
    total = leading * complement + tail(m, nll, complement)
    factor = m.power(complement, gamma)
    ratio = m.weighted(gamma * probability, m.quotient(total, complement))
    return m.weighted(factor, total), factor * (ratio + (leading * probability + complement))


def tail(m, nll, complement):
    """nll - (1 - p) >= 0: the series of -log p without its leading term, which would cancel for p near 1."""
    near = complement < 0.5
    small = m.where(near, complement, 0.0)
    third = small / (2.0 - small)  # nll = 2 atanh(third)
    square = third * third
    series = functools.reduce(lambda rest, odd: rest * square + 1.0 / odd, ODD, 0.0)
    return m.where(near, third * (small + 2.0 * (square * series)), nll - complement)


SOFTMAX = (cross_entropy, softmax_focal, poly_softmax_focal)
