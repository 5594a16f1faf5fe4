"""Losses in a YOLO: our versions equal the framework's losses, and removal restores the model."""

import copy
import math
import pickle
import pickletools
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
import yaml
from PIL import Image
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss
from ultralytics import YOLO
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import (
    DetectionModel,
    RTDETRDetectionModel,
    SegmentationModel,
    YOLOEModel,
    yaml_model_load,
)
from ultralytics.utils import loss as framework

import detloss
from detloss.catalog import LOSSES, Kind, Loss, Sizes
from detloss.integrations.adapt import AdaptedLoss, given
from detloss.integrations.ultralytics import BoxTerm, use_losses
from tests.support.marks import exhaustive_except

# A YOLO with DFL, two end-to-end ones (without DFL, with it), and one with further terms.
NETWORKS = {
    "yolov8n.yaml": DetectionModel,
    "yolo26n.yaml": DetectionModel,
    "yolov10n.yaml": DetectionModel,
    "yolov8n-seg.yaml": SegmentationModel,
}
OWN_LOSSES = {"box": detloss.CompleteIoULoss(), "classification": detloss.BinaryCrossEntropyLoss()}
CLASSES = 3

with_and_without_criterion = pytest.mark.parametrize(
    "trained", [False, True], ids=["no criterion yet", "with a criterion"]
)
every_network = pytest.mark.parametrize("name", NETWORKS)


def tiny(name: str) -> dict:
    """The architecture of this name, made thin."""
    return {**yaml_model_load(name), "scales": {"n": [0.33, 0.0625, 1024]}}


def network(name: str, seed: int) -> DetectionModel:
    """A network that returns the same output on every call."""
    torch.manual_seed(seed)
    model = NETWORKS[name](tiny(name), nc=CLASSES, verbose=False)
    model.args = get_cfg()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0
    return model


def batch(seed: int, boxes: int = 6) -> dict[str, Tensor]:
    """Random images and boxes; the last image has no box."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.rand(boxes, 2, generator=generator) * 0.7 + 0.1
    center = size / 2 + torch.rand(boxes, 2, generator=generator) * (1 - size)
    return {
        "img": torch.rand(4, 3, 96, 96, generator=generator),
        "batch_idx": torch.randint(3, (boxes,), generator=generator).sort().values.float(),
        "cls": torch.randint(CLASSES, (boxes, 1), generator=generator).float(),
        "bboxes": torch.cat([center, size], 1),
        "masks": torch.randint(2, (4, 96, 96), generator=generator).float(),
        "sem_masks": torch.randint(CLASSES, (4, 96, 96), generator=generator),
    }


def step(model: DetectionModel, data: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The losses, and their gradient by all parameters."""
    model.zero_grad()
    losses, _ = model.loss(data)
    losses.sum().backward()
    return losses.detach(), torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])


