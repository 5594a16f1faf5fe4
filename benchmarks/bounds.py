"""Lower bounds: operations that no implementation of a loss can outrun, timed on the same machine."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.meters import Run
from benchmarks.timing import forward_backward

BANDWIDTH, EXPONENTIAL, SUM, MATRIX_PRODUCT = "bandwidth", "exp", "p.sum()", "matmul"


def bytes_moved(operands: Sequence[Tensor]) -> int:
    """Bytes of operands and gradients, the least that one pass reads and writes."""
    return sum(operand.nbytes * (2 if operand.requires_grad else 1) for operand in operands)


def bandwidth(size: int, device: torch.device) -> Run:
    """An addition that reads two thirds of these bytes and writes one third."""
    first, second, result = (torch.ones(size // 12, device=device) for _ in range(3))
    return partial(torch.add, first, second, out=result)


class Empty(torch.autograd.Function):
    """An autograd function that allocates its results and computes nothing."""

    @staticmethod
    def forward(ctx: Any, first: Tensor, *others: Tensor) -> Tensor:
        """An uninitialized scalar."""
        ctx.gradient = torch.empty_like(first)
        return first.new_empty(())

    @staticmethod
    def backward(ctx: Any, _upstream: Tensor) -> tuple[Tensor, ...]:
        """An uninitialized gradient of the first operand."""
        return ctx.gradient, *(None,) * (len(ctx.needs_input_grad) - 1)


def empty_function(operands: Sequence[Tensor]) -> Run:
    """Forward and backward of an empty autograd function."""
    return forward_backward(Empty.apply, operands)


def exponential(values: Tensor) -> Run:
    """The exponential of every element."""
    return partial(torch.exp, values.detach(), out=torch.empty_like(values, requires_grad=False))


def of_boxes(prediction: Tensor, target: Tensor) -> Mapping[str, Run]:
    """Eight numbers read and four derivatives written; for few boxes, the overhead of autograd."""
    rows = len(prediction)
    by_bytes = {BANDWIDTH: bandwidth(48 * rows, prediction.device)}
    return by_bytes | {SUM: forward_backward(torch.sum, [prediction])} if rows <= 4096 else by_bytes


def of_numbers(prediction: Tensor, target: Tensor) -> Mapping[str, Run]:
    """Two numbers read and one derivative written."""
    return {BANDWIDTH: bandwidth(12 * prediction.numel(), prediction.device)}


def of_dense_logits(logits: Tensor, target: Tensor) -> Mapping[str, Run]:
    """A logit and its target read and one derivative written; one exponential per logit."""
    return {BANDWIDTH: bandwidth(12 * logits.numel(), logits.device), EXPONENTIAL: exponential(logits)}


def of_indexed_logits(logits: Tensor, target: Tensor) -> Mapping[str, Run]:
    """A logit read and one derivative written; one exponential per logit."""
    return {BANDWIDTH: bandwidth(8 * logits.numel(), logits.device), EXPONENTIAL: exponential(logits)}


def of_softmax_logits(logits: Tensor, *_targets_and_weights: Tensor) -> Mapping[str, Run]:
    """A logit read and one derivative written."""
    return {BANDWIDTH: bandwidth(8 * logits.numel(), logits.device)}


def of_linear(features: Tensor, layer_weight: Tensor, layer_bias: Tensor, target: Tensor) -> Mapping[str, Run]:
    """The three matrix products of a linear layer, forward and backward."""
    upstream = torch.ones(len(features), len(layer_weight), device=features.device)
    operands = (features, layer_weight, layer_bias)
    return {MATRIX_PRODUCT: lambda: torch.autograd.grad(functional.linear(*operands), operands, upstream)}
