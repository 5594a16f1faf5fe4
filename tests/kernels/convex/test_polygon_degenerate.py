"""Polygons without area, and pairs far longer than wide, against exact results."""

from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Mixed, Polygon, Rotated, kernels
from detloss.auditing.oracle import exact_polygons as oracle
from detloss.geometry import Geometry
from tests.support.convex_pairs import (
    KINKED,
    SMOOTH,
    Pair,
    PairSet,
    corners_of,
    fractions_of,
    regular,
)
from tests.support.degenerate_pairs import DEGENERATE, LONG, long

LOSSES: dict[str, Callable[..., Tensor]] = {
    "iou": detloss.iou_loss,
    "giou": detloss.generalized_iou_loss,
    "diou": detloss.distance_iou_loss,
    "ciou": detloss.complete_iou_loss,
}
PAIRS = 4
ROUNDING = {torch.float64: 1e-12, torch.float32: 2e-7}
every_backend = pytest.mark.parametrize("backend", kernels.AVAILABLE["cpu"])
both_dtypes = pytest.mark.parametrize("dtype", ROUNDING, ids=str)


def differentiated(loss: str, geometry: Geometry, backend: str, rows: Pair) -> tuple[Tensor, Tensor]:
    """The losses of pairs, and their derivatives by all numbers of both rows."""
    first, second = (each.clone().requires_grad_() for each in rows)
    with detloss.use_backend(backend):
        value = LOSSES[loss](first, second, geometry=geometry, reduction="none")
        by_rows = torch.autograd.grad(value.sum(), (first, second))
    return value.detach(), torch.cat([each.flatten(1) for each in by_rows], -1)


def of_its_extent(shape: oracle.Shape, row: Sequence[Fraction]) -> list[bool]:
    """Numbers that give a polygon without area its extent: derivatives by them are not unique."""
    if len(row) == 5:
        return [k in (2, 3) and side <= 0 for k, side in enumerate(row)]
    return [not oracle.area(shape(row).vertices)] * len(row)


def check(pairs: PairSet, rows: Pair, losses: Sequence[str], step: Fraction) -> None:
    """Values and gradients on every backend."""
    rounding = ROUNDING[rows[0].dtype]
    found = {
        (loss, backend): differentiated(loss, pairs.geometry, backend, rows)
        for loss in losses
        for backend in kernels.AVAILABLE["cpu"]
    }
    for k, pair in enumerate(zip(*rows)):
        exact = fractions_of(pair[0]), fractions_of(pair[1])
        values = oracle.losses(*(shape(row) for shape, row in zip(pairs.shapes, exact)))
        several = [each for shape, row in zip(pairs.shapes, exact) for each in of_its_extent(shape, row)]
        entries = [entry for entry, passed_over in enumerate(several) if not passed_over]
        truth = oracle.gradients(pairs.shapes, exact, entries, step)
        for (loss, backend), (value, gradients) in found.items():
            assert abs(value[k].item() - values[loss]) <= rounding, (loss, backend, pair)
            for entry, gradient, of_iou in zip(entries, truth[loss], truth["iou"]):
                kinks = abs(gradient.kink) if loss == "iou" else abs(gradient.kink - of_iou.kink) + 3 * abs(of_iou.kink)
                room = 0.5 * float(kinks) + (pairs.gradient_error + rounding) * max(1.0, abs(float(gradient.mean)))
                assert abs(gradients[k, entry].item() - gradient.mean) <= room, (loss, backend, pair, entry)


@both_dtypes
@pytest.mark.parametrize("name", DEGENERATE)
def test_rectangles_without_area(name: str, dtype: torch.dtype, seed: int) -> None:
    pairs = DEGENERATE[name]
    first, second = (each.to(dtype) for each in pairs.pairs(seed, PAIRS))
    # Pairs that rounding to float32 moved off a tie are further from it than a long step.
    check(pairs, (first, second), tuple(LOSSES), pairs.step if dtype == torch.float64 else SMOOTH)


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("geometry", [Polygon(), Mixed(Rotated(), Polygon())], ids=str)
def test_polygons_without_area(geometry: Geometry, name: str, seed: int) -> None:
    """The corners of the same rectangles."""
    pairs = DEGENERATE[name]
    first, second = (
        torch.cat((rows[:, :2], rows[:, 2:4].relu(), rows[:, 4:]), -1) for rows in pairs.pairs(seed, PAIRS)
    )
    rows = corners_of(first) if geometry == Polygon() else first, corners_of(second)
    check(PairSet(pairs.draw, geometry, step=pairs.step), rows, ("iou", "giou"), pairs.step)


