"""Instructions of the C++ kernels and their throughput."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import shares
from benchmarks.__main__ import named_cases
from benchmarks.cases import CASES
from benchmarks.environment import cpu_environment
from benchmarks.instructions import Kind, kinds_of
from benchmarks.machine import this_machine
from benchmarks.throughput import TARGETS, nanoseconds
from benchmarks.timing import Budget
from detloss.kernels import cpp

MACHINE = this_machine(torch.device("cpu"))
measurable = pytest.mark.skipif(not shares.is_measurable(MACHINE), reason="no AVX2, compiler or objdump")


@pytest.mark.parametrize(
    ("instruction", "kinds"),
    [
        ("vmulps %zmm1,%zmm2,%zmm3", ["multiply z"]),
        ("vsubps 0x40(%rsp),%ymm2,%ymm3", ["load y", "add y"]),
        ("vfnmadd231ps %zmm1,%zmm2,%zmm3", ["fma z"]),
        ("vmovups %zmm1,0x80(%rax,%rdx,4)", ["store z"]),
        ("vmovntps %zmm1,(%rax)", ["store z"]),
        ("vmovups 0x80(%rax,%rdx,4),%zmm1", ["load z"]),
        ("vmovaps %zmm1,%zmm2", []),
        ("vcmpltps %zmm1,%zmm2,%k1", ["compare z"]),
        ("vblendmps %zmm1,%zmm2,%zmm3{%k1}", ["blend z"]),
        ("vpermt2ps %zmm1,%zmm2,%zmm3", ["shuffle z"]),
        ("vcvtps2pd %ymm1,%zmm2", ["convert z"]),
        ("kandw %k1,%k2,%k3", ["mask k"]),
        ("vpaddd %xmm1,%xmm2,%xmm3", ["integer x"]),
        ("vbroadcastss (%rax),%zmm1", ["load z"]),
        ("vdivps (%rax){1to16},%zmm1,%zmm2", ["load z", "divide z"]),
        ("add $0x10,%rax", []),
    ],
)
def test_kinds_of_instructions(instruction: str, kinds: list[str]) -> None:
    assert [f"{kind.name} {kind.register}" for kind in kinds_of(instruction)] == kinds


def test_kernels_are_cases() -> None:
    assert shares.KERNELS.keys() <= {case.title for case in CASES}


@measurable
def test_divisions_take_longer_than_additions(tmp_path: Path) -> None:
    add, divide = Kind("add", "y"), Kind("divide", "y")
    bodies = [[add] * len(TARGETS), [divide] * len(TARGETS), [add, divide] * len(TARGETS)]
    added, divided, both = nanoseconds(bodies, MACHINE.instruction_set, tmp_path)
    assert 0 < 2 * added < divided < 1.5 * both


@measurable
def test_counted_instructions_of_l1(tmp_path: Path) -> None:
    (case,) = named_cases("l1")
    stepping = shares.Stepping(tmp_path, MACHINE.instruction_set)
    per_row = stepping.per_row(lambda rows: shares.forward(case, rows), shares.NUMBERS)
    lanes = {"v3": 8, "v4": 16}[MACHINE.instruction_set]
    widest = Counter({kind.name: lanes * count for kind, count in per_row.items() if kind.register in "yz"})
    assert 2 <= widest["load"] <= 4  # the operands
    assert 1 <= widest["store"] <= 2  # the derivative; the total stays in registers
    assert widest["add"] >= 1  # the difference
    assert not widest["divide"]
    assert cpp.library is not None  # runs with torch's threads again
    assert case.ours(torch.ones(100_000), torch.zeros(100_000)).item() == 100_000


@measurable
@pytest.mark.exhaustive
def test_shares_from_cache_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "PLACES", {"cache": 30_000, "memory": 300_000})
    environment = cpu_environment(Budget(seconds=0.001, min_run_time=0.0, rounds=2), compiles=False)
    found = shares.measured_shares(named_cases("l1,smooth_l1"), MACHINE, environment)
    assert [(share.loss, share.place) for share in found] == [("smooth_l1", "cache"), ("smooth_l1", "memory")]
    for share in found:
        assert share.larger == max(share.twin.median, share.arithmetic) > 0
        assert share.independent > 0


def test_nothing_is_counted_without_a_loss_that_has_a_kernel() -> None:
    assert shares.measured_shares(named_cases("l1"), MACHINE, cpu_environment(Budget(1.0, 0.0, 1), False)) == []


def test_arithmetic_bound_omits_loads_and_stores() -> None:
    counts = {Kind("add", "z"): 2.0, Kind("load", "z"): 5.0, Kind("divide", "z"): 0.5}
    each = {Kind("add", "z"): 1.0, Kind("load", "z"): 100.0, Kind("divide", "z"): 4.0}
    assert shares.arithmetic_bound(counts, each) == 4.0


def test_mix_has_the_proportions_of_the_kernel() -> None:
    add, load = Kind("add", "z"), Kind("load", "z")
    body, elements = shares.mix({add: 3.0, load: 1.0}, most=40)
    assert (body.count(add), body.count(load), elements) == (30, 10, 10.0)


def test_sse_is_not_measured() -> None:
    assert not shares.is_measurable(replace(MACHINE, instruction_set="v2"))
