"""Launches of a loss: kernels, copies and waits, for sizes and layouts of every kind."""

from typing import Any

import pytest
import torch
from torch import Tensor
from triton.runtime.interpreter import InterpretedFunction

import detloss
from detloss.formulas import MODIFIED, elementwise, penalties, softmax
from detloss.geometry import AxisAligned, Polygon
from detloss.kernels import eager
from detloss.kernels import triton as backend
from detloss.kernels.interface import (
    BinaryRequest,
    BoxRequest,
    Call,
    ConvexRequest,
    ElementwiseRequest,
    Request,
    SoftmaxRequest,
)
from detloss.kernels.triton import launch
from detloss.kernels.triton.launch import columns_of, strided
from tests.support.marks import exhaustive_except

GIOU = BoxRequest(penalties.generalized_iou, AxisAligned(), measure=False)
SMOOTH_L1 = ElementwiseRequest(elementwise.smooth_l1)
FOCAL = BinaryRequest(elementwise.sigmoid_focal, 3, 0.0)
CE = SoftmaxRequest(softmax.cross_entropy, -100, 0.0)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels that are launched, in their order."""
    names: list[str] = []
    run = InterpretedFunction.run

    def noted(kernel: InterpretedFunction, *operands: Any, **options: Any) -> None:
        names.append(kernel.fn.__name__)
        run(kernel, *operands, **options)

    monkeypatch.setattr(InterpretedFunction, "run", noted)
    return names


def logits(rows: int, classes: int) -> tuple[Tensor, Tensor]:
    return torch.randn(rows, classes, requires_grad=True), torch.randint(0, classes, (rows,))


def call(request: Request, pred: Tensor, target: Tensor, reduction: str = "mean") -> Call:
    return Call(pred, target, None, None, (), request, reduction)


def agree(
    request: Request, pred: Tensor, target: Tensor, *parameters: float | Tensor, weight: Tensor | None = None
) -> None:
    """All reductions, and both gradients where there are two, as the reference has them in float64."""
    soft = target.is_floating_point()
    for reduction, normalizer in (("none", None), ("sum", None), ("mean", None), ("mean", torch.tensor(7.5))):
        given = Call(pred, target, weight, normalizer, parameters, request, reduction)
        exact = given._replace(pred=pred.double(), target=target.double() if soft else target)
        for ours, truth in zip(launch.evaluate(given, True, soft)[:3], eager.evaluate(exact, True, soft)[:3]):
            if truth is not None:
                torch.testing.assert_close(ours.double(), truth, rtol=2e-5, atol=1e-6)


def test_every_loss_is_served() -> None:
    assert detloss.backends()["cpu"] == "triton"
    numbers = torch.zeros(4, 6)
    modified = [(dims, each) for dims in (1, 2, 3) for each in MODIFIED[penalties.distance_iou]]
    for dims, penalty in ((2, penalties.complete_iou), (3, penalties.iou), (1, penalties.log_iou), *modified):
        request = BoxRequest(penalty, AxisAligned(dims=dims), False)
        assert backend.kernel_for(call(request, numbers, numbers)) is launch
    for request in (SMOOTH_L1, FOCAL, CE):
        assert backend.kernel_for(call(request, numbers, numbers)) is launch


def test_calls_without_a_kernel() -> None:
    numbers = torch.zeros(4, 8)
    assert backend.kernel_for(call(SMOOTH_L1, numbers[:0], numbers[:0])) is None
    for request in (
        BoxRequest(penalties.iou, AxisAligned(dims=4), False),
        BoxRequest(penalties.complete_iou, AxisAligned(dims=3), False),
        BoxRequest(penalties.efficient_iou, AxisAligned(dims=3), False),
        ConvexRequest(penalties.iou, (Polygon(), Polygon()), None, False),
        ElementwiseRequest(penalties.iou),
        BinaryRequest(elementwise.l1, None, 0.0),
        SoftmaxRequest(elementwise.l2, 0, 0.0),
    ):
        assert backend.kernel_for(call(request, numbers, numbers)) is None


def test_at_most_three_launches_forward_and_backward(launched: list[str], seed: int) -> None:
    torch.manual_seed(seed)
    boxes = torch.rand(2 * launch.PAIRS + 1, 4, requires_grad=True)
    scores, classes = logits(4 * launch.LOGITS_PER_WARP // 8 + 1, 8)
    for loss, options, kernel in (
        (detloss.generalized_iou_loss, {"pred": boxes, "target": boxes.detach()}, "pairs"),
        (detloss.smooth_l1_loss, {"pred": boxes, "target": boxes.detach(), "reduction": "sum"}, "elements"),
        (detloss.cross_entropy_loss, {"logits": scores, "target": classes}, "rows"),
        (detloss.sigmoid_focal_loss, {"logits": scores, "target": classes, "ignore_index": 3}, "elements"),
        (detloss.sigmoid_focal_loss, {"logits": scores, "target": classes, "normalizer": torch.tensor(3)}, "elements"),
    ):
        (2 * loss(**options)).backward()
        assert launched == ["prepare", kernel, "scale"]
        launched.clear()
    detloss.generalized_iou_loss(boxes, boxes.detach(), reduction="none").sum().backward()
    assert launched == ["pairs", "scale"]


def test_few_entries_are_one_launch(launched: list[str]) -> None:
    boxes = torch.rand(launch.PAIRS, 4)
    detloss.generalized_iou_loss(boxes, boxes)
    assert launched == ["pairs"]


def test_the_host_reads_no_value(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    torch.manual_seed(seed)
    scores, classes = logits(700, 5)

    def read(*_: object) -> None:
        raise AssertionError("the host waits for a value")

    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "nonzero", "cpu"):
        monkeypatch.setattr(Tensor, name, read)
    for request, parameters in ((FOCAL, (torch.rand(5), torch.rand(5), 2.0)), (CE, (torch.rand(5),))):
        weight, normalizer = torch.rand(700, 1)[:, 0] if request is CE else torch.tensor(0.5), torch.tensor(3.0)
        for divisor in (None, normalizer):
            given = Call(scores, classes, weight, divisor, parameters, request, "mean")
            result = launch.evaluate(given, True, False)
            launch.scaled(result.d_pred, result.value, result.d_pred.dtype)


def test_numbers_of_the_host_go_to_the_device() -> None:
    elsewhere = torch.empty(3, device="meta")
    assert launch.scalar(0.25, elsewhere) == (0.25, None)
    assert launch.scalar(torch.tensor(0.3, dtype=torch.float64), elsewhere) == (0.3, None)
    _, memory = launch.scalar(torch.tensor([0.1, 0.2, 0.3]), elsewhere)
    assert (memory.device, memory.shape) == (elsewhere.device, (3,))
    here = torch.tensor(0.3)
    assert launch.scalar(here, torch.empty(3)).memory is here


def test_gradients_that_are_not_needed_are_not_computed() -> None:
    given = call(GIOU, torch.rand(5, 4), torch.rand(5, 4), "none")
    value, d_pred, d_target, _ = launch.evaluate(given, False, False)
    assert (value.shape, d_pred, d_target) == ((5,), None, None)
    _, d_pred, d_target, _ = launch.evaluate(given, False, True)
    assert d_pred is None
    assert d_target.shape == (5, 4)


@pytest.mark.parametrize(
    "count",
    exhaustive_except(
        [1, 7, launch.PAIRS - 1, launch.PAIRS, launch.PAIRS + 1], lambda count: count in (7, launch.PAIRS + 1)
    ),
)
def test_numbers_of_pairs(count: int, seed: int) -> None:
    torch.manual_seed(seed)
    pred, target = torch.rand(2, count, 4)
    agree(GIOU, pred, target + 0.1)


@pytest.mark.parametrize("count", [1, 7, launch.ELEMENTS - 1, launch.ELEMENTS, launch.ELEMENTS + 1])
def test_numbers_of_elements(count: int, seed: int) -> None:
    torch.manual_seed(seed)
    agree(SMOOTH_L1, *torch.randn(2, count), 0.7)


@pytest.mark.parametrize(
    "classes",
    exhaustive_except(
        [1, 2, 7, 16, 81, 1000, launch.LARGEST_TILE, launch.LARGEST_TILE + 1, 9001],
        lambda classes: classes in (1, 7),
    ),
)
def test_numbers_of_classes(classes: int, seed: int) -> None:
    torch.manual_seed(seed)
    scores, labels = logits(1 + 40 // classes, classes)
    scores, weight = 4 * scores.detach(), torch.rand(classes)
    agree(CE, scores, labels, weight)
    agree(SoftmaxRequest(softmax.cross_entropy, 0, 0.1), scores, labels, weight)
    agree(CE, scores, torch.rand_like(scores), 1.0)
    agree(SoftmaxRequest(softmax.softmax_focal, -100, 0.0), scores, labels, weight, 1.5)
    agree(FOCAL, scores, labels, weight, 1.0 - weight, 2.0)


@pytest.mark.exhaustive
def test_many_entries_are_few_programs(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    torch.manual_seed(seed)
    monkeypatch.setattr(launch, "PROGRAMS", 2)
    agree(SMOOTH_L1, *torch.randn(2, 5 * launch.ELEMENTS + 1), 0.7)
    agree(GIOU, *torch.rand(2, 7 * launch.PAIRS + 3, 4))
    scores, labels = logits(11 * launch.LOGITS_PER_WARP // 8 + 5, 8)
    agree(CE, scores.detach(), labels, 1.0)
    agree(CE, scores.detach(), scores.detach().softmax(-1), 1.0)


@pytest.mark.parametrize(
    "shape",
    [
        *((), (3, 1, 5), (3, 4, 1)),
        *(pytest.param(shape, marks=pytest.mark.exhaustive) for shape in ((1, 1, 1), (1, 4, 1), (3, 4, 5), (1, 4, 5))),
    ],
)
def test_weights_of_every_layout(shape: tuple[int, ...], seed: int) -> None:
    torch.manual_seed(seed)
    pred, target = torch.randn(2, 3, 4, 5)
    weight = torch.rand(shape).round()
    agree(SMOOTH_L1, pred, target, 0.7, weight=weight)
    agree(SMOOTH_L1, pred, target, 0.7, weight=weight.bool())
    agree(FOCAL, pred, torch.randint(0, 6, (3, 4)), 0.25, 0.75, 2.0, weight=weight)
    boxes, others = torch.rand(2, 3, 4, 5, 4)
    agree(GIOU, boxes, others, weight=weight)
    agree(CE, torch.randn(3, 4, 5, 6), torch.randint(0, 6, (3, 4, 5)), 1.0, weight=weight)


def test_expanded_boxes_are_not_copied(seed: int) -> None:
    torch.manual_seed(seed)
    rows, columns = torch.rand(5, 1, 4).expand(5, 7, 4), torch.rand(1, 7, 4).expand(5, 7, 4)
    count = columns_of((5, 7), rows, columns)
    assert count == 7
    for operand, steps in ((rows, (1, 0)), (columns, (0, 1))):
        tensor, *found = strided(operand, (5, 7), count, unit=4)
        assert tensor is operand
        assert tuple(found) == steps
    agree(BoxRequest(penalties.iou, AxisAligned(), measure=True), rows, columns)
    batch = torch.rand(2, 1, 7, 4).expand(2, 5, 7, 4)
    agree(GIOU, torch.rand(2, 5, 1, 4).expand(2, 5, 7, 4), batch)


def test_strides_that_are_no_rows_are_copied(seed: int) -> None:
    torch.manual_seed(seed)
    wide = torch.rand(4, 2, 9, 6)
    agree(GIOU, wide[..., 1:5], wide[..., 2:])
    agree(GIOU, wide[..., :4].transpose(0, 1), wide[..., 2:].transpose(0, 1))
    agree(SMOOTH_L1, wide.transpose(1, 2), wide.transpose(1, 2).flip(0), 0.5)
    agree(CE, wide.movedim(1, -1), torch.randint(0, 2, (4, 9, 6)), 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_upstream_gradient_of_one_copies_nothing(dtype: torch.dtype) -> None:
    derivative = torch.tensor([1.5, torch.nan, -torch.inf], dtype=dtype)
    for one in (torch.tensor(1.0), torch.tensor(1.0).expand(3)):
        assert launch.scaled(derivative, one, derivative.dtype) is derivative
        assert derivative.isnan().tolist() == [False, True, False]
    assert launch.scaled(derivative, torch.tensor(0.0), derivative.dtype).tolist() == [0.0, 0.0, 0.0]


def test_upstream_gradients(seed: int) -> None:
    torch.manual_seed(seed)
    derivative = torch.randn(300, 4)
    for upstream in (torch.tensor(2.5), torch.rand(300), torch.rand(300, 4), torch.rand(600)[::2]):
        expected = eager.scaled(derivative, upstream, derivative.dtype)
        assert torch.equal(launch.scaled(derivative.clone(), upstream, derivative.dtype), expected)


def test_long_sums_keep_their_digits(seed: int) -> None:
    torch.manual_seed(seed)
    pred = torch.rand(40 * launch.ELEMENTS + 3)
    each = (pred.double() - 2.0).abs()
    given = call(ElementwiseRequest(elementwise.l1), pred, torch.full_like(pred, 2.0), "sum")
    total, *_ = launch.evaluate(given, False, False)
    assert abs(total.double() - each.sum()) <= 2 * 2**-24 * each.sum()
    mean, *_ = launch.evaluate(given._replace(reduction="mean"), False, False)
    assert abs(mean.double() - each.mean()) <= 2 * 2**-24 * each.mean()


@pytest.mark.parametrize("kind", ["negated", "zeros without memory"])
def test_memory_that_torch_does_not_read_as_it_is(kind: str) -> None:
    def hidden(x: Tensor) -> Tensor:
        return torch._neg_view(-x) if kind == "negated" else torch._efficientzerotensor(x.shape, dtype=x.dtype)

    generator = torch.Generator().manual_seed(0)
    pred, target, weight, upstream = (hidden(torch.rand(6, 4, generator=generator) + 0.5) for _ in range(4))
    found = {}
    for name in ("triton", "eager"):
        leaf = pred.detach().requires_grad_()
        with detloss.use_backend(name):
            value = detloss.l1_loss(leaf, target, weight=weight, reduction="none")
            found[name] = value.detach(), *torch.autograd.grad(value, leaf, upstream)
    for ours, theirs in zip(found["triton"], found["eager"]):
        assert torch.equal(ours, theirs)
