"""Snapshots of a training: their steps and images, and that they do not change its result."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.devices import Device
from detloss.experiments.training.evaluation import Prediction, evaluate
from detloss.experiments.training.outcome import Phase, Trial
from detloss.experiments.training.snapshots import (
    Snapshot,
    SnapshotSchedule,
    evenly_spaced,
    highest_scoring,
    shown_images,
)
from detloss.experiments.training.training_loop import losses_of, run_trial, train_and_evaluate


def images_with(*objects: int) -> list[Sample]:
    """Images of 32 x 32 pixels with so many objects each."""
    random = np.random.default_rng(0)
    samples = []
    for number, count in enumerate(objects):
        corners = random.uniform(0, 20, (count, 2))
        boxes = np.concatenate((corners, corners + random.uniform(6, 12, (count, 2))), axis=1).astype(np.float32)
        pixels = random.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        samples.append(Sample(f"{number}.png", pixels, boxes, np.zeros(count, np.int64)))
    return samples


def dataset_with(*objects: int) -> Dataset:
    samples = images_with(*objects)
    return Dataset("few", ("one",), samples, samples, [], "")


@pytest.mark.parametrize(
    ("images", "count", "chosen"),
    [(range(5), 3, [0, 2, 4]), ([7, 9], 3, [7, 9]), ([7, 8, 9], 1, [7]), ([], 3, []), (range(100), 4, [0, 33, 66, 99])],
)
def test_images_are_evenly_spaced(images: list[int], count: int, chosen: list[int]) -> None:
    assert evenly_spaced(images, count) == chosen


def test_shown_images_have_few_objects_if_there_are_enough() -> None:
    samples = images_with(0, 9, 8, 1, 2, 30, 3)
    assert shown_images(samples, range(7)) == [2, 3, 4, 6]
    assert shown_images(samples, [0, 1, 2, 5]) == [1, 2, 5], "without enough of them, any with objects"


def test_snapshots_of_a_long_training_have_more_images() -> None:
    data = dataset_with(*[1] * 130)
    assert SnapshotSchedule(data, 200).steps == [10, 20, 40, 80, 140, 200]
    assert [len(SnapshotSchedule(data, steps).images) for steps in (4, 500, 4000)] == [8, 20, 100]
    assert SnapshotSchedule(data, 1).steps == [1]


def test_the_highest_scoring_predictions_are_as_many_as_objects() -> None:
    [sample] = images_with(2)
    boxes, scores = np.arange(12, dtype=np.float32).reshape(3, 4), np.array([0.2, 0.9, 0.5], np.float32)
    found = highest_scoring(Prediction(boxes, scores, np.array([0, 1, 2])), sample)
    assert found.labels.tolist() == [1, 2]
    assert found.boxes.tolist() == boxes[[1, 2]].tolist()


def test_snapshots_change_nothing_and_the_last_has_the_final_predictions(tmp_path: Path) -> None:
    data = dataset_with(*[2, 1, 0, 3, 1, 2, 2, 1, 1, 1])
    trial = Trial("giou", "focal", 1.0, 0, steps=6)
    progress: list[tuple[int, Snapshot | None]] = []
    watched = run_trial(
        trial, data, on_progress=lambda step, snapshot=None: progress.append((step, snapshot)), weights=tmp_path / "1"
    )
    alone = train_and_evaluate(
        *losses_of(trial), trial, data, device=Device(), on_progress=None, weights=tmp_path / "2"
    )
    assert weights_in(tmp_path / "1") == weights_in(tmp_path / "2"), "bit for bit"
    assert watched.curve == alone.curve
    assert watched.score == alone.score
    assert alone.snapshots == []
    assert [snapshot.step for snapshot in watched.snapshots] == [1, 2, 4, 6]
    assert [(step, snapshot is not None) for step, snapshot in progress] == [
        (1, True), (2, True), (3, False), (4, True), (5, False), (6, False), (6, False)
    ], "the last is of the evaluation"  # fmt: skip
    last = watched.snapshots[-1]
    assert list(last.predictions) == SnapshotSchedule(data, 6).shown
    assert list(watched.predictions) == [0, 1, 3, 4, 5, 6, 7, 8, 9], "images with objects"
    for image, prediction in last.predictions.items():
        for one, other in zip(prediction, watched.predictions[image]):
            np.testing.assert_array_equal(one, other)


def test_the_ap_of_a_snapshot_is_that_of_its_images() -> None:
    data = dataset_with(*[1] * 20)
    schedule = SnapshotSchedule(data, steps=4)
    right = [Prediction(s.boxes, np.ones(1, np.float32), s.labels) for s in schedule.samples]
    wrong = [replace_boxes(prediction) for prediction in right]
    half = [*right[:4], *wrong[4:]]
    assert schedule.snapshot(1, right).ap == pytest.approx(1)
    assert schedule.snapshot(1, half).ap == evaluate(half, [data.validation[image] for image in schedule.images]).ap


def weights_in(folder: Path) -> dict[str, bytes]:
    [file] = folder.iterdir()
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(file).items()}


def replace_boxes(prediction: Prediction) -> Prediction:
    return prediction._replace(boxes=prediction.boxes + 32)


def test_a_search_has_no_snapshots() -> None:
    outcome = run_trial(Trial("giou", "focal", 1.0, 0, steps=2, phase=Phase.SEARCH), dataset_with(1, 1, 2))
    assert outcome.snapshots == []
