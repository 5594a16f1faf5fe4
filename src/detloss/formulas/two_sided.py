"""Losses of logits of independent binary classes with a label and a quality in [0, 1], both constant.

All are one formula, weight |t - p|^exponent BCE(x; t). Negatives have the target t = 0.

                             t of positives                 weight, exponent      of negatives
    quality focal            q                              1, beta               1, beta
    varifocal                q                              q, 0                  alpha, gamma
    matchability-aware       q^gamma                        1, 0                  alpha, gamma
    IoU-aware cross-entropy  max(p^alpha q^(1-alpha), .01)  1, 0                  1, gamma
    heatmap focal            1                              1, alpha              (1 - q)^beta, alpha
    asymmetric               1                              1, positive_gamma     1, negative_gamma

The quality q is `positive` times `quality`: one of them is 1, or the entry is a negative, whose `quality` may be NaN.
"""

from typing import Any, NamedTuple

from detloss.formulas.elementwise import binary_cross_entropy, unnormalized_probabilities

LOWEST_TARGET, LOG_LOWEST_TARGET = 0.01, -4.605170185988091  # of IoU-aware cross-entropy


class Entropy(NamedTuple):
    """Cross-entropy of a soft target t, its slope p - t, |p - t|, and the loss times the slope of log |p - t|."""

    loss: Any
    slope: Any
    gap: Any
    growth: Any


def soft_entropy(m, logit, target, rest):
    """Cross-entropy of a target in [0, 1]; `rest` is 1 - target."""
    p, q, tail = unnormalized_probabilities(m, logit)
    nll, slope, _ = binary_cross_entropy(m, logit, target, rest, 1.0)
    growth = m.weighted(m.quotient(tail, (rest * p - target * q) * (1.0 + tail)), nll)
    return Entropy(nll, slope, m.absolute(slope), growth)


def focused(m, entropy, factor, exponent):
    """The loss with a factor that contains |p - t|^exponent."""
    return m.weighted(factor, entropy.loss), m.weighted(factor, entropy.slope + exponent * entropy.growth), 0.0


def weighted_entropy(m, entropy, factor):
    """The loss with a constant factor."""
    return m.weighted(factor, entropy.loss), m.weighted(factor, entropy.slope), 0.0


def quality_focal(m, logit, positive, negative, keep, quality, beta):
    """Li et al., Generalized Focal Loss (2020), eq. 2."""
    target = m.weighted(positive, quality)
    entropy = soft_entropy(m, logit, target, 1.0 - target)
    return focused(m, entropy, m.power(entropy.gap, beta), beta)


def varifocal(m, logit, positive, negative, keep, quality, alpha, gamma):
    """Zhang et al., VarifocalNet (2021), eq. 2: a match of quality 0 is a negative."""
    target = m.weighted(positive, quality)
    entropy = soft_entropy(m, logit, target, 1.0 - target)
    label = target > 0.0
    factor = m.where(label, target, alpha * m.power(entropy.gap, gamma))
    return focused(m, entropy, factor, m.where(label, 0.0, gamma))


def varifocal_with_constant_focus(m, logit, positive, negative, keep, quality, alpha, gamma):
    """Varifocal loss as RT-DETR and D-FINE differentiate it: p^gamma of negatives is constant."""
    target = m.weighted(positive, quality)
    entropy = soft_entropy(m, logit, target, 1.0 - target)
    focus = m.constant(m.power(entropy.gap, gamma))
    return weighted_entropy(m, entropy, m.where(target > 0.0, target, alpha * focus))


def matchability_aware(m, logit, positive, negative, keep, quality, gamma, alpha):
    """Huang et al., DEIM (2025): p^gamma of negatives is constant."""
    label, score = positive > 0.0, m.weighted(positive, quality)
    p, _, tail = unnormalized_probabilities(m, logit)
    rest = -m.expm1(m.weighted(gamma, m.log(m.where(label, score, 1.0))))
    power = m.constant(m.power(m.where(label, score, p / (1.0 + tail)), gamma))
    entropy = soft_entropy(m, logit, m.where(label, power, positive), m.where(label, rest, negative))
    return weighted_entropy(m, entropy, m.where(label, 1.0, alpha * power))


