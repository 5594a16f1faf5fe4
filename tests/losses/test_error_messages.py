"""Error messages: the argument, the expected value and the value found."""

import inspect
import re

import pytest
import torch

import detloss
from detloss.catalog import Kind
from detloss.kernels import AVAILABLE
from tests.support.loss_table import TABLE, Row

every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
boxes, logits = torch.rand(3, 4), torch.rand(3, 5)
indices = torch.tensor([0, 1, 2])


def first_name(row: Row) -> str:
    return next(iter(inspect.signature(row.loss).parameters))


@every_loss
def test_operands(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    name = first_name(row)
    with pytest.raises(TypeError, match=rf"^{name}: expected a tensor, got list \(try torch.tensor\({name}\)\)$"):
        row(pred.tolist(), target)
    with pytest.raises(TypeError, match=rf"^{name}: .* dtype, got torch.int64 \(try {name}.to\(torch.float32\)\)$"):
        row(pred.long(), target)
    other = "value" if row.kind is Kind.DISTRIBUTION else "target"
    with pytest.raises(TypeError, match=rf"^{other}: expected a tensor, got list \(try torch.tensor\({other}\)\)$"):
        row(pred, target.tolist())
    with pytest.raises(ValueError, match=rf"^{other}: expected .*{re.escape(str(tuple(pred.shape)))}.*, got \(7,.*\)$"):
        row(pred, target.detach()[:7])
    with pytest.raises(ValueError, match=rf"^{other}: expected device cpu \(same as {name}\), got meta$"):
        row(pred, target.detach().to("meta"))


@every_loss
def test_reduction_weight_and_normalizer(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    name, shape = first_name(row), tuple(row(pred, target, reduction="none").shape)
    with pytest.raises(ValueError, match="^reduction: expected 'none', 'sum' or 'mean', got 'avg'$"):
        row(pred, target, reduction="avg")
    for reduction in ("none", "sum"):
        message = f"normalizer: expected None with reduction='{reduction}', since only a mean divides, got a value"
        with pytest.raises(ValueError, match=f"^{message}$"):
            row(pred, target, reduction=reduction, normalizer=2.0)
    with pytest.raises(TypeError, match="^normalizer: expected a number or a tensor, got str$"):
        row(pred, target, normalizer="2")
    with pytest.raises(ValueError, match="^normalizer: expected a finite number of at least 0, got -1$"):
        row(pred, target, normalizer=-1)
    with pytest.raises(ValueError, match=r"^normalizer: expected one number, got a tensor of shape \(2,\)$"):
        row(pred, target, normalizer=torch.ones(2))
    with pytest.raises(ValueError, match=r"^normalizer: expected a constant, got a tensor that requires grad"):
        row(pred, target, normalizer=torch.ones((), requires_grad=True))
    with pytest.raises(TypeError, match="^weight: expected a number or a tensor, got list$"):
        row(pred, target, weight=[1.0])
    with pytest.raises(TypeError, match="^weight: expected a real dtype, got torch.complex64$"):
        row(pred, target, weight=torch.ones(shape, dtype=torch.complex64))
    with pytest.raises(ValueError, match=rf"^weight: expected device cpu \(same as {name}\), got meta$"):
        row(pred, target, weight=torch.ones(shape, device="meta"))
    expected = "weight: expected a scalar or a shape that broadcasts to the unreduced loss "
    for wrong in ((*shape, 1), (5, *shape[1:]), (1, 1, 1)):
        with pytest.raises(
            ValueError, match=f"^{re.escape(expected + str(shape))}.*, got {re.escape(str(wrong))}( .*)?$"
        ):
            row(pred, target, weight=torch.ones(wrong))
    if not row.per_row:
        with pytest.raises(ValueError, match=r"got \(12,\) \(try weight\[:, None\]\)$"):
            row(pred, target, weight=torch.ones(12))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: detloss.smooth_l1_loss(boxes, boxes, beta=-1),
            ValueError,
            "beta: expected a finite number of at least 0, got -1",
        ),
        (lambda: detloss.smooth_l1_loss(boxes, boxes, beta="1"), TypeError, "beta: expected a number, got str"),
        (
            lambda: detloss.charbonnier_loss(boxes, boxes, delta=-1),
            ValueError,
            "delta: expected a finite number of at least 0, got -1",
        ),
        (
            lambda: detloss.balanced_l1_loss(boxes, boxes, alpha=0),
            ValueError,
            "alpha: expected more than 0, got 0",
        ),
        (
            lambda: detloss.balanced_l1_loss(boxes, boxes, beta=0.0),
            ValueError,
            "beta: expected more than 0, got 0.0",
        ),
        (
            lambda: detloss.balanced_l1_loss(boxes, boxes, alpha=0.01),
            ValueError,
            "gamma: expected at most 64 alpha = 0.64, got 1.5",
        ),
        (
            lambda: detloss.tversky_loss(logits, logits, alpha=-0.5),
            ValueError,
            "alpha: expected a finite number of at least 0, got -0.5",
        ),
        (
            lambda: detloss.tversky_loss(logits, logits, beta=None),
            TypeError,
            "beta: expected a number, got NoneType",
        ),
        (
            lambda: detloss.dice_loss(logits, logits[:, 0]),
            ValueError,
            "target: expected shape (3, 5) (same as logits), got (3,)",
        ),
        (
            lambda: detloss.dice_loss(logits[0, 0], logits[0, 0]),
            ValueError,
            "logits: expected (..., P) rows of mask logits, got ()",
        ),
        (
            lambda: detloss.dice_loss(logits, logits.to(torch.complex64)),
            TypeError,
            "target: expected a real dtype, got torch.complex64",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, gamma=-0.5),
            ValueError,
            "gamma: expected a finite number of at least 0, got -0.5",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, gamma=float("nan")),
            ValueError,
            "gamma: expected a finite number of at least 0, got nan",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, gamma=True),
            TypeError,
            "gamma: expected a number, got bool",
        ),
        (
            lambda: detloss.softmax_focal_loss(logits, indices, gamma=-1),
            ValueError,
            "gamma: expected a finite number of at least 0, got -1",
        ),
        (
            lambda: detloss.softmax_focal_loss(logits, logits),
            ValueError,
            "target: expected class indices (3,) for logits (3, 5), got (3, 5)",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=1.5),
            ValueError,
            "alpha: expected a finite number in [0, 1], got 1.5",
        ),
        (
            lambda: detloss.balanced_cross_entropy_loss(logits, logits, alpha=-0.1),
            ValueError,
            "alpha: expected a finite number in [0, 1], got -0.1",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=-1),
            ValueError,
            "alpha: expected a finite number in [0, 1], got -1 (alpha=None disables it, as -1 does in torchvision and fvcore)",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(torch.zeros(3, 1), torch.zeros(3)),
            TypeError,
            "target: expected class indices (3,) of an integer dtype or 0/1 or soft values (3, 1), "
            "got (3,) of torch.float32 (try target[:, None])",
        ),
        (
            lambda: detloss.cross_entropy_loss(torch.zeros(2, 5, 8, 8), torch.zeros(2, 8, 8, dtype=torch.int64)),
            ValueError,
            "target: expected class indices (2, 5, 8) or probabilities (2, 5, 8, 8) for logits (2, 5, 8, 8), "
            "got (2, 8, 8) (classes are the last dimension: try logits.movedim(1, -1))",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, weight=torch.ones(5)),
            ValueError,
            "weight: expected a scalar or a shape that broadcasts to the unreduced loss (3,) dimension by dimension, "
            "got (5,) (one weight per class is class_weight=)",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, indices, weight=torch.ones(5)),
            ValueError,
            "weight: expected a scalar or a shape that broadcasts to the unreduced loss (3, 5) dimension by dimension, "
            "got (5,) (try weight[None, :])",
        ),
        (
            lambda: detloss.iou_loss([boxes, boxes], boxes),
            TypeError,
            "pred: expected a tensor, got list (try torch.cat(pred))",
        ),
        (
            lambda: detloss.iou_loss(boxes, {"boxes": boxes, "labels": indices}),
            TypeError,
            'target: expected a tensor, got dict (try target["boxes"])',
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, {"boxes": boxes, "labels": indices}),
            TypeError,
            'target: expected a tensor, got dict (try target["labels"])',
        ),
        (
            lambda: detloss.iou_loss(torch.zeros(0), torch.zeros(0)),
            ValueError,
            "pred: expected (..., 4) rows of AxisAligned(format='xyxy', dims=2), got (0,) (no boxes have shape (0, 4))",
        ),
        (
            lambda: detloss.balanced_cross_entropy_loss(logits, logits, alpha="half"),
            TypeError,
            "alpha: expected None, a number or one value per class, got str",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=[0.5, 2.0]),
            ValueError,
            "alpha[1]: expected a finite number in [0, 1], got 2.0",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=torch.tensor([0.5, 2.0, 0, 0, 0])),
            ValueError,
            "alpha: expected values in [0, 1], got 2.0",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=[0.5, 0.5]),
            ValueError,
            "alpha: expected shape (5,), one value per class, got (2,)",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=torch.ones(5, requires_grad=True)),
            ValueError,
            "alpha: expected a constant, got a tensor that requires grad (try alpha.detach())",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, logits, alpha=torch.ones(5, device="meta")),
            ValueError,
            "alpha: expected device cpu (same as logits), got meta",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, class_weight=[1, 2]),
            ValueError,
            "class_weight: expected shape (5,), one value per class, got (2,)",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, class_weight=[1, 1, 1, 1, -2]),
            ValueError,
            "class_weight[4]: expected a finite number of at least 0, got -2",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, class_weight=torch.tensor([1.0, 1, 1, 1, -2])),
            ValueError,
            "class_weight: expected values of at least 0, got -2.0",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, class_weight=2),
            TypeError,
            "class_weight: expected None or one value per class, got int",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, label_smoothing=1.5),
            ValueError,
            "label_smoothing: expected a finite number in [0, 1], got 1.5",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices, ignore_index=1.0),
            TypeError,
            "ignore_index: expected an integer, got float",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices.float()),
            TypeError,
            "target: expected class indices (3,) of an integer dtype or probabilities (3, 5), got (3,) of torch.float32",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, indices[:2]),
            ValueError,
            "target: expected class indices (3,) or probabilities (3, 5) for logits (3, 5), got (2,)",
        ),
        (
            lambda: detloss.cross_entropy_loss(logits, logits.to(torch.complex64)),
            TypeError,
            "target: expected a real dtype, got torch.complex64",
        ),
        (
            lambda: detloss.binary_cross_entropy_loss(logits, boxes),
            ValueError,
            "target: expected class indices (3,) or 0/1 or soft values (3, 5) for logits (3, 5), got (3, 4)",
        ),
        (
            lambda: detloss.binary_cross_entropy_loss(logits, logits, ignore_index=1),
            ValueError,
            "ignore_index: expected None with targets that are not class indices, got a value",
        ),
        (
            lambda: detloss.sigmoid_focal_loss(logits, indices, ignore_index="x"),
            TypeError,
            "ignore_index: expected an integer, got str",
        ),
        (
            lambda: detloss.binary_cross_entropy_loss(logits, logits, label_smoothing=-1),
            ValueError,
            "label_smoothing: expected a finite number in [0, 1], got -1",
        ),
        (
            lambda: detloss.iou_loss(boxes, boxes, form="square"),
            ValueError,
            "form: expected 'linear' or 'log', got 'square'",
        ),
        (
            lambda: detloss.iou_loss(logits, logits),
            ValueError,
            "pred: expected (..., 4) rows of AxisAligned(format='xyxy', dims=2), got (3, 5)",
        ),
        (
            lambda: detloss.iou_loss(boxes, boxes, geometry="xywh"),
            TypeError,
            "geometry: expected an instance such as AxisAligned(), got 'xywh' (try AxisAligned(\"xywh\"))",
        ),
        (
            lambda: detloss.iou_loss(boxes, boxes, geometry="rotated"),
            TypeError,
            "geometry: expected an instance such as AxisAligned(), got 'rotated'",
        ),
        (
            lambda: detloss.iou(boxes, boxes, geometry=detloss.AxisAligned),
            TypeError,
            "geometry: expected an instance such as AxisAligned(), got the class AxisAligned (try AxisAligned())",
        ),
        (
            lambda: detloss.AxisAligned("xyhw"),
            ValueError,
            "format: expected 'xyxy', 'xywh', 'cxcywh' or 'ltrb', got 'xyhw'",
        ),
        (lambda: detloss.AxisAligned(dims=0), ValueError, "dims: expected at least 1, got 0"),
        (lambda: detloss.AxisAligned(dims=2.0), TypeError, "dims: expected an integer, got float"),
        (
            lambda: detloss.generalized_iou_loss(boxes, boxes, geometry=detloss.AxisAligned(dims=1), enclosing="hull"),
            ValueError,
            "enclosing: expected None or 'box' for AxisAligned(format='xyxy', dims=1), got 'hull'",
        ),
        (
            lambda: detloss.generalized_iou(boxes, boxes, enclosing="circle"),
            ValueError,
            "enclosing: expected None, 'box' or 'hull', got 'circle'",
        ),
        (
            lambda: detloss.complete_iou_loss(torch.rand(2, 6), torch.rand(2, 6), geometry=detloss.AxisAligned(dims=3)),
            ValueError,
            "geometry: expected one with the measure aspect_angle, which complete_iou reads, got AxisAligned(format='xyxy', dims=3)",
        ),
        (
            lambda: detloss.complete_iou(torch.rand(2, 2), torch.rand(2, 2), geometry=detloss.AxisAligned(dims=1)),
            ValueError,
            "geometry: expected one with the measure aspect_angle, which complete_iou reads, got AxisAligned(format='xyxy', dims=1)",
        ),
        (lambda: detloss.iou(boxes, torch.rand(2, 4)), ValueError, "b: expected as many rows as a, (3, 4), got (2, 4)"),
        (
            lambda: detloss.iou(boxes.int(), boxes),
            TypeError,
            "a: expected a floating dtype, got torch.int32 (try a.to(torch.float32))",
        ),
        (
            lambda: detloss.iou(boxes, boxes.int()),
            TypeError,
            "b: expected a floating dtype, got torch.int32 (try b.to(torch.float32))",
        ),
        (
            lambda: detloss.iou(boxes, logits),
            ValueError,
            "b: expected (..., 4) rows of AxisAligned(format='xyxy', dims=2), got (3, 5)",
        ),
        (
            lambda: detloss.iou(boxes, boxes.to("meta"), pairwise=True),
            ValueError,
            "b: expected device cpu (same as a), got meta",
        ),
        (
            lambda: detloss.iou(boxes[0], boxes, pairwise=True),
            ValueError,
            "b: expected (..., M) rows beside (..., N) rows of a with the same leading dimensions for pairwise=True, got (3,) beside ()",
        ),
        (
            lambda: detloss.parameter_penalty([], l1=1.0),
            ValueError,
            "parameters: expected at least one tensor, got none",
        ),
        (
            lambda: detloss.parameter_penalty([boxes, indices], l1=1.0),
            TypeError,
            "parameters[1]: expected a floating dtype, got torch.int64 (try parameters[1].to(torch.float32))",
        ),
        (
            lambda: detloss.parameter_penalty(boxes, l2=-1),
            ValueError,
            "l2: expected a finite number of at least 0, got -1",
        ),
        (lambda: detloss.ParameterPenalty(l1=None), TypeError, "l1: expected a number, got NoneType"),
        (
            lambda: detloss.alpha_from_counts(-1, 5),
            ValueError,
            "positives: expected finite counts of at least 0, got -1",
        ),
        (
            lambda: detloss.alpha_from_counts([1, 2], [1, 2, 3]),
            ValueError,
            "negatives: expected (2,) like positives, got (3,)",
        ),
        (
            lambda: detloss.alpha_from_counts(0, 0),
            ValueError,
            "positives, negatives: expected at least one element per class, got none of either",
        ),
        (lambda: detloss.alpha_from_counts("many", 0), TypeError, "positives: expected numbers, got str"),
        (
            lambda: detloss.class_weight_from_counts([1, 2], method="log"),
            ValueError,
            "method: expected 'inverse', 'sqrt' or 'effective', got 'log'",
        ),
        (lambda: detloss.class_weight_from_counts([1, 2], beta=1.0), ValueError, "beta: expected in [0, 1), got 1.0"),
        (
            lambda: detloss.class_weight_from_counts([1, 2], beta=None),
            TypeError,
            "beta: expected a number, got NoneType",
        ),
        (lambda: detloss.class_weight_from_counts(5), ValueError, "counts: expected one per class, (C,), got ()"),
        (
            lambda: detloss.class_weight_from_counts([0, 0]),
            ValueError,
            "counts: expected at least one class that occurs, got none",
        ),
        (lambda: detloss.Normalizer(minimum=0), ValueError, "minimum: expected more than 0, got 0"),
        (lambda: detloss.Normalizer(momentum=1.0), ValueError, "momentum: expected in [0, 1), got 1.0"),
        (lambda: detloss.Normalizer(momentum="no"), TypeError, "momentum: expected a number, got str"),
        (
            lambda: detloss.Normalizer()(torch.ones(2)),
            ValueError,
            "count: expected one number, got a tensor of shape (2,)",
        ),
        (lambda: detloss.Normalizer()(-1), ValueError, "count: expected a finite number of at least 0, got -1"),
        (
            lambda: detloss.use_backend("fast"),
            ValueError,
            f"name: expected one of {', '.join(sorted(repr(n) for n in AVAILABLE['cpu']))}, got 'fast'",
        ),
        (
            lambda: detloss.doctor(on_fault="stop").__enter__(),
            ValueError,
            "on_fault: expected 'raise' or 'warn', got 'stop'",
        ),
    ],
)
def test_message(call: object, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        call()
