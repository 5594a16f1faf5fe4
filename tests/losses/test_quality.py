"""Class losses with a quality: forms of the target, published values, invariances, unused qualities and messages."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import detloss
from detloss.catalog import LOSSES, Kind
from detloss.kernels import AVAILABLE

QUALITY = [loss for loss in LOSSES if loss.kind is Kind.QUALITY]
HELD = partial(detloss.varifocal_loss, hold_focus=True)
every_loss = pytest.mark.parametrize(
    "function", [*(loss.function for loss in QUALITY), HELD], ids=[*(loss.name for loss in QUALITY), "held vfl"]
)


@pytest.fixture(params=AVAILABLE["cpu"], autouse=True)
def backend(request: pytest.FixtureRequest) -> Any:
    """Every backend of the CPU."""
    with detloss.use_backend(request.param):
        yield


def drawn(seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of five classes, class indices with background, and qualities, 0 and 1 among them."""
    torch.manual_seed(seed)
    quality = torch.rand(4, 6, dtype=dtype)
    quality[0, :2] = torch.tensor([0.0, 1.0])
    return (
        3 * torch.randn(4, 6, 5, dtype=dtype).requires_grad_(),
        torch.randint(0, 6, (4, 6)).index_fill_(1, torch.tensor(0), 2),
        quality,
    )


def with_gradient(function: Callable[..., Tensor], logits: Tensor, *operands: Tensor, **options: Any) -> list[Tensor]:
    """The unreduced loss and its gradient."""
    loss = function(logits, *operands, reduction="none", **options)
    return [loss.detach(), *torch.autograd.grad(loss.sum(), logits)]


@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_forms_of_a_target_agree(function: Callable[..., Tensor], dtype: torch.dtype, seed: int) -> None:
    logits, index, quality = drawn(seed, dtype)
    hot = functional.one_hot(index, 6)[..., :5]
    spread = quality.unsqueeze(-1).expand_as(logits)
    expected = with_gradient(function, logits, hot, quality=spread)
    for target in (hot.bool(), hot.to(dtype)):
        for ours, theirs in zip(with_gradient(function, logits, target, quality=spread.contiguous()), expected):
            assert torch.equal(ours, theirs)
    for ours, theirs in zip(with_gradient(function, logits, index, quality=quality), expected):
        assert torch.equal(ours, theirs)
    soft = torch.where(hot > 0, spread, 0)
    labeled = (soft > 0) | (hot == 0)  # a float target of 0 is background
    for ours, theirs in zip(with_gradient(function, logits, soft), expected):
        assert torch.equal(ours[labeled], theirs[labeled])
    plain = with_gradient(function, logits, index)
    for ours, theirs in zip(with_gradient(function, logits, index, quality=torch.ones_like(quality)), plain):
        assert torch.equal(ours, theirs)


@every_loss
def test_unused_qualities_have_no_effect(function: Callable[..., Tensor], seed: int) -> None:
    logits, index, quality = drawn(seed)
    index[1], index[2] = 255, 5
    clean = quality.clone()
    quality[1:3] = math.nan
    clean[1:3] = 0.5
    options = {"ignore_index": 255}
    expected = with_gradient(function, logits, index, quality=clean, **options)
    for ours, theirs in zip(with_gradient(function, logits, index, quality=quality, **options), expected):
        assert torch.equal(ours, theirs)
        assert not ours[1].any()
    with detloss.validating():
        function(logits, index, quality=quality, **options)


@every_loss
def test_a_quality_that_is_nan_makes_its_entry_nan(function: Callable[..., Tensor], seed: int) -> None:
    logits, index, quality = drawn(seed)
    quality[3, 0] = math.nan
    for result in with_gradient(function, logits, index, quality=quality):
        assert result.isnan().nonzero().tolist() == [[3, 0, 2]]
    soft = torch.rand_like(logits)
    soft[1, 2, 3] = math.nan
    for result in with_gradient(function, logits, soft):
        assert result.isnan().nonzero().tolist() == [[1, 2, 3]]


