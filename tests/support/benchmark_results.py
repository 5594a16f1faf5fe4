"""Results made up for tests of what is said about results."""

from benchmarks.cases import CASES, COMPILED, Case
from benchmarks.limits import TWIN
from benchmarks.machine import Machine
from benchmarks.result import Result, Score
from benchmarks.size import Size

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


def ciou(size: Size, *, ours: float = 1.0, peak: int | None = None, **others: float) -> Result:
    """CIoU in units of our time: torchvision 46, 48 and 47 of them, torch.compile 10, the twin half."""
    scores = {
        "cpp": Score(seconds=[ours, ours, ours], peak=16 * size.rows if peak is None else peak),
        "eager": Score(absent="would take 13 GB"),
        "torchvision": Score(seconds=[46.0, 48.0, 47.0], peak=99 * size.rows),
        COMPILED: Score(seconds=[10.0, 10.0, 10.0], compile_seconds=6.54),
        TWIN: Score(seconds=[0.5, 0.5, 0.5]),
        **{name: Score(seconds=[seconds] * 3) for name, seconds in others.items()},
    }
    return Result(case_of("ciou"), size, ("cpp", "eager"), 16 * size.rows, 48 * size.rows, scores)
