"""Command line and runs of the benchmarks, at small sizes."""

import argparse
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from rich.console import Console

import detloss
from benchmarks.__main__ import main, named_cases, named_parts, parsed_sizes
from benchmarks.cases import CASES
from benchmarks.environment import Environment, backends_of, cpu_environment, empty_compile_cache
from benchmarks.inputs import Size
from benchmarks.machine import instruction_set, this_machine
from benchmarks.run import Selection, outcome, run
from benchmarks.timing import Budget
from tests.support.benchmark_results import ciou

CPU = torch.device("cpu")


@pytest.fixture
def environment() -> Environment:
    """Measurements that take as little time as possible."""
    return cpu_environment(Budget(seconds=0.001, min_run_time=0.0, rounds=2), compiles=False)


def names(configurations: Sequence[tuple]) -> list[str]:
    return [f"{case.title}, {size.rows}x{size.columns}" for case, size in configurations]


def test_unknown_loss_is_an_error_that_lists_all_losses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "giou,gioux"])
    message = " ".join(capsys.readouterr().err.split())
    assert "expected losses among l1, l2, smooth_l1, charbonnier, balanced_l1, log_cosh, iou," in message
    assert message.endswith("got 'gioux'")


@pytest.mark.parametrize("text", ["x", "12x", "-3", "0", "1x2x3", "1e6", "²"])
def test_invalid_sizes(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected sizes such as 65536 or 4096x32000, got"):
        parsed_sizes(text)


def test_sizes() -> None:
    assert parsed_sizes("65536,4096x32000") == (Size(65_536), Size(4096, 32_000))
    assert str(Size(4096, 32_000)) == "4\u202f096 x 32\u202f000"
    assert Size(4096, 32_000).elements == 131_072_000
    assert Size(4096, 100).with_elements(250) == Size(2, 100)


def test_sizes_that_fit_no_selected_loss(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "giou", "--sizes", "64x80"])
    message = " ".join(capsys.readouterr().err.split())
    assert message.endswith(
        "--sizes: expected rows without classes for losses of boxes and numbers, got rows x classes"
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_device_cuda_without_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--device", "cuda"])
    assert "--device: expected a GPU that torch can use for cuda, found none" in capsys.readouterr().err


def test_name_selects_all_its_variants() -> None:
    assert [case.title for case in named_cases("focal")] == ["focal, dense targets", "focal, class indices"]


def test_default_sizes() -> None:
    assert names(Selection(named_cases("giou,ce")).forward_backward(CPU)) == [
        *("giou, 256x1", "giou, 4096x1", "giou, 65536x1", "giou, 1000000x1"),
        *("ce, 65536x81", "ce, 2048x8192", "ce, 4096x32000"),
    ]


def test_quick_run_has_one_size_per_loss() -> None:
    selection = Selection(named_cases("giou,ce"), quick=True)
    assert names(selection.forward_backward(CPU)) == ["giou, 65536x1", "ce, 65536x81"]
    assert len(list(Selection(quick=True).forward_backward(CPU))) == len(CASES)


def test_given_sizes() -> None:
    selection = Selection(named_cases("giou,focal"), (Size(300), Size(50, 7)))
    assert names(selection.forward_backward(CPU)) == [
        "giou, 300x1",
        *("focal, dense targets, 300x80", "focal, dense targets, 50x7"),
        *("focal, class indices, 300x80", "focal, class indices, 50x7"),
    ]
    assert not list(selection.forward())
    assert not selection.grid()
    assert not selection.shares(this_machine(CPU))


def test_parts() -> None:
    selection = Selection(named_cases("giou,eiou"), parts=named_parts("grid"))
    assert not list(selection.forward_backward(CPU))
    assert not list(selection.forward())
    assert not selection.shares(this_machine(CPU))
    assert [case.name for case in selection.grid()] == ["giou", "eiou"]
    assert [case.name for case in replace(selection, quick=True).grid()] == ["giou"]
    with pytest.raises(argparse.ArgumentTypeError, match="expected parts among losses, grid, shares, got 'time'"):
        named_parts("grid,time")


def test_shares_are_not_measured_on_a_gpu() -> None:
    machine = replace(this_machine(CPU), gpu="Some GPU")
    assert not Selection().shares(machine)


def test_cpu_time_is_of_one_thread(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--cpu-time", "--threads", "2"])
    assert "--cpu-time: expected one thread of the CPU, got --device cuda or --threads" in capsys.readouterr().err


def test_gpu_sizes_include_64_megabytes() -> None:
    (boxes,) = named_cases("ciou")
    assert [size.rows for size in boxes.family.sizes_on(torch.device("cuda"))] == [65_536, 1_000_000, 8_000_000]


@pytest.mark.exhaustive
def test_all_losses_and_implementations_at_a_small_size(environment: Environment) -> None:
    with Console(quiet=True) as console:
        report = run(Selection(sizes=(Size(16),)), environment, console)
    assert [result.case for result in report.forward_backward] == list(CASES)
    for result in report.forward_backward:
        assert result.backends[0] == detloss.backends()["cpu"]
        assert {*result.backends, *result.case.peers} <= result.measurements.keys()
        assert all(each.seconds for each in result.measurements.values())
        assert result.measurements[result.default].peak >= result.gradient
    assert detloss.backends()["cpu"] == environment.backends[0]


def test_forward_only() -> None:
    assert names(Selection(named_cases("l1")).forward()) == ["l1, 262144x1"]
    assert not list(Selection(quick=True).forward())


def test_default_backend_is_first_and_eager_is_included() -> None:
    found = backends_of(CPU)
    assert found[0] == detloss.backends()["cpu"]
    assert "eager" in found
    assert len(set(found)) == len(found)


def test_implementations_that_need_too_much_memory_are_skipped(environment: Environment) -> None:
    small = replace(environment, available=lambda: 1000)
    with Console(quiet=True) as console:
        report = run(Selection(named_cases("l1"), (Size(2_000_000),)), small, console)
    (result,) = report.forward_backward
    assert not result.is_timed("torch")
    assert result.measurements["torch"].skipped.startswith("needs ")
    assert result.is_timed("bandwidth")
    assert " skipped, needs " in outcome(result)


def test_line_of_a_result() -> None:
    line = "ciou, 65\u202f536: cpp 15.3 ns per element, speed-up over torchvision 47000x (46200–47800)"
    assert outcome(ciou(Size(65_536), ours=0.001)) == line


def test_torch_compile_is_not_measured_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_nothing(*_arguments: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "restored after this test")
    monkeypatch.setattr(torch, "compile", compile_nothing)
    with empty_compile_cache(CPU) as compiles:
        assert not compiles


def test_another_instruction_set_starts_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DETLOSS_ISA", raising=False)
    calls = []

    def start(program: list[str], env: dict[str, str], check: bool) -> subprocess.CompletedProcess:
        calls.append((program[1:], env["DETLOSS_ISA"]))
        return subprocess.CompletedProcess(program, 3)

    monkeypatch.setattr(subprocess, "run", start)
    assert main(["--isa", "v3", "--quick"]) == 3
    assert calls == [(["-m", "benchmarks", "--isa", "v3", "--quick"], "v3")]


@pytest.mark.parametrize(
    ("requested", "flags", "level"),
    [
        (None, "sse4_2 avx2 fma avx512f avx512bw avx512dq avx512vl avx512cd", "v4"),
        (None, "sse4_2 avx2 fma avx512f", "v3"),
        (None, "sse4_2", "v2"),
        (None, "", "v2"),
        ("v3", "avx2 fma avx512f avx512bw avx512dq avx512vl avx512cd", "v3"),
    ],
)
def test_instruction_sets(requested: str | None, flags: str, level: str) -> None:
    assert instruction_set(requested, flags) == level


def test_this_machine() -> None:
    machine = this_machine(CPU)
    assert machine.cores == os.cpu_count()
    assert machine.backends == detloss.backends()
    assert machine.torch == torch.__version__
