"""Measures that a penalty reads: provided by every suitable geometry, an error on any other."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import detloss
from detloss.engine import box_pairs
from detloss.formulas.measures import INNER, PairMeasures, Slopes, needs
from detloss.formulas.penalties import complete_iou, distance_iou, generalized_iou, iou, log_iou
from detloss.geometry import AxisAligned, Cuboid, Geometry, Mixed, Polygon, Polytope, Rotated

OVERLAP = {"symmetric_difference", "intersection", "distinct"}
CENTERS = {"distance", "diagonal"}

# A row of each geometry.
SQUARE = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
PRISM = [[x, y, z] for x in (0.0, 1.0) for y in (0.0, 2.0) for z in (0.0, 1.5)]
ROWS: dict[Geometry, list] = {
    AxisAligned(): [0.0, 0.0, 2.0, 1.0],
    AxisAligned("cxcywh", dims=3): [1.0, 1.0, 1.0, 2.0, 1.0, 3.0],
    AxisAligned(dims=1): [0.0, 2.0],
    AxisAligned(dims=4): [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0, 2.0],
    Rotated(): [1.0, 1.0, 2.0, 1.0, 0.3],
    Polygon(): SQUARE,
    Mixed(Polygon(), Polygon()): SQUARE,
    Cuboid(): [1.0, 1.0, 1.0, 2.0, 1.0, 3.0, 0.3],
    Polytope(): PRISM,
}
every_geometry = pytest.mark.parametrize("geometry", ROWS, ids=str)


def drawn(geometry: Geometry, seed: int) -> tuple[Tensor, Tensor]:
    """Five pairs of rows, which mostly overlap."""
    generator = torch.Generator().manual_seed(seed)
    row = torch.tensor(ROWS[geometry], dtype=torch.float64)
    pred, target = row + 0.1 * torch.rand(2, 5, *row.shape, generator=generator, dtype=torch.float64)
    return pred.requires_grad_(), target


def loss_of(penalty: Callable[..., Any], pred: Tensor, target: Tensor, geometry: Geometry) -> Tensor:
    return box_pairs.loss("toy_loss", penalty, pred, target, geometry, None, "none", None)


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (iou, OVERLAP),
        (log_iou, OVERLAP),
        (generalized_iou, OVERLAP | {"enclosure_excess"}),
        (distance_iou, OVERLAP | CENTERS),
        (complete_iou, OVERLAP | CENTERS | {"aspect_angle"}),
    ],
)
def test_needs(penalty: Callable[..., Any], expected: set[str]) -> None:
    assert needs(penalty) == expected


def toy_iou(m: Any, pair: Any) -> tuple[Any, Any, Slopes]:
    """A penalty that the library does not know: the centers' squared distance by the squared diagonal."""
    loss, similarity, gradients = iou(m, pair)
    ratio = m.quotient(pair.distance, pair.diagonal)
    by_diagonal = -m.quotient(ratio, pair.diagonal)
    return loss + ratio, similarity - ratio, gradients._replace(distance=m.inverse(pair.diagonal), diagonal=by_diagonal)


@every_geometry
def test_a_new_penalty_receives_what_it_reads(geometry: Geometry, seed: int) -> None:
    pred, target = drawn(geometry, seed)
    ours = loss_of(toy_iou, pred, target, geometry)
    expected = detloss.distance_iou_loss(pred, target, geometry=geometry, reduction="none")
    plain = detloss.iou_loss(pred, target, geometry=geometry, reduction="none")
    assert (ours > plain).all()
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(loss.sum(), pred)[0] for loss in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-12)


@every_geometry
def test_every_measure_that_is_provided_is_computed(geometry: Geometry, seed: int) -> None:
    pred, target = drawn(geometry, seed)
    names = box_pairs.plan_of(iou, geometry, None, False).request.provided - INNER  # these take a parameter
    seen: list[PairMeasures] = []

    def greedy(m: Any, pair: Any) -> tuple[Any, Any, Slopes]:
        seen.append(pair)
        assert all(getattr(pair, name) is not None for name in names)
        return iou(m, pair)

    loss_of(greedy, pred, target, geometry)
    assert {name for name, value in seen[-1]._asdict().items() if value is not None} == names - {"plane"}


@every_geometry
def test_a_measure_that_does_not_exist_is_an_error(geometry: Geometry, seed: int) -> None:
    def efficient_iou(m: Any, pair: Any) -> tuple[Any, Any, Slopes]:
        loss, similarity, gradients = toy_iou(m, pair)
        return loss + pair.strain, similarity - pair.strain, gradients

    pred, target = drawn(geometry, seed)
    with pytest.raises(
        ValueError, match="geometry: expected one with the measure strain, which efficient_iou reads"
    ) as error:
        loss_of(efficient_iou, pred, target, geometry)
    assert str(error.value).endswith(f", got {geometry}")


@pytest.mark.parametrize("geometry", [Polygon(), Cuboid(), Mixed(Rotated(), Polygon()), AxisAligned(dims=3)], ids=str)
def test_a_measure_that_a_geometry_lacks_is_an_error(geometry: Geometry) -> None:
    def slanted_iou(m: Any, pair: Any) -> tuple[Any, Any, Slopes]:
        loss, similarity, gradients = iou(m, pair)
        return loss + pair.aspect_angle, similarity, gradients

    message = "geometry: expected one with the measure aspect_angle, which slanted_iou reads, got "
    with pytest.raises(ValueError, match=message) as error:
        box_pairs.plan_of(slanted_iou, geometry, None, False)
    assert str(error.value) == f"{message}{geometry}"
