"""Sharded classes in two real processes: losses and gradients are those of one process with all classes."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor
from torch.nn import functional

import detloss
from tests.support.class_indices import unread_classes
from tests.support.distributed import RANKS, on_two_ranks

CALLS = 40
PAIRS: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "cross_entropy": (detloss.sharded_cross_entropy_loss, detloss.cross_entropy_loss),
    "binary": (detloss.sharded_binary_cross_entropy_loss, detloss.binary_cross_entropy_loss),
    "focal": (detloss.sharded_sigmoid_focal_loss, detloss.sigmoid_focal_loss),
}

Call = tuple[str, Tensor, Tensor, dict[str, Any]]


def drawn(rng: Random) -> Call:
    """A loss with operands and options, the same on every rank."""
    generator = torch.Generator().manual_seed(rng.getrandbits(40))
    name, classes, rows = rng.choice(list(PAIRS)), rng.choice((1, 2, 3, 5, 8, 17)), rng.choice(((7,), (2, 3), ()))
    row = name == "cross_entropy"
    logits = 5 * torch.randn(*rows, classes, generator=generator, dtype=rng.choice((torch.float32, torch.float64)))
    if rng.random() < 0.3:
        logits = logits.round()  # so that the largest is on both ranks
    if rng.random() < 0.3:
        extremes = torch.tensor([torch.nan, torch.inf, -torch.inf, 1e4])
        at = torch.rand(logits.shape, generator=generator) < 0.05
        logits = torch.where(at, extremes[rng.randrange(4)].to(logits.dtype), logits)
    options: dict[str, Any] = {"reduction": rng.choice(("none", "sum", "mean"))}
    options["label_smoothing"] = rng.choice((0.0, 0.2))
    if rng.random() < 0.6:
        target = torch.randint(-1 if rng.random() < 0.2 else 0, classes + (not row), rows, generator=generator)
        options["ignore_index"] = rng.choice((0, classes - 1, -100) if row else (None, 0, classes))
    else:
        target = torch.rand(*rows, classes, generator=generator, dtype=logits.dtype)
    each = torch.rand(classes, generator=generator, dtype=torch.float64)
    if row:
        options["class_weight"] = rng.choice((None, torch.tensor(0.5), each, each.tolist()))
        options["poly"] = rng.choice((0.0, 0.0, -1.0, 2.0))
        options["logit_offset"] = rng.choice((None, each, each.tolist()))
        options["margin"] = None if target.is_floating_point() else rng.choice((None, 0.5, each))
    if name == "focal":
        options |= {"alpha": rng.choice((None, 0.3, each, each.tolist())), "gamma": rng.choice((0.0, 1.5, 2.0))}
    entries = logits.shape[:-1] if row else logits.shape
    weight = torch.rand([rng.choice((1, size)) for size in entries], generator=generator).round(decimals=1)
    options["weight"] = rng.choice((None, 0.7, torch.tensor(0.4), weight if entries else None))
    if options["reduction"] == "mean":
        options["normalizer"] = rng.choice((None, 3.7, torch.tensor(2.0)))
    return name, logits, target, options


def plain(value: Tensor) -> Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else value


def result(loss: Callable[..., Tensor], logits: Tensor, target: Tensor, options: dict[str, Any]) -> list[Tensor]:
    """The value, and the gradient by the logits of a weighted sum with a different weight for every element."""
    logits = logits.detach().requires_grad_()
    value = loss(logits, target, **options)
    factor = 1.0 + torch.arange(value.numel(), dtype=value.dtype).reshape(value.shape)
    if isinstance(value, DTensor):
        factor = distribute_tensor(factor, value.device_mesh, value.placements)
    (gradient,) = torch.autograd.grad((value * factor).sum(), logits)
    return [plain(value).detach(), plain(gradient)]


def work(rank: int, seed: int) -> tuple[list[list[Tensor]], list[str]]:
    mesh = init_device_mesh("cpu", (RANKS,))
    rng, results = Random(seed), []
    with unread_classes():
        for _ in range(CALLS):
            name, logits, target, options = drawn(rng)
            sharded = distribute_tensor(logits, mesh, [Shard(logits.dim() - 1)])
            results.append(result(PAIRS[name][0], sharded, target, options))
    return results, refusals(mesh)


def refusals(mesh: Any) -> list[str]:
    """Error messages of operands that do not fit."""
    logits, target = torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64)
    by_class, whole = distribute_tensor(logits, mesh, [Shard(1)]), distribute_tensor(logits, mesh, [Replicate()])
    uneven = torch.zeros(4, 2 if mesh.get_rank() else 4)
    uneven = DTensor.from_local(uneven, mesh, [Shard(1)], run_check=False, shape=logits.shape, stride=logits.stride())
    twice = by_class.detach().requires_grad_()
    calls: list[Callable[[], Any]] = [
        lambda: detloss.sharded_cross_entropy_loss(logits, target),
        lambda: detloss.sharded_cross_entropy_loss(whole, target),
        lambda: detloss.sharded_cross_entropy_loss(uneven, target),
        lambda: detloss.sharded_cross_entropy_loss(by_class, by_class),
        lambda: detloss.sharded_cross_entropy_loss(by_class, torch.rand(4, 6).requires_grad_()),
        lambda: detloss.sharded_cross_entropy_loss(by_class, target, class_weight=[1.0, 2.0, 3.0]),
        lambda: detloss.sharded_sigmoid_focal_loss(by_class, target, alpha=[0.5, 0.5, 0.5]),
        lambda: detloss.sharded_sigmoid_focal_loss(by_class, target, weight=torch.ones(4)),
        lambda: detloss.sharded_binary_cross_entropy_loss(by_class, target[:3]),
        lambda: detloss.sharded_cross_entropy_loss(by_class, target + 6),
        lambda: detloss.sharded_binary_cross_entropy_loss(by_class, target + 7),
        lambda: detloss.sharded_sigmoid_focal_loss(
            by_class, target - 1, weight=torch.tensor([[0.0], [1.0]]).repeat(2, 1)
        ),
        lambda: torch.autograd.grad(detloss.sharded_cross_entropy_loss(twice, target), twice, create_graph=True),
    ]
    said = []
    for call in calls:
        with pytest.raises((TypeError, ValueError, NotImplementedError)) as error:
            call()
        said.append(f"{error.type.__name__}: {error.value}")
    return said


SAID = [
    "TypeError: logits: expected a DTensor, sharded by class, got Tensor",
    "ValueError: logits: expected the last of 2 dimensions sharded, in one dimension of the mesh, and no other, "
    "got (Replicate(),)",
    "ValueError: logits: expected 3 of 6 classes on this rank, as torch shards them, got ",
    "TypeError: target: expected an ordinary tensor, the same on every rank, got a DTensor",
    "ValueError: target: expected a constant, got a tensor that requires grad (try target.detach())",
    "ValueError: class_weight: expected shape (6,), one value per class, got (3,)",
    "ValueError: alpha: expected shape (6,), one value per class, got (3,)",
    "ValueError: weight: expected a scalar or a shape that broadcasts to the unreduced loss (4, 6) dimension by "
    "dimension, got (4,) (try weight[:, None])",
    "ValueError: target: expected class indices (4,) or 0/1 or soft values (4, 6) for logits (4, 6), got (3,)",
    "ValueError: target[0]: expected a class index in [0, 5] or ignore_index -100, got 6",
    "ValueError: target[0]: expected a class index in [0, 6], got 7",
    "ValueError: target[1]: expected a class index in [0, 6], got -1 (ignore_index=-1 excludes such rows)",
    "NotImplementedError: logits: expected no derivatives of derivatives of sharded classes",
]


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_processes_equal_one(tmp_path: Path, seed: int) -> None:
    ranks = on_two_ranks(work, seed, folder=tmp_path)
    rng = Random(seed)
    for k in range(CALLS):
        name, logits, target, options = call = drawn(rng)
        with unread_classes():
            expected = result(PAIRS[name][1], logits, target, options)
        tolerance = 1e-12 if logits.dtype == torch.float64 else 2e-6
        describe = "value and gradient of call {k}, {call}".format
        for results, _ in ranks:
            same = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
            torch.testing.assert_close(results[k], expected, msg=describe(k=k, call=call), **same)
    for _, said in ranks:
        assert all(ours.startswith(expected) for ours, expected in zip(said, SAID, strict=True)), said


def test_torch_gives_the_same(tmp_path: Path, seed: int) -> None:
    """One rank with all classes, against torch's functions."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        torch.manual_seed(seed)
        logits, target = torch.randn(9, 5, dtype=torch.float64), torch.randint(0, 5, (9,))
        sharded = distribute_tensor(logits, mesh, [Shard(1)])
        torch.testing.assert_close(
            detloss.sharded_cross_entropy_loss(sharded, target, label_smoothing=0.1),
            functional.cross_entropy(logits, target, label_smoothing=0.1),
        )
        torch.testing.assert_close(
            detloss.sharded_binary_cross_entropy_loss(sharded, target),
            functional.binary_cross_entropy_with_logits(logits, functional.one_hot(target, 5).double()),
        )
    finally:
        distributed.destroy_process_group()
