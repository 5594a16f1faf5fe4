"""The command `detloss`: its options, its words, its exit codes."""

import json
import os
import signal
import subprocess
import sys
from functools import partialmethod
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import detloss
from detloss.study import cli
from detloss.study.cli import main
from detloss.study.comparison import Comparison
from detloss.study.dataset import Dataset
from tests.study.trials import quick_trial, small_dataset


def read_small(path: Path | None, *, size: int | None) -> Dataset:
    """What `load` is replaced by; workers import it too."""
    return small_dataset()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that train nothing, on two small images."""
    monkeypatch.setattr(cli, "load", read_small)
    monkeypatch.setattr(Comparison, "run", partialmethod(Comparison.run, run_trial=quick_trial))


def detloss_command(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def test_compare_trains_every_pair_and_reports(quick: None, tmp_path: Path) -> None:
    result = detloss_command("compare", "--seeds", 2, "--first-seed", 5, "--steps", 3, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "two & a half: Every fifth image; 2 and 2 images."
    assert lines[1] == "left out: labels/<7>.json, annotation 12: box (4, 4, 4, 9) has no area"
    for number, (box, seed) in enumerate([("smooth_l1", 5), ("giou", 5), ("smooth_l1", 6), ("giou", 6)], start=1):
        assert f"[{number}/4] {box} + focal, seed {seed}: AP 0.400, 3 s" in lines
    assert "not a verdict" in " ".join(lines)
    assert lines[-1] == f"report: {tmp_path / 'report.html'}"
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 4
    command = f"detloss compare --seeds 2 --first-seed 5 --steps 3 --jobs 1 --out {tmp_path}"
    assert command in (tmp_path / "report.html").read_text()


def test_a_failing_trial_is_an_error_and_the_others_are_reported(quick: None, tmp_path: Path) -> None:
    words = ("compare", "--box", "l1", "--seeds", 2, "--first-seed", 12, "--steps", 3, "--jobs", 1, "--out", tmp_path)
    result = detloss_command(*words)
    assert result.exit_code == 1
    assert "l1 + focal, seed 13 failed: RuntimeError: the thirteenth seed" in result.output
    assert f"1 of 2 trials failed; what is finished is kept in {tmp_path}" in result.output
    assert "1 of 2 trials did not" in (tmp_path / "report.html").read_text()


def test_results_are_overwritten_only_when_asked(quick: None, tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    words = ("compare", "--box", "l1", "--seeds", 1, "--steps", 3, "--jobs", 1, "--out", tmp_path)
    refused = detloss_command(*words)
    assert refused.exit_code == 1
    assert "--overwrite" in refused.output
    assert (tmp_path / "results.jsonl").read_text() == "precious\n"
    assert detloss_command(*words, "--overwrite").exit_code == 0
    assert "precious" not in (tmp_path / "results.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--box", "giuo"], "no such loss: 'giuo'. Did you mean giou? There are: l1, l2, smooth_l1, iou, log_iou,"),
        (["--box", "focal"], "no such loss: 'focal'. There are: l1,"),
        (["--cls", "FOCAL,ce"], "no such loss: 'FOCAL'. Did you mean focal? There are: ce, weighted_ce,"),
        (["--box", "l1,l1"], "expected every loss once, got 'l1,l1'"),
        (["--box", ""], "no such loss: ''."),
        (["--seeds", "0"], "--seeds"),
        (["--jobs", "-1"], "--jobs"),
        (["--detector", "yolo"], "'yolo' is not 'unitbox'"),
        (["nowhere"], "Path 'nowhere' does not exist"),
    ],
)
def test_wrong_options_are_explained(words: list[str], told: str) -> None:
    result = detloss_command("compare", *words)
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


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
from functools import partialmethod
from detloss.study import cli
from detloss.study.comparison import Comparison
from tests.study.test_cli import read_small
from tests.study.trials import endless_trial

signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background inherits that it is ignored
cli.load = read_small
Comparison.run = partialmethod(Comparison.run, run_trial=endless_trial)
cli.main(["compare", "--box", "l1", "--seeds", "2", "--steps", "3", "--jobs", "1", "--out", sys.argv[1]])
"""


def test_an_interrupt_ends_the_workers_and_keeps_what_is_finished(tmp_path: Path) -> None:
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
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Interrupted: 1 of 2 trials are not finished; what is finished is kept in {tmp_path}" in errors
    assert "Traceback" not in errors
    assert "report: " in output
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_show_draws_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"giou.{suffix}"
    result = detloss_command("show", "giou", "--out", path)
    assert result.exit_code == 0, result.output
    assert result.output == f"picture: {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG" if suffix == "png" else b"<?xml")


def test_show_explains_what_it_cannot_draw(tmp_path: Path) -> None:
    unknown = detloss_command("show", "smooth-l1")
    assert unknown.exit_code == 2
    assert "Did you mean smooth_l1?" in unknown.output
    wrong_file = detloss_command("show", "l1", "--out", tmp_path / "l1.gif")
    assert wrong_file.exit_code == 2
    assert "ends in .png or .svg" in " ".join(wrong_file.output.split())


def test_version_and_help() -> None:
    assert detloss.__version__ in detloss_command("--version").output
    help_text = detloss_command("compare", "-h").output
    for option in ("--box", "--cls", "--detector", "--seeds", "--first-seed", "--steps", "--jobs", "--size", "--out"):
        assert option in help_text


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


def test_real_trials_on_real_files(tmp_path: Path) -> None:
    data, out = write_coco(tmp_path / "data"), tmp_path / "out"
    words = ("--box", "l1,ciou", "--cls", "weighted_ce", "--seeds", 1, "--steps", 2, "--size", 32, "--jobs", 2)
    result = detloss_command("compare", data, *words, "--out", out)
    assert result.exit_code == 0, result.output
    assert "left out: squares.json" in result.output
    records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert {(record["box"], record["cls"], record["steps"]) for record in records} == {
        ("l1", "weighted_ce", 2),
        ("ciou", "weighted_ce", 2),
    }
    assert all(0 <= record["ap"] <= record["ap50"] <= 1 for record in records)
    assert "Which losses are best on data?" in (out / "report.html").read_text()
