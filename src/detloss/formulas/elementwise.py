"""Losses of single elements: regression errors, and logits of independent binary classes."""

# ------------------------------------------------------------------------------------------------- regression


def l1(m, pred, target):
    error = pred - target
    slope = m.sign(error)
    return m.absolute(error), slope, -slope


def l2(m, pred, target):
    error = pred - target
    return error * error, 2.0 * error, -2.0 * error


def smooth_l1(m, pred, target, beta):
    """Girshick, Fast R-CNN (2015), eq. 3, with the corner at beta."""
    error = pred - target
    size = m.absolute(error)
    quadratic = size < beta
    ratio = m.quotient(m.where(quadratic, error, 0.0), beta)
    slope = m.where(quadratic, ratio, m.sign(error))
    return m.where(quadratic, 0.5 * (ratio * error), size - 0.5 * beta), slope, -slope


REGRESSION = (l1, l2, smooth_l1)

# ---------------------------------------------------------------------------------------------- binary classes
# `positive` and `negative` are t and 1 - t after label smoothing; `keep` is 1 - label smoothing, their derivative by t.


def unnormalized_probabilities(m, logit):
    """p and 1 - p times 1 + tail, and tail = exp(-|logit|): nothing is subtracted from 1."""
    tail = m.exp(m.where(logit >= 0.0, -logit, logit))  # differentiable twice at 0, where |x| and relu are not
    return m.where(logit >= 0.0, 1.0, tail), m.where(logit >= 0.0, tail, 1.0), tail


def binary_cross_entropy(m, logit, positive, negative, keep):
    p, q, tail = unnormalized_probabilities(m, logit)
    below, above = m.where(logit >= 0.0, 0.0, -logit), m.where(logit >= 0.0, logit, 0.0)
    loss = m.log1p_of_fraction(tail) + m.weighted(positive, below) + m.weighted(negative, above)
    return loss, (negative * p - positive * q) / (1.0 + tail), -keep * logit


def balanced_cross_entropy(m, logit, positive, negative, keep, positive_weight, negative_weight):
    nll, d_logit, d_target = binary_cross_entropy(m, logit, positive, negative, keep)
    balance = positive_weight * positive + negative_weight * negative
    d_balance = m.weighted(keep * (positive_weight - negative_weight), nll)
    return m.weighted(balance, nll), m.weighted(balance, d_logit), m.weighted(balance, d_target) + d_balance


def sigmoid_focal(m, logit, positive, negative, keep, positive_weight, negative_weight, gamma):
    """Lin et al., Focal Loss (2017), eq. 5; `complement` is 1 - p_t of the paper."""
    p, q, tail = unnormalized_probabilities(m, logit)
    nll, d_logit, d_target = binary_cross_entropy(m, logit, positive, negative, keep)
    mixed, total = positive * q + negative * p, 1.0 + tail
    complement = mixed / total
    balance = positive_weight * positive + negative_weight * negative
    factor = m.weighted(balance, m.power(complement, gamma))
    by_complement = m.weighted(m.quotient(tail, mixed * total), nll)
    # The terms of d_target may cancel near the largest float: they are added as 64ths.
    part = 0.015625 * nll
    d_complement = gamma * (q - p) * keep * m.quotient(part, mixed)
    d_balance = m.weighted(keep * (positive_weight - negative_weight) * m.power(complement, gamma), part)
    d_factor = m.weighted(factor, 0.015625 * d_target) + m.weighted(factor, d_complement)
    return (
        m.weighted(factor, nll),
        m.weighted(factor, d_logit + gamma * (negative - positive) * by_complement),
        64.0 * (d_factor + d_balance),
    )


def poly_focal(m, logit, positive, negative, keep, positive_weight, negative_weight, gamma, poly):
    """Leng et al., PolyLoss (2022): focal loss plus poly (1 - p_t)^(gamma + 1), with the same weight alpha_t."""
    loss, d_logit, d_target = sigmoid_focal(m, logit, positive, negative, keep, positive_weight, negative_weight, gamma)
    p, q, tail = unnormalized_probabilities(m, logit)
    total = 1.0 + tail
    complement = (positive * q + negative * p) / total
    balance = positive_weight * positive + negative_weight * negative
    factor = m.power(complement, gamma)
    rate = (gamma + 1.0) * balance * factor
    d_balance = (positive_weight - negative_weight) * factor * complement
    return (
        loss + poly * (balance * factor * complement),
        d_logit + poly * (rate * (negative - positive) * (tail / (total * total))),
        d_target + poly * keep * (rate * ((q - p) / total) + d_balance),
    )


BINARY = (binary_cross_entropy, balanced_cross_entropy, sigmoid_focal, poly_focal)
