"""Targets hold or fall short, by the median."""

import pytest

from benchmarks.limits import SUM
from benchmarks.result import Result
from benchmarks.size import Size
from benchmarks.targets import ON_GPU, ON_PROCESSOR, unmeasured, verdicts
from tests.support.benchmark_results import ciou


def lines(result: Result, instruction_set: str = "v4") -> list[str]:
    return [str(verdict) for verdict in verdicts([result], ON_PROCESSOR, instruction_set)]


def test_what_holds_and_what_falls_short() -> None:
    assert lines(ciou(Size(65_536), ours=1.0)) == [
        "ciou, 65\u202f536, against torchvision: ≥ 40x; measured 47.0x (46.2–47.8): holds",
        "ciou, 65\u202f536, against torch.compile: ≥ 20x; measured 10.0x: falls short",
        "ciou, 65\u202f536, peak extra memory in gradients: ≤ 1.01; measured 1.00: holds",
        "ciou, 65\u202f536, time an entry: ≤ 4.5 ns; measured 15259 ns: falls short",
    ]


@pytest.mark.parametrize(("ours", "holds"), [(1.17, True), (1.18, False)])
def test_more_is_better_for_ratios(ours: float, holds: bool) -> None:
    verdict = next(verdicts([ciou(Size(65_536), ours=ours)], ON_PROCESSOR, "v4"))
    assert verdict.holds is holds


@pytest.mark.parametrize(("nanoseconds", "holds"), [(4.4, True), (4.6, False)])
def test_less_is_better_for_times(nanoseconds: float, holds: bool) -> None:
    result = ciou(Size(65_536), ours=nanoseconds * 65_536 / 1e9)
    (verdict,) = (each for each in verdicts([result], ON_PROCESSOR, "v4") if "ns" in each.quantity.unit)
    assert verdict.holds is holds


@pytest.mark.parametrize(("peak", "holds"), [(16 * 65_536 + 100, True), (17 * 65_536, False)])
def test_memory_is_the_gradient_and_a_few_bytes(peak: int, holds: bool) -> None:
    result = ciou(Size(65_536), peak=peak)
    (verdict,) = (each for each in verdicts([result], ON_PROCESSOR, "v4") if "memory" in each.quantity.words)
    assert verdict.holds is holds


def test_from_memory_the_twin_counts() -> None:
    line = "ciou, 1\u202f000\u202f000, share of its twin: ≥ 40 %; measured 50.0 %: holds"
    assert line in lines(ciou(Size(1_000_000)))


def test_few_boxes_are_measured_in_sums() -> None:
    assert lines(ciou(Size(256), **{SUM: 0.5}))[-1].endswith("in units of p.sum(): ≤ 1.7x; measured 2.00x: falls short")


def test_avx2_has_its_own_bounds_and_makes_no_other_promises() -> None:
    against, memory = lines(ciou(Size(65_536), ours=1.8), "v3")
    assert against.startswith("ciou, 65\u202f536, against torchvision: ≥ 25x; measured 26.1x")
    assert against.endswith("holds")
    assert "memory" in memory


def test_sizes_without_a_target_get_no_line() -> None:
    assert lines(ciou(Size(4096))) == []


def test_what_was_not_measured_is_named() -> None:
    missing = unmeasured([ciou(Size(65_536))], ON_PROCESSOR)
    assert {"256 boxes", "focal", "linear + focal"} <= set(missing)
    assert not {"box losses from 65 536 boxes", "CIoU"} & set(missing)


def test_a_gpu_is_judged_by_launches_too() -> None:
    words = {verdict.quantity.words for verdict in verdicts([ciou(Size(2_000_000))], ON_GPU, "v4")}
    assert {"against torchvision", "against torch.compile", "share of its twin"} <= words
    assert "launches" not in words  # no figure, no verdict
