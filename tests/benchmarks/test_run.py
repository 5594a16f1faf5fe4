"""The command line, and a whole run in the small."""

import argparse
import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from rich.console import Console

import detloss
from benchmarks.__main__ import main, named_cases, parsed_sizes
from benchmarks.cases import CASES
from benchmarks.contest import Budget
from benchmarks.machine import instruction_set, this_machine
from benchmarks.run import Choice, judged, measured
from benchmarks.size import Size
from benchmarks.stage import Stage, backends_of, fresh_compiler, on_processor
from tests.support.benchmark_results import MACHINE, ciou

CPU = torch.device("cpu")


@pytest.fixture
def stage() -> Stage:
    """Contests that are over at once."""
    return on_processor(Budget(seconds=0.001, stint=0.0, rounds=2), compiles=False)


def names(cells: Sequence[tuple]) -> list[str]:
    return [f"{case.title}, {size.rows}x{size.columns}" for case, size in cells]


def test_an_unknown_loss_is_answered_with_all_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "giou,gioux"])
    message = " ".join(capsys.readouterr().err.split())
    assert "no loss is called 'gioux'; choose from l1, l2, smooth_l1, iou, log_iou, giou, diou, ciou, ce," in message


@pytest.mark.parametrize("text", ["x", "12x", "-3", "0", "1x2x3", "1e6", "²"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected sizes such as 65536 or 4096x32000, got"):
        parsed_sizes(text)


def test_sizes() -> None:
    assert parsed_sizes("65536,4096x32000") == (Size(65_536), Size(4096, 32_000))
    assert str(Size(4096, 32_000)) == "4\u202f096 x 32\u202f000"
    assert Size(4096, 32_000).entries == 131_072_000
    assert Size(4096, 100).with_entries(250) == Size(2, 100)


def test_sizes_that_suit_no_loss(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "giou", "--sizes", "64x80"])
    assert "boxes and numbers have no classes" in " ".join(capsys.readouterr().err.split())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--device", "cuda"])
    assert "--device cuda: torch finds no GPU here" in capsys.readouterr().err


def test_a_name_chooses_all_its_variants() -> None:
    assert [case.title for case in named_cases("focal")] == ["focal, dense targets", "focal, class indices"]


def test_the_sizes_of_the_targets() -> None:
    assert names(Choice(named_cases("giou,ce")).contests(CPU)) == [
        *("giou, 256x1", "giou, 4096x1", "giou, 65536x1", "giou, 1000000x1"),
        *("ce, 65536x81", "ce, 2048x8192", "ce, 4096x32000"),
    ]


def test_a_quick_run_has_one_size_a_loss() -> None:
    assert names(Choice(named_cases("giou,ce"), quick=True).contests(CPU)) == ["giou, 65536x1", "ce, 65536x81"]
    assert len(list(Choice(quick=True).contests(CPU))) == len(CASES)


def test_sizes_of_ones_own() -> None:
    choice = Choice(named_cases("giou,focal"), (Size(300), Size(50, 7)))
    assert names(choice.contests(CPU)) == [
        "giou, 300x1",
        *("focal, dense targets, 300x80", "focal, dense targets, 50x7"),
        *("focal, class indices, 300x80", "focal, class indices, 50x7"),
    ]
    assert not list(choice.growth())
    assert not list(choice.without_gradient())


def test_growth_goes_over_powers_of_ten() -> None:
    assert [size.rows for _, size in Choice(named_cases("ciou")).growth()] == [10**power for power in range(2, 8)]


def test_a_gpu_is_asked_about_64_megabytes() -> None:
    (boxes,) = named_cases("ciou")
    assert [size.rows for size in boxes.family.sizes_on(torch.device("cuda"))] == [65_536, 1_000_000, 8_000_000]


@pytest.mark.exhaustive
def test_every_loss_and_contender_in_the_small(stage: Stage) -> None:
    with Console(quiet=True) as console:
        report = measured(Choice(sizes=(Size(16),)), stage, console)
    assert [result.case for result in report.contests] == list(CASES)
    for result in report.contests:
        assert result.backends[0] == detloss.backends()["cpu"]
        assert {*result.backends, *result.case.peers} <= result.scores.keys()
        assert all(score.seconds for score in result.scores.values())
        assert result.scores[result.active].peak >= result.gradient
    assert report.unmeasured[-1] == "everything on a GPU"
    assert detloss.backends()["cpu"] == stage.backends[0]


def test_targets_are_for_one_thread() -> None:
    results = [ciou(Size(65_536))]
    assert judged(MACHINE, results, [], []).verdicts
    several = judged(replace(MACHINE, threads=2), results, [], [])
    assert not several.verdicts
    assert several.unmeasured == ["everything with one thread", "everything on a GPU"]


def test_without_a_gradient() -> None:
    assert names(Choice(named_cases("l1")).without_gradient()) == ["l1, 262144x1"]
    assert not list(Choice(quick=True).without_gradient())


def test_the_active_backend_comes_first_and_eager_is_there() -> None:
    found = backends_of(CPU)
    assert found[0] == detloss.backends()["cpu"]
    assert "eager" in found
    assert len(set(found)) == len(found)


def test_what_does_not_fit_into_memory_is_turned_away(stage: Stage) -> None:
    cramped = replace(stage, available=lambda: 1000)
    with Console(quiet=True) as console:
        report = measured(Choice(named_cases("l1"), (Size(2_000_000),)), cramped, console)
    (result,) = report.contests
    assert not result.competed("torch")
    assert result.scores["torch"].absent.startswith("would take ")
    assert result.competed("twin")


def test_without_a_compiler_torch_compile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_nothing(*_arguments: object) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "restored after this test")
    monkeypatch.setattr(torch, "compile", compile_nothing)
    with fresh_compiler(CPU) as compiles:
        assert not compiles


def test_another_instruction_set_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DETLOSS_ISA", raising=False)
    calls = []

    def start(program: list[str], env: dict[str, str], check: bool) -> subprocess.CompletedProcess:
        calls.append((program[1:], env["DETLOSS_ISA"]))
        return subprocess.CompletedProcess(program, 3)

    monkeypatch.setattr(subprocess, "run", start)
    assert main(["--isa", "v3", "--quick"]) == 3
    assert calls == [(["-m", "benchmarks", "--isa", "v3", "--quick"], "v3")]


@pytest.mark.parametrize(
    ("forced", "flags", "level"),
    [
        (None, "sse4_2 avx2 fma avx512f avx512bw avx512dq avx512vl avx512cd", "v4"),
        (None, "sse4_2 avx2 fma avx512f", "v3"),
        (None, "sse4_2", "v2"),
        (None, "", "v2"),
        ("v3", "avx2 fma avx512f avx512bw avx512dq avx512vl avx512cd", "v3"),
    ],
)
def test_instruction_sets(forced: str | None, flags: str, level: str) -> None:
    assert instruction_set(forced, flags) == level


def test_this_machine() -> None:
    machine = this_machine(CPU)
    assert machine.cores == os.cpu_count()
    assert machine.backends == detloss.backends()
    assert machine.torch == torch.__version__
