"""Command `detloss compare --train`: the user's own training script, with and without data."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detloss.experiments.cli import main
from detloss.experiments.comparison import cluster_jobs, runner
from tests.experiments.training.test_command import await_end
from tests.support.datasets import Picture, write_yolo
from tests.support.inline_workers import Inline

SCRIPT = """
import json, sys
box, seed, out = sys.argv[1:]
print("step 1")
if (box, seed) == ("iou", "1"):
    sys.exit("the second seed")
row = {"image_id": "two", "category_id": "cell", "bbox": [2, 3, 10, 10 if box == "giou" else 8 + 0.1 * int(seed)], "score": 0.5}
json.dump([row], open(out + "/found.json", "w"))
print(json.dumps({"score": 0.5 if box == "giou" else 0.25}))
"""


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A command that trains nothing; trials run in this process."""
    monkeypatch.setattr(runner, "Workers", Inline)
    (tmp_path / "script.py").write_text(SCRIPT)
    return f"{sys.executable} -S {tmp_path / 'script.py'} {{box}} {{seed}} {{out}}"


def compare(folder: Path, *words: object) -> Result:
    words = ("compare", *words, "--box", "giou,iou", "--cls", "bce", "--out", folder / "out", "--weights", "giou=1")
    return CliRunner().invoke(main, [str(word) for word in words])


def test_predictions_on_the_validation_images_are_evaluated(train: str, tmp_path: Path) -> None:
    data = write_yolo(tmp_path / "data", (Picture("one.png"), Picture("two.png", "val")))
    words = (data, "--train", train, "--predictions", "{out}/found.json", "--steps", 4, "--seeds", 3)
    result = compare(tmp_path, *words)
    assert result.exit_code == 1
    assert "iou + bce, seed 1 failed: the command exited with code 1\nstep 1\nthe second seed\nlog: " in result.output
    assert result.output.endswith(f"Error: 1 of 6 trials failed; finished trials are kept in {tmp_path / 'out'}.\n")
    records = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    of_giou = [record for record in records if record["box"] == "giou"]
    assert [(record["ap"], record["ap50"], record["steps"]) for record in of_giou] == [(1, 1, 4)] * 3
    assert {record["seed"] for record in records if record["box"] == "iou"} == {0, 2}
    page = (tmp_path / "out" / "report.html").read_text()
    assert re.search(r"<h1>Losses in the command \S+ on data</h1>", page)
    assert "{out}/found.json" in page
    assert "random weights" not in page
    (tmp_path / "script.py").write_text(SCRIPT.replace("sys.exit", "print"))
    again = compare(tmp_path, *words)
    assert "contains the results of another comparison (detector: expected command" in again.output


def test_scores_need_no_data(train: str, tmp_path: Path) -> None:
    result = compare(tmp_path, "--train", train, "--steps", 4, "--seeds", 1)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "trials" / "giou+bce-weight-1-seed-0-steps-4-compare" / "log.txt").exists()
    records = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(record["box"], record["ap"], record["ap50"]) for record in records] == [
        ("giou", 0.5, None),
        ("iou", 0.25, None),
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "AP50" not in page
    assert "<h2>Data</h2>" not in page
    report = CliRunner().invoke(main, ["report", str(tmp_path / "out")])
    assert report.exit_code == 0, report.output
    assert (tmp_path / "out" / "report.html").read_text() == page


def test_agents_share_the_trials_of_a_command(train: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, submitted = ("--train", train, "--steps", 4, "--seeds", 1), []
    monkeypatch.setattr(cluster_jobs, "launch", lambda cluster, arguments, *rest: submitted.append(arguments) or ["7"])
    result = compare(tmp_path, *words, "--launch", "local")
    assert result.exit_code == 0, result.output
    [arguments] = submitted
    assert arguments[:3] == ["--train", train, "--steps"]
    assert not (tmp_path / "out" / "plan.json").exists()
    taken = compare(tmp_path, *words, "--take", 1)
    assert taken.exit_code == 0, taken.output
    assert "1 of 2 trials are left to other processes." in taken.output
    assert len(list((tmp_path / "out" / "trials").iterdir())) == 1
    assert "left to" not in compare(tmp_path, *words).output
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--train", "{train}"), "--steps: expected a number with --train, in the unit of its command"),
        (("--train", "{train}", "--steps", 4, "--size", 64), "--size: expected none with --train, .*, got 64"),
        (("--train", "{train}", "--steps", 4, "--detector", "yolo"), "--detector: expected none with --train"),
        (("--train", "{train}", "--steps", 4, "--scenes", "boxes"), "--scenes: expected none with --train"),
        (("--train", "{train}", "--steps", 4, "--precision", "bfloat16"), "--precision: expected none with --train"),
        (("--train", "{train} {{epoch}}", "--steps", 4), "--train: expected one of the placeholders .*, got {epoch}"),
        (("--train", "{train}", "--steps", 4, "--predictions", "{{out}}/x"), "--predictions: expected DATA"),
        (("--predictions", "{{out}}/x"), "--predictions: expected --train beside it, got none"),
        (("--time-limit", 3), "--time-limit: expected --train beside it, got none"),
        (
            ("--train", "{train}", "--steps", 4, "--devices-per-trial", 2),
            "--devices-per-trial: expected 1 without a GPU",
        ),
        (
            ("--train", "{train}", "--steps", 4, "--cls", "weighted_ce"),
            "--cls: expected one of .* with --train, got weigh",
        ),
        (
            ("--train", "{train}", "--steps", 4, "--box", "mpdiou"),
            "--box: expected DATA or mpdiou:image_size=... for mpd",
        ),
    ],
)
def test_options_that_do_not_fit_are_errors(train: str, tmp_path: Path, words: tuple, message: str) -> None:
    texts = [
        str(word).format(train=train.replace("{", "{{").replace("}", "}}")).replace("{{", "{").replace("}}", "}")
        for word in words
    ]
    result = CliRunner().invoke(main, ["compare", *texts, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2, result.output
    assert re.search(message, " ".join(result.output.split())), result.output
    assert not (tmp_path / "out").exists()


SLOW = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + "/child.part", "w").write(str(child.pid))
os.rename(sys.argv[1] + "/child.part", sys.argv[1] + "/child")
time.sleep(600)
"""

PROGRAM = """
import signal
from detloss.experiments.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background inherits that it is ignored
main()
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_an_interrupted_comparison_leaves_no_process(tmp_path: Path, number: int, code: int) -> None:
    (tmp_path / "script.py").write_text(SLOW)
    train = f"{sys.executable} -S {tmp_path / 'script.py'} {{out}}"
    words = ["compare", "--train", train, "--steps", "4", "--quick", "--jobs", "2", "--out", str(tmp_path / "out")]
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stderr=subprocess.PIPE, text=True)
    while len(found := list((tmp_path / "out").glob("trials/*/child"))) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    if number != signal.SIGKILL:
        assert "Interrupted: 2 of 2 trials are not finished" in errors
    for file in found:
        await_end(int(file.read_text()))
