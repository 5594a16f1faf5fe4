"""Memory of linear losses: the logits of all rows never exist at once."""

import pytest
import torch
from torch import Tensor

import detloss
from detloss.engine import chunked_linear
from detloss.kernels import AVAILABLE
from tests.support.linear_cases import (
    BCE,
    CE,
    CLASSES,
    FOCAL,
    ROWS,
    Case,
    Loss,
    Sizes,
    every_case,
    every_loss,
    operands,
    reductions,
    weights,
)
from tests.support.marks import exhaustive_except


def sizes_of(loss: Loss, *given: Tensor, **options: object) -> list[int]:
    """Number of elements in every allocation of a loss and its gradients."""
    with Sizes() as made:
        result = loss(*given, **options)
        result.backward(torch.ones((), dtype=result.dtype).expand(result.shape))
    return made.sizes


@every_case
@reductions
@pytest.mark.parametrize(
    "dtype",
    exhaustive_except(
        [torch.float64, torch.float32, torch.bfloat16, torch.float16], lambda dtype: dtype == torch.float32
    ),
)
def test_all_logits_never_exist(case: Case, reduction: str, dtype: torch.dtype, seed: int) -> None:
    torch.manual_seed(seed)
    target, options = case.target((ROWS,)), {**case.options, "reduction": reduction}
    for weight in weights(case):
        layer_operands = operands(dtype=dtype)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.float32):
            sizes = sizes_of(case.loss, *layer_operands, target, **options, weight=weight)
        results = [size for size in sizes if size >= ROWS * CLASSES]
        assert results == ([ROWS * CLASSES] if reduction == "none" and not case.per_row else [])
        with Sizes() as without, torch.no_grad():
            case.loss(*layer_operands, target, **options, weight=weight)
        assert [size for size in without.sizes if size >= ROWS * CLASSES] == results
        with Sizes() as made:
            case.loss(*layer_operands, target, **options, weight=weight)
        assert (made.sizes == without.sizes) == (reduction == "none")  # its gradients are computed in the backward pass


def test_no_more_than_a_chunk_of_logits_exists(backend: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    rows, classes, wide = 2000, 1203, 8
    layer_operands = [torch.randn(shape, requires_grad=True) for shape in ((rows, wide), (classes, wide), (classes,))]
    target = torch.randint(0, classes, (rows,))
    chunk = chunked_linear.LOGITS_PER_CHUNK[detloss.backends()["cpu"]]
    for loss, weight in ((CE, torch.rand(rows)), (BCE, torch.rand(1, classes)), (FOCAL, torch.rand(rows, 1))):
        assert chunk / 2 < max(sizes_of(loss, *layer_operands, target, weight=weight)) <= chunk
    assert chunk / 2 < max(sizes_of(CE, *layer_operands, target, reduction="none")) <= chunk


def test_every_backend_has_its_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert {name for served in AVAILABLE.values() for name in served} <= chunked_linear.LOGITS_PER_CHUNK.keys()
    with detloss.use_backend("eager"):
        for device, least in (("cpu", 24), ("meta", 768)):
            layers = [torch.empty(classes, 2, device=device) for classes in (0, 1, 1203, 10**6)]
            assert [chunked_linear.rows_per_chunk(each) for each in layers] == [30_000, 30_000, least, least]


@every_loss
def test_on_a_device_without_memory(case: Case) -> None:
    layer_operands = [each.detach().to("meta").requires_grad_() for each in operands((200,))]
    loss = case.loss(*layer_operands, torch.zeros(200, dtype=torch.int64, device="meta"))
    loss.backward()
    assert [each.grad.shape for each in layer_operands] == [each.shape for each in layer_operands]
