"""Losses in a DETR: our versions equal the framework's losses, and removal restores the model."""

import copy
import pickle
from collections.abc import Callable
from functools import partial

import pytest
import torch
import transformers as hf
from torch import Tensor, nn
from torchvision.ops import box_iou, complete_box_iou_loss
from transformers.loss import loss_deformable_detr, loss_rt_detr
from transformers.loss.loss_for_object_detection import ImageLoss
from transformers.loss.loss_lw_detr import LwDetrImageLoss
from transformers.loss.loss_rt_detr import RTDetrLoss

import detloss
from detloss.catalog import LOSSES, Kind, Loss, Sizes
from detloss.integrations.transformers import use_losses
from tests.support.marks import exhaustive_except
from tests.support.transformers_models import (
    CLASSES,
    MODELS,
    assert_equal_but_for_rounding,
    assert_same_bits,
    batch,
    conditional_detr,
    d_fine,
    deformable_detr,
    detr,
    lw_detr,
    network,
    other_losses,
    own_losses,
    rt_detr,
    rt_detr_v2,
    step,
    yolos,
)

every_model = pytest.mark.parametrize("made", MODELS, ids=lambda made: made.__name__)


@pytest.mark.parametrize("made", [*MODELS, yolos, conditional_detr, rt_detr_v2], ids=lambda made: made.__name__)
@pytest.mark.parametrize("objects", [(2, 0, 3), (0, 0)], ids=["objects", "no objects"])
def test_the_losses_of_the_framework_in_our_form(
    made: Callable[[], nn.Module], objects: tuple[int, ...], seed: int
) -> None:
    model, data = network(made, seed), batch(seed, objects)
    theirs = step(model, data)
    with use_losses(model, **own_losses(made)):
        ours = step(model, data)
    assert_equal_but_for_rounding(ours, theirs)
    if sum(objects):  # ours were in place indeed
        with pytest.raises(AssertionError):
            assert_same_bits(ours, theirs)


@pytest.mark.parametrize("made", [rt_detr, rt_detr_v2, d_fine], ids=lambda made: made.__name__)
def test_the_varifocal_loss_of_the_framework(made: Callable[[], nn.Module], seed: int) -> None:
    """Objects as large as the image overlap all boxes: the framework has no loss where a match does not."""
    model, data = network(made, seed), batch(seed)
    for labels in data["labels"]:
        labels["boxes"][:] = torch.tensor([0.5, 0.5, 1.0, 1.0]) - 0.01 * torch.rand(labels["boxes"].shape)
    theirs = step(model, data)
    with use_losses(model, classification=detloss.VarifocalLoss(alpha=0.75, gamma=2.0, hold_focus=True)):
        ours = step(model, data)
    assert_equal_but_for_rounding(ours, theirs)
    with use_losses(model, classification=detloss.VarifocalLoss(alpha=0.75, gamma=2.0)):
        attached = step(model, data)
    torch.testing.assert_close(attached[0], theirs[0], rtol=1e-5, atol=1e-6)
    with pytest.raises(AssertionError):
        assert_equal_but_for_rounding(attached, theirs)


