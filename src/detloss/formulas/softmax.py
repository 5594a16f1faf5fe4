"""Losses of the target's class under a softmax: functions of nll = -log p, with p and its complement 1 - p."""


def cross_entropy(m, nll, probability, complement):
    return nll, 1.0


def softmax_focal(m, nll, probability, complement, gamma):
    """Lin et al., Focal Loss (2017), eq. 4, over a softmax."""
    factor = m.power(complement, gamma)
    ratio = m.weighted(gamma * probability, m.quotient(nll, complement))
    return m.weighted(factor, nll), factor * (ratio + 1.0)


SOFTMAX = (cross_entropy, softmax_focal)
