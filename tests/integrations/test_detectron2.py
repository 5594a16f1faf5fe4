"""Losses in parts that call their losses as detectron2 documents it.

detectron2 is built from source, which pip does not bring, so these tests have stand-ins of its box head, its region
proposal network and RetinaNet. They hold the contract, not detectron2 itself.
"""

import copy
import pickle
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops

import detloss
from detloss.integrations.detectron2 import use_losses
from tests.support.detectron2_parts import (
    CLASSES,
    BoxHead,
    Detector,
    ProposalNetwork,
    RetinaNet,
    everywhere,
    sampled,
)


def flat(given: object) -> list[Tensor]:
    """The tensors that require grad."""
    if isinstance(given, Tensor):
        return [given] if given.requires_grad else []
    return [each for part in given for each in flat(part)] if isinstance(given, list | tuple) else []


def assert_equal(ours: dict[str, Tensor], expected: dict[str, Tensor], given: object) -> None:
    """In value and in gradient, term by term."""
    assert ours.keys() == expected.keys()
    operands = flat(given)
    for name, term in expected.items():
        torch.testing.assert_close(ours[name], term)
        gradients = (
            torch.autograd.grad(loss, operands, retain_graph=True, allow_unused=True, materialize_grads=True)
            for loss in (ours[name], term)
        )
        torch.testing.assert_close(*gradients)


OWN = {"box": detloss.L1Loss(), "classification": detloss.CrossEntropyLoss(reduction="none")}


@pytest.mark.parametrize("counts", [(7, 5), (1, 0), (0, 0)], ids=["proposals", "one", "none"])
@pytest.mark.parametrize("agnostic", [False, True], ids=["deltas a class", "one set of deltas"])
@pytest.mark.parametrize("sigmoid", [False, True], ids=["softmax", "sigmoid"])
def test_the_losses_of_the_box_head_in_our_form(
    counts: tuple[int, int], agnostic: bool, sigmoid: bool, seed: int
) -> None:
    head = BoxHead(agnostic=agnostic, use_sigmoid_ce=sigmoid)
    given = sampled(seed, 4 if agnostic else 4 * CLASSES, counts)
    theirs = head.losses(*given)
    with use_losses(
        Detector(head), **{**OWN, **({"classification": detloss.binary_cross_entropy_loss} if sigmoid else {})}
    ):
        assert_equal(head.losses(*given), theirs, given)
    assert not {"losses", "box_reg_loss"} & vars(head).keys()


def test_other_losses_of_the_box_head(seed: int) -> None:
    head, given = BoxHead(), sampled(seed, 4 * CLASSES)
    (scores, deltas), proposals = given
    labels = torch.cat([each.gt_classes for each in proposals])
    use_losses(Detector(head), box=detloss.DistanceIoULoss(), classification=detloss.SoftmaxFocalLoss(gamma=1.5))
    p = scores.softmax(-1)[torch.arange(len(labels)), labels]
    boxes, gt_boxes = (
        torch.cat([getattr(each, name).tensor for each in proposals]) for name in ("proposal_boxes", "gt_boxes")
    )
    loss = partial(ops.distance_box_iou_loss, eps=0.0)
    expected = {
        "loss_cls": 2.0 * ((1 - p) ** 1.5 * -p.log()).mean(),
        "loss_box_reg": 0.5 * head.box_sum(loss, boxes, gt_boxes, deltas, labels, decoded=True),
    }
    assert_equal(head.losses(*given), expected, given)


@pytest.mark.parametrize("name", ["box", "classification"])
def test_losses_that_are_not_given_stay(name: str, seed: int) -> None:
    head, given = BoxHead(), sampled(seed, 4 * CLASSES)
    theirs = head.losses(*given)
    other = {"box": detloss.L2Loss(), "classification": detloss.SoftmaxFocalLoss()}
    with use_losses(Detector(head), **{name: other[name]}):
        ours = head.losses(*given)
    replaced = {"box": "loss_box_reg", "classification": "loss_cls"}[name]
    assert [term for term in theirs if not torch.equal(ours[term], theirs[term])] == [replaced]


