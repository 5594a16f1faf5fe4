"""`make gpu` where there is no GPU: its checks by the interpreter, and what it says of what it cannot check."""

import sys
import time

import pytest
import torch

from benchmarks import cases
from tools import gpu

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")  # of numpy, for rows of padding


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.exhaustive)])
def test_the_interpreted_kernels_pass_every_part(
    every: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = cases.CASES[::every]
    monkeypatch.setattr(cases, "CASES", chosen)
    assert gpu.main(["--seconds", "1000"]) == 0
    printed = capsys.readouterr().out
    assert f"torch {torch.__version__}" in printed
    assert "FAILED" not in printed
    assert "time is up" not in printed
    assert "worst error in ulps" in printed
    assert "calls agree with eager" in printed
    assert all(f"  {case.title} " in printed for case in chosen)
    assert f"{len(chosen)} of {len(chosen)}" in printed


def test_a_wrong_kernel_fails_the_battery(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    scaled = gpu.kernels.triton.scaled
    monkeypatch.setattr(gpu.kernels.triton, "scaled", lambda derivative, *rest: -scaled(derivative, *rest))
    monkeypatch.setattr(gpu, "PARTS", gpu.PARTS[:1])
    assert gpu.main([]) == 1
    printed = capsys.readouterr().out
    assert "  FAILED " in printed
    assert " ulps > " in printed


def test_an_exception_is_a_failure_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ValueError("no such kernel")

    part, done = gpu.Part(until=time.monotonic() + 1000.0), []
    part.in_time([broken, lambda: done.append(1)])
    assert part.failures == ["ValueError: no such kernel"]
    assert done == [1]
    assert capsys.readouterr().out.endswith("  2 of 2\n")


def test_it_stops_when_time_is_up(capsys: pytest.CaptureFixture[str]) -> None:
    part = gpu.Part(until=time.monotonic() - 1.0)
    part.in_time([pytest.fail] * 3)
    assert capsys.readouterr().out == "  time is up after 0 of 3\n"
    assert not part.failures


def test_parts_whose_packages_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda name: None if name in ("mpmath", "torchvision") else name)
    assert gpu.main([]) == 0
    printed = capsys.readouterr().out
    assert "battery against exact answers: left out, not installed: mpmath" in printed
    assert "benchmark: left out, not installed: torchvision" in printed
    assert "left out: battery against exact answers (mpmath)" in printed.splitlines()[-1]


def test_a_part_that_cannot_begin_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.cases", None)
    monkeypatch.setattr(gpu, "PARTS", gpu.PARTS[2:])
    assert gpu.main([]) == 1
    assert "  FAILED ModuleNotFoundError: import of benchmarks.cases halted" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_nothing_is_checked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    assert gpu.main([]) == 2
    assert "GPU: expected one that torch" in capsys.readouterr().out


def test_without_triton_nothing_is_checked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    assert gpu.main([]) == 2
    assert "triton: expected the package, found none" in capsys.readouterr().out
