"""`make gpu` without a GPU: its checks in the interpreter, and its messages about missing packages."""

import sys
import time

import pytest
import torch

from benchmarks import cases
from detloss.kernels.triton import launch
from tests.support.marks import quick_and_exhaustive
from tools import gpu

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")  # from numpy, for padded rows


@pytest.mark.parametrize("every", quick_and_exhaustive(20, 1))
def test_interpreted_kernels_pass_every_part(
    every: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = cases.CASES[::every]
    monkeypatch.setattr(cases, "CASES", chosen)
    assert gpu.main(["--seconds", "1000"]) == 0
    printed = capsys.readouterr().out
    assert f"torch {torch.__version__}" in printed
    assert "FAILED" not in printed
    assert "time limit reached" not in printed
    assert "worst error in ulps" in printed
    assert "calls agree with eager" in printed
    assert all(f"  {case.title} " in printed for case in chosen)
    assert f"{len(chosen)} of {len(chosen)}" in printed


def test_wrong_kernel_fails_the_battery(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    scaled = launch.scaled
    monkeypatch.setattr(launch, "scaled", lambda *operands: -scaled(*operands))
    monkeypatch.setattr(gpu, "PARTS", gpu.PARTS[:1])
    assert gpu.main([]) == 1
    printed = capsys.readouterr().out
    assert "  FAILED " in printed
    assert " ulps > " in printed


def test_exception_is_a_failure_and_the_other_checks_run(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ValueError("no such kernel")

    part, done = gpu.Part(deadline=time.monotonic() + 1000.0), []
    part.run([broken, lambda: done.append(1)])
    assert part.failures == ["ValueError: no such kernel"]
    assert done == [1]
    assert capsys.readouterr().out.endswith("  2 of 2\n")


def test_checks_stop_at_the_deadline(capsys: pytest.CaptureFixture[str]) -> None:
    part = gpu.Part(deadline=time.monotonic() - 1.0)
    part.run([pytest.fail] * 3)
    assert capsys.readouterr().out == "  time limit reached after 0 of 3\n"
    assert not part.failures


def test_parts_with_missing_packages_are_skipped_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda name: None if name in ("mpmath", "torchvision") else name)
    assert gpu.main([]) == 0
    printed = capsys.readouterr().out
    assert "battery against exact values skipped, not installed: mpmath" in printed
    assert "benchmark skipped, not installed: torchvision" in printed
    assert "skipped: battery against exact values (mpmath)" in printed.splitlines()[-1]


def test_part_that_cannot_be_imported_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.cases", None)
    monkeypatch.setattr(gpu, "PARTS", gpu.PARTS[2:])
    assert gpu.main([]) == 1
    assert "  FAILED ModuleNotFoundError: import of benchmarks.cases halted" in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_nothing_is_checked_without_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    assert gpu.main([]) == 2
    assert "GPU: expected one that torch" in capsys.readouterr().out


def test_nothing_is_checked_without_triton(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(gpu, "find_spec", lambda name: None)
    assert gpu.main([]) == 2
    assert "triton: expected an installed package, found none" in capsys.readouterr().out