@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no objects"])
def test_the_losses_of_retinanet_in_our_form(empty: bool, seed: int) -> None:
    model, given = RetinaNet(), everywhere(seed, CLASSES, empty=empty)
    theirs = model.losses(*given)
    del model.loss_normalizer
    with use_losses(model, box=detloss.SmoothL1Loss(beta=0.1), classification=detloss.sigmoid_focal_loss):
        ours = model.losses(*given)
    assert_equal(ours, theirs, given)
    assert not empty or ours["loss_box_reg"] == 0


@pytest.mark.parametrize("empty", [False, True], ids=["objects", "no objects"])
def test_the_losses_of_the_proposals_in_our_form(empty: bool, seed: int) -> None:
    part, given = ProposalNetwork(), everywhere(seed, None, empty=empty)
    theirs = part.losses(*given)
    losses = {"proposal_box": detloss.GeneralizedIoULoss(), "proposal_classification": detloss.BinaryCrossEntropyLoss()}
    with use_losses(Detector(BoxHead(), part), **losses):
        assert_equal(part.losses(*given), theirs, given)


def test_other_losses_of_retinanet(seed: int) -> None:
    model, given = RetinaNet(), everywhere(seed, CLASSES)
    use_losses(model, box=detloss.DistanceIoULoss(reduction="sum"), classification=detloss.BinaryCrossEntropyLoss())
    ours = model.losses(*given)
    references, logits, labels, deltas, boxes = model.joined(*given)
    positive, counted = (labels >= 0) & (labels < CLASSES), labels >= 0
    target = functional.one_hot(labels[counted], CLASSES + 1)[:, :-1].double()
    pred = references[positive] + 3 * deltas[positive]
    expected = {
        "loss_cls": functional.binary_cross_entropy_with_logits(logits[counted], target, reduction="sum"),
        "loss_box_reg": ops.distance_box_iou_loss(pred, boxes[positive], reduction="sum", eps=0.0),
    }
    divisor = 90 + 0.1 * int(positive.sum())
    assert_equal(ours, {name: term / divisor for name, term in expected.items()}, given)


@pytest.mark.parametrize(
    ("model", "prefix", "terms"),
    [
        (RetinaNet(), "", ("loss_box_reg", "loss_cls")),
        (Detector(BoxHead()), "", ("loss_box_reg", "loss_cls")),
        (Detector(BoxHead(), ProposalNetwork()), "proposal_", ("loss_rpn_loc", "loss_rpn_cls")),
    ],
    ids=["RetinaNet", "box head", "proposals"],
)
def test_weights_multiply_their_terms(model: nn.Module, prefix: str, terms: tuple[str, str], seed: int) -> None:
    of_head = isinstance(model, Detector) and not prefix
    part = model if isinstance(model, RetinaNet) else model.proposal_generator or model.roi_heads.box_predictor
    given = sampled(seed, 4 * CLASSES) if of_head else everywhere(seed, None if prefix else CLASSES)
    classification = detloss.SoftmaxFocalLoss() if of_head else detloss.SigmoidFocalLoss()
    losses = {f"{prefix}box": detloss.IoULoss(), f"{prefix}classification": classification}

    def terms_with(**weights: float) -> list[Tensor]:
        vars(part).pop("loss_normalizer", None)
        with use_losses(model, **losses, **weights):
            values = part.losses(*given)
        return [values[name] for name in terms]

    box, classes = terms_with()
    assert terms_with(**{f"{prefix}box_weight": 1.0}) == [box, classes]
    assert terms_with(**{f"{prefix}box_weight": 4.0}) == [4.0 * box, classes]
    assert terms_with(**{f"{prefix}classification_weight": 4.0}) == [box, 4.0 * classes]


def test_a_cascade_has_the_losses_in_every_stage() -> None:
    stages = nn.ModuleList(BoxHead(agnostic=True) for _ in range(3))
    model = Detector(stages, ProposalNetwork())
    handle = use_losses(model, **OWN)
    assert all({"losses", "box_reg_loss"} <= vars(stage).keys() for stage in stages)
    assert "losses" not in vars(model.proposal_generator)
    handle.remove()
    assert not any({"losses", "box_reg_loss"} & vars(stage).keys() for stage in stages)


