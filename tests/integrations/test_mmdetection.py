"""Losses in heads that call their losses as mmdet 3.3 documents it.

mmdet needs a compiled mmcv, which pip does not bring, so these tests have stand-ins of its heads: a module with the
attributes that mmdet's heads have and the calls that they make. They hold the contract, not mmdet itself.
"""

import copy
import pickle
import sys
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops

import detloss
from detloss.compat import mmdet
from detloss.integrations import mmdetection
from detloss.integrations.mmdetection import use_losses

CLASSES, ROWS = 3, 12


class Head(nn.Module):
    """The part of AnchorHead and BBoxHead that calls losses."""

    def __init__(self, loss_cls: nn.Module, loss_bbox: nn.Module, *, reg_decoded_bbox: bool | None = False) -> None:
        super().__init__()
        self.loss_cls, self.loss_bbox = loss_cls, loss_bbox
        if reg_decoded_bbox is not None:  # heads without anchors have no such attribute
            self.reg_decoded_bbox = reg_decoded_bbox

    def loss(self, case: dict[str, Tensor], **options: object) -> tuple[Tensor, Tensor]:
        return (
            self.loss_cls(case["scores"], case["labels"], case["label_weights"], avg_factor=7.0, **options),
            self.loss_bbox(case["pred"], case["boxes"], case["box_weights"], avg_factor=7.0, **options),
        )


class Detector(nn.Module):
    """A detector with one stage."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.bbox_head = head


class TwoStages(nn.Module):
    """A detector that proposes regions, and looks at them once, or several times over."""

    def __init__(self, proposing: nn.Module, heads: nn.Module) -> None:
        super().__init__()
        self.rpn_head = proposing
        self.roi_head = nn.Module()
        self.roi_head.bbox_head = heads


def sigmoid_head(**options: bool | None) -> Head:
    return Head(mmdet.FocalLoss(loss_weight=2.0), mmdet.GIoULoss(loss_weight=0.5), **options)


def softmax_head(**options: bool | None) -> Head:
    return Head(mmdet.CrossEntropyLoss(), mmdet.SmoothL1Loss(loss_weight=0.5), **options)


def rows(seed: int, *, channels: int = CLASSES) -> dict[str, Tensor]:
    """Operands of a head's losses: class indices with background last, weights of which some are 0."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    corners = numbers(2, ROWS, 2)
    pred, boxes = torch.cat((corners, corners + numbers(2, ROWS, 2) + 0.2), dim=-1)
    return {
        "scores": (4 * numbers(ROWS, channels) - 2).requires_grad_(),
        "labels": torch.randint(CLASSES + 1, (ROWS,), generator=generator),
        "label_weights": torch.randint(3, (ROWS,), generator=generator) / 2,
        "pred": pred.requires_grad_(),
        "boxes": boxes,
        "box_weights": torch.randint(2, (ROWS, 1), generator=generator).expand(ROWS, 4).double(),
    }


def assert_equal(ours: Tensor, expected: Tensor, operand: Tensor) -> None:
    """In value and in gradient."""
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss.sum(), operand, retain_graph=True)[0] for loss in (ours, expected))
    )


def targets_of(case: dict[str, Tensor]) -> Tensor:
    return functional.one_hot(case["labels"], CLASSES + 1)[:, :CLASSES].double()


def test_a_sigmoid_loss_and_a_loss_of_boxes(seed: int) -> None:
    case, model = rows(seed), Detector(sigmoid_head(reg_decoded_bbox=True))
    use_losses(model, classification=detloss.SigmoidFocalLoss(alpha=0.6, gamma=1.5), box=detloss.distance_iou_loss)
    scored, placed = model.bbox_head.loss(case)
    each = ops.sigmoid_focal_loss(case["scores"], targets_of(case), alpha=0.6, gamma=1.5)
    assert_equal(scored, 2.0 * (each * case["label_weights"][:, None]).sum() / 7.0, case["scores"])
    each = ops.distance_box_iou_loss(case["pred"], case["boxes"], eps=0.0)
    assert_equal(placed, 0.5 * (each * case["box_weights"][:, 0]).sum() / 7.0, case["pred"])


