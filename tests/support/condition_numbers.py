"""Condition numbers of sums that cancel: with soft targets, in derivatives by the target, in CIoU, in masks."""

import torch
from torch import Tensor
from torch.nn import functional

import detloss
from detloss.catalog import Kind
from tests.support.random_calls import Call


def condition(call: Call, part: str, size: Tensor) -> Tensor:
    """A bound of the terms of a call's value or of its derivative by pred or target, no less than the result."""
    return size.maximum(_terms(call, part, size)) if part in ("value", "pred", "target") else size


def _terms(call: Call, part: str, size: Tensor) -> Tensor:
    if call.row.bound in ("aspect", "smooth"):
        return _of_boxes(call, part, size)
    if call.row.kind is Kind.QUALITY and part in ("value", "pred") and call.soft:
        return _of_logits(call, part)
    if call.row.kind is Kind.DISTRIBUTION and (part == "pred" or call.options.get("excess")):
        return _of_bins(call, part, size)
    if part == "value":
        return torch.zeros(())
    if call.row.kind is Kind.SOFTMAX:
        return _of_rows(call) if part == "pred" and call.soft else torch.zeros(())
    if call.row.kind is Kind.MASK:
        return _of_masks(call, part)
    if call.row.kind is Kind.SIGMOID:
        return _of_logits(call, part) if part == "target" or call.soft else torch.zeros(())
    return torch.zeros(())


def _factors(call: Call) -> Tensor:
    """The factor of every element's derivatives: the derivative of an absolute error."""
    entries = torch.zeros(call.entries, dtype=torch.float64, requires_grad=True)
    common = {name: call.options[name] for name in ("weight", "reduction", "normalizer")}
    value = detloss.l1_loss(entries, torch.ones_like(entries), **common)
    return 2 * torch.autograd.grad(value.sum(), entries)[0].abs()  # 2: of the largest upstream gradient


def _of_boxes(call: Call, part: str, size: Tensor) -> Tensor:
    """The gradients of overlap, distance and aspect: if they cancel in one coordinate, they do not in another."""
    if part == "value":
        return torch.tensor(1.0 if call.measure else 0.0)
    if not call.options.get("pairwise") or not size.numel():
        return 2 * size.amax(-1, keepdim=True) if size.numel() else size
    # A row's gradient is then a sum over the rows of the other side.
    each = torch.broadcast_tensors(call.pred.double().unsqueeze(-2), call.target.double().unsqueeze(-3))
    leaves = [rows.clone().requires_grad_() for rows in each]
    with detloss.use_backend("eager"):
        value = call.loss(*leaves, geometry=call.options["geometry"])
    side = ("pred", "target").index(part)
    gradients = torch.autograd.grad(value.sum(), leaves[side])[0].abs().amax(-1, keepdim=True)
    return 4 * gradients.nan_to_num(0.0, 0.0, 0.0).sum(-2 - side)  # 4: twice the largest upstream gradient


def _of_logits(call: Call, part: str) -> Tensor:
    logits = call.pred.detach().double()
    sides = functional.softplus(logits), functional.softplus(-logits)
    if part == "pred":
        sides = tuple(side.clamp(max=1.0) for side in sides)
    terms = (1.0 + call.options.get("gamma", 0.0) + call.options.get("beta", 0.0)) * sum(sides)
    return (_factors(call) * terms).nan_to_num(0.0, 0.0, 0.0)


def _of_bins(call: Call, part: str, size: Tensor) -> Tensor:
    """Probabilities and shares are at most 1, and the entropy that is subtracted is below 1."""
    factors = _factors(call).nan_to_num(0.0, 0.0, 0.0)
    if part == "pred":
        return factors.unsqueeze(-1)
    return factors if size.dim() else factors.sum()


def _of_masks(call: Call, part: str) -> Tensor:
    p, t = call.pred.detach().double().sigmoid(), call.target.double()
    alpha, beta = call.options.get("alpha", 0.5), call.options.get("beta", 0.5)
    total = (p * t + alpha * p * (1 - t) + beta * (1 - p) * t).sum(-1, keepdim=True)
    chances = p * (-call.pred.detach().double()).sigmoid() if part == "pred" else 1.0
    terms = chances * (1.0 + alpha + beta) / total
    return (_factors(call).unsqueeze(-1) * terms).nan_to_num(0.0, 0.0, 0.0)


def _of_rows(call: Call) -> Tensor:
    likelihood = call.pred.detach().double().softmax(-1).nan_to_num(1.0)  # in rows with an infinite logit
    if call.target.shape == call.pred.shape:
        share = call.target.double()
    else:
        classes = torch.arange(call.pred.shape[-1])
        share = (call.target.unsqueeze(-1) == classes).double()
    terms = likelihood + share + call.options.get("label_smoothing", 0.0) / call.pred.shape[-1]
    return (_factors(call).unsqueeze(-1) * terms).nan_to_num(0.0, 0.0, 0.0)
