"""Random pairs have the properties that their names state."""

import math

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Mixed, Polygon
from detloss.auditing.oracle import exact_polygons as oracle
from tests.support.convex_pairs import (
    MIXED,
    POLYGONS,
    RECTANGLES,
    SETS,
    corners_of,
    fractions_of,
    half_turns,
    rectangles,
    regular,
    with_middles,
)

COUNT = 2000


def iou(name: str, rows: tuple[Tensor, Tensor]) -> Tensor:
    """IoU of the first pairs, from the oracle."""
    return torch.tensor(
        [
            float(1 - oracle.losses(*(shape(fractions_of(row)) for shape, row in zip(SETS[name].shapes, pair)))["iou"])
            for pair in list(zip(*rows))[:30]
        ],
        dtype=torch.float64,
    )


def spans(vertices: Tensor) -> Tensor:
    """Twice the areas of all triangles of three neighboring vertices."""
    edges = vertices.roll(-1, -2) - vertices
    following = edges.roll(-1, -2)
    return edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]


@pytest.mark.parametrize("name", SETS)
def test_a_seed_repeats_itself_and_no_other(name: str, seed: int) -> None:
    pairs = SETS[name].pairs(seed, COUNT)
    assert all(len(rows) == COUNT and rows.dtype == torch.float64 and rows.isfinite().all() for rows in pairs)
    assert all(torch.equal(*each) for each in zip(pairs, SETS[name].pairs(seed, COUNT)))
    assert not torch.equal(pairs[0], SETS[name].pairs(seed + 1, COUNT)[0])


@pytest.mark.parametrize("name", RECTANGLES)
def test_rectangles_have_sides_and_all_angles(name: str, seed: int) -> None:
    for rows in RECTANGLES[name].pairs(seed, COUNT):
        assert (rows[:, 2:4] > 0.0).all()
        if name != "grid":
            assert rows[:, 4].max() - rows[:, 4].min() > 6.0


@pytest.mark.parametrize("name", POLYGONS | MIXED)
def test_polygons_are_convex_in_both_directions(name: str, seed: int) -> None:
    geometry = SETS[name].geometry
    shapes = (geometry.first, geometry.second) if isinstance(geometry, Mixed) else (geometry, geometry)
    for shape, vertices in zip(shapes, SETS[name].pairs(seed, COUNT)):
        if shape == Polygon():
            turns = spans(vertices)
            backward = turns.sum(-1) < 0.0
            assert 0.4 < backward.double().mean() < 0.6
            assert (torch.where(backward.unsqueeze(-1), -turns, turns) >= -1e-14).all()


def test_numbers_of_corners() -> None:
    counts = {tuple(rows.shape[1] for rows in pairs.pairs(0, 1)) for pairs in POLYGONS.values()}
    assert {(3, 3), (4, 3), (5, 8), (16, 7), (32, 32)} <= counts


@pytest.mark.parametrize("name", ["random", "tiny", "huge", "far away", "32 corners", "a box and a rectangle"])
def test_most_random_pairs_overlap_and_none_is_a_tie(name: str, seed: int) -> None:
    share = iou(name, SETS[name].pairs(seed, COUNT))
    assert (share > 0.0).double().mean() > 0.6
    assert share.max() < 0.99


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identical", 1.0),
        ("equivalent rows", 1.0),
        ("half shifted", 1.0 / 3.0),
        ("rotated by 1e-7", 0.7 / 1.3),
        ("rotated by 1e-10", 0.7 / 1.3),
        ("rotated by 1e-13", 0.7 / 1.3),
        ("shorter along an edge", 0.5),
        ("shifted by 1e-7", 1.0),
        ("shifted by 1e-10", 1.0),
        ("touching edges", 0.0),
        ("touching corners", 0.0),
        ("apart", 0.0),
        ("identical polygons", 1.0),
        ("the same padded", 1.0),
        ("the same with middles", 1.0),
        ("mirrored at an edge", 0.0),
        ("half as large from a corner", 0.25),
        ("polygons larger by 1e-10", 1.0),
        ("a rectangle and its corners", 1.0),
    ],
)
def test_iou_of_each_kind_of_pair(name: str, expected: float, seed: int) -> None:
    assert iou(name, SETS[name].pairs(seed, COUNT)).tolist() == pytest.approx([expected] * 30, abs=1e-6)