def test_a_softmax_loss_and_a_loss_of_numbers(seed: int) -> None:
    case, model = rows(seed, channels=CLASSES + 1), Detector(softmax_head())
    use_losses(model, classification=detloss.SoftmaxFocalLoss(gamma=2.0), box=partial(detloss.l2_loss, reduction="sum"))
    scored, placed = model.bbox_head.loss(case)
    p = case["scores"].softmax(-1)[torch.arange(ROWS), case["labels"]]
    assert_equal(scored, ((1 - p) ** 2 * -p.log() * case["label_weights"]).sum() / 7.0, case["scores"])
    each = (case["pred"] - case["boxes"]).square() * case["box_weights"]
    assert_equal(placed, 0.5 * each.sum() / 7.0, case["pred"])


def test_weights_of_every_shape(seed: int) -> None:
    case, model = rows(seed), Detector(sigmoid_head(reg_decoded_bbox=None))
    one_a_box = case["box_weights"][:, 0]
    for loss, each in (
        (detloss.GeneralizedIoULoss(), ops.generalized_box_iou_loss(case["pred"], case["boxes"], eps=0.0)),
        (detloss.L1Loss(), (case["pred"] - case["boxes"]).abs().sum(-1)),
    ):
        with use_losses(model, box=loss):
            for weight, counted in ((None, torch.ones(ROWS)), (one_a_box, one_a_box), (case["box_weights"], one_a_box)):
                ours = model.bbox_head.loss_bbox(case["pred"], case["boxes"], weight=weight, avg_factor=5.0)
                assert_equal(ours, 0.5 * (each * counted).sum() / 5.0, case["pred"])
    dense = torch.rand(ROWS, CLASSES)
    with use_losses(model, classification=detloss.binary_cross_entropy_loss):
        ours = model.bbox_head.loss_cls(case["scores"], targets_of(case), dense, avg_factor=5.0)
    each = functional.binary_cross_entropy_with_logits(case["scores"], targets_of(case), reduction="none")
    assert_equal(ours, 2.0 * (each * dense).sum() / 5.0, case["scores"])


def test_weights_multiply_those_of_the_configuration(seed: int) -> None:
    case, model = rows(seed), TwoStages(sigmoid_head(reg_decoded_bbox=True), sigmoid_head(reg_decoded_bbox=True))
    for prefix, head in (("", model.roi_head.bbox_head), ("proposal_", model.rpn_head)):
        losses = {f"{prefix}box": detloss.IoULoss(), f"{prefix}classification": detloss.SigmoidFocalLoss()}
        with use_losses(model, **losses):
            scored, placed = head.loss(case)
        with use_losses(model, **losses, **{f"{prefix}box_weight": 4.0}):
            assert head.loss(case) == (scored, 4.0 * placed)
            with use_losses(model, **losses, **{f"{prefix}classification_weight": 2.0}):  # replaces both
                assert head.loss(case) == (2.0 * scored, placed)
        with use_losses(model, **losses, **{f"{prefix}classification_weight": 1.0}):
            assert head.loss(case) == (scored, placed)


def test_the_reduction_is_that_of_what_was_there(seed: int) -> None:
    case = rows(seed)
    head = Head(mmdet.FocalLoss(), mmdet.IoULoss(reduction="sum"), reg_decoded_bbox=None)
    use_losses(Detector(head), box=detloss.DistanceIoULoss(reduction="none"))
    each = ops.distance_box_iou_loss(case["pred"], case["boxes"], eps=0.0)
    assert_equal(head.loss_bbox(case["pred"], case["boxes"]), each.sum(), case["pred"])
    for override, expected in (("none", each), ("mean", each.mean())):
        ours = head.loss_bbox(case["pred"], case["boxes"], reduction_override=override)
        assert_equal(ours, expected, case["pred"])
    with pytest.raises(ValueError, match="^avg_factor: expected None with reduction='sum'"):
        head.loss_bbox(case["pred"], case["boxes"], avg_factor=3.0)


def test_a_head_with_two_box_losses() -> None:
    head = softmax_head(reg_decoded_bbox=None)
    head.loss_iou = mmdet.GIoULoss(loss_weight=2.0)
    distance = head.loss_bbox
    with use_losses(Detector(head), box=detloss.CompleteIoULoss()):
        assert isinstance(head.loss_iou.loss, detloss.CompleteIoULoss)
        assert head.loss_iou.loss_weight == 2.0
        assert head.loss_bbox is distance
    with use_losses(Detector(head), box=detloss.L2Loss()):
        assert isinstance(head.loss_bbox.loss, detloss.L2Loss)
        assert isinstance(head.loss_iou, mmdet.GIoULoss)


