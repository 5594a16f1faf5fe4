"""Rows of every shape, and their conversions by plane geometry and linear algebra."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import detloss

SQUARE = [(-1, -1), (1, -1), (1, 1), (-1, 1)]  # the corners of a rectangle in half sides, in order
CUBE = np.array([(*corner, level) for level in (-1.0, 1.0) for corner in SQUARE])
AXES = np.vstack((np.eye(3), -np.eye(3)))
OCTANTS = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))


def corners_by_complex_numbers(cx: float, cy: float, w: float, h: float, angle: float) -> list[list[float]]:
    turn = complex(math.cos(angle), math.sin(angle))
    corners = [complex(cx, cy) + turn * complex(i * w / 2, j * h / 2) for i, j in SQUARE]
    return [[corner.real, corner.imag] for corner in corners]


def rectangles(seed: int, count: int = 50) -> Tensor:
    torch.manual_seed(seed)
    numbers = torch.rand(count, 5, dtype=torch.float64)
    return numbers * torch.tensor([20.0, 20.0, 5.0, 5.0, 6.0]) - torch.tensor([10.0, 10.0, -0.1, -0.1, 3.0])


def cuboids(seed: int, count: int = 50) -> Tensor:
    flat = rectangles(seed, count)
    return torch.cat((flat[:, :2], flat[:, :1] - flat[:, 1:2], flat[:, 2:4], flat[:, 2:3] + 0.3, flat[:, 4:]), -1)


def halfspaces_of_cubes(seed: int, count: int = 3) -> Tensor:
    generator = np.random.default_rng(seed)
    return torch.from_numpy(np.stack([carried(generator, CUBE, AXES)[1] for _ in range(count)]))


def spheres(seed: int, count: int = 3) -> Tensor:
    """Seven points on a sphere: every one is a vertex, and every face a triangle."""
    torch.manual_seed(seed)
    points = torch.randn(count, 7, 3, dtype=torch.float64)
    points[:, :4] = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])  # so that it is not flat
    return points / points.norm(dim=-1, keepdim=True) + torch.randn(count, 1, 3)


def carried(generator: np.random.Generator, vertices: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A polytope with n.x <= max n.v, transformed by a random affine map, as vertices and as half-spaces."""
    turns = [np.linalg.qr(generator.normal(size=(3, 3)))[0] for _ in range(2)]
    forward = turns[0] @ np.diag(generator.uniform(0.3, 3.0, 3)) @ turns[1]
    shift = generator.normal(size=3) * 5.0
    moved = normals @ np.linalg.inv(forward)  # n.(A^-1 (y - s)) <= c
    limits = (normals @ vertices.T).max(1) + moved @ shift
    return vertices @ forward.T + shift, np.column_stack((moved, limits))


def distinct(rows: Tensor, digits: float = 1e-7) -> np.ndarray:
    """The rows that differ from each other."""
    found: list[np.ndarray] = []
    for row in rows.double().numpy():
        if not any(np.abs(row - other).max() < digits for other in found):
            found.append(row)
    return np.array(found)


def same_set(ours: np.ndarray, theirs: np.ndarray, digits: float = 1e-7) -> bool:
    near = np.abs(ours[:, None] - theirs[None]).max(-1) < digits
    return ours.shape == theirs.shape and bool(near.any(0).all() and near.any(1).all())


def tilted(seed: int) -> Callable[[Tensor], Tensor]:
    return lambda rows: detloss.polytope_from_quaternion(rows[..., :3], rows[..., 3:6], rows[..., 6:], order="xyzw")


def boxes_with_quaternions(seed: int, count: int = 50) -> Tensor:
    torch.manual_seed(seed)
    rows = torch.randn(count, 10, dtype=torch.float64)
    rows[:, 3:6] = rows[:, 3:6].abs() + 0.1
    return rows


EVERY = {  # the converter, and random operands for it
    "rotated_from_degrees": (detloss.rotated_from_degrees, rectangles),
    "rotated_to_degrees": (detloss.rotated_to_degrees, rectangles),
    "rotated_from_corners": (
        detloss.rotated_from_corners,
        lambda seed: torch.randn_like(rectangles(seed)[:, :4, None].expand(-1, 4, 2)),
    ),
    "rotated_to_corners": (detloss.rotated_to_corners, rectangles),
    "rotated_to_axis_aligned": (detloss.rotated_to_axis_aligned, rectangles),
    "rotated_in_range_by_half": (
        lambda rows: detloss.rotated_in_range(rows, start=-0.7, long_side_first=True),
        rectangles,
    ),
    "rotated_in_range_by_quarter": (
        lambda rows: detloss.rotated_in_range(rows, start=0.2, long_side_first=False),
        rectangles,
    ),
    "cuboid_to_corners": (detloss.cuboid_to_corners, cuboids),
    "cuboid_from_corners": (
        detloss.cuboid_from_corners,
        lambda seed: torch.randn_like(cuboids(seed)[:, :1, None].expand(-1, 8, 3)),
    ),
    "polytope_from_quaternion": (tilted(0), boxes_with_quaternions),
    "polytope_from_halfspaces": (detloss.polytope_from_halfspaces, halfspaces_of_cubes),
    "polytope_to_halfspaces": (detloss.polytope_to_halfspaces, spheres),
}
every = pytest.mark.parametrize(("converter", "operands"), EVERY.values(), ids=EVERY)
FROM_CORNERS = (detloss.rotated_from_corners, detloss.cuboid_from_corners)