def iou_aware_cross_entropy(m, logit, positive, negative, keep, quality, alpha, gamma):
    """Cai et al., Align-DETR (2023), in the form of LW-DETR and RF-DETR."""
    label, score = positive > 0.0, m.weighted(positive, quality)
    _, _, tail = unnormalized_probabilities(m, logit)
    log_p = m.where(logit >= 0.0, 0.0, logit) - m.log1p_of_fraction(tail)
    log_quality = m.log(m.where(label, score, 1.0))
    log_target = m.constant(m.weighted(alpha, log_p) + m.weighted(1.0 - alpha, log_quality))
    is_low = log_target < LOG_LOWEST_TARGET
    target = m.where(is_low, LOWEST_TARGET, m.exp(log_target))
    rest = m.where(is_low, 1.0 - LOWEST_TARGET, -m.expm1(log_target))
    entropy = soft_entropy(m, logit, m.where(label, target, positive), m.where(label, rest, negative))
    factor = m.where(label, 1.0, m.power(entropy.gap, gamma))
    return focused(m, entropy, factor, m.where(label, 0.0, gamma))


def heatmap_focal(m, logit, positive, negative, keep, alpha, beta, peak):
    """Law and Deng, CornerNet (2018), eq. 1; Zhou et al., Objects as Points (2019)."""
    label = positive >= peak
    background = 0.0 * positive  # NaN of NaN
    entropy = soft_entropy(m, logit, m.where(label, 1.0, background), m.where(label, 0.0, 1.0 + background))
    factor = m.where(label, 1.0, m.power(negative, beta)) * m.power(entropy.gap, alpha)
    return focused(m, entropy, factor, alpha)


def asymmetric_without_margin(m, logit, positive, negative, keep, positive_gamma, negative_gamma):
    """Ridnik et al., Asymmetric Loss (2020), eq. 7, without a margin."""
    label = positive > 0.0
    entropy = soft_entropy(m, logit, m.where(label, 1.0, positive), m.where(label, 0.0, negative))
    factor = m.where(label, m.power(entropy.gap, positive_gamma), m.power(entropy.gap, negative_gamma))
    return focused(m, entropy, factor, m.where(label, positive_gamma, negative_gamma))


def asymmetric(m, logit, positive, negative, keep, positive_gamma, negative_gamma, margin, threshold, threshold_low):
    """Ridnik et al., eq. 7: max(p - margin, 0) in place of the probability of negatives.

    The threshold is the logit with p = margin, as the sum of two numbers. With s = logit - threshold,
    p - margin = (1 - margin) p (1 - exp(-s)).
    """
    label = positive > 0.0
    p, q, tail = unnormalized_probabilities(m, logit)
    total = 1.0 + tail
    entropy = soft_entropy(m, logit, m.where(label, 1.0, positive), m.where(label, 0.0, negative))
    excess = logit - threshold
    is_easy = excess <= threshold_low  # false for NaN
    share = (1.0 - margin) * -m.expm1(m.where(is_easy, 0.0, threshold_low - excess))
    rest = q + margin * total  # 1 - p + margin, times total
    nll = m.log1p(share * p / rest)
    focus = m.where(is_easy, 0.0, m.power(share * p / total, negative_gamma))
    growth = m.weighted(m.quotient(q, total * share), nll)
    by_logit = tail / (total * rest) + negative_gamma * growth
    focus_of_positive = m.power(entropy.gap, positive_gamma)
    by_logit_of_positive = entropy.slope + positive_gamma * entropy.growth
    factor = m.where(label, focus_of_positive, m.weighted(negative, focus))
    return (
        m.weighted(factor, m.where(label, entropy.loss, nll)),
        m.weighted(factor, m.where(label, by_logit_of_positive, by_logit)),
        0.0,
    )


QUALITY = (
    quality_focal,
    varifocal,
    varifocal_with_constant_focus,
    matchability_aware,
    iou_aware_cross_entropy,
    heatmap_focal,
    asymmetric,
    asymmetric_without_margin,
)
