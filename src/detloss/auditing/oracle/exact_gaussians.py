"""Exact results of the Gaussian losses of rotated boxes, from their matrix definitions, in 160 digits.

Derivatives are central differences with steps that keep far more digits than are compared.
"""

from collections.abc import Callable, Sequence

from mpmath import cos, diag, exp, ldexp, log, matrix, mp, mpf, sin, sqrt

Row = Sequence[mpf]
Distance = Callable[[Row, Row], mpf]
DIGITS = 160
STEP = ldexp(1, -150)
NOISE = ldexp(1, -500)  # rounding error of a difference whose exact value is 0


def gaussian(row: Row, divisor: int) -> tuple[matrix, matrix, matrix]:
    """Mean, covariance and its square root; the variance along a side is its square over the divisor."""
    cx, cy, width, height, angle = row
    rotation = matrix([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    sides = [max(side, mpf(0)) for side in (width, height)]
    covariance = rotation * diag([side**2 / divisor for side in sides]) * rotation.T
    return matrix([cx, cy]), covariance, rotation * diag([side / sqrt(mpf(divisor)) for side in sides]) * rotation.T


def trace(square: matrix) -> mpf:
    return square[0, 0] + square[1, 1]


def determinant(square: matrix) -> mpf:
    return square[0, 0] * square[1, 1] - square[0, 1] * square[1, 0]


def inverse(square: matrix) -> matrix:
    return matrix([[square[1, 1], -square[0, 1]], [-square[1, 0], square[0, 0]]]) / determinant(square)


def area(row: Row) -> mpf:
    return max(row[2], mpf(0)) * max(row[3], mpf(0))


def wasserstein(pred: Row, target: Row) -> mpf:
    """|c - c'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2)."""
    (mean, covariance, root), (other_mean, other_covariance, _) = gaussian(pred, 4), gaussian(target, 4)
    shift = mean - other_mean
    product = root * other_covariance * root
    # The eigenvalues p, q of the product have sqrt(p) + sqrt(q) = sqrt(p + q + 2 sqrt(pq)); pq is an exact square.
    cross = sqrt(trace(product) + 2 * area(pred) * area(target) / 16)
    return (shift.T * shift)[0] + trace(covariance) + trace(other_covariance) - 2 * cross


def relative_wasserstein(pred: Row, target: Row) -> mpf:
    return wasserstein(pred, target) / sqrt(area(pred) * area(target))


def kullback_leibler(pred: Row, target: Row) -> mpf:
    """Kullback-Leibler divergence of the prediction from the target."""
    (mean, covariance, _), (other_mean, other_covariance, _) = gaussian(pred, 4), gaussian(target, 4)
    shift, precision = mean - other_mean, inverse(other_covariance)
    ratio = determinant(other_covariance) / determinant(covariance)
    return ((shift.T * precision * shift)[0] + trace(precision * covariance) + log(ratio)) / 2 - 1


def reverse_kullback_leibler(pred: Row, target: Row) -> mpf:
    return kullback_leibler(target, pred)


def bhattacharyya(pred: Row, target: Row) -> mpf:
    """Bhattacharyya distance of ProbIoU, with the covariance of a uniform distribution over the box."""
    (mean, covariance, _), (other_mean, other_covariance, _) = gaussian(pred, 12), gaussian(target, 12)
    shift, middle = mean - other_mean, (covariance + other_covariance) / 2
    ratio = determinant(middle) / sqrt(determinant(covariance) * determinant(other_covariance))
    return (shift.T * inverse(middle) * shift)[0] / 8 + log(ratio) / 2


FORMS: dict[str, Callable[[mpf], mpf]] = {"linear": lambda d: d, "log": lambda d: log(1 + d), "sqrt": sqrt}


def saturated(distance: Distance, form: str, tau: float) -> Distance:
    """1 - 1 / (tau + f(D))."""
    return lambda pred, target: 1 - 1 / (mpf(tau) + FORMS[form](between(distance, pred, target)))


def hellinger(pred: Row, target: Row) -> mpf:
    return sqrt(1 - exp(-between(bhattacharyya, pred, target)))


def between(distance: Distance, pred: Row, target: Row) -> mpf:
    """The distance, or 0 where the boxes are equal or rounding made it negative."""
    return mpf(0) if list(pred) == list(target) else max(distance(pred, target), mpf(0))


def loss_and_gradient(loss: Distance, pred: Sequence[float], target: Sequence[float]) -> tuple[mpf, list[mpf]]:
    """The loss, and its derivatives by the five numbers of both boxes; one-sided for sides of 0."""
    with mp.workdps(DIGITS):
        numbers = [mpf(x) for x in (*pred, *target)]
        value = loss(numbers[:5], numbers[5:])
        derivatives = []
        for k, number in enumerate(numbers):
            step = STEP * (unit(numbers) if k % 5 != 4 else 1)
            low, high = list(numbers), list(numbers)
            low[k] = number if k % 5 in (2, 3) and number < step else number - step
            high[k] = number + step
            change = loss(high[:5], high[5:]) - loss(low[:5], low[5:])
            derivatives.append(change / (high[k] - low[k]) if abs(change) > NOISE * max(value, 1) else mpf(0))
        return value, derivatives


def unseen(pred: Sequence[float], target: Sequence[float]) -> float:
    """The largest derivative that is not distinguishable from 0 in these digits."""
    return float(2 * NOISE / (STEP * min(1, unit([mpf(x) for x in (*pred, *target)]))))


def unit(numbers: Row) -> mpf:
    """The smallest positive length of a pair."""
    lengths = [abs(numbers[k]) for k in (2, 3, 7, 8)] + [abs(numbers[k] - numbers[5 + k]) for k in (0, 1)]
    return min([length for length in lengths if length] or [mpf(1)])
