"""ultralytics' YOLO in a trial: its inputs, loss terms and detections."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from ultralytics.utils.loss import v8DetectionLoss

from detloss.experiments.training import detectors
from detloss.experiments.training.evaluation import evaluate
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import predict, run_trial
from tests.support.marks import exhaustive_except
from tests.support.shape_scenes import (
    ROWS,
    batch,
    losses_while_training,
    scenes,
)

FITTING = ("bce", "balanced_bce", "focal")


def make(seed: int, box: str = "ciou", cls: str = "bce", weight: float = 1.0) -> nn.Module:
    """A detector with the initial weights of a seed."""
    torch.manual_seed(seed)
    return detectors.yolo(ROWS[box], ROWS[cls], weight, scenes(seed))


@pytest.mark.parametrize(
    ("box", "cls"),
    exhaustive_except(
        [*(("giou", cls) for cls in FITTING), ("l2", "bce"), ("smooth_l1", "focal")],
        lambda case: case == ("giou", "bce"),
    ),
)
def test_every_kind_of_loss_trains(box: str, cls: str, seed: int) -> None:
    """The soft targets grow with the overlap of the boxes, so the loss first rises and then falls from its maximum."""
    totals = losses_while_training(make(seed, box, cls), scenes(seed, count=4), steps=40)
    assert np.isfinite(totals).all()
    assert np.mean(totals[-5:]) < 0.8 * max(totals)


def test_with_its_own_losses_the_framework_gives_the_same_loss_per_image(seed: int) -> None:
    """The framework's criterion on its own batch format, built by hand."""
    weight = 3.0
    detector = make(seed, weight=weight)
    detector.train()
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    images, targets = batch(scenes(seed, count=3, height=50, width=90))  # padded to 64 x 96
    ours = detector.loss(images, targets)
    padded = torch.zeros(3, 3, 64, 96)
    padded[..., :50, :90] = images
    rows = []
    for image, target in enumerate(targets):
        for (x1, y1, x2, y2), label in zip(target["boxes"].tolist(), target["labels"].tolist()):
            rows.append([image, label, (x1 + x2) / 192, (y1 + y2) / 128, (x2 - x1) / 96, (y2 - y1) / 64])
    table = torch.tensor(rows)
    theirs, _ = v8DetectionLoss(detector.network)(
        detector.network(padded), {"batch_idx": table[:, 0], "cls": table[:, 1:2], "bboxes": table[:, 2:]}
    )
    box, classes, distribution = theirs / 3
    assert box > 0
    torch.testing.assert_close(ours["classification"], classes, rtol=1e-4, atol=0.0)
    torch.testing.assert_close(ours["box"], weight * box + distribution, rtol=1e-4, atol=0.0)


def test_detections_lie_in_the_image_and_labels_start_at_0(seed: int) -> None:
    detector = make(seed)
    dataset = scenes(seed, height=50, width=70)
    losses_while_training(detector, dataset, steps=3)
    found = predict(detector, dataset.validation, "cpu")
    assert len(found) == 2
    for boxes, scores, labels in found:
        assert boxes.shape == (len(scores), 4)
        assert len(scores) <= 100
        assert ((boxes >= 0) & (boxes <= np.array([70, 50, 70, 50]))).all()
        assert (boxes[:, 2:] >= boxes[:, :2]).all()
        assert ((scores >= 0) & (scores <= 1)).all()
        assert (np.diff(scores) <= 0).all()
        assert labels.dtype == np.int64
        assert set(labels.tolist()) <= {0, 1, 2}


@pytest.mark.exhaustive
def test_two_images_are_memorized(seed: int) -> None:
    dataset = scenes(seed, count=2)
    detector = make(seed)
    losses_while_training(detector, dataset, steps=70)
    assert evaluate(predict(detector, dataset.validation, "cpu"), dataset.validation).ap50 > 0.5


def test_detections_do_not_depend_on_the_load_of_the_machine(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    detector, dataset = make(seed), scenes(seed)
    before = predict(detector, dataset.validation, "cpu")
    hours = iter(range(0, 10**6, 3600))
    monkeypatch.setattr("time.time", lambda: float(next(hours)))
    after = predict(detector, dataset.validation, "cpu")
    assert all(np.array_equal(a, b) for one, two in zip(before, after) for a, b in zip(one, two))


def test_initial_weights_are_the_same_for_all_losses(seed: int) -> None:
    expected = make(seed).state_dict()
    found = make(seed, "l2", "focal", weight=2.0).state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(value, expected[key]) for key, value in found.items())
    assert any(not torch.equal(value, expected[key]) for key, value in make(seed + 1).state_dict().items())


def test_a_trial_is_reproducible_by_its_seed(seed: int) -> None:
    trial = Trial("giou", "bce", 1.0, seed % 1000, steps=2, detector="yolo")
    dataset = scenes(seed, count=4)
    first, second = run_trial(trial, dataset), run_trial(trial, dataset)
    assert first.curve == second.curve
    assert all(
        np.array_equal(a, b)
        for one, two in zip(first.predictions.values(), second.predictions.values())
        for a, b in zip(one, two)
    )
    assert run_trial(replace(trial, seed=trial.seed + 1), dataset).curve != first.curve


def test_images_without_boxes_train(seed: int) -> None:
    dataset = scenes(seed, count=3)
    detector = make(seed)
    detector.train()
    terms = detector.loss(*batch(replace(dataset, train=dataset.train[2:])))
    sum(terms.values()).backward()
    assert terms["box"] == 0
    assert terms["classification"] > 0


@pytest.mark.parametrize("cls", ["ce", "weighted_ce", "softmax_focal"])
def test_class_losses_of_the_wrong_kind_are_rejected(cls: str, seed: int) -> None:
    because = "because yolo has one logit per class and none for the background"
    with pytest.raises(
        ValueError,
        match=rf"^cls: expected one of bce, balanced_bce, focal, asl, qfl, vfl, mal, iabce, {because}; got '{cls}'$",
    ):
        make(seed, cls=cls)


def test_nothing_is_printed(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    """A trial runs while progress bars are shown."""
    capfd.readouterr()
    torch.manual_seed(seed)
    detectors.yolo(ROWS["ciou"], ROWS["bce"], 1.0, scenes(seed))
    assert capfd.readouterr() == ("", "")
