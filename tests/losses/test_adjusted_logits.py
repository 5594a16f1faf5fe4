"""Offsets and margins of logits, and Poly-1, of the softmax losses: definitions, neutral values, errors."""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

import detloss
from detloss.auditing.definitions import softmax_definitions as definitions
from detloss.kernels import AVAILABLE

COUNTS = (900.0, 90.0, 10.0, 0.0)
LOSSES = {"ce": detloss.cross_entropy_loss, "focal": detloss.softmax_focal_loss}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


@pytest.fixture(params=AVAILABLE["cpu"], autouse=True)
def backend(request: pytest.FixtureRequest) -> None:
    with detloss.use_backend(request.param):
        yield


def operands(seed: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(9, 4, generator=generator, dtype=torch.float64)
    return logits.to(dtype).requires_grad_(), torch.randint(0, 4, (9,), generator=generator)


def results(loss: Callable[..., Tensor], logits: Tensor, target: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    value = loss(logits, target, reduction="none", **options)
    return value, torch.autograd.grad(value.sum(), logits)[0]


@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_neutral_options_have_the_bits_of_the_plain_loss(
    loss: Callable[..., Tensor], dtype: torch.dtype, seed: int
) -> None:
    plain = results(loss, *operands(seed, dtype))
    for options in ({"poly": 0.0}, {"logit_offset": [0.0] * 4}, {"margin": 0.0}, {"margin": [0.0] * 4}):
        for got, expected in zip(results(loss, *operands(seed, dtype), **options), plain, strict=True):
            assert torch.equal(got, expected), options


def test_values_of_the_definitions(seed: int) -> None:
    logits, target = operands(seed)
    offset, margin = detloss.logit_offset_from_counts(COUNTS).double(), detloss.margin_from_counts(COUNTS).double()
    given = {"logit_offset": offset.tolist(), "margin": margin.tolist()}
    for poly in (0.0, -1.0, 2.0):
        ours = detloss.softmax_focal_loss(
            logits, target, gamma=1.5, poly=poly, logit_offset=offset, margin=margin, reduction="none"
        )
        theirs = [
            float(definitions.softmax_focal(row, int(index), 1.5, poly, **given))
            for row, index in zip(logits.tolist(), target, strict=True)
        ]
        torch.testing.assert_close(ours, torch.tensor(theirs, dtype=torch.float64), rtol=1e-13, atol=0.0)


def test_published_values() -> None:
    row = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64)
    poly = detloss.cross_entropy_loss(row, torch.tensor([0]), poly=1.0)
    assert poly.item() == pytest.approx(0.74236500867, abs=1e-11)
    prior = torch.tensor([0.9, 0.09, 0.01], dtype=torch.float64).log()
    adjusted = detloss.cross_entropy_loss(torch.zeros_like(row), torch.tensor([2]), logit_offset=prior)
    assert adjusted.item() == pytest.approx(math.log(100), rel=1e-14)


def test_counts(backend: None) -> None:
    for tau in (0.0, 0.5, 1.0):
        ours = detloss.logit_offset_from_counts(COUNTS, tau)
        theirs = torch.tensor([float(each) for each in definitions.logit_offset_from_counts(COUNTS, tau)])
        torch.testing.assert_close(ours, theirs)
    margins = torch.tensor([float(each) for each in definitions.margin_from_counts(COUNTS, 0.3)])
    torch.testing.assert_close(detloss.margin_from_counts(torch.tensor(COUNTS), 0.3), margins)
    assert detloss.margin_from_counts([1000, 100, 10]).tolist() == pytest.approx([0.158113883, 0.2811706626, 0.5])


def test_a_common_offset_changes_nothing(seed: int) -> None:
    logits, target = operands(seed)
    expected = results(detloss.cross_entropy_loss, logits, target)
    for got, plain in zip(results(detloss.cross_entropy_loss, logits, target, logit_offset=[1.5] * 4), expected):
        torch.testing.assert_close(got, plain, rtol=1e-13, atol=1e-15)


def test_offsets_keep_the_digits_of_large_logits() -> None:
    """The sum of 80.1 and an offset has an error of 4e-6 in float32, and exp would amplify it to forty ulps."""
    logits = torch.tensor([[80.1, 0.3, -7.7]]).requires_grad_()
    offset = torch.tensor([-0.7, 3.3, 0.1])
    value, gradient = results(detloss.cross_entropy_loss, logits, torch.tensor([1]), logit_offset=offset)
    exact = (logits.detach().double() + offset.double()).requires_grad_()
    expected = -exact.log_softmax(-1)[:, 1]
    (by_logits,) = torch.autograd.grad(expected.sum(), exact)
    torch.testing.assert_close(value.double(), expected, rtol=3e-7, atol=0.0)
    torch.testing.assert_close(gradient.double()[:, [0, 2]], by_logits[:, [0, 2]], rtol=6e-7, atol=0.0)


def test_equal_sums_of_different_numbers() -> None:
    """Two logits whose rounded sums are equal, but not their exact ones, at which no class may count twice."""
    logits = torch.tensor([[1.0, 1.0 + 2.0**-23, 0.0]])
    offset = torch.tensor([2.0**23, 2.0**23, -1.0])
    value = detloss.cross_entropy_loss(logits, torch.tensor([0]), logit_offset=offset)
    assert value.item() == pytest.approx(math.log(2), rel=1e-6)


def test_soft_targets_and_label_smoothing(seed: int) -> None:
    logits, target = operands(seed)
    offset = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
    soft = torch.rand(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    p = (logits + offset).softmax(-1)
    expected = (soft * (-p.log() + 0.7 * (1 - p))).sum(-1)
    ours = results(detloss.cross_entropy_loss, logits, soft, logit_offset=offset, poly=0.7)
    torch.testing.assert_close(ours, (expected, torch.autograd.grad(expected.sum(), logits)[0]))

    chosen = torch.nn.functional.one_hot(target, 4)
    log_p = (logits + offset - 0.4 * chosen).log_softmax(-1)
    expected = -((0.9 * chosen + 0.1 / 4) * log_p).sum(-1)
    options = {"logit_offset": offset, "margin": 0.4, "label_smoothing": 0.1}
    ours = results(detloss.cross_entropy_loss, logits, target, **options)
    torch.testing.assert_close(ours, (expected, torch.autograd.grad(expected.sum(), logits)[0]))


@every_loss
def test_second_derivatives(loss: Callable[..., Tensor], seed: int) -> None:
    logits, target = operands(seed)

    def call(logits: Tensor) -> Tensor:
        return loss(logits, target, poly=0.5, logit_offset=[0.5, -1.0, 2.0, 0.0], margin=0.3, reduction="none")

    assert torch.autograd.gradcheck(call, (logits,))
    assert torch.autograd.gradgradcheck(call, (logits,))


def test_ignored_rows_and_infinite_logits() -> None:
    logits = torch.tensor([[0.0, 1.0], [-math.inf, 1.0], [math.inf, 1.0], [0.0, math.nan]])
    options = {"logit_offset": [1.0, -2.0], "margin": [0.5, 0.25], "reduction": "none"}
    value = detloss.cross_entropy_loss(logits, torch.tensor([-100, 0, 0, 1]), **options)
    assert value[:3].tolist() == [0.0, math.inf, 0.0]
    assert value[3].isnan()


def test_linear_layer(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features, weight = torch.randn(300, 8, generator=generator), torch.randn(2000, 8, generator=generator)
    target = torch.randint(0, 2000, (300,), generator=generator)
    options = {"logit_offset": torch.randn(2000, generator=generator), "margin": torch.rand(2000), "poly": -0.5}
    both = []
    for loss in (
        lambda x, w: detloss.linear_cross_entropy_loss(x, w, None, target, **options),
        lambda x, w: detloss.cross_entropy_loss(x @ w.mT, target, **options),
    ):
        x, w = features.clone().requires_grad_(), weight.clone().requires_grad_()
        value = loss(x, w)
        both.append((value, *torch.autograd.grad(value, (x, w))))
    torch.testing.assert_close(*both)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"poly": -1.5}, ValueError, "poly: expected a finite number of at least -1, got -1.5"),
        ({"poly": "1"}, TypeError, "poly: expected a number, got str"),
        ({"logit_offset": 1.0}, TypeError, "logit_offset: expected None or one value per class, got float"),
        (
            {"logit_offset": torch.zeros(3)},
            ValueError,
            "logit_offset: expected shape (4,), one value per class, got (3,)",
        ),
        (
            {"logit_offset": torch.tensor([0.0, math.inf, 0.0, 0.0])},
            ValueError,
            "logit_offset: expected values that are finite, got inf",
        ),
        ({"logit_offset": [0.0, math.nan, 0.0, 0.0]}, ValueError, "logit_offset[1]: expected a finite number, got nan"),
        (
            {"logit_offset": torch.zeros(4, requires_grad=True)},
            ValueError,
            "logit_offset: expected a constant, got a tensor that requires grad (try logit_offset.detach())",
        ),
        ({"margin": "1"}, TypeError, "margin: expected None, a number or one value per class, got str"),
        ({"margin": -1.0}, ValueError, "margin: expected a finite number of at least 0, got -1.0"),
        ({"margin": torch.tensor([0.0, -1, 0, 0])}, ValueError, "margin: expected values of at least 0, got -1.0"),
    ],
)
@every_loss
def test_errors(loss: Callable[..., Tensor], options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        loss(torch.zeros(2, 4), torch.tensor([0, 1]), **options)
    assert str(error.value) == message


def test_no_margin_of_soft_targets() -> None:
    with pytest.raises(
        ValueError, match="^margin: expected None with targets that are not class indices, got a value$"
    ):
        detloss.cross_entropy_loss(torch.zeros(2, 4), torch.zeros(2, 4), margin=0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: detloss.logit_offset_from_counts([]), "counts: expected one per class, (C,), got (0,)"),
        (lambda: detloss.logit_offset_from_counts([1, -1]), "counts: expected finite counts of at least 0, got -1"),
        (lambda: detloss.logit_offset_from_counts([1], -1), "tau: expected a finite number of at least 0, got -1"),
        (lambda: detloss.margin_from_counts([1], -1), "largest: expected a finite number of at least 0, got -1"),
    ],
)
def test_errors_of_counts(call: Callable[[], Sequence[float]], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
