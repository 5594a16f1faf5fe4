"""Experiment tracking: the files of TensorBoard and of MLflow's local store, read by these packages."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from safetensors import safe_open

from detloss.experiments.cli import main
from detloss.experiments.comparison import plan, runner, tracking
from detloss.experiments.comparison.tracking import tracker_named
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.errors import OptionError
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.snapshots import Snapshot
from tests.support.inline_workers import Inline
from tests.support.trials import small_dataset

OUTCOME = Outcome(
    Trial("smooth_l1:beta=0.1", "focal", 2.0, 3, steps=8),
    0.75,
    3.0,
    snapshots=[Snapshot(2, 0.25, {}), Snapshot(4, float("nan"), {}), Snapshot(8, 0.5, {})],
)
NAME = "smooth_l1-beta=0.1+focal-weight-2-seed-3-steps-8-compare"


def test_tensorboard(tmp_path: Path) -> None:
    tracker_named("tensorboard", tmp_path)(OUTCOME)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    [folder] = (tmp_path / "tensorboard").iterdir()
    assert folder.name == NAME
    events = EventAccumulator(str(folder)).Reload()
    assert [(one.step, one.value) for one in events.Scalars("AP on a subset")] == [(2, 0.25), (8, 0.5)]
    assert [(one.step, one.value) for one in events.Scalars("score")] == [(8, 0.75)]
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    parameters = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert parameters["box"].string_value == "smooth_l1:beta=0.1"
    assert (parameters["weight"].number_value, parameters["seed"].number_value) == (2.0, 3.0)


def test_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    tracker_named("mlflow", tmp_path)(OUTCOME)
    import mlflow

    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("detloss")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == (NAME, "FINISHED")
    assert run.data.params["box"] == "smooth_l1:beta=0.1"
    assert (run.data.params["weight"], run.data.params["phase"]) == ("2.0", "compare")
    assert run.data.metrics["score"] == 0.75
    history = client.get_metric_history(run.info.run_id, "AP on a subset")
    assert [(one.step, one.value) for one in history] == [(2, 0.25), (8, 0.5)]


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(OptionError, match=f"log: expected the package {name}, got none: pip install {name}"):
        tracker_named(name, tmp_path)


def read_small(path: Path | None, **options: object) -> Dataset:
    return small_dataset()


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real trials in this process, on two small images."""
    monkeypatch.setattr(plan, "load", read_small)
    monkeypatch.setattr(runner, "Workers", Inline)


def compare_into(folder: Path, *words: str) -> Result:
    command = ["compare", "--quick", "--steps", "4", "--jobs", "1", "--out", str(folder), *words]
    return CliRunner().invoke(main, command)


@pytest.mark.exhaustive
def test_a_comparison_logs_its_trials_and_saves_the_best_weights(compare: None, tmp_path: Path) -> None:
    result = compare_into(tmp_path, "--log", "tensorboard")
    assert result.exit_code == 0, result.output
    runs = sorted(folder.name.partition("-weight")[0] for folder in (tmp_path / "tensorboard").iterdir())
    assert runs == ["giou+focal", "smooth_l1+focal"]
    for line in (tmp_path / "results.jsonl").read_text().splitlines():
        record = json.loads(line)
        assert [step for step, _ in record["curve"]] == [1, 2]
        assert set(record["errors"]) == {"class", "localization", "both", "duplicate", "background", "missed"}
    best = tmp_path / "best.safetensors"
    with safe_open(best, "pt") as file:
        metadata = file.metadata()
    assert f"weights of {metadata['pair']}, seed 0: {best}" in result.output.splitlines()
    assert len(list((tmp_path / "weights").iterdir())) == 2, "one file per pair"


def test_a_trial_that_cannot_be_logged_is_named(compare: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def log(folder: Path, outcome: Outcome) -> None:
        raise ConnectionError("no server")

    monkeypatch.setattr(tracking, "TRACKERS", {"tensorboard": log})
    result = compare_into(tmp_path, "--box", "giou", "--log", "tensorboard")
    assert result.exit_code == 0, result.output
    assert "--log: giou + focal, seed 0 was not logged: no server" in result.output


def test_a_missing_package_is_an_error_of_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    result = compare_into(tmp_path, "--log", "wandb")
    assert result.exit_code == 2
    assert "--log: expected the package wandb, got none: pip install wandb" in result.output
