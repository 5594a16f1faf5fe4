"""Class indices out of range: an error on a CPU, NaN on devices whose values are not read, ignored in rows of weight 0."""

import re
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx

import detloss
from detloss.kernels import AVAILABLE

SOFTMAX = (detloss.cross_entropy_loss, detloss.softmax_focal_loss)
BINARY = (detloss.binary_cross_entropy_loss, detloss.balanced_cross_entropy_loss, detloss.sigmoid_focal_loss)
ROWS, CLASSES = 4, 3
every_loss = pytest.mark.parametrize("loss", [*SOFTMAX, *BINARY], ids=lambda loss: loss.__name__)


@pytest.fixture(params=AVAILABLE["cpu"])
def backend(request: pytest.FixtureRequest) -> Iterator[None]:
    with detloss.use_backend(request.param):
        yield


def last(loss: Callable[..., Tensor], classes: int = CLASSES) -> int:
    """The highest class index of a loss: binary losses have a background."""
    return classes - 1 if loss in SOFTMAX else classes


def message(loss: Callable[..., Tensor], place: str, value: int, classes: int = CLASSES) -> str:
    ignored = " or ignore_index -100" if loss in SOFTMAX else ""
    hint = " (ignore_index=-1 excludes such rows)" if value == -1 else ""
    return (
        f"^{re.escape(f'{place}: expected a class index in [0, {last(loss, classes)}]{ignored}, got {value}{hint}')}$"
    )


@every_loss
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_first_row_and_its_value(
    backend: None, loss: Callable[..., Tensor], reduction: str, dtype: torch.dtype
) -> None:
    logits = torch.zeros(ROWS, CLASSES, dtype=dtype, requires_grad=True)
    for wrong in (-1, last(loss) + 1, 10**12):
        target = torch.tensor([0, 1, wrong, wrong + 1])
        with pytest.raises(ValueError, match=message(loss, "target[2]", wrong)):
            loss(logits, target, reduction=reduction)
        with torch.no_grad(), pytest.raises(ValueError, match=message(loss, "target[2]", wrong)):
            loss(logits, target, reduction=reduction)
    assert loss(logits, torch.tensor([0, 1, 2, last(loss)]), reduction=reduction).isfinite().all()


@every_loss
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_row_among_many(backend: None, loss: Callable[..., Tensor], smoothing: float) -> None:
    rows, classes = 3001, 7
    options = {} if loss is detloss.softmax_focal_loss else {"label_smoothing": smoothing}
    logits = torch.randn(1, rows, classes, generator=torch.Generator().manual_seed(0))
    for row in (0, 292, 293, rows - 1):  # 2048 logits are a block: it ends within row 292
        target = torch.zeros(1, rows, dtype=torch.int64)
        target[0, row] = classes + 1
        with pytest.raises(ValueError, match=message(loss, f"target[0, {row}]", classes + 1, classes)):
            loss(logits, target, **options)


@every_loss
def test_a_scalar_target(backend: None, loss: Callable[..., Tensor]) -> None:
    with pytest.raises(ValueError, match=message(loss, "target", -5)):
        loss(torch.zeros(CLASSES), torch.tensor(-5))


@every_loss
def test_ignored_rows(backend: None, loss: Callable[..., Tensor]) -> None:
    logits, target = torch.randn(ROWS, CLASSES), torch.tensor([0, -1, 2, -1])
    ours = loss(logits, target, ignore_index=-1)
    torch.testing.assert_close(ours, loss(logits[::2], target[::2]))
    with pytest.raises(ValueError, match=r"target\[1\]: expected a class index in \[0, .\] or ignore_index 7, got -1"):
        loss(logits, target, ignore_index=7)
    with pytest.raises(ValueError, match=r"target\[1\]: expected a class index in \[0, .\], got -1"):
        loss(logits, target, ignore_index=None)


@every_loss
def test_rows_of_weight_zero(backend: None, loss: Callable[..., Tensor]) -> None:
    logits, target = torch.randn(ROWS, CLASSES, requires_grad=True), torch.tensor([0, -1, 2, 99])
    weight = torch.tensor([1.0, 0.0, 2.0, 0.0])
    weight = weight if loss in SOFTMAX else weight[:, None]
    value = loss(logits, target, weight=weight, reduction="sum")
    torch.testing.assert_close(value, loss(logits[::2], target[::2], weight=weight[::2], reduction="sum"))
    value.backward()
    assert logits.grad.isfinite().all()
    assert loss(logits, target, weight=0.0) == 0
    weight = weight.clone()
    weight[3] = torch.nan
    with pytest.raises(ValueError, match=message(loss, "target[3]", 99)):
        loss(logits, target, weight=weight)


@pytest.mark.parametrize("loss", BINARY, ids=lambda loss: loss.__name__)
def test_one_logit_with_a_weight(backend: None, loss: Callable[..., Tensor]) -> None:
    weight = torch.zeros(ROWS, CLASSES)
    weight[1, 2] = 0.5
    with pytest.raises(ValueError, match=message(loss, "target[1]", -3)):
        loss(torch.zeros(ROWS, CLASSES), torch.full((ROWS,), -3), weight=weight)


@every_loss
def test_values_that_are_not_read(loss: Callable[..., Tensor]) -> None:
    each = partial(loss, reduction="none")
    logits, target = torch.zeros(2, CLASSES), torch.tensor([0, -1])
    expected = [False, True]

    def nan_rows(losses: Tensor) -> list[bool]:
        return losses.reshape(2, -1).isnan().all(-1).tolist()

    assert nan_rows(torch.func.vmap(each)(logits, target)) == expected
    assert nan_rows(make_fx(each)(logits, target)(logits, target)) == expected
    assert nan_rows(torch.compile(each, backend="aot_eager", fullgraph=True)(logits, target)) == expected
    assert nan_rows(torch.export.export(Module(each), (logits, target)).module()(logits, target)) == expected
    assert each(logits.to("meta"), target.to("meta")).is_meta


class Module(torch.nn.Module):
    """A function as a module, which `torch.export` needs."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.function(logits, target)


@every_loss
def test_doctor_reports_it(backend: None, loss: Callable[..., Tensor]) -> None:
    logits, target = torch.zeros(2, CLASSES), torch.tensor([0, -1])
    found = rf"{loss.__name__}: the loss is nan at \[1.*\]: target\[1\] is not a class index in \[0, {last(loss)}\]"
    with detloss.doctor(), pytest.raises(detloss.NonFiniteLossError, match=found):
        loss(logits, target)
    with detloss.doctor(on_fault="warn"), pytest.warns(RuntimeWarning, match=found):
        assert loss(logits, target).isnan()
