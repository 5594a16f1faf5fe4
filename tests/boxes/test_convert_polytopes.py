"""Converters of polytopes: half-spaces and vertices."""

import itertools
import math

import numpy as np
import pytest
import torch

import detloss
from tests.support.converter_cases import (
    AXES,
    CUBE,
    OCTANTS,
    SQUARE,
    boxes_with_quaternions,
    carried,
    distinct,
    same_set,
    spheres,
    tilted,
)

BODIES = {
    "tetrahedron": (OCTANTS[[0, 3, 5, 6]], OCTANTS[[7, 4, 2, 1]]),
    "cube": (CUBE, AXES),
    "octahedron": (AXES, OCTANTS),
    "prism": (
        np.array([(math.cos(k * math.pi / 3), math.sin(k * math.pi / 3), z) for k in range(6) for z in (-1, 1)]),
        np.array(
            [(math.cos(k * math.pi / 3 + math.pi / 6), math.sin(k * math.pi / 3 + math.pi / 6), 0) for k in range(6)]
            + [(0, 0, 1), (0, 0, -1)]
        ),
    ),
    "pyramid": (
        np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0), (0, 0, 1.0)]),
        np.array([(1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1), (0, 0, -1.0)]),
    ),
}
every_body = pytest.mark.parametrize(("vertices", "normals"), BODIES.values(), ids=BODIES)


@every_body
def test_polytopes_from_half_spaces_to_vertices(vertices: np.ndarray, normals: np.ndarray, seed: int) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(5):
        corners, halfspaces = carried(generator, vertices, normals)
        halfspaces *= generator.uniform(0.01, 100.0, (len(halfspaces), 1))
        given = torch.from_numpy(halfspaces)
        padded = torch.cat(
            (given, given[-1:], given[-1:], torch.tensor([[0.0, 0.0, 0.0, 1.0]]))
        )  # the last one is padding
        for one in (given, padded[torch.randperm(len(padded))]):
            ours = detloss.polytope_from_halfspaces(one)
            assert ours.shape == (math.comb(len(one), 3), 3)
            assert same_set(distinct(ours), corners)


@every_body
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_polytopes_from_vertices_to_half_spaces(
    vertices: np.ndarray, normals: np.ndarray, dtype: torch.dtype, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    for _ in range(5):
        corners, halfspaces = carried(generator, vertices, normals)
        halfspaces /= np.linalg.norm(halfspaces[:, :3], axis=1, keepdims=True)
        inside = corners.mean(0, keepdims=True)
        middle_of_an_edge = (corners[:1] + corners[1:2]) / 2
        for one in (corners, np.concatenate((corners, corners[-1:], inside, middle_of_an_edge))):
            given = torch.from_numpy(one)[torch.randperm(len(one))].to(dtype)
            ours = detloss.polytope_to_halfspaces(given)
            assert ours.shape == (math.comb(len(one), 3), 4)
            assert len(ours.unique(dim=0)) == len(halfspaces)  # repeated bit by bit
            assert same_set(distinct(ours), halfspaces, 1e-7 if dtype == torch.float64 else 1e-3)


def test_random_hulls_are_closed(seed: int) -> None:
    """Every face has all points below it, and every edge of a face is an edge of just one other: no face is missing."""
    torch.manual_seed(seed)
    for points in torch.randn(5, 12, 3, dtype=torch.float64):
        faces = detloss.polytope_to_halfspaces(points).unique(dim=0).numpy()
        above = faces[:, :3] @ points.numpy().T - faces[:, 3:]
        assert above.max() < 1e-12
        corners = [np.flatnonzero(row > -1e-12).tolist() for row in above]
        assert all(len(three) == 3 for three in corners)
        edges = [edge for three in corners for edge in itertools.combinations(three, 2)]
        assert len(edges) == 2 * len(set(edges))


def test_polytopes_round_trip(seed: int) -> None:
    torch.manual_seed(seed)
    points = spheres(seed)
    for one, back in zip(points, detloss.polytope_from_halfspaces(detloss.polytope_to_halfspaces(points)[:, :])):
        assert same_set(distinct(back), one.numpy())


def test_tilted_boxes_have_six_faces(seed: int) -> None:
    rows = boxes_with_quaternions(seed)
    corners = tilted(seed)(rows)
    for each, center in zip(detloss.polytope_to_halfspaces(corners), rows[:, :3]):
        faces = each.unique(dim=0)
        assert len(faces) == 6
        assert (faces[:, :3] @ center < faces[:, 3]).all()


def test_polytopes_without_vertices_or_volume() -> None:
    apart = torch.tensor([[1.0, 0, 0, -1], [-1, 0, 0, -1], [0, 1, 0, 1], [0, -1, 0, 1], [0, 0, 1, 1], [0, 0, -1, 1]])
    flat = torch.tensor([[0.0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    for converter, wrong, name in (
        (detloss.polytope_from_halfspaces, apart, "halfspaces"),
        (detloss.polytope_to_halfspaces, flat, "vertices"),
    ):
        good = wrong.clone()
        good[0, 2 if name == "vertices" else 3] += 3.0
        both = converter(torch.stack((good, wrong)))
        assert torch.equal(both[0], converter(good))
        assert both[0].isfinite().all()
        assert both[1].isnan().all()
        expected = {
            "halfspaces": "half-spaces that bound a polytope",
            "vertices": "vertices of a polytope with volume",
        }[name]
        start = (
            f"polytope_{'from' if name == 'halfspaces' else 'to'}_halfspaces: {name}[1]: expected {expected}, got [["
        )
        with detloss.validating(), pytest.raises(ValueError, match=f"^{start}".replace("[", r"\[")):
            converter(torch.stack((good, wrong)))
        with detloss.validating():
            assert torch.equal(converter(good), both[0])


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_polytopes_of_any_size(scale: float) -> None:
    faces = detloss.polytope_to_halfspaces(torch.from_numpy(CUBE) * scale).unique(dim=0)
    assert same_set(faces.numpy() / [1, 1, 1, scale], np.column_stack((AXES, np.ones(6))))
    corners = detloss.polytope_from_halfspaces(faces)
    assert same_set(distinct(corners / scale), CUBE)


@pytest.mark.parametrize("name", ["polytope_from_halfspaces", "polytope_to_halfspaces"])
def test_undefined_rows_leave_finite_derivatives(name: str) -> None:
    nothing = torch.zeros(5, 3 + name.startswith("polytope_from"), requires_grad=True)
    made = getattr(detloss, name)(nothing)
    assert made.isnan().all()
    assert torch.autograd.grad(made.sum(), nothing)[0].isfinite().all()
    if name == "polytope_from_halfspaces":
        padded = torch.cat((torch.from_numpy(np.column_stack((AXES, np.ones(6)))), torch.zeros(1, 4))).requires_grad_()
        assert torch.autograd.grad(detloss.polytope_from_halfspaces(padded).sum(), padded)[0].isfinite().all()


def test_a_touching_slab_is_a_flat_polytope() -> None:
    """The half-spaces x <= 0 and -x <= 0 leave a square."""
    square = torch.tensor([[1.0, 0, 0, 0], [-1, 0, 0, 0], [0, 1, 0, 1], [0, -1, 0, 1], [0, 0, 1, 1], [0, 0, -1, 1]])
    assert same_set(distinct(detloss.polytope_from_halfspaces(square)), np.array([(0.0, y, z) for y, z in SQUARE]))
