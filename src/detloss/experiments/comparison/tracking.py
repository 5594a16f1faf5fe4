"""Experiment tracking: every finished trial as a run of TensorBoard, Weights & Biases or MLflow."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

from detloss.experiments.errors import OptionError
from detloss.experiments.training.command import directory_of
from detloss.experiments.training.outcome import Outcome

PROJECT = "detloss"  # project of Weights & Biases, experiment of MLflow
CURVE, SCORE = "AP on a subset", "score"
"""Names of the AP over the steps, and of the final AP or the score of the user's training."""

Tracker = Callable[[Outcome], None]


def tensorboard(folder: Path, outcome: Outcome) -> None:
    """Write the event files of a trial to the folder tensorboard of the comparison."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tensorboard" / directory_of(outcome.trial))) as writer:
        for step, ap in outcome.ap_curve:
            writer.add_scalar(CURVE, ap, step)
        writer.add_scalar(SCORE, outcome.score, outcome.trial.steps)
        writer.add_hparams(parameters(outcome), {f"final {SCORE}": outcome.score}, run_name=".")


def wandb(folder: Path, outcome: Outcome) -> None:
    """Write a trial to a run of the project detloss."""
    from wandb import init

    name, config = directory_of(outcome.trial), parameters(outcome)
    with init(project=PROJECT, name=name, dir=folder, config=config, reinit="create_new") as run:
        for step, ap in outcome.ap_curve:
            run.log({CURVE: ap}, step=step)
        run.log({SCORE: outcome.score}, step=outcome.trial.steps)


def mlflow(folder: Path, outcome: Outcome) -> None:
    """Write a trial to a run of the experiment detloss, on the server or in the store of MLFLOW_TRACKING_URI."""
    from mlflow import MlflowClient, set_experiment

    client = MlflowClient()
    run = client.create_run(set_experiment(PROJECT).experiment_id, run_name=directory_of(outcome.trial)).info.run_id
    for name, value in parameters(outcome).items():
        client.log_param(run, name, value)
    for step, ap in outcome.ap_curve:
        client.log_metric(run, CURVE, ap, step=step)
    client.log_metric(run, SCORE, outcome.score, step=outcome.trial.steps)
    client.set_terminated(run)


TRACKERS: Mapping[str, Callable[[Path, Outcome], None]] = MappingProxyType(
    {"tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow}
)
"""Functions that log a trial, by the name of their package."""


def tracker_named(name: str, folder: Path) -> Tracker:
    """Select the function that logs the trials of a comparison; raise an OptionError without its package."""
    if find_spec(name) is None:
        raise OptionError(f"log: expected the package {name}, got none: pip install {name}")
    return partial(TRACKERS[name], folder)


def parameters(outcome: Outcome) -> dict[str, Any]:
    """The settings of a trial."""
    return asdict(outcome.trial) | {"phase": str(outcome.trial.phase)}
