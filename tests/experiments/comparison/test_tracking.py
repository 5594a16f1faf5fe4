"""Experiment tracking: the files of TensorBoard and of MLflow's local store, read by these packages."""

import sys
from pathlib import Path

import pytest

from detloss.experiments.comparison.tracking import TrackingError, tracker_named
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.snapshots import Snapshot

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
    with pytest.raises(TrackingError, match=f"log: expected the package {name}, got none: pip install {name}"):
        tracker_named(name, tmp_path)
