"""Polytopes for tests: random ones, and boxes on a grid that touch, share faces or nearly coincide."""

from fractions import Fraction
from itertools import product

import torch
from torch import Tensor

from detloss.auditing.oracle import exact_polytopes as polytopes

SIGNS = torch.tensor(list(product((-0.5, 0.5), repeat=3)), dtype=torch.float64)
TINY, LESS = Fraction(1, 10**7), Fraction(1, 10**10)
UNIT = ((0, 1),) * 3
Box = tuple[tuple[Fraction | int, Fraction | int], ...]  # low and high, axis by axis

TIES: dict[str, list[tuple[Box, Box]]] = {
    "identical": [(UNIT, UNIT), (((0, 3), (0, 1), (0, 2)),) * 2],
    "near-identical": [
        (UNIT, tuple((step * x, 1 + step * y) for x, y in zip(low, high, strict=True)))
        for step in (TINY, LESS)
        for low, high in (
            ((1, 2, -1), (1, 2, -1)),
            ((0, 1, 0), (0, 1, 0)),
            ((1, 1, 1), (-1, -1, -1)),
            ((-1, 0, 1), (1, 0, 2)),
        )
    ],
    "half-shifted": [
        (UNIT, tuple((Fraction(s, 2), 1 + Fraction(s, 2)) for s in steps))
        for steps in ((1, 0, 0), (0, 1, 1), (1, 1, 1), (0, -1, 0))
    ],
    "nested": [
        (((0, 4),) * 3, tuple((low, low + 1) for low in lows))
        for lows in ((0, 0, 0), (1, 1, 1), (0, 1, 2), (3, 0, 1), (0, 0, 2))
    ],
    "touching": [(UNIT, tuple((s, 1 + s) for s in steps)) for steps in ((1, 0, 0), (0, 1, 1), (1, 1, 1), (0, 0, -1))],
    "thin": [
        (((0, 1), (0, 1), (0, Fraction(1, 1000))), box)
        for box in (
            ((0, 1), (0, 1), (0, Fraction(1, 1000))),
            (UNIT),
            ((0, Fraction(1, 1000)), (0, 1), (0, 1)),
            ((Fraction(1, 2), 2), (0, 1), (Fraction(1, 2000), Fraction(3, 2000))),
        )
    ],
}


def grid(generator: torch.Generator, count: int = 12) -> list[tuple[Box, Box]]:
    """Boxes whose faces lie on a grid of four."""
    pairs = []
    for _ in range(count):
        boxes = []
        for _ in range(2):
            lows = torch.randint(0, 3, (3,), generator=generator).tolist()
            boxes.append(tuple((low, low + 1 + int(torch.randint(0, 2, (1,), generator=generator))) for low in lows))
        pairs.append((boxes[0], boxes[1]))
    return pairs


def exact_losses(pairs: list[tuple[Box, Box]], enclosing: str = "hull") -> dict[str, Tensor]:
    """The exact losses of boxes, and how much larger their union is than the smaller one."""
    rows: dict[str, list[float]] = {"iou": [], "giou": [], "diou": [], "share": []}
    for first, second in pairs:
        points = [[tuple(map(Fraction, point)) for point in product(*box)] for box in (first, second)]
        found = polytopes.losses(points[0], points[1], enclosing)
        for name, value in found.items():
            rows[name].append(float(value))
        sizes = [polytopes.volume(polytopes.hull(each)) for each in points]
        rows["share"].append(float(sum(sizes) / min(sizes)))
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in rows.items()}


def center_and_sides(boxes: list[Box]) -> tuple[Tensor, Tensor]:
    low, high = (torch.tensor([[float(side[k]) for side in box] for box in boxes], dtype=torch.float64) for k in (0, 1))
    sides = torch.tensor([[float(side[1] - side[0]) for side in box] for box in boxes], dtype=torch.float64)
    return 0.5 * (low + high), sides


def rotations(count: int, generator: torch.Generator) -> Tensor:
    """Proper rotations (count, 3, 3)."""
    q, _ = torch.linalg.qr(torch.randn(count, 3, 3, generator=generator, dtype=torch.float64))
    return q * torch.linalg.det(q)[:, None, None]


def vertices(center: Tensor, sides: Tensor, turn: Tensor) -> Tensor:
    """The vertices of rotated boxes."""
    return (center.unsqueeze(-2) + SIGNS * sides.unsqueeze(-2)) @ turn.mT


def half_spaces(center: Tensor, sides: Tensor, turn: Tensor) -> Tensor:
    """The half-spaces of rotated boxes."""
    signs = torch.cat((torch.eye(3), -torch.eye(3))).to(torch.float64)
    offsets = (center.unsqueeze(-2) * signs).sum(-1) + 0.5 * sides.repeat(1, 2)
    return torch.cat((signs @ turn.mT, offsets.unsqueeze(-1)), -1)


def sphere(count: int, points: int, generator: torch.Generator, spread: float = 0.5) -> Tensor:
    """Random points on spheres somewhere: all of them corners."""
    places = torch.randn(count, points, 3, generator=generator, dtype=torch.float64)
    middle = torch.rand(count, 1, 3, generator=generator, dtype=torch.float64) - 0.5
    return places / places.norm(dim=-1, keepdim=True) + 2.0 * spread * middle


def cut_boxes(count: int, planes: int, generator: torch.Generator) -> Tensor:
    """Half-spaces of rotated boxes of side about 1.5, cut by more planes."""
    center = 0.3 * torch.randn(count, 3, generator=generator, dtype=torch.float64)
    sides = 1.2 + 0.6 * torch.rand(count, 3, generator=generator, dtype=torch.float64)
    turn = rotations(count, generator)
    box = half_spaces(center, sides, turn)
    normals = torch.randn(count, planes, 3, generator=generator, dtype=torch.float64)
    reach = 0.7 + 0.2 * torch.rand(count, planes, generator=generator, dtype=torch.float64)
    middle = (turn @ center.unsqueeze(-1)).mT
    offsets = (normals * middle).sum(-1) + reach * normals.norm(dim=-1)
    return torch.cat((box, torch.cat((normals, offsets.unsqueeze(-1)), -1)), 1)


def cuboids(count: int, generator: torch.Generator, spread: float = 0.4) -> Tensor:
    """Random rows of `Cuboid`."""
    rows = torch.rand(count, 7, generator=generator, dtype=torch.float64)
    middle, sides, yaw = rows[:, :3] - 0.5, 0.3 + 1.5 * rows[:, 3:6], 6.0 * rows[:, 6:]
    return torch.cat((2.0 * spread * middle, sides, yaw), -1)
