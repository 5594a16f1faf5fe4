"""What the design promises, row by row of its table of targets, and whether it is kept."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import COMPILED, MMCV, TORCHVISION
from benchmarks.limits import EXPONENTIAL, SUM, TWIN
from benchmarks.result import Result
from benchmarks.spread import Spread


@dataclass(frozen=True)
class Quantity:
    """What a target bounds.

    Attributes:
        words: What it is called; `{peer}` stands for the main peer.
        unit: What stands behind the figure.
        at_least: Whether more is better.
        of: How a result tells it; None where it was not measured.
    """

    words: str
    unit: str
    at_least: bool
    of: Callable[[Result], Spread | None]


@dataclass(frozen=True)
class Bound:
    """A promise: a quantity, and its bound by instruction set; where one is missing, nothing is promised."""

    quantity: Quantity
    bounds: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """A row of the table: of which results it speaks, and what it promises of them."""

    title: str
    speaks_of: Callable[[Result], bool]
    promises: Sequence[Bound]


@dataclass(frozen=True)
class Verdict:
    """A promise, and what was measured."""

    row: str
    result: Result
    quantity: Quantity
    bound: float
    measured: Spread

    @property
    def holds(self) -> bool:
        """Whether the median keeps the promise."""
        median = self.measured.median
        return median >= self.bound if self.quantity.at_least else median <= self.bound

    def __str__(self) -> str:
        case, unit = self.result.case, self.quantity.unit
        words = self.quantity.words.format(peer=case.main_peer)
        sign = "≥" if self.quantity.at_least else "≤"
        return (
            f"{case.title}, {self.result.size}, {words}: {sign} {self.bound:.3g}{unit}; "
            f"measured {self.measured.text(unit)}: {'holds' if self.holds else 'falls short'}"
        )


def verdicts(results: Sequence[Result], table: Sequence[Row], instruction_set: str) -> Iterator[Verdict]:
    """Judge every promise that was measured."""
    for row in table:
        for result in filter(row.speaks_of, results):
            for promise in row.promises:
                measured, bound = promise.quantity.of(result), promise.bounds.get(instruction_set)
                if measured is not None and bound is not None:
                    yield Verdict(row.title, result, promise.quantity, bound, measured)


def unmeasured(results: Sequence[Result], table: Sequence[Row]) -> list[str]:
    """The rows of which this run says nothing."""
    return [row.title for row in table if not any(map(row.speaks_of, results))]


def anywhere(bound: float) -> Mapping[str, float]:
    """The same bound with every instruction set."""
    return {"v4": bound, "v3": bound, "v2": bound}


def avx512(bound: float, *, avx2: float | None = None) -> Mapping[str, float]:
    """A bound with AVX-512, and one with AVX2 where there is one."""
    return {"v4": bound} if avx2 is None else {"v4": bound, "v3": avx2}


def by_size(*losses: str, least: int = 0, most: float = float("inf")) -> Callable[[Result], bool]:
    """Results of these losses with so many rows."""
    return lambda result: result.case.name in losses and least <= result.size.rows <= most


def by_classes(loss: str, *classes: int) -> Callable[[Result], bool]:
    """Results of a loss with so many classes."""
    return lambda result: result.case.name == loss and result.size.columns in classes


def on_large(least_bytes: float) -> Callable[[Result], bool]:
    """Results of which a fused pass moves so many bytes."""
    return lambda result: result.moved >= least_bytes and result.case.name != "linear_focal"


def count(value: float | None) -> Spread | None:
    """A figure that does not vary."""
    return None if value is None else Spread(value, value, value)


def percent(ratio: Spread | None) -> Spread | None:
    """A share in percent."""
    return None if ratio is None else ratio.times(100)


def gradients_held(result: Result) -> Spread | None:
    """Our peak in sizes of the gradient."""
    peak = result.scores[result.active].peak
    return None if peak is None else count(peak / result.gradient)


def share_of_peak(result: Result) -> Spread | None:
    """Our peak as a part of the main peer's."""
    ours, theirs = (result.scores[name].peak for name in (result.active, result.case.main_peer))
    return None if ours is None or theirs is None else count(ours / theirs)


def against(peer: str) -> Quantity:
    """How many times as long another contender takes."""
    return Quantity(f"against {peer}", "x", True, lambda result: result.ratio(peer, result.active))


def in_units_of(limit: str) -> Quantity:
    """Our time in units of a limit's."""
    return Quantity(f"in units of {limit}", "x", False, lambda result: result.ratio(result.active, limit))


