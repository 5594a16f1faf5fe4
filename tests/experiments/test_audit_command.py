"""The command ``audit``: exit statuses, usage errors, and the current folder."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from detloss.auditing.report import Finding, Report
from detloss.experiments.cli import main

CODE = """
import torch

def halved(pred, target):
    return (pred - target).abs() / 4

def l1(pred, target):
    return (pred - target).abs()

class L1(torch.nn.Module):
    def forward(self, pred, target):
        return l1(pred, target)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "audited_losses.py").write_text(CODE, encoding="utf-8")
    (tmp_path / "audited_but_broken.py").write_text("import no_such_module\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(["audited_losses:l1"], 0), (["audited_losses:halved"], 1), (["L1", "--format", "xywh"], 0)],
)
def test_the_exit_status(folder: Path, arguments: list[str], status: int) -> None:
    like = [] if arguments[0] == "L1" else ["--as", "l1"]
    done = CliRunner().invoke(main, ["audit", *arguments, *like, "--json", "found.json"])
    assert done.exit_code == status, done.output
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert bool(found["broken"]) == bool(status)
    assert f"{found['broken']} of {found['checked']} promises broken" in done.output
    assert ("from audited_losses import halved" in done.output) == bool(status)


def test_the_printed_report() -> None:
    finding = Finding("finite", "float32", False, None, [1.0], [0.0], "0.5", "nan", "import torch\nprint(1)\nprint(2)")
    text = str(Report("module:loss", "l1", ("float32",), (finding, Finding("accurate value", "float32", True, 0.5))))
    assert "module:loss as l1: 1 of 2 promises broken" in " ".join(text.split())
    assert all(piece in text for piece in ("finite, float32", "nan", "import torch", "print(2)"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "TARGET: expected MODULE:FUNCTION or --peers, got neither"),
        (["audited_losses:l1", "--peers"], "got both"),
        (["audited_losses:l2", "--as", "l2"], "TARGET: expected a function of audited_losses, got 'l2'"),
        (["audited_losses:L1", "--as", "l1"], "got the class 'audited_losses:L1'"),
        (["mmdet.models.losses:GIoULoss"], "TARGET: expected a module, got 'mmdet.models.losses'"),
        (["no_such_module:l1", "--as", "l1"], "TARGET: expected a module, got 'no_such_module'"),
        (["audited_but_broken:l1", "--as", "l1"], "No module named 'no_such_module'"),
        (["audited_losses:l1"], "--as: expected the name of a loss, since the function is not a known one"),
        (["audited_losses"], "TARGET: expected MODULE:FUNCTION or a loss. No such loss: 'audited_losses'"),
        (["gious"], "No such loss: 'gious'. Did you mean giou?"),
        (["l1", "--with", "beta=1"], "--with: expected one of the options (none) of l1, got 'beta'"),
        (["audited_losses:l1", "--as", "l3"], "No such loss: 'l3'"),
        (["audited_losses:l1", "--as", "smooth_l1", "--with", "beta"], "--with: expected A=B, got 'beta'"),
        (["audited_losses:l1", "--as", "l1", "--format", "yxyx"], "'yxyx' is not one of"),
    ],
)
def test_usage_errors(folder: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["audit", *arguments])
    assert done.exit_code == 2, done.output
    assert message in " ".join(done.output.split())
