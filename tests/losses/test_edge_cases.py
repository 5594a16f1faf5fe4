"""Ends of the range, and special cases of measures and logarithms."""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
import torch
from mpmath import mpf

import detloss
from detloss.auditing.definitions import box_definitions, exact_arithmetic
from detloss.auditing.oracle import exact_masks as masks
from detloss.auditing.oracle.ulp import derivative_error, value_error
from detloss.kernels import AVAILABLE


@pytest.fixture(autouse=True, params=AVAILABLE["cpu"])
def backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every CPU backend; modules that import these tests replace this fixture."""
    with detloss.use_backend(request.param):
        yield


POINT, OTHER, SQUARE = [1.0, 1.0, 1.0, 1.0], [4.0, 5.0, 4.0, 5.0], [0.0, 0.0, 2.0, 2.0]
FLAT, INVERTED = [0.0, 1.0, 2.0, 1.0], [2.0, 2.0, 0.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("a", "b", "iou", "giou", "diou", "ciou"),
    [
        (POINT, POINT, 1, 1, 1, 1),  # identical, without area
        (FLAT, FLAT, 1, 1, 1, 1),
        (SQUARE, SQUARE, 1, 1, 1, 1),
        (POINT, OTHER, 0, -1, -1, -1),  # 0/0 := 0
        (POINT, SQUARE, 0, 0, 0, 0),  # a point at the center of a square
        (INVERTED, SQUARE, 0, 0, 0, 0),  # the empty set at the corners of the square
        (INVERTED, INVERTED, 0, -1, 0, 0),  # inverted wins over identical
    ],
)
def test_measures_without_area(
    a: list, b: list, iou: float, giou: float, diou: float, ciou: float, dtype: torch.dtype
) -> None:
    boxes = torch.tensor([a], dtype=dtype, requires_grad=True), torch.tensor([b], dtype=dtype)
    expected = {
        detloss.iou: iou,
        detloss.generalized_iou: giou,
        detloss.distance_iou: diou,
        detloss.complete_iou: ciou,
    }
    for measure, value in expected.items():
        similarity = measure(*boxes)
        assert similarity.item() == value
        assert torch.autograd.grad(similarity.sum(), boxes[0])[0].isfinite().all()


@pytest.mark.parametrize("exponent", [-60, -66, -70])
def test_a_logarithm_of_a_ratio_that_no_float_holds(exponent: int) -> None:
    """-log IoU of a speck in a square is 2 * 70 * log 2, though the ratio of areas is 2^140."""
    side = 2.0**exponent
    pred = torch.tensor([[0.0, 0.0, side, side]], requires_grad=True)
    square = torch.tensor([[0.0, 0.0, 1.0, 1.0]], requires_grad=True)
    for loss in (detloss.iou_loss(pred, square, form="log"), detloss.iou_loss(square, pred, form="log")):
        assert loss.item() == pytest.approx(-2 * exponent * math.log(2), rel=4e-7)
        by_speck = torch.autograd.grad(loss, pred, retain_graph=True)[0]
        assert by_speck[0, 2].item() == pytest.approx(-1 / side, rel=1e-6)
        assert by_speck[0, 0].item() == pytest.approx(0.5 / side, rel=1e-6)  # a tied edge: half of inward
        by_square = torch.autograd.grad(loss, square)[0]
        assert by_square[0, 2].item() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_logarithm_of_a_ratio_near_the_largest_float(dtype: torch.dtype) -> None:
    smallest = torch.finfo(dtype).tiny
    lengths = torch.cat([torch.linspace(1, 3.99, 300, dtype=dtype), torch.linspace(1, 2, 300, dtype=dtype) * smallest])
    pred = torch.stack([lengths, torch.zeros_like(lengths)], dim=1).requires_grad_()
    target = torch.full_like(pred, smallest)
    line = detloss.AxisAligned(format="ltrb", dims=1)
    value = detloss.iou_loss(pred, target, form="log", geometry=line, reduction="none")
    exact = [math.log1p(length / smallest) for length in lengths.tolist()]
    assert value.tolist() == pytest.approx(exact, rel=4 * torch.finfo(dtype).eps)
    assert torch.autograd.grad(value.sum(), pred)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("function", "exact", "overlap"),
    [
        (detloss.complete_iou_loss, box_definitions.ciou, {"interval": (0.0, 0.5)}),
        (detloss.iou_loss, box_definitions.iou, {"inner": 1 - 2.0**-20}),
        (detloss.iou_loss, box_definitions.iou, {"inner": 1 + 2.0**-20}),
    ],
)
def test_a_modified_overlap_much_smaller_than_the_boxes(function, exact, overlap, dtype: torch.dtype) -> None:
    """Derivatives by y, which are proportional to the width of the intersection; those by x have terms that cancel."""
    pred, target = [421.25, 3.25, 622.5, 6.25], [-0.5, 0.75, 421.25 + 2.0**-8, 4.75]
    boxes = [torch.tensor([row], dtype=dtype, requires_grad=True) for row in (pred, target)]
    value = function(*boxes, overlap=detloss.Overlap(**overlap))
    for by, found in enumerate(torch.autograd.grad(value, boxes)):
        slopes = exact_arithmetic.gradient(exact, [mpf(x) for x in pred], [mpf(x) for x in target], by=by, **overlap)
        assert found[0, 1::2].tolist() == pytest.approx(
            list(map(float, slopes[1::2])), rel=16 * torch.finfo(dtype).eps, abs=0
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-22, 1e-10, 1.0, 1e10, 1e19])
def test_sides_from_tiny_to_huge(dtype: torch.dtype, scale: float) -> None:
    pred = torch.tensor([[0.0, 0.0, 2.0, 3.0]], dtype=dtype) * scale
    target = torch.tensor([[1.0, 1.0, 3.0, 2.0]], dtype=dtype) * scale
    exact = [[Fraction(x) for x in row[0].tolist()] for row in (pred, target)]
    (_, _, w, h), (x1, y1, x2, y2) = exact
    shared = (w - x1) * (y2 - y1)
    union = w * h + (x2 - x1) * (y2 - y1) - shared
    assert detloss.iou(pred, target).item() == pytest.approx(float(shared / union), rel=1e-6)
    hull = x2 * h
    loss = 1 - shared / union + (hull - union) / hull
    assert detloss.generalized_iou_loss(pred, target).item() == pytest.approx(float(loss), rel=1e-6)


def test_a_million_pixels_from_the_origin() -> None:
    near = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 4.5]]) + 2.0**20
    assert detloss.iou_loss(near[:1], near[1:]).item() == pytest.approx(1 / 9, rel=2e-7)
    assert detloss.complete_iou_loss(near[:1], near[:1]).item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coordinates_up_to_the_largest_float(dtype: torch.dtype) -> None:
    largest = torch.finfo(dtype).max
    pred = torch.tensor([[-largest, 0.0, largest, largest]], dtype=dtype, requires_grad=True)
    target = torch.tensor([[-largest, 0.0, 0.0, largest]], dtype=dtype)
    assert detloss.iou(pred, target).item() == 0.5
    loss = detloss.complete_iou_loss(pred, target)
    assert loss.isfinite()
    assert torch.autograd.grad(loss, pred)[0].isfinite().all()


@pytest.mark.parametrize("form", ["xywh", "cxcywh"])
def test_sizes_far_below_the_coordinates(form: str) -> None:
    """A format with sizes holds boxes of 2^-40 at 1, which corners cannot."""
    start = [1.0, 1.0] if form == "cxcywh" else [0.0, 0.0]
    pred = torch.tensor([[*start, 2.0**-40, 2.0**-39]])
    target = torch.tensor([[*start, 2.0**-39, 2.0**-40]])
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(0.5)) ** 2
    distance = 0 if form == "cxcywh" else (0.5**2 + 0.5**2) / (2**2 + 2**2)
    expected = 2 / 3 + distance + v * v / (2 / 3 + v)
    loss = detloss.complete_iou_loss(pred, target, geometry=detloss.AxisAligned(form))
    assert loss.item() == pytest.approx(expected, rel=4e-7)


@pytest.mark.parametrize(("a", "b"), [(POINT, SQUARE), (SQUARE, POINT), (POINT, POINT), (POINT, OTHER), (FLAT, SQUARE)])
def test_second_derivatives_are_finite_without_area(a: list, b: list) -> None:
    losses = (detloss.iou_loss, detloss.generalized_iou_loss, detloss.distance_iou_loss, detloss.complete_iou_loss)
    for loss in losses:
        pred = torch.tensor([a], dtype=torch.float64, requires_grad=True)
        gradient = torch.autograd.grad(loss(pred, torch.tensor([b], dtype=torch.float64)), pred, create_graph=True)[0]
        assert gradient.isfinite().all()
        assert torch.autograd.grad(gradient.sum(), pred)[0].isfinite().all()


@pytest.mark.parametrize("nothing", [0.0, -0.0])
def test_a_point_has_no_aspect_whatever_the_sign_of_its_zeros(nothing: float) -> None:
    geometry = detloss.AxisAligned("cxcywh")
    point, square = torch.tensor([[1.0, 1.0, nothing, nothing]]), torch.tensor([[1.0, 1.0, 2.0, 2.0]])
    for pred, target in ((point, square), (square, point)):
        assert detloss.complete_iou_loss(pred, target, geometry=geometry).item() == 1
    assert detloss.complete_iou_loss(point, -point * -1, geometry=geometry).item() == 0


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_second_derivatives_at_logit_zero(target: float, gamma: float) -> None:
    """Logit 0, where |x| has a kink and the losses have none: new heads start there."""
    t = torch.tensor([target], dtype=torch.float64)

    def curvature(loss: object) -> torch.Tensor:
        z = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        gradient = torch.autograd.grad(loss(z), z, create_graph=True)[0]
        return torch.autograd.grad(gradient, z)[0]

    def definition(z: torch.Tensor) -> torch.Tensor:
        surprise = -t * torch.nn.functional.logsigmoid(z) - (1 - t) * torch.nn.functional.logsigmoid(-z)
        missing = t * torch.sigmoid(-z) + (1 - t) * torch.sigmoid(z)
        return (0.25 * t + 0.75 * (1 - t)) * missing**gamma * surprise

    ours = curvature(lambda z: detloss.sigmoid_focal_loss(z, t, gamma=gamma, reduction="sum"))
    torch.testing.assert_close(ours, curvature(definition), rtol=1e-12, atol=0)
    ours = curvature(lambda z: detloss.binary_cross_entropy_loss(z, t, reduction="sum"))
    torch.testing.assert_close(ours, torch.tensor([0.25], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_aspects_of_boxes_far_apart(dtype: torch.dtype) -> None:
    """Sizes are given exactly: their difference must not pass through a shift of 1e10."""
    rows = torch.tensor([[1e10, 0.0, 3.0, 1.0], [-1.0, 0.5, 1.0, 4.0]], dtype=dtype)
    for a, b in ((0, 1), (1, 0)):
        loss = detloss.complete_iou_loss(rows[a : a + 1], rows[b : b + 1], geometry=detloss.AxisAligned("xywh"))
        v = 4 / math.pi**2 * (math.atan(3) - math.atan(0.25)) ** 2
        assert loss.item() == pytest.approx(2 + v * v / (1 + v), rel=4e-7)
    flat = torch.tensor([[0.0, 0.0, 3.0, 0.0], [0.0, 1e10, 0.0, 3.0]], dtype=dtype)
    for a, b in ((0, 1), (1, 0)):
        loss = detloss.complete_iou_loss(flat[a : a + 1], flat[b : b + 1], geometry=detloss.AxisAligned("cxcywh"))
        assert loss.item() == pytest.approx(2.5, rel=4e-7)


def test_smooth_l1_at_its_corner_and_at_a_subnormal_beta() -> None:
    pred, weight = torch.tensor([1.0], requires_grad=True), torch.tensor([1.0], requires_grad=True)
    gradient = torch.autograd.grad(detloss.smooth_l1_loss(pred, torch.zeros(1)), pred, create_graph=True)[0]
    assert torch.autograd.grad(gradient, pred)[0] == 0  # |error| < beta is curved, as in torch; its end is not
    loss = detloss.smooth_l1_loss(pred, torch.zeros(1), beta=1e-39, weight=weight)
    by_weight = torch.autograd.grad(loss, weight, create_graph=True)[0]
    assert torch.autograd.grad(by_weight, pred)[0] == 1


@pytest.mark.parametrize(("alpha", "beta"), [(0.5, 0.5), (0.3, 0.7), (0.5, 0.0)])
@pytest.mark.parametrize(
    ("dtype", "lowest", "highest"),
    [
        (torch.float32, -110.0, -90.0),
        (torch.float32, -1.01e9, -1e9),
        (torch.float64, -750.0, -720.0),
        (torch.float64, -70.0, -60.0),
    ],
)
def test_masks_whose_probabilities_underflow(
    dtype: torch.dtype, lowest: float, highest: float, alpha: float, beta: float, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    for elements in (1, 2, 5, 40):
        for share in (0.0, 0.3):
            logits = torch.empty(elements, dtype=torch.float64).uniform_(lowest, highest, generator=draw)
            target = (torch.rand(elements, generator=draw) < share).to(dtype)
            pred, given = logits.to(dtype).requires_grad_(), target.requires_grad_()
            loss = detloss.tversky_loss(pred, given, alpha=alpha, beta=beta)
            gradients = torch.autograd.grad(loss, (pred, given))
            exact = masks.tversky(pred.tolist(), target.tolist(), alpha, beta)
            assert value_error(loss.item(), exact.value, dtype) <= 6
            for gradient, derivatives in zip(gradients, (exact.by_pred, exact.by_target), strict=True):
                for got, derivative in zip(gradient.tolist(), derivatives, strict=True):
                    assert derivative_error(got, derivative, dtype) <= 12


@pytest.mark.parametrize("elements", [0, 3])
def test_a_mask_without_any_probability_is_empty(elements: int) -> None:
    logits = torch.full((2, elements), -math.inf, requires_grad=True)
    loss = detloss.dice_loss(logits, torch.zeros_like(logits))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss == 0
    assert torch.equal(gradient, torch.zeros_like(logits))


softmax_losses = pytest.mark.parametrize(
    "softmax_loss", [detloss.cross_entropy_loss, detloss.softmax_focal_loss], ids=lambda each: each.__name__
)


@softmax_losses
@pytest.mark.parametrize("given", ["class_weight", "weight"])
def test_a_loss_beyond_the_largest_float_is_finite_with_a_small_weight(given: str, softmax_loss: Callable) -> None:
    logits = torch.tensor([[3e38, -3e38], [3e38, -3e38]], requires_grad=True)  # a surprise of 6e38
    share = {given: torch.tensor([0.0, 0.125])}
    value = softmax_loss(logits, torch.tensor([0, 1]), reduction="none", **share)
    total = softmax_loss(logits, torch.tensor([0, 1]), reduction="sum", **share)
    assert value.dtype == total.dtype == torch.float32
    expected = 2.0 * 0.125 * logits[0, 0].item()
    assert value.tolist() == [0.0, pytest.approx(expected, rel=1e-6)]
    assert total.item() == pytest.approx(expected, rel=1e-6)
    (gradients,) = torch.autograd.grad(total, logits)
    assert gradients.tolist() == [[0.0, 0.0], [0.125, -0.125]]


@pytest.mark.parametrize("weight", [None, 4.0])
@pytest.mark.parametrize(
    ("softmax_loss", "target"),
    [
        (detloss.cross_entropy_loss, torch.tensor([1, 0, 0, 0, 0])),
        (detloss.cross_entropy_loss, torch.eye(2)[[1, 0, 0, 0, 0]]),
        (detloss.softmax_focal_loss, torch.tensor([1, 0, 0, 0, 0])),
    ],
    ids=["index", "soft target", "focal"],
)
def test_a_mean_over_a_loss_beyond_the_largest_float_is_finite(
    softmax_loss: Callable, target: torch.Tensor, weight: float | None
) -> None:
    logits = torch.tensor([[3e38, -3e38], *[[3e38, 0.0]] * 4], requires_grad=True)  # only the first row has a loss
    mean, factor = softmax_loss(logits, target, weight=weight, normalizer=40.0), (weight or 1.0) / 40.0
    assert mean.item() == pytest.approx(2.0 * factor * logits[0, 0].item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(mean, logits)
    assert gradient[0].tolist() == pytest.approx([factor, -factor], rel=1e-6)