@every_loss
@pytest.mark.parametrize("size", [1, 2, 80])
def test_strides_of_the_quality(function: Callable[..., Tensor], size: int, seed: int) -> None:
    torch.manual_seed(seed)
    logits = torch.randn(3, 700, size, requires_grad=True)
    index, quality = torch.randint(0, size + 1, (3, 700)), torch.rand(700, 3)
    expected = with_gradient(function, logits, index, quality=quality.t().contiguous())
    for other in (quality.t(), quality.t().double(), torch.stack([quality.t()] * 2, -1)[..., 1]):
        for ours, theirs in zip(with_gradient(function, logits, index, quality=other), expected):
            assert torch.equal(ours, theirs)


def test_quality_one_is_a_hard_label(seed: int) -> None:
    logits, index, _ = drawn(seed)
    for gamma in (0.0, 1.5, 2.0):
        focal = with_gradient(detloss.sigmoid_focal_loss, logits, index, alpha=None, gamma=gamma)
        qfl = with_gradient(detloss.quality_focal_loss, logits, index, beta=gamma)
        asymmetric = partial(detloss.asymmetric_loss, positive_gamma=gamma, negative_gamma=gamma, margin=0.0)
        for other in (qfl, with_gradient(asymmetric, logits, index)):
            torch.testing.assert_close(other, focal, rtol=1e-12, atol=0)
        heatmap = with_gradient(detloss.heatmap_focal_loss, logits, index, alpha=gamma)
        torch.testing.assert_close(heatmap, focal, rtol=1e-12, atol=0)
    bce = with_gradient(detloss.binary_cross_entropy_loss, logits, index)
    for plain in (
        partial(detloss.quality_focal_loss, beta=0.0),
        partial(detloss.varifocal_loss, alpha=1.0, gamma=0.0),
        partial(detloss.matchability_aware_loss, gamma=0.0),
        partial(detloss.iou_aware_cross_entropy_loss, alpha=0.0, gamma=0.0),
        partial(detloss.asymmetric_loss, negative_gamma=0.0, margin=0.0),
    ):
        torch.testing.assert_close(with_gradient(plain, logits, index), bce, rtol=1e-12, atol=0)


def test_negatives_do_not_depend_on_the_kind_of_positives(seed: int) -> None:
    logits, index, quality = drawn(seed)
    negative = functional.one_hot(index, 6)[..., :5] == 0
    held = with_gradient(HELD, logits, index, quality=quality, alpha=0.5, gamma=1.5)
    mal = with_gradient(detloss.matchability_aware_loss, logits, index, quality=quality, alpha=0.5, gamma=1.5)
    attached = with_gradient(detloss.varifocal_loss, logits, index, quality=quality, alpha=1.0)
    aware = with_gradient(detloss.iou_aware_cross_entropy_loss, logits, index, quality=quality)
    for one, other in zip((*held, *attached), (*mal, *aware)):
        torch.testing.assert_close(one[negative], other[negative], rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("function", "logit", "target", "quality", "value", "slope"),
    [
        (detloss.quality_focal_loss, 0.0, 1, 0.8, 0.0623832462504, -0.130972077084),
        (detloss.quality_focal_loss, 1.0, 1, 0.8, 0.00243949152453, -0.0142418957219),
        (detloss.varifocal_loss, 1.0, 1, 0.8, 0.410609350015, -0.055153137096),
        (detloss.varifocal_loss, 0.0, 1, 0.0, 0.129965096355, 0.223715096355),
        (HELD, 1.0, 0, 0.0, 0.526401227559, 0.293033853698),
        (detloss.matchability_aware_loss, 0.0, 1, 0.05, 0.693147180560, 0.488819660113),
        (detloss.matchability_aware_loss, 1.0, 1, 0.8, 0.597719934718, 0.0155168258301),
        (detloss.matchability_aware_loss, 1.0, 0, 0.0, 0.820879747705, 0.456962376415),
        (detloss.matchability_aware_loss, 0.0, 1, 0.0, 0.693147180560, 0.5),
        (detloss.iou_aware_cross_entropy_loss, 1.0, 1, 0.8, 0.531083798986, -0.0511193099019),
        (detloss.iou_aware_cross_entropy_loss, 0.0, 1, 0.0, 0.693147180560, 0.49),
        (detloss.iou_aware_cross_entropy_loss, 1.0, 0, 0.0, 0.701868303411, 0.768234723199),
    ],
)
def test_published_definitions(
    function: Callable[..., Tensor], logit: float, target: int, quality: float, value: float, slope: float
) -> None:
    x, q = torch.tensor([logit], dtype=torch.float64, requires_grad=True), torch.tensor([quality], dtype=torch.float64)
    loss, gradient = with_gradient(function, x, torch.tensor([target]), quality=q)
    assert loss.item() == pytest.approx(value, rel=1e-11)
    assert gradient.item() == pytest.approx(slope, rel=1e-11)


