"""The pictures of the pages on shapes: bodies drawn by their definition, beside the numbers that the library gives."""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc
from matplotlib.patches import Polygon as Patch
from sphinx.application import Sphinx
from torch import Tensor

import detloss
from detloss import Cuboid, Polygon, Polytope, Rotated
from detloss.experiments.plot_style import COLORS, INK, style
from detloss.geometry import Shape

from .convex_bodies import Points, edges, faces, outline, shared
from .turning_boxes import draw_turning

FIRST, SECOND, BOTH, *_ = COLORS
DASHES = (0, (4, 3))
WIDTH = 4.6
"""Inches: what is written is as large as the text of the page, on a phone too."""

RECTANGLES = torch.tensor([[0.0, 0.0, 4.0, 2.0, 0.5], [1.0, 0.6, 3.0, 2.4, -0.6]], dtype=torch.float64)
PENTAGON = torch.tensor([[math.cos(a), math.sin(a)] for a in 0.4 * math.pi * torch.arange(5)], dtype=torch.float64)
TRIANGLE = torch.tensor([[-0.1, -0.4], [1.7, -0.2], [0.7, 1.2]], dtype=torch.float64)
APART = TRIANGLE + torch.tensor([1.4, 0.0], dtype=torch.float64)
CUBOIDS = torch.tensor([[0.0, 0.0, 1.0, 4.0, 2.0, 1.6, 0.2], [1.4, 0.8, 1.7, 3.6, 1.8, 1.8, 1.0]], dtype=torch.float64)
TETRAHEDRON = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)


def draw_rectangles() -> Figure:
    """Two turned rectangles, and how the angle counts."""
    figure = Figure(figsize=(WIDTH, 4.3))
    axes = figure.subplots()
    draw_pair(axes, *(corners_of(row) for row in RECTANGLES))
    cx, cy, width, _, angle = RECTANGLES[0].tolist()
    end = cx + 0.5 * width * math.cos(angle), cy + 0.5 * width * math.sin(angle)
    axes.plot([cx, cx + 1.4], [cy, cy], color=INK, linewidth=1)
    axes.annotate("", end, (cx, cy), arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1.5})
    axes.annotate("w", end, (3, 3), textcoords="offset points")
    axes.add_patch(Arc((cx, cy), 2.0, 2.0, theta2=math.degrees(angle), color=INK))
    middle = cx + math.cos(0.5 * angle), cy + math.sin(0.5 * angle)
    axes.annotate("angle", middle, (2.1, -1.75), arrowprops={"arrowstyle": "-", "color": INK})
    axes.invert_yaxis()  # as on images
    axes.set(title=figures_of(Rotated(), *RECTANGLES), xlabel="x", ylabel="y, down as on images")
    add_legend(figure)
    return figure


def draw_polygons() -> Figure:
    """A triangle at a pentagon and one apart from it, and where the vertices of both go."""
    figure = Figure(figsize=(WIDTH, 6.6))
    losses = {"1 − IoU": detloss.iou_loss, "1 − GIoU": detloss.generalized_iou_loss}
    for axes, (name, loss), triangle in zip(figure.subplots(2, 1), losses.items(), (TRIANGLE, APART), strict=True):
        pair = [PENTAGON.clone().requires_grad_(), triangle.clone().requires_grad_()]
        slopes = torch.autograd.grad(loss(*pair, geometry=Polygon()), pair)
        draw_pair(axes, PENTAGON.numpy(), triangle.numpy())
        for vertices, slope, color in zip((PENTAGON, triangle), slopes, (FIRST, SECOND), strict=True):
            arrows = (*vertices.T, *-slope.T)
            axes.quiver(*arrows, color=color, angles="xy", scale_units="xy", scale=0.35, width=0.007, zorder=3)
        numbers = figures_of(Polygon(), PENTAGON, triangle)
        axes.set(title=f"{numbers}\narrows: where {name} pulls", xlim=(-1.5, 3.4), ylim=(-1.2, 1.5))
    add_legend(figure)
    return figure


def draw_cuboids() -> Figure:
    """Two cuboids, from above and from the side."""
    figure = Figure(figsize=(WIDTH, 7.0))
    above, beside = figure.subplots(2, 1, height_ratios=(5, 3), sharex=True)
    bodies = [cuboid_corners(row) for row in CUBOIDS]
    draw_pair(above, *bodies, across=(0, 1))
    draw_pair(beside, *bodies, across=(0, 2))
    volumes = ", ".join(f"{name} {enclosed(name):.1f}" for name in ("hull", "box"))
    above.set(title=f"{figures_of(Cuboid(), *CUBOIDS)}\nvolume of C: {volumes}\n\nfrom above", ylabel="y")
    beside.set(title="from the side", xlabel="x", ylabel="z")
    add_legend(figure)
    return figure


def enclosed(enclosing: str) -> float:
    """The volume of what encloses the two cuboids: that of their union, by the share of it that is not empty."""
    iou = detloss.iou(*CUBOIDS, geometry=Cuboid())
    giou = detloss.generalized_iou(*CUBOIDS, geometry=Cuboid(), enclosing=enclosing)
    union = CUBOIDS[:, 3:6].prod(-1).sum() / (1.0 + iou)
    return float(union / (1.0 - iou + giou))


