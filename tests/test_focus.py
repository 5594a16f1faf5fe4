"""Focusing weights: values of their definitions, degenerate cases, and the running mean of WiseFocus on two ranks."""

import math
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from mpmath import mpf
from torch import Tensor

import detloss
from detloss.auditing.definitions import weight_definitions as definitions
from detloss.auditing.oracle.ulp import value_error
from tests.support.distributed import on_two_ranks

NAN, INFINITY = math.nan, math.inf


def ulps(weights: Tensor, exact: list[mpf]) -> float:
    """The largest error in ulps."""
    return max(value_error(got, truth, weights.dtype) for got, truth in zip(weights.tolist(), exact, strict=True))


def test_published_values() -> None:
    """The pair that the papers' formulas were computed for by hand: IoU 3/17, mean edge offset 3/8."""
    pred, target = (torch.tensor([row], dtype=torch.float64) for row in ([0, 0, 4, 2], [1, 1, 5, 4]))
    piou = 0.9547143555018627
    assert piou * detloss.powerful_focus(pred, target).item() == pytest.approx(1.151809278344227, rel=1e-14)
    eiou = 0.9652977044476327
    assert eiou * detloss.iou_focus(detloss.iou(pred, target)).item() == pytest.approx(0.4055061452087928, rel=1e-14)
    wiou = 0.8914662305490912
    for version, expected in ((2, 1.144088055174060), (3, 1.166352907901629)):
        focus = detloss.WiseFocus(version=version).double().eval()
        focus.running.fill_(0.5)
        weight = focus(detloss.iou_loss(pred, target, reduction="none")).item()
        assert wiou * weight == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_weights_are_those_of_their_definitions(dtype: torch.dtype, seed: int) -> None:
    rng = Random(seed)
    numbers = torch.tensor([0.0, 1.0, *[rng.random() for _ in range(60)]], dtype=dtype)
    given = numbers.tolist()
    for gamma in (0.0, 0.5, 2.0):
        assert ulps(detloss.iou_focus(numbers, gamma), [definitions.iou_focus(x, gamma) for x in given]) <= 2
    for mean in (0.05, 0.2, 0.437, 0.9):  # below, at and above the least threshold
        for given_mean in (mean, torch.tensor([mean], dtype=torch.float64)):
            exact = [definitions.slide_weight(x, mean) for x in given]
            assert ulps(detloss.slide_weight(numbers, given_mean), exact) <= 3
    for options in ({"version": 2}, {"version": 3}, {"version": 3, "alpha": 1.7, "delta": 2.7}):
        focus = detloss.WiseFocus(**options).to(dtype).eval()
        for mean in (0.25, 1.0, 3.0):
            focus.running.fill_(mean)
            exact = [definitions.wise_focus(x, mean, **options) for x in given]
            assert ulps(focus(numbers), exact) <= 8


@pytest.mark.parametrize("form", ["xyxy", "xywh", "cxcywh", "ltrb"])
def test_powerful_focus_is_its_definition_in_every_format(form: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    corners, sides = torch.rand(2, 2, 30, 2, generator=generator, dtype=torch.float64)
    sides += 0.3
    low, high = corners - 0.5, corners - 0.5 + sides
    rows = {"xyxy": (low, high), "xywh": (low, sides), "cxcywh": (low + sides / 2, sides), "ltrb": (-low, high)}[form]
    pred, target = torch.cat(rows, -1)
    exact = [definitions.powerful_focus(p, t, 1.1) for p, t in zip(*torch.cat([low, high], -1).tolist())]
    weights = detloss.powerful_focus(pred, target, 1.1, geometry=detloss.AxisAligned(form))
    torch.testing.assert_close(
        weights, torch.tensor([float(each) for each in exact], dtype=torch.float64), rtol=1e-11, atol=0
    )


def test_slide_weight_on_both_sides_of_its_steps() -> None:
    step, threshold = 0.5 - 0.1, 0.5
    ious = torch.tensor([step - 1e-9, step + 1e-9, threshold - 1e-9, threshold + 1e-9], dtype=torch.float64)
    expected = torch.tensor([1.0, math.exp(0.5), math.exp(0.5), math.exp(0.5)], dtype=torch.float64)
    torch.testing.assert_close(detloss.slide_weight(ious, 0.5), expected, rtol=1e-8, atol=0)
    assert detloss.slide_weight(torch.tensor([NAN]), 0.5).isnan().all()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ([0.0, 0.0, 2.0, 2.0], 3 * 1.3 * math.exp(-(1.3**2))),  # identical
        ([0.0, 0.0, 0.0, 2.0], 0.0),  # without width, and another edge elsewhere
        ([2.0, 2.0, 0.0, 0.0], 0.0),  # inverted
        ([0.0, NAN, 2.0, 2.0], NAN),
    ],
)
def test_degenerate_targets(target: list[float], expected: float) -> None:
    weight = detloss.powerful_focus(torch.tensor([0.0, 0.0, 2.0, 2.0]), torch.tensor(target))
    torch.testing.assert_close(weight, torch.tensor(expected), equal_nan=True)
    flat = torch.tensor([1.0, 0.0, 1.0, 2.0])
    torch.testing.assert_close(detloss.powerful_focus(flat, flat).item(), 3 * 1.3 * math.exp(-(1.3**2)))


