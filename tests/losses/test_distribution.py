"""Distribution focal loss: published values, values at and outside of the bins, constants, errors."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detloss
from detloss.auditing.definitions import bin_definitions as distributions
from detloss.kernels import AVAILABLE

ROW = torch.tensor([[0.0, 1.0, 2.0, 0.0]], dtype=torch.float64)


@pytest.fixture(params=AVAILABLE["cpu"], autouse=True)
def backend(request: pytest.FixtureRequest) -> None:
    with detloss.use_backend(request.param):
        yield


def test_published_values() -> None:
    logits = ROW.clone().requires_grad_()
    loss = detloss.distribution_focal_loss(logits, torch.tensor([1.25]))
    assert loss.item() == pytest.approx(1.24381170907, abs=1e-11)
    (gradient,) = torch.autograd.grad(loss, logits)
    published = [0.0825945394435, -0.525484764301, 0.360295685414, 0.0825945394435]
    assert gradient[0].tolist() == pytest.approx(published, abs=1e-12)
    excess = detloss.distribution_focal_loss(ROW, torch.tensor([1.25]), excess=True)
    assert excess.item() == pytest.approx(1.24381170907 - 0.562335144619, abs=1e-11)
    assert detloss.distribution_focal_loss(ROW, torch.tensor([3])).item() == pytest.approx(2.49381170907, abs=1e-11)


@pytest.mark.parametrize("value", [-2.0, 0.0, 0.3, 1.0, 2.999, 3.0, 7.0])
@pytest.mark.parametrize("excess", [False, True])
@pytest.mark.parametrize("bins", [None, [-1.5, 0.0, 0.25, 2.0]])
def test_definition(value: float, excess: bool, bins: list[float] | None) -> None:
    ours = detloss.distribution_focal_loss(ROW, torch.tensor([value], dtype=torch.float64), bins=bins, excess=excess)
    theirs = distributions.distribution_focal(ROW[0].tolist(), value, bins, excess)
    assert ours.item() == pytest.approx(float(theirs), rel=1e-14, abs=1e-15)


def test_a_perfect_prediction_has_no_excess() -> None:
    value = torch.tensor([0.25, 1.0, 2.5])
    shares = torch.tensor([[0.75, 0.25, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
    logits = shares.log().requires_grad_()
    loss = detloss.distribution_focal_loss(logits, value, excess=True, reduction="none")
    torch.testing.assert_close(loss, torch.zeros(3), rtol=0.0, atol=2e-7)
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    torch.testing.assert_close(gradient, torch.zeros(3, 4), rtol=0.0, atol=2e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.uint8], ids=str)
def test_dtypes_of_values(dtype: torch.dtype, seed: int) -> None:
    logits = torch.randn(5, 17, generator=torch.Generator().manual_seed(seed))
    value = torch.tensor([0, 3, 7, 15, 16]).to(dtype)
    ours = detloss.distribution_focal_loss(logits, value, reduction="none")
    theirs = torch.nn.functional.cross_entropy(logits.double(), value.long(), reduction="none")
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-6, atol=0.0)
    assert ours.dtype == logits.dtype


def test_not_a_number_and_weights() -> None:
    logits = torch.zeros(4, 3, requires_grad=True)
    value = torch.tensor([math.nan, 0.5, math.inf, math.nan])
    loss = detloss.distribution_focal_loss(logits, value, weight=torch.tensor([1.0, 2.0, 1.0, 0.0]), reduction="none")
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    assert loss[0].isnan()
    assert gradient[0].isnan().all()
    assert loss[1:].tolist() == pytest.approx([2 * math.log(3), math.log(3), 0.0])
    assert gradient[3].tolist() == [0.0, 0.0, 0.0]


def test_second_derivatives(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, 5, dtype=torch.float64, generator=generator).requires_grad_()
    value = 4 * torch.rand(6, dtype=torch.float64, generator=generator)

    def call(logits: Tensor) -> Tensor:
        return detloss.distribution_focal_loss(logits, value, reduction="none")

    assert torch.autograd.gradcheck(call, (logits,))
    assert torch.autograd.gradgradcheck(call, (logits,))


@pytest.mark.parametrize(("count", "up", "scale"), [(32, 0.5, 4.0), (32, 0.5, 8.0), (4, 0.1, 1.0)])
def test_fine_grained_bins(count: int, up: float, scale: float) -> None:
    ours, theirs = detloss.fine_grained_bins(count, up, scale), distributions.fine_grained_bins(count, up, scale)
    assert ours.tolist() == pytest.approx([float(each) for each in theirs], rel=1e-7)
    assert ours[count // 2] == 0


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda loss: loss(ROW, torch.zeros(2)),
            ValueError,
            "value: expected shape (1,) for logits (1, 4), got (2,)",
        ),
        (lambda loss: loss(ROW, torch.zeros(1) > 0), TypeError, "value: expected a real dtype, got torch.bool"),
        (
            lambda loss: loss(ROW, torch.zeros(1, requires_grad=True)),
            ValueError,
            "value: expected a constant, got a tensor that requires grad (try value.detach())",
        ),
        (
            lambda loss: loss(torch.zeros(2, 1), torch.zeros(2)),
            ValueError,
            "logits: expected (..., n + 1) with at least two bins, got (2, 1)",
        ),
        (
            lambda loss: loss(ROW, torch.zeros(1), bins=3),
            TypeError,
            "bins: expected None or one value per bin, got int",
        ),
        (
            lambda loss: loss(ROW, torch.zeros(1), bins=[0.0, 1.0, 2.0]),
            ValueError,
            "bins: expected shape (4,), one value per bin, got (3,)",
        ),
        (
            lambda loss: loss(ROW, torch.zeros(1), bins=[0.0, 2.0, 1.0, 3.0]),
            ValueError,
            "bins: expected strictly increasing finite values, got 2 before 1",
        ),
        (
            lambda loss: loss(ROW, torch.zeros(1), bins=torch.zeros(4, requires_grad=True)),
            ValueError,
            "bins: expected a constant, got a tensor that requires grad (try bins.detach())",
        ),
        (lambda loss: loss(ROW, torch.zeros(1), excess=1), TypeError, "excess: expected True or False, got int"),
        (
            lambda loss: detloss.fine_grained_bins(5),
            ValueError,
            "count: expected an even number of at least 4, got 5",
        ),
        (
            lambda loss: detloss.fine_grained_bins(8, 0.0),
            ValueError,
            "up, scale: expected positive numbers, got 0.0 and 4.0",
        ),
    ],
)
def test_errors(call: Callable[..., object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        call(detloss.distribution_focal_loss)
    assert str(error.value) == message