AGAINST_MAIN_PEER = Quantity(
    "against {peer}", "x", True, lambda result: result.ratio(result.case.main_peer, result.active)
)
GRADIENTS = Quantity("peak extra memory in gradients", "", False, gradients_held)
SHARE_OF_PEAK = Quantity("peak extra memory against {peer}", "x", False, share_of_peak)
NANOSECONDS = Quantity("time an entry", " ns", False, lambda result: result.nanoseconds(result.active))
TWIN_SHARE = Quantity("share of its twin", " %", True, lambda result: percent(result.ratio(TWIN, result.active)))
LAUNCHES = Quantity("launches", "", False, lambda result: count(result.scores[result.active].launches))
WAITS = Quantity(
    "host synchronisations", "", False, lambda result: count(result.scores[result.active].synchronisations)
)

ONLY_THE_GRADIENT = Bound(GRADIENTS, anywhere(1.01))  # and the few bytes of the loss and what scales it

ON_PROCESSOR = (
    Row(
        "box losses from 65 536 boxes",
        by_size("iou", "log_iou", "giou", "diou", "ciou", least=65_536),
        [
            Bound(AGAINST_MAIN_PEER, avx512(40, avx2=25)),
            Bound(against(COMPILED), avx512(20)),
            ONLY_THE_GRADIENT,
        ],
    ),
    Row("IoU, GIoU, DIoU", by_size("iou", "giou", "diou", least=65_536), [Bound(NANOSECONDS, avx512(3.5))]),
    Row("CIoU", by_size("ciou", least=65_536), [Bound(NANOSECONDS, avx512(4.5))]),
    Row(
        "box losses from memory",
        by_size("iou", "log_iou", "giou", "diou", "ciou", least=1_000_000),
        [Bound(TWIN_SHARE, avx512(40))],
    ),
    Row(
        "256 boxes",
        by_size("iou", "log_iou", "giou", "diou", "ciou", least=256, most=256),
        [
            Bound(AGAINST_MAIN_PEER, avx512(10)),
            Bound(against(COMPILED), avx512(4)),
            Bound(in_units_of(SUM), avx512(1.7)),
        ],
    ),
    Row(
        "focal",
        by_size("focal", least=12_000),
        [
            Bound(AGAINST_MAIN_PEER, anywhere(10)),
            Bound(against(COMPILED), anywhere(4)),
            ONLY_THE_GRADIENT,
            Bound(in_units_of(EXPONENTIAL), anywhere(1.2)),
        ],
    ),
    Row(
        "BCE, balanced",
        by_size("bce", "balanced_bce", least=12_000),
        [
            Bound(AGAINST_MAIN_PEER, anywhere(3)),
            Bound(against(COMPILED), anywhere(3)),
            ONLY_THE_GRADIENT,
            Bound(in_units_of(EXPONENTIAL), anywhere(1.2)),
        ],
    ),
    Row("CE of 81 classes", by_classes("ce", 81), [Bound(AGAINST_MAIN_PEER, anywhere(2))]),
    Row("CE of 32 000 classes", by_classes("ce", 32_000), [Bound(AGAINST_MAIN_PEER, anywhere(3.5))]),
    Row("CE", by_classes("ce", 81, 32_000), [Bound(against(COMPILED), anywhere(1.8)), ONLY_THE_GRADIENT]),
    Row("CE of 8192 classes", by_classes("ce", 8192), [ONLY_THE_GRADIENT, Bound(TWIN_SHARE, anywhere(55))]),
    Row(
        "smooth L1, L1, MSE below 10 000 elements",
        by_size("smooth_l1", "l1", "l2", most=9_999),
        [Bound(AGAINST_MAIN_PEER, anywhere(0.7))],
    ),
    Row(
        "smooth L1, L1, MSE of 262 144 elements",
        by_size("smooth_l1", "l1", "l2", least=262_144, most=262_144),
        [Bound(AGAINST_MAIN_PEER, anywhere(1.5))],
    ),
    Row(
        "smooth L1, L1, MSE from 4 000 000 elements",
        by_size("smooth_l1", "l1", "l2", least=4_000_000),
        [Bound(AGAINST_MAIN_PEER, anywhere(3)), Bound(TWIN_SHARE, anywhere(85))],
    ),
    Row(
        "smooth L1, L1, MSE",
        by_size("smooth_l1", "l1", "l2"),
        [Bound(against(COMPILED), anywhere(1.5)), ONLY_THE_GRADIENT],
    ),
    Row(
        "linear + focal",
        by_size("linear_focal", least=20_000),
        [Bound(AGAINST_MAIN_PEER, anywhere(4)), Bound(SHARE_OF_PEAK, anywhere(1 / 40))],
    ),
)

ON_GPU = (
    Row(
        "every loss on a GPU",
        on_large(0),
        [
            Bound(against(TORCHVISION), anywhere(20)),
            Bound(against(MMCV), anywhere(4)),
            Bound(against(COMPILED), anywhere(1.3)),
            ONLY_THE_GRADIENT,
            Bound(LAUNCHES, anywhere(3)),
            Bound(WAITS, anywhere(0)),
        ],
    ),
    Row("every loss on a GPU from 64 MB", on_large(64e6), [Bound(TWIN_SHARE, anywhere(85))]),
)
