"""Yardsticks that move with the machine: what a loss cannot beat, whoever writes it."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.contest import Run, training
from benchmarks.size import Size

TWIN, EXPONENTIAL, SUM, MATRIX_PRODUCT = "twin", "exp", "p.sum()", "matmul"


def twin(bytes_moved: int, device: torch.device) -> Run:
    """An addition that reads two thirds of these bytes and writes one third."""
    first, second, result = (torch.ones(bytes_moved // 12, device=device) for _ in range(3))
    return partial(torch.add, first, second, out=result)


def exponential(values: Tensor) -> Run:
    """One pass of exp."""
    return partial(torch.exp, values.detach(), out=torch.empty_like(values, requires_grad=False))


def of_boxes(size: Size, prediction: Tensor, target: Tensor) -> Mapping[str, Run]:
    """Eight numbers in and four derivatives out; for a few boxes, what autograd itself takes."""
    by_bytes = {TWIN: twin(48 * size.entries, prediction.device)}
    return by_bytes | {SUM: training(torch.sum, [prediction])} if size.rows <= 4096 else by_bytes


def of_numbers(size: Size, prediction: Tensor, target: Tensor) -> Mapping[str, Run]:
    """Two numbers in, one derivative out."""
    return {TWIN: twin(12 * size.entries, prediction.device)}


def of_dense_logits(size: Size, logits: Tensor, target: Tensor) -> Mapping[str, Run]:
    """A logit and its target in, one derivative out; and one exponential each."""
    return {TWIN: twin(12 * size.entries, logits.device), EXPONENTIAL: exponential(logits)}


def of_indexed_logits(size: Size, logits: Tensor, target: Tensor) -> Mapping[str, Run]:
    """A logit in, one derivative out; and one exponential each."""
    return {TWIN: twin(8 * size.entries, logits.device), EXPONENTIAL: exponential(logits)}


def of_rows(size: Size, logits: Tensor, *_of_targets: Tensor) -> Mapping[str, Run]:
    """A logit in, one derivative out."""
    return {TWIN: twin(8 * size.entries, logits.device)}


def of_head(
    size: Size, features: Tensor, layer_weight: Tensor, layer_bias: Tensor, target: Tensor
) -> Mapping[str, Run]:
    """The three matrix products of a linear layer and its backward pass."""
    upstream = torch.ones(size.rows, size.columns, device=features.device)
    operands = (features, layer_weight, layer_bias)
    return {MATRIX_PRODUCT: lambda: torch.autograd.grad(functional.linear(*operands), operands, upstream)}
