"""Convex polytopes against exact values and an oracle in fractions."""

import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor

import detloss
from detloss.auditing.oracle import exact_polytopes as polytopes
from detloss.geometry import AxisAligned, Cuboid, Mixed, Polytope
from tests.support import random_polytopes
from tests.support.marks import exhaustive_except, quick_and_exhaustive

pytestmark = pytest.mark.usefixtures("each_backend")
LOSSES = {"iou": detloss.iou_loss, "giou": detloss.generalized_iou_loss, "diou": detloss.distance_iou_loss}
VERTICES, HALF_SPACES = Polytope(), Polytope(form="halfspaces")
CUBE = random_polytopes.SIGNS + 0.5
# Measured on several seeds: 4e-15 to 2e-14; thin 4e-12, as the slack is a part of the extent and not of the thickness.
WORST = dict.fromkeys([*random_polytopes.TIES, "grid"], 1e-13) | {"thin": 2e-11}


in_eager = pytest.mark.parametrize("each_backend", ["eager"], indirect=True)  # half-spaces have no other backend


def generator_of(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def loss(name: str, a: Tensor, b: Tensor, geometry: object = VERTICES, **options: object) -> Tensor:
    return LOSSES[name](a, b, geometry=geometry, reduction="none", **options)  # type: ignore[arg-type]


def prism(corners: int, angle: float = 0.0) -> Tensor:
    around = angle + 2.0 * math.pi * torch.arange(corners, dtype=torch.float64) / corners
    ring = torch.stack((around.cos(), around.sin(), torch.zeros_like(around)), -1)
    return torch.cat((ring, ring + torch.tensor([0.0, 0.0, 1.0])))


def about(axis: list[float], angle: float) -> Tensor:
    x, y, z = (torch.tensor(axis) / math.hypot(*axis)).tolist()
    generator = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]], dtype=torch.float64)
    return torch.linalg.matrix_exp(angle * generator)


def volumes(a: Tensor, b: Tensor) -> tuple[float, float]:
    """IoU and GIoU."""
    both = (measure(a[None], b[None], geometry=VERTICES) for measure in (detloss.iou, detloss.generalized_iou))
    iou, giou = (value.item() for value in both)
    return iou, giou


def test_two_cubes_rotated_about_an_axis_share_an_octagonal_prism() -> None:
    iou, _ = volumes(random_polytopes.SIGNS, random_polytopes.SIGNS @ about([0.0, 0.0, 1.0], math.pi / 4).mT)
    shared = 2.0 * (math.sqrt(2.0) - 1.0)
    assert iou == pytest.approx(shared / (2.0 - shared), abs=1e-13)


def test_two_cubes_rotated_about_the_diagonal_share_a_double_pyramid() -> None:
    iou, _ = volumes(random_polytopes.SIGNS, random_polytopes.SIGNS @ about([1.0, 1.0, 1.0], math.pi / 3).mT)
    assert iou == pytest.approx(0.75 / 1.25, abs=1e-13)


def test_stella_octangula() -> None:
    even = CUBE[CUBE.sum(-1) % 2 == 0]
    iou, giou = volumes(even, CUBE[CUBE.sum(-1) % 2 == 1])
    assert (iou, giou) == pytest.approx((1 / 3, 1 / 3 - 1 / 2), abs=1e-13)


def test_octahedron_in_its_cube() -> None:
    octahedron = 0.5 * torch.cat((torch.eye(3), -torch.eye(3))).double()
    assert volumes(octahedron, random_polytopes.SIGNS) == pytest.approx((1 / 6, 1 / 6), abs=1e-13)


@in_eager
def test_octahedron_of_half_spaces() -> None:
    octahedron = torch.cat(
        (2.0 * random_polytopes.SIGNS, torch.full((8, 1), 0.5)), -1
    )  # four of its planes meet in a corner
    cube = torch.cat((torch.eye(3), -torch.eye(3))).double()
    cube = torch.cat((cube, torch.full((6, 1), 0.5)), -1)
    planes = octahedron.clone().requires_grad_()
    iou = detloss.iou(planes[None], cube[None], geometry=HALF_SPACES)
    assert iou.item() == pytest.approx(1 / 6, abs=1e-13)
    iou.backward()
    # Every face has the area sqrt(3) / 8, and moves by 1 / sqrt(3) when its offset moves by 1; the cube's volume is 1.
    assert planes.grad is not None
    torch.testing.assert_close(planes.grad[:, 3], torch.full((8,), 0.125, dtype=torch.float64))


