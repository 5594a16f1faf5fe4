"""Invented results for tests of tables and reports."""

from benchmarks.bounds import BANDWIDTH
from benchmarks.cases import CASES, COMPILED, Case
from benchmarks.inputs import Size
from benchmarks.machine import Machine
from benchmarks.results import Measurement, Result

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
