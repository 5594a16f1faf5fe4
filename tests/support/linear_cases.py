"""Losses of a linear layer's logits from torch's layer and textbook losses, in float64 by autograd."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import detloss
from detloss.engine import chunked_linear

ROWS, FEATURES, CLASSES = 11, 4, 9  # chunks of 3, 3, 3 and 2 rows
Loss = Callable[..., Tensor]


def set_chunks(monkeypatch: pytest.MonkeyPatch, logits: int) -> None:
    monkeypatch.setattr(chunked_linear, "LOGITS_PER_CHUNK", dict.fromkeys(chunked_linear.LOGITS_PER_CHUNK, logits))
    monkeypatch.setattr(chunked_linear, "MIN_ROWS", dict.fromkeys(chunked_linear.MIN_ROWS, 1))


def cross_entropy(z: Tensor, t: Tensor, options: dict) -> Tensor:
    options = {
        name: torch.tensor(each, dtype=z.dtype) if name == "class_weight" else each for name, each in options.items()
    }
    options["weight"] = options.pop("class_weight", None)
    return functional.cross_entropy(z.flatten(0, -2), t.flatten(0, z.dim() - 2), reduction="none", **options).view(
        z.shape[:-1]
    )


def shares(z: Tensor, t: Tensor, options: dict) -> tuple[Tensor, Tensor]:
    """How much of every entry is 1, and whether it is there."""
    present = torch.ones_like(z)
    if t.dim() < z.dim():
        present = present * (t != options.get("ignore_index", -1))[..., None]
        t = functional.one_hot(t.clamp(0, CLASSES), CLASSES + 1)[..., :-1]
    smoothing = options.get("label_smoothing", 0.0)
    return t.to(z.dtype) * (1 - smoothing) + smoothing / 2, present


def binary(z: Tensor, t: Tensor, options: dict) -> Tensor:
    t, present = shares(z, t, options)
    return present * functional.binary_cross_entropy_with_logits(z, t, reduction="none")


def focal(z: Tensor, t: Tensor, options: dict) -> Tensor:
    each = binary(z, t, options)
    t, _ = shares(z, t, options)
    p_t = z.sigmoid() * t + (1 - z.sigmoid()) * (1 - t)
    alpha = options.get("alpha", 0.25)
    alpha = torch.tensor(0.5 if alpha is None else alpha, dtype=z.dtype)
    balance = (alpha * t + (1 - alpha) * (1 - t)) * (2 if options.get("alpha", 0.25) is None else 1)
    return balance * (1 - p_t) ** options.get("gamma", 2.0) * each


@dataclass(frozen=True)
class Case:
    """A loss, its options and its operands."""

    name: str
    loss: Loss
    definition: Callable[[Tensor, Tensor, dict], Tensor]
    dense: bool = False
    options: dict = field(default_factory=dict)

    @property
    def per_row(self) -> bool:
        return self.definition is cross_entropy

    def target(self, shape: tuple[int, ...]) -> Tensor:
        if self.dense:
            values = torch.randn(*shape, CLASSES, dtype=torch.float64)
            return values.softmax(-1) if self.per_row else values.sigmoid()
        indices = torch.randint(0, CLASSES + (not self.per_row), shape)
        if self.per_row:
            indices[..., 1] = self.options.get("ignore_index", -100)
        return indices

    def expected(
        self,
        z: Tensor,
        target: Tensor,
        reduction: str = "mean",
        weight: Tensor | float | None = None,
        normalizer: float | None = None,
    ) -> Tensor:
        each = (1 if weight is None else weight) * self.definition(z, target, self.options)
        if reduction == "none":
            return each
        if normalizer is None and not self.dense:
            there = (target != self.options.get("ignore_index", -100)).sum()
            normalizer = there if self.per_row else there * CLASSES
        elif normalizer is None:
            normalizer = each.numel()
        return each.sum() / (1 if reduction == "sum" else normalizer)


EACH = [round(0.1 + 0.07 * k, 2) for k in range(CLASSES)]
CE, BCE, FOCAL = (
    detloss.linear_cross_entropy_loss,
    detloss.linear_binary_cross_entropy_loss,
    detloss.linear_sigmoid_focal_loss,
)
CASES = (
    Case("ce", CE, cross_entropy),
    Case("ce_ignore", CE, cross_entropy, options={"ignore_index": 4, "label_smoothing": 0.2}),
    Case("ce_classes", CE, cross_entropy, options={"class_weight": EACH, "label_smoothing": 0.1}),
    Case("ce_dense", CE, cross_entropy, dense=True, options={"class_weight": EACH}),
    Case("bce", BCE, binary),
    Case("bce_ignore", BCE, binary, options={"ignore_index": 3, "label_smoothing": 0.2}),
    Case("bce_background_ignored", BCE, binary, options={"ignore_index": CLASSES}),
    Case("bce_dense", BCE, binary, dense=True, options={"label_smoothing": 0.1}),
    Case("focal", FOCAL, focal),
    Case("focal_ignore", FOCAL, focal, options={"ignore_index": 3, "alpha": EACH, "gamma": 1.5}),
    Case("focal_dense", FOCAL, focal, dense=True, options={"alpha": None, "gamma": 0.5, "label_smoothing": 0.1}),
)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_loss = pytest.mark.parametrize("case", [CASES[0], CASES[4], CASES[8]], ids=lambda case: case.name)
reductions = pytest.mark.parametrize("reduction", ["none", "sum", "mean"])


def operands(shape: tuple[int, ...] = (ROWS,), dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Features, layer weight and layer bias that require grad."""
    drawn = (torch.randn(*shape, FEATURES), torch.randn(CLASSES, FEATURES), torch.randn(CLASSES))
    return [each.to(dtype).requires_grad_() for each in drawn]


class Sizes(TorchDispatchMode):
    """Records the number of elements that operations allocate."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        given = {each.untyped_storage().data_ptr() for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        results = function(*args, **(kwargs or {}))
        for each in tree_leaves(results):
            if isinstance(each, Tensor) and each.untyped_storage().data_ptr() not in given:
                self.sizes.append(each.untyped_storage().nbytes() // each.element_size())
        return results


def same(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)


def weights(case: Case, rows: int = ROWS) -> list[Tensor | float | None]:
    """Every shape that a weight may have."""
    shapes = [(rows,), (1,)] if case.per_row else [(rows, 1), (rows, CLASSES), (1, CLASSES)]
    return [None, 0.3, torch.tensor(0.7), *(torch.rand(shape, dtype=torch.float64) for shape in shapes)]
