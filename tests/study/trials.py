"""Stand-ins for training and data that worker processes can import."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from detloss.study.comparison import Comparison
from detloss.study.dataset import Dataset, Problem, Sample
from detloss.study.training import Outcome, Trial


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
    """An outcome that has found the first box of every image and misplaced the second."""
    boxes = np.array([[2, 4, 12, 18], [0, 20, 9, 29], [1, 1, 5, 5]], dtype=np.float32)
    prediction = (boxes, np.array([0.9, 0.8, 0.1], dtype=np.float32), np.array([0, 1, 0]))
    curve = [(step, 1.0 / step, 2.0 / step + 0.1 * trial.seed) for step in range(1, trial.steps + 1)]
    return Outcome(trial, ap, ap + 0.2, ap - 0.1, 3.0, curve, [prediction, prediction])


def quick_trial(trial: Trial, dataset: Dataset, *, on_progress: Callable[[int], None] | None = None) -> Outcome:
    """Train nothing; seed 13 raises, seed 99 kills its process."""
    assert dataset.train
    if trial.seed == 13:
        raise RuntimeError("the thirteenth seed")
    if trial.seed == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    if on_progress is not None:
        on_progress(trial.steps)
    return outcome_of(trial)


def endless_trial(trial: Trial, dataset: Dataset, *, on_progress: Callable[[int], None] | None = None) -> Outcome:
    """Finish seed 0; any other says who it is, as a step, and goes on for ever."""
    if trial.seed == 0:
        return outcome_of(trial)
    assert on_progress is not None
    on_progress(os.getpid())
    time.sleep(600)
    raise AssertionError("nobody ended this worker")


def finished_comparison(*, seeds: int = 2) -> Comparison:
    """Two pairs of losses, all trials finished."""
    trials = [Trial(box, "focal", 2.0, seed, steps=4) for seed in range(seeds) for box in ("l1", "giou")]
    outcomes = [outcome_of(trial, ap=0.4 + 0.01 * trial.seed + 0.005 * (trial.box == "giou")) for trial in trials]
    return Comparison(trials, outcomes)