def test_two_stages_and_a_cascade() -> None:
    for heads in (softmax_head(), nn.ModuleList(softmax_head() for _ in range(3))):
        model = TwoStages(sigmoid_head(reg_decoded_bbox=True), heads)
        before = dict(model.named_modules())
        handle = use_losses(
            model,
            box=detloss.L2Loss(),
            classification=detloss.SoftmaxFocalLoss(),
            proposal_box=detloss.CompleteIoULoss(),
            proposal_classification=detloss.BinaryCrossEntropyLoss(),
        )
        for head in heads if isinstance(heads, nn.ModuleList) else [heads]:
            assert isinstance(head.loss_bbox.loss, detloss.L2Loss)
            assert isinstance(head.loss_cls.loss, detloss.SoftmaxFocalLoss)
        assert isinstance(model.rpn_head.loss_bbox.loss, detloss.CompleteIoULoss)
        assert isinstance(model.rpn_head.loss_cls.loss, detloss.BinaryCrossEntropyLoss)
        handle.remove()
        assert dict(model.named_modules()) == before
        with use_losses(model, proposal_box=detloss.GeneralizedIoULoss()):
            assert isinstance(model.rpn_head.loss_bbox.loss, detloss.GeneralizedIoULoss)
            rest = [name for name, module in model.named_modules() if isinstance(module, mmdetection.HeadLoss)]
            assert rest == ["rpn_head.loss_bbox"]


def test_attributes_that_heads_read_from_a_class_loss() -> None:
    """`use_sigmoid` says how logits are read; without the `custom_` attributes, heads read them themselves."""
    for head, loss in (
        (sigmoid_head(), detloss.SigmoidFocalLoss()),
        (softmax_head(), detloss.CrossEntropyLoss()),
    ):
        expected = head.loss_cls.use_sigmoid if isinstance(head.loss_cls, mmdet.FocalLoss) else False
        use_losses(Detector(head), classification=loss)
        assert head.loss_cls.use_sigmoid is expected
        assert not any(hasattr(head.loss_cls, f"custom_{name}") for name in ("cls_channels", "activation", "accuracy"))


def test_everything_is_restored_and_copies_are_independent(seed: int) -> None:
    case, model = rows(seed), Detector(sigmoid_head(reg_decoded_bbox=True))
    theirs, before = model.bbox_head.loss(case), dict(model.named_modules())
    handle = use_losses(model, box=detloss.IoULoss(), classification=detloss.SigmoidFocalLoss(alpha=[0.1, 0.2, 0.3]))
    ours = model.bbox_head.loss(case)
    twins = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    again = use_losses(model, classification=detloss.binary_cross_entropy_loss)  # over our previous losses
    again.remove()
    handle.remove()
    assert dict(model.named_modules()) == before
    assert model.bbox_head.loss(case) == theirs
    for twin in twins:
        assert twin.bbox_head.loss(case) == ours
    assert all(a != b for a, b in zip(ours, theirs))


def test_other_models_are_left_alone() -> None:
    model, other = Detector(sigmoid_head()), Detector(sigmoid_head())
    use_losses(model, classification=detloss.BinaryCrossEntropyLoss())
    assert isinstance(other.bbox_head.loss_cls, mmdet.FocalLoss)
    assert isinstance(model.bbox_head.loss_bbox, mmdet.GIoULoss)


def test_a_class_weight_moves_with_the_model() -> None:
    model = Detector(softmax_head())
    use_losses(model, classification=detloss.CrossEntropyLoss(class_weight=[1.0, 1.0, 1.0, 0.1]))
    assert model.to("meta").bbox_head.loss_cls.loss.class_weight.device.type == "meta"


class Quality(nn.Module):
    """A class loss whose target is a pair of indices and scores, as mmdet's QualityFocalLoss."""

    use_sigmoid = True


ANCHORS = partial(Detector, sigmoid_head(reg_decoded_bbox=False))
NO_BOXES = nn.Module()


