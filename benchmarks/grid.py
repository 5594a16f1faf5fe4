"""Grid of ratios: the time of other implementations divided by ours, by loss, dtype, weight and number of entries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import median

import torch
from torch import Tensor

from benchmarks.bounds import bandwidth, bytes_moved, empty_function
from benchmarks.cases import COMPILED, Case, Loss
from benchmarks.environment import Environment
from benchmarks.inputs import Operands, Size
from benchmarks.peers.reduction import with_weight
from benchmarks.results import Summary, three_digits
from benchmarks.timing import Budget, Candidate, forward_backward, interleaved, no_collection

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
MAIN = ("l1", "l2", "smooth_l1", "iou", "giou", "diou", "ciou", "ce", "bce", "focal")
"""The losses that are also compared with `torch.compile`, in float32, and measured with the most entries."""

CLOSE = 1.1
"""Smaller ratios are measured again, alone and in more rounds."""
LARGE = 1_000_000
"""The most entries of other losses."""
SLOW, FAR = 2.0, 10.0
"""Ratios to the fastest of the others, and to ours, above which an implementation is not measured with more entries."""
BYTES = 20
"""Memory of all measurements of a loss, as a multiple of its float32 operands."""

Key = tuple[torch.dtype, str]
Times = Mapping[Key, Sequence[float]]


@dataclass(frozen=True)
class Extent:
    """The numbers of entries of a grid, and the budgets of its measurements."""

    entries: Sequence[int]
    first: Budget
    again: Budget


FULL = Extent(
    (16, 256, 4096, 65_536, LARGE, 10_000_000),
    Budget(seconds=0.5, min_run_time=0.0005, rounds=31),
    Budget(seconds=6.0, min_run_time=0.002, rounds=51),
)
QUICK = replace(FULL, entries=(256, 65_536))


@dataclass(frozen=True)
class Cell:
    """A loss with operands of one dtype and size.

    Attributes:
        loss: The title of the case.
        dtype: The dtype of all operands except class indices.
        weighted: Whether the loss has a weight per row.
        entries: The nominal number of entries.
        nanoseconds: Our time per entry.
        baseline: The first of the others.
        ratios: The time of others divided by ours; empty if all others are too slow to be measured.
        float32: Our time in float32 divided by ours in this dtype.
        reason: What limits our time; only of cells below 1.0.
    """

    loss: str
    dtype: str
    weighted: bool
    entries: int
    nanoseconds: float
    baseline: str
    ratios: Mapping[str, Summary]
    float32: Summary
    reason: str = ""

    @property
    def fastest(self) -> str:
        """The fastest of the others."""
        return min(self.ratios, key=lambda name: self.ratios[name].median)

    @property
    def lowest(self) -> Summary:
        """The ratio of the fastest of the others."""
        return self.ratios[self.fastest]


def measured_grid(
    cases: Sequence[Case], extent: Extent, environment: Environment, done: Callable[[str], None]
) -> list[Cell]:
    """Measure every loss without and with a weight, except linear layers with a loss."""
    cells: list[Cell] = []
    for case, weighted in product([case for case in cases if case.family.trainable == 1], (False, True)):
        with no_collection():
            cells += Rows(case, weighted, extent, environment).cells()
        done(f"{case.title}, {'weighted' if weighted else 'no weight'}")
    return cells


class Rows:
    """The rows of a loss with or without a weight; the dtypes are interleaved."""

    def __init__(self, case: Case, weighted: bool, extent: Extent, environment: Environment) -> None:
        self.case = case
        self.weighted = weighted
        self.extent = extent
        self.environment = environment
        self.ours = environment.backends[0]
        adapted = with_weight if weighted else unchanged
        losses = {self.ours: case.ours, case.baseline: case.peers[case.baseline]}
        self.losses = {(dtype, name): adapted(loss) for dtype in DTYPES for name, loss in losses.items()}
        if environment.compiles and case.name in MAIN:
            torch.compiler.reset()
            self.losses[torch.float32, COMPILED] = torch.compile(adapted(case.lean), dynamic=True)

    def cells(self) -> Iterator[Cell]:
        """One cell per number of entries and dtype."""
        for entries in self.extent.entries:
            if entries > LARGE and self.case.name not in MAIN:
                continue
            size, operands = self.operands(entries)
            candidates = {key: candidate(loss, operands, key[0]) for key, loss in self.losses.items()}
            if (torch.float32, COMPILED) in candidates:
                candidates[torch.float32, COMPILED].run()  # the compiler may compile again for a size
            times = interleaved(candidates, self.extent.first, self.environment.clock)
            measured = [dtype for dtype, name in times if name != self.ours]
            yield from (
                self.cell(dtype, entries, size, times, candidates, operands) for dtype in dict.fromkeys(measured)
            )
            if entries >= LARGE:
                self.drop_slow(times)

    def operands(self, entries: int) -> tuple[Size, Operands]:
        """Operands in float32 with this number of entries, or with as many as half of the free memory can hold."""
        family, limit = self.case.family, self.environment.available() // 2
        small = family.size_of(4096)
        bytes_per_entry = (
            sum(operand.nbytes for operand in family.operands(small, torch.device("cpu"))) / small.elements
        )
        size = family.size_of(min(entries, max(16, int(limit / (BYTES * bytes_per_entry)))))
        operands = family.operands(size, self.environment.device)
        return size, (*operands, family.weight(size).to(self.environment.device)) if self.weighted else operands

    def cell(
        self,
        dtype: torch.dtype,
        entries: int,
        size: Size,
        times: Times,
        candidates: Mapping[Key, Candidate],
        operands: Operands,
    ) -> Cell:
        """The ratios of a dtype; those that are close to 1 are measured again."""
        ours = times[dtype, self.ours]
        ratios = {
            name: ratio(seconds, ours) for (its, name), seconds in times.items() if its is dtype and name != self.ours
        }
        cell = Cell(
            self.case.title,
            str(dtype).removeprefix("torch."),
            self.weighted,
            entries,
            1e9 * median(ours) / size.elements,
            self.case.baseline,
            ratios,
            ratio(times[torch.float32, self.ours], ours),
        )
        if not ratios or cell.lowest.median >= CLOSE:
            return cell
        limit, run = limit_of(converted(operands, dtype))
        names = {each: candidates[dtype, each] for each in (self.ours, cell.fastest)}
        again = interleaved(names | {limit: Candidate(run)}, self.extent.again, self.environment.clock)
        lowest = ratio(again[cell.fastest], again[self.ours])
        share = three_digits(100 * ratio(again[limit], again[self.ours]).median)
        reason = f"{limit} takes {share} % of our time" if lowest.median < 1.0 else ""
        return replace(cell, ratios=ratios | {cell.fastest: lowest}, reason=reason)

    def drop_slow(self, times: Times) -> None:
        """Drop the others that are much slower than the fastest of them or than ours."""
        for dtype in DTYPES:
            others = {key: median(times[key]) for key in times if key[0] is dtype and key[1] != self.ours}
            for key, seconds in others.items():
                if seconds > SLOW * min(others.values()) or seconds > FAR * median(times[dtype, self.ours]):
                    del self.losses[key]


def unchanged(loss: Loss) -> Loss:
    """The loss of operands without a weight."""
    return loss


def converted(operands: Operands, dtype: torch.dtype) -> Operands:
    """Operands in another dtype, except class indices; the first requires a gradient."""
    first, *others = (each.detach().to(dtype) if each.is_floating_point() else each for each in operands)
    return first.requires_grad_(), *others


def candidate(loss: Loss, operands: Operands, dtype: torch.dtype) -> Candidate:
    """A forward and a backward pass in a dtype."""
    return Candidate(forward_backward(loss, converted(operands, dtype)))


def ratio(slower: Sequence[float], faster: Sequence[float]) -> Summary:
    """The ratio round by round, or of the medians if one has a single round."""
    if min(len(slower), len(faster)) == 1:
        return Summary.of([median(slower) / median(faster)])
    return Summary.of_ratios(slower, faster)


def limit_of(operands: Sequence[Tensor]) -> tuple[str, Callable[[], object]]:
    """An operation that limits the time: of few entries a Python function, of many the memory."""
    if operands[0].numel() < 32_768:
        return "an empty autograd function", empty_function(operands)
    return "a torch.add over the same bytes", bandwidth(bytes_moved(operands), operands[0].device)
