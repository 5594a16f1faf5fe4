"""Invented results for tests of tables and reports."""

from collections.abc import Mapping

from benchmarks.bounds import BANDWIDTH
from benchmarks.cases import CASES, COMPILED, Case
from benchmarks.grid import Cell
from benchmarks.inputs import Size
from benchmarks.machine import Machine
from benchmarks.results import Measurement, Result, Summary
from benchmarks.shares import Share

MACHINE = Machine(
    processor="Some CPU",
    cores=2,
    threads=1,
    instruction_set="v4",
    gpu=None,
    python="3.11.4",
    torch="2.13.0",
    torchvision="0.28.0",
    detloss="0.1.0",
    commit="abc1234",
    date="2030-01-02",
    backends={"cpu": "cpp"},
)


def case_of(title: str) -> Case:
    return next(case for case in CASES if case.title == title)


def ciou(size: Size, *, ours: float = 1.0) -> Result:
    """CIoU with given seconds of our backend; torchvision takes about 47 s, torch.compile 10 s, the bound 0.5 s."""
    measurements = {
        "cpp": Measurement(seconds=[ours, ours, ours], peak=16 * size.rows),
        "eager": Measurement(skipped="needs 13 GB"),
        "torchvision": Measurement(seconds=[46.0, 48.0, 47.0], peak=99 * size.rows),
        COMPILED: Measurement(seconds=[10.0, 10.0, 10.0], compile_seconds=6.54),
        BANDWIDTH: Measurement(seconds=[0.5, 0.5, 0.5]),
    }
    return Result(case_of("ciou"), size, ("cpp", "eager"), 16 * size.rows, 48 * size.rows, measurements)


def cell(entries: int, ratios: Mapping[str, float], *, dtype: str = "float32", float32: float = 1.0) -> Cell:
    """L1 with these ratios to others; below 1, an empty function takes half of its time."""
    summaries = {name: Summary(ratio, ratio, ratio) for name, ratio in ratios.items()}
    reason = "an empty autograd function takes 50.0 % of our time" if min(ratios.values(), default=1.0) < 1.0 else ""
    ours = Summary(float32, float32, float32)
    return Cell("l1", dtype, False, entries, 2.0, "torch", summaries, ours, reason)


def share(place: str) -> Share:
    """CIoU at 5 ns, of which the addition takes 20 %, the instructions 60 %, and independent ones 40 %."""
    return Share("ciou", place, Summary(5.0, 5.0, 5.0), Summary(0.2, 0.2, 0.2), 0.6, 0.4)
