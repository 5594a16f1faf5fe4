"""The oracle against results by hand, other implementations, and central differences."""

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

import pytest
import torch
from mpmath import log, mpf, pi
from torch import Tensor
from torch.nn import functional

from detloss.auditing.oracle import exact_boxes as boxes
from detloss.auditing.oracle import exact_classes as classification
from detloss.auditing.oracle import exact_numbers as regression
from detloss.auditing.oracle.exact import Derivative, Exact, number
from detloss.auditing.oracle.ulp import derivative_error, value_error
from tests.support.marks import exhaustive_except

# Pairs of boxes with their IoU, GIoU and DIoU losses, computed by hand.
BY_HAND = {
    "overlapping corners": ([0, 0, 2, 2], [1, 1, 3, 3], (6 / 7, 6 / 7 + 2 / 9, 6 / 7 + 1 / 9)),
    "disjoint": ([0, 0, 1, 1], [2, 0, 3, 1], (1, 1 + 1 / 3, 1 + 4 / 10)),
    "nested": ([0, 0, 4, 4], [1, 1, 3, 3], (3 / 4, 3 / 4, 3 / 4)),
    "touching": ([0, 0, 1, 1], [1, 0, 2, 1], (1, 1, 1 + 1 / 5)),
    "identical": ([0, 0, 1, 1], [0, 0, 1, 1], (0, 0, 0)),
    "identical points": ([1, 1, 1, 1], [1, 1, 1, 1], (0, 0, 0)),
    "a point inside": ([1, 1, 1, 1], [0, 0, 2, 2], (1, 1, 1)),
    "two points": ([0, 0, 0, 0], [3, 4, 3, 4], (1, 2, 2)),
    "two points on a line": ([0, 0, 0, 0], [3, 0, 3, 0], (1, 2, 2)),
    "inverted": ([2, 2, 0, 0], [0, 0, 2, 2], (1, 1, 1)),
    "identical and inverted": ([2, 2, 0, 0], [2, 2, 0, 0], (1, 2, 1)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_boxes_by_hand(name: str) -> None:
    pred, target, expected = BY_HAND[name]
    for first, second in ((pred, target), (target, pred)):
        values = [float(boxes.exact(loss, first, second).value) for loss in (boxes.iou, boxes.giou, boxes.diou)]
        assert values == pytest.approx(expected, rel=1e-15)


def test_measures_are_one_minus_their_losses() -> None:
    pair = [0, 0, 2, 2], [1, 1, 3, 3]
    values = [float(boxes.similarity(loss, *pair).value) for loss in (boxes.iou, boxes.giou, boxes.diou)]
    assert values == pytest.approx([1 / 7, 1 / 7 - 2 / 9, 1 / 7 - 1 / 9], rel=1e-15)
    similarity, loss = boxes.similarity(boxes.iou, *pair), boxes.exact(boxes.iou, *pair)
    assert _lows(similarity.by_pred) == [-each for each in _lows(loss.by_pred)]


def test_polytopes_by_hand() -> None:
    pair = [0, 0, 0, 2, 2, 2], [1, 1, 1, 3, 3, 3]
    values = [float(boxes.exact(loss, *pair).value) for loss in (boxes.iou, boxes.giou, boxes.diou)]
    assert values == pytest.approx([14 / 15, 14 / 15 + 12 / 27, 14 / 15 + 1 / 9], rel=1e-15)


def test_aspect_by_hand() -> None:
    # A square and its lower half: angles atan 1 and atan 2, intersection 2, union 4.
    exact = boxes.exact(boxes.ciou, [0, 0, 2, 2], [0, 0, 2, 1])
    aspect = 4 / pi**2 * (math.atan(2) - math.atan(1)) ** 2
    expected = mpf(1) / 2 + mpf("0.25") / 8 + aspect**2 / (mpf(1) / 2 + aspect)
    assert float(exact.value) == pytest.approx(float(expected), rel=1e-14)
    flat = boxes.exact(boxes.ciou, [0, 0, 2, 0], [0, 0, 2, 2])
    assert float(flat.value) == pytest.approx(1 + 1 / 8 + (1 / 4) ** 2 / (1 + 1 / 4), rel=1e-14)


def test_log_iou_is_capped_for_disjoint_boxes_only() -> None:
    disjoint = boxes.exact(boxes.log_iou, [0, 0, 1, 1], [2, 0, 3, 1])
    assert disjoint.value == 126 * log(mpf(2))
    assert _lows(disjoint.by_pred) == [0, 0, 0, 0]
    speck = boxes.exact(boxes.log_iou, [0, 0, 1e-30, 1e-30], [0, 0, 1, 1])
    assert speck.value > disjoint.value


def test_derivative_of_a_tie_is_half_of_each_side() -> None:
    # The right edges coincide: outward the union grows, inward the intersection shrinks.
    exact = boxes.exact(boxes.iou, [1, 0, 2, 1], [0, 0, 2, 1])
    outward, inward = 1 / 4, -1 / 2
    assert _lows(exact.by_pred)[2] == pytest.approx((outward + inward) / 2)


def test_derivative_of_a_tie_is_the_mean_of_its_sides() -> None:
    tied = (([1, 0, 2, 1], [0, 0, 2, 1]), ([0, 0, 2, 2], [0, 1, 3, 2]), ([1, 1, 3, 2], [1, 0, 2, 2]))
    for pred, target in tied:
        for loss in (boxes.iou, boxes.log_iou, boxes.giou, boxes.diou):
            # A central difference across a kink has an error of the size of the step.
            _check_derivatives(partial(boxes.exact, loss), pred, target, digits=15)


def test_derivative_of_a_flat_box_is_that_of_its_growth() -> None:
    step = Fraction(1, 10**18)
    pred, target = [1, 0, 1, 3], [0, 1, 4, 2]
    for loss in (boxes.iou, boxes.giou, boxes.diou):
        start = boxes.exact(loss, pred, target)
        grown = boxes.exact(loss, [1, 0, 1 + step, 3], target)
        difference = (grown.value - start.value) / number(step)
        assert abs(difference - start.by_pred[2].low) < mpf(10) ** -15


def test_flat_boxes_have_derivatives() -> None:
    inside = boxes.exact(boxes.iou, [1, 0, 1, 2], [0, 0, 2, 2])
    assert _lows(inside.by_pred) == [0.5, 0, -0.5, 0]
    on_edge = boxes.exact(boxes.iou, [2, 0, 2, 2], [0, 0, 2, 2])
    assert _lows(on_edge.by_pred) == [0.5, 0, -0.25, 0]
    pair = [0, 0, 0, 2], [1, 0, 1, 2]
    assert _lows(boxes.exact(boxes.iou, *pair).by_pred) == [0, 0, 0, 0]
    assert _lows(boxes.exact(boxes.giou, *pair).by_pred) == [1, 0, -1, 0]


def test_inverted_boxes_have_derivatives_of_the_center_only() -> None:
    giou, diou, ciou = (boxes.exact(loss, [4, 0, 2, 2], [0, 0, 2, 2]) for loss in (boxes.giou, boxes.diou, boxes.ciou))
    assert _lows(giou.by_pred) == [0, 0, 0, 0]
    assert float(giou.value) == 1 + 1 / 2
    assert _lows(diou.by_pred) == pytest.approx([2 / 20, 0, 2 / 20, 0])
    assert ciou.value == diou.value


@pytest.mark.parametrize("form", boxes.FORMATS)
@pytest.mark.parametrize("dims", exhaustive_except([1, 2, 3, 4], lambda dims: dims <= 2))
def test_boxes_against_central_differences(form: str, dims: int) -> None:
    rng = random.Random(17)
    for _ in range(2):
        rows = [_box(rng, dims, form), _box(rng, dims, form)]
        # The gradient of CIoU treats its weight as a constant and is not that of its value.
        for loss in (boxes.iou, boxes.log_iou, boxes.giou, boxes.diou):
            _check_derivatives(partial(boxes.exact, loss, form=form), *rows)


def test_boxes_against_torchvision() -> None:
    import torchvision.ops  # imported here so that the other tests run without torchvision

    peers = {
        boxes.iou: lambda p, t: 1 - torchvision.ops.box_iou(p, t).diagonal(),
        boxes.giou: lambda p, t: torchvision.ops.generalized_box_iou_loss(p, t, eps=0.0),
        boxes.diou: lambda p, t: torchvision.ops.distance_box_iou_loss(p, t, eps=0.0),
        boxes.ciou: lambda p, t: torchvision.ops.complete_box_iou_loss(p, t, eps=0.0),
    }
    rng = random.Random(23)
    rows = [[_box(rng, 2, "xyxy") for _ in range(100)] for _ in range(2)]
    for loss, peer in peers.items():
        exact = [boxes.exact(loss, p, t) for p, t in zip(*rows, strict=True)]
        sides = [torch.tensor(row, dtype=torch.float64) for row in rows]
        # The CIoU of torchvision ignores eps and adds 1e-7 to the diagonal.
        _check_peer(exact, peer, *sides, tolerance=1e-6 if loss is boxes.ciou else 1e-10)


LOGITS = [-20.0, -3.5, -0.25, 0.0, 1e-3, 1.0, 7.25, 16.0]


@pytest.mark.parametrize("gamma", [0.0, 1.0, 1.5, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.0, 0.25, 0.5, 1.0])
def test_focal_against_torchvision(gamma: float, alpha: float | None) -> None:
    import torchvision.ops

    # 1 - p cancels in torchvision: only logits where enough digits remain.
    pairs = [(z, t) for z in LOGITS for t in (0.0, 0.3, 1.0) if abs(z) < 10]
    exact = [classification.sigmoid_focal(z, t, alpha, gamma) for z, t in pairs]
    peer_alpha = -1.0 if alpha is None else alpha

    def peer(z: Tensor, t: Tensor) -> Tensor:
        return torchvision.ops.sigmoid_focal_loss(z, t, alpha=peer_alpha, gamma=gamma)

    _check_peer(exact, peer, *torch.tensor(pairs, dtype=torch.float64).unbind(1), by_target=False)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.5, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("smoothing", [0.0, 0.125])
def test_focal_against_central_differences(gamma: float, alpha: float | None, smoothing: float) -> None:
    for logit in LOGITS:
        for target in (0.1, 0.75):
            _check_derivatives(
                lambda z, t: classification.sigmoid_focal(z[0], t[0], alpha, gamma, smoothing),
                [logit],
                [target],
            )


def test_binary_cross_entropy_against_torch() -> None:
    pairs = [(z, t) for z in LOGITS for t in (0.0, 0.3, 1.0)]
    exact = [classification.binary_cross_entropy(z, t) for z, t in pairs]

    def peer(z: Tensor, t: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(z, t, reduction="none")

    _check_peer(exact, peer, *torch.tensor(pairs, dtype=torch.float64).unbind(1))


@pytest.mark.parametrize("classes", [2, 5, 21])
@pytest.mark.parametrize("smoothing", [0.0, 0.125])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_against_torch(classes: int, smoothing: float, weighted: bool) -> None:
    rng = random.Random(classes)
    logits = [[rng.gauss(0, 3) for _ in range(classes)] for _ in range(20)]
    weight = [rng.uniform(0, 2) for _ in range(classes)] if weighted else None
    probabilities = torch.rand(20, classes, dtype=torch.float64).softmax(-1)
    options = dict(label_smoothing=smoothing, reduction="none")
    options["weight"] = torch.tensor(weight, dtype=torch.float64) if weighted else None
    z = torch.tensor(logits, dtype=torch.float64)
    soft = [
        classification.cross_entropy(row, soft, weight, smoothing)
        for row, soft in zip(logits, probabilities.tolist(), strict=True)
    ]
    _check_peer(soft, lambda a, b: functional.cross_entropy(a, b, **options), z, probabilities)
    labels = [rng.randrange(classes) for _ in logits]
    hard = [
        classification.cross_entropy(row, label, weight, smoothing) for row, label in zip(logits, labels, strict=True)
    ]
    _check_peer(hard, lambda a, b: functional.cross_entropy(a, b, **options), z, torch.tensor(labels))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.5, 5.0])
def test_softmax_focal_against_central_differences(gamma: float) -> None:
    rng = random.Random(3)
    logits = [rng.gauss(0, 3) for _ in range(7)]
    _check_derivatives(lambda z, _: classification.softmax_focal(z, 1, gamma, [0.5] * 7), logits, [])
    plain = classification.softmax_focal(logits, 0, gamma=0.0)
    assert plain.value == classification.cross_entropy(logits, 0).value


def test_infinite_logits() -> None:
    wrong = classification.sigmoid_focal(-math.inf, 1.0, 0.25, 2.0)
    assert (wrong.value, _lows(wrong.by_pred)) == (math.inf, [-0.25])
    right = classification.sigmoid_focal(math.inf, 1.0, 0.25, 0.5)
    assert (right.value, _lows(right.by_pred)) == (0, [0])
    excluded = classification.sigmoid_focal(-math.inf, 1.0, 0.0, 2.0)
    assert (excluded.value, _lows(excluded.by_pred)) == (0, [0])
    wrong = classification.cross_entropy([0.0, -math.inf, 0.0], 1)
    assert (wrong.value, _lows(wrong.by_pred)) == (math.inf, [0.5, -1, 0.5])
    wrong = classification.softmax_focal([0.0, math.inf, 0.0], 0)
    assert (wrong.value, _lows(wrong.by_pred)) == (math.inf, [-1, 1, 0])


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_regression_against_torch(beta: float) -> None:
    pairs = [(p, t) for p in (-3.0, -0.25, 0.1, 2.0) for t in (-1.0, 0.0, 1.9)]
    pred, target = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    smooth = [regression.smooth_l1(p, t, beta) for p, t in pairs]
    _check_peer(smooth, lambda p, t: functional.smooth_l1_loss(p, t, reduction="none", beta=beta), pred, target)
    square = [regression.l2(p, t) for p, t in pairs]
    _check_peer(square, lambda p, t: functional.mse_loss(p, t, reduction="none"), pred, target)


def test_subderivatives_at_the_kink_of_l1() -> None:
    (derivative,) = regression.l1(1.0, 1.0).by_pred
    assert (derivative.low, derivative.high) == (-1, 1)


def test_ulps() -> None:
    single, half = torch.float32, torch.float16
    assert value_error(1 + 2**-23, mpf(1), single) == 1
    assert value_error(1.0, mpf(1) + mpf(2) ** -24, single) == 0.5
    assert value_error(float("nan"), mpf(1), single) == math.inf
    assert value_error(float("nan"), mpf("nan"), single) == 0
    assert value_error(math.inf, mpf(10) ** 39, single) == 0
    assert value_error(-math.inf, mpf(10) ** 39, single) > 2**20
    assert value_error(1.0, mpf("inf"), single) > 2**20
    assert value_error(0.0, mpf(2) ** -127, single) == 0.5
    assert value_error(-(2.0**-127), mpf(2) ** -127, single) == math.inf
    assert value_error(0.0, mpf(2) ** -24, half) == 1
    assert derivative_error(0.0, Derivative(mpf(2) ** -20, mpf(2) ** -20, mpf(1)), single) == 8
    assert derivative_error(0.5, Derivative(mpf(-1), mpf(1), mpf(1)), single) == 0


def _lows(derivatives: Sequence[Derivative]) -> list[float]:
    return [float(each.low) for each in derivatives]


def _box(rng: random.Random, dims: int, form: str) -> list[float]:
    first = [rng.uniform(1, 2) for _ in range(dims)]
    return first + [(a if form == "xyxy" else 0) + rng.uniform(0.5, 2) for a in first]


def _check_derivatives(
    loss: Callable[[Sequence[float], Sequence[float]], Exact],
    pred: Sequence[float],
    target: Sequence[float],
    digits: int = 30,
) -> None:
    """Compare each derivative with a central difference."""
    step = Fraction(1, 10**18)
    rows = [[Fraction(x) for x in row] for row in (pred, target)]
    exact = loss(pred, target)
    for side, derivatives in enumerate((exact.by_pred, exact.by_target)):
        for k, derivative in enumerate(derivatives):
            ends = []
            for sign in (1, -1):
                moved = [list(row) for row in rows]
                moved[side][k] += sign * step
                ends.append(loss(*moved).value)
            difference = (ends[0] - ends[1]) / (2 * number(step))
            assert abs(difference - derivative.low) <= mpf(10) ** -digits * (1 + derivative.condition)


def _check_peer(
    exact_results: list[Exact],
    peer: Callable[[Tensor, Tensor], Tensor],
    pred: Tensor,
    target: Tensor,
    by_target: bool = True,
    tolerance: float = 1e-10,
) -> None:
    """Compare values and gradients of a float64 implementation, on inputs where it is accurate."""
    pred = pred.clone().requires_grad_()
    by_target = by_target and target.is_floating_point()
    target = target.clone().requires_grad_(by_target)
    values = peer(pred, target)
    values.sum().backward()
    expected = torch.tensor([float(exact.value) for exact in exact_results], dtype=torch.float64)
    torch.testing.assert_close(values.detach(), expected, rtol=tolerance, atol=1e-13)
    sides = [(pred.grad, "by_pred")] + [(target.grad, "by_target")] * by_target
    for got, side in sides:
        derivatives = [_lows(getattr(exact, side)) for exact in exact_results]
        expected = torch.tensor(derivatives, dtype=torch.float64).reshape(got.shape)
        torch.testing.assert_close(got, expected, rtol=10 * tolerance, atol=tolerance / 10)