@every_loss
def test_infinite_logits(function: Callable[..., Tensor]) -> None:
    logits = torch.tensor([math.inf, -math.inf], dtype=torch.float64, requires_grad=True)
    for quality in (0.0, 0.3, 1.0):
        given = torch.full((2,), quality, dtype=torch.float64)
        loss, gradient = with_gradient(function, logits, torch.ones(2), quality=given)
        assert not loss.isnan().any()
        assert gradient.isfinite().all()
    loss, gradient = with_gradient(function, logits, torch.zeros(2))
    assert loss.tolist() == [math.inf, 0.0]
    assert gradient[0] > 0
    assert gradient[1] == 0


def test_the_asymmetric_loss_is_exact_at_its_margin() -> None:
    for margin in (0.05, 0.5, 0.9):
        threshold = math.log(margin / (1 - margin))
        logits = torch.tensor([threshold - 1e-3, threshold + 1e-3], dtype=torch.float64, requires_grad=True)
        loss, gradient = with_gradient(
            detloss.asymmetric_loss, logits, torch.zeros(2), margin=margin, negative_gamma=1.0
        )
        assert (loss[0], gradient[0]) == (0, 0)
        excess = margin * (1 - margin) * 1e-3
        assert loss[1].item() == pytest.approx(excess**2, rel=2e-3)
    tiny = torch.tensor([1e-20], requires_grad=True)
    loss, _ = with_gradient(detloss.asymmetric_loss, tiny, torch.zeros(1), margin=0.5, negative_gamma=0.0)
    assert loss.item() == pytest.approx(2.5e-21, rel=1e-6, abs=0.0)  # p - 1/2 is a fourth of the logit


def test_a_quality_near_one_keeps_its_digits() -> None:
    x, q = (
        torch.tensor([60.0], dtype=torch.float64, requires_grad=True),
        torch.tensor([1 - 2**-40], dtype=torch.float64),
    )
    for power in (1.5, 1.7, 2.0):
        missing = -math.expm1(power * math.log1p(-(2**-40)))
        loss, gradient = with_gradient(detloss.matchability_aware_loss, x, torch.tensor([1.0]), quality=q, gamma=power)
        assert loss.item() == pytest.approx(missing * 60 + math.exp(-60), rel=1e-13, abs=0.0)
        assert gradient.item() == pytest.approx(missing - math.exp(-60), rel=1e-13, abs=0.0)