def assert_equal_but_for_rounding(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    """The framework adds 1e-7 to areas, which here are at least .01 cells, so that the ratio moves by 1e-5 at most."""
    torch.testing.assert_close(ours[0], theirs[0], rtol=2e-5, atol=1e-6)
    assert (ours[1] - theirs[1]).norm() <= 1e-4 * theirs[1].norm()


def assert_same_bits(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    assert all(torch.equal(first, second) for first, second in zip(ours, theirs))


@every_network
@pytest.mark.parametrize("boxes", [6, 0])
def test_the_losses_of_the_framework_in_our_form(name: str, boxes: int, seed: int) -> None:
    model, data = network(name, seed), batch(seed, boxes)
    theirs = step(model, data)
    with use_losses(model, **OWN_LOSSES):
        ours = step(model, data)
    assert_equal_but_for_rounding(ours, theirs)
    assert not boxes or not torch.equal(ours[1], theirs[1])  # ours were in place indeed


@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolov10n.yaml", "yolov8n-seg.yaml"])
@pytest.mark.parametrize("boxes", [6, 0])
@pytest.mark.parametrize("others", [{}, OWN_LOSSES], ids=["alone", "with the others"])
def test_distribution_focal_loss_is_that_of_the_framework(
    name: str, boxes: int, others: dict[str, nn.Module], seed: int
) -> None:
    model, data = network(name, seed), batch(seed, boxes)
    theirs = step(model, data)
    with use_losses(model, distribution=detloss.DistributionFocalLoss(), **others):
        ours = step(model, data)
    assert_equal_but_for_rounding(ours, theirs)
    with use_losses(model, distribution=detloss.DistributionFocalLoss(), distribution_weight=2.0):
        twice = step(model, data)[0]
    factors = torch.ones_like(theirs[0])
    factors[3 if name.endswith("-seg.yaml") else 2] = 2.0
    torch.testing.assert_close(twice, factors * theirs[0], rtol=1e-5, atol=1e-6)


def test_distances_beyond_the_last_bin_are_clamped_to_it() -> None:
    """The framework clamps them to .01 below it."""
    logits = torch.zeros(1, 1, 64).unflatten(-1, (4, 16))
    logits[..., 15] = 8.0  # the last bin
    term = BoxTerm(
        None, AdaptedLoss(given("distribution", detloss.DistributionFocalLoss(), 1.0), "mean"), framework.BboxLoss(16)
    )
    anchor, box = torch.tensor([[30.0, 30.0]]), torch.tensor([[[10.0, 10.0, 60.0, 60.0]]])
    scores, mask = torch.ones(1, 1, 1), torch.ones(1, 1, dtype=torch.bool)
    sizes = torch.tensor([640, 640]), torch.tensor([[8.0]])
    operands = logits.flatten(-2), box, anchor, box, scores, torch.ones(()), mask, *sizes
    last = 15 * math.exp(-8)  # of -log p of the last bin
    assert term(*operands)[1].item() == pytest.approx(math.log1p(last), rel=1e-5)
    assert term.framework(*operands)[1].item() == pytest.approx(math.log1p(last) + 0.01 * 8, rel=1e-3)


def test_losses_of_boxes_receive_pixels() -> None:
    """Positive anchor points of two strides."""
    loss = detloss.MinimumPointsDistanceIoULoss(image_size=(640, 480))
    term = BoxTerm(AdaptedLoss(given("box", loss, 1.0), "mean"), None, framework.BboxLoss(16))
    pred = torch.tensor([[[1.0, 1.0, 5.0, 3.0], [0.0, 0.0, 9.0, 9.0], [2.0, 0.0, 4.0, 1.0]]])
    target = torch.tensor([[[1.0, 2.0, 6.0, 3.0], [0.0, 0.0, 9.0, 9.0], [2.0, 1.0, 4.0, 2.0]]])
    stride, mask = torch.tensor([[8.0], [8.0], [16.0]]), torch.tensor([[True, False, True]])
    first, _ = term(
        torch.zeros(1, 3, 64), pred, torch.zeros(3, 2), target, torch.ones(1, 3, 1), torch.tensor(2.0), mask,
        torch.tensor([480, 640]), stride,
    )  # fmt: skip
    # 8 x: IoU 4 / 9, squared corner distances 8^2 and 8^2; 16 x: IoU 0, 16^2 twice
    expected = (1 - 4 / 9 + 128 / 800**2 + 1 + 512 / 800**2) / 2
    assert first.item() == pytest.approx(expected, rel=1e-6)


IOU = framework.bbox_iou
# Measure that the framework's box term would subtract from 1 for this loss.
MEASURES = {
    detloss.IoULoss(): lambda a, b, **_: IOU(a, b, xywh=False),
    detloss.IoULoss(form="log"): lambda a, b, **_: 1 + IOU(a, b, xywh=False).clamp(2**-126).log(),
    detloss.GeneralizedIoULoss(reduction="sum"): lambda a, b, **_: IOU(a, b, xywh=False, GIoU=True),
    detloss.distance_iou_loss: lambda a, b, **_: IOU(a, b, xywh=False, DIoU=True),
    detloss.MSELoss(): lambda a, b, **_: 1 - (a - b).square().mean(-1, keepdim=True),
    partial(detloss.l1_loss): lambda a, b, **_: 1 - (a - b).abs().mean(-1, keepdim=True),
}


@pytest.mark.parametrize("loss", MEASURES, ids=lambda loss: re.sub(" at 0x[0-9a-f]+", "", repr(loss)))
@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo26n.yaml"])
def test_other_box_losses(name: str, loss: object, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = network(name, seed), batch(seed)
    with use_losses(model, box=loss):
        ours = step(model, data)
    monkeypatch.setattr(framework, "bbox_iou", MEASURES[loss])
    assert_equal_but_for_rounding(ours, step(model, data))


def quality_focal(logits: Tensor, scores: Tensor) -> Tensor:
    """Quality focal loss of the target scores."""
    cost = nn.functional.binary_cross_entropy_with_logits(logits, scores, reduction="none")
    return (scores - logits.sigmoid()).abs() ** 1.5 * cost


def test_the_target_score_is_the_quality(seed: int) -> None:
    model, data = network("yolov8n.yaml", seed), batch(seed)
    with use_losses(model, classification=detloss.QualityFocalLoss(beta=1.5)):
        ours = step(model, data)
    model.criterion.bce = quality_focal
    assert_equal_but_for_rounding(ours, step(model, data))


@pytest.mark.parametrize("weighted", [False, True])
def test_other_class_losses(weighted: bool, seed: int) -> None:
    model, data = network("yolo26n.yaml", seed), batch(seed)
    if weighted:  # the framework's trainer derives it from cls_pw
        model.class_weights = torch.tensor([0.5, 1.5, 1.0])
    with use_losses(model, classification=detloss.SigmoidFocalLoss(alpha=[0.3, 0.3, 0.3], gamma=1.5)):
        ours = step(model, data)
    for branch in (model.criterion.one2many, model.criterion.one2one):
        branch.bce = partial(sigmoid_focal_loss, alpha=0.3, gamma=1.5)
    assert_equal_but_for_rounding(ours, step(model, data))


@pytest.mark.parametrize("name", ["yolov8n.yaml", "yolo26n.yaml"])
@pytest.mark.parametrize(("weight", "position"), [("box_weight", 0), ("classification_weight", 1)])
def test_a_weight_multiplies_its_term(name: str, weight: str, position: int, seed: int) -> None:
    model, data = network(name, seed), batch(seed)
    with use_losses(model, **OWN_LOSSES):
        plain = step(model, data)
    with use_losses(model, **OWN_LOSSES, **{weight: 1.0}):
        assert_same_bits(step(model, data), plain)
    with use_losses(model, **OWN_LOSSES, **{weight: 4.0}):
        losses, _ = step(model, data)
    factors = torch.ones(3)
    factors[position] = 4.0
    torch.testing.assert_close(losses, factors * plain[0])


def test_losses_that_are_not_given_stay() -> None:
    model = network("yolov8n.yaml", 0)
    with use_losses(model, box=detloss.L1Loss()):
        criterion = model.init_criterion()
        assert isinstance(criterion.bce, nn.BCEWithLogitsLoss)
    with use_losses(model, classification=detloss.SigmoidFocalLoss()):
        criterion = model.init_criterion()
        assert type(criterion.bbox_loss) is framework.BboxLoss


@every_network
@with_and_without_criterion
def test_removal_restores_every_bit(name: str, trained: bool, seed: int) -> None:
    model, data = network(name, seed), batch(seed)
    twin = copy.deepcopy(model)
    if trained:
        step(model, data)
    before, names = dict(vars(model)), list(model.state_dict())
    handle = use_losses(model, box=detloss.GeneralizedIoULoss(), classification=detloss.SigmoidFocalLoss())
    assert list(model.state_dict()) == names
    theirs = step(twin, data)
    assert not torch.isclose(step(model, data)[0], theirs[0]).all()
    handle.remove()
    assert_same_bits(step(model, data), theirs)
    assert vars(model).keys() - before.keys() <= {"criterion"}
    handle.remove()


@with_and_without_criterion
def test_two_handles(trained: bool, seed: int) -> None:
    model, data = network("yolov8n.yaml", seed), batch(seed)
    theirs = step(copy.deepcopy(model), data)
    if trained:
        step(model, data)
    box = use_losses(model, box=OWN_LOSSES["box"])
    classification = use_losses(model, classification=OWN_LOSSES["classification"])
    assert_equal_but_for_rounding(step(model, data), theirs)
    assert not isinstance(model.criterion.bce, nn.BCEWithLogitsLoss)
    assert type(model.criterion.bbox_loss) is not framework.BboxLoss
    classification.remove()
    box.remove()
    assert_same_bits(step(model, data), theirs)


@with_and_without_criterion
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"]
)
def test_a_copy_has_independent_losses(trained: bool, copied: Callable[[nn.Module], nn.Module], seed: int) -> None:
    model, data = network("yolo26n.yaml", seed), batch(seed)
    handle = use_losses(
        model, box=detloss.GeneralizedIoULoss(), classification=detloss.SigmoidFocalLoss(alpha=[0.3] * 3)
    )
    if trained:
        step(model, data)
    other = copied(model)
    ours = step(other, data)
    assert_same_bits(step(model, data), ours)
    for mine, copys in zip(vars(model.criterion).values(), vars(other.criterion).values()):
        assert mine is not copys or isinstance(mine, float | int)
    assert (
        other.criterion.one2one.bce.loss.loss.alpha.data_ptr() != model.criterion.one2one.bce.loss.loss.alpha.data_ptr()
    )
    handle.remove()
    assert_same_bits(step(other, data), ours)


def test_other_models_keep_their_losses() -> None:
    first, second = network("yolov8n.yaml", 1), network("yolov8n.yaml", 1)
    use_losses(first, **OWN_LOSSES)
    assert type(second.init_criterion().bbox_loss) is framework.BboxLoss
    assert type(first.init_criterion().bbox_loss) is not framework.BboxLoss


def test_the_losses_move_with_the_model() -> None:
    model = network("yolov8n.yaml", 0)
    use_losses(model, classification=detloss.SigmoidFocalLoss(alpha=[0.1, 0.2, 0.3]))
    model.to("meta").model[-1].stride = torch.tensor([8.0, 16.0, 32.0])  # the assigner reads its numbers
    logits = torch.zeros(1, 3, device="meta")
    assert model.init_criterion().bce(logits, logits).is_meta


def test_autocast(seed: int) -> None:
    """The framework computes boxes in 16 bits (8 of them significant here), our losses in 32."""
    model, data = network("yolov8n.yaml", seed), batch(seed)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = step(model, data)
        with use_losses(model, **OWN_LOSSES):
            ours = step(model, data)
            assert model.criterion.bce(torch.zeros(3, dtype=torch.float16), torch.ones(3)).dtype == torch.float32
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-2, atol=1e-3)
    assert (ours[1] - theirs[1]).norm() <= 0.1 * theirs[1].norm()


def trained_steps(model: DetectionModel, data: dict[str, Tensor], steps: int) -> list[float]:
    """The sum of the losses at every step."""
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    values = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = model.loss(data)[0].sum()
        value.backward()
        optimizer.step()
        values.append(value.item())
    return values


PLACES = {
    Kind.BOX: "box",
    Kind.REGRESSION: "box",
    Kind.SIGMOID: "classification",
    Kind.QUALITY: "classification",
    Kind.DISTRIBUTION: "distribution",
}


@pytest.mark.parametrize(
    "row",
    exhaustive_except(
        [row for row in LOSSES if row.kind in PLACES], lambda row: row.name in ("smooth_l1", "giou", "focal")
    ),
    ids=lambda row: row.name,
)
def test_trains_with_every_loss(row: Loss, seed: int) -> None:
    model, data = network("yolov8n.yaml", seed), batch(seed)
    use_losses(model, **{PLACES[row.kind]: row.with_sizes(Sizes(image=(64.0, 64.0), objects=20.0)).build()})
    values = trained_steps(model, data, 12)
    assert values[-1] < values[0]


def data_set(folder: Path) -> Path:
    """Two images of one bright rectangle for a short run of a trainer."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(2):
        image = Image.new("RGB", (64, 64))
        image.paste((255, 255, 255), (20, 10 + number, 50, 40))
        image.save(folder / "images" / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text(f"0 {35 / 64} {(25 + number / 2) / 64} {30 / 64} {30 / 64}")
    settings = folder / "data.yaml"
    settings.write_text(yaml.safe_dump({"path": str(folder), "train": "images", "val": "images", "names": ["bright"]}))
    return settings


@pytest.mark.exhaustive
def test_the_trainer(tmp_path: Path) -> None:
    architecture = tmp_path / "yolo26n.yaml"
    architecture.write_text(yaml.safe_dump(tiny("yolo26n.yaml")))
    model = YOLO(str(architecture))
    before, events = model.callbacks, copy.deepcopy(model.callbacks)
    options = {"data": str(data_set(tmp_path / "set")), "imgsz": 64, "batch": 2, "epochs": 1, "device": "cpu"}
    with use_losses(model, box=detloss.MSELoss(), classification=detloss.SigmoidFocalLoss()):
        pickle.dumps(model.callbacks)  # as ultralytics does for training on several devices
        used = []
        model.train(**options, plots=False, workers=0, project=str(tmp_path / "runs"))
        for network in (model.trainer.model, model.trainer.ema.ema):
            for branch in (network.criterion.one2many, network.criterion.one2one):
                used += [branch.bce.loss.loss, branch.bbox_loss.loss.loss]
    assert {type(loss) for loss in used} == {detloss.MSELoss, detloss.SigmoidFocalLoss}
    assert type(model.trainer.model.criterion.one2one.bbox_loss) is framework.BboxLoss
    assert model.callbacks is before
    assert before == events
    for checkpoint in (model.trainer.last, model.trainer.best):
        assert not [name for name in classes_in(checkpoint) if name.startswith("detloss")]


def classes_in(checkpoint: Path) -> list[str]:
    """The modules and names that a checkpoint needs to be read."""
    with ZipFile(checkpoint) as parts:
        (pickled,) = (parts.read(name) for name in parts.namelist() if name.endswith("data.pkl"))
    names = [name for operation, name, _ in pickletools.genops(pickled) if operation.name == "GLOBAL"]
    assert "ultralytics.nn.tasks DetectionModel" in names
    return names


OF_THE_WRONG_KIND = [
    (
        {"distribution": detloss.CrossEntropyLoss()},
        ValueError,
        r"distribution: expected a loss of logits of bins \(DistributionFocalLoss\), because the head predicts",
    ),
    ({}, ValueError, r"box, classification, distribution: expected at least one loss, got none"),
    ({"box": nn.L1Loss()}, TypeError, r"box: expected a loss of detloss, its function or its module, got L1Loss\(\)"),
    (
        {"box": detloss.CrossEntropyLoss()},
        ValueError,
        r"box: expected a loss of boxes or numbers \(L1.*\), because the head pre",
    ),
    ({"box": detloss.IoULoss(geometry=detloss.AxisAligned(format="ltrb"))}, ValueError, r"box: expected geometry=Axis"),
    (
        {"classification": detloss.SoftmaxFocalLoss()},
        ValueError,
        r"classification: expected a loss of one-vs-rest logits or .* with qualities \(.*\), because every class of the head has",
    ),
    ({"classification": detloss.IoULoss()}, ValueError, r"classification: expected .* got IoULoss, a loss of boxes"),
]


@pytest.mark.parametrize(("given", "error", "message"), OF_THE_WRONG_KIND)
def test_losses_that_do_not_fit(given: dict, error: type[Exception], message: str) -> None:
    model = network("yolov8n.yaml", 0)
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        use_losses(model, **given)
    assert vars(model) == before


WRONG_MODELS = [
    (lambda: nn.Linear(1, 1), TypeError, r"model: expected a YOLO that detects, or its DetectionModel, got Linear"),
    (lambda: "yolov8n.pt", TypeError, r"model: expected a YOLO that detects, or its DetectionModel, got str"),
    (lambda: YOLO("yolov8n-cls.yaml"), TypeError, r"model: expected .* or its DetectionModel, got ClassificationModel"),
    (
        lambda: YOLO("yolov8n-obb.yaml"),
        ValueError,
        r"model: expected no OBBModel, because its boxes are rotated; got OBBModel",
    ),
    (
        lambda: RTDETRDetectionModel.__new__(RTDETRDetectionModel),
        ValueError,
        r"model: expected no RTDETRDetectionModel, because it has no anchor points",
    ),
    (
        lambda: YOLOEModel.__new__(YOLOEModel),
        ValueError,
        r"model: expected no YOLOEModel, because its criterion changes",
    ),
]


@pytest.mark.parametrize(("made", "error", "message"), WRONG_MODELS)
def test_models_that_do_not_fit(made: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        use_losses(made(), box=detloss.IoULoss())


def test_a_model_without_distributions() -> None:
    message = "^distribution: expected None, because the model has no DFL, got a loss$"
    with pytest.raises(ValueError, match=message):
        use_losses(network("yolo26n.yaml", 0), distribution=detloss.DistributionFocalLoss())


def test_framework_box_terms_are_not_computed_where_both_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_operands: object) -> None:
        raise AssertionError("expected no call")

    model = network("yolov8n.yaml", 0)
    model.criterion = model.init_criterion()
    monkeypatch.setattr(type(model.criterion.bbox_loss), "forward", fail)
    with use_losses(model, box=detloss.CompleteIoULoss(), distribution=detloss.DistributionFocalLoss()):
        losses, _ = step(model, batch(0))
    assert losses.isfinite().all()