@pytest.mark.parametrize("corners", [3, 5, 8])
def test_regular_prisms(corners: int) -> None:
    iou, _ = volumes(prism(corners), prism(corners, math.pi / corners))
    area = 0.5 * corners * math.sin(2.0 * math.pi / corners)
    shared = 2.0 * corners * math.tan(math.pi / (2 * corners)) * math.cos(math.pi / corners) ** 2
    assert iou == pytest.approx(shared / (2.0 * area - shared), abs=1e-13)


def test_random_polytopes_against_fractions(seed: int) -> None:
    generator = generator_of(seed)
    for first, second, spread in ((4, 5, 0.3), (7, 6, 0.5), (5, 4, 3.0)):
        a, b = (random_polytopes.sphere(4, count, generator, spread) for count in (first, second))
        exact = [
            polytopes.losses(polytopes.exact(x.tolist()), polytopes.exact(y.tolist()))
            for x, y in zip(a, b, strict=True)
        ]
        for name in LOSSES:
            truth = torch.tensor([float(each[name]) for each in exact], dtype=torch.float64)
            assert (loss(name, a, b) - truth).abs().max() < 1e-12, name


@in_eager
@pytest.mark.parametrize("enclosing", quick_and_exhaustive("hull", "box"))
def test_random_half_spaces_against_fractions(enclosing: str, seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.cut_boxes(3, 1, generator), random_polytopes.cut_boxes(3, 2, generator)
    got = detloss.generalized_iou_loss(a, b, geometry=HALF_SPACES, enclosing=enclosing, reduction="none")
    for value, *pair in zip(got, a, b, strict=True):
        corners = [polytopes.corners(polytopes.exact(planes.tolist())) for planes in pair]
        exact = polytopes.losses(corners[0], corners[1], enclosing)["giou"]
        assert abs(Fraction(value.item()) - exact) < 1e-12


@pytest.mark.parametrize("count", quick_and_exhaustive(100, 1000))
@pytest.mark.parametrize("form", quick_and_exhaustive("vertices", "halfspaces"))
@pytest.mark.parametrize("ties", [*random_polytopes.TIES, "grid"])
def test_ties(ties: str, form: str, count: int, seed: int) -> None:
    generator = generator_of(seed)
    pairs = random_polytopes.grid(generator) if ties == "grid" else random_polytopes.TIES[ties]
    rounds = count // len(pairs) + 1
    exact = {name: values.repeat(rounds) for name, values in random_polytopes.exact_losses(pairs).items()}
    turn = random_polytopes.rotations(rounds * len(pairs), generator)
    polytope = random_polytopes.vertices if form == "vertices" else random_polytopes.half_spaces
    a, b = (
        polytope(
            *(part.repeat(rounds, 1) for part in random_polytopes.center_and_sides([pair[k] for pair in pairs])), turn
        )
        for k in (0, 1)
    )
    b = b[:, torch.randperm(b.shape[1], generator=generator)]
    for name in LOSSES:
        rows = a.clone().requires_grad_(), b.clone().requires_grad_()
        got = loss(name, *rows, geometry=Polytope(form=form))
        errors = (got - exact[name]).abs() * (exact["share"] if name == "iou" else 1.0)
        print(ties, form, name, errors.max().item())
        assert errors.max() <= WORST[ties]
        gradients = torch.autograd.grad(got.sum(), rows)
        assert all(gradient.isfinite().all() for gradient in gradients)
        if ties == "identical":
            assert max(gradient.abs().max() for gradient in gradients) < 1e-12


@pytest.mark.parametrize("form", quick_and_exhaustive("vertices", "halfspaces"))
def test_far_from_the_origin(form: str, seed: int) -> None:
    generator = generator_of(seed)
    pairs = random_polytopes.grid(generator) + random_polytopes.TIES["half-shifted"]
    exact = random_polytopes.exact_losses(pairs)
    turn = random_polytopes.rotations(len(pairs), generator)
    shift = 1e3 * torch.randn(len(pairs), 3, generator=generator, dtype=torch.float64)
    polytope = random_polytopes.vertices if form == "vertices" else random_polytopes.half_spaces
    rows = []
    for k in (0, 1):
        center, sides = random_polytopes.center_and_sides([pair[k] for pair in pairs])
        rows.append(polytope(center + shift, sides, turn))
    assert (loss("giou", *rows, geometry=Polytope(form=form)) - exact["giou"]).abs().max() < 1e-10


def leaning(generator: torch.Generator, cuts: int) -> torch.Tensor:
    """Boxes with faces that lean a little: the diagonals of a box are equally long, which is a kink of DIoU."""
    boxes = random_polytopes.cut_boxes(2, cuts, generator)
    return boxes + 0.1 * torch.rand(boxes.shape, generator=generator, dtype=torch.float64)


PAIRS = {
    "vertices": (VERTICES, lambda g: (random_polytopes.sphere(2, 7, g), random_polytopes.sphere(2, 6, g))),
    "apart": (VERTICES, lambda g: (random_polytopes.sphere(2, 5, g), random_polytopes.sphere(2, 6, g) + 4.0)),
    "half-spaces": (HALF_SPACES, lambda g: (leaning(g, 1), leaning(g, 2))),
    "cuboid": (Mixed(Cuboid(), VERTICES), lambda g: (random_polytopes.cuboids(2, g), random_polytopes.sphere(2, 6, g))),
    "box": (
        Mixed(HALF_SPACES, AxisAligned("cxcywh", dims=3)),
        lambda g: (leaning(g, 1), torch.tensor([[0.1, 0.2, 0.0, 1.0, 1.3, 0.8]] * 2, dtype=torch.float64)),
    ),
}


@pytest.mark.parametrize("in_one_direction", quick_and_exhaustive(True, False))
@pytest.mark.parametrize("pair", exhaustive_except(PAIRS, lambda pair: pair in ("vertices", "cuboid")))
@pytest.mark.parametrize("name", LOSSES)
def test_derivatives(name: str, pair: str, in_one_direction: bool, seed: int) -> None:
    geometry, make = PAIRS[pair]
    rows = tuple(each.requires_grad_() for each in make(generator_of(seed)))
    assert torch.autograd.gradcheck(lambda a, b: loss(name, a, b, geometry), rows, fast_mode=in_one_direction)
    one = tuple(each[:1].detach().requires_grad_() for each in rows)
    assert torch.autograd.gradgradcheck(lambda a, b: loss(name, a, b, geometry), one, fast_mode=in_one_direction)


@pytest.mark.parametrize("shift", quick_and_exhaustive(0.0, 1e-13))
def test_gradients_at_a_tie_lie_between_those_on_both_sides(shift: float, seed: int) -> None:
    """A cube that shares four faces of a bar moves along an axis; the exact loss is evaluated on both sides."""
    turn = random_polytopes.rotations(1, generator_of(seed))
    moved = torch.tensor([[0.5, 0.0, shift]], dtype=torch.float64).requires_grad_()
    still = torch.zeros(1, 3, dtype=torch.float64)
    sides = torch.ones(1, 3, dtype=torch.float64)
    values = {
        name: loss(name, random_polytopes.vertices(moved, sides, turn), random_polytopes.vertices(still, sides, turn))
        for name in ("iou", "giou")
    }
    gradients = {name: torch.autograd.grad(value.sum(), moved)[0] for name, value in values.items()}
    cube = polytopes.exact(CUBE.tolist())

    def exact(*center: Fraction) -> dict[str, Fraction]:
        place = [tuple(x + c for x, c in zip(point, center, strict=True)) for point in cube]
        return polytopes.losses(place, cube)

    step, center = Fraction(1, 10**6), [Fraction(1, 2), Fraction(0), Fraction(0)]
    here = exact(*center)
    for axis in range(3):
        ends = [[*center] for _ in range(2)]
        ends[0][axis] -= step
        ends[1][axis] += step
        before, after = exact(*ends[0]), exact(*ends[1])
        for name, gradient in gradients.items():
            low, high = sorted(float(rise / step) for rise in (here[name] - before[name], after[name] - here[name]))
            assert low - 1e-4 <= gradient[0, axis].item() <= high + 1e-4, name


def test_the_gradient_at_identical_polytopes_is_exactly_zero(seed: int) -> None:
    generator = generator_of(seed)
    a = random_polytopes.sphere(50, 8, generator)
    b = a + 1e-15 * torch.randn(a.shape, generator=generator, dtype=torch.float64)
    for name in LOSSES:
        rows = a.clone().requires_grad_(), b.clone().requires_grad_()
        gradients = torch.autograd.grad(loss(name, *rows).sum(), rows)
        assert max(gradient.abs().max() for gradient in gradients) < 1e-11


@pytest.mark.parametrize("name", LOSSES)
def test_invariances(name: str, seed: int) -> None:
    generator = generator_of(seed)
    a, b = random_polytopes.sphere(20, 8, generator), random_polytopes.sphere(20, 6, generator)
    value = loss(name, a, b)
    turn = random_polytopes.rotations(20, generator)
    changed = {
        "shift": (a + 100.0, b + 100.0),
        "scale": (1e-6 * a, 1e-6 * b),
        "rotation": (a @ turn.mT, b @ turn.mT),
        "swap": (b, a),
        "order": (a.flip(1), b[:, torch.randperm(6, generator=generator)]),
        "repetition": (torch.cat((a, a[:, 3:5]), 1), torch.cat((b, b[:, :1], b[:, :1]), 1)),
        "inner points": (torch.cat((a, a.mean(1, keepdim=True)), 1), b),
        "middle of an edge": (torch.cat((a, 0.5 * (a[:, :1] + a[:, 1:2])), 1), b),
    }
    for change, rows in changed.items():
        assert (loss(name, *rows) - value).abs().max() < 1e-11, change


@in_eager
def test_repeated_half_spaces_change_nothing(seed: int) -> None:
    generator = generator_of(seed)
    count = 40  # rounding seldom makes a repeated plane and its opposite meet
    a, b = random_polytopes.cut_boxes(count, 1, generator), random_polytopes.cut_boxes(count, 1, generator)
    far = torch.tensor([1.0, 2.0, 3.0, 100.0], dtype=torch.float64).expand(count, 1, 4)
    again = torch.cat((a, a[:, :2], far), 1), torch.cat((b, 3.0 * b[:, 4:]), 1)
    for name in LOSSES:
        torch.testing.assert_close(
            loss(name, *again, geometry=HALF_SPACES), loss(name, a, b, HALF_SPACES), rtol=0.0, atol=1e-12
        )


def test_polytopes_without_volume(seed: int) -> None:
    generator = generator_of(seed)
    square = (CUBE * torch.tensor([1.0, 1.0, 0.0])) @ random_polytopes.rotations(1, generator)[0].mT
    point, segment = CUBE[:1].expand(8, -1), CUBE * torch.tensor([1.0, 0.0, 0.0])
    flat = [square, point, segment]
    for k, first in enumerate(flat):
        assert volumes(first, first) == (1.0, 1.0)
        for second in (flat[k - 1], CUBE):
            rows = first[None].clone().requires_grad_(), second[None].clone().requires_grad_()
            assert detloss.iou(*rows, geometry=VERTICES).item() == 0.0
            for name in LOSSES:
                value = loss(name, *rows)
                assert 1.0 <= value.item() <= 2.0
                assert all(each.isfinite().all() for each in torch.autograd.grad(value.sum(), rows))


def test_nan_stays_in_its_row(seed: int) -> None:
    generator = generator_of(seed)
    for geometry, a, b in (
        (VERTICES, random_polytopes.sphere(3, 6, generator), random_polytopes.sphere(3, 5, generator)),
        (HALF_SPACES, random_polytopes.cut_boxes(3, 1, generator), random_polytopes.cut_boxes(3, 1, generator)),
    ):
        broken = a.clone()
        broken[1, 2, 1] = torch.nan
        rows = broken.requires_grad_(), b.requires_grad_()
        value = loss("giou", *rows, geometry=geometry)
        assert value.isnan().tolist() == [False, True, False]
        gradient, _ = torch.autograd.grad(value.sum(), rows)
        assert gradient.flatten(1).isnan().any(-1).tolist() == [False, True, False]
        torch.testing.assert_close(value[::2], loss("giou", a[::2], b[::2], geometry=geometry))
