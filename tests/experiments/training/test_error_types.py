"""Errors by type: cases with known answers, and numbers of the authors' program."""

import numpy as np
import pytest

import detloss
from detloss.experiments.data.dataset import Sample
from detloss.experiments.training.error_types import errors_by_type
from detloss.experiments.training.evaluation import Prediction

TYPES = ("class", "localization", "both", "duplicate", "background", "missed")
A, B, FAR = [0, 0, 10, 10], [50, 50, 60, 60], [80, 80, 90, 90]
THIRD = [5, 0, 15, 10]  # IoU 1/3 with A
NONE = np.zeros((0, 4), np.float32)

CASES = {
    "right": ([(A, 0), (B, 1)], [(A, 0.9, 0), (B, 0.8, 1)], {}),
    "class": ([(A, 0), (B, 1)], [(A, 0.9, 1), (B, 0.8, 1)], {"class": 0.75}),
    "localization": ([(A, 0)], [(THIRD, 0.9, 0)], {"localization": 1.0}),
    "only the first of two badly located detections is repaired": (
        [(A, 0)], [(THIRD, 0.9, 0), (THIRD, 0.8, 0)], {"localization": 1.0}
    ),
    "both": ([(A, 0), (B, 1)], [(THIRD, 0.9, 1), (B, 0.8, 1)], {"both": 0.25, "missed": 0.25}),
    "duplicate": ([(A, 0), (B, 0)], [(A, 0.9, 0), (A, 0.8, 0), (B, 0.7, 0)], {"duplicate": 50 / 3 / 101}),
    "background": ([(A, 0)], [(FAR, 0.9, 0), (A, 0.8, 0)], {"background": 0.5}),
    "missed": ([(A, 0), (B, 0)], [(A, 0.9, 0)], {"missed": 50 / 101}),
    "a class error of a found object is removed": ([(A, 0), (B, 1)], [(A, 0.9, 0), (A, 0.8, 1), (B, 0.7, 1)], {"class": 0.25}),
    "no detections": ([(A, 0)], [], {}),
    "no objects": ([], [(A, 0.9, 0)], {}),
}  # fmt: skip


def sample_of(boxes: np.ndarray, labels: np.ndarray) -> Sample:
    return Sample("one", np.zeros((120, 120, 3), np.uint8), boxes, labels)


@pytest.mark.parametrize("case", CASES)
def test_the_gain_of_repairing_one_type_of_error(case: str) -> None:
    objects, detections, gains = CASES[case]
    boxes, labels = np.array([box for box, _ in objects], np.float32).reshape(-1, 4), [label for _, label in objects]
    found = np.array([box for box, _, _ in detections], np.float32).reshape(-1, 4)
    scores = np.array([score for _, score, _ in detections], np.float32)
    prediction = Prediction(found, scores, np.array([label for _, _, label in detections], np.int64))
    measured = errors_by_type([prediction], [sample_of(boxes, np.array(labels, np.int64))])
    assert measured == pytest.approx(dict.fromkeys(TYPES, 0.0) | gains)


def scene(seed: int) -> tuple[list[Prediction], list[Sample]]:
    """Twelve images with up to five objects of three classes, and detections with all types of errors."""
    random = np.random.default_rng(seed)
    predictions, samples = [], []
    for _ in range(12):
        n = int(random.integers(0, 6))
        corners = random.uniform(0, 80, (n, 2))
        boxes = np.concatenate((corners, corners + random.uniform(10, 30, (n, 2))), 1).astype(np.float32)
        labels = random.integers(0, 3, n)
        near = np.repeat(boxes, 3, axis=0) + random.normal(0, 4, (3 * n, 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        far = random.uniform(0, 80, (4, 2))
        far = np.concatenate((far, far + random.uniform(10, 30, (4, 2))), 1)
        found = np.concatenate((near, far)).astype(np.float32)
        right, other = random.random(3 * n) < 0.7, random.integers(0, 3, 3 * n)
        classes = np.concatenate((np.where(right, np.repeat(labels, 3), other), random.integers(0, 3, 4)))
        kept = random.random(len(found)) < 0.6
        samples.append(sample_of(boxes, labels))
        predictions.append(Prediction(found[kept], random.random(kept.sum()).astype(np.float32), classes[kept]))
    return predictions, samples


TIDE = {  # of tidecv 1.0.1, run_range with thresholds .5 and .1
    1: [0.013104819253855347, 0.07644178282758148, 0.0039014756372075963, 0.01235669170055317, 0.16972160690809454, 0.07462982323077036],
    2: [0.18810274584881437, 0.08264707024648164, 0.006734398930089043, 0.0049190633349049055, 0.06393055972263899, 0.03636321965529863],
}  # fmt: skip


@pytest.mark.parametrize("seed", TIDE)
def test_the_gains_are_those_of_the_authors_program(seed: int) -> None:
    assert list(errors_by_type(*scene(seed)).items()) == [
        (name, pytest.approx(gain, abs=1e-9)) for name, gain in zip(TYPES, TIDE[seed])
    ]


def test_rotated_boxes() -> None:
    """Two bars that cross at a right angle have an IoU of 1/19, and their corners as axis-aligned boxes one of 1."""
    flat, upright = np.array([[30, 30, 20, 2, 0]], np.float32), np.array([[30, 30, 20, 2, np.pi / 2]], np.float32)
    label, score = np.zeros(1, np.int64), np.ones(1, np.float32)
    gains = errors_by_type([Prediction(upright, score, label)], [sample_of(flat, label)], detloss.Rotated())
    assert gains == dict.fromkeys(TYPES, 0.0), "the detection is background, and the only object is missed"
    gains = errors_by_type([Prediction(flat, score, label + 1)], [sample_of(flat, label)], detloss.Rotated())
    assert gains["class"] == pytest.approx(1.0)