def test_poly_adds_a_multiple_of_one_minus_the_probability(seed: int) -> None:
    logits, _, _ = drawn(seed)
    target = torch.rand(logits.shape, dtype=torch.float64)
    missed = target * (-logits).sigmoid() + (1 - target) * logits.sigmoid()
    balance = 0.3 * target + 0.7 * (1 - target)
    for poly in (-1.0, 0.5, 2.0):
        for function, options, added in (
            (detloss.binary_cross_entropy_loss, {}, missed),
            (detloss.balanced_cross_entropy_loss, {"alpha": 0.3}, balance * missed),
            (detloss.sigmoid_focal_loss, {"alpha": 0.3, "gamma": 1.5}, balance * missed**2.5),
        ):
            plain = with_gradient(function, logits, target, **options)
            gradient = torch.autograd.grad(added.sum(), logits, retain_graph=True)[0]
            expected = [plain[0] + poly * added.detach(), plain[1] + poly * gradient]
            result = with_gradient(function, logits, target, **options, poly=poly)
            torch.testing.assert_close(result, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda z, t, q: detloss.quality_focal_loss(z, t, quality=q.requires_grad_()),
            ValueError,
            "quality: expected a constant, got a tensor that requires grad (try quality.detach())",
        ),
        (
            lambda z, t, q: detloss.varifocal_loss(z, torch.rand(3, 2, requires_grad=True)),
            ValueError,
            "target: expected a constant, got a tensor that requires grad (try target.detach())",
        ),
        (
            lambda z, t, q: detloss.asymmetric_loss(z, torch.rand(3, 2, requires_grad=True)),
            ValueError,
            "target: expected a constant, got a tensor that requires grad (try target.detach())",
        ),
        (
            lambda z, t, q: detloss.matchability_aware_loss(z, t, quality=q[:, None].expand(3, 2)),
            ValueError,
            "quality: expected shape (3,) (same as target), got (3, 2)",
        ),
        (
            lambda z, t, q: detloss.iou_aware_cross_entropy_loss(z, t, quality=[0.5, 0.5, 0.5]),
            TypeError,
            "quality: expected a tensor, got list (try torch.tensor(quality))",
        ),
        (
            lambda z, t, q: detloss.quality_focal_loss(z, t, quality=t),
            TypeError,
            "quality: expected a floating dtype, got torch.int64 (try quality.to(torch.float32))",
        ),
        (
            lambda z, t, q: detloss.quality_focal_loss(z, t, quality=q.to("meta")),
            ValueError,
            "quality: expected device cpu (same as logits), got meta",
        ),
        (
            lambda z, t, q: detloss.heatmap_focal_loss(z, t, peak=1.5),
            ValueError,
            "peak: expected a finite number in [0, 1], got 1.5",
        ),
        (
            lambda z, t, q: detloss.binary_cross_entropy_loss(z, t, poly=-2),
            ValueError,
            "poly: expected a finite number of at least -1, got -2",
        ),
        (
            lambda z, t, q: detloss.VarifocalLoss(quality=q),
            TypeError,
            "VarifocalLoss: expected options among alpha, gamma, hold_focus, ignore_index, reduction, got quality; "
            "quality is given at the call",
        ),
        (
            lambda z, t, q: detloss.SigmoidFocalLoss()(z, t, quality=q),
            TypeError,
            "SigmoidFocalLoss: expected arguments among logits, target, weight, normalizer, got quality",
        ),
    ],
)
def test_messages(call: Callable[..., Tensor], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        call(torch.zeros(3, 2), torch.tensor([0, 1, 2]), torch.full((3,), 0.5))
    assert str(raised.value) == message


def test_validating_reports_a_quality_outside_its_range() -> None:
    logits, quality = torch.zeros(3, 2), torch.tensor([0.5, 1.5, -7.0])
    message = r"^varifocal_loss: quality\[1\]: expected values in \[0, 1\], got 1.5$"
    with detloss.validating(), pytest.raises(ValueError, match=message):
        detloss.varifocal_loss(logits, torch.tensor([0, 1, 2]), quality=quality)


@every_loss
def test_a_module_takes_the_quality_at_the_call(function: Callable[..., Tensor], seed: int) -> None:
    logits, index, quality = drawn(seed)
    options = function.keywords if isinstance(function, partial) else {}
    plain = function.func if isinstance(function, partial) else function
    module = next(loss.module for loss in QUALITY if loss.function is plain)(**options, reduction="sum")
    assert torch.equal(
        module(logits, index, quality=quality), function(logits, index, quality=quality, reduction="sum")
    )
