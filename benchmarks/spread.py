"""What rounds of a contest say together."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch


@dataclass(frozen=True)
class Spread:
    """The median of rounds, and what a tenth of them stay below and above."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarise at least one value."""
        shares = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
        low, median, high = torch.tensor(values, dtype=torch.float64).quantile(shares)
        return cls(median.item(), low.item(), high.item())

    @classmethod
    def of_ratios(cls, numerators: Sequence[float], denominators: Sequence[float]) -> Self:
        """Summarise the ratios round by round; who rests early is compared over the rounds that it took part in."""
        return cls.of([numerator / denominator for numerator, denominator in zip(numerators, denominators)])

    def times(self, factor: float) -> Self:
        """The same spread in another unit."""
        return type(self)(self.median * factor, self.low * factor, self.high * factor)

    def text(self, unit: str = "") -> str:
        """The median, and in brackets what it varies between."""
        if self.low == self.high:
            return f"{figure(self.median)}{unit}"
        return f"{figure(self.median)}{unit} ({figure(self.low)}–{figure(self.high)})"


def figure(value: float) -> str:
    """Three digits, more before the point if there are more, and no exponent."""
    decimals = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"
