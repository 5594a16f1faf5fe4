"""torchvision's detectors in a trial: their inputs, loss terms and detections."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detloss.catalog import LOSSES, Kind
from detloss.experiments.training import detectors
from detloss.experiments.training.evaluation import evaluate
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import predict, run_trial
from tests.support.marks import exhaustive_except, quick_and_exhaustive
from tests.support.shape_scenes import (
    ROWS,
    batch,
    losses_while_training,
    scenes,
)

BUILDERS = {name: detectors.DETECTORS[name].build for name in ("retinanet", "fcos", "faster-rcnn")}
OWN = {"retinanet": ("l1", "focal"), "fcos": ("giou", "focal"), "faster-rcnn": ("smooth_l1", "ce")}
SIGMOID = ("bce", "balanced_bce", "focal", "asl", "qfl", "vfl", "mal", "iabce")
FOCAL = {"retinanet": "focal", "fcos": "focal", "faster-rcnn": "softmax_focal"}
QUICK = ("bce", "balanced_bce", "focal", "qfl", "ce", "softmax_focal")
FITTING = {"retinanet": SIGMOID, "fcos": SIGMOID, "faster-rcnn": ("ce", "softmax_focal")}
EVERY_CLASS_LOSS = [(name, cls) for name, classes in FITTING.items() for cls in classes]
REFUSED = [
    (name, loss.name)
    for name, classes in FITTING.items()
    for loss in LOSSES
    if loss.kind in (Kind.SIGMOID, Kind.QUALITY, Kind.SOFTMAX) and loss.name not in classes
]

every_detector = pytest.mark.parametrize("name", BUILDERS)


def make(name: str, seed: int, box: str = "giou", cls: str | None = None, weight: float = 1.0) -> nn.Module:
    """A detector with the initial weights of a seed."""
    torch.manual_seed(seed)
    return BUILDERS[name](ROWS[box], ROWS[cls or FOCAL[name]], weight, scenes(seed))


@pytest.mark.parametrize(("name", "cls"), exhaustive_except(EVERY_CLASS_LOSS, lambda case: case[1] in QUICK))
@pytest.mark.parametrize("box", quick_and_exhaustive("giou", "smooth_l1"))
def test_every_kind_of_loss_trains(name: str, cls: str, box: str, seed: int) -> None:
    totals = losses_while_training(make(name, seed, box, cls), scenes(seed), steps=8)
    # The targets of losses with a quality rise with the overlap of the predicted boxes.
    assert np.mean(totals[-2:]) < (2.5 if ROWS[cls].kind is Kind.QUALITY else 0.9) * np.mean(totals[:2])


# The framework's names of the box loss of the trial, of other box terms, and of class terms.
TERMS = {
    "retinanet": ("bbox_regression", [], ["classification"]),
    "fcos": ("bbox_regression", [], ["classification", "bbox_ctrness"]),
    "faster-rcnn": ("loss_box_reg", ["loss_rpn_box_reg"], ["loss_classifier", "loss_objectness"]),
}


@every_detector
def test_every_term_of_the_framework_counts_once_and_only_the_box_loss_is_weighted(name: str, seed: int) -> None:
    weight = 3.0
    detector = make(name, seed, *OWN[name], weight=weight)
    detector.train()
    images, targets = batch(scenes(seed, count=3))
    first = 1 if name == "faster-rcnn" else 0  # class 0 is the background there
    torch.manual_seed(seed)  # of the sampled proposals
    found = detector.network(list(images), [{**target, "labels": target["labels"] + first} for target in targets])
    torch.manual_seed(seed)
    ours = detector.loss(images, targets)
    box, boxes_too, classes = TERMS[name]
    assert set(found) == {box, *boxes_too, *classes}
    assert found[box] > 0
    torch.testing.assert_close(ours["box"], weight * found[box] + sum(found[term] for term in boxes_too))
    torch.testing.assert_close(ours["classification"], sum(found[term] for term in classes))


@every_detector
def test_with_its_own_losses_the_framework_gives_the_same_losses(name: str, seed: int) -> None:
    """If the framework has the losses of the catalog, removing ours changes nothing."""
    detector = make(name, seed, *OWN[name])
    detector.train()
    images, targets = batch(scenes(seed))
    torch.manual_seed(seed)
    ours = detector.loss(images, targets)
    network = detector.network
    if name == "faster-rcnn":
        del network.roi_heads.forward
    else:
        del network.head.compute_loss
    torch.manual_seed(seed)
    theirs = detector.loss(images, targets)
    torch.testing.assert_close(ours["classification"], theirs["classification"])
    if name != "faster-rcnn":  # its smooth L1 has beta 1/9, the catalog's 1
        torch.testing.assert_close(ours["box"], theirs["box"])


@every_detector
def test_images_reach_the_backbone_unchanged(name: str, seed: int) -> None:
    seen: list[Tensor] = []
    detector = make(name, seed)
    detector.network.backbone.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    dataset = scenes(seed, height=50, width=90)
    images, targets = batch(dataset)
    detector.train()
    detector.loss(images, targets)
    detector.eval()
    detector.predict(images)
    for padded in seen:
        assert padded.shape == (2, 3, 64, 96)
        assert torch.equal(padded[..., :50, :90], images)
    assert len(seen) == 2


@pytest.mark.parametrize("name", exhaustive_except(BUILDERS, lambda name: name == "faster-rcnn"))
def test_detections_lie_in_the_image_and_labels_start_at_0(name: str, seed: int) -> None:
    seen = set()
    for again in range(8):  # a detector after few steps may predict a single class
        detector = make(name, seed + again)
        dataset = scenes(seed + again, height=50, width=70)
        losses_while_training(detector, dataset, steps=3)
        detector.network.score_thresh = 0.0
        if name == "faster-rcnn":
            detector.network.roi_heads.score_thresh = 0.0
        for boxes, scores, labels in predict(detector, dataset.validation, "cpu"):
            assert 0 < len(boxes) <= 100
            assert (boxes >= 0).all()
            assert (boxes <= np.array([70, 50, 70, 50])).all()
            assert (boxes[:, 2:] >= boxes[:, :2]).all()
            assert ((scores >= 0) & (scores <= 1)).all()
            assert (np.diff(scores) <= 0).all()
            seen |= set(labels.tolist())
    assert seen <= {0, 1, 2}
    assert 0 in seen


@pytest.mark.exhaustive
@every_detector
def test_two_images_are_memorized(name: str, seed: int) -> None:
    dataset = scenes(seed)
    detector = make(name, seed, *OWN[name])
    losses_while_training(detector, dataset, steps=120)
    assert evaluate(predict(detector, dataset.validation, "cpu"), dataset.validation).ap50 > 0.5


@every_detector
def test_initial_weights_are_the_same_for_all_losses(name: str, seed: int) -> None:
    expected = make(name, seed).state_dict()
    for box, cls in (("l2", FITTING[name][0]), ("ciou", FITTING[name][1])):
        found = make(name, seed, box, cls, weight=2.0).state_dict()
        assert list(found) == list(expected)
        assert all(torch.equal(value, expected[key]) for key, value in found.items())
    assert any(not torch.equal(value, expected[key]) for key, value in make(name, seed + 1).state_dict().items())


@pytest.mark.parametrize("name", exhaustive_except(BUILDERS, lambda name: name == "retinanet"))
def test_a_trial_is_reproducible_by_its_seed(name: str, seed: int) -> None:
    trial = Trial("giou", FITTING[name][0], 1.0, seed % 1000, steps=2, detector=name)
    dataset = scenes(seed, count=4)
    first, second = run_trial(trial, dataset), run_trial(trial, dataset)
    assert first.curve == second.curve
    assert all(
        np.array_equal(a, b)
        for one, two in zip(first.predictions.values(), second.predictions.values())
        for a, b in zip(one, two)
    )
    assert run_trial(replace(trial, seed=trial.seed + 1), dataset).curve != first.curve


@every_detector
def test_images_without_boxes_train(name: str, seed: int) -> None:
    dataset = scenes(seed, count=3)
    empty = replace(dataset, train=dataset.train[2:])
    detector = make(name, seed)
    detector.train()
    terms = detector.loss(*batch(empty))
    sum(terms.values()).backward()
    assert terms["box"] == 0
    assert terms["classification"] > 0


@pytest.mark.parametrize(("name", "cls"), REFUSED)
def test_class_losses_of_the_wrong_kind_are_rejected(name: str, cls: str, seed: int) -> None:
    one_or_other = "one for the background" if name == "faster-rcnn" else "none for the background"
    listed = ", ".join(FITTING[name])
    message = (
        rf"^cls: expected one of {listed}, because {name} has one logit per class and {one_or_other}.*; got '{cls}'$"
    )
    with pytest.raises(ValueError, match=message):
        make(name, seed, cls=cls)


SMALLEST, LARGEST = {"retinanet": 8, "fcos": 4, "faster-rcnn": 12}, {"retinanet": 102, "fcos": 32, "faster-rcnn": 96}


@every_detector
def test_anchors_have_the_documented_sizes(name: str, seed: int) -> None:
    network = make(name, seed).network
    generator = network.rpn.anchor_generator if name == "faster-rcnn" else network.anchor_generator
    corners = torch.cat(generator.cell_anchors)
    sides = (corners[:, 2:] - corners[:, :2]).prod(1).sqrt()
    assert sides.min() == pytest.approx(SMALLEST[name], rel=0.07)  # corners are rounded to pixels
    assert sides.max() == pytest.approx(LARGEST[name], rel=0.02)


WITHOUT = """
import sys
sys.modules["torchvision"] = None
sys.modules["ultralytics"] = None
from click.testing import CliRunner
from detloss.catalog import LOSSES
from detloss.experiments.training.detectors import DETECTORS
from detloss.experiments.cli import main
from tests.support.shape_scenes import ROWS, scenes
for name, recipe in DETECTORS.items():
    try:
        recipe.build(ROWS["giou"], ROWS["ce" if name == "faster-rcnn" else "bce"], 1.0, scenes(0))
        print(name, "is there")
    except ModuleNotFoundError as error:
        print(error)
print(" ".join(CliRunner().invoke(main, ["compare", "--help"]).output.split()))
"""


def test_a_missing_package_is_named_with_its_extra_and_help_lists_all_detectors() -> None:
    lines = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert lines[:-1] == [
        "unitbox is there",
        *(
            f"detector {name}: expected the package torchvision, got none: pip install 'detloss[torchvision]'"
            for name in BUILDERS
        ),
        "detector yolo: expected the package ultralytics, got none: pip install 'detloss[ultralytics]'",
    ]
    assert "[unitbox|retinanet|fcos|faster-rcnn|yolo]" in lines[-1]
