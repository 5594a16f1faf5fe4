"""Upright cuboids against exact values, an oracle in fractions, and axis-aligned boxes."""

import math
from fractions import Fraction
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss
from detloss.auditing.oracle import exact_polytopes as polytopes
from detloss.geometry import AxisAligned, Cuboid, Mixed
from tests.support import random_polytopes
from tests.support.marks import quick_and_exhaustive

pytestmark = pytest.mark.usefixtures("each_backend")
LOSSES = {"iou": detloss.iou_loss, "giou": detloss.generalized_iou_loss, "diou": detloss.distance_iou_loss}
WORST = dict.fromkeys([*random_polytopes.TIES, "grid"], 1e-11)  # measured: 4e-13 at most
in_one_direction_or_all = pytest.mark.parametrize("in_one_direction", quick_and_exhaustive(True, False))


def generator_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loss(name: str, a: Tensor, b: Tensor, geometry: object = Cuboid(), **options: object) -> Tensor:
    return LOSSES[name](a, b, geometry=geometry, reduction="none", **options)  # type: ignore[arg-type]


def row(*numbers: float) -> Tensor:
    return torch.tensor([numbers], dtype=torch.float64)


def exact(first: Tensor, second: Tensor, enclosing: str = "hull") -> dict[str, float]:
    """The oracle's results for two rows."""
    points = [polytopes.cuboid([Fraction(number) for number in numbers.tolist()]) for numbers in (first, second)]
    return {name: float(value) for name, value in polytopes.losses(points[0], points[1], enclosing).items()}


def test_rotated_by_45_degrees() -> None:
    shared = 2.0 * (math.sqrt(2.0) - 1.0)
    rotated = row(0.0, 0.0, 0.5, 1.0, 1.0, 1.0, math.pi / 4)  # and raised by a half
    iou = detloss.iou(row(0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0), rotated, geometry=Cuboid())
    assert iou.item() == pytest.approx(0.5 * shared / (2.0 - 0.5 * shared), abs=1e-14)


def test_hull_of_two_squares_one_above_the_other() -> None:
    flat, higher = row(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0), row(0.0, 0.0, 3.0, 1.0, 1.0, 0.0, math.pi / 2)
    cube = row(0.0, 0.0, 1.5, 1.0, 1.0, 3.0, 0.0)
    assert loss("giou", flat, higher).item() == pytest.approx(2.0)  # an empty intersection in a hull of 3
    assert loss("giou", flat, cube).item() == pytest.approx(1.0)


def test_hull_of_a_cube_and_a_point_above_is_a_house() -> None:
    cube, point = row(0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.0), row(0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 1.0)
    assert loss("giou", cube, point).item() == pytest.approx(1.0 + 1.0 - 1.0 / 2.0)  # a pyramid of 1 on top


