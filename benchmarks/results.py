"""Results: median and percentiles of the rounds, and all measurements of one case at one size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch

from benchmarks.cases import Case
from benchmarks.inputs import Size


@dataclass(frozen=True)
class Summary:
    """Median and 10th and 90th percentile of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarize at least one value."""
        fractions = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
        low, median, high = torch.tensor(values, dtype=torch.float64).quantile(fractions)
        return cls(median.item(), low.item(), high.item())

    @classmethod
    def of_ratios(cls, numerators: Sequence[float], denominators: Sequence[float]) -> Self:
        """Summarize the ratios of the rounds that both have."""
        return cls.of([numerator / denominator for numerator, denominator in zip(numerators, denominators)])

    def scaled(self, factor: float) -> Self:
        """The same summary in another unit."""
        return type(self)(self.median * factor, self.low * factor, self.high * factor)

    def text(self, unit: str = "") -> str:
        """The median, and the percentiles in parentheses."""
        if self.low == self.high:
            return f"{three_digits(self.median)}{unit}"
        return f"{three_digits(self.median)}{unit} ({three_digits(self.low)}–{three_digits(self.high)})"


def three_digits(value: float) -> str:
    """Three significant digits, or all digits of the integer part, without an exponent."""
    decimals = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def duration(seconds: float, _position: int = 0) -> str:
    """Seconds in the unit that fits."""
    units = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
    unit, name = next(each for each in units if seconds >= each[0] or each[1] == "ns")
    return f"{seconds / unit:.3g} {name}"


@dataclass(frozen=True)
class Measurement:
    """The figures of one implementation.

    Attributes:
        seconds: Seconds per call, one figure per round; empty if it was skipped.
        peak: Peak memory of a call in bytes, without its operands, including the gradient.
        compile_seconds: Difference between the first and the second call of a compiled function.
        launches: Kernel launches on a GPU.
        synchronizations: Synchronizations of a GPU with the host.
        skipped: The reason why it was skipped.
    """

    seconds: Sequence[float] = ()
    peak: int | None = None
    compile_seconds: float | None = None
    launches: int | None = None
    synchronizations: int | None = None
    skipped: str = ""


@dataclass(frozen=True)
class Result:
    """The measurements of all implementations and bounds.

    Attributes:
        case: The loss.
        size: The size of its operands.
        backends: The backends of detloss, the default one first.
        gradient: Bytes of the gradients, the least memory that training needs.
        moved: Bytes of operands and gradients, the least that one pass reads and writes.
        measurements: By name of the implementation or bound.
    """

    case: Case
    size: Size
    backends: Sequence[str]
    gradient: int
    moved: int
    measurements: Mapping[str, Measurement]

    @property
    def default(self) -> str:
        """The default backend of the device."""
        return self.backends[0]

    def is_timed(self, name: str) -> bool:
        """Whether there are times of an implementation or bound."""
        return name in self.measurements and bool(self.measurements[name].seconds)

    def ratio(self, slower: str, faster: str) -> Summary | None:
        """The ratio of two times, round by round."""
        if not (self.is_timed(slower) and self.is_timed(faster)):
            return None
        return Summary.of_ratios(self.measurements[slower].seconds, self.measurements[faster].seconds)

    def nanoseconds(self, name: str) -> Summary | None:
        """Nanoseconds per element."""
        if not self.is_timed(name):
            return None
        return Summary.of(self.measurements[name].seconds).scaled(1e9 / self.size.elements)

    def peak_per_element(self, name: str) -> float | None:
        """Bytes of peak memory per element."""
        peak = self.measurements[name].peak if name in self.measurements else None
        return None if peak is None else peak / self.size.elements

    @property
    def gradient_per_element(self) -> float:
        """Bytes of the gradients per element."""
        return self.gradient / self.size.elements
