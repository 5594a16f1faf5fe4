"""What two convex bodies have in common, as penalties want it."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor


class Slopes(NamedTuple):
    """The derivatives of a loss by the numbers of a `Meeting`, in its order."""

    size: Tensor
    other_size: Tensor
    shared: Tensor
    enclosure: Tensor
    distance: Tensor
    diagonal: Tensor
    sides: Tensor
    other_sides: Tensor


class Meeting(NamedTuple):
    """Measures of N pairs.

    Attributes:
        size: (N,) area or volume of the first bodies.
        other_size: Of the second ones.
        shared: Of their intersections.
        enclosure: Of what encloses both; 0 where nobody asks.
        distance: The squared distance of their centers; 0 where nobody asks.
        diagonal: The squared diagonal of what encloses both, 0 where nobody asks.
        alike: Whether both are the same points.
        sides: (N, 2) width and height; None where nobody asks.
        other_sides: Of the second ones.
        pull: Carries the derivatives of a loss back to both rows.
    """

    size: Tensor
    other_size: Tensor
    shared: Tensor
    enclosure: Tensor
    distance: Tensor
    diagonal: Tensor
    alike: Tensor
    sides: Tensor | None
    other_sides: Tensor | None
    pull: Callable[[Slopes], tuple[Tensor, Tensor]]
