"""Shares: lower bounds of the time of the C++ kernels, from memory bandwidth and from their instructions.

The instructions are those that the processor executes, by kind. The arithmetic bound is the sum of their numbers times
the throughput of independent instructions of the kind. Units that work in parallel can be faster; the column of the
independent instructions is the time of the same instructions together, without dependencies. Loads and stores count
only there, because all processors execute them beside arithmetic.
"""

import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

import detloss
from benchmarks.bounds import bandwidth, bytes_moved
from benchmarks.cases import Case
from benchmarks.environment import Environment
from benchmarks.inputs import Size
from benchmarks.instructions import Kind, Stepping
from benchmarks.machine import Machine
from benchmarks.meters import Run
from benchmarks.results import Summary
from benchmarks.throughput import TARGETS, nanoseconds
from benchmarks.timing import Candidate, forward_backward, interleaved

PAIRS, NUMBERS, LOGITS, ROWS = (4224, 4352), (33_280, 33_792), (416, 422), (288, 320)
"""Two numbers of rows whose last chunks of the C++ loop differ in length only."""
KERNELS = {
    "iou": PAIRS,
    "giou": PAIRS,
    "diou": PAIRS,
    "ciou": PAIRS,
    "focal, dense targets": LOGITS,
    "bce": LOGITS,
    "smooth_l1": NUMBERS,
    "ce": ROWS,
}
PLACES = {"cache": 3_000_000, "memory": 96_000_000}
"""Bytes that a call moves."""
MEMORY_KINDS = ("load", "store")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Share:
    """Our time per element, and the bounds as fractions of it.

    Attributes:
        loss: The title of the case.
        place: Whether the operands fit the cache, or come from memory.
        nanoseconds: Our time per element.
        twin: The fraction of a torch.add over the same bytes.
        arithmetic: The fraction of the arithmetic bound.
        independent: The fraction of the same instructions without dependencies.
    """

    loss: str
    place: str
    nanoseconds: Summary
    twin: Summary
    arithmetic: float
    independent: float

    @property
    def larger(self) -> float:
        """The fraction of the larger of the first two bounds."""
        return max(self.twin.median, self.arithmetic)


def is_measurable(machine: Machine) -> bool:
    """Whether instructions can be counted: on Linux, with AVX2 or AVX-512, a compiler and objdump."""
    tools = all(map(shutil.which, ("cc", "objdump")))
    here = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    return here and tools and machine.instruction_set != "v2" and detloss.backends()["cpu"] == "cpp"


def measured_shares(cases: Sequence[Case], machine: Machine, environment: Environment) -> list[Share]:
    """Count the instructions of every kernel, measure them, and time the losses from cache and from memory."""
    kernels = [case for case in cases if case.title in KERNELS]
    if not kernels:
        return []
    with tempfile.TemporaryDirectory() as folder:
        stepping = Stepping(Path(folder), machine.instruction_set)
        counted = [per_element(stepping, case) for case in kernels]
        kinds = sorted({kind for counts in counted for kind in counts})
        mixes = [mix(counts) for counts in counted]
        bodies = [[kind] * len(TARGETS) for kind in kinds] + [body for body, _ in mixes]
        measured = nanoseconds(bodies, machine.instruction_set, Path(folder))
    each = {kind: time / len(TARGETS) for kind, time in zip(kinds, measured)}
    together = [time / elements for time, (_, elements) in zip(measured[len(kinds) :], mixes)]
    return [
        share
        for case, counts, independent in zip(kernels, counted, together, strict=True)
        for share in shares_of(case, arithmetic_bound(counts, each), independent, environment)
    ]


def per_element(stepping: Stepping, case: Case) -> Mapping[Kind, float]:
    """Instructions per element by kind."""
    counts = stepping.per_row(partial(forward, case), KERNELS[case.title])
    return {kind: count / case.family.main.columns for kind, count in counts.items()}


def forward(case: Case, rows: int) -> Run:
    """A forward pass, which computes the gradient, too."""
    operands = case.family.operands(Size(rows, case.family.main.columns), CPU)
    return lambda: case.ours(*operands)


def mix(counts: Mapping[Kind, float], most: int = 400) -> tuple[list[Kind], float]:
    """About this many instructions in the proportions of a kernel, and the elements that they stand for."""
    elements = most / sum(counts.values())
    return [kind for kind, count in counts.items() for _ in range(round(count * elements))], elements


def arithmetic_bound(counts: Mapping[Kind, float], each: Mapping[Kind, float]) -> float:
    """Nanoseconds per element of all instructions except loads and stores."""
    return sum(count * each[kind] for kind, count in counts.items() if kind.name not in MEMORY_KINDS)


def shares_of(case: Case, arithmetic: float, independent: float, environment: Environment) -> Iterator[Share]:
    """The shares of a loss from cache and from memory."""
    columns = case.family.main.columns
    for place, limit in PLACES.items():
        size = Size(64 * limit // bytes_moved(case.family.operands(Size(64, columns), CPU)), columns)
        operands = case.family.operands(size, CPU)
        candidates = {
            "ours": Candidate(forward_backward(case.ours, operands)),
            "twin": Candidate(bandwidth(bytes_moved(operands), CPU)),
        }
        times = interleaved(candidates, environment.budget, environment.clock)
        ours = Summary.of(times["ours"]).scaled(1e9 / size.elements)
        twin = Summary.of_ratios(times["twin"], times["ours"])
        yield Share(case.title, place, ours, twin, arithmetic / ours.median, independent / ours.median)
