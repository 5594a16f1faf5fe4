"""Tables of the docs: measured facts, and the range, gradient and scale invariance of every loss."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks.facts import facts, table
from detloss import AxisAligned, Rotated
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss, Sizes

DOCS = Path(__file__).parents[1] / "docs"
ROWS = {loss.name: loss for loss in (*LOSSES, *ROTATED_LOSSES)}
BOX_KINDS = (Kind.REGRESSION, Kind.BOX)
SIZES = Sizes(image=(100.0, 100.0), objects=12.8)
DISTANCES = 10.0 ** torch.arange(2, 7, dtype=torch.float64)


def tables_of(page: str) -> list[list[list[str]]]:
    """The cells of all tables of a page that have | as delimiter, without their headers."""
    tables: list[list[list[str]]] = []
    lines = iter((DOCS / page).read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.strip() == ":delim: |":
            rows = []
            while (line := next(lines)).strip():
                pass
            while (line := next(lines, "")).strip():
                rows.append([cell.strip(" `") for cell in line.split("|")])
            tables.append(rows)
    return tables


AXIS_ALIGNED, ROTATED, CLASSIFICATION = tables_of("choosing.rst")
CASES = [
    pytest.param(row, geometry, id=f"{row[0]}, {type(geometry).__name__}")
    for rows, geometry in ((AXIS_ALIGNED, AxisAligned("cxcywh")), (ROTATED, Rotated()))
    for row in rows
]


@pytest.fixture(scope="module")
def measured() -> list[list[str]]:
    """The cells of the facts, measured now."""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table(facts()).splitlines()[2:]]


def test_the_page_on_numerics_has_all_facts(measured: list[list[str]]) -> None:
    assert measured in tables_of("numerics.rst")


def test_the_front_page_has_six_facts(measured: list[list[str]]) -> None:
    stated = tables_of("index.rst")[0]
    assert len(stated) == 6
    assert all(row in measured for row in stated)


def test_every_loss_is_in_the_tables() -> None:
    def names(*kinds: Kind) -> set[str]:
        return {loss.name for loss in ROWS.values() if loss.kind in kinds}

    assert {row[0] for row in AXIS_ALIGNED} == names(*BOX_KINDS)
    axis_aligned = {loss.name for loss in LOSSES if loss.axis_aligned_only}
    assert {row[0] for row in ROTATED} == names(Kind.BOX, Kind.ROTATED) - axis_aligned
    assert {row[0] for row in CLASSIFICATION} == names(Kind.SIGMOID, Kind.QUALITY, Kind.SOFTMAX)


def evaluated(loss: Loss, geometry: AxisAligned | Rotated, pred: Tensor, target: Tensor) -> Tensor:
    """The sum over one pair, in float64."""
    options = {"geometry": geometry} if loss.kind is Kind.BOX else {}
    total: Tensor = loss.with_sizes(SIZES).build(**options, reduction="sum")(pred, target)
    return total


def box(*numbers: float, geometry: AxisAligned | Rotated) -> Tensor:
    """A row cx, cy, w, h of this geometry."""
    angle = [0.3] if geometry == Rotated() else []
    return torch.tensor([[*numbers, *angle]], dtype=torch.float64)


def gradient(loss: Loss, geometry: AxisAligned | Rotated, pred: Tensor, target: Tensor) -> Tensor:
    """The gradient by cx, cy, w, h of the prediction."""
    pred = pred.clone().requires_grad_()
    return torch.autograd.grad(evaluated(loss, geometry, pred, target), pred)[0][0, :4]


@pytest.mark.parametrize(("row", "geometry"), CASES)
def test_the_range(row: list[str], geometry: AxisAligned | Rotated) -> None:
    """The loss is 0 for identical boxes, and one of three extreme pairs comes close to the upper end."""
    loss, upper = ROWS[row[0]], row[1].removeprefix("[0, ").rstrip("])")
    target = box(0, 0, 1e3, 1e-3, geometry=geometry)
    assert evaluated(loss, geometry, target, target) == 0
    point = box(0, 0, 1e-4, 1e-4, geometry=geometry)
    pairs = [
        (box(1e7, 1e7, 1e-3, 1e3, geometry=geometry), target),
        (box(1e9, 1e5, 1, 1, geometry=geometry), point),
        (box(500, 500, 1e3 - 1e-3, 1e3 - 1e-3, geometry=geometry), point),
    ]
    largest = max(evaluated(loss, geometry, *pair).item() for pair in pairs)
    if upper == "∞":
        assert largest > 1e6
    else:
        closeness = 0.1 if loss.name == "kld" else 1e-2  # its limit is approached with the logarithm of the distance
        assert float(upper) * (1 - closeness) < largest <= float(upper) + 0.01


@pytest.mark.parametrize(("row", "geometry"), CASES)
def test_the_gradient_for_disjoint_boxes(row: list[str], geometry: AxisAligned | Rotated) -> None:
    loss, target = ROWS[row[0]], box(0, 0, 40, 20, geometry=geometry)
    moved = [box(distance, distance, 20, 30, geometry=geometry) for distance in DISTANCES.tolist()]
    sizes = torch.stack([gradient(loss, geometry, pred, target)[:2].norm() for pred in moved])
    steps = sizes.diff()
    found = {
        "none": bool((sizes == 0).all()),
        "constant": bool((sizes > 0).all() and torch.allclose(sizes, sizes[:1], rtol=1e-3)),
        "grows": bool((steps > 0).all() and sizes[-1] > 10 * sizes[0]),
        "decays": bool(sizes[0] > 0 and (steps <= 0).all() and sizes[-1] < 1e-3 * sizes[0]),
    }
    assert [name for name, holds in found.items() if holds] == [row[2]]


@pytest.mark.parametrize("is_target_larger", [True, False])
@pytest.mark.parametrize(("row", "geometry"), CASES)
def test_the_gradient_for_contained_boxes(
    row: list[str], geometry: AxisAligned | Rotated, is_target_larger: bool
) -> None:
    loss = ROWS[row[0]]
    large, small = box(0, 0, 40, 20, geometry=geometry), box(1, 1, 10, 6, geometry=geometry)
    pred, target = (small, large) if is_target_larger else (large, small)
    by = gradient(loss, geometry, pred, target).abs() > 1e-12
    found = [name for name, has in (("position", by[:2].all()), ("size", by[2:].all())) if has]
    assert found == row[3].split(", ")


@pytest.mark.parametrize(("row", "geometry"), CASES)
def test_the_scale_invariance(row: list[str], geometry: AxisAligned | Rotated) -> None:
    pred, target = box(5, 3, 40, 20, geometry=geometry), box(0, 0, 30, 25, geometry=geometry)
    factor = box(7, 7, 7, 7, geometry=geometry)
    if geometry == Rotated():
        factor[:, 4] = 1
    loss = ROWS[row[0]]
    before = evaluated(loss, geometry, pred, target)
    after = evaluated(loss, geometry, factor * pred, factor * target)
    assert row[4] == ("yes" if torch.isclose(before, after, rtol=1e-9) else "no")


@pytest.mark.parametrize("row", CLASSIFICATION, ids=lambda row: row[0])
def test_the_gradient_of_classification_losses(row: list[str]) -> None:
    loss = ROWS[row[0]]
    assert row[1] == ("softmax" if loss.kind is Kind.SOFTMAX else "sigmoid")
    for p, cell in zip((0.1, 0.5, 0.99), row[2:5], strict=True):
        factor = 0.25 if loss.name in ("balanced_bce", "focal") else 1.0
        focal = 1 - p
        if loss.name in ("focal", "softmax_focal", "qfl"):
            focal = (1 - p) ** 2 * (1 - p - 2 * p * math.log(p))
        elif loss.name == "iabce":
            focal = p**0.25 - p
        assert cell.removesuffix(" w") == f"{factor * focal:.3g}"
        z = math.log(p / (1 - p))
        logits = [[z, 0.0]] if loss.kind is Kind.SOFTMAX else [[z]]
        logit = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        weight = {"class_weight": torch.tensor([3.0, 1.0])} if cell.endswith(" w") else {}
        loss.function(logit, torch.tensor([0]), reduction="sum", **loss.options, **weight).backward()
        assert -logit.grad[0, 0].item() == pytest.approx(factor * focal * (3.0 if weight else 1.0), rel=1e-9)
