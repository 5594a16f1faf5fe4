"""`detloss compare --scenes rotated`, from the command to the report, and its errors."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import detloss
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind
from detloss.experiments.cli import main
from detloss.experiments.comparison import plan, runner
from detloss.experiments.data.dataset import Dataset, Sample, load
from detloss.experiments.data.digit_scenes import STYLES, compose
from detloss.experiments.errors import OptionError
from detloss.experiments.training.detectors import unitbox_of
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import check_trials, run_trial
from tests.support.inline_workers import Inline
from tests.support.trials import small_dataset

BOXES = [
    loss.name
    for loss in (*LOSSES, *ROTATED_LOSSES)
    if loss.kind in (Kind.REGRESSION, Kind.BOX, Kind.ROTATED) and not (loss.axis_aligned_only or loss.from_sizes)
]


def few_scenes(path: Path | None = None, *, scenes: str | None = "rotated", **options: object) -> Dataset:
    """What `load` is replaced by; workers import it too."""
    if scenes != "rotated":
        return small_dataset()
    samples = [
        Sample(f"scene-{number}", scene.image, scene.boxes, scene.labels)
        for number, scene in enumerate(compose(20, "train", STYLES["rotated"]))
    ]
    return Dataset("few turned digits", ("digit",), samples[:16], samples[16:], [], "16 and 4.", detloss.Rotated())


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "load", few_scenes)
    monkeypatch.setattr(runner, "Workers", Inline)


SHORT = ("--quick", "--steps", "2", "--jobs", "1")  # where nothing is refused, this ends soon


def compared(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_rotated_boxes_are_compared_from_the_command_to_the_report(few: None, tmp_path: Path) -> None:
    losses = ("--scenes", "rotated", "--box", "giou,kld,smooth_l1", "--cls", "focal", "--weights", "kld=2")
    result = compared(*losses, "--steps", 3, "--seeds", 1, "--jobs", 1, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert {(record["box"], record["weight"]) for record in records} == {("giou", 1), ("kld", 2), ("smooth_l1", 1)}
    page = (tmp_path / "report.html").read_text()
    assert "few turned digits" in page
    truths = [box for sample in few_scenes().validation for box in sample.boxes]
    for _, _, width, height, angle in truths:
        assert f'width="{width:.1f}" height="{height:.1f}" transform="rotate({np.degrees(angle):.1f} ' in page


@pytest.mark.parametrize("box", BOXES)
def test_every_box_loss_trains(box: str) -> None:
    outcome = run_trial(Trial(box, "focal", 1.0, seed=3, steps=2), few_scenes())
    assert np.isfinite(outcome.curve).all()
    assert 0 <= outcome.score <= 1
    assert all(prediction.boxes.shape == (len(prediction.scores), 5) for prediction in outcome.predictions.values())


@pytest.mark.parametrize("cls", ["ce", "weighted_ce", "softmax_focal", "bce", "balanced_bce"])
def test_every_class_loss_trains(cls: str) -> None:
    outcome = run_trial(Trial("giou", cls, 1.0, seed=3, steps=2), few_scenes())
    assert np.isfinite(outcome.curve).all()


@pytest.mark.exhaustive
def test_training_finds_rotated_digits() -> None:
    """A few scenes by heart: judged on what was trained on."""
    scenes = few_scenes()
    outcome = run_trial(Trial("kld", "focal", 1.0, seed=0, steps=120), replace(scenes, validation=scenes.train))
    assert outcome.evaluation is not None
    assert outcome.evaluation.ap50 > 0.5
    assert outcome.curve[-1][2] < outcome.curve[0][2] / 2


def test_the_data_decide_which_unitbox() -> None:
    assert isinstance(unitbox_of(few_scenes())(), detloss.RotatedUnitBox)
    assert isinstance(unitbox_of(small_dataset())(), detloss.UnitBox)


@pytest.mark.parametrize("box", [loss.name for loss in ROTATED_LOSSES])
def test_losses_of_rotated_boxes_are_offered_for_rotated_boxes_only(few: None, box: str, tmp_path: Path) -> None:
    for words in (("--box", f"giou,{box}"), (tmp_path, "--scenes", "rotated", "--box", box)):
        result = compared(*words, *SHORT, "--out", tmp_path)
        assert result.exit_code == 2
        message = " ".join(result.output.split())
        assert f"'{box}' is a loss of {Kind.ROTATED.value}. There are: l1, l2, " in message
        assert message.endswith("shapeiou, piou.")
    assert not list(tmp_path.iterdir()), "nothing was started"
    with pytest.raises(OptionError, match=f"box: .*got '{box}'"):
        check_trials([Trial(box, "focal", 1.0, 0, 1)], small_dataset())


@pytest.mark.parametrize("detector", ["retinanet", "fcos", "faster-rcnn", "yolo"])
def test_other_detectors_have_no_rotated_boxes(few: None, detector: str, tmp_path: Path) -> None:
    result = compared("--scenes", "rotated", "--detector", detector, *SHORT, "--out", tmp_path)
    assert result.exit_code == 2
    words = f"--detector: expected 'unitbox' for the rotated boxes of rotated digit scenes, got '{detector}'"
    assert words in " ".join(result.output.split())


def test_an_unknown_loss_is_reported_with_the_losses_of_the_data() -> None:
    result = compared("--scenes", "rotated", "--box", "kdl")
    assert result.exit_code == 2
    message = " ".join(result.output.split())
    assert "No such loss: 'kdl'. Did you mean kld? There are: l1, " in message
    assert message.endswith("gwd, kld, probiou.")


def test_the_losses_of_all_boxes_fit_both() -> None:
    for dataset in (few_scenes(), small_dataset()):
        check_trials([Trial(loss.name, "focal", 1.0, 0, 1) for loss in LOSSES if loss.name in BOXES], dataset)


@pytest.mark.exhaustive
def test_read_like_any_data() -> None:
    assert partial(load, None, scenes="rotated")().fingerprint() != load(None).fingerprint()
