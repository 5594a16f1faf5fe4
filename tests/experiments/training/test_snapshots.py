"""What is seen of a training on its way: when, on which images, and without a trace in its result."""

from dataclasses import replace

import numpy as np
import pytest

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.devices import Place
from detloss.experiments.training.evaluation import Prediction, evaluate
from detloss.experiments.training.outcome import pack, unpack
from detloss.experiments.training.snapshots import (
    Glimpse,
    Watch,
    evenly,
    filmed,
    highest_scoring,
)
from detloss.experiments.training.trial import (
    Trial,
    losses_of,
    run_trial,
    train_and_judge,
)
from tests.support.trials import outcome_of, small_dataset


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
def test_images_are_spread_evenly(images: list[int], count: int, chosen: list[int]) -> None:
    assert evenly(images, count) == chosen


def test_images_that_are_filmed_have_few_objects_where_there_are_such() -> None:
    samples = images_with(0, 9, 8, 1, 2, 30, 3)
    assert filmed(samples, range(7)) == [2, 3, 4, 6]
    assert filmed(samples, [0, 1, 2, 5]) == [1, 2, 5], "without enough of them, any with objects"


def test_a_long_training_is_looked_at_on_more_images() -> None:
    data = dataset_with(*[1] * 130)
    assert Watch(data, 200).steps == [10, 20, 40, 80, 140, 200]
    assert [len(Watch(data, steps).images) for steps in (4, 200, 4000)] == [8, 20, 100]
    assert Watch(data, 1).steps == [1]


def test_the_highest_scoring_predictions_are_as_many_as_objects() -> None:
    [sample] = images_with(2)
    boxes, scores = np.arange(12, dtype=np.float32).reshape(3, 4), np.array([0.2, 0.9, 0.5], np.float32)
    found = highest_scoring(Prediction(boxes, scores, np.array([0, 1, 2])), sample)
    assert found.labels.tolist() == [1, 2]
    assert found.boxes.tolist() == boxes[[1, 2]].tolist()


def test_looking_changes_nothing_and_sees_what_the_end_sees() -> None:
    data = dataset_with(*[2, 1, 0, 3, 1, 2, 2, 1, 1, 1])
    trial = Trial("giou", "focal", 1.0, 0, steps=6)
    told: list[tuple[int, Glimpse | None]] = []
    watched = run_trial(trial, data, on_progress=lambda step, glimpse=None: told.append((step, glimpse)))
    alone = train_and_judge(*losses_of(trial), trial, data, place=Place(), on_progress=None)
    assert watched.curve == alone.curve
    assert watched.ap == alone.ap
    assert alone.glimpses == []
    assert [glimpse.step for glimpse in watched.glimpses] == [1, 2, 4, 6]
    assert [(step, glimpse is not None) for step, glimpse in told] == [
        (1, True), (2, True), (3, False), (4, True), (5, False), (6, False)
    ]  # fmt: skip
    last = watched.glimpses[-1]
    watch = Watch(data, 6)
    assert last.images == watch.filmed
    by_image = dict(zip(watched.pictured, watched.predictions))
    assert watched.pictured == [0, 1, 3, 4, 5, 6, 7, 8, 9], "images with objects"
    for image, prediction in zip(last.images, last.predictions):
        for one, other in zip(prediction, by_image[image]):
            np.testing.assert_array_equal(one, other)


def test_the_ap_of_a_glimpse_is_that_of_its_images() -> None:
    data = dataset_with(*[1] * 20)
    watch = Watch(data, steps=4)
    right = [Prediction(s.boxes, np.ones(1, np.float32), s.labels) for s in watch.samples]
    wrong = [replace_boxes(prediction) for prediction in right]
    half = [*right[:4], *wrong[4:]]
    assert watch.glimpse(1, right).ap == pytest.approx(1)
    assert watch.glimpse(1, half).ap == evaluate(half, [data.validation[image] for image in watch.images]).ap


def replace_boxes(prediction: Prediction) -> Prediction:
    return prediction._replace(boxes=prediction.boxes + 32)


def test_a_search_is_not_looked_at() -> None:
    outcome = run_trial(Trial("giou", "focal", 1.0, 0, steps=2, phase=1), dataset_with(1, 1, 2))
    assert outcome.glimpses == []


def test_glimpses_come_back_from_a_database() -> None:
    found = outcome_of(Trial("l1", "focal", 1.0, 0, 2))
    none = Prediction(*(column[:0] for column in found.predictions[0]))
    glimpses = [Glimpse(1, 0.25, [3, 7], [found.predictions[0], none]), Glimpse(2, 0.5, [3, 7], [none, none])]
    back = unpack(pack(replace(found, glimpses=glimpses, pictured=[3, 7])))
    assert back.pictured == [3, 7]
    assert [(glimpse.step, glimpse.ap, glimpse.images) for glimpse in back.glimpses] == [
        (1, 0.25, [3, 7]),
        (2, 0.5, [3, 7]),
    ]
    for before, after in zip(glimpses, back.glimpses, strict=True):
        for one, other in zip(before.predictions, after.predictions, strict=True):
            for column, same in zip(one, other, strict=True):
                np.testing.assert_array_equal(column, same)


def test_a_record_of_an_earlier_version_has_none() -> None:
    outcome = unpack(pack(outcome_of(Trial("l1", "focal", 1.0, 0, 2))))
    assert (list(outcome.pictured), list(outcome.glimpses)) == ([], [])
    assert small_dataset().validation[0].file is None
