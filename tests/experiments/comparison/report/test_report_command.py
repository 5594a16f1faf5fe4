"""`detloss report`, the page while trials run, and errors: file names, signals, passwords, full disks."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from click.testing import CliRunner, Result

from detloss.experiments.cli import main
from detloss.experiments.comparison import plan, progress, session
from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.plan import Plan
from detloss.experiments.comparison.report.page import LivePage
from detloss.experiments.comparison.runner import Comparison, read_results
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.outcome import Outcome
from tests.experiments.test_cli import INTERRUPTIBLE, read_small
from tests.support.marks import exhaustive_except
from tests.support.trials import run_here, small_dataset

WORDS = ("compare", "--box", "l1,giou", "--weights", "l1=1", "--seeds", "2", "--steps", "3", "--jobs", "1")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that train nothing, on two small images."""
    monkeypatch.setattr(plan, "load", read_small)
    monkeypatch.setattr(Comparison, "run", run_here)
    monkeypatch.setattr(progress, "estimated_seconds", lambda *given: 1.0)


def detloss(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The folder of a comparison without its page."""
    assert detloss(*WORDS, "--out", tmp_path).exit_code == 0
    (tmp_path / "report.html").unlink()
    (tmp_path / "standings.json").unlink()
    return tmp_path


def test_a_report_is_made_from_a_folder_and_nothing_is_trained(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (finished / "results.jsonl").read_text()
    monkeypatch.setattr(Comparison, "run", None)
    result = detloss("report", finished)
    assert result.exit_code == 0, result.output
    answer = "Any of l1 + focal and giou + focal may be the best: their differences are the same on all seeds"
    assert result.output.splitlines()[-1].startswith(answer)
    standings = json.loads((finished / "standings.json").read_text())
    assert standings["best"] == ["l1 + focal", "giou + focal"]
    page = (finished / "report.html").read_text()
    assert result.output.splitlines()[-1] in page
    assert f"detloss compare --box l1,giou --weights l1=1 --seeds 2 --steps 3 --jobs 1 --out {finished}" in page
    assert "http-equiv" not in page, "nothing is running"
    assert (finished / "results.jsonl").read_text() == before


def test_a_failed_trial_is_reported_and_not_restarted(tmp_path: Path) -> None:
    assert detloss(*WORDS, "--first-seed", "12", "--out", tmp_path).exit_code == 1
    for _ in range(2):
        result = detloss("report", tmp_path)
        assert result.exit_code == 0, result.output
        assert "l1 + focal failed on 1 of 2 seeds: seed 13, where its score is unknown" in result.output
    assert "RuntimeError: the thirteenth seed" in (tmp_path / "report.html").read_text()


def outcomes_in(folder: Folder) -> list[Outcome]:
    recorded = folder.plan()
    plan = Plan.from_json(recorded)
    name = session.study_name({key: value for key, value in recorded.items() if key not in plan.to_json()})
    return read_results(folder, folder.study, name, plan).outcomes


@pytest.mark.exhaustive
def test_a_result_that_the_database_did_not_accept_is_in_the_report(finished: Path) -> None:
    folder = Folder(finished)
    outcome = outcomes_in(folder)[0]
    seed = replace(outcome, trial=replace(outcome.trial, seed=1000), score=0.987)
    folder.save_undelivered(seed)
    assert detloss("report", finished).exit_code == 0
    assert "–<wbr>0.987" in (finished / "report.html").read_text()


@pytest.mark.parametrize(
    ("remove", "message"),
    exhaustive_except(
        [
            ("plan.json", "expected the folder of a comparison, found no plan.json in it"),
            ("settings.json", "expected settings.json, found none: repeat the command of the comparison"),
            ("study.db", "found no study.db in it: give the --storage of the comparison, sqlite:///"),
        ],
        lambda case: case[0] == "study.db",
    ),
)
def test_a_folder_with_a_missing_file_is_an_error(finished: Path, remove: str, message: str) -> None:
    (finished / remove).unlink()
    result = detloss("report", finished)
    assert result.exit_code == 1
    assert message in result.output
    assert not (finished / "report.html").exists()
    assert not (finished / remove).exists(), "nothing is created"


@pytest.mark.parametrize("content", exhaustive_except(["", "{", "[]", "{}"], lambda content: content == "{"))
def test_damaged_settings_are_an_error(finished: Path, content: str) -> None:
    (finished / "settings.json").write_text(content)
    result = detloss("report", finished)
    assert result.exit_code == 1
    assert "settings.json: expected the settings of a comparison as JSON, got " in result.output


def test_a_database_without_the_comparison_is_an_error(finished: Path) -> None:
    plan = json.loads((finished / "plan.json").read_text())
    (finished / "plan.json").write_text(json.dumps(plan | {"detector": "fcos"}))
    result = detloss("report", finished)
    assert result.exit_code == 1
    assert "storage: expected the study 'detloss compare " in result.output
    assert "found none" in result.output


def test_other_data_are_rejected(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dataset, "fingerprint", lambda self: "other")
    result = detloss("report", finished, "--data", finished)
    assert result.exit_code == 1
    assert f"{finished}: expected the data of the comparison, " in result.output
    assert "got other data, other" in result.output


@pytest.mark.exhaustive
@pytest.mark.parametrize("content", exhaustive_except(["", '{"trial": {', "{}"], lambda content: not content))
def test_a_damaged_undelivered_result_is_an_error_with_a_remedy(finished: Path, content: str) -> None:
    (finished / "undelivered-x.json").write_text(content)
    for arguments in ((*WORDS, "--out", finished), ("report", finished)):
        result = detloss(*arguments)
        assert result.exit_code == 1
        assert (
            "undelivered-x.json: expected the result of a trial, got a damaged file: delete the file" in result.output
        )
    (finished / "undelivered-x.json").unlink()
    assert detloss(*WORDS, "--out", finished).exit_code == 0


def read_strange(path: Path | None, **options: object) -> Dataset:
    """Names as an archive or an attacker may bring them: not UTF-8, and with commands for the terminal."""
    data = small_dataset()
    samples = [type(sample)(f"{sample.name}\udcff", *list(vars(sample).values())[1:]) for sample in data.validation]
    problem = type(data.problems[0])("a\x1b]0;owned\x07\udcff.png", "whole file", "image cannot be read")
    return Dataset(data.name, ("\ud800dog", "cat"), data.train, samples, [problem], data.split)


def test_invalid_names_are_escaped_in_terminal_and_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plan, "load", read_strange)
    result = detloss(*WORDS, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert r"excluded: a\x1b]0;owned\x07\udcff.png" in result.output
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert r"\ud800dog" in page
    assert r"image-0.png\udcff" in page
    assert "\x1b" not in page + result.output


@pytest.mark.exhaustive
def test_the_finding_is_printed_if_the_page_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    result = detloss(*WORDS, "--out", tmp_path)
    assert result.exit_code == 1
    assert "Any of l1 + focal and giou + focal may be the best" in result.output
    assert f"Error: [Errno 21] Is a directory: '{tmp_path / 'report.html'}'" in result.output


def test_no_password_is_written_or_printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    study = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    store = session.TrialStore
    monkeypatch.setattr(session, "TrialStore", lambda url, *args, **options: store(study, *args, **options))
    address = "postgresql://me:CANARY@host/base?password=CANARY"
    for given in (("--storage", address), (f"--storage={address}",)):
        result = detloss(*WORDS, *given, "--out", tmp_path / "out", "--overwrite")
        assert result.exit_code == 0, result.output
        page = (tmp_path / "out" / "report.html").read_text()
        assert "postgresql://me:***@host/base?password=***" in page
        written = [file.read_bytes() for file in (tmp_path / "out").iterdir()]
        assert not any(b"CANARY" in content for content in [*written, result.output.encode()])
    monkeypatch.undo()
    monkeypatch.setattr(plan, "load", read_small)
    for wrong in ("postgresql//u:CANARY@h/d", "postgresql://127.0.0.1:1/d?user=u&password=CANARY"):
        result = detloss(*WORDS, "--storage", wrong, "--out", tmp_path / "wrong", "--overwrite")
        assert result.exit_code == 1
        assert "Error: storage: expected " in result.output
        assert "CANARY" not in result.output


def test_the_page_is_written_in_the_background_with_the_latest_state() -> None:
    written, first, go_on = [], Event(), Event()

    def write(state: int) -> None:
        written.append(state)
        first.set()
        go_on.wait()

    with LivePage(write) as page:
        page.show(1)
        assert first.wait(60)
        page.show(2)
        page.show(3)
        go_on.set()
    assert written[0] == 1
    assert written[1:] in ([], [3]), "a replaced state is not written"


def test_errors_in_the_background_are_ignored() -> None:
    tried = Event()

    def write(state: int) -> None:
        tried.set()
        raise OSError("no space")

    with LivePage(write) as page:
        page.show(1)
        assert tried.wait(60)


@pytest.mark.exhaustive
def test_sigterm_releases_running_trials_and_leaves_a_report(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTIBLE, tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        if "[1/2] l1 + focal, seed 0" in line:
            break
    assert any(line.startswith(f"report: {tmp_path / 'report.html'}, which is updated") for line in printed)
    os.kill(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert f"Interrupted: 1 of 2 trials are not finished; finished trials are kept in {tmp_path}" in errors
    assert "Traceback" not in errors
    assert "With 1 of 2 trials finished: " in output.splitlines()[-1]
    assert "With 1 of 2 trials finished: " in (tmp_path / "report.html").read_text()
    [finished] = outcomes_in(Folder(tmp_path))
    assert finished.trial.seed == 0