@pytest.mark.parametrize("made", [RetinaNet, partial(Detector, BoxHead())], ids=["RetinaNet", "box head"])
def test_copies_have_independent_losses(made: Callable[[], nn.Module], seed: int) -> None:
    model = made()
    part = model if isinstance(model, RetinaNet) else model.roi_heads.box_predictor
    given = everywhere(seed, CLASSES) if part is model else sampled(seed, 4 * CLASSES)
    focal = detloss.SigmoidFocalLoss(alpha=[0.1, 0.2, 0.3])
    class_loss = focal if part is model else detloss.CrossEntropyLoss(class_weight=[0.1, 1.0, 1.0, 2.0])
    names, theirs = list(model.state_dict()), part.losses(*given)
    handle = use_losses(model, box=detloss.IoULoss(), classification=class_loss)
    assert list(model.state_dict()) == names
    twins = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    vars(part).pop("loss_normalizer", None)
    ours = part.losses(*given)
    handle.remove()
    for twin in twins:
        copied = twin if part is model else twin.roi_heads.box_predictor
        assert copied.losses.part is copied
        vars(copied).pop("loss_normalizer", None)
        assert copied.losses(*given) == ours
    vars(part).pop("loss_normalizer", None)
    assert part.losses(*given) == theirs
    assert all(ours[name] != theirs[name] for name in theirs)


def test_class_weights_follow_the_logits_from_device_to_device() -> None:
    head = BoxHead()
    use_losses(Detector(head), classification=detloss.CrossEntropyLoss(class_weight=[1.0, 1.0, 1.0, 0.1]))
    head.losses.classification(torch.zeros(2, 4), torch.tensor([0, 1]))
    placed = head.losses.classification(torch.zeros(2, 4, device="meta"), torch.zeros(2, device="meta").long())
    assert placed.device.type == "meta"


@pytest.mark.parametrize(
    ("model", "losses", "error", "message"),
    [
        (nn.Linear(1, 1), {"box": detloss.L1Loss()}, TypeError, "model: expected GeneralizedRCNN or RetinaNet of detectron2, got Linear"),
        (RetinaNet(), {}, ValueError, "box, classification: expected at least one loss, got none"),
        (RetinaNet(), {"box": nn.L1Loss()}, TypeError, "box: expected a loss of detloss"),
        (RetinaNet(), {"box": detloss.CrossEntropyLoss()}, ValueError, r"box: expected a loss of boxes or numbers \(L1.*\), because it compares boxes"),
        (
            RetinaNet(),
            {"box": detloss.IoULoss(geometry=detloss.AxisAligned("ltrb"))},
            ValueError,
            r"box: expected geometry=AxisAligned\(\), corners",
        ),
        (RetinaNet(), {"classification": detloss.CrossEntropyLoss()}, ValueError, "classification: expected a loss of one-vs-rest logits"),
        (RetinaNet(), {"proposal_box": detloss.L1Loss()}, ValueError, "proposal_box: expected None for RetinaNet, a model without region proposals"),
        (
            Detector(BoxHead()),
            {"proposal_classification": detloss.BinaryCrossEntropyLoss()},
            ValueError,
            "proposal_classification: expected None for Detector, a model without region proposals",
        ),
        (
            Detector(BoxHead()),
            {"classification": detloss.SigmoidFocalLoss()},
            ValueError,
            r"classification: expected a loss of softmax logits \(.*\), because it has a softmax",
        ),
        (
            Detector(BoxHead(use_sigmoid_ce=True)),
            {"classification": detloss.CrossEntropyLoss()},
            ValueError,
            "classification: expected a loss of one-vs-rest logits",
        ),
        (
            Detector(BoxHead(use_sigmoid_ce=True, use_fed_loss=True)),
            {"classification": detloss.SigmoidFocalLoss()},
            ValueError,
            "classification: expected a head with use_fed_loss=False, since it samples classes, got True",
        ),
        (
            Detector(BoxHead(), ProposalNetwork()),
            {"box": detloss.L1Loss(), "proposal_classification": detloss.CrossEntropyLoss()},
            ValueError,
            r"proposal_classification: expected a loss of one-vs-rest logits \(.*\), because it has one objectness logit",
        ),
    ],
)  # fmt: skip
def test_invalid_arguments_are_rejected_with_a_reason(
    model: nn.Module, losses: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^{message}"):
        use_losses(model, **losses)
    assert not any({"losses", "box_reg_loss"} & vars(part).keys() for part in model.modules())