@pytest.mark.parametrize("spread", [0.3, 1.0, 3.0])
def test_random_cuboids_against_fractions(spread: float, seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cuboids(3, generator, spread), random_polytopes.cuboids(3, generator, spread)
    got = {name: loss(name, a, b) for name in LOSSES}
    for k, truth in enumerate(map(exact, a, b)):
        assert {name: value[k].item() for name, value in got.items()} == pytest.approx(truth, abs=1e-12)


def test_enclosing_box(seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cuboids(3, generator), random_polytopes.cuboids(3, generator)
    got = loss("giou", a, b, enclosing="box")
    for value, first, second in zip(got, a, b, strict=True):
        assert value.item() == pytest.approx(exact(first, second, "box")["giou"], abs=1e-12)


@in_one_direction_or_all
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_derivatives(name: str, spread: float, in_one_direction: bool, seed: int) -> None:
    generator = generator_of(seed)
    rows = tuple(random_polytopes.cuboids(4, generator, spread).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: loss(name, a, b), rows, fast_mode=in_one_direction)
    assert torch.autograd.gradgradcheck(lambda a, b: loss(name, a, b), rows, fast_mode=in_one_direction)


@in_one_direction_or_all
def test_derivatives_of_the_enclosing_box(in_one_direction: bool, seed: int) -> None:
    generator = generator_of(seed)
    rows = tuple(random_polytopes.cuboids(4, generator).requires_grad_() for _ in range(2))
    call = partial(loss, "giou", enclosing="box")
    assert torch.autograd.gradcheck(call, rows, fast_mode=in_one_direction)
    assert torch.autograd.gradgradcheck(call, rows, fast_mode=in_one_direction)


@pytest.mark.parametrize("count", quick_and_exhaustive(100, 1000))
@pytest.mark.parametrize("ties", [*random_polytopes.TIES, "grid"])
def test_ties(ties: str, count: int, seed: int) -> None:
    """Boxes on a grid, all rotated by the same angle; the second ones have l and w swapped."""
    generator = generator_of(seed)
    pairs = random_polytopes.grid(generator) if ties == "grid" else random_polytopes.TIES[ties]
    rounds = count // len(pairs) + 1
    exact = {name: values.repeat(rounds) for name, values in random_polytopes.exact_losses(pairs).items()}
    yaw = 6.0 * torch.rand(rounds * len(pairs), 1, generator=generator, dtype=torch.float64)
    rows = []
    for k in (0, 1):
        center, sides = (
            part.repeat(rounds, 1) for part in random_polytopes.center_and_sides([pair[k] for pair in pairs])
        )
        x, y, z = center.split(1, -1)
        place = [x * yaw.cos() - y * yaw.sin(), x * yaw.sin() + y * yaw.cos(), z]
        rows.append(
            torch.cat((*place, sides[:, [1, 0, 2]] if k else sides, yaw + k * math.pi / 2), -1).requires_grad_()
        )
    for name in LOSSES:
        got = loss(name, *rows)
        errors = (got - exact[name]).abs() * (exact["share"] if name == "iou" else 1.0)
        print(ties, name, errors.max().item())
        assert errors.max() <= WORST[ties]
        gradients = torch.autograd.grad(got.sum(), rows)
        assert all(gradient.isfinite().all() for gradient in gradients)
        if ties == "identical":
            assert max(gradient.abs().max() for gradient in gradients) < 1e-12


@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh", "ltrb"])
@pytest.mark.parametrize("name", LOSSES)
def test_axis_aligned_boxes(name: str, box_format: str, seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cuboids(20, generator), random_polytopes.cuboids(20, generator)
    a[:, 6] = 0.0
    low, high = a[:, :3] - 0.5 * a[:, 3:6], a[:, :3] + 0.5 * a[:, 3:6]
    written = {
        "xyxy": (low, high),
        "xywh": (low, a[:, 3:6]),
        "cxcywh": (a[:, :3], a[:, 3:6]),
        "ltrb": (-low, high),
    }[box_format]
    box = torch.cat(written, -1).requires_grad_()
    geometry = Mixed(AxisAligned(box_format, dims=3), Cuboid())
    torch.testing.assert_close(loss(name, box, b, geometry), loss(name, a, b), rtol=0.0, atol=1e-13)
    other = b[:2].clone().requires_grad_()
    few = box[:2].detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: loss(name, x, y, geometry), (few, other))


def test_at_angle_zero_it_is_the_loss_of_boxes(seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cuboids(50, generator), random_polytopes.cuboids(50, generator)
    a[:, 6], b[:, 6] = 0.0, 0.0
    boxes = AxisAligned("cxcywh", dims=3)
    for name in LOSSES:
        options = {"enclosing": "box"} if name == "giou" else {}
        first, second = (each[:, :6].clone().requires_grad_() for each in (a, b))
        got = loss(name, a, b, **options)
        wanted = loss(name, first, second, boxes)
        if name == "diou":  # the diagonal of the box around is longer than the hull's diameter
            assert (got - wanted >= -1e-12).all()
            continue
        torch.testing.assert_close(got, wanted, rtol=0.0, atol=1e-13)


@pytest.mark.parametrize("name", LOSSES)
def test_invariances(name: str, seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cuboids(50, generator), random_polytopes.cuboids(50, generator)
    value = loss(name, a, b)
    lengths = torch.tensor([1.0] * 6 + [0.0], dtype=torch.float64)
    swapped = a[:, [0, 1, 2, 4, 3, 5, 6]] + torch.tensor([0.0] * 6 + [math.pi / 2], dtype=torch.float64)
    shift = torch.tensor([1e3, -1e3, 1e3, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    small = torch.where(lengths > 0.0, 1e-5, 1.0)
    for change, rows in {
        "shift": (a + shift, b + shift),
        "scale": (small * a, small * b),
        "swap": (b, a),
        "sides": (swapped, b),
        "half a turn": (a + math.pi * (1.0 - lengths), b),
    }.items():
        assert (loss(name, *rows) - value).abs().max() < 1e-11, change


def test_negative_sizes_count_as_zero() -> None:
    cube, inverted = row(0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.3), row(0.0, 0.0, 0.0, 1.0, 1.0, -1.0, 0.3)
    flat = row(0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.3)
    for name in LOSSES:
        assert loss(name, cube, inverted).item() == loss(name, cube, flat).item() == pytest.approx(1.0)
    assert detloss.iou(flat, flat, geometry=Cuboid()).item() == 1.0
    assert detloss.iou(flat, row(0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.3), geometry=Cuboid()).item() == 0.0


@pytest.mark.parametrize("height", quick_and_exhaustive(1.0, 0.3))
def test_gradients_at_a_tie_lie_between_those_on_both_sides(height: float) -> None:
    a, b = row(0.5, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0), row(0.0, 0.0, 0.0, 1.0, 1.0, height, 0.0)
    moved = a.clone().requires_grad_()
    gradients = {name: torch.autograd.grad(loss(name, moved, b).sum(), moved)[0] for name in ("iou", "giou")}
    step, here = 2.0**-20, exact(a[0], b[0])
    for k in range(7):
        ends = [a[0].clone() for _ in range(2)]
        ends[0][k] -= step
        ends[1][k] += step
        before, after = (exact(end, b[0]) for end in ends)
        for name, gradient in gradients.items():
            sides = (here[name] - before[name]) / step, (after[name] - here[name]) / step
            assert min(sides) - 1e-4 <= gradient[0, k].item() <= max(sides) + 1e-4, name


def test_nan_stays_in_its_row(seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cuboids(3, generator), random_polytopes.cuboids(3, generator)
    a[1, 5] = torch.nan
    rows = a.requires_grad_(), b.requires_grad_()
    value = loss("giou", *rows)
    assert value.isnan().tolist() == [False, True, False]
    assert torch.autograd.grad(value.sum(), rows)[0].isnan().any(-1).tolist() == [False, True, False]