@pytest.mark.parametrize(
    ("model", "losses", "error", "message"),
    [
        (nn.Module(), {"box": detloss.L1Loss()}, TypeError, "model: expected a detector of mmdet with bbox_head or roi_head, got Module"),
        (ANCHORS(), {}, ValueError, "box, classification: expected at least one loss, got none"),
        (ANCHORS(), {"box": nn.L1Loss()}, TypeError, r"box: expected a loss of detloss, its function or its module, got L1Loss\(\)"),
        (ANCHORS(), {"box": detloss.CrossEntropyLoss()}, ValueError, r"box: expected a loss of boxes or numbers \(L1.*\), because it compares boxes"),
        (
            ANCHORS(),
            {"box": detloss.iou_loss},
            ValueError,
            "box: expected a head with reg_decoded_bbox=True for a loss of boxes, since False passes offsets instead of "
            "boxes; got Head with False",
        ),
        (
            Detector(sigmoid_head(reg_decoded_bbox=True)),
            {"box": detloss.IoULoss(geometry=detloss.AxisAligned("cxcywh"))},
            ValueError,
            r"box: expected geometry=AxisAligned\(\), corners",
        ),
        (
            ANCHORS(),
            {"classification": detloss.CrossEntropyLoss()},
            ValueError,
            r"classification: expected a loss of one-vs-rest logits \(.*\), because the head has a sigmoid per class",
        ),
        (
            Detector(softmax_head()),
            {"classification": detloss.SigmoidFocalLoss()},
            ValueError,
            r"classification: expected a loss of softmax logits \(.*\), because the head has a softmax",
        ),
        (
            Detector(Head(Quality(), mmdet.GIoULoss())),
            {"classification": detloss.SigmoidFocalLoss()},
            ValueError,
            r"classification: expected a head with loss_cls of CrossEntropyLoss or FocalLoss, .* got Head with Quality\(\)",
        ),
        (Detector(NO_BOXES), {"box": detloss.L1Loss()}, ValueError, "box: expected a head with loss_bbox, got Module"),
        (Detector(NO_BOXES), {"classification": detloss.BinaryCrossEntropyLoss()}, ValueError, "classification: expected a head with loss_cls"),
        (
            ANCHORS(),
            {"proposal_box": detloss.L1Loss()},
            ValueError,
            "proposal_box: expected None for Detector, a model without region proposals, got L1Loss",
        ),
        (
            ANCHORS(),
            {"proposal_classification": detloss.BinaryCrossEntropyLoss()},
            ValueError,
            "proposal_classification: expected None for Detector, a model without region proposals, got Binary",
        ),
        (
            TwoStages(sigmoid_head(), softmax_head()),
            {"proposal_box": detloss.CompleteIoULoss()},
            ValueError,
            "proposal_box: expected a head with reg_decoded_bbox=True",
        ),
    ],
)  # fmt: skip
def test_invalid_arguments_are_rejected_with_a_reason(
    model: nn.Module, losses: dict, error: type[Exception], message: str
) -> None:
    before = dict(model.named_modules())
    with pytest.raises(error, match=f"^{message}"):
        use_losses(model, **losses)
    assert dict(model.named_modules()) == before


def test_a_refused_loss_leaves_the_others_out_too() -> None:
    model = Detector(softmax_head(reg_decoded_bbox=True))
    with pytest.raises(ValueError, match="^classification"):
        use_losses(model, box=detloss.IoULoss(), classification=detloss.SigmoidFocalLoss())
    assert isinstance(model.bbox_head.loss_bbox, mmdet.SmoothL1Loss)


def test_our_names_are_registered_in_mmdet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that refuses a second module of one name, as mmengine's does."""

    class Registry(dict):
        def register_module(self, *, name: str, module: type) -> None:
            assert name not in self
            self[name] = module

    package, registry = ModuleType("mmdet"), ModuleType("mmdet.registry")
    registry.MODELS = Registry(GIoULoss=object, FocalLoss=object)
    monkeypatch.setitem(sys.modules, "mmdet", package)
    monkeypatch.setitem(sys.modules, "mmdet.registry", registry)
    mmdetection.register()
    assert registry.MODELS["DetlossGIoULoss"](loss_weight=2.0).loss_weight == 2.0
    assert registry.MODELS["DetlossFocalLoss"](use_sigmoid=True, gamma=2.0, alpha=0.25).use_sigmoid
    assert len(registry.MODELS) == 2 + len(mmdet.__all__)
    assert registry.MODELS["GIoULoss"] is object
