"""The losses of a linear layer's logits against torch's own layer and textbook losses, in float64 by autograd."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.checkpoint import checkpoint

import detloss
from detloss.kernels import AVAILABLE
from detloss.linear import layer

ROWS, FEATURES, CLASSES = 11, 4, 9  # chunks of 3, 3, 3 and 2 rows
Loss = Callable[..., Tensor]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    set_chunks(monkeypatch, 3 * CLASSES)


def set_chunks(monkeypatch: pytest.MonkeyPatch, logits: int) -> None:
    monkeypatch.setattr(layer, "LOGITS_AT_ONCE", dict.fromkeys(layer.LOGITS_AT_ONCE, logits))
    monkeypatch.setattr(layer, "ROWS_AT_LEAST", dict.fromkeys(layer.ROWS_AT_LEAST, 1))


@pytest.fixture(params=sorted(AVAILABLE["cpu"]))
def backend(request: pytest.FixtureRequest) -> Iterator[None]:
    with detloss.use_backend(request.param):
        yield


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
    """A loss, the options it is called with, and what it is called on."""

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
    """Features, layer weight and layer bias that ask for gradients."""
    drawn = (torch.randn(*shape, FEATURES), torch.randn(CLASSES, FEATURES), torch.randn(CLASSES))
    return [each.to(dtype).requires_grad_() for each in drawn]


class Sizes(TorchDispatchMode):
    """Notes how many numbers the memory holds that operations ask for."""

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


# ------------------------------------------------------------------------------------------ values and gradients


def weights(case: Case, rows: int = ROWS) -> list[Tensor | float | None]:
    """Every shape that a weight may have."""
    shapes = [(rows,), (1,)] if case.per_row else [(rows, 1), (rows, CLASSES), (1, CLASSES)]
    return [None, 0.3, torch.tensor(0.7), *(torch.rand(shape, dtype=torch.float64) for shape in shapes)]


@every_case
@reductions
def test_values_and_gradients_are_those_of_the_definition(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    for weight in weights(case):
        expected = case.expected(functional.linear(*layer_operands), target, reduction, weight)
        upstream = torch.randn(expected.shape, dtype=torch.float64)
        slopes = torch.autograd.grad(expected, layer_operands, upstream)
        loss = case.loss(*layer_operands, target, **case.options, weight=weight, reduction=reduction)
        assert type(loss.grad_fn).__name__ == "EvaluateLinearBackward"
        same(loss, expected)
        for one, other in zip(torch.autograd.grad(loss, layer_operands, upstream), slopes):
            same(one, other)


@every_case
def test_normaliser(case: Case, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, normalizer=7)
    slopes = torch.autograd.grad(expected, layer_operands)
    for normalizer in (7, torch.tensor(7), torch.tensor([7.0])):
        loss = case.loss(*layer_operands, target, **case.options, normalizer=normalizer)
        same(loss, expected)
        for one, other in zip(torch.autograd.grad(loss, layer_operands), slopes):
            same(one, other)
    loss = case.loss(*layer_operands, target, **case.options, normalizer=0)
    assert loss == 0
    assert all((each == 0).all() for each in torch.autograd.grad(loss, layer_operands))


@every_case
@reductions
def test_any_number_of_dimensions(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands((2, 3, 4)), case.target((2, 3, 4))
    weight = torch.rand((2, 1, 4) if case.per_row else (2, 1, 4, 1), dtype=torch.float64)
    expected = case.expected(functional.linear(*layer_operands), target, reduction, weight)
    upstream = torch.randn(expected.shape, dtype=torch.float64)
    slopes = torch.autograd.grad(expected, layer_operands, upstream)
    loss = case.loss(*layer_operands, target, **case.options, weight=weight, reduction=reduction)
    same(loss, expected)
    for one, other in zip(torch.autograd.grad(loss, layer_operands, upstream), slopes):
        same(one, other)


@every_loss
@reductions
@pytest.mark.parametrize("layout", ["permuted", "expanded", "strided"])
def test_operands_that_are_not_contiguous(case: Case, reduction: str, layout: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    shape = {"permuted": (2, FEATURES, 7), "expanded": (7, FEATURES), "strided": (2, 7, 2 * FEATURES)}[layout]
    leaves = [torch.randn(shape, dtype=torch.float64, requires_grad=True), *operands()[1:]]
    features = {
        "permuted": lambda each: each.transpose(1, 2),
        "expanded": lambda each: each.expand(2, 7, FEATURES),
        "strided": lambda each: each[..., ::2],
    }[layout](leaves[0])
    layer_operands = (features, leaves[1].T.contiguous().T, leaves[2].repeat_interleave(2)[::2])
    target = case.target((7, 2)).T
    expected = case.expected(functional.linear(*layer_operands), target, reduction)
    upstream = torch.randn((), dtype=torch.float64).expand(expected.shape)
    slopes = torch.autograd.grad(expected, leaves, upstream)
    loss = case.loss(*layer_operands, target, reduction=reduction)
    same(loss, expected)
    for one, other in zip(torch.autograd.grad(loss, leaves, upstream), slopes):
        same(one, other)


@every_loss
@reductions
def test_what_asks_for_no_gradient_gets_none(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    for with_bias in (True, False):
        layer_operands, target = operands(), case.target((ROWS,))
        if not with_bias:
            layer_operands[2] = None
        expected = case.expected(functional.linear(*layer_operands), target, reduction)
        for asking in range(8):
            layer_operands = [
                None if each is None else each.detach().requires_grad_(bool(asking >> k & 1))
                for k, each in enumerate(layer_operands)
            ]
            loss = case.loss(*layer_operands, target, reduction=reduction)
            same(loss.detach(), expected.detach())
            wanted = [each for each in layer_operands if each is not None and each.requires_grad]
            assert loss.requires_grad == bool(wanted)
            if wanted:
                again = case.expected(functional.linear(*layer_operands), target, reduction)
                slopes = torch.autograd.grad(again.sum(), wanted)
                for create_graph in (True, False):
                    ours = torch.autograd.grad(loss.sum(), wanted, retain_graph=True, create_graph=create_graph)
                    for one, other in zip(ours, slopes, strict=True):
                        same(one, other)


@every_loss
@reductions
def test_part_of_the_gradients(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, reduction).sum()
    slopes = torch.autograd.grad(expected, layer_operands, retain_graph=True)
    for operand, slope in zip(layer_operands, slopes):
        loss = case.loss(*layer_operands, target, reduction=reduction).sum()
        same(torch.autograd.grad(loss, operand)[0], slope)


@every_loss
@reductions
def test_without_gradients(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, reduction).detach()
    weight = torch.ones((), requires_grad=True)
    for disabled in (torch.no_grad, torch.inference_mode):
        with disabled():
            loss = case.loss(*layer_operands, target, reduction=reduction, weight=weight)
            assert not loss.requires_grad
        same(loss, expected)


@every_loss
def test_few_rows(case: Case, backend: None, seed: int) -> None:
    """None, one, and what makes one chunk."""
    torch.manual_seed(seed)
    for shape in ((0,), (2, 0), (), (1,), (3,)):
        layer_operands = operands(shape)
        target = torch.randint(0, CLASSES, shape)
        for reduction in ("none", "sum", "mean"):
            loss = case.loss(*layer_operands, target, reduction=reduction)
            slopes = torch.autograd.grad(loss.sum(), layer_operands)
            assert [each.shape for each in slopes] == [each.shape for each in layer_operands]
            if target.numel():
                expected = case.expected(functional.linear(*layer_operands)[None], target[None], reduction)
                same(loss.reshape(expected.shape), expected)
            elif reduction != "none":
                assert loss == 0
                assert all((each == 0).all() for each in slopes)


@every_loss
def test_nothing_left(case: Case, backend: None) -> None:
    for rows, ignored in ((0, 0), (ROWS, 0), (ROWS, -100)):
        layer_operands = operands((rows,))
        target = torch.full((rows,), ignored)
        loss = case.loss(*layer_operands, target, ignore_index=ignored)
        assert loss == 0
        assert all((each == 0).all() for each in torch.autograd.grad(loss, layer_operands))


# ------------------------------------------------------------------------------------------- the backward pass


@every_loss
@reductions
def test_backward_twice(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands), target, reduction)
    loss = case.loss(*layer_operands, target, reduction=reduction)
    for create_graph in (False, False, True, False):
        upstream = torch.randn(loss.shape, dtype=torch.float64)
        ours = torch.autograd.grad(loss, layer_operands, upstream, retain_graph=True, create_graph=create_graph)
        theirs = torch.autograd.grad(expected, layer_operands, upstream, retain_graph=True)
        for one, other in zip(ours, theirs):
            same(one, other)
            one.detach().zero_()  # a gradient is its receiver's own


@every_loss
def test_gradients_are_handed_over(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    for scale in (1.0, -0.5):
        layer_operands, target = operands(), case.target((ROWS,))
        loss = case.loss(*layer_operands, target)
        made = [each.data_ptr() for each in loss.grad_fn.gradients]
        (loss * scale).backward()
        assert [each.grad.data_ptr() for each in layer_operands] == made


@every_loss
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_an_upstream_of_zero_means_absent(case: Case, reduction: str, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    with torch.no_grad():
        layer_operands[0][3] = torch.nan
    loss = case.loss(*layer_operands, target, reduction=reduction)
    assert loss.isnan()
    slopes = torch.autograd.grad(loss, layer_operands, torch.zeros((), dtype=torch.float64))
    assert (slopes[2] == 0).all()
    assert (slopes[0] == 0).all()


@every_loss
def test_masking_the_result_masks_the_row(case: Case, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    with torch.no_grad():
        layer_operands[0][3] = torch.inf
        layer_operands[1][0] = 0.0
    weight = torch.full((ROWS,) if case.per_row else (ROWS, 1), 0.5)
    for weight[3] in (0.5, torch.inf, torch.nan):
        each = case.loss(*layer_operands, target, reduction="none", weight=weight)
        assert not each[3].isfinite().all()
        slopes = torch.autograd.grad(each[torch.arange(ROWS) != 3].sum(), layer_operands)
        assert (slopes[0][3] == 0).all()
        assert slopes[2].isfinite().all()


@every_loss
@reductions
def test_first_and_second_derivatives(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands((5,)), case.target((5,))

    def loss(*given: Tensor) -> Tensor:
        return case.loss(*given, target, reduction=reduction)

    assert torch.autograd.gradcheck(loss, layer_operands)
    assert torch.autograd.gradgradcheck(loss, layer_operands)


@every_loss
def test_second_derivatives_where_operands_share_a_history(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    (root, *_), target = operands((ROWS,)), case.target((ROWS,))
    mixer = torch.randn(CLASSES, ROWS, dtype=torch.float64)
    results = []
    for loss in (case.loss, lambda x, m, b, t: case.expected(functional.linear(x, m, b), t)):
        matrix = (mixer @ root).tanh()
        features = root.sin() + matrix.sum()
        slope = torch.autograd.grad(loss(features, matrix, None, target), root, create_graph=True)[0]
        results.append((slope, torch.autograd.grad(slope.square().sum(), root)[0]))
    for ours, theirs in zip(*results):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


@every_loss
@reductions
@pytest.mark.parametrize("asking", [(True, False), (False, True), (True, True)])
def test_gradients_of_target_and_weight(case: Case, reduction: str, asking: tuple[bool, bool], seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), replace(case, dense=True).target((ROWS,))
    weight = torch.rand((ROWS,) if case.per_row else (ROWS, 1), dtype=torch.float64)
    more = [each.requires_grad_() for each, asks in zip((target, weight), asking) if asks]
    each = weight * case.definition(functional.linear(*layer_operands), target, {})
    expected = {"none": each, "sum": each.sum(), "mean": each.mean()}[reduction]
    upstream = torch.randn(expected.shape, dtype=torch.float64)
    loss = case.loss(*layer_operands, target, weight=weight, reduction=reduction)
    same(loss, expected)
    leaves = [*layer_operands, *more]
    ours, theirs = (torch.autograd.grad(value, leaves, upstream) for value in (loss, expected))
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@every_loss
def test_checkpointing(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), case.target((ROWS,))
    expected = case.expected(functional.linear(layer_operands[0].sin(), *layer_operands[1:]), target)
    slopes = torch.autograd.grad(expected, layer_operands)
    loss = checkpoint(lambda x, m, b: case.loss(x.sin(), m, b, target), *layer_operands, use_reentrant=False)
    same(loss, expected)
    for one, other in zip(torch.autograd.grad(loss, layer_operands), slopes):
        same(one, other)


def test_inputs_are_left_alone(seed: int) -> None:
    torch.manual_seed(seed)
    for case in CASES:
        layer_operands, target = operands(), case.target((ROWS,))
        before = [each.detach().clone() for each in (*layer_operands, target)]
        case.loss(*layer_operands, target, **case.options).backward()
        assert all(torch.equal(one, other) for one, other in zip(before, (*layer_operands, target)))


# --------------------------------------------------------------------------------------------- 16 bits, autocast


@every_loss
@reductions
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits(case: Case, reduction: str, dtype: torch.dtype, backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=dtype), case.target((ROWS,))
    exact = [each.detach().double().requires_grad_() for each in layer_operands]
    expected = case.expected(functional.linear(*exact), target, reduction)
    loss = case.loss(*layer_operands, target, reduction=reduction)
    slopes = torch.autograd.grad(loss.sum(), layer_operands)
    assert loss.dtype == (dtype if reduction == "none" else torch.float32)
    precision = torch.finfo(dtype).eps
    torch.testing.assert_close(loss.double(), expected, rtol=8 * precision, atol=8 * precision)
    for one, other in zip(slopes, torch.autograd.grad(expected.sum(), exact)):
        assert one.dtype == dtype
        torch.testing.assert_close(one.double(), other, rtol=8 * precision, atol=16 * precision)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@reductions
def test_sums_over_many_chunks_keep_their_digits(
    dtype: torch.dtype, reduction: str, monkeypatch: pytest.MonkeyPatch, backend: None
) -> None:
    """In 16 bits a sum of halves stops growing at 256 or 2048; in float32 a thousand roundings would show."""
    set_chunks(monkeypatch, 1)
    rows = 5000
    layer_operands = [torch.ones(rows, 2), torch.zeros(1, 2), torch.zeros(1)]
    layer_operands = [each.to(dtype).requires_grad_() for each in layer_operands]
    loss = BCE(*layer_operands, torch.ones(rows, 1), reduction=reduction)
    _, by_matrix, by_bias = torch.autograd.grad(loss.sum(), layer_operands)
    expected = -0.5 * (1 if reduction == "mean" else rows)
    assert by_bias.item() == torch.tensor(expected, dtype=dtype).item()
    assert by_matrix[0, 0].item() == torch.tensor(expected, dtype=dtype).item()


def test_values_over_many_chunks_keep_their_digits(backend: None, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    set_chunks(monkeypatch, 1)
    torch.manual_seed(seed)
    features, matrix = 3 * torch.rand(3000, 1), torch.ones(1, 1)
    exact = functional.softplus(features.double()).sum().item()
    with torch.no_grad():
        loss = BCE(features, matrix, None, torch.zeros(3000, 1), reduction="sum")
    assert abs(loss.item() - exact) <= 2**-24 * exact


def test_a_small_float16_gradient_survives_loss_scaling(seed: int) -> None:
    """Derivatives below float16's smallest number: a scale on the loss must bring them back."""
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float16), torch.randint(0, CLASSES, (ROWS,))
    for case in CASES[0], CASES[4], CASES[8]:
        small = torch.autograd.grad(case.loss(*layer_operands, target, normalizer=1e9) * 1e9, layer_operands)
        plain = torch.autograd.grad(case.loss(*layer_operands, target, reduction="sum"), layer_operands)
        for one, other in zip(small, plain):
            assert one.dtype == torch.float16
            torch.testing.assert_close(one, other, rtol=2e-3, atol=1e-4)


