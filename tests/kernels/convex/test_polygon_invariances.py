"""Invariances of pairs of convex shapes, on thousands of pairs of every kind (polygons: on hundreds)."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Mixed, Polygon, Rotated, kernels
from detloss.geometry import Geometry
from tests.support.convex_pairs import (
    MIXED,
    POLYGONS,
    RANDOM,
    RECTANGLES,
    SETS,
    TIED,
    corners_of,
    half_turns,
    in_any_direction,
    padded,
    with_middles,
)

COUNTS = {"cpp": 5_000, "eager": 500}
MEASURES: dict[str, Callable[..., Tensor]] = {
    "iou": detloss.iou,
    "giou": detloss.generalized_iou,
    "diou": detloss.distance_iou,
}
every_backend = pytest.mark.parametrize("backend", kernels.AVAILABLE["cpu"])
every_set = pytest.mark.parametrize("name", SETS)


def measure_and_gradients(measure: str, geometry: Geometry, *rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A measure of pairs, and its gradients."""
    first, second = (each.clone().requires_grad_() for each in rows)
    value = MEASURES[measure](first, second, geometry=geometry)
    return value.detach(), *torch.autograd.grad(value.sum(), (first, second))


def pairs_of(name: str, backend: str, seed: int) -> tuple[Tensor, Tensor]:
    return SETS[name].pairs(seed, COUNTS[backend] // (20 if name in POLYGONS else 1))


def room(name: str) -> dict[str, float]:
    return {"rtol": 0.0, "atol": 2.0 * max(SETS[name].error, RANDOM)}


@every_backend
@every_set
def test_bounds_and_no_nan(name: str, backend: str, seed: int) -> None:
    rows = pairs_of(name, backend, seed)
    with detloss.use_backend(backend):
        found = {measure: measure_and_gradients(measure, SETS[name].geometry, *rows) for measure in MEASURES}
    for _, *gradients in found.values():
        assert all(each.isfinite().all() for each in gradients)
    (iou, *_), (giou, *_), (diou, *_) = found.values()
    assert ((iou >= 0.0) & (iou <= 1.0)).all()
    assert ((giou >= -1.0) & (giou <= iou)).all()
    assert ((diou >= -1.0) & (diou <= iou)).all()


@every_backend
@every_set
@pytest.mark.parametrize("measure", MEASURES)
def test_swapping(measure: str, name: str, backend: str, seed: int) -> None:
    first, second = pairs_of(name, backend, seed)
    geometry = swapped = SETS[name].geometry
    if isinstance(geometry, Mixed):
        swapped = Mixed(geometry.second, geometry.first)
    with detloss.use_backend(backend):
        value, by_first, by_second = measure_and_gradients(measure, geometry, first, second)
        other, by_second_now, by_first_now = measure_and_gradients(measure, swapped, second, first)
    torch.testing.assert_close(other, value, **room(name))
    for now, before in ((by_first_now, by_first), (by_second_now, by_second)):
        largest = before.flatten(1).abs().amax(-1)
        off = (now - before).flatten(1).abs().amax(-1)
        assert (off <= max(SETS[name].gradient_error or 0.0, 1e-8) * (largest + 1.0)).all()


def shifted(rows: Tensor) -> Tensor:
    """Scaled by powers of two, which rounds little."""
    return torch.cat((rows[:, :2] + torch.tensor([4.0, -8.0]), rows[:, 2:]), -1)


def grown(rows: Tensor) -> Tensor:
    return torch.cat((3.0 * rows[:, :4], rows[:, 4:]), -1)


def rotated(rows: Tensor) -> Tensor:
    """The plane rotated by one radian."""
    (x, y), cosine, sine = rows[:, :2].unbind(-1), math.cos(1.0), math.sin(1.0)
    return torch.cat(
        (torch.stack((x * cosine - y * sine, x * sine + y * cosine), -1), rows[:, 2:4], rows[:, 4:] + 1.0), -1
    )


def mirrored(rows: Tensor) -> Tensor:
    return rows * torch.tensor([-1.0, 1.0, 1.0, 1.0, -1.0])


@every_backend
@pytest.mark.parametrize("change", [shifted, grown, rotated, mirrored])
@pytest.mark.parametrize("name", [name for name in RECTANGLES if name not in ("tiny", "huge", "far away")])
def test_moving_the_plane_of_rectangles(name: str, change: Callable[[Tensor], Tensor], backend: str, seed: int) -> None:
    rows = pairs_of(name, backend, seed)
    with detloss.use_backend(backend):
        for measure in MEASURES:
            value, by_first, _ = measure_and_gradients(measure, Rotated(), *rows)
            moved, by_moved, _ = measure_and_gradients(measure, Rotated(), *(change(each) for each in rows))
            torch.testing.assert_close(moved, value, **room(name))
            if name in ("random", "nested", "apart"):
                by_sides = [2, 3]
                scale = 3.0 if change is grown else 1.0
                torch.testing.assert_close(scale * by_moved[:, by_sides], by_first[:, by_sides], rtol=1e-8, atol=1e-8)


@every_backend
@pytest.mark.parametrize("name", RECTANGLES)
def test_equivalent_rectangle_rows(name: str, backend: str, seed: int) -> None:
    first, second = pairs_of(name, backend, seed)
    quarters = torch.randint(-2, 3, (len(second),), generator=torch.Generator().manual_seed(seed)).double()
    with detloss.use_backend(backend):
        for function in MEASURES.values():
            value = function(first, second, geometry=Rotated())
            again = function(first, half_turns(second, quarters), geometry=Rotated())
            torch.testing.assert_close(again, value, **room(name))
            if name not in ("tiny", "huge", "far away", "thin"):  # where rounding the corners moves them too far
                both = Mixed(Rotated(), Polygon())
                torch.testing.assert_close(function(first, corners_of(second), geometry=both), value, **room(name))


def start_elsewhere(vertices: Tensor) -> Tensor:
    return vertices.roll(1, -2)


def backward(vertices: Tensor) -> Tensor:
    return vertices.flip(-2)


def with_two_more(vertices: Tensor) -> Tensor:
    return padded(vertices, 2)


def with_all_doubled(vertices: Tensor) -> Tensor:
    return vertices.repeat_interleave(2, -2)


def further_away(vertices: Tensor) -> Tensor:
    return vertices + torch.tensor([4.0, -8.0])


def larger(vertices: Tensor) -> Tensor:
    return 3.0 * vertices


REWRITINGS = [start_elsewhere, backward, with_two_more, with_all_doubled, with_middles]


@every_backend
@pytest.mark.parametrize("change", REWRITINGS)
@pytest.mark.parametrize("name", POLYGONS)
def test_equivalent_polygon_rows(name: str, change: Callable[[Tensor], Tensor], backend: str, seed: int) -> None:
    first, second = pairs_of(name, backend, seed)
    with detloss.use_backend(backend):
        for measure in MEASURES:
            value, _, by_second = measure_and_gradients(measure, Polygon(), first, second)
            again, _, by_second_now = measure_and_gradients(measure, Polygon(), change(first), second)
            torch.testing.assert_close(again, value, rtol=0.0, atol=TIED)  # a rounded midpoint may lie off its edge
            if SETS[name].error == RANDOM:
                torch.testing.assert_close(by_second_now, by_second, rtol=1e-7, atol=1e-7)


@every_backend
@pytest.mark.parametrize("change", REWRITINGS)
@pytest.mark.parametrize("name", ["triangles", "5 corners against 8", "mirrored at an edge"])
def test_gradients_of_equivalent_polygon_rows(
    name: str, change: Callable[[Tensor], Tensor], backend: str, seed: int
) -> None:
    """Gradients through the equivalent rows equal the gradients by the vertices."""
    first, second = pairs_of(name, backend, seed)
    vertices = first.clone().requires_grad_()
    measures = MEASURES.keys() - ({"diou"} if "mirrored" in name else set())  # two diagonals of a kite may be longest
    with detloss.use_backend(backend):
        for measure, function in [(each, MEASURES[each]) for each in sorted(measures)]:
            _, expected, _ = measure_and_gradients(measure, Polygon(), first, second)
            value = function(change(vertices), second, geometry=Polygon())
            (gradients,) = torch.autograd.grad(value.sum(), vertices)
            torch.testing.assert_close(gradients, expected, rtol=1e-6, atol=1e-6)


@every_backend
@pytest.mark.parametrize("change", [further_away, larger])
@pytest.mark.parametrize("name", POLYGONS)
def test_moving_the_plane_of_polygons(name: str, change: Callable[[Tensor], Tensor], backend: str, seed: int) -> None:
    rows = pairs_of(name, backend, seed)
    with detloss.use_backend(backend):
        for function in MEASURES.values():
            value = function(*rows, geometry=Polygon())
            moved = function(*(change(each) for each in rows), geometry=Polygon())
            torch.testing.assert_close(moved, value, **room(name))


@every_backend
@pytest.mark.parametrize("name", MIXED)
def test_a_mixed_pair_is_a_pair_of_polygons(name: str, backend: str, seed: int) -> None:
    pairs = MIXED[name]
    first, second = pairs.pairs(seed, COUNTS[backend])
    as_polygons = [
        as_polygon(shape, rows) for shape, rows in zip((pairs.geometry.first, pairs.geometry.second), (first, second))
    ]
    with detloss.use_backend(backend):
        for function in MEASURES.values():
            value = function(first, second, geometry=pairs.geometry)
            torch.testing.assert_close(function(*as_polygons, geometry=Polygon()), value, **room(name))


def as_polygon(shape: object, rows: Tensor) -> Tensor:
    """Rows of a rectangle or of a box as vertices."""
    if isinstance(shape, Polygon):
        return rows
    if not isinstance(shape, Rotated):
        low, rest = rows[:, :2], rows[:, 2:]
        sides = rest if shape.format == "xywh" else rest - low
        rows = torch.cat((low + 0.5 * sides, sides, torch.zeros_like(low[:, :1])), -1)
    return in_any_direction(torch.Generator().manual_seed(0), corners_of(rows))
