"""Tensors whose memory differs from their values, or without memory: results are those of eager, and no wrong pointer is read."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

import detloss
from detloss import kernels
from detloss.formulas.elementwise import l1
from detloss.kernels import cpp
from detloss.kernels.interface import ElementwiseRequest
from tests.support.loss_table import TABLE, Row
from tests.support.marks import exhaustive_except

pytestmark = pytest.mark.skipif("cpp" not in kernels.AVAILABLE["cpu"], reason="installed without a C++ compiler")
every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)


def agree(loss: Callable[..., Tensor], *operands: Tensor, **options: object) -> None:
    """Value and gradients are those of eager."""
    found = []
    for backend in ("cpp", "eager"):
        with detloss.use_backend(backend):
            value = loss(*operands, **options)
            leaves = [operand for operand in operands if operand.requires_grad]
            found.append((value, *(torch.autograd.grad(value.sum(), leaves) if leaves else ())))
    for one, other in zip(*found):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def operands(row: Row, seed: int) -> list[Tensor]:
    return [operand.detach() for operand in row.inputs(seed, torch.float32)]


@every_loss
def test_every_loss_is_served(row: Row, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    evaluate = cpp.Plan.evaluate
    monkeypatch.setattr(cpp.Plan, "evaluate", lambda *given: calls.append(given) or evaluate(*given))
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        row(*row.inputs(seed, dtype)).backward()
    assert len(calls) == 4


@every_loss
def test_another_default_device(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    expected = row(pred, target)
    with torch.device("meta"):
        assert torch.equal(row(pred, target), expected)
        assert row(pred, target, reduction="none").is_cpu


@every_loss
def test_zeros_that_have_no_memory(row: Row, seed: int) -> None:
    pred, target = operands(row, seed)
    zeros = torch._efficientzerotensor(pred.shape)
    agree(row, zeros, target)
    agree(row, zeros.requires_grad_(), target)
    weight = torch._efficientzerotensor(pred.shape[:1] if row.per_row else pred.shape)
    assert row(pred, target, weight=weight) == 0
    agree(row, pred, torch._efficientzerotensor(target.shape, dtype=target.dtype))


@every_loss
def test_operands_that_torch_negates_on_reading(row: Row, seed: int) -> None:
    pred, target = operands(row, seed)
    other = torch._neg_view(-target)
    agree(row, torch._neg_view(-pred).requires_grad_(), other)
    agree(row, pred, other, weight=torch._neg_view(-torch.full(pred.shape[:1] if row.per_row else pred.shape, 0.5)))


def test_a_weight_on_another_device_is_an_error() -> None:
    with pytest.raises(ValueError, match="weight: expected device cpu .*, got meta"):
        detloss.l1_loss(torch.ones(3), torch.ones(3), weight=torch.tensor(2.0, device="meta"))


@every_loss
@pytest.mark.filterwarnings("ignore:.*not writable.*")
def test_memory_of_others(row: Row, seed: int) -> None:
    pred, target = operands(row, seed)
    array = pred.numpy().copy()
    array.flags.writeable = False
    agree(row, torch.from_numpy(array), target)
    agree(row, torch.from_numpy(np.asfortranarray(array)), target)
    agree(row, torch.frombuffer(array.tobytes(), dtype=torch.float32).view(pred.shape), target)
    assert np.array_equal(array, pred.numpy())


@every_loss
def test_inference_tensors(row: Row, seed: int) -> None:
    pred, target = operands(row, seed)
    with torch.inference_mode():
        inside = pred.clone()
        agree(row, inside, target)
    agree(row, inside, target)


@every_loss
def test_tensor_subclasses_use_eager(row: Row, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(torch.Tensor):
        """A subclass with memory."""

    pred, target = operands(row, seed)
    expected = row(pred, target)
    monkeypatch.setattr(cpp.Plan, "evaluate", None)
    for given in ((pred.as_subclass(Named), target), (pred, target.as_subclass(Named))):
        torch.testing.assert_close(row(*given).as_subclass(torch.Tensor), expected, rtol=1e-5, atol=1e-7)
    with FakeTensorMode() as mode:
        fake = row(mode.from_tensor(pred), mode.from_tensor(target), reduction="none")
    assert isinstance(fake, FakeTensor)
    assert fake.shape == (pred.shape[:1] if row.per_row else pred.shape)


@pytest.mark.parametrize(
    "row",
    exhaustive_except(TABLE, lambda row: row.name in ("smooth_l1", "focal", "ce", "ciou")),
    ids=lambda row: row.name,
)
@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated", "ignore::torch.jit.TracerWarning")
def test_traces_hold_the_loss_and_not_its_number(row: Row, seed: int) -> None:
    pred, target = operands(row, seed)
    other, _ = operands(row, seed + 1)

    def loss(p: Tensor, t: Tensor) -> Tensor:
        return row(p, t)

    traced = [make_fx(loss, tracing_mode=mode)(pred, target) for mode in ("real", "fake", "symbolic")]
    if not row.per_row:  # torch.jit cannot trace the row operations of eager
        traced.append(torch.jit.trace(loss, (pred, target)))
    for each in traced:
        torch.testing.assert_close(each(other, target), loss(other, target), rtol=1e-5, atol=1e-7)


@every_loss
def test_a_function_mode_sees_every_call(row: Row, seed: int) -> None:
    class Watching(TorchFunctionMode):
        def __torch_function__(self, function: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
            return function(*args, **(kwargs or {}))

    pred, target = operands(row, seed)
    expected = row(pred, target)
    with Watching():
        assert torch.equal(row(pred, target), expected)


@pytest.mark.filterwarnings("ignore:.torch.jit.script")  # torch's rules for tangents
@every_loss
def test_tangents_of_forward_mode(row: Row, seed: int) -> None:
    pred, target = operands(row, seed)
    tangents = []
    for backend in ("cpp", "eager"):
        with detloss.use_backend(backend), forward_ad.dual_level():
            dual = forward_ad.make_dual(pred, torch.ones_like(pred))
            tangents.append(forward_ad.unpack_dual(row(dual, target)).tangent)
    torch.testing.assert_close(*tangents)


@every_loss
def test_several_upstream_gradients_at_once(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed)
    value = row(pred, target)
    once = torch.autograd.grad(value, pred, retain_graph=True)[0]
    both = torch.autograd.grad(value, pred, torch.tensor([1.0, 3.0], dtype=value.dtype), is_grads_batched=True)[0]
    torch.testing.assert_close(both, torch.stack([once, 3 * once]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_every_number_of_16_bits(dtype: torch.dtype) -> None:
    numbers = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)[1:]  # no multiple of a register
    for each in (numbers, numbers.repeat_interleave(2)[::2]):  # registers and single numbers
        with detloss.use_backend("cpp"):
            sizes = detloss.l1_loss(each, torch.zeros_like(each), reduction="none")
        torch.testing.assert_close(sizes, numbers.abs(), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("factor", [1.0, 0.3, 2.0**-30, 3e4, torch.inf, torch.nan])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_gradients_are_rounded_to_16_bits_once(dtype: torch.dtype, factor: float) -> None:
    bits = torch.arange(0, 2**32, 65521, dtype=torch.int64)  # numbers of every size, and halfway between two of 16 bits
    halfway = (torch.arange(2**16) << 16) + 2**15
    derivative = torch.cat([bits, halfway, halfway - 2**15 + 2**12]).to(torch.int32).view(torch.float32)
    plan = cpp.plan_of(ElementwiseRequest(l1))
    assert plan is not None
    product = plan.scaled(derivative.clone(), torch.tensor(factor), dtype)
    expected = (derivative * torch.tensor(factor)).to(dtype)
    torch.testing.assert_close(product, expected, rtol=0, atol=0, equal_nan=True)


def test_the_only_logit_of_a_row_is_not_a_number() -> None:
    target = torch.zeros(1, dtype=torch.int64)
    for backend in ("cpp", "eager"):
        with detloss.use_backend(backend):
            assert detloss.cross_entropy_loss(torch.tensor([[torch.nan]]), target).isnan()
            assert detloss.softmax_focal_loss(torch.tensor([[torch.nan]]), target).isnan()


def test_a_normalizer_whose_inverse_is_infinite() -> None:
    gradients = []
    for backend in ("cpp", "eager"):
        with detloss.use_backend(backend):
            pred = torch.tensor([1.0, 0.0]).requires_grad_()
            detloss.l1_loss(pred, torch.zeros(2), weight=1e-10, normalizer=1e-39).backward()
            gradients.append(pred.grad)
    torch.testing.assert_close(*gradients)


def test_alpha_per_class_of_a_single_logit() -> None:
    agree(detloss.sigmoid_focal_loss, torch.tensor(0.3), torch.tensor(1.0), alpha=[0.3])
