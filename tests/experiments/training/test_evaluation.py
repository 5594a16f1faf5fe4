"""COCO's average precision: values computed by hand, and an independent definition on random detections."""

import numpy as np
import pytest

from detloss.experiments.data.dataset import Sample
from detloss.experiments.training.evaluation import Prediction, evaluate

THRESHOLDS = np.linspace(0.5, 0.95, 10)


def sample_of(boxes: list[list[float]], labels: list[int], *, height: int = 120, width: int = 160) -> Sample:
    image = np.zeros((height, width, 3), np.uint8)
    return Sample("image", image, np.array(boxes, np.float32).reshape(-1, 4), np.array(labels, np.int64))


def prediction_of(boxes: list[list[float]], labels: list[int], scores: list[float]) -> Prediction:
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Prediction(corners, np.array(scores, np.float32), np.array(labels, np.int64))


LEFT, RIGHT = [10.0, 10.0, 50.0, 50.0], [90.0, 10.0, 130.0, 50.0]


class TestKnownValues:
    def test_all_found_is_one(self) -> None:
        found = evaluate([prediction_of([LEFT, RIGHT], [0, 1], [0.3, 0.9])], [sample_of([LEFT, RIGHT], [0, 1])])
        assert (found.ap, found.ap50, found.ap75) == (1, 1, 1)

    def test_nothing_detected_is_zero(self) -> None:
        found = evaluate([prediction_of([], [], [])] * 2, [sample_of([LEFT], [0]), sample_of([], [])])
        assert (found.ap, found.ap50, found.ap75) == (0, 0, 0)

    def test_no_objects_is_unknown(self) -> None:
        assert np.isnan(evaluate([prediction_of([LEFT], [0], [0.5])], [sample_of([], [])]).ap)

    def test_half_found_is_51_of_101_recalls(self) -> None:
        found = evaluate([prediction_of([LEFT], [0], [0.9])], [sample_of([LEFT, RIGHT], [0, 0])])
        assert found.ap50 == pytest.approx(51 / 101)

    def test_a_false_positive_with_a_higher_score_halves_the_precision(self) -> None:
        found = evaluate([prediction_of([RIGHT, LEFT], [0, 0], [0.9, 0.8])], [sample_of([LEFT], [0])])
        assert found.ap == pytest.approx(0.5)

    def test_a_second_detection_of_an_object_is_false(self) -> None:
        prediction = prediction_of([LEFT, LEFT, RIGHT], [0, 0, 0], [0.9, 0.8, 0.7])
        found = evaluate([prediction], [sample_of([LEFT, RIGHT], [0, 0])])
        assert found.ap50 == pytest.approx((51 + 50 * 2 / 3) / 101)

    def test_an_overlap_of_72_percent_passes_five_of_ten_thresholds(self) -> None:
        found = evaluate([prediction_of([[10, 10, 50, 38.8]], [0], [0.9])], [sample_of([LEFT], [0])])
        assert (found.ap, found.ap50, found.ap75) == (pytest.approx(0.5), 1, 0)

    def test_classes_have_equal_weight_and_those_without_objects_none(self) -> None:
        truth = sample_of([LEFT, RIGHT, RIGHT], [0, 1, 3])
        found = evaluate([prediction_of([LEFT, RIGHT, LEFT], [0, 1, 2], [0.9, 0.8, 0.7])], [truth])
        assert found.ap == pytest.approx(2 / 3)

    @pytest.mark.parametrize("scale", [0.1, 1, 7])
    def test_sizes_are_fractions_of_the_image(self, scale: float) -> None:
        """Sides of 30, 60 and 100 pixels in 640 x 480: small, medium, large at any size of the image."""
        truth, found = [], []
        for side, hit in ((30, True), (60, False), (100, True)):
            box = [40 * scale, 40 * scale, (40 + side) * scale, (40 + side) * scale]
            truth.append(sample_of([box], [0], height=int(480 * scale), width=int(640 * scale)))
            found.append(prediction_of([box] if hit else [], [0] if hit else [], [0.9] if hit else []))
        precision = evaluate(found, truth)
        assert (precision.small, precision.medium, precision.large) == (1, 0, 1)

    def test_a_missing_prediction_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="predictions: expected one for each of 1 samples, got 0"):
            evaluate([], [sample_of([LEFT], [0])])

    def test_prints_nothing(self, capfd: pytest.CaptureFixture[str]) -> None:
        evaluate([prediction_of([LEFT], [0], [0.9])], [sample_of([LEFT], [0])])
        assert capfd.readouterr() == ("", "")


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = np.prod(np.maximum(sides, 0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def average_precision(predictions: list[Prediction], samples: list[Sample], label: int, threshold: float) -> float:
    """Average precision of one class at one IoU, from COCO's description."""
    ranked = sorted(
        ((float(p.scores[k]), image, p.boxes[k]) for image, p in enumerate(predictions) for k in range(len(p.labels))
         if p.labels[k] == label),
        key=lambda row: -row[0],
    )  # fmt: skip
    objects = [(image, box) for image, s in enumerate(samples) for box in s.boxes[s.labels == label]]
    free = [True] * len(objects)
    hits = []
    for _, image, box in ranked:
        overlaps = [
            overlap(box.astype(np.float64), other.astype(np.float64)) if image == index and unmatched else -1.0
            for (index, other), unmatched in zip(objects, free)
        ]
        best = int(np.argmax(overlaps))
        hit = overlaps[best] >= threshold
        free[best] &= not hit
        hits.append(hit)
    found = np.cumsum(hits)
    precision, recall = found / np.arange(1, len(hits) + 1), found / len(objects)
    reached = [precision[recall >= point].max(initial=0.0) for point in np.linspace(0, 1, 101)]
    return float(np.mean(reached))


def test_equals_an_independent_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    samples, predictions = [], []
    for _ in range(12):
        count = int(random.integers(0, 6))
        corners = random.uniform(0, 100, (count, 2))
        boxes = np.concatenate((corners, corners + random.uniform(5, 50, (count, 2))), axis=1)
        labels = random.integers(0, 2, count)
        samples.append(sample_of(boxes.tolist(), labels.tolist()))
        near = np.concatenate((boxes + random.normal(0, 3, boxes.shape), boxes + random.normal(0, 9, boxes.shape)))
        near = np.concatenate((np.minimum(near[:, :2], near[:, 2:]), np.maximum(near[:, :2], near[:, 2:]) + 1), axis=1)
        classes = np.where(random.random(2 * count) < 0.8, np.tile(labels, 2), 1 - np.tile(labels, 2))
        predictions.append(prediction_of(near.tolist(), classes.tolist(), random.permutation(2 * count).tolist()))
    for p in predictions:  # without ties the order is unique
        p.scores[:] += random.random(len(p.scores)).astype(np.float32)
    occurring = sorted({int(label) for s in samples for label in s.labels})
    table = np.array([[average_precision(predictions, samples, k, t) for t in THRESHOLDS] for k in occurring])
    found = evaluate(predictions, samples)
    assert found.ap == pytest.approx(table.mean(), abs=1e-6)
    assert found.ap50 == pytest.approx(table[:, 0].mean(), abs=1e-6)
    assert found.ap75 == pytest.approx(table[:, 5].mean(), abs=1e-6)
