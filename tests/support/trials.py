"""Trial runners without training, and small data, that worker processes can import."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.plan import ComparisonSettings, Pair, Plan
from detloss.experiments.comparison.ranking import rank
from detloss.experiments.comparison.report.page import write_page
from detloss.experiments.comparison.runner import Comparison, Results, RunEvent
from detloss.experiments.comparison.store import HEARTBEAT, TrialStore
from detloss.experiments.data.dataset import Dataset, Problem, Sample
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.evaluation import Prediction, evaluate
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import OnProgress
from detloss.experiments.training.workers import Failed, Started

SEARCHED = Plan({Pair("l1", "focal"): (1.0, 2.0), Pair("giou", "focal"): (1.0, 2.0)}, seeds=(0, 1, 2), steps=8)


def small_dataset() -> Dataset:
    """Two images of 40 x 30 pixels with two boxes each, and one row that was left out."""
    images = np.random.default_rng(0).integers(0, 255, (2, 30, 40, 3), dtype=np.uint8)
    boxes = np.array([[2, 3, 12, 18], [20, 5, 38, 25]], dtype=np.float32)
    samples = [Sample(f"image-{i}.png", image, boxes, np.array([0, 1])) for i, image in enumerate(images)]
    problem = Problem("labels/<7>.json", "annotation 12", "box (4, 4, 4, 9) has no area")
    return Dataset("two & a half", ("cat", "dog"), samples, samples, [problem], "Every fifth image; 2 and 2 images.")


def load_and_note(notes: Path) -> Dataset:
    """Leave a line about who has read the data."""
    with notes.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return small_dataset()


def outcome_of(trial: Trial, ap: float = 0.4) -> Outcome:
    """An outcome whose predictions find the first box of every image and misplace the second."""
    boxes = np.array([[2, 4, 12, 18], [0, 20, 9, 29], [1, 1, 5, 5]], dtype=np.float32)
    prediction = Prediction(boxes, np.array([0.9, 0.8, 0.1], dtype=np.float32), np.array([0, 1, 0]))
    curve = [(step, 1.0 / step, 2.0 / step + 0.1 * trial.seed) for step in range(1, trial.steps + 1)]
    evaluation = evaluate([prediction, prediction], small_dataset().validation)
    numbers = {"ap": ap, "ap50": ap + 0.2, "ap75": ap - 0.1, "small": float("nan"), "medium": ap, "large": ap}
    return Outcome(trial, ap, 3.0, replace(evaluation, **numbers), {0: prediction, 1: prediction}, curve)


def quick_trial(
    trial: Trial,
    dataset: Dataset,
    *,
    device: Device,
    on_progress: OnProgress | None = None,
    checkpoints: Path | None = None,
    weights: Path | None = None,
) -> Outcome:
    """Train nothing; seed 13 raises, seed 99 kills its process."""
    assert device.name == "cpu" or device.name.startswith("cuda:")
    assert dataset.train
    if trial.seed == 13:
        raise RuntimeError("the thirteenth seed")
    if trial.seed == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    if on_progress is not None:
        on_progress(trial.steps)
    return outcome_of(trial)


def run_here(
    comparison: Comparison,
    load: Callable[[], Dataset],
    *,
    groups: Sequence[DeviceGroup],
    run_trial: None = None,
    in_process: bool = False,
    take: int | None = None,
    hours: float | None = None,
) -> Iterator[RunEvent]:
    """`Comparison.run` with `quick_trial`, in this process."""
    dataset = load()
    while (take is None or len(comparison.outcomes) < take) and (trial := comparison.store.turn(claim=bool).claimed):
        yield Started(trial)
        try:
            outcome = quick_trial(trial, dataset, device=Device())
        except RuntimeError as error:
            comparison.store.fail(Failed(trial, f"RuntimeError: {error}"))
        else:
            yield from comparison.record(outcome)
    comparison.failures = comparison.store.failures()
    comparison.store.close()


def endless_trial(trial: Trial, dataset: Dataset, *, device: Device, on_progress: OnProgress | None = None) -> Outcome:
    """Finish seed 0; others report their process id as a step and never return."""
    if trial.seed == 0:
        return outcome_of(trial)
    assert on_progress is not None
    on_progress(os.getpid())
    while True:
        signal.pause()


def endless_trial_of_all(
    trial: Trial, dataset: Dataset, *, device: Device, on_progress: OnProgress | None = None
) -> Outcome:
    """Report a step and never return."""
    assert on_progress is not None
    on_progress(1)
    while True:
        signal.pause()


def scored_trial(trial: Trial, dataset: Dataset, *, device: Device, on_progress: OnProgress | None = None) -> Outcome:
    """Report a step; the AP is a function of the trial."""
    assert on_progress is not None
    on_progress(1)
    return outcome_of(trial, ap=score_of(trial))


def trial_until(
    file: Path,
    trial: Trial,
    dataset: Dataset,
    *,
    device: Device,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Report a step and wait until there is such a file."""
    assert on_progress is not None
    on_progress(1)
    while not file.exists():
        time.sleep(0.01)
    return outcome_of(trial)


def score_of(trial: Trial) -> float:
    """The AP of a trial wherever it runs: best at weight 2."""
    return 0.5 - 0.1 * abs(trial.weight - 2) + 0.01 * (trial.seed % 10) + 0.001 * (trial.box == "giou")


def expire_heartbeats(study: Path) -> None:
    """Move the last heartbeats of all trials in an SQLite file to 1970."""
    with closing(sqlite3.connect(study)) as database, database:
        database.execute("UPDATE trial_system_attributes SET value_json = '1' WHERE key = ?", (HEARTBEAT,))


def await_heartbeat(study: Path) -> None:
    """Return when a trial has had a heartbeat since 1970."""
    with closing(sqlite3.connect(study)) as database:
        while not database.execute(
            "SELECT max(CAST(value_json AS REAL)) > 1 FROM trial_system_attributes WHERE key = ?", (HEARTBEAT,)
        ).fetchone()[0]:
            time.sleep(0.01)


def fixed_plan(*seeds: int, boxes: tuple[str, ...] = ("giou",), steps: int = 3) -> Plan:
    """A plan without a search, at weight 1."""
    return Plan({Pair(box, "focal"): (1.0,) for box in boxes}, seeds, steps)


def begin_comparison(path: Path, plan: Plan, **timing: float) -> Comparison:
    """A comparison in a folder that contains its study."""
    folder = Folder(path)
    folder.begin(plan.detector_settings, plan.to_json(), overwrite=False)
    return Comparison(plan, TrialStore(folder.study, "a study", plan, **timing), folder)


def finished_comparison(folder: Path, *, seeds: int = 2) -> Comparison:
    """Two pairs of losses, all trials finished."""
    plan = fixed_plan(*range(seeds), boxes=("l1", "giou"), steps=4)
    comparison = begin_comparison(folder, plan)
    for trial in plan.comparison_trials(plan.best_weights({})):
        comparison.record(outcome_of(trial, ap=0.4 + 0.01 * trial.seed + 0.005 * (trial.box == "giou")))
    return comparison


def settings_of(command: str = "detloss compare", **options: str | int) -> ComparisonSettings:
    """A quick look at pairs compared with l1 + focal."""
    return ComparisonSettings(command, None, None, None, Pair("l1", "focal"), quick=True, options=options)


def write_report(path: Path, results: Results, settings: ComparisonSettings, *, running: bool = False) -> None:
    """Write the page of a comparison on the small data set."""
    data = small_dataset()
    ranking = rank(results.outcomes, settings.baseline, Bootstrap(data), results.failures)
    write_page(path, results, ranking, data, settings, running=running)
