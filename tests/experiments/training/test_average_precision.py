"""AP of bootstrap samples, equal to COCO's evaluation of images that are repeated."""

import numpy as np
import pytest

from detloss.experiments.data.dataset import Sample
from detloss.experiments.training import average_precision
from detloss.experiments.training.average_precision import MatchedDetections, assign, average_precisions
from detloss.experiments.training.evaluation import Prediction, evaluate

CLASSES = 3
IMAGES = 12


def scenes(seed: int) -> tuple[list[Sample], list[Prediction]]:
    """Random objects, some images without; two detections near each, and false positives."""
    random = np.random.default_rng(seed)
    samples, predictions = [], []
    for _ in range(IMAGES):
        count = int(random.integers(0, 5))
        corners = random.uniform(0, 100, (count, 2))
        boxes = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
        labels = random.integers(0, CLASSES, count)
        samples.append(Sample("image", np.zeros((120, 160, 3), np.uint8), boxes.astype(np.float32), labels))
        false_positives = random.uniform(0, 100, (4, 4))
        false_positives[:, 2:] += false_positives[:, :2]
        near = [boxes + random.normal(0, spread, boxes.shape) for spread in (1, 4)]
        found = np.concatenate([*near, false_positives])
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        scores = random.random(len(found)).astype(np.float32)
        kinds = np.concatenate((labels, labels, random.integers(0, CLASSES, 4)))
        predictions.append(Prediction(found.astype(np.float32), scores, kinds))
    return samples, predictions


def objects_of(samples: list[Sample]) -> np.ndarray:
    return np.stack([np.bincount(sample.labels, minlength=CLASSES) for sample in samples])


def test_drawn_images_count_as_if_they_were_repeated(seed: int) -> None:
    samples, predictions = scenes(seed)
    draws = np.random.default_rng(seed).multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=8)
    draws[0] = 1
    found = average_precisions(evaluate(predictions, samples).matches, objects_of(samples), draws)
    for counts, precision in zip(draws, found):
        drawn = np.repeat(np.arange(IMAGES), counts)
        expected = evaluate([predictions[image] for image in drawn], [samples[image] for image in drawn])
        assert precision == pytest.approx(expected.ap, abs=1e-9)


def test_blocks_of_draws_make_no_difference(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, predictions = scenes(seed)
    matches, objects = evaluate(predictions, samples).matches, objects_of(samples)
    draws = np.random.default_rng(seed).multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=7)
    whole = average_precisions(matches, objects, draws)
    monkeypatch.setattr(average_precision, "LARGEST_BLOCK", 3 * max(len(matches.hits) // CLASSES, 1))
    np.testing.assert_allclose(
        average_precisions(matches, objects, draws), whole, rtol=1e-12
    )  # the order of sums differs


def test_a_draw_without_objects_is_unknown_and_one_without_detections_zero() -> None:
    objects = np.array([[1], [0]])
    found = average_precisions(MatchedDetections.none(), objects, np.array([[0, 2], [1, 1]]))
    np.testing.assert_array_equal(found, [np.nan, 0])


def test_detections_after_the_last_true_positive_are_dropped() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    box, away = [10.0, 10.0, 50.0, 50.0], [90.0, 10.0, 130.0, 50.0]
    sample = Sample("one", image, np.array([box], np.float32), np.array([0]))
    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    labels = np.array([0, 0, 0, 1])
    boxes = np.array([away, box, away, box], np.float32)
    matches = evaluate([Prediction(boxes, scores, labels)], [sample]).matches
    assert matches.hits.tolist() == [0, 2**10 - 1]
    assert matches.labels.tolist() == [0, 0]
    assert matches.images.tolist() == [0, 0]


def test_the_highest_score_is_assigned_first() -> None:
    overlaps = np.array([[0.6, 0.9], [0.1, 0.95], [0.55, 0.5]])
    # The first is assigned to the second object up to .90 and to none above, where the second detection matches it.
    assert assign(overlaps).tolist() == [[1] * 9 + [-1], [-1] * 9 + [1], [0] * 2 + [-1] * 8]
