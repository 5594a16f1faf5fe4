"""`make gpu` without a GPU: its parts in the interpreter, its output, and its messages about missing packages."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.cases import CASES
from detloss.kernels.triton import launch
from tests.support.loss_table import TABLE
from tests.support.marks import quick_and_exhaustive
from tools.gpu import __main__ as command
from tools.gpu import execution, part
from tools.gpu.part import INTERPRETED, Part, Run

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")  # from numpy, for padded rows

NO_GPU = {
    "launches and synchronizations": "needs 1 CUDA GPU",
    "CUDA graphs": "needs 1 CUDA GPU",
    "DistributedDataParallel": "needs 2 CUDA GPUs",
}
FEW = ("giou", "focal")  # parameters of focal loss are an operand of the compiled operator

Check = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Run the command; return its exit status and the parts of its record by name."""

    def run(*arguments: str) -> tuple[int, dict[str, Any]]:
        status = command.main([*arguments, "--out", str(tmp_path)])
        record = json.loads((tmp_path / "gpu.json").read_text())
        assert record["machine"]["torch"] == torch.__version__
        return status, {each["name"]: each for each in record["parts"]}

    return run


@pytest.fixture
def few_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check two losses one by one instead of all."""
    monkeypatch.setattr(command, "INTERPRETED", replace(INTERPRETED, losses=FEW))


def without(monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """Make packages look as if they were not installed."""
    installed = part.find_spec
    monkeypatch.setattr(part, "find_spec", lambda name: None if name in missing else installed(name))


def parts(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Run some of the parts."""
    monkeypatch.setattr(command, "PARTS", [each for each in command.PARTS if each.name in names])


@pytest.mark.parametrize("every", quick_and_exhaustive(False, True))
def test_every_part_passes_or_names_its_reason(
    every: bool,
    check: Check,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    reasons, losses, titles = dict(NO_GPU), {row.name for row in TABLE}, [case.title for case in CASES]
    if not every:
        losses, titles = set(FEW), [case.title for case in CASES if case.name in FEW]
        request.getfixturevalue("few_losses")
        without(monkeypatch, "sklearn", "optuna")  # trials take half a minute
        reasons["trials"] = "needs optuna, sklearn"
    status, found = check("--seconds", "2000")
    assert status == 0
    assert list(found) == [each.name for each in command.PARTS]
    assert {name: each["reason"] for name, each in found.items() if each["status"] == "not run"} == reasons
    for name in found.keys() - reasons.keys():
        assert found[name]["status"] == "passed"
        assert found[name]["done"] == found[name]["planned"] > 0
    assert {each["loss"] for each in found["every loss against eager"]["figures"]} == losses
    assert {each["dtype"] for each in found["bfloat16 against eager"]["figures"]} == {"bfloat16"}
    assert [each["loss"] for each in found["benchmark"]["figures"]] == titles
    shares = {each["loss"]: each["share of the bandwidth"] for each in found["benchmark"]["figures"]}
    assert shares.pop("linear_focal", None) is None  # its bound is that of its matrix products
    assert all(share > 0 for share in shares.values())
    text = (tmp_path / "gpu.md").read_text()
    assert "| CUDA graphs | not run: needs 1 CUDA GPU | 0 of 0 |" in text
    assert text in capsys.readouterr().out


def wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negate every gradient on Triton."""
    scaled = launch.scaled
    monkeypatch.setattr(launch, "scaled", lambda *operands: -scaled(*operands))


def test_wrong_kernel_fails_the_battery(
    check: Check, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong_kernel(monkeypatch)
    parts(monkeypatch, "battery against exact values")
    status, found = check()
    assert status == 1
    assert found["battery against exact values"]["status"] == "failed"
    printed = capsys.readouterr().out
    assert "  FAILED " in printed
    assert " ulps > " in printed


@pytest.mark.usefixtures("few_losses")
def test_wrong_kernel_fails_every_comparison(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_kernel(monkeypatch)
    names = "every loss against eager", "bfloat16 against eager"
    parts(monkeypatch, *names)
    status, found = check()
    assert status == 1
    for name in names:
        assert found[name]["status"] == "failed"
        assert "gradient by pred" in found[name]["failures"][0]


def test_results_that_differ_from_the_expected_ones_are_described() -> None:
    ones = (torch.ones(()), torch.ones(3))
    assert not execution.differences("giou", ones, ones)
    [difference] = execution.differences("giou, replayed", ones, (torch.ones(()), torch.tensor([1.0, 1.0, 2.0])))
    assert difference.startswith("giou, replayed: Tensor-likes are not close! Mismatched elements: 1 / 3")


@pytest.mark.exhaustive
def test_two_processes_have_the_gradient_of_one(seed: int) -> None:
    run = Run(torch.device("cpu"), INTERPRETED, seed, time.monotonic() + 1000.0)
    execution.two_gpus(run)
    assert not run.failures
    assert run.done == 1


def test_exception_is_a_failure_with_a_name_and_the_other_checks_run(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise ValueError("no such kernel")

    run, done = Run(torch.device("cpu"), INTERPRETED, 0, time.monotonic() + 1000.0), []
    run.each([("giou", broken), ("ciou", lambda: done.append(1))])
    assert run.failures == ["giou: ValueError: no such kernel"]
    assert done == [1]
    assert capsys.readouterr().out.endswith("  2 of 2\n")


def test_checks_stop_at_the_deadline(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(torch.device("cpu"), INTERPRETED, 0, time.monotonic() - 1.0)
    run.each([("giou", pytest.fail)] * 3)
    assert capsys.readouterr().out == "  time limit reached after 0 of 3\n"
    assert not run.failures


def test_gpus_and_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "torchvision")
    needy = Part("needy", pytest.fail, 1.0, ("torch", "torchvision"), gpus=2)
    assert needy.obstacle(gpus=1) == "needs 2 CUDA GPUs, torchvision"
    assert needy.obstacle(gpus=2) == "needs torchvision"
    assert replace(needy, packages=()).obstacle(gpus=2) is None


def test_exit_status_is_2_if_no_part_could_run(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    parts(monkeypatch, *NO_GPU)
    status, found = check()
    assert status == 2
    assert {each["status"] for each in found.values()} == {"not run"}


def test_part_that_cannot_be_imported_fails(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("benchmarks.cases")
    monkeypatch.setitem(sys.modules, "benchmarks.cases", None)
    parts(monkeypatch, "benchmark")
    status, found = check()
    assert status == 1
    [failure] = found["benchmark"]["failures"]
    assert "benchmarks" in failure


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_nothing_is_checked_without_a_gpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    assert command.main([]) == 2
    assert "GPU: expected one that torch" in capsys.readouterr().out


def test_nothing_is_checked_without_triton(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert command.main([]) == 2
    assert "triton: expected an installed package, found none" in capsys.readouterr().out
