"""Losses of masks: rows of logits, reduced to the sums that two overlapping masks have.

With the probability p of an element and its target t, the sums are those of p t (shared), p (1 - t) (excess) and
(1 - p) t (missing). A loss is a function of these three; its derivatives are returned times the total, because the
inverse of a tiny total is infinite.

If no missing part counts, the loss depends on ratios of probabilities alone, which must not underflow: if all logits of
such a row are very low, a constant is added to them.
"""

from detloss.formulas.elementwise import unnormalized_probabilities


def raised_logit(m, logit, highest, missing, top):
    """The logit, shifted so that the highest of its row is `top` if that is below 2 top and `missing` is 0.

    The probability of a logit below `top` is its exponential. All differences of logits below 2 top are exact, as far
    as their exponentials are normal numbers, for the top of -32 in float32 and -256 in float64.
    """
    is_low = (missing == 0.0) & (highest < 2.0 * top) & (highest - highest == 0.0)
    return m.where(is_low, (logit - highest) + top, logit)


def mask_parts(m, logit, target):
    """The contributions of an element to the three sums."""
    p, q, tail = unnormalized_probabilities(m, logit)
    p, q = p / (1.0 + tail), q / (1.0 + tail)
    return p * target, p * (1.0 - target), q * target


def mask_derivatives(m, logit, target, total, by_shared, by_excess, by_missing):
    """The derivatives of a loss by the logit and the target of an element, from those by the sums, times the total."""
    p, q, tail = unnormalized_probabilities(m, logit)
    p, q = p / (1.0 + tail), q / (1.0 + tail)
    d_p = target * (by_shared - by_missing) + (1.0 - target) * by_excess
    d_target = m.quotient(p, total) * (by_shared - by_excess) + m.quotient(q, total) * by_missing
    return m.quotient(p * q, total) * d_p, d_target


def tversky(m, shared, excess, missing, alpha, beta):
    """Salehi et al., Tversky Loss (2017), eq. 4 without its smoothing; alpha = beta = 1/2 is Dice, 1 is 1 - IoU."""
    mismatch = alpha * excess + beta * missing
    total = shared + mismatch
    loss, share = m.quotient(mismatch, total), m.quotient(shared, total)
    return loss, total, -loss, alpha * share, beta * share


MASKS = (tversky,)
