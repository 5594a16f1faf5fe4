"""Cuboids and polytopes in C++ against eager: values and both gradients, with ties and without height, of every dtype."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Cuboid, Mixed, Overlap, Polytope, kernels
from detloss.geometry import Geometry, Shape
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
SHAPES: tuple[Shape, ...] = (Cuboid(), Polytope())
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
COUNT = 203  # fills no register
MOST = 35  # of the slower polytopes


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


def as_shape(shape: Shape, rows: Tensor) -> Tensor:
    """Cuboids as rows of a shape."""
    if shape == Cuboid():
        return rows
    center, sides, yaw = rows[:MOST].split((3, 3, 1), -1)
    cosine, sine, zero, one = yaw.cos(), yaw.sin(), torch.zeros_like(yaw), torch.ones_like(yaw)
    rotation = torch.cat((cosine, -sine, zero, sine, cosine, zero, zero, zero, one), -1).view(-1, 3, 3)
    return center.unsqueeze(-2) + random_polytopes.vertices(torch.zeros_like(center), sides, rotation)


def results(backend: str, loss: Loss, geometry: Geometry, rows: tuple[Tensor, ...], **options: object) -> list[Tensor]:
    """The value and both gradients."""
    leaves = [each.clone().requires_grad_() for each in rows]
    with detloss.use_backend(backend):
        value = loss(*leaves, geometry=geometry, **options)
        return [value.detach(), *torch.autograd.grad(value.sum(), leaves)]


def times_extent(gradient: Tensor, rows: Tensor) -> Tensor:
    """The gradient by a length times the extent of the shape, a number near 1, and that by a yaw."""
    rows, gradient = rows.double(), gradient.double()
    if rows.dim() == 2:
        extent = rows[:, 3:6].abs().amax(-1, keepdim=True)
        return torch.cat((gradient[:, :6] * extent, gradient[:, 6:]), -1)
    return (gradient * (rows.amax(-2, keepdim=True) - rows.amin(-2, keepdim=True)).amax(-1, keepdim=True)).flatten(-2)


def agree(loss: Loss, geometry: Geometry, rows: tuple[Tensor, ...], **options: object) -> None:
    value, *gradients = results("cpp", loss, geometry, rows, **options)
    expected, *others = results("eager", loss, geometry, rows, **options)
    unit = torch.finfo(value.dtype).eps
    torch.testing.assert_close(value, expected, rtol=64 * unit, atol=16 * unit)
    for one, other, given in zip(gradients, others, rows, strict=True):
        assert one.dtype == other.dtype
        found, wanted = times_extent(one, given), times_extent(other, given)
        largest = wanted.abs().amax(-1, keepdim=True).clamp(min=1.0)
        assert ((found - wanted).abs() <= 1024 * torch.finfo(one.dtype).eps * largest).all()


@every_loss
@every_shape
@pytest.mark.parametrize("family", FAMILIES)
def test_values_and_gradients(family: str, shape: Shape, name: str, seed: int) -> None:
    rows = tuple(as_shape(shape, each) for each in FAMILIES[family](seed))
    agree(LOSSES[name], shape, rows, reduction="none")


@every_loss
@pytest.mark.parametrize(("first", "second"), [(4, 4), (5, 11), (16, 9), (16, 16), (17, 4)])
def test_polytopes_of_any_number_of_vertices(first: int, second: int, name: str, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = tuple(random_polytopes.sphere(9, points, generator) for points in (first, second))
    agree(LOSSES[name], Polytope(), rows, reduction="none")


@every_loss
@every_shape
@pytest.mark.parametrize(
    "dtypes", [(torch.float32,) * 2, (torch.bfloat16, torch.float32), (torch.float64, torch.float16)]
)
def test_dtypes(dtypes: tuple[torch.dtype, torch.dtype], shape: Shape, name: str, seed: int) -> None:
    rows = tuple(as_shape(shape, each).to(dtype) for each, dtype in zip(random_pairs(seed), dtypes))
    agree(LOSSES[name], shape, rows, reduction="none")


@every_loss
@every_shape
def test_weights_and_reductions(shape: Shape, name: str, seed: int) -> None:
    rows = tuple(as_shape(shape, each) for each in random_pairs(seed))
    weight = torch.rand(len(rows[0]), generator=torch.Generator().manual_seed(seed)).mul(3).floor()
    for reduction in ("none", "sum", "mean"):
        agree(LOSSES[name], shape, rows, weight=weight, reduction=reduction)


@every_shape
def test_similarities_of_all_pairs(shape: Shape, seed: int) -> None:
    a, b = (as_shape(shape, each) for each in random_pairs(seed))
    for measure in (detloss.iou, detloss.generalized_iou, detloss.distance_iou):
        agree(partial(measure, pairwise=True), shape, (a[:5], b[:7]))


@pytest.mark.parametrize(
    ("geometry", "corners", "served"),
    [
        (Cuboid(), 8, True),
        (Polytope(), 16, True),
        (Polytope(), 17, False),
        (Mixed(Cuboid(), Polytope()), 8, False),
    ],
    ids=str,
)
def test_shapes_that_are_served(
    geometry: Geometry, corners: int, served: bool, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    evaluate = cpp.Plan.evaluate
    monkeypatch.setattr(cpp.Plan, "evaluate", lambda *given: calls.append(given) or evaluate(*given))
    generator = torch.Generator().manual_seed(seed)
    cuboids, polytopes = random_polytopes.cuboids(3, generator), random_polytopes.sphere(3, corners, generator)
    shapes = (geometry.first, geometry.second) if isinstance(geometry, Mixed) else (geometry, geometry)
    detloss.iou_loss(*(cuboids if shape == Cuboid() else polytopes for shape in shapes), geometry=geometry)
    assert bool(calls) == served