@pytest.mark.parametrize(
    "weight",
    [
        lambda x: detloss.iou_focus(x),
        lambda x: detloss.slide_weight(x, x.mean()),
        lambda x: detloss.WiseFocus()(x),
        lambda x: detloss.powerful_focus(
            torch.stack([x, x, x + 1, x + 1], -1), torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 3)
        ),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_weights_have_no_gradient_and_the_dtype_of_their_input(
    weight: Callable[..., Tensor], dtype: torch.dtype
) -> None:
    given = torch.tensor([0.1, 0.5, 0.9], dtype=dtype, requires_grad=True)
    weights = weight(given)
    assert (weights.dtype, weights.shape, weights.requires_grad) == (dtype, given.shape, False)


def test_the_running_mean_is_its_definition(seed: int) -> None:
    rng, focus = Random(seed), detloss.WiseFocus(momentum=0.75)
    mean = 1.0
    for count in (3, 1, 0, 20):
        losses = [rng.random() for _ in range(count)]
        focus(torch.tensor(losses, dtype=torch.float64))
        mean = definitions.running_mean(mean, losses, 0.75)
        assert focus.running.item() == pytest.approx(float(mean), rel=1e-6)


def test_the_mean_is_updated_before_its_use() -> None:
    focus = detloss.WiseFocus(version=2, momentum=0.0)
    assert focus(torch.tensor([4.0, 4.0])).tolist() == [1.0, 1.0]


def test_calls_that_leave_the_mean_unchanged() -> None:
    focus = detloss.WiseFocus(version=2, momentum=0.5)
    focus(torch.tensor([2.0]))
    before = focus.running.clone()
    for losses in ([], [NAN], [1.0, INFINITY], [INFINITY, -INFINITY]):
        focus(torch.tensor(losses))
        assert torch.equal(focus.running, before), losses
    focus.eval()(torch.tensor([9.0]))
    assert torch.equal(focus.running, before)
    other = detloss.WiseFocus(version=2)
    other.load_state_dict(focus.state_dict())
    assert torch.equal(other.running, before)
    assert list(focus.state_dict()) == ["running"]


@pytest.mark.parametrize("version", [2, 3])
def test_a_mean_of_zero_gives_weights_of_zero(version: int) -> None:
    focus = detloss.WiseFocus(version=version, momentum=0.0)
    assert focus(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def work(rank: int) -> dict[str, Any]:
    """Two steps of unequal batches, one of which is empty on the first rank, and one with a loss that is not finite."""
    focus = detloss.WiseFocus(version=2, momentum=0.5)
    batches = [[1.0], [2.0, 3.0]], [[], [4.0]], [[1.0], [NAN]], [[], []]
    means = []
    for batch in batches:
        focus(torch.tensor(batch[rank]))
        means.append(focus.running.item())
    focus.eval()
    if rank == 0:
        focus(torch.tensor([5.0]))  # without communication
    return {"means": means, "weight": focus(torch.tensor([2.75]))}


def test_two_processes_have_the_mean_of_all_losses(tmp_path: Path) -> None:
    for result in on_two_ranks(work, folder=tmp_path):
        assert result["means"] == [1.5, 2.75, 2.75, 2.75]  # (1 + 6 / 3) / 2, (1.5 + 4) / 2
        assert result["weight"].item() == 1.0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: detloss.WiseFocus(version=1), ValueError, "version: expected 2 or 3, got 1"),
        (
            lambda: detloss.WiseFocus(alpha=0.9),
            ValueError,
            "alpha: expected a finite number of at least 1, got 0.9",
        ),
        (lambda: detloss.WiseFocus(delta=0), ValueError, "delta: expected more than 0, got 0"),
        (lambda: detloss.WiseFocus(momentum=1.0), ValueError, "momentum: expected in [0, 1), got 1.0"),
        (lambda: detloss.WiseFocus(momentum=None), TypeError, "momentum: expected a number, got NoneType"),
        (lambda: detloss.WiseFocus()(1.0), TypeError, "loss: expected a tensor, got float"),
        (
            lambda: detloss.iou_focus(torch.ones(2), -1.0),
            ValueError,
            "gamma: expected a finite number of at least 0, got -1.0",
        ),
        (
            lambda: detloss.slide_weight(torch.ones(2), 1.5),
            ValueError,
            "mean_iou: expected a finite number in [0, 1], got 1.5",
        ),
        (
            lambda: detloss.slide_weight(torch.ones(2), torch.ones(2)),
            ValueError,
            "mean_iou: expected one number, got a tensor of shape (2,)",
        ),
        (
            lambda: detloss.powerful_focus(torch.ones(1, 4), torch.ones(1, 4), 0),
            ValueError,
            "lambda_: expected more than 0, got 0",
        ),
        (
            lambda: detloss.powerful_focus(torch.ones(1, 5), torch.ones(1, 5), geometry=detloss.Rotated()),
            TypeError,
            "geometry: expected AxisAligned, got Rotated()",
        ),
    ],
)
def test_messages(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message