@every_backend
@pytest.mark.parametrize("loss", ["iou", "giou", "diou"])
@pytest.mark.parametrize("sides", [(0.0, 0.0), (-1.0, -1.0), (0.0, -3.0), (1e-238, 1e-238)])
def test_a_point_inside_does_not_move_the_box(sides: tuple[float, float], loss: str, backend: str) -> None:
    """Except for the centers of DIoU: the intersection is empty, and the hull is the box."""
    box = torch.tensor([[0.0, 0.0, 2.0, 1.0, 0.3]], dtype=torch.float64)
    point = torch.tensor([[0.1, 0.0, *sides, 0.2]], dtype=torch.float64)
    for rows, own in (((box, point), slice(0, 5)), ((point, box), slice(5, 10))):
        value, gradients = differentiated(loss, Rotated(), backend, rows)
        assert value.item() == pytest.approx(1.0 + (0.01 / 5.0 if loss == "diou" else 0.0), abs=1e-14)
        expected = torch.zeros(5, dtype=torch.float64)
        if loss == "diou":  # .01 / (w^2 + h^2)
            expected[:4] = expected.new_tensor([-0.04, 0.0, -0.0016, -0.0008])
        torch.testing.assert_close(gradients[0, own], expected, rtol=0, atol=1e-14)


@both_dtypes
@pytest.mark.parametrize("name", LONG)
def test_long_pairs(name: str, dtype: torch.dtype, seed: int) -> None:
    """Values, and gradients times their numbers; a rounding error of the angle moves a long polygon far."""
    pairs, rounding = LONG[name], ROUNDING[dtype]
    first, second = (each.to(dtype) for each in pairs.pairs(seed, PAIRS))
    found = {
        (loss, backend): differentiated(loss, Rotated(), backend, (first, second))
        for loss in LOSSES
        for backend in kernels.AVAILABLE["cpu"]
    }
    for k, pair in enumerate(zip(first, second)):
        exact = fractions_of(pair[0]), fractions_of(pair[1])
        numbers = [*exact[0], *exact[1]]
        values = oracle.losses(*map(oracle.rectangle, exact))
        truth = oracle.gradients(pairs.shapes, exact, range(10), pairs.step)
        # The part of a segment inside a box is a fraction of its length, so its rounding grows with the length.
        segments = [max(row[2:4]) for row in exact if min(row[2:4]) <= 0 < max(row[2:4])]
        coarse = 1e-15 * float(max(segments, default=0))
        for (loss, backend), (value, gradients) in found.items():
            assert abs(value[k].item() - values[loss]) <= rounding, (loss, backend, pair)
            assert gradients[k].isfinite().all()
            for entry in (0, 1, 2, 3, 5, 6, 7, 8) if loss in ("iou", "giou") else ():
                gradient, size = truth[loss][entry], max(1.0, abs(float(numbers[entry])))
                if numbers[entry] or entry % 5 < 2:  # a height of 0 has several correct derivatives
                    off = abs(gradients[k, entry].item() - gradient.mean) - abs(gradient.kink)
                    assert float(off) * size <= 10 * rounding + coarse, (loss, backend, pair, entry)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_long_rectangle_and_a_polygon(swapped: bool, seed: int) -> None:
    """Values, and gradients by the polygon; its centroid lies near its first corner."""
    generator = torch.Generator().manual_seed(seed)
    rows, vertices = long(generator, PAIRS), regular(generator, PAIRS, 5)
    geometry = Mixed(Polygon(), Rotated()) if swapped else Mixed(Rotated(), Polygon())
    pair = (vertices, rows) if swapped else (rows, vertices)
    polygons = [fractions_of(each) for each in vertices]
    exact = [(fractions_of(row), each) for row, each in zip(rows, polygons)]
    values = [oracle.losses(oracle.rectangle(row), oracle.polygon(each)) for row, each in exact]
    truth = [oracle.gradients((oracle.rectangle, oracle.polygon), each, range(5, 15), KINKED) for each in exact]
    for loss in ("iou", "giou", "diou"):
        for backend in kernels.AVAILABLE["cpu"]:
            value, gradients = differentiated(loss, geometry, backend, pair)
            assert value.tolist() == pytest.approx([float(each[loss]) for each in values], abs=1e-12), backend
            by_polygon = gradients[:, :10] if swapped else gradients[:, 5:]
            for found, wanted in zip(by_polygon, truth):
                expected = [float(gradient.mean) for gradient in wanted[loss]]
                assert found.tolist() == pytest.approx(expected, rel=1e-6, abs=1e-12), (loss, backend)
