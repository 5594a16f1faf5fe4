"""Command `detloss`: options, output, errors, and exit codes."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import detloss
from detloss.experiments.cli import main
from detloss.experiments.comparison import plan, progress, runner
from detloss.experiments.data.dataset import Dataset, DatasetError, Problem
from detloss.experiments.training import training_loop
from detloss.experiments.tuning import tune_command
from detloss.loss_names import CLASS_LOSSES, ROTATED_BOX_LOSSES
from tests.support.inline_workers import Inline
from tests.support.marks import exhaustive_except
from tests.support.trials import quick_trial, small_dataset


def read_small(path: Path | None, **options: object) -> Dataset:
    """What `load` is replaced by; workers import it too."""
    return small_dataset()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that train nothing, on two small images."""
    monkeypatch.setattr(plan, "load", read_small)
    monkeypatch.setattr(runner, "Workers", Inline)
    monkeypatch.setattr(training_loop, "run_trial", quick_trial)


def detloss_command(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def records_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_compare_finds_weights_trains_every_pair_and_reports(quick: None, tmp_path: Path) -> None:
    words = ("compare", "--seeds", 2, "--first-seed", 5, "--steps", 8, "--jobs", 1, "--out", tmp_path)
    result = detloss_command(*words)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[:3] == [
        "two & a half: Every fifth image; 2 and 2 images.",
        "excluded: labels/<7>.json, annotation 12: box (4, 4, 4, 9) has no area",
        "plan: 20 or more trials of 1 step to select the weights, then 4 trials of 8 steps: 2 pairs on 2 seeds",
    ]
    assert lines[3].startswith("precision: with 2 seeds, differences of 0.0")
    assert lines[4].startswith("estimate: about ")
    assert re.search(r"\[1/24\] smooth_l1 \+ focal, weight [0-9.]+, seed 1000000: AP 0\.400, 3 s", result.output)
    for number, (box, seed) in enumerate([("smooth_l1", 5), ("giou", 5), ("smooth_l1", 6), ("giou", 6)], start=21):
        assert f"[{number}/24] {box} + focal, seed {seed}: AP 0.400, 3 s" in lines
    assert "Weights selected by the search" in result.output
    assert "no maximum over the weight: smooth_l1 + focal, giou + focal." in result.output, "all scores are equal"
    assert lines[5] == f"report: {tmp_path / 'report.html'}, which is updated while trials run"
    assert lines[-2] == f"report: {tmp_path / 'report.html'}"
    assert lines[-1] == (
        "Any of smooth_l1 + focal and giou + focal may be the best: their differences are the same on all seeds, so the"
        " variance over the seeds is unknown."
    )
    assert [record["phase"] for record in records_of(tmp_path)] == ["search"] * 20 + ["compare"] * 4
    page = (tmp_path / "report.html").read_text()
    assert "detloss compare --seeds 2 --first-seed 5 --steps 8 --jobs 1" in page
    assert "not distinguishable" in page

    again = detloss_command(*words)
    assert again.exit_code == 0, again.output
    assert "finished earlier or by other processes: 24 of 24 trials" in again.output
    assert "estimate" not in again.output
    assert "[" not in "".join(line for line in again.output.splitlines() if "seed 5: AP" in line)
    assert len(records_of(tmp_path)) == 24, "nothing is run twice"


def test_given_weights_replace_the_search(quick: None, tmp_path: Path) -> None:
    words = ("--box", "l2,giou,l1", "--weights", "giou=2.5,l1=.5", "--seeds", 1, "--steps", 3, "--jobs", 1)
    result = detloss_command("compare", *words, "--baseline", "giou", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "plan: 3 trials of 3 steps: 3 pairs on 1 seed" in result.output
    weights = {record["box"]: (record["weight"], record["phase"]) for record in records_of(tmp_path)}
    assert weights == {"l2": (0.2, "compare"), "giou": (2.5, "compare"), "l1": (0.5, "compare")}
    assert "Difference from giou + focal" in (tmp_path / "report.html").read_text()
    assert "one seed cannot separate a difference from chance" in result.output


@pytest.mark.exhaustive
def test_a_weight_may_be_that_of_one_pair(quick: None, tmp_path: Path) -> None:
    words = ("--box", "l2,giou", "--cls", "ce,bce", "--weights", "giou+ce = 4, giou=2.5", "--seeds", 1, "--steps", 3)
    result = detloss_command("compare", *words, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert {(record["box"], record["cls"]): record["weight"] for record in records_of(tmp_path)} == {
        ("l2", "ce"): 0.2,
        ("l2", "bce"): 0.2,
        ("giou", "ce"): 4,
        ("giou", "bce"): 2.5,
    }


def read_faulty(path: Path | None, **options: object) -> Dataset:
    """A data set with many problems and a warning."""
    problems = [Problem("cells.json", f"row {number}", "has, no\x1b area") for number in range(50)]
    return replace(small_dataset(), problems=problems, warnings=["copies\x1b"])


def test_the_first_problems_are_printed_and_a_file_has_all(
    quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(plan, "load", read_faulty)
    result = detloss_command("compare", "--quick", "--steps", 8, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.startswith("excluded: ")]
    assert lines[0] == r"excluded: cells.json, row 0: has, no\x1b area"
    assert lines[20:] == ["excluded: 50 in all, which problems.csv in the output folder lists"]
    assert r"warning: copies\x1b" in result.output.splitlines()
    with (tmp_path / "problems.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", "row", "message"]
    assert rows[1:] == [["cells.json", f"row {number}", r"has, no\x1b area"] for number in range(50)]
    page = (tmp_path / "report.html").read_text()
    assert "50 problems were found" in page
    assert page.count("<td>cells.json</td>") == 20
    assert "The others are in problems.csv beside this page." in page
    assert r"<strong>Warning:</strong> copies\x1b" in page


@pytest.mark.parametrize("command", ["compare", "tune"])
def test_options_of_the_data(command: str, quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[dict[str, object]] = []

    def record(path: Path | None, **options: object) -> Dataset:
        given.append({name: options[name] for name in ("group", "augment", "cache", "size")})
        raise DatasetError("enough")

    monkeypatch.setattr(plan, "load", record)
    monkeypatch.setattr(tune_command, "load", record)
    for words in ((), ("--group", "a[0-9]", "--augment", "--cache", tmp_path / "cache", "--size", 50)):
        assert "Error: enough" in detloss_command(command, tmp_path, *words, "--out", tmp_path / "out").output
    assert given == [
        {"group": None, "augment": False, "cache": None, "size": None},
        {"group": "a[0-9]", "augment": True, "cache": tmp_path / "cache", "size": 50},
    ]


@pytest.mark.parametrize("name", ["giou", "l2+ce", "giou+focal"])
def test_a_weight_of_a_loss_that_is_not_compared_is_an_error(name: str, tmp_path: Path) -> None:
    words = ("compare", "--box", "l1,l2", "--cls", "focal", "--weights", f"l1=2,{name}=3", "--out", tmp_path / "out")
    result = detloss_command(*words)
    assert result.exit_code == 2
    message = f"Invalid value for --weights: expected losses of the pairs l1+focal, l2+focal, got {name}"
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.exhaustive
def test_a_quick_comparison_is_marked_as_unreliable(quick: None, tmp_path: Path) -> None:
    result = detloss_command("compare", "--quick", "--steps", 8, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert result.output.count("its ranking is not reliable") == 2, "before it starts, and beside the result"
    assert "plan: 2 trials of 4 steps: 2 pairs on 1 seed" in result.output
    assert {(record["steps"], record["seed"], record["phase"]) for record in records_of(tmp_path)} == {
        (4, 0, "compare")
    }
    assert "not reliable" in (tmp_path / "report.html").read_text()
    again = detloss_command("compare", "--quick", "--seeds", 1, "--steps", 8, "--jobs", 1, "--out", tmp_path)
    assert again.exit_code == 0, again.output
    assert "finished earlier or by other processes: 2 of 2 trials" in again.output, "one seed is that of a quick look"
    refused = detloss_command("compare", "--quick", "--seeds", 3, "--out", tmp_path)
    assert refused.exit_code == 2
    assert "expected 1 with --quick, got 3" in refused.output


@pytest.mark.exhaustive
def test_variants_of_a_loss_are_separate_pairs(quick: None, tmp_path: Path) -> None:
    words = ("--box", "GIoU:enclosing=hull", "--cls", "focal,Focal:gamma=1.50:alpha=None", "--seeds", 2, "--steps", 3)
    weights = "giou:enclosing=hull=2,giou:enclosing=hull+focal:gamma=1.5:alpha=none=4"
    words = (*words, "--weights", weights, "--baseline", "focal:Gamma=1.5:alpha=none", "--jobs", 1, "--out", tmp_path)
    result = detloss_command("compare", *words)
    assert result.exit_code == 0, result.output
    assert "plan: 4 trials of 3 steps: 2 pairs on 2 seeds" in result.output
    assert {(record["box"], record["cls"]): record["weight"] for record in records_of(tmp_path)} == {
        ("giou:enclosing=hull", "focal"): 2,
        ("giou:enclosing=hull", "focal:alpha=none:gamma=1.5"): 4,
    }
    assert "Difference from giou:enclosing=hull + focal:alpha=none:gamma=1.5" in (tmp_path / "report.html").read_text()
    again = detloss_command("compare", *words)
    assert "finished earlier or by other processes: 4 of 4 trials" in again.output
    report = detloss_command("report", tmp_path)
    assert report.exit_code == 0, report.output


@pytest.mark.parametrize("command", ["compare", "tune"])
def test_losses_are_checked_before_data_are_read(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def load(*arguments: object, **options: object) -> Dataset:
        raise AssertionError("read")

    monkeypatch.setattr(plan, "load", load)
    monkeypatch.setattr(tune_command, "load", load)
    result = detloss_command(command, "--detector", "retinanet", "--cls", "ce:label_smoothing=0.1", "--out", tmp_path)
    assert result.exit_code == 2
    assert "--cls: expected one of bce, balanced_bce, focal, asl, qfl, vfl, mal, iabce, because" in " ".join(
        result.output.split()
    )
    assert "got 'ce:label_smoothing=0.1'" in " ".join(result.output.split())


@pytest.mark.exhaustive
@pytest.mark.parametrize(("faster", "printed"), [(0.7, True), (0.9, False)])
def test_bfloat16_is_named_where_it_helps(
    faster: float, printed: bool, quick: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    times = {"float32": 600.0, "bfloat16": 600.0 * faster}
    monkeypatch.setattr(progress, "estimated_seconds", lambda results, dataset, groups, precision: times[precision])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    result = detloss_command("compare", "--quick", "--steps", 8, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "estimate: about 10 minutes" in result.output
    assert ("about 7 minutes with --precision bfloat16" in result.output) is printed


def test_too_many_devices_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for command in ("compare", "tune"):
        result = detloss_command(command, "--devices-per-trial", 2, "--out", tmp_path)
        assert result.exit_code == 2
        assert "--devices-per-trial: expected at most 1, the GPUs of this machine, got 2" in result.output


def test_a_failing_trial_is_an_error_and_the_others_are_reported(quick: None, tmp_path: Path) -> None:
    words = ("compare", "--box", "l1", "--weights", "l1=1", "--seeds", 2, "--first-seed", 12, "--steps", 3, "--jobs", 1)
    result = detloss_command(*words, "--out", tmp_path)
    assert result.exit_code == 1
    assert "l1 + focal, seed 13 failed: RuntimeError: the thirteenth seed" in result.output
    assert f"1 of 2 trials failed; finished trials are kept in {tmp_path}" in result.output
    assert "1 of 2 trials did not" in (tmp_path / "report.html").read_text()


def test_results_are_overwritten_only_on_request(quick: None, tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    words = ("compare", "--box", "l1", "--weights", "l1=1", "--seeds", 1, "--jobs", 1, "--out", tmp_path)
    refused = detloss_command(*words, "--steps", 3)
    assert refused.exit_code == 1
    assert "--overwrite" in refused.output
    assert (tmp_path / "results.jsonl").read_text() == "precious\n"
    assert detloss_command(*words, "--steps", 3, "--overwrite").exit_code == 0
    assert "precious" not in (tmp_path / "results.jsonl").read_text()
    other = detloss_command(*words, "--steps", 3, "--precision", "bfloat16")
    assert other.exit_code == 1
    assert "precision: expected float32 as in the earlier run, got bfloat16" in other.output
    assert len(records_of(tmp_path)) == 1


@pytest.mark.exhaustive
def test_a_comparison_grows(quick: None, tmp_path: Path) -> None:
    words = ("compare", "--weights", "giou=1", "--steps", 3, "--jobs", 1, "--out", tmp_path)
    assert detloss_command(*words, "--box", "l1,giou", "--seeds", 2).exit_code == 0
    for boxes, seeds, finished, number in (("l1,giou", 3, 4, 6), ("l1,giou,ciou", 3, 6, 9), ("giou,ciou", 2, 4, 4)):
        result = detloss_command(*words, "--box", boxes, "--seeds", seeds)
        assert result.exit_code == 0, result.output
        assert f"finished earlier or by other processes: {finished} of {number} trials" in result.output
        assert len(records_of(tmp_path)) == number


def test_a_torn_line_is_repaired(quick: None, tmp_path: Path) -> None:
    words = ("compare", "--box", "l1", "--weights", "l1=1", "--seeds", 1, "--steps", 3, "--jobs", 1, "--out", tmp_path)
    assert detloss_command(*words).exit_code == 0
    whole = (tmp_path / "results.jsonl").read_text()
    (tmp_path / "results.jsonl").write_text(whole[:-9])
    result = detloss_command(*words)
    assert result.exit_code == 0
    assert (tmp_path / "results.jsonl").read_text() == whole


def test_an_unavailable_database_is_an_error(quick: None, tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/base"
    result = detloss_command("compare", "--storage", url, "--out", tmp_path)
    assert result.exit_code == 1
    assert "Error: storage: expected postgresql://me:***@127.0.0.1:1/base to answer, got connection" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--box", "giuo"], "No such loss: 'giuo'. Did you mean giou? There are: l1, l2, smooth_l1, charbonnier,"),
        (["--box", "focal"], "'focal' is a loss of one-vs-rest logits. There are: l1,"),
        (["--cls", "FOCALL,ce"], "No such loss: 'focall'. Did you mean focal? There are: ce, weighted_ce,"),
        (["--box", "giou:enclosing=circle"], "giou:enclosing=circle: enclosing: expected None, 'box' or 'hull', got"),
        (
            ["--cls", "focal:beta=1"],
            "focal: expected one of the options alpha, gamma, poly, label_smoothing, got 'beta'",
        ),
        (["--weights", "focal:gamma=1.5"], "'focal' is a loss of one-vs-rest logits"),
        (["--weights", "giou:enclosing=3"], "giou: expected OPTION=VALUE after ':', got 'enclosing'"),
        (["--baseline", "giou+focal:gamma=1.5"], "expected one of the pairs smooth_l1+focal, giou+focal, got"),
        (["--box", "l1,l1"], "expected every loss once, got l1 and l1"),
        (["--box", ""], "No such loss: ''."),
        (["--seeds", "0"], "expected a number above 0 or auto, got '0'"),
        (["--seeds", "many"], "expected a number above 0 or auto, got 'many'"),
        (["--seeds", "auto", "--quick"], "expected 1 with --quick, got auto"),
        (["--hours", "0"], "--hours"),
        (["--hours", "nan"], "'--hours': 'nan' is not a number."),
        (["--jobs", "-1"], "--jobs"),
        (["--devices-per-trial", "17"], "--devices-per-trial"),
        (["--precision", "float16"], "'float16' is not one of 'float32', 'bfloat16'"),
        (["--detector", "nothing"], "'nothing' is not"),
        (["--weights", "focal=1"], "'focal' is a loss of one-vs-rest logits"),
        (["--weights", "l1=1,l1=2"], "expected every loss once, got l1 twice"),
        (["--weights", "l1+ce=1,l1+ce=2"], "expected every loss once, got l1+ce twice"),
        (["--weights", "l1+giou=1"], "'giou' is a loss of boxes. There are: ce,"),
        (["--weights", "l1+=1"], "No such loss: 'l1+'. Did you mean l1?"),
        (["--weights", "l1+ce=0"], "l1+ce: expected a number above 0, got 0"),
        (["--weights", "l1"], "expected LOSS=NUMBER, got 'l1'"),
        (["--weights", "l1=0"], "l1: expected a number above 0, got 0"),
        (["--weights", "l1=nan"], "l1: expected a number above 0, got nan"),
        (
            ["--baseline", "ciou"],
            "expected one of the pairs smooth_l1+focal, giou+focal, got 'ciou', which matches none of",
        ),
        (["--baseline", "focal"], "got 'focal', which matches several of them"),
        (
            ["--detector", "retinanet", "--cls", "ce"],
            "--cls: expected one of bce, balanced_bce, focal, asl, qfl, vfl, mal, iabce, because retinanet",
        ),
        (["--detector", "faster-rcnn", "--cls", "ce,weighted_ce"], "--cls: expected one of ce, softmax_focal, because"),
        (["--scenes", "none"], "'none' is not one of 'digits', 'boxes', 'sparse'"),
        (["nowhere"], "Path 'nowhere' does not exist"),
    ],
)
def test_wrong_options_are_explained(words: list[str], message: str) -> None:
    result = detloss_command("compare", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_data_that_cannot_be_used_is_explained_and_nothing_is_removed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "results.jsonl").write_text("precious\n")
    result = detloss_command("compare", tmp_path / "data", "--out", tmp_path, "--overwrite")
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert str(tmp_path / "data") in result.output
    assert (tmp_path / "results.jsonl").read_text() == "precious\n"


INTERRUPTIBLE = """
import signal
import sys
from dataclasses import replace
from functools import partialmethod
from detloss.experiments import cli
from detloss.experiments.comparison import plan
from detloss.experiments.comparison.runner import Comparison
from tests.experiments.test_cli import read_small
from tests.support.trials import endless_trial

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background inherits that it is ignored
plan.load = read_small
Comparison.run = partialmethod(Comparison.run, run_trial=endless_trial)
words = ["--box", "l1", "--weights", "l1=1", "--seeds", "2", "--steps", "3", "--jobs", "1", "--out", sys.argv[1]]
cli.main(["compare", *words])
"""


@pytest.mark.exhaustive
def test_an_interrupt_ends_the_workers_and_keeps_finished_trials(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert any("[1/2] l1 + focal, seed 0" in line for line in process.stdout)
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: to the command and its workers
    output, errors = process.communicate()
    assert process.returncode == 130
    assert f"Interrupted: 1 of 2 trials are not finished; finished trials are kept in {tmp_path}" in errors
    assert "Traceback" not in errors
    assert "report: " in output
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("PDF", b"%PDF")])
def test_the_suffix_of_a_plot_determines_its_format(suffix: str, start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"l1.{suffix}"
    result = detloss_command("show", "L1", "--out", path)
    assert result.exit_code == 0, result.output
    assert result.output == f"plot: {path}\n"
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("words", "file"),
    [
        (["l1,l2"], "l1-l2.png"),
        (["Focal:gamma=1.50,focal:gamma=.5:alpha=none"], "focal-gamma=1.5-focal-alpha=none-gamma=0.5.png"),
    ],
)
def test_a_plot_is_named_after_its_losses(
    words: list[str], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = detloss_command("show", *words)
    assert result.output == f"plot: {file}\n"
    assert [path.name for path in tmp_path.iterdir()] == [file]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["giou,focal"], "losses: expected losses of the same input, got giou (a loss of boxes), focal (a loss of"),
        (["l1,focal"], "got l1 (a loss of numbers), focal"),
        (["focal", "--rotated"], "--rotated: expected box losses, got focal"),
        (["l1,l2,smooth_l1,iou,giou,diou,ciou"], "losses: expected at most 6 in a plot, got 7"),
        (["giou,giou"], "expected every loss once, got giou and giou"),
        (["focal:beta=1"], "focal: expected one of the options alpha, gamma, poly, label_smoothing, got 'beta'."),
        (["focal:gamma=-2"], "focal:gamma=-2: gamma: expected a finite number"),
    ],
)
def test_losses_without_a_common_plot_are_errors(words: list[str], message: str, tmp_path: Path) -> None:
    result = detloss_command("show", *words, "--out", tmp_path / "plot.png")
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_a_plot_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = detloss_command("show", "l1", "--out", tmp_path / "file" / "l1.png")
    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.output


def test_show_explains_unknown_losses_and_formats(tmp_path: Path) -> None:
    unknown = detloss_command("show", "smooth-l1")
    assert unknown.exit_code == 2
    assert "Did you mean smooth_l1?" in unknown.output
    wrong_file = detloss_command("show", "l1", "--out", tmp_path / "l1.gif")
    assert wrong_file.exit_code == 2
    assert "expected a file name in .png, .svg, .pdf, got" in " ".join(wrong_file.output.split())


def test_version_and_help() -> None:
    assert detloss.__version__ in detloss_command("--version").output
    help_text = detloss_command("compare", "-h").output
    for option in (
        "box",
        "cls",
        "detector",
        "seeds",
        "first-seed",
        "steps",
        "jobs",
        "size",
        "out",
        "baseline",
        "quick",
    ):
        assert f"--{option}" in help_text
    for option in ("weights", "scenes", "storage", "overwrite", "precision", "devices-per-trial"):
        assert f"--{option}" in help_text
    for name in (*ROTATED_BOX_LOSSES, *CLASS_LOSSES):
        assert name in re.findall(r"\w+", help_text)


@pytest.mark.parametrize(
    "words",
    exhaustive_except(
        [["--help"], ["compare", "--help"], ["tune", "--box", "giuo"], ["show", "giuo"]],
        lambda words: words[0] in ("--help", "tune"),
    ),
)
def test_help_and_usage_errors_import_little(words: list[str]) -> None:
    heavy = ("optuna", "sqlalchemy", "matplotlib", "scipy", "sklearn", "jinja2", "rich", "cv2", "faster_coco_eval")
    script = (
        "import sys; from detloss.experiments.cli import main; main(sys.argv[1:], standalone_mode=False)\n"
        if "giuo" not in words
        else "import sys, click\nfrom detloss.experiments.cli import main\n"
        "try: main(sys.argv[1:], standalone_mode=False)\nexcept click.BadParameter: pass\n"
    )
    script += f"print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def write_coco(folder: Path) -> Path:
    """Twelve noisy images with a bright square each, and a row without area."""
    random = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(12):
        x, y = (int(corner) for corner in random.integers(4, 28, 2))
        pixels = random.integers(0, 90, (64, 64, 3), dtype=np.uint8)
        pixels[y : y + 30, x : x + 30] += 150
        folder.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 64})
        annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": [x, y, 30, 30]})
    annotations.append({"id": 99, "image_id": 0, "category_id": 1, "bbox": [5, 5, 0, 30]})
    categories = [{"id": 1, "name": "square"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "squares.json").write_text(json.dumps(content))
    return folder


@pytest.mark.exhaustive
def test_real_trials_on_real_files(tmp_path: Path) -> None:
    data, out = write_coco(tmp_path / "data"), tmp_path / "out"
    words = ("--box", "l1,ciou", "--cls", "weighted_ce", "--quick", "--steps", 4, "--size", 32, "--jobs", 1)
    words = (*words, "--precision", "bfloat16", "--devices-per-trial", 2)
    result = detloss_command("compare", data, *words, "--out", out)
    assert result.exit_code == 0, result.output
    assert "excluded: squares.json" in result.output
    records = records_of(out)
    assert {(record["box"], record["cls"], record["steps"], record["precision"]) for record in records} == {
        ("l1", "weighted_ce", 2, "bfloat16"),
        ("ciou", "weighted_ce", 2, "bfloat16"),
    }
    assert all(0 <= record["ap"] <= record["ap50"] <= 1 for record in records)
    title = "Losses in unitbox from random weights on data, images of 32 pixels, 2 steps"
    assert f"<h1>{title}</h1>" in (out / "report.html").read_text()