@every_loss
@reductions
@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
def test_autocast(case: Case, reduction: str, inside: bool, given: torch.dtype, backend: None, seed: int) -> None:
    """The logits are those of the layer under autocast, and the gradients know it wherever they are made."""
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), case.target((ROWS,))
    layer_operands[0] = layer_operands[0].detach().to(given).requires_grad_()
    exact = [each.detach().bfloat16().double().requires_grad_() for each in layer_operands]
    rounded = functional.linear(*exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = functional.linear(*layer_operands)
        assert logits.dtype == torch.bfloat16
        loss = case.loss(*layer_operands, target, reduction=reduction)
        expected = case.expected(logits.double(), target, reduction)
    assert loss.dtype == (torch.bfloat16 if reduction == "none" else torch.float32)
    torch.testing.assert_close(loss.double(), expected, rtol=2**-8 if reduction == "none" else 1e-6, atol=1e-6)
    slopes = torch.autograd.grad(case.expected(rounded, target, reduction).sum(), exact)
    with torch.autocast("cpu", enabled=not inside, dtype=torch.float16):
        for _ in range(2):
            for create_graph in (False, True):
                ours = torch.autograd.grad(loss.sum(), layer_operands, retain_graph=True, create_graph=create_graph)
                for one, other, operand in zip(ours, slopes, layer_operands):
                    assert one.dtype == operand.dtype
                    torch.testing.assert_close(one.double(), other, rtol=0.05, atol=0.1)


@every_loss
@reductions
def test_a_backward_pass_inside_autocast(case: Case, reduction: str, backend: None, seed: int) -> None:
    """What is made again is made as it was, whatever autocast says by then."""
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), case.target((ROWS,))
    expected = case.expected(functional.linear(*layer_operands).double(), target, reduction).sum()
    slopes = torch.autograd.grad(expected, layer_operands)
    loss = case.loss(*layer_operands, target, reduction=reduction).sum()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for create_graph in (False, False, True):
            ours = torch.autograd.grad(loss, layer_operands, retain_graph=True, create_graph=create_graph)
            for one, other in zip(ours, slopes):
                torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_autocast_leaves_float64_alone(seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), CASES[0].target((ROWS,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = CE(*layer_operands, target)
    same(loss, CASES[0].expected(functional.linear(*layer_operands), target))


def test_a_target_of_more_digits_than_the_logits(backend: None, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), torch.rand(ROWS, CLASSES, dtype=torch.float64)
    loss = BCE(*layer_operands, target)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, binary(functional.linear(*layer_operands), target, {}).mean().float())
    assert all(each.dtype == torch.float32 for each in torch.autograd.grad(loss, layer_operands))


# -------------------------------------------------------------------------- transforms, compilers, diagnosis


@every_loss
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers say it of their own parts
def test_transforms(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = [each.detach() for each in operands((2, 7))], case.target((2, 7))
    features, matrix, shift = layer_operands

    def definition(x: Tensor, m: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return case.expected(functional.linear(x, m, b), t)

    for argument in range(3):
        same(grad(case.loss, argument)(*layer_operands, target), grad(definition, argument)(*layer_operands, target))
    single = [definition(x, matrix, shift, t) for x, t in zip(features, target)]
    same(vmap(case.loss, (0, None, None, 0))(*layer_operands, target), torch.stack(single))
    each = jacrev(lambda m: case.loss(features, m, shift, target, reduction="none"))(matrix)
    same(each, jacrev(lambda m: case.expected(functional.linear(features, m, shift), target, "none"))(matrix))


@every_loss
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("low", [False, True])
def test_compile_without_a_graph_break(case: Case, low: bool, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), case.target((ROWS,))
    torch._dynamo.reset()

    def step(x: Tensor, m: Tensor, b: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            return case.loss(x, m, b, target, normalizer=5.0)

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    precision = 0.05 if low else 1e-5
    torch.testing.assert_close(compiled(*layer_operands), step(*layer_operands), rtol=precision, atol=precision)
    ours, theirs = (torch.autograd.grad(run(*layer_operands), layer_operands) for run in (compiled, step))
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=precision, atol=precision)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_export_with_a_dynamic_batch(seed: int) -> None:
    torch.manual_seed(seed)
    case = CASES[8]

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.nn.Linear(FEATURES, CLASSES)

        def forward(self, features: Tensor, target: Tensor) -> Tensor:
            return case.loss(features, self.last.weight, self.last.bias, target)

    head, batch = Head(), torch.export.Dim("batch")
    given = torch.randn(ROWS, FEATURES), case.target((ROWS,))
    program = torch.export.export(head, given, dynamic_shapes={"features": {0: batch}, "target": {0: batch}})
    for rows in (ROWS, 5):
        some = [each[:rows] for each in given]
        torch.testing.assert_close(program.module()(*some), head(*some))


def test_diagnosis(seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), torch.randint(0, CLASSES, (ROWS,))
    with torch.no_grad():
        layer_operands[0][7, 2] = torch.nan
    name = "linear_cross_entropy_loss"
    with (
        detloss.doctor(),
        pytest.raises(detloss.NonFiniteLossError, match=rf"^{name}: .* at \[7\]: logits\[7\] holds nan"),
    ):
        CE(*layer_operands, target)
    with (
        detloss.validating(),
        pytest.raises(ValueError, match=rf"^{name}: logits\[7\]: expected logits that are not NaN"),
    ):
        CE(*layer_operands, target)
    target[9] = CLASSES
    layer_operands = operands()
    with detloss.validating(), pytest.raises(ValueError, match=rf"^{name}: target\[9\]: expected a class index in"):
        CE(*layer_operands, target)
    assert CE(*layer_operands, target).isnan()


# ------------------------------------------------------------------------------------------------------ memory


def sizes_of(loss: Loss, *given: Tensor, **options: object) -> list[int]:
    """How many numbers every piece of memory holds that a loss and its gradients ask for."""
    with Sizes() as made:
        result = loss(*given, **options)
        result.backward(torch.ones((), dtype=result.dtype).expand(result.shape))
    return made.sizes


@every_case
@reductions
def test_all_logits_never_exist(case: Case, reduction: str, seed: int) -> None:
    torch.manual_seed(seed)
    target, options = case.target((ROWS,)), {**case.options, "reduction": reduction}
    for weight in weights(case):
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
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
        assert (made.sizes == without.sizes) == (reduction == "none")  # whose gradients wait for the backward pass


def test_no_more_than_a_chunk_of_logits_exists(backend: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    rows, classes, wide = 2000, 1203, 8
    layer_operands = [torch.randn(shape, requires_grad=True) for shape in ((rows, wide), (classes, wide), (classes,))]
    target = torch.randint(0, classes, (rows,))
    chunk = layer.LOGITS_AT_ONCE[detloss.backends()["cpu"]]
    for loss, weight in ((CE, torch.rand(rows)), (BCE, torch.rand(1, classes)), (FOCAL, torch.rand(rows, 1))):
        assert chunk / 2 < max(sizes_of(loss, *layer_operands, target, weight=weight)) <= chunk
    assert chunk / 2 < max(sizes_of(CE, *layer_operands, target, reduction="none")) <= chunk


def test_every_backend_has_its_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert {name for served in AVAILABLE.values() for name in served} <= layer.LOGITS_AT_ONCE.keys()
    with detloss.use_backend("eager"):
        for device, least in (("cpu", 24), ("meta", 768)):
            layers = [torch.empty(classes, 2, device=device) for classes in (0, 1, 1203, 10**6)]
            assert [layer.rows_at_once(each) for each in layers] == [30_000, 30_000, least, least]


@every_loss
def test_on_a_device_without_memory(case: Case) -> None:
    layer_operands = [each.detach().to("meta").requires_grad_() for each in operands((200,))]
    loss = case.loss(*layer_operands, torch.zeros(200, dtype=torch.int64, device="meta"))
    loss.backward()
    assert [each.grad.shape for each in layer_operands] == [each.shape for each in layer_operands]


# ------------------------------------------------------------------------------------------------------ errors

X, M, B, T = torch.rand(3, 4), torch.rand(5, 4), torch.rand(5), torch.tensor([0, 1, 2])


@every_loss
@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (([[1.0]], M, B, T), TypeError, "features: expected a tensor, got list"),
        ((X.long(), M, B, T), TypeError, "features: expected a floating dtype, got torch.int64"),
        ((X[0, 0], M, B, T[0]), ValueError, "features: expected (..., F), got ()"),
        ((X, None, B, T), TypeError, "layer_weight: expected a tensor, got NoneType"),
        ((X, M.int(), B, T), TypeError, "layer_weight: expected a floating dtype, got torch.int32"),
        ((X, M.double(), B, T), TypeError, "layer_weight: expected torch.float32 like features, got torch.float64"),
        ((X, M.to("meta"), B, T), ValueError, "layer_weight: expected on cpu like features, got on meta"),
        ((X, M.T, B, T), ValueError, "layer_weight: expected (C, 4) for features (3, 4), got (4, 5)"),
        ((X, M[0], B, T), ValueError, "layer_weight: expected (C, 4) for features (3, 4), got (4,)"),
        ((X, M, 0.0, T), TypeError, "layer_bias: expected a tensor, got float"),
        ((X, M, B.bool(), T), TypeError, "layer_bias: expected a floating dtype, got torch.bool"),
        ((X, M, B.half(), T), TypeError, "layer_bias: expected torch.float32 like features, got torch.float16"),
        ((X, M, B.to("meta"), T), ValueError, "layer_bias: expected on cpu like features, got on meta"),
        ((X, M, B[:4], T), ValueError, "layer_bias: expected (5,) for layer_weight (5, 4), got (4,)"),
        ((X, M, B[None], T), ValueError, "layer_bias: expected (5,) for layer_weight (5, 4), got (1, 5)"),
        ((X, M, B, [0]), TypeError, "target: expected a tensor, got list"),
        ((X, M, B, T.to("meta")), ValueError, "target: expected on cpu like logits, got on meta"),
    ],
)
def test_operand_messages(case: Case, given: tuple, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        case.loss(*given)


@every_loss
def test_autocast_takes_any_dtype_but_not_float64_among_others(case: Case) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert case.loss(X.half(), M, B.bfloat16(), T).isfinite()
        message = "layer_weight: expected torch.float32 like features, got torch.float64"
        with pytest.raises(TypeError, match=f"^{message}$"):
            case.loss(X, M.double(), B, T)


@every_loss
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"reduction": "avg"}, ValueError, "reduction: expected 'none', 'sum' or 'mean', got 'avg'"),
        (
            {"reduction": "sum", "normalizer": 2.0},
            ValueError,
            "normalizer: expected None with reduction='sum', since only a mean divides, got a value",
        ),
        ({"normalizer": -1}, ValueError, "normalizer: expected a finite number of at least 0, got -1"),
        ({"weight": [1.0]}, TypeError, "weight: expected a number or a tensor, got list"),
        ({"ignore_index": 1.0}, TypeError, "ignore_index: expected an integer, got float"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing: expected a finite number in [0, 1], got 2"),
    ],
)
def test_option_messages(case: Case, options: dict, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        case.loss(X, M, B, T, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: CE(X, M, B, T[:2]),
            "target: expected class indices (3,) or probabilities (3, 5) for logits (3, 5), got (2,)",
        ),
        (
            lambda: BCE(X, M, B, X),
            "target: expected class indices (3,) or 0/1 or soft values (3, 5) for logits (3, 5), got (3, 4)",
        ),
        (lambda: CE(X, M, B, T, class_weight=[1, 2]), "class_weight: expected one value a class, (5,), got (2,)"),
        (lambda: FOCAL(X, M, B, T, alpha=1.5), "alpha: expected a finite number in [0, 1], got 1.5"),
        (lambda: FOCAL(X, M, B, T, gamma=-1), "gamma: expected a finite number of at least 0, got -1"),
        (
            lambda: FOCAL(X, M, B, torch.rand(3, 5), ignore_index=1),
            "ignore_index: expected None with targets that are not class indices, got a value",
        ),
        (
            lambda: BCE(X, M, B, T, weight=torch.ones(3)),
            "weight: expected a scalar or a shape that broadcasts to the unreduced loss (3, 5) dimension by dimension, "
            "got (3,) (try weight[:, None])",
        ),
    ],
)
def test_shape_and_range_messages(call: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
