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


def charbonnier(m, pred, target, delta):
    """sqrt(d^2 + delta^2) - delta from a right triangle with the legs d and delta: nothing cancels or overflows."""
    error = pred - target
    size = m.absolute(error)
    near = size < delta
    ratio = m.quotient(m.where(near, error, delta), m.where(near, delta, size))
    root = m.square_root(1.0 + ratio * ratio)  # the hypotenuse per longer leg
    opposite, adjacent = m.where(near, ratio, m.sign(error)), m.where(near, 1.0, ratio)
    slope = opposite / root
    return error * (opposite / (root + adjacent)), slope, -slope


# (atanh(s) - s) / s^3 as a polynomial in s^2, minimax for s up to 3/8.
ATANH = (
    0.333333333333333351,
    0.199999999999970292,
    0.142857142865570055,
    0.111111110181025067,
    0.0909091434016556484,
    0.0769213550536163798,
    0.0667016955896435561,
    0.0583694848897635695,
    0.0563619378312885594,
    0.0290843647510779027,
    0.0921347742489942481,
)


def mean_logarithm(m, x, logarithm):
    """The mean of log(1 + t) for t in [0, x], which is log(1 + x) - 1 + log(1 + x) / x and cancels for small x."""
    near = x < 1.2
    part = m.where(near, x, 0.0)
    s = part / (2.0 + part)
    square, series = s * s, ATANH[-1]
    for coefficient in reversed(ATANH[:-1]):
        series = series * square + coefficient
    return m.where(near, s + (1.0 + s) * (square * series), (logarithm - 1.0) + logarithm / m.where(near, 1.0, x))


def balanced_l1(m, pred, target, alpha, rate, beta):
    """Pang et al., Libra R-CNN (2019), with the corner at beta; the paper's b is `rate * beta`."""
    error = pred - target
    size = m.where(error >= 0.0, error, -error)  # differentiable twice at 0, where |x| is not
    inner = m.where(size >= beta, beta, size)
    logarithm = m.log1p(rate * inner)
    slope = alpha * logarithm
    beyond = m.absolute(0.5 * pred - 0.5 * target) - 0.5 * inner  # halved: the error may exceed the largest float
    loss = alpha * inner * mean_logarithm(m, rate * inner, logarithm) + 2.0 * slope * beyond
    d_pred = m.where(error >= 0.0, slope, -slope)
    return loss, d_pred, -d_pred


def log_cosh(m, pred, target):
    """log(1 + (cosh d - 1)) near 0, else |d| - log 2 + log(1 + exp(-2 |d|)); `tail` is exp(-|d|)."""
    error = pred - target
    size = m.where(error >= 0.0, error, -error)  # differentiable twice at 0, where |x| is not
    near = size < 1.0
    rest = -m.expm1(-size)
    tail = 1.0 - rest
    growth = m.where(near, 0.5 * (rest * rest) / m.where(near, tail, 1.0), tail * tail)
    slope = rest * (1.0 + tail) / (1.0 + tail * tail)
    d_pred = m.where(error >= 0.0, slope, -slope)
    return m.where(near, 0.0, size - 0.6931471805599453) + m.log1p_of_fraction(growth), d_pred, -d_pred


REGRESSION = (l1, l2, smooth_l1, charbonnier, balanced_l1, log_cosh)

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
