"""Shape pages: their code prints the output shown, and their plots agree with the measures of the library."""

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
from docs.extension import rotation_sweep, shape_pictures
from docs.extension.convex_shapes import Points, edges, faces, hull, intersection, outline
from docs.extension.shape_pictures import corners_of, cuboid_corners

FOLDER = Path(__file__).parents[1] / "docs" / "shapes"
PAGES = sorted(FOLDER.glob("*.rst"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_prints_the_output_shown(page: Path) -> None:
    failures, lines = doctest.testfile(str(page), module_relative=False)
    assert lines > 0
    assert failures == 0


def test_every_plot_is_drawn_and_shown(tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    shape_pictures.draw(SimpleNamespace(srcdir=tmp_path))
    drawn = {path.name for path in (tmp_path / "shapes").iterdir() if path.read_bytes().startswith(b"\x89PNG")}
    shown = [name for page in PAGES for name in re.findall(r"^\.\. figure:: (.+)$", page.read_text("utf-8"), re.M)]
    assert sorted(shown) == sorted(drawn)


def rotated_boxes(pairs: int) -> Tensor:
    """Boxes that overlap: their centers are closer than the length of any side."""
    rows = torch.rand(2, pairs, 5, dtype=torch.float64)
    return rows + torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0])


def cuboids(pairs: int) -> Tensor:
    rows = torch.rand(2, pairs, 7, dtype=torch.float64)
    return rows + torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0])


def hexagons(pairs: int) -> Tensor:
    angles = (torch.rand(2, pairs, 6, dtype=torch.float64) + torch.arange(6)) * torch.pi / 3
    return torch.stack([angles.cos(), angles.sin()], dim=-1) + 0.3 * torch.rand(2, pairs, 1, 2, dtype=torch.float64)


def perturbed_cubes(pairs: int) -> Tensor:
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    return corners + 0.4 * torch.rand(2, pairs, 8, 3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("geometry", "rows", "points_of"),
    [
        (Rotated(), rotated_boxes, corners_of),
        (Polygon(), hexagons, Tensor.numpy),
        (Cuboid(), cuboids, cuboid_corners),
        (Polytope(), perturbed_cubes, Tensor.numpy),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plotted_shapes_have_the_measures_of_the_library(
    geometry: Shape, rows: Callable[[int], Tensor], points_of: Callable[[Tensor], Points], seed: int
) -> None:
    torch.manual_seed(seed)
    for first, second in zip(*rows(3), strict=True):
        points = points_of(first), points_of(second)
        sizes = [ConvexHull(each).volume for each in (*points, intersection(*points), hull(*points))]
        union = sizes[0] + sizes[1] - sizes[2]
        iou = sizes[2] / union
        torch.testing.assert_close(detloss.iou(first, second, geometry=geometry).item(), iou)
        giou = detloss.generalized_iou(first, second, geometry=geometry)
        torch.testing.assert_close(giou.item(), iou - 1 + union / sizes[3])


def test_enclosing_volumes_of_the_cuboids() -> None:
    points = np.concatenate([cuboid_corners(row) for row in shape_pictures.CUBOIDS])
    assert shape_pictures.enclosing_volume("hull") == pytest.approx(ConvexHull(points).volume)
    assert shape_pictures.enclosing_volume("box") == pytest.approx(np.ptp(points, axis=0).prod())


def test_disjoint_shapes_have_no_intersection() -> None:
    assert len(intersection(shape_pictures.PENTAGON.numpy(), shape_pictures.DISJOINT.numpy())) == 0


def test_outline_orders_its_vertices() -> None:
    square = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [1.0, 0.0], [0.5, 0.0], [0.0, 1.0]])
    around = outline(square)
    assert {tuple(corner) for corner in around} == {(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)}
    assert np.abs(np.roll(around, -1, axis=0) - around).sum(axis=1) == pytest.approx(1.0)


def test_a_cube_has_six_faces_and_twelve_edges() -> None:
    cube = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    sides = [np.abs(np.roll(face, -1, axis=0) - face).sum(axis=1) for face in faces(cube)]
    assert np.array(sides) == pytest.approx(np.ones((6, 4)))
    assert [np.abs(end - start).sum() for start, end in edges(cube)] == pytest.approx([1.0] * 12)


def test_iou_of_a_rotated_box_with_itself() -> None:
    values, derivatives = rotation_sweep.evaluate(rotation_sweep.OVERLAPS["IoU, DIoU"], 4.0, 1.0)
    rotations = rotation_sweep.ROTATIONS.abs()
    crossing = rotations > 0.5  # both ends protrude, and the intersection is a rhombus
    rhombus = 1 / rotations[crossing].sin()
    torch.testing.assert_close(values[crossing], 1 - rhombus / (8 - rhombus))
    by_differences = (values[2:] - values[:-2]) / (rotation_sweep.ROTATIONS[2:] - rotation_sweep.ROTATIONS[:-2])
    smooth = crossing[2:] & crossing[:-2]
    torch.testing.assert_close(derivatives[1:-1][smooth], by_differences[smooth], rtol=0, atol=1e-3)


def test_concentric_diou_is_iou() -> None:
    iou, _ = rotation_sweep.evaluate(rotation_sweep.OVERLAPS["IoU, DIoU"], 4.0, 1.0)
    diou, _ = rotation_sweep.evaluate(partial(detloss.distance_iou_loss, geometry=Rotated()), 4.0, 1.0)
    assert torch.equal(iou, diou)


@pytest.mark.parametrize("name", rotation_sweep.GAUSSIANS)
def test_gaussian_losses_ignore_the_rotation_of_a_square(name: str) -> None:
    for numbers in rotation_sweep.evaluate(rotation_sweep.GAUSSIANS[name], 2.0, 2.0):
        assert numbers.abs().max() < 1e-9
