"""`detloss.experiments.trial`: the losses and settings that a training script reads."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import detloss
from detloss.catalog import Sizes
from detloss.experiments.script_trial import ALONE, VARIABLE, ScriptTrial, TrialFileError, current_trial

TRIAL = ScriptTrial("giou", "focal:gamma=1.5", 0.1 + 0.2, 7, 30, Path("out/one"))


@pytest.fixture
def trial_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reads the trial of a file with this text, as a new process does."""

    def read(text: str) -> ScriptTrial:
        file = tmp_path / "trial.json"
        file.write_text(text)
        monkeypatch.setenv(VARIABLE, str(file))
        return current_trial.__wrapped__()

    return read


@pytest.mark.parametrize(
    "trial",
    [TRIAL, replace(TRIAL, data=Path("a b"), train=Path("x"), validation=Path("y"), sizes=Sizes((640.0, 480.0), 31.5))],
)
def test_a_trial_survives_its_file(trial: ScriptTrial, trial_of) -> None:
    assert trial_of(trial.to_json()) == trial


def test_losses_have_the_options_of_their_names() -> None:
    assert repr(TRIAL.cls) == repr(detloss.SigmoidFocalLoss(gamma=1.5))
    assert repr(TRIAL.box) == repr(detloss.GeneralizedIoULoss())
    assert TRIAL.box is TRIAL.box


def test_lengths_are_those_of_the_data_unless_a_name_has_them() -> None:
    trial = replace(TRIAL, box_name="mpdiou", sizes=Sizes((640.0, 480.0), 31.5))
    assert trial.box.image_size.tolist() == [640.0, 480.0]
    assert replace(trial, box_name="nwd").box.scale == 31.5
    assert replace(trial, box_name="mpdiou:image_size=1/1").box.image_size.tolist() == [1, 1]
    with pytest.raises(TypeError, match="image_size"):
        replace(trial, sizes=None).box  # noqa: B018


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"box_name": "giou"}', '{"sizes": 3}'])
def test_a_file_without_a_trial_is_an_error(text: str, trial_of) -> None:
    with pytest.raises(TrialFileError, match=rf"^{VARIABLE}: expected the trial\.json of a trial, got .*trial\.json"):
        trial_of(text)


def test_a_missing_file_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "no/trial.json")
    with pytest.raises(TrialFileError, match="expected the trial.json of a trial, got no/trial.json"):
        current_trial.__wrapped__()


def test_a_script_that_was_started_by_hand_trains_with_giou(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pytest.importorskip("torchvision")
    from detloss.integrations.torchvision import use_losses
    from tests.support.torchvision_models import retinanet

    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    trial = current_trial.__wrapped__()
    assert trial == ALONE
    assert trial.out.is_dir()
    assert re.match("No trial of detloss compare: giou beside the detector's own class loss", capsys.readouterr().err)
    model = retinanet()
    own = model.head.classification_head
    use_losses(model, box=trial.box, classification=trial.cls, box_weight=trial.weight)
    assert trial.cls is None
    assert model.head.classification_head is own


def test_the_name_is_imported_from_experiments(trial_of) -> None:
    trial = trial_of(TRIAL.to_json())
    current_trial.cache_clear()
    from detloss.experiments import trial as imported

    assert imported == trial
    from detloss.experiments import trial as again

    assert again is imported
    current_trial.cache_clear()