@pytest.mark.parametrize("made", [deformable_detr, rt_detr, d_fine, lw_detr], ids=lambda made: made.__name__)
def test_quality_losses_receive_the_overlap_of_matched_boxes(
    made: Callable[[], nn.Module], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same loss of soft targets, which the framework's own matching gives it."""
    model, data = network(made, seed), batch(seed)
    with use_losses(model, classification=detloss.QualityFocalLoss(beta=1.5)):
        ours = step(model, data)

    def class_loss(self: nn.Module, outputs: dict, targets: list, indices: list, num_boxes: float, **_: object) -> dict:
        soft = torch.zeros_like(outputs["logits"])
        for image, (queries, objects) in enumerate(indices):
            for query, object_ in zip(queries, objects):
                pred, box = corners(outputs["pred_boxes"][image, query]), corners(targets[image]["boxes"][object_])
                label = targets[image]["class_labels"][object_]
                soft[image, query, label] = box_iou(pred[None].detach(), box[None])[0, 0]
        p = outputs["logits"].sigmoid()
        loss = (soft - p).abs() ** 1.5 * binary(outputs["logits"], soft)
        return {"loss_vfl" if isinstance(self, RTDetrLoss) else "loss_ce": loss.sum() / num_boxes}

    for criterion, method in (
        (loss_deformable_detr.DeformableDetrImageLoss, "loss_labels"),
        (RTDetrLoss, "loss_labels_vfl"),
        (LwDetrImageLoss, "loss_labels"),
    ):
        monkeypatch.setattr(criterion, method, class_loss)
    assert_equal_but_for_rounding(ours, step(model, data))


@every_model
@pytest.mark.parametrize(("name", "term"), [("box", "loss_giou"), ("distance", "loss_bbox")])
def test_one_box_loss_alone_leaves_the_other(made: Callable[[], nn.Module], name: str, term: str, seed: int) -> None:
    model, data = network(made, seed), batch(seed)
    theirs, _ = step(model, data)
    with use_losses(model, **{name: other_losses(made)[name]}):
        ours, _ = step(model, data)
    changed = {key for key in ours if not torch.isclose(ours[key], theirs[key], rtol=1e-5, atol=1e-6)}
    assert changed == {"loss"} | {key for key in ours if key.startswith(term)}


def corners(box: Tensor) -> Tensor:
    center, size = box.split(2, -1)
    return torch.cat([center - size / 2, center + size / 2], -1)


@every_model
def test_other_box_losses(made: Callable[[], nn.Module], seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework with torchvision's CIoU and torch's MSE in the place of its GIoU and L1, matcher apart."""
    model, data = network(made, seed), batch(seed)
    with use_losses(model, box=detloss.complete_iou_loss, distance=partial(detloss.mse_loss, reduction="sum")):
        ours = step(model, data)

    def loss_boxes(self: nn.Module, outputs: dict, targets: list, indices: list, num_boxes: float) -> dict:
        terms = {"loss_bbox": 0.0, "loss_giou": 0.0}
        for image, (queries, objects) in enumerate(indices):
            pred, boxes = outputs["pred_boxes"][image, queries], targets[image]["boxes"][objects]
            terms["loss_bbox"] += nn.functional.mse_loss(pred, boxes, reduction="sum") / num_boxes
            terms["loss_giou"] += complete_box_iou_loss(corners(pred), corners(boxes), reduction="sum") / num_boxes
        return terms

    for criterion in (ImageLoss, RTDetrLoss, LwDetrImageLoss):
        monkeypatch.setattr(criterion, "loss_boxes", loss_boxes)
    theirs = step(model, data)
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-4, atol=1e-5)  # torchvision adds 1e-7 here and there


def binary(logits: Tensor, target: Tensor, weight: object = None, reduction: str = "none") -> Tensor:
    """Binary cross-entropy in logarithms of sigmoids, without weights."""
    return -target * nn.functional.logsigmoid(logits) - (1 - target) * nn.functional.logsigmoid(-logits)


def focal(logits: Tensor, target: Tensor, weight: object = None, reduction: str = "none") -> Tensor:
    """Focal loss as the framework and torchvision define it for soft targets, alpha .7 and gamma 1.5."""
    right = target * logits.sigmoid() + (1 - target) * (-logits).sigmoid()
    return (0.7 * target + 0.3 * (1 - target)) * (1 - right) ** 1.5 * binary(logits, target)


@pytest.mark.parametrize(
    ("loss", "oracle"),
    [(detloss.SigmoidFocalLoss(alpha=[0.7] * CLASSES, gamma=1.5), focal), (detloss.binary_cross_entropy_loss, binary)],
    ids=["focal", "bce"],
)
@pytest.mark.parametrize("made", [deformable_detr, rt_detr, d_fine], ids=lambda made: made.__name__)
def test_other_sigmoid_losses(
    made: Callable[[], nn.Module], loss: object, oracle: Callable, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The framework's targets, with another loss of each logit, and without varifocal weights."""
    model, data = network(made, seed), batch(seed)
    with use_losses(model, classification=loss):
        ours = step(model, data)
    monkeypatch.setattr(nn.functional, "binary_cross_entropy_with_logits", oracle)
    monkeypatch.setattr(
        loss_deformable_detr,
        "sigmoid_focal_loss",
        lambda logits, target, num_boxes, **_: oracle(logits, target).mean(1).sum() / num_boxes,
    )
    assert_equal_but_for_rounding(ours, step(model, data))


def test_softmax_focal_loss(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = network(detr, seed), batch(seed)
    model.config.eos_coefficient = 0.3
    with use_losses(model, classification=detloss.SoftmaxFocalLoss(gamma=1.5, class_weight=[1.0, 2.0, 3.0, 1.0])):
        ours = step(model, data)

    def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        logs = logits.log_softmax(1).gather(1, target[:, None])[:, 0]
        factor = torch.tensor([1.0, 2.0, 3.0, 1.0])[target] * (1 - logs.exp()) ** 1.5
        assert weight.tolist() == pytest.approx([1.0, 1.0, 1.0, 0.3])
        return -(weight[target] * factor * logs).sum() / weight[target].sum()

    monkeypatch.setattr(nn.functional, "cross_entropy", cross_entropy)
    assert_equal_but_for_rounding(ours, step(model, data))


@every_model
@pytest.mark.parametrize(
    ("weight", "terms"),
    [
        ("box_weight", ("loss_giou",)),
        ("distance_weight", ("loss_bbox",)),
        ("classification_weight", ("loss_ce", "loss_vfl")),
    ],
)
def test_a_weight_multiplies_its_term(
    made: Callable[[], nn.Module], weight: str, terms: tuple[str, ...], seed: int
) -> None:
    model, data, losses = network(made, seed), batch(seed), other_losses(made)
    with use_losses(model, **losses):
        plain = step(model, data)
    with use_losses(model, **losses, **{weight: 1.0}):
        assert_same_bits(step(model, data), plain)
    with use_losses(model, **losses, **{weight: 4.0}):
        weighted, _ = step(model, data)
    factors = {key: 4.0 if key.startswith(terms) else 1.0 for key in weighted if key != "loss"}
    assert 4.0 in factors.values()
    for key, factor in factors.items():
        torch.testing.assert_close(weighted[key], factor * plain[0][key])


@every_model
def test_removal_restores_every_bit(made: Callable[[], nn.Module], seed: int) -> None:
    model, data = network(made, seed), batch(seed)
    before, names = dict(vars(model)), list(model.state_dict())
    theirs = step(model, data)
    handle = use_losses(model, **other_losses(made))
    assert list(model.state_dict()) == names
    ours = step(model, data)
    assert not torch.isclose(ours[0]["loss"], theirs[0]["loss"])
    assert ours[0].keys() == theirs[0].keys()
    handle.remove()
    assert_same_bits(step(model, data), theirs)
    assert vars(model) == before
    handle.remove()


def test_handles_add_up(seed: int) -> None:
    model, data = network(detr, seed), batch(seed)
    losses = other_losses(detr)
    theirs = step(model, data)
    with use_losses(model, **losses):
        at_once = step(model, data)
    first = use_losses(model, box=detloss.IoULoss(), distance=losses["distance"])
    second = use_losses(model, box=losses["box"], classification=losses["classification"])
    assert_same_bits(step(model, data), at_once)
    with pytest.raises(RuntimeError, match=r"remove the latest handle first"):
        first.remove()
    second.remove()
    first.remove()
    assert_same_bits(step(model, data), theirs)


def pickled(model: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(model))


COPIES = [(made, copied) for made in MODELS for copied in (copy.deepcopy, pickled)]
COPIES.remove((lw_detr, pickled))  # transformers adds hooks to it that cannot be pickled


@pytest.mark.parametrize(("made", "copied"), COPIES, ids=lambda each: each.__name__)
def test_a_copy_has_independent_losses(
    made: Callable[[], nn.Module], copied: Callable[[nn.Module], nn.Module], seed: int
) -> None:
    model, data = network(made, seed), batch(seed)
    handle = use_losses(model, **other_losses(made))
    ours = step(model, data)
    other = copied(model)
    mine, theirs = (next(each.loss_function.classification.buffers()) for each in (model, other))
    assert mine.data_ptr() != theirs.data_ptr()
    handle.remove()
    assert_same_bits(step(other, data), ours)


def test_other_models_keep_their_losses() -> None:
    first, second = network(rt_detr, 1), network(rt_detr, 1)
    use_losses(first, box=detloss.IoULoss())
    assert second.loss_function is loss_rt_detr.RTDetrForObjectDetectionLoss
    assert first.loss_function is not second.loss_function


def test_the_losses_move_with_the_model() -> None:
    model = network(rt_detr, 0)
    use_losses(model, **other_losses(rt_detr))
    criterion = model.loss_function.criterion(model.config).to("meta")
    assert criterion.detloss_terms.classification.loss.alpha.is_meta


@every_model
def test_autocast(made: Callable[[], nn.Module], seed: int) -> None:
    """The framework computes some of its losses in 16 bits (8 of them significant here), ours are in 32."""
    model, data = network(made, seed), batch(seed)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = step(model, data)
        with use_losses(model, **own_losses(made)):
            ours = step(model, data)
    torch.testing.assert_close(ours[0], theirs[0], rtol=2e-2, atol=1e-2, check_dtype=False)


def test_boxes_of_sixteen_bits(seed: int) -> None:
    """Their corners are computed in 32."""
    model, generator = network(rt_detr, seed), torch.Generator().manual_seed(seed)
    use_losses(model, box=detloss.GeneralizedIoULoss())
    criterion = model.loss_function.criterion(model.config)
    pred, boxes = 0.5 + 0.1 * torch.rand(2, 4, 4, generator=generator)
    indices, targets = [(torch.arange(4), torch.arange(4))], [{"class_labels": torch.zeros(4), "boxes": boxes}]
    ours = criterion.loss_boxes({"pred_boxes": pred[None].bfloat16()}, targets, indices, 4.0)
    theirs = RTDetrLoss(model.config).loss_boxes({"pred_boxes": pred[None].bfloat16().float()}, targets, indices, 4.0)
    torch.testing.assert_close(ours, theirs)


def test_the_loss_function_has_the_defaults_of_the_framework(seed: int) -> None:
    model, data = network(rt_detr, seed), batch(seed)
    model.config.auxiliary_loss = False
    output = model(**data)
    given = output.logits, data["labels"], model.device, output.pred_boxes, model.config
    theirs, *_ = model.loss_function(*given)
    with use_losses(model, **own_losses(rt_detr)):
        ours, *_ = model.loss_function(*given)
    torch.testing.assert_close(ours, theirs)


def places() -> list[tuple[Callable[[], nn.Module], str, Loss]]:
    """Every loss of the catalog, with a model and the argument that it is for."""
    places = {
        Kind.BOX: (detr, "box"),
        Kind.REGRESSION: (detr, "distance"),
        Kind.SIGMOID: (d_fine, "classification"),
        Kind.QUALITY: (d_fine, "classification"),
        Kind.SOFTMAX: (detr, "classification"),
    }
    kept = ("smooth_l1", "giou", "focal", "softmax_focal")
    return exhaustive_except(
        [(*places[row.kind], row) for row in LOSSES if row.kind in places], lambda case: case[-1].name in kept
    )


@pytest.mark.parametrize(("made", "argument", "row"), places(), ids=lambda value: getattr(value, "name", None))
def test_trains_with_every_loss(made: Callable[[], nn.Module], argument: str, row: Loss, seed: int) -> None:
    model, data = network(made, seed), batch(seed, (1, 1))
    for labels in data["labels"]:  # centered, near the initial queries: IoU has no gradient for disjoint boxes
        labels["boxes"][:, :2] = 0.5
    use_losses(model, **{argument: row.with_sizes(Sizes(image=(1.0, 1.0), objects=0.3)).build()})
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    values = []
    for _ in range(15):
        values.append(step(model, data)[0]["loss"].item())
        optimizer.step()
    assert sum(values[-3:]) / 3 < values[0]


FITS_NOT = [
    (detr, {}, ValueError, r"box, distance, classification: expected at least one loss, got none"),
    (
        detr,
        {"box": nn.L1Loss()},
        TypeError,
        r"box: expected a loss of detloss, its function or its module, got L1Loss\(",
    ),
    (
        detr,
        {"box": detloss.L1Loss()},
        ValueError,
        r"box: expected a loss of boxes \(.*\), because .* replaces L1 is distance; got",
    ),
    (
        detr,
        {"distance": detloss.IoULoss()},
        ValueError,
        r"distance: expected a loss of numbers \(L1Loss, L2Loss, SmoothL1Loss, .*LogCoshLoss\), because .* replaces GIoU is box",
    ),
    (
        detr,
        {"box": detloss.IoULoss(geometry=detloss.AxisAligned(format="cxcywh"))},
        ValueError,
        r"box: expected geometry=AxisAligned\(\)",
    ),
    (
        detr,
        {"classification": detloss.SigmoidFocalLoss()},
        ValueError,
        r"classification: expected a loss of softmax logits \(.*\), because its head has a softmax over",
    ),
    (
        d_fine,
        {"classification": detloss.CrossEntropyLoss()},
        ValueError,
        r"classification: expected a loss of one-vs-rest logits or .* with qualities \(.*\), because every class of its head has",
    ),
    (
        lambda: nn.Linear(1, 1),
        {"box": detloss.IoULoss()},
        TypeError,
        r"model: expected a model of transformers, got Lin",
    ),
    (
        lambda: hf.BertForMaskedLM(hf.BertConfig(vocab_size=8, hidden_size=12, num_hidden_layers=1)),
        {"box": detloss.IoULoss()},
        ValueError,
        r"model: expected one with ForObjectDetectionLoss, .*, got BertForMaskedLM with ForMaskedLMLoss",
    ),
]


@pytest.mark.parametrize(("made", "given", "error", "message"), FITS_NOT)
def test_invalid_arguments_are_rejected(
    made: Callable[[], nn.Module], given: dict, error: type[Exception], message: str
) -> None:
    model = made()
    before = dict(vars(model))
    with pytest.raises(error, match=message):
        use_losses(model, **given)
    assert vars(model) == before
