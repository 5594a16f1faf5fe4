"""Exact results of the box losses of `tests.definitions`, by difference quotients in high precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from mpmath import mpf

from tests.definitions.arithmetic import gradient
from tests.oracle import boxes
from tests.oracle.exact import ZERO, Derivative, Exact, all_finite, number, undefined


def nothing(m: boxes.Measures) -> boxes.Part:
    """A base without overlap."""
    return boxes.Part(ZERO)


@dataclass(frozen=True)
class Defined:
    """A loss of `tests.definitions.boxes`.

    Attributes:
        definition: The loss of two boxes.
        base: A loss of `tests.oracle.boxes` with the same overlap: a derivative has at least its condition.
        options: The options of the definition; a sequence has one number per axis and is cut to the axes of the boxes.
    """

    definition: Callable[..., mpf]
    base: boxes.Loss = boxes.iou
    options: Mapping[str, Any] = field(default_factory=dict)

    def exact(self, pred: Sequence[float], target: Sequence[float], form: str = "xyxy") -> Exact:
        """The exact result of one pair of rows."""
        if not all_finite(pred, target):
            return undefined(pred, target)
        dims = len(pred) // 2
        options = {name: list(each)[:dims] if isinstance(each, tuple) else each for name, each in self.options.items()}
        maps = boxes.corner_map(form, dims)
        corners = [[number(edge) for edge in boxes.apply(maps, [Fraction(x) for x in row])] for row in (pred, target)]
        base = boxes.exact(self.base, pred, target, form)
        slopes = [
            by_entry(gradient(self.definition, *corners, by=k, **options), maps, own)
            for k, own in enumerate((base.by_pred, base.by_target))
        ]
        return Exact(self.definition(*corners, **options), slopes[0], slopes[1])


def by_entry(
    edges: Sequence[mpf], maps: Sequence[Sequence[Fraction]], base: Sequence[Derivative]
) -> tuple[Derivative, ...]:
    """The derivatives by the numbers of a row from those by its edges."""
    found = []
    for entry, own in enumerate(base):
        terms = [number(line[entry]) * edge for line, edge in zip(maps, edges, strict=True)]
        total = sum(terms, ZERO)
        condition = max(own.condition, *map(abs, terms), abs(total - own.low))
        found.append(Derivative(total, total, condition))
    return tuple(found)
