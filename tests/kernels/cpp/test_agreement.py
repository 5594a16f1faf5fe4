"""The C++ backend against eager, for every loss and every memory layout."""

from collections.abc import Callable
from random import Random

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Overlap, kernels
from tests.support.class_indices import unread_classes
from tests.support.loss_table import TABLE, Row
from tests.support.marks import exhaustive_except

pytestmark = pytest.mark.skipif("cpp" not in kernels.AVAILABLE["cpu"], reason="installed without a C++ compiler")
every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
EXACT = {"l1", "l2", "iou", "giou", "diou"}  # calculated with the same operations in the same order as eager


def as_it_is(x: Tensor) -> Tensor:
    return x.clone()


def transposed(x: Tensor) -> Tensor:
    return x.t().contiguous().t()


def stepped(x: Tensor) -> Tensor:
    return x.repeat_interleave(3, 0)[1::3]


def offset(x: Tensor) -> Tensor:
    return torch.cat([x.new_zeros(1), x.flatten()])[1:].view_as(x)


def inner_slice(x: Tensor) -> Tensor:
    return torch.cat([x, x], 1)[:, : x.shape[1]]


LAYOUTS = (as_it_is, transposed, stepped, offset, inner_slice)
SIZES = (1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 255, 256, 257, 511, 513, 4097)


