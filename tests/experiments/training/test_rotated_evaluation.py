"""AP of rotated boxes: equal to COCO's at right angles, and to an independent definition at any angle."""

import math
from fractions import Fraction

import numpy as np
import pytest

import detloss
from detloss.auditing.oracle import exact_polygons as polygons
from detloss.experiments.data.dataset import Sample
from detloss.experiments.training.average_precision import average_precisions
from detloss.experiments.training.evaluation import Prediction, evaluate
from tests.experiments.training import test_evaluation
from tests.experiments.training.test_evaluation import (
    THRESHOLDS,
    average_precision,
    prediction_of,
    sample_of,
)

ROTATED = detloss.Rotated()


def rotated_sample(rows: list[list[float]], labels: list[int], *, height: int = 120, width: int = 160) -> Sample:
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    return Sample("image", np.zeros((height, width, 3), np.uint8), boxes, np.array(labels, np.int64))


def rotated_prediction(rows: list[list[float]], labels: list[int], scores: list[float]) -> Prediction:
    boxes = np.array(rows, np.float32).reshape(-1, 5)
    return Prediction(boxes, np.array(scores, np.float32), np.array(labels, np.int64))


def as_row(corners: np.ndarray, quarter_turn: bool) -> list[float]:
    """The same box as center, sides and angle, at 0 or at 90 degrees."""
    (x1, y1, x2, y2) = corners.tolist()
    sides = [y2 - y1, x2 - x1, math.pi / 2] if quarter_turn else [x2 - x1, y2 - y1, 0.0]
    return [(x1 + x2) / 2, (y1 + y2) / 2, *sides]


@pytest.mark.parametrize("quarter_turn", [False, True])
def test_equals_coco_for_axis_aligned_boxes(quarter_turn: bool, seed: int) -> None:
    random = np.random.default_rng(seed)
    samples, predictions, rotated_samples, rotated_predictions = [], [], [], []
    for _ in range(25):
        count = int(random.integers(0, 7))
        corners = random.uniform(0, 90, (count, 2))
        boxes = np.concatenate((corners, corners + random.uniform(4, 60, (count, 2))), axis=1)
        labels = random.integers(0, 3, count).tolist()
        near = np.repeat(boxes, 3, axis=0) + random.normal(0, 4, (3 * count, 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        classes = np.where(random.random(3 * count) < 0.8, np.repeat(labels, 3), 1).tolist()
        scores = random.random(3 * count).tolist()
        samples.append(sample_of(boxes.tolist(), labels))
        predictions.append(prediction_of(near.tolist(), classes, scores))
        rotated_samples.append(rotated_sample([as_row(box, quarter_turn) for box in boxes], labels))
        rotated_predictions.append(rotated_prediction([as_row(box, quarter_turn) for box in near], classes, scores))
    expected = evaluate(predictions, samples)
    found = evaluate(rotated_predictions, rotated_samples, ROTATED)
    assert 0.05 < expected.ap < 0.95
    for name in ("ap", "ap50", "ap75", "small", "medium", "large"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-9, nan_ok=True), name
    np.testing.assert_array_equal(found.found, expected.found)
    for name in ("images", "labels", "hits"):
        np.testing.assert_array_equal(getattr(found.matches, name), getattr(expected.matches, name))


def exact_overlap(a: np.ndarray, b: np.ndarray) -> float:
    first, second = (polygons.rectangle([Fraction(float(number)) for number in row]).vertices for row in (a, b))
    shared = polygons.area(polygons.intersection(first, second))
    return float(shared / (polygons.area(first) + polygons.area(second) - shared))


def test_equals_an_independent_definition(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_evaluation, "overlap", exact_overlap)
    random = np.random.default_rng(seed)
    samples, predictions = [], []
    for _ in range(5):
        count = int(random.integers(1, 4))
        numbers = [
            random.uniform(10, 90, (count, 2)),
            random.uniform(8, 50, (count, 2)),
            random.uniform(-4, 4, (count, 1)),
        ]
        rows = np.concatenate(numbers, axis=1)
        labels = random.integers(0, 2, count).tolist()
        near = np.repeat(rows, 2, axis=0) + random.normal(0, 1, (2 * count, 5)) * [2, 2, 2, 2, 0.15]
        samples.append(rotated_sample(rows.tolist(), labels))
        scores = (random.permutation(2 * count) + random.random(2 * count)).tolist()
        predictions.append(rotated_prediction(near.tolist(), np.repeat(labels, 2).tolist(), scores))
    occurring = sorted({int(label) for sample in samples for label in sample.labels})
    table = np.array([[average_precision(predictions, samples, k, t) for t in THRESHOLDS] for k in occurring])
    found = evaluate(predictions, samples, ROTATED)
    assert found.ap == pytest.approx(table.mean(), abs=1e-6)
    assert found.ap50 == pytest.approx(table[:, 0].mean(), abs=1e-6)
    assert found.ap75 == pytest.approx(table[:, 5].mean(), abs=1e-6)
    objects = np.stack([np.bincount(sample.labels, minlength=2) for sample in samples])
    assert average_precisions(found.matches, objects, np.ones((1, 5), int))[0] == pytest.approx(found.ap, abs=1e-9)


class TestKnownValues:
    SQUARE = (50.0, 50.0, 40.0, 40.0, 0.3)

    @pytest.mark.parametrize(
        ("angle", "ap"),
        [(0.0, 1.0), (math.pi / 4, 0.5), (math.pi / 2, 1.0), (-math.pi, 1.0)],  # 45 degrees: IoU .707, five thresholds
    )
    def test_of_a_rotated_square(self, angle: float, ap: float) -> None:
        row = [*self.SQUARE[:4], self.SQUARE[4] + angle]
        found = evaluate([rotated_prediction([row], [0], [0.9])], [rotated_sample([self.SQUARE], [0])], ROTATED)
        assert found.ap == pytest.approx(ap)

    def test_size_is_that_of_the_rotated_box(self) -> None:
        """Sides of 31 pixels are small in 640 x 480; the enclosing axis-aligned box would not be."""
        row = [320.0, 240.0, 31.0, 31.0, math.pi / 4]
        sample = rotated_sample([row], [0], height=480, width=640)
        found = evaluate([rotated_prediction([row], [0], [0.9])], [sample], ROTATED)
        assert found.small == 1
        assert math.isnan(found.medium)

    def test_nothing_detected_is_zero(self) -> None:
        none = rotated_prediction([], [], [])
        found = evaluate([none, none], [rotated_sample([self.SQUARE], [0]), rotated_sample([], [])], ROTATED)
        assert (found.ap, found.found.tolist()) == (0, [0])

    def test_the_hundred_highest_scoring_of_a_class_count(self) -> None:
        """The true positive is the hundredth of its class, or the hundred and first."""
        far = [[10.0, 10.0, 4.0, 4.0, 0.1]] * 100
        for before, ap50 in ((99, 1 / 100), (100, 0.0)):
            scores = [*np.linspace(0.9, 0.5, before), 0.4]
            prediction = rotated_prediction([*far[:before], self.SQUARE], [0] * (before + 1), scores)
            found = evaluate([prediction], [rotated_sample([self.SQUARE], [0])], ROTATED)
            assert found.ap50 == pytest.approx(ap50)
