"""Modifiers of the box losses: power (Alpha-IoU), interval (Focaler-IoU) and inner boxes (Inner-IoU)."""

from collections.abc import Callable
from typing import Any

from detloss.formulas.measures import Slopes
from detloss.formulas.terms import overlap

INNER_RATIO = 4  # the position of `inner` among the parameters
MOST_PARAMETERS = 7  # of a penalty: five of the modifiers and two of its own


class Modified:
    """A penalty with modifiers: the overlap loss has an interval, then a power, and every term has the same power.

    With `is_inner` the overlap loss, but no term, is that of the boxes scaled about their centers.
    """

    def __init__(self, penalty: Callable[..., Any], is_inner: bool) -> None:
        self.penalty = penalty
        self.is_inner = is_inner
        self.__name__ = f"modified_{penalty.__name__}"

    def __call__(self, m, pair, power=1.0, low=0.0, margin=0.0, width=1.0, inner=1.0, *parameters):
        """The penalty on a pair whose geometry scales the boxes by `inner`; the parameters of the penalty come last.

        The interval is from `low` to 1 - `margin`; its length is `width`.
        """

        def total(m, pair, *terms):
            difference = pair.inner_difference if self.is_inner else pair.symmetric_difference
            intersection = pair.inner_intersection if self.is_inner else pair.intersection
            loss, similarity, *slopes_of_overlap = overlap(m, difference, intersection, pair.distinct)
            loss, similarity, slope = in_interval(m, loss, similarity, low, margin, width)
            loss, by_power = power_loss(m, loss, similarity, power)
            names = ("inner_difference", "inner_intersection") if self.is_inner else Slopes._fields[:2]
            slopes = Slopes(**dict(zip(names, slopes_of_overlap))).times(slope * by_power)
            for value, slopes_of_term in terms:
                raised = raised_to(m, value, power)
                loss, slopes = loss + value * raised, slopes.plus(slopes_of_term.times(power * raised))
            return loss, 1.0 - loss, slopes

        return self.penalty(m, pair, *parameters, total=total)


def in_interval(m, loss, similarity, low, margin, width):
    """1 - IoU and IoU as fractions of an interval, within [0, 1], and the slope: Zhang, Zhang, Focaler-IoU (2024)."""
    above, below = m.quotient(loss - margin, width), m.quotient(similarity - low, width)
    loss = m.where(above > 1.0, 1.0, m.relu(above))
    # The interval from 0 to 1 has no ends: a box without area can grow.
    slope = m.where(width == 1.0, 1.0, m.where((above > 0.0) & (below > 0.0), m.inverse(width), 0.0))
    return loss, m.where(below > 1.0, 1.0, m.relu(below)), slope


def power_loss(m, loss, similarity, power):
    """1 - IoU^power from 1 - IoU and IoU, and its slope: He et al., Alpha-IoU (2021)."""
    raised, near = raised_to(m, similarity, power), similarity > 0.5
    value = m.where(near, -m.expm1(power * m.log1p(-m.where(near, loss, 0.0 * loss))), 1.0 - similarity * raised)
    return m.where(power == 1.0, loss, value), power * raised


def raised_to(m, value, power):
    """The factor value^(power - 1) from a value to its power; 0 at 0, unless the power is 1."""
    at_zero = m.where(power == 1.0, 1.0, 0.0)
    return m.where(value == 0.0, at_zero, m.power(m.where(value == 0.0, 1.0, value), power - 1.0))
