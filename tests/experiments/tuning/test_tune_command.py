"""Command `detloss tune`: output, errors, and exit codes."""

import json
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.errors import OptionError
from detloss.experiments.training.devices import device_groups
from detloss.experiments.tuning import cross_validation, tune_command
from detloss.experiments.tuning.candidates import State
from detloss.experiments.tuning.cross_validation import tune
from detloss.experiments.tuning.display import TuningDisplay
from detloss.experiments.tuning.search import TuningEvent
from tests.support.tuning_trials import (
    Inline,
    Surface,
    small_dataset,
    tuned,
)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"box": "focal"}, "box: 'focal' is a loss of .*. There are: l1, l2, smooth_l1, .*kld"),
        ({"cls": "giou"}, "cls: 'giou' is a loss of boxes. There are: ce, "),
        ({"detector": "none"}, "detector: expected one of unitbox.*, got 'none'"),
        ({"folds": 1}, "folds: expected at least 2, got 1"),
        ({"trials": 1}, "trials: expected at least 2, got 1"),
        ({"trials": 2}, "trials: expected more than the 2 start settings, got 2"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
        ({"jobs": 0}, "jobs: expected at least 1, got 0"),
        (
            {"over": ["beta"], "box": "l1"},
            "over: expected some of alpha, gamma, weight, the parameters of l1 and focal, got",
        ),
        ({"folds": 30}, "folds: expected boxes for evaluation in fold 25 of 30, got none in 0 of 24 training images"),
    ],
)
def test_invalid_arguments_are_rejected(asked: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        tuned(Surface(), **{"out": tmp_path} | asked)
    assert list(tmp_path.iterdir()) == []


def read_small(path: Path | None, **options: object) -> Dataset:
    return small_dataset()


def invoke(*words: str | Path | int) -> Result:
    return CliRunner().invoke(tune_command.tune, [str(word) for word in words])


@pytest.fixture
def surface(monkeypatch: pytest.MonkeyPatch) -> Surface:
    """What the command trains: a known surface."""
    known = Surface(noise=1e-4)
    monkeypatch.setattr(cross_validation, "Workers", Inline)
    monkeypatch.setattr(tune_command, "load", read_small)
    monkeypatch.setattr(cross_validation, "tune", partial(tune, run_trial=known))
    return known


def test_the_command_prints_the_plan_the_candidates_and_the_line(surface: Surface, tmp_path: Path) -> None:
    words = ("--trials", 12, "--steps", 2, "--jobs", 1, "--out", tmp_path)
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "small: For tests."
    assert lines[1].startswith("plan: 12 candidates for alpha, gamma, each on 3 folds of the training images")
    assert lines[2].startswith("estimate: at most about ")
    assert lines[3].startswith("alpha 0.875, gamma 2, fold 1: AP 0.")
    assert any(line.startswith("[1/12] alpha 0.875, gamma 2: AP 0.") for line in lines)
    assert any("dropped at AP" in line and line.endswith("after 1 fold") for line in lines)
    record = json.loads((tmp_path / "tune.json").read_text())
    assert lines[-4:-1] == [
        f"numbers: {tmp_path / 'tune.json'}",
        f"report: {tmp_path / 'report.html'}",
        record["line"],
    ]
    assert lines[-1].startswith(("Use the best candidate, alpha ", "Keep the start, alpha "))
    assert f"<b>{lines[-1]}</b>" in (tmp_path / "report.html").read_text(), "the page begins with the same sentence"
    best = record["best"]
    assert any(line.rstrip().endswith("best") and f"{best['ap']:.3f} (" in line for line in lines)
    calls = len(surface.calls)
    again = invoke(*words)
    assert "finished earlier: 12 of 12 candidates" in again.output
    assert "estimate" not in again.output
    assert len(surface.calls) == calls


def test_options_in_a_name_are_fixed_and_the_others_tuned(surface: Surface, tmp_path: Path) -> None:
    words = ("--box", "smooth_l1:beta=0.5", "--cls", "Focal:alpha=0.5", "--trials", 3, "--steps", 2, "--jobs", 1)
    result = invoke(*words, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "plan: 3 candidates for gamma, each on 3 folds" in result.output
    record = json.loads((tmp_path / "tune.json").read_text())
    assert (record["box"], record["cls"], record["over"]) == ("smooth_l1:beta=0.5", "focal:alpha=0.5", ["gamma"])
    assert record["line"].startswith("class_loss = detloss.SigmoidFocalLoss(alpha=0.5, gamma=")
    assert {(call.box, call.cls) for call in surface.calls} == {("smooth_l1:beta=0.5", "focal:alpha=0.5")}
    fixed = invoke(*words, "--cls", "focal:alpha=.5:gamma=1", "--out", tmp_path / "other")
    assert fixed.exit_code == 2
    assert "--over: expected some of alpha, gamma, beta, weight, the parameters of" in " ".join(fixed.output.split())


def test_progress_bars_show_the_finished_fraction() -> None:
    terminal = Console(force_terminal=True, width=120, file=StringIO())
    surface = Surface(hopeless=lambda trial: trial.candidate == 4)
    shares: list[float] = []

    def watch(happening: TuningEvent) -> None:
        display.show(happening)
        shares.append(display.bars.tasks[0].percentage)

    with TuningDisplay(terminal, device_groups(2)) as display:
        found = tuned(surface, jobs=2, on_event=watch)
    assert display.running == {}
    assert display.ended == 15, "all but the one that failed"
    assert any(one.state is State.DROPPED for one in found.candidates)
    assert shares == sorted(shares)
    assert 90 < shares[-1] <= 100, "the folds of the candidate that failed are missing"


@pytest.mark.exhaustive
def test_the_command_reports_failures(surface: Surface, tmp_path: Path) -> None:
    surface.hopeless = lambda trial: trial.candidate == 2
    result = invoke("--trials", 4, "--steps", 2, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 1
    assert ", fold 1: failed: FloatingPointError: the gradient is gone" in result.output
    assert "Traceback" in result.output
    assert "Error: 1 of 4 candidates failed; the same command resumes them." in result.output
    assert "class_loss = " in result.output, "there is an answer without it"
    surface.hopeless = lambda trial: True
    nothing = invoke("--trials", 4, "--steps", 3, "--jobs", 1, "--out", tmp_path / "other")
    assert nothing.exit_code == 1
    assert "Error: alpha 0.875, gamma 2, fold 1 failed: FloatingPointError: the gradient is gone" in nothing.output


def test_an_interrupt_is_reported_and_finished_trainings_are_kept(surface: Surface, tmp_path: Path) -> None:
    def interrupt(trial) -> bool:
        if trial.candidate == 2:
            raise KeyboardInterrupt
        return False

    surface.hopeless = interrupt
    result = invoke("--trials", 4, "--steps", 2, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 130
    assert f"Interrupted: 2 of 4 candidates are finished; finished trainings are kept in {tmp_path}." in result.output
    surface.hopeless = lambda trial: False
    assert invoke("--trials", 4, "--steps", 2, "--jobs", 1, "--out", tmp_path).exit_code == 0
    assert "finished earlier: 4 of 4" in invoke("--trials", 4, "--steps", 2, "--out", tmp_path).output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--box", "giuo"], 2, "No such loss: 'giuo'. Did you mean giou?"),
        (["--cls", "giou"], 2, "'giou' is a loss of boxes. There are: ce,"),
        (
            ["--box", "giou", "--over", "alpha, beta"],
            2,
            "Error: --over: expected some of alpha, gamma, weight, the parameters",
        ),
        (["--folds", "1"], 2, "1 is not in the range x>=2"),
        (["--trials", "2"], 2, "--trials: expected more than the 2 start settings, got 2"),
        (["--steps", "0"], 2, "--steps"),
        (["--detector", "none"], 2, "'none' is not"),
        (["--detector", "faster-rcnn"], 2, "Error: --cls: expected one of ce, softmax_focal, because"),
        (["--scenes", "none"], 2, "'none' is not one of 'digits', "),
        (["nowhere"], 2, "Path 'nowhere' does not exist"),
        (["--steps", "6"], 1, "steps: expected 5 as in the earlier run, got 6"),
    ],
)
def test_wrong_arguments_are_explained(
    surface: Surface, words: list[str], code: int, message: str, tmp_path: Path
) -> None:
    if code == 1:
        assert invoke("--trials", 3, "--steps", 5, "--jobs", 1, "--out", tmp_path).exit_code == 0
    result = invoke("--jobs", 1, "--out", tmp_path, *words)
    assert result.exit_code == code
    assert message in " ".join(result.output.split())


def test_data_that_cannot_be_used_are_explained(tmp_path: Path) -> None:
    result = invoke(tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert str(tmp_path) in result.output
    assert not (tmp_path / "out").exists()
