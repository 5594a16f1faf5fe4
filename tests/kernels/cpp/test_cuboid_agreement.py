"""Cuboids on the C++ backend against eager: values and both gradients, with ties and without height, of every dtype."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Cuboid, Overlap, kernels
from detloss.kernels import cpp
from tests.support import random_polytopes

pytestmark = pytest.mark.skipif("cpp" not in kernels.AVAILABLE["cpu"], reason="installed without a C++ compiler")
Loss = Callable[..., Tensor]
LOSSES: dict[str, Loss] = {
    "iou": detloss.iou_loss,
    "giou": detloss.generalized_iou_loss,
    "giou by box": partial(detloss.generalized_iou_loss, enclosing="box"),
    "diou": detloss.distance_iou_loss,
    "focaler": partial(detloss.iou_loss, overlap=Overlap(power=2.0, interval=(0.1, 0.9))),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
COUNT = 203  # fills no register


def changed(column: int, number: float, seed: int) -> tuple[Tensor, Tensor]:
    """Pairs of which the first cuboids have one number in common."""
    a, b = random_pairs(seed)
    a[:, column] = number
    return a, b


def random_pairs(seed: int, scale: float = 1.0, shift: float = 0.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, b = (random_polytopes.cuboids(COUNT, generator) for _ in range(2))
    for rows in (a, b):
        rows[:, :6] *= scale
        rows[:, :3] += shift
    return a, b


def upright(name: str, seed: int) -> tuple[Tensor, Tensor]:
    """Boxes on a grid, or that touch, share faces or nearly coincide; at yaw 0, where the ties are exact."""
    generator = torch.Generator().manual_seed(seed)
    pairs = random_polytopes.grid(generator, 100) if name == "grid" else random_polytopes.TIES[name]
    first, second = (torch.cat(random_polytopes.center_and_sides([pair[k] for pair in pairs]), -1) for k in (0, 1))
    return torch.nn.functional.pad(first, (0, 1)), torch.nn.functional.pad(second, (0, 1))


FAMILIES: dict[str, Callable[[int], tuple[Tensor, Tensor]]] = {
    "random": random_pairs,
    "far away": partial(random_pairs, shift=1e5),
    "tiny": partial(random_pairs, scale=1e-80),
    "huge": partial(random_pairs, scale=1e80),
    "apart": partial(changed, 2, 7.0),
    "without height": partial(changed, 5, 0.0),
    "of negative height": partial(changed, 5, -1.0),
    **{name: partial(upright, name) for name in [*random_polytopes.TIES, "grid"]},
}


def results(backend: str, loss: Loss, rows: tuple[Tensor, Tensor], **options: object) -> list[Tensor]:
    """The value and both gradients."""
    leaves = [each.clone().requires_grad_() for each in rows]
    with detloss.use_backend(backend):
        value = loss(*leaves, geometry=Cuboid(), **options)
        return [value.detach(), *torch.autograd.grad(value.sum(), leaves)]


def agree(loss: Loss, rows: tuple[Tensor, Tensor], **options: object) -> None:
    """The gradient by a length is compared times the cuboid's extent, a number near 1."""
    value, *gradients = results("cpp", loss, rows, **options)
    expected, *others = results("eager", loss, rows, **options)
    unit = torch.finfo(value.dtype).eps
    torch.testing.assert_close(value, expected, rtol=64 * unit, atol=16 * unit)
    for one, other, given in zip(gradients, others, rows, strict=True):
        assert one.dtype == other.dtype
        extent = given[:, 3:6].double().abs().amax(-1, keepdim=True)
        found, wanted = (torch.cat((each[:, :6] * extent, each[:, 6:]), -1) for each in (one, other))
        largest = wanted.abs().amax(-1, keepdim=True).clamp(min=1.0)
        assert ((found - wanted).abs() <= 512 * torch.finfo(one.dtype).eps * largest).all()


@every_loss
@pytest.mark.parametrize("family", FAMILIES)
def test_values_and_gradients(family: str, name: str, seed: int) -> None:
    agree(LOSSES[name], FAMILIES[family](seed), reduction="none")


@every_loss
@pytest.mark.parametrize(
    "dtypes", [(torch.float32,) * 2, (torch.bfloat16, torch.float32), (torch.float64, torch.float16)]
)
def test_dtypes(dtypes: tuple[torch.dtype, torch.dtype], name: str, seed: int) -> None:
    first, second = (rows.to(dtype) for rows, dtype in zip(random_pairs(seed), dtypes))
    agree(LOSSES[name], (first, second), reduction="none")


@every_loss
def test_weights_and_reductions(name: str, seed: int) -> None:
    rows = random_pairs(seed)
    weight = torch.rand(COUNT, generator=torch.Generator().manual_seed(seed)).mul(3).floor()
    for reduction in ("none", "sum", "mean"):
        agree(LOSSES[name], rows, weight=weight, reduction=reduction)


def test_similarities_of_all_pairs(seed: int) -> None:
    a, b = random_pairs(seed)
    for measure in (detloss.iou, detloss.generalized_iou, detloss.distance_iou):
        agree(partial(measure, pairwise=True), (a[:13], b[:21]))


def test_cuboids_are_served(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    evaluate = cpp.Plan.evaluate
    monkeypatch.setattr(cpp.Plan, "evaluate", lambda *given: calls.append(given) or evaluate(*given))
    detloss.iou_loss(*random_pairs(seed), geometry=Cuboid())
    assert len(calls) == 1