def inputs(row: Row, rows: int, seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The requested number of rows, drawn a dozen at a time."""
    drawn = [row.inputs(seed + k) for k in range(-(-rows // 12))]
    pred, target = (torch.cat([each.detach() for each in column])[:rows] for column in zip(*drawn))
    return pred.to(dtype), target.to(dtype) if target.is_floating_point() else target


def results(row: Row, backend: str, pred: Tensor, target: Tensor, **options: object) -> list[Tensor]:
    """The value and every gradient on one backend."""
    with detloss.use_backend(backend):
        leaves = [
            x.detach().requires_grad_(x.is_floating_point() and (k == 0 or row.soft_target))
            for k, x in enumerate((pred, target))
        ]
        value = row(*leaves, **options)
        differentiable = [leaf for leaf in leaves if leaf.requires_grad]
        return [value.detach(), *torch.autograd.grad(value.sum(), differentiable)]


def agree(row: Row, pred: Tensor, target: Tensor, **options: object) -> None:
    """Equal bits for the same arithmetic, else within a few units in the last place."""
    ours, theirs = (results(row, name, pred, target, **options) for name in ("cpp", "eager"))
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        if row.name in EXACT and options.get("reduction") == "none":
            assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))
        else:
            # Gradients of boxes and of soft targets cancel: compared with their own scale.
            scale = other.double()[other.isfinite()].abs().max().item() if other.isfinite().any() else 0.0
            unit = torch.finfo(one.dtype).eps
            torch.testing.assert_close(one, other, rtol=64 * unit, atol=16 * unit * scale, equal_nan=True)


@every_loss
@pytest.mark.parametrize("layout", exhaustive_except(LAYOUTS, lambda layout: layout is transposed))
def test_layouts_and_sizes(row: Row, layout: Callable[[Tensor], Tensor], seed: int) -> None:
    rng = Random(seed)
    for rows in rng.sample(SIZES, 5):
        dtype = rng.choice((torch.float64, torch.float32, torch.bfloat16, torch.float16))
        pred, target = inputs(row, rows, seed, dtype)
        other = rng.choice(LAYOUTS) if target.dim() == 2 else as_it_is
        for reduction in ("none", "sum", "mean"):
            agree(row, layout(pred), other(target), reduction=reduction)


@every_loss
def test_mixed_dtypes(row: Row, seed: int) -> None:
    rng = Random(seed)
    for _ in range(6):
        one, other = (rng.choice((torch.float64, torch.float32, torch.bfloat16, torch.float16)) for _ in range(2))
        pred, target = inputs(row, 37, seed, one)
        agree(row, pred, target.to(other) if target.is_floating_point() else target.to(torch.int32), reduction="sum")


@every_loss
def test_weights_and_normalizers(row: Row, seed: int) -> None:
    pred, target = inputs(row, 70, seed, torch.float32)
    shape = pred.shape[:1] if row.per_row else pred.shape
    generator = torch.Generator().manual_seed(seed)
    each = torch.rand(shape, generator=generator).mul(3).floor()
    broad = torch.rand((70,) if row.per_row else (70, 1), generator=generator, dtype=torch.float64)
    for weight in (each, broad, torch.tensor(0.5), 2.0, torch.tensor(3.0).expand(shape)):
        agree(row, pred, target, weight=weight, reduction="none")
        for normalizer in (7.5, torch.tensor(3), 0.0, 1e-30):
            agree(row, pred, target, weight=weight, reduction="mean", normalizer=normalizer)


@every_loss
def test_entries_that_are_not_finite(row: Row, seed: int) -> None:
    pred, target = inputs(row, 40, seed, torch.float32)
    pred[3, 1], pred[5, 0], pred[9] = torch.nan, torch.inf, -torch.inf
    agree(row, pred, target, reduction="none")
    weight = torch.ones(40, *[1] * (not row.per_row))
    weight[[3, 5, 9]] = 0.0
    ours = results(row, "cpp", pred, target, weight=weight, reduction="sum")
    assert all(part.isfinite().all() for part in ours)


@pytest.mark.parametrize("threads", [2, 3, 7])
@every_loss
def test_threads_do_not_change_a_bit(row: Row, threads: int, seed: int) -> None:
    pred, target = inputs(row, 12, seed, torch.float32)
    pred = pred.repeat(2500, 1) + torch.rand(30_000, 1, generator=torch.Generator().manual_seed(seed))
    target = target.repeat(2500, *[1] * (target.dim() - 1))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = results(row, "cpp", pred, target, reduction="sum")
        torch.set_num_threads(threads)
        together = results(row, "cpp", pred, target, reduction="sum")
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(alone, together))


@pytest.mark.parametrize("name", ["binary_cross_entropy_loss", "balanced_cross_entropy_loss", "sigmoid_focal_loss"])
def test_class_indices(name: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    loss = getattr(detloss, name)
    for rows, classes in ((1, 1), (5, 3), (700, 7), (33, 80), (3, 5000)):
        logits = 4 * torch.randn(rows, classes, generator=generator)
        target = torch.randint(0, classes + 1, (rows,), generator=generator)
        target[:1], target[1:2] = -100, classes + 3
        options = {} if name.startswith("binary") else {"alpha": torch.rand(classes, generator=generator)}
        for reduction in ("none", "mean"):
            found = []
            for backend in ("cpp", "eager"):
                with detloss.use_backend(backend), unread_classes():
                    leaf = logits.clone().requires_grad_()
                    value = loss(leaf, target, ignore_index=-100, label_smoothing=0.1, reduction=reduction, **options)
                    found.append((value.detach(), torch.autograd.grad(value.sum(), leaf)[0]))
            for one, other in zip(*found):
                torch.testing.assert_close(one, other, rtol=2e-6, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("classes", [1, 2, 5, 15, 16, 17, 81, 700, 5000])
def test_rows_of_every_length(classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(37, classes, generator=generator)
    target = torch.randint(0, classes, (37,), generator=generator)
    target[0], target[1] = -100, classes
    weight = torch.rand(classes, generator=generator)
    for smoothing in (0.0, 0.1):
        found = []
        for backend in ("cpp", "eager"):
            with detloss.use_backend(backend), unread_classes():
                leaf = logits.clone().requires_grad_()
                value = detloss.cross_entropy_loss(
                    leaf, target, class_weight=weight, label_smoothing=smoothing, reduction="none"
                )
                found.append((value.detach(), torch.autograd.grad(value.sum(), leaf)[0]))
        for one, other in zip(*found):
            torch.testing.assert_close(one, other, rtol=2e-6, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("dims", [1, 2, 3, 4])
@pytest.mark.parametrize("form", ["xyxy", "xywh", "cxcywh", "ltrb"])
def test_boxes_of_every_format_and_pairwise_measures(form: str, dims: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    low, size = torch.rand(2, 2, 3, 21, dims, generator=generator)
    second = low + size if form == "xyxy" else size
    a, b = torch.cat([low, second], -1)
    geometry = detloss.AxisAligned(form, dims)
    for measure in (detloss.iou, detloss.generalized_iou, detloss.distance_iou):
        found = []
        for backend in ("cpp", "eager"):
            with detloss.use_backend(backend):
                leaves = a.clone().requires_grad_(), b[:, :8].clone().requires_grad_()
                value = measure(*leaves, geometry=geometry, pairwise=True)
                found.append((value.detach(), *torch.autograd.grad(value.sum(), leaves)))
        for one, other in zip(*found):
            assert torch.equal(one, other)


@pytest.mark.parametrize("overlap", [Overlap(power=3.0, interval=(0.1, 0.9)), Overlap(inner=0.75)], ids=str)
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("form", ["xyxy", "cxcywh"])
def test_modifiers_in_every_format(form: str, dims: int, overlap: Overlap, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    low, size = torch.rand(2, 2, 37, dims, generator=generator, dtype=torch.float64)
    a, b = torch.cat([low, low + size if form == "xyxy" else size], -1)
    options = {"geometry": detloss.AxisAligned(form, dims), "overlap": overlap, "reduction": "none"}
    for loss in (detloss.iou_loss, detloss.generalized_iou_loss, detloss.distance_iou_loss):
        found = []
        for backend in ("cpp", "eager"):
            with detloss.use_backend(backend):
                leaves = a.clone().requires_grad_(), b.clone().requires_grad_()
                value = loss(*leaves, **options)
                found.append((value.detach(), *torch.autograd.grad(value.sum(), leaves)))
        for one, other in zip(*found):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-13)