def test_nested_rectangles_lie_inside(seed: int) -> None:
    first, second = RECTANGLES["nested"].pairs(seed, COUNT)
    ratio = second[:, 2:4].prod(-1) / first[:, 2:4].prod(-1)
    torch.testing.assert_close(iou("nested", (first, second)), ratio[:30], rtol=1e-12, atol=0)
    assert ((first == second)[:, [0, 1, 4]].all(-1)[::2]).all()


@pytest.mark.parametrize("name", ["grid", "triangles on a grid", "a polygon and a box on a grid"])
def test_grids_are_full_of_ties(name: str, seed: int) -> None:
    pairs = SETS[name].pairs(seed, COUNT)
    share = iou(name, pairs)
    assert (share == 0.0).any()
    assert (share > 0.0).any()
    for rows in pairs:
        lengths = rows[:, :4] if name == "grid" else rows
        assert torch.equal(lengths, lengths.round())


def test_touching_rectangles_share_a_border(seed: int) -> None:
    for name in ("touching edges", "touching corners"):
        first, second = RECTANGLES[name].pairs(seed, 30)
        wider = first.new_tensor([1.0, 1.0, 1.0 + 1e-9, 1.0 + 1e-9, 1.0])
        assert (iou(name, (first * wider, second)) > 0.0).all()


def test_thin_rectangles_are_thin_and_meet(seed: int) -> None:
    rows = RECTANGLES["thin"].pairs(seed, COUNT)
    for each in rows:
        torch.testing.assert_close(each[:, 3] / each[:, 2], torch.full((COUNT,), 1e-4, dtype=torch.float64))
    assert (iou("thin", rows) > 0.0).double().mean() > 0.3


@pytest.mark.parametrize(("name", "size"), [("tiny", 1e-100), ("huge", 1e100)])
def test_sizes(name: str, size: float, seed: int) -> None:
    for rows in RECTANGLES[name].pairs(seed, COUNT):
        assert ((rows[:, 2:4] / size > 0.4) & (rows[:, 2:4] / size < 2.6)).all()


def test_far_away(seed: int) -> None:
    for rows in RECTANGLES["far away"].pairs(seed, COUNT):
        assert (rows[:, :2] > 9e5).all()


def test_half_turns_and_corners_are_the_same_rectangle(seed: int) -> None:
    rows = rectangles(torch.Generator().manual_seed(seed), 8)
    for quarters in range(-2, 3):
        rotated = half_turns(rows, torch.full((8,), quarters).double())
        assert (rotated[:, 4] - rows[:, 4]).tolist() == pytest.approx([quarters * math.pi / 2] * 8, abs=1e-14)
        ours, theirs = (corners_of(each) for each in (rows, rotated))
        nearest = (ours.unsqueeze(1) - theirs.unsqueeze(2)).norm(dim=-1).amin(-1)
        assert nearest.max() < 1e-14


def test_middles_lie_between(seed: int) -> None:
    vertices = regular(torch.Generator().manual_seed(seed), 5, 6)
    found = with_middles(vertices)
    assert torch.equal(found[:, ::2], vertices)
    torch.testing.assert_close(found[:, 1::2] - found[:, ::2], found.roll(-1, 1)[:, 1::2] - found[:, 1::2])
    assert detloss.iou(found, vertices, geometry=Polygon()).tolist() == pytest.approx([1.0] * 5, abs=1e-10)


def test_corners_of_the_oracle() -> None:
    """Fifty digits of a square rotated by 45 degrees."""
    square = oracle.rectangle(fractions_of(torch.tensor([0.0, 0.0, 1.0, 1.0, math.pi / 4], dtype=torch.float64)))
    assert float(square.vertices[0][1]) == pytest.approx(-math.sqrt(0.5), rel=1e-15)
    assert abs(float(oracle.area(square.vertices) - 1)) < 1e-45