def draw_tetrahedra() -> Figure:
    """The stella octangula: two tetrahedra in a cube, and the octahedron that they share."""
    figure = Figure(figsize=(WIDTH, 4.8))
    axes = figure.subplots()
    first, second = TETRAHEDRON.numpy(), 1.0 - TETRAHEDRON.numpy()
    octahedron = sorted((seen(face) for face in faces(shared(first, second))), key=lambda face: face[:, 2].mean())
    for shade, face in zip(np.linspace(0.25, 0.7, len(octahedron)), octahedron, strict=True):
        axes.add_patch(Patch(face[:, :2], facecolor=BOTH, alpha=shade, edgecolor=INK, linewidth=0.8))
    axes.patches[-1].set_label("both: an octahedron")
    cube = np.concatenate([first, second])
    for body, name, look in (
        (cube, "hull: a cube", {"color": INK, "linestyle": DASHES, "linewidth": 1.0}),
        (first, "first", {"color": FIRST}),
        (second, "second", {"color": SECOND}),
    ):
        for ends in edges(body):
            (line,) = axes.plot(*seen(np.array(ends))[:, :2].T, **look)
        line.set_label(name)
    axes.set(title=figures_of(Polytope(), TETRAHEDRON, 1.0 - TETRAHEDRON, as_fraction), aspect="equal")
    axes.set_axis_off()
    add_legend(figure)
    return figure


def seen(points: Points) -> Points:
    """Points of space as somebody far away sees them: right, up, and how near."""
    turn, lift = math.radians(-62.0), math.radians(18.0)
    x, y, z = points.T
    right, away = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    up, near = z * math.cos(lift) + away * math.sin(lift), z * math.sin(lift) - away * math.cos(lift)
    return np.stack([right, up, near], axis=-1)


def draw_pair(axes: Axes, first: Points, second: Points, *, across: tuple[int, int] = (0, 1)) -> None:
    """Draw two bodies, what they share and what encloses them, as the two axes of the picture show them."""
    seen_axes = list(across)
    around = outline(np.concatenate([first, second])[:, seen_axes])
    for body, name, color in ((first, "first", FIRST), (second, "second", SECOND)):
        look = {"facecolor": color + "2a", "edgecolor": color, "linewidth": 1.8}
        axes.add_patch(Patch(outline(body[:, seen_axes]), label=name, **look))
    both = shared(first, second)
    if len(both):
        look = {"facecolor": BOTH + "66", "edgecolor": BOTH, "hatch": "///", "linewidth": 0}
        axes.add_patch(Patch(outline(both[:, seen_axes]), label="both", **look))
    look = {"fill": False, "edgecolor": INK, "linestyle": DASHES, "linewidth": 1.0, "zorder": 0.5}
    axes.add_patch(Patch(around, label="hull", **look))
    axes.set_aspect("equal")
    axes.autoscale_view()


def add_legend(figure: Figure) -> None:
    """Say below what the first axes show."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if max(map(len, labels)) > 6 else 4)


def figures_of(geometry: Shape, first: Tensor, second: Tensor, write: Callable[[float], str] = "{:.3f}".format) -> str:
    """What the library says of a pair."""
    iou, hull, box, diou = (
        write(measure(first, second, geometry=geometry).item())
        for measure in (
            detloss.iou,
            partial(detloss.generalized_iou, enclosing="hull"),
            partial(detloss.generalized_iou, enclosing="box"),
            detloss.distance_iou,
        )
    )
    return f"IoU {iou}, GIoU {hull} (box: {box}), DIoU {diou}".replace("-", "−")


def as_fraction(number: float) -> str:
    """A number that is known to be a simple fraction."""
    return str(Fraction(number).limit_denominator(100))


def corners_of(rectangle: Tensor) -> Points:
    """The corners of a row of `Rotated`."""
    cx, cy, width, height, angle = rectangle.tolist()
    along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    signs = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    return np.array([[cx, cy] + a * width * along + b * height * across for a, b in signs])


def cuboid_corners(cuboid: Tensor) -> Points:
    """The corners of a row of `Cuboid`."""
    x, y, z, length, width, height, yaw = cuboid
    footprint = corners_of(torch.stack([x, y, length, width, yaw]))
    return np.concatenate([np.insert(footprint, 2, float(z + end * height), axis=1) for end in (-0.5, 0.5)])


PICTURES: dict[str, Callable[[], Figure]] = {
    "rotated": draw_rectangles,
    "turning_long": partial(draw_turning, 4.0, 1.0),
    "turning_square": partial(draw_turning, 2.0, 2.0),
    "polygon": draw_polygons,
    "cuboid": draw_cuboids,
    "polytope": draw_tetrahedra,
}


def draw(app: Sphinx) -> None:
    """Draw all pictures anew."""
    for name, picture in PICTURES.items():
        with style():
            picture().savefig(Path(app.srcdir, "shapes", f"{name}.png"), dpi=160)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
