"""Lower bounds: operations that no implementation of a loss can outrun, timed on the same machine."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.meters import Run
from benchmarks.timing import forward_backward

BANDWIDTH, EXPONENTIAL, SUM, MATRIX_PRODUCT = "bandwidth", "exp", "p.sum()", "matmul"


def bandwidth(bytes_moved: int, device: torch.device) -> Run:
    """An addition that reads two thirds of these bytes and writes one third."""
    first, second, result = (torch.ones(bytes_moved // 12, device=device) for _ in range(3))
    return partial(torch.add, first, second, out=result)


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
