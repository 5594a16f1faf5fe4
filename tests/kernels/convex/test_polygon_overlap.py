"""Losses of convex shapes of the plane against exact results: values and gradients, with and without ties."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss
from detloss import AxisAligned, Mixed, Polygon, Rotated, kernels
from detloss.auditing.oracle import exact_polygons as oracle
from detloss.geometry import Geometry
from tests.support.convex_pairs import (
    RANDOM,
    SETS,
    PairSet,
    fractions_of,
    grid,
    rectangles,
    rectangles_on_a_grid,
    regular,
    uniform,
    upright,
)
from tests.support.marks import quick_and_exhaustive

BACKENDS = tuple(kernels.AVAILABLE["cpu"])
LOSSES: dict[str, Callable[..., Tensor]] = {
    "iou": detloss.iou_loss,
    "log_iou": partial(detloss.iou_loss, form="log"),
    "giou": detloss.generalized_iou_loss,
    "diou": detloss.distance_iou_loss,
    "ciou": detloss.complete_iou_loss,
}
MEASURES: dict[str, Callable[..., Tensor]] = {
    "iou": detloss.iou,
    "giou": detloss.generalized_iou,
    "diou": detloss.distance_iou,
    "ciou": detloss.complete_iou,
}
ENTRIES = 6  # numbers of each pair by which gradients are compared: the oracle is slow
SAME_SIDE = (
    "identical",
    "equivalent rows",
    "half shifted",
    "shorter along an edge",
    "identical polygons",
    "a rectangle and its corners",
)
GEOMETRIES = (Rotated(), Polygon(), Mixed(Rotated(), Polygon()), Mixed(AxisAligned(), Rotated()))
every_set = pytest.mark.parametrize("name", SETS)
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def losses_of(geometry: Geometry) -> list[str]:
    """The losses that a geometry has, but the logarithm."""
    parts = (geometry.first, geometry.second) if isinstance(geometry, Mixed) else (geometry,)
    return [loss for loss in MEASURES if loss != "ciou" or Polygon() not in parts]


def options(loss: str, enclosing: str) -> dict[str, str]:
    return {"enclosing": enclosing} if loss == "giou" else {}


def with_gradients(loss: str, pairs: PairSet, first: Tensor, second: Tensor, enclosing: str) -> tuple[Tensor, Tensor]:
    """Losses, and gradients by all numbers of both rows of every pair."""
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    value = LOSSES[loss](first, second, geometry=pairs.geometry, reduction="none", **options(loss, enclosing))
    by_rows = torch.autograd.grad(value.sum(), (first, second))
    return value.detach(), torch.cat([each.flatten(1) for each in by_rows], -1)


@pytest.mark.parametrize("count", quick_and_exhaustive(10, 40))
@every_set
def test_values(name: str, count: int, seed: int) -> None:
    pairs = SETS[name]
    first, second = pairs.pairs(seed, count)
    polygons = [[shape(fractions_of(row)) for row in rows] for shape, rows in zip(pairs.shapes, (first, second))]
    for enclosing in ("hull", "box"):
        results = [oracle.losses(*pair, enclosing) for pair in zip(*polygons)]
        for loss in results[0].keys() & MEASURES:
            for backend in BACKENDS:
                with detloss.use_backend(backend):
                    chosen = options(loss, enclosing)
                    costs = LOSSES[loss](first, second, geometry=pairs.geometry, reduction="none", **chosen)
                    similarity = MEASURES[loss](first, second, geometry=pairs.geometry, **chosen)
                off = max(abs(float(cost - result[loss])) for cost, result in zip(costs.tolist(), results))
                assert off <= max(pairs.error, loss != "iou" and RANDOM), (loss, enclosing, backend)
                torch.testing.assert_close(similarity, 1.0 - costs, rtol=0, atol=1e-14)


@every_set
def test_logarithms(name: str, seed: int) -> None:
    pairs = SETS[name]
    first, second = pairs.pairs(seed, 10)
    for backend in BACKENDS:
        with detloss.use_backend(backend):
            costs = LOSSES["log_iou"](first, second, geometry=pairs.geometry, reduction="none")
        for cost, *rows in zip(costs.tolist(), first, second):
            result = oracle.losses(*(shape(fractions_of(row)) for shape, row in zip(pairs.shapes, rows)))
            share = 1.0 - float(result["iou"])
            if share > 1e-3 or name == "apart":  # smaller values are within the documented absolute error
                assert cost == pytest.approx(float(result["log_iou"]), rel=1e-14, abs=pairs.error / max(share, 1e-3))


@every_backend
@pytest.mark.parametrize("name", ["random", "half shifted", "5 corners against 8", "a rectangle and a polygon"])
def test_the_gradient_of_log_iou_is_that_of_the_iou_divided_by_it(name: str, backend: str, seed: int) -> None:
    pairs = SETS[name]
    rows = pairs.pairs(seed, 1000)
    with detloss.use_backend(backend):
        costs, gradients = with_gradients("iou", pairs, *rows, "hull")
        _, of_logarithm = with_gradients("log_iou", pairs, *rows, "hull")
    near = costs < 0.999
    torch.testing.assert_close(
        of_logarithm[near], gradients[near] / (1.0 - costs[near]).unsqueeze(-1), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("count", quick_and_exhaustive(2, 8))
@pytest.mark.parametrize("enclosing", ["hull", "box"])
@pytest.mark.parametrize("name", [name for name in SETS if SETS[name].gradient_error and name not in ("tiny", "huge")])
def test_gradients(name: str, enclosing: str, count: int, seed: int) -> None:
    pairs = SETS[name]
    first, second = pairs.pairs(seed, count if enclosing == "hull" else max(1, count // 4))
    generator = torch.Generator().manual_seed(seed)
    found = {
        (loss, backend): with_backend(backend, loss, pairs, first, second, enclosing)
        for loss in (losses_of(pairs.geometry) if enclosing == "hull" else ["giou"])
        for backend in BACKENDS
    }
    for k, rows in enumerate(zip(first, second)):
        chosen = torch.randperm(sum(row.numel() for row in rows), generator=generator)[:ENTRIES].tolist()
        exact = [fractions_of(row) for row in rows]
        truth = oracle.gradients(pairs.shapes, (exact[0], exact[1]), chosen, pairs.step, enclosing)
        for (loss, backend), gradients in found.items():
            for entry, gradient, of_iou in zip(chosen, truth[loss], truth["iou"]):
                # Of kinks that meet with opposite signs each may be taken on another side: intersection and enclosure.
                kinks = abs(gradient.kink) if loss == "iou" else abs(gradient.kink - of_iou.kink) + 3 * abs(of_iou.kink)
                room = 0.5 * float(kinks) + pairs.gradient_error * max(1.0, abs(float(gradient.mean)))
                assert abs(gradients[k, entry].item() - gradient.mean) <= room, (loss, backend, rows, entry)


def with_backend(backend: str, *call: object) -> Tensor:
    with detloss.use_backend(backend):
        return with_gradients(*call)[1]


@pytest.mark.parametrize("count", quick_and_exhaustive(3, 8))
@every_backend
@pytest.mark.parametrize("name", SAME_SIDE)
def test_the_gradient_at_coincident_edges_is_the_mean_of_both_sides(
    name: str, backend: str, count: int, seed: int
) -> None:
    pairs = SETS[name]
    first, second = pairs.pairs(seed, count)
    gradients = with_backend(backend, "iou", pairs, first, second, "hull")
    kinks = 0
    for k, rows in enumerate(zip(first, second)):
        chosen = torch.randperm(sum(row.numel() for row in rows))[:ENTRIES].tolist()
        exact = [fractions_of(row) for row in rows]
        truth = oracle.gradients(pairs.shapes, (exact[0], exact[1]), chosen, pairs.step)["iou"]
        for entry, gradient in zip(chosen, truth):
            assert gradients[k, entry].item() == pytest.approx(float(gradient.mean), rel=1e-6, abs=1e-6)
            kinks += abs(gradient.kink) > 1e-3
    assert kinks > 0


# ------------------------------------------------------------------------------------------- derivatives by torch


def rows_of(geometry: Geometry, generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    """Random rows that overlap in most pairs."""
    first, second = (geometry.first, geometry.second) if isinstance(geometry, Mixed) else (geometry, geometry)
    draws = {Rotated(): rectangles, Polygon(): partial(regular, corners=5), AxisAligned(): upright}
    return draws[first](generator, count), draws[second](generator, count)


@pytest.mark.parametrize(
    ("loss", "enclosing"), [("iou", "hull"), ("log_iou", "hull"), ("giou", "hull"), ("giou", "box"), ("diou", "hull")]
)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("in_one_direction", quick_and_exhaustive(True, False))
def test_first_and_second_derivatives(
    geometry: Geometry, loss: str, enclosing: str, in_one_direction: bool, seed: int
) -> None:
    first, second = rows_of(geometry, torch.Generator().manual_seed(seed), 30)
    overlapping = detloss.iou(first, second, geometry=geometry) > 0.05  # elsewhere the logarithm is too steep
    rows = tuple(each[overlapping][:4].requires_grad_() for each in (first, second))
    one = tuple(each[:1].detach().requires_grad_() for each in rows)
    chosen = options(loss, enclosing)
    for backend in BACKENDS:
        with detloss.use_backend(backend):
            call = partial(LOSSES[loss], geometry=geometry, reduction="none", **chosen)
            assert torch.autograd.gradcheck(call, rows, rtol=1e-5, atol=1e-7, fast_mode=in_one_direction)
            assert torch.autograd.gradgradcheck(call, one, rtol=1e-4, atol=1e-6, fast_mode=in_one_direction)


@every_backend
@pytest.mark.parametrize("geometry", [Rotated(), Mixed(AxisAligned(format="cxcywh"), Rotated())], ids=str)
def test_derivatives_of_ciou_where_the_aspect_ratios_agree(geometry: Geometry, backend: str, seed: int) -> None:
    """Elsewhere its weight is held constant, so its gradient is not the derivative of its value."""
    generator = torch.Generator().manual_seed(seed)
    first, second = rectangles(generator, 6), rectangles(generator, 6)
    second[:, 2:4] = first[:, 2:4] * uniform(generator, 0.5, 2.0, 6, 1)
    rows = first[:, :4] if isinstance(geometry, Mixed) else first, second
    call = partial(detloss.complete_iou_loss, geometry=geometry, reduction="none")
    with detloss.use_backend(backend):
        assert torch.autograd.gradcheck(call, [each.clone().requires_grad_() for each in rows], rtol=1e-5, atol=1e-7)


# ------------------------------------------------------------------------------------------------------- by hand


def ngon(corners: int, turn: float = 0.0) -> Tensor:
    """A regular polygon in the unit circle."""
    angles = turn + 2.0 * math.pi * torch.arange(corners, dtype=torch.float64) / corners
    return torch.stack((angles.cos(), angles.sin()), -1)


SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
FAR_SQUARE = [[2.0, 2.0], [3.0, 2.0], [3.0, 3.0], [2.0, 3.0]]
EIGHTH, HALF = math.pi / 4, math.sqrt(0.5)
OCTAGON = 2.0 * (math.sqrt(2.0) - 1.0)
# A geometry, two rows, and their IoU, GIoU by hull and by box, and DIoU.
BY_HAND = {
    "a square rotated by 45 degrees": (
        Rotated(),
        [0.0, 0.0, 1.0, 1.0, 0.0],
        [0.0, 0.0, 1.0, 1.0, EIGHTH],
        # The hull is the octagon of both squares' corners: 8 triangles of sides HALF, HALF and an angle of 45 degrees.
        (OCTAGON / (2.0 - OCTAGON), -1.0 + (2.0 - OCTAGON) / (2.0 * HALF) + OCTAGON / (2.0 - OCTAGON)),
        -1.0 + (2.0 - OCTAGON) / 2.0 + OCTAGON / (2.0 - OCTAGON),
        OCTAGON / (2.0 - OCTAGON),
    ),
    "a square in a triangle": (
        Polygon(),
        [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]],
        SQUARE,
        (1.0 / 4.5, 1.0 / 4.5),
        1.0 / 4.5 - 0.5,
        1.0 / 4.5 - 0.5 / 18.0,  # centroids at (1, 1) and (1/2, 1/2)
    ),
    "a triangle over a corner of a square": (
        Polygon(),
        SQUARE,
        [[0.0, 0.0], [-1.0, 1.0], [1.0, 1.0]],
        (0.5 / 1.5, 1.0 / 3.0),
        1.0 / 3.0 - 0.25,
        1.0 / 3.0 - (0.25 + 1.0 / 36.0) / 5.0,
    ),
    "two squares apart along a diagonal": (
        Polygon(),
        SQUARE,
        FAR_SQUARE,
        (0.0, -3.0 / 5.0),  # the hull is the box of area 9 less two triangles of 2
        -7.0 / 9.0,
        -8.0 / 18.0,
    ),
    "a box and a square beside it": (
        Mixed(AxisAligned(format="xywh"), Rotated()),
        [0.0, 0.0, 2.0, 1.0],
        [2.0, 0.5, 2.0, 1.0, math.pi],
        (1.0 / 3.0, 1.0 / 3.0),
        1.0 / 3.0,
        1.0 / 3.0 - 1.0 / 10.0,
    ),
}


@every_backend
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str, swapped: bool, backend: str) -> None:
    geometry, first, second, (iou, giou), giou_by_box, diou = BY_HAND[name]
    rows = [torch.tensor(row, dtype=torch.float64) for row in (first, second)]
    if swapped:
        rows.reverse()
        geometry = Mixed(geometry.second, geometry.first) if isinstance(geometry, Mixed) else geometry
    with detloss.use_backend(backend):
        assert detloss.iou(*rows, geometry=geometry).item() == pytest.approx(iou, abs=1e-12)
        assert detloss.generalized_iou(*rows, geometry=geometry).item() == pytest.approx(giou, abs=1e-12)
        by_box = detloss.generalized_iou(*rows, geometry=geometry, enclosing="box")
        assert by_box.item() == pytest.approx(giou_by_box, abs=1e-12)
        assert detloss.distance_iou(*rows, geometry=geometry).item() == pytest.approx(diou, abs=1e-12)


@every_backend
@pytest.mark.parametrize("corners", [3, 4, 5, 8, 17, 32])
def test_a_regular_polygon_rotated_by_half_its_angle(corners: int, backend: str) -> None:
    """The intersection is the regular polygon of twice as many corners around their inscribed circle."""
    upright, rotated = ngon(corners), ngon(corners, math.pi / corners)
    size = 0.5 * corners * math.sin(2.0 * math.pi / corners)
    shared = 2.0 * corners * math.tan(0.5 * math.pi / corners) * math.cos(math.pi / corners) ** 2
    hull = corners * math.sin(math.pi / corners)  # the polygon of twice as many corners in the unit circle
    iou = shared / (2.0 * size - shared)
    exact = oracle.losses(*(oracle.polygon(fractions_of(row)) for row in (upright, rotated)))
    assert 1.0 - float(exact["iou"]) == pytest.approx(iou, abs=1e-14)
    with detloss.use_backend(backend):
        assert detloss.iou(upright, rotated, geometry=Polygon()).item() == pytest.approx(iou, abs=1e-14)
        giou = detloss.generalized_iou(upright, rotated, geometry=Polygon()).item()
        assert giou == pytest.approx(iou - 1.0 + (2.0 * size - shared) / hull, abs=1e-14)


@every_backend
@pytest.mark.parametrize("loss", ["iou", "giou", "diou", "ciou"])
def test_identical_rows_cost_nothing_and_rest(loss: str, backend: str, seed: int) -> None:
    for name in ("identical", "random", "thin", "tiny", "huge", "far away", "triangles", "32 corners"):
        pairs = SETS[name]
        if loss in losses_of(pairs.geometry):
            rows, _ = pairs.pairs(seed, 1000)
            with detloss.use_backend(backend):
                cost, gradients = with_gradients(loss, pairs, rows, rows, "hull")
            assert not cost.any(), name
            assert not gradients.any(), name


@every_backend
@pytest.mark.parametrize("name", ["random", "ties"])
def test_rectangles_of_angle_zero_equal_boxes(name: str, backend: str, seed: int) -> None:
    generator, count = torch.Generator().manual_seed(seed), 10_000
    draw = rectangles if name == "random" else rectangles_on_a_grid
    rotated = [draw(generator, count) * torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]) for _ in range(2)]
    boxes = [rows[:, :4] for rows in rotated]
    as_rectangles = PairSet(grid), PairSet(grid, AxisAligned(format="cxcywh"))
    with detloss.use_backend(backend):
        for loss in ("iou", "giou"):
            cost, gradients = with_gradients(loss, as_rectangles[0], *rotated, "box")
            expected, expected_gradients = with_gradients(loss, as_rectangles[1], *boxes, "box")
            torch.testing.assert_close(cost, expected, rtol=0, atol=1e-11)
            by_boxes = gradients.view(count, 2, 5)[..., :4].flatten(1)
            torch.testing.assert_close(by_boxes, expected_gradients, rtol=1e-10, atol=1e-10)
