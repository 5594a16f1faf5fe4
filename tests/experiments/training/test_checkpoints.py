"""Checkpoints: an interrupted training continues to the result of an uninterrupted one, bit by bit."""

import json
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import torch
from safetensors import safe_open

from detloss.detectors import UnitBox
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training import checkpoints, training_loop
from detloss.experiments.training.checkpoints import file_of
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from detloss.experiments.training.snapshots import Snapshot, highest_scoring
from detloss.experiments.training.training_loop import predict, run_trial
from tests.support.marks import exhaustive_except

TRIAL = Trial("wise-giou", "focal", 1.0, seed=3, steps=12)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Bright squares on noise, augmented differently in every batch."""
    random = np.random.default_rng(0)
    samples = []
    for number in range(24):
        image = random.integers(90, 110, (32, 40, 3), dtype=np.uint8)
        x, y = (int(value) for value in random.integers(0, 15, 2))
        image[y : y + 14, x : x + 14] = 250
        boxes = np.array([[x, y, x + 14, y + 14]], np.float32)
        samples.append(Sample(f"{number}.png", image, boxes, np.zeros(1, np.int64)))
    return Dataset("squares", ("square",), samples[:16], samples[16:], [], "", augment=True)


class InterruptedError(Exception):
    """As if the process had died."""


def interrupt(trial: Trial, dataset: Dataset, folder: Path, step: int) -> list[int]:
    """Run a trial until this step, and return the steps of this process."""
    steps = []

    def advance(done: int, snapshot: Snapshot | None = None) -> None:
        steps.append(done)
        if done == step:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_trial(trial, dataset, on_progress=advance, checkpoints=folder)
    return steps


def bits(outcome: Outcome) -> list[object]:
    """Everything but the duration."""
    predictions = [*outcome.predictions.values(), *(p for one in outcome.snapshots for p in one.predictions.values())]
    arrays = [column.tobytes() for prediction in predictions for column in prediction]
    return [outcome.score, outcome.curve, [(one.step, one.ap) for one in outcome.snapshots], arrays]


OTHERS = {"faster-rcnn": "ce", "fcos": "focal"}
TRIALS = [TRIAL, *(replace(TRIAL, box="giou", cls=cls, detector=name, steps=8) for name, cls in OTHERS.items())]


@pytest.mark.parametrize("trial", exhaustive_except(TRIALS, lambda trial: trial is TRIAL))
def test_an_interrupted_training_has_the_result_of_an_uninterrupted_one(
    trial: Trial, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_loop, "POINTS_OF_CURVE", 4)  # a row is the mean of several steps
    whole = run_trial(trial, dataset, checkpoints=tmp_path)
    assert not list(tmp_path.iterdir()), "ten minutes have not passed"
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)
    middle = trial.steps // 2 + 1
    assert interrupt(trial, dataset, tmp_path, middle) == list(range(1, middle + 1))
    assert interrupt(trial, dataset, tmp_path, middle + 2) == list(range(middle, middle + 3))
    [file] = tmp_path.iterdir()
    torch.rand(5)  # another process has another random state
    parts = run_trial(trial, dataset, checkpoints=tmp_path)
    assert bits(parts) == bits(whole)
    assert not file.exists()


def test_a_checkpoint_is_written_when_it_is_due_and_is_of_its_trial(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial, clock = replace(TRIAL, steps=20), iter(range(0, 100000, 100))
    monkeypatch.setattr(checkpoints, "perf_counter", lambda: float(next(clock)))
    interrupt(trial, dataset, tmp_path, 20)
    [file] = tmp_path.iterdir()
    with safe_open(file, "pt") as opened:
        assert any(name.startswith("model/") for name in opened.keys())  # noqa: SIM118
    assert interrupt(replace(trial, seed=4), dataset, tmp_path / "others", 1) == [1]
    assert interrupt(replace(trial, weight=2.0), dataset, tmp_path, 1) == [1]


def test_a_damaged_checkpoint_is_named(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)
    interrupt(TRIAL, dataset, tmp_path, 3)
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"{file}: expected a checkpoint, got a damaged file .*: delete it"):
        run_trial(TRIAL, dataset, checkpoints=tmp_path)


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "INTERVAL", 0.0)
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(RuntimeWarning, match="no checkpoint was written: .*(Not a directory|File exists)"):
        outcome = run_trial(replace(TRIAL, steps=2), dataset, checkpoints=tmp_path / "file")
    assert outcome.trial.steps == 2


def test_the_weights_of_a_trained_detector_are_loaded_into_it(dataset: Dataset, tmp_path: Path) -> None:
    outcome = run_trial(TRIAL, dataset, weights=tmp_path)
    [file] = tmp_path.iterdir()
    assert file == file_of(TRIAL, tmp_path)
    _, _, code = (
        (Path(__file__).parents[3] / "docs" / "command.rst")
        .read_text()
        .partition("are loaded by\n\n.. code-block:: python\n")
    )
    names: dict[str, UnitBox] = {}
    exec(
        dedent(code.partition("\n\nwith ")[0])
        .replace("num_classes=10", "num_classes=1")
        .replace("out/compare/best.safetensors", str(file)),
        names,
    )
    predictions = predict(names["model"], dataset.validation, "cpu")
    for image, prediction in outcome.predictions.items():
        loaded = highest_scoring(predictions[image], dataset.validation[image])
        assert [column.tobytes() for column in loaded] == [column.tobytes() for column in prediction]
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    settings = json.loads(metadata.pop("settings"))
    assert metadata == {"pair": "wise-giou + focal", "weight": "1.0", "seed": "3"}
    assert (settings["detector"], settings["steps"], settings["classes"]) == ("unitbox", 12, ["square"])
    assert settings["ap"] == outcome.score


def test_a_search_keeps_no_weights(dataset: Dataset, tmp_path: Path) -> None:
    run_trial(replace(TRIAL, steps=1, phase=Phase.SEARCH), dataset, weights=tmp_path)
    assert not list(tmp_path.iterdir())
