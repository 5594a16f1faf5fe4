"""The pages on shapes: every line of code prints what they say, and what the pictures draw is what the library says."""

import doctest
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.spatial import ConvexHull
from torch import Tensor

import detloss
from detloss import Cuboid, Polygon, Polytope, Rotated
from detloss.geometry import Shape
from docs.extension import shape_pictures, turning_boxes
from docs.extension.convex_bodies import Points, edges, faces, hull, outline, shared
from docs.extension.shape_pictures import corners_of, cuboid_corners

FOLDER = Path(__file__).parents[1] / "docs" / "shapes"
PAGES = sorted(FOLDER.glob("*.rst"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_prints_what_the_page_says(page: Path) -> None:
    failures, lines = doctest.testfile(str(page), module_relative=False)
    assert lines > 0
    assert failures == 0


def test_every_picture_is_drawn_and_shown(tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    shape_pictures.draw(SimpleNamespace(srcdir=tmp_path))
    drawn = {path.name for path in (tmp_path / "shapes").iterdir() if path.read_bytes().startswith(b"\x89PNG")}
    shown = [name for page in PAGES for name in re.findall(r"^\.\. figure:: (.+)$", page.read_text("utf-8"), re.M)]
    assert sorted(shown) == sorted(drawn)


def turned(pairs: int) -> Tensor:
    """Rectangles that overlap: their centers are nearer than any side is long."""
    rows = torch.rand(2, pairs, 5, dtype=torch.float64)
    return rows + torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0])


def upright(pairs: int) -> Tensor:
    rows = torch.rand(2, pairs, 7, dtype=torch.float64)
    return rows + torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])


def hexagons(pairs: int) -> Tensor:
    angles = (torch.rand(2, pairs, 6, dtype=torch.float64) + torch.arange(6)) * torch.pi / 3
    return torch.stack([angles.cos(), angles.sin()], dim=-1) + 0.3 * torch.rand(2, pairs, 1, 2, dtype=torch.float64)


def dented_cubes(pairs: int) -> Tensor:
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    return corners + 0.4 * torch.rand(2, pairs, 8, 3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("geometry", "rows", "points_of"),
    [
        (Rotated(), turned, corners_of),
        (Polygon(), hexagons, Tensor.numpy),
        (Cuboid(), upright, cuboid_corners),
        (Polytope(), dented_cubes, Tensor.numpy),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_drawn_is_what_is_measured(
    geometry: Shape, rows: Callable[[int], Tensor], points_of: Callable[[Tensor], Points], seed: int
) -> None:
    torch.manual_seed(seed)
    for first, second in zip(*rows(3), strict=True):
        points = points_of(first), points_of(second)
        sizes = [ConvexHull(each).volume for each in (*points, shared(*points), hull(*points))]
        union = sizes[0] + sizes[1] - sizes[2]
        iou = sizes[2] / union
        torch.testing.assert_close(detloss.iou(first, second, geometry=geometry).item(), iou)
        giou = detloss.generalized_iou(first, second, geometry=geometry)
        torch.testing.assert_close(giou.item(), iou - 1 + union / sizes[3])


def test_the_volumes_around_the_cuboids() -> None:
    points = np.concatenate([cuboid_corners(row) for row in shape_pictures.CUBOIDS])
    assert shape_pictures.enclosed("hull") == pytest.approx(ConvexHull(points).volume)
    assert shape_pictures.enclosed("box") == pytest.approx(np.ptp(points, axis=0).prod())


def test_bodies_that_are_apart_share_no_corner() -> None:
    assert len(shared(shape_pictures.PENTAGON.numpy(), shape_pictures.APART.numpy())) == 0


def test_an_outline_goes_round_its_corners() -> None:
    square = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.5, 0.0], [0.0, 1.0]])
    around = outline(square)
    assert {tuple(corner) for corner in around} == {(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)}
    assert np.abs(np.roll(around, -1, axis=0) - around).sum(axis=1) == pytest.approx(1.0)


def test_a_cube_has_six_faces_and_twelve_edges() -> None:
    cube = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    sides = [np.abs(np.roll(face, -1, axis=0) - face).sum(axis=1) for face in faces(cube)]
    assert np.array(sides) == pytest.approx(np.ones((6, 4)))
    assert [np.abs(end - start).sum() for start, end in edges(cube)] == pytest.approx([1.0] * 12)


def test_a_box_across_itself() -> None:
    values, slopes = turning_boxes.along_turns(turning_boxes.OVERLAPS["IoU, DIoU"], 4.0, 1.0)
    turns = turning_boxes.TURNS.abs()
    across = turns > 0.5  # where both ends stick out, they share a rhombus
    rhombus = 1 / turns[across].sin()
    torch.testing.assert_close(values[across], 1 - rhombus / (8 - rhombus))
    by_differences = (values[2:] - values[:-2]) / (turning_boxes.TURNS[2:] - turning_boxes.TURNS[:-2])
    smooth = across[2:] & across[:-2]
    torch.testing.assert_close(slopes[1:-1][smooth], by_differences[smooth], rtol=0, atol=1e-3)


def test_about_one_center_diou_is_iou() -> None:
    iou, _ = turning_boxes.along_turns(turning_boxes.OVERLAPS["IoU, DIoU"], 4.0, 1.0)
    diou, _ = turning_boxes.along_turns(partial(detloss.distance_iou_loss, geometry=Rotated()), 4.0, 1.0)
    assert torch.equal(iou, diou)


@pytest.mark.parametrize("name", turning_boxes.SURROGATES)
def test_a_surrogate_does_not_see_a_square_turn(name: str) -> None:
    for numbers in turning_boxes.along_turns(turning_boxes.SURROGATES[name], 2.0, 2.0):
        assert numbers.abs().max() < 1e-9
