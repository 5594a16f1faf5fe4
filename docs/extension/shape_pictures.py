"""Plots of the shape pages: shapes drawn from their definitions, with the measures that the library computes."""

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

from .convex_shapes import Points, edges, faces, intersection, outline
from .rotation_sweep import draw_rotation

FIRST, SECOND, INTERSECTION, *_ = COLORS
DASHES = (0, (4, 3))
WIDTH = 4.6
"""Inches: labels are about as large as the text of the page, also on a phone."""

ROTATED_BOXES = torch.tensor([[0.0, 0.0, 4.0, 2.0, 0.5], [1.0, 0.6, 3.0, 2.4, -0.6]], dtype=torch.float64)
PENTAGON = torch.tensor([[math.cos(a), math.sin(a)] for a in 0.4 * math.pi * torch.arange(5)], dtype=torch.float64)
TRIANGLE = torch.tensor([[-0.1, -0.4], [1.7, -0.2], [0.7, 1.2]], dtype=torch.float64)
DISJOINT = TRIANGLE + torch.tensor([1.4, 0.0], dtype=torch.float64)
CUBOIDS = torch.tensor([[0.0, 0.0, 1.0, 4.0, 2.0, 1.6, 0.2], [1.4, 0.8, 1.7, 3.6, 1.8, 1.8, 1.0]], dtype=torch.float64)
TETRAHEDRON = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], dtype=torch.float64)


def draw_rotated_boxes() -> Figure:
    """Two rotated boxes, and the definition of the angle."""
    figure = Figure(figsize=(WIDTH, 4.3))
    axes = figure.subplots()
    draw_pair(axes, *(corners_of(row) for row in ROTATED_BOXES))
    cx, cy, width, _, angle = ROTATED_BOXES[0].tolist()
    end = cx + 0.5 * width * math.cos(angle), cy + 0.5 * width * math.sin(angle)
    axes.plot([cx, cx + 1.4], [cy, cy], color=INK, linewidth=1)
    axes.annotate("", end, (cx, cy), arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 1.5})
    axes.annotate("w", end, (3, 3), textcoords="offset points")
    axes.add_patch(Arc((cx, cy), 2.0, 2.0, theta2=math.degrees(angle), color=INK))
    middle = cx + math.cos(0.5 * angle), cy + math.sin(0.5 * angle)
    axes.annotate("angle", middle, (2.1, -1.75), arrowprops={"arrowstyle": "-", "color": INK})
    axes.invert_yaxis()  # image coordinates
    axes.set(title=format_measures(Rotated(), *ROTATED_BOXES), xlabel="x", ylabel="y, downward as in images")
    add_legend(figure)
    return figure


def draw_polygons() -> Figure:
    """A pentagon with an overlapping and with a disjoint triangle, and the negative gradients of all vertices."""
    figure = Figure(figsize=(WIDTH, 6.6))
    losses = {"1 − IoU": detloss.iou_loss, "1 − GIoU": detloss.generalized_iou_loss}
    for axes, (name, loss), triangle in zip(figure.subplots(2, 1), losses.items(), (TRIANGLE, DISJOINT), strict=True):
        pair = [PENTAGON.clone().requires_grad_(), triangle.clone().requires_grad_()]
        gradients = torch.autograd.grad(loss(*pair, geometry=Polygon()), pair)
        draw_pair(axes, PENTAGON.numpy(), triangle.numpy())
        for vertices, gradient, color in zip((PENTAGON, triangle), gradients, (FIRST, SECOND), strict=True):
            arrows = (*vertices.T, *-gradient.T)
            axes.quiver(*arrows, color=color, angles="xy", scale_units="xy", scale=0.35, width=0.007, zorder=3)
        measures = format_measures(Polygon(), PENTAGON, triangle)
        axes.set(title=f"{measures}\narrows: negative gradient of {name}", xlim=(-1.5, 3.4), ylim=(-1.2, 1.5))
    add_legend(figure)
    return figure


def draw_cuboids() -> Figure:
    """Two cuboids, from above and from the side."""
    figure = Figure(figsize=(WIDTH, 7.0))
    above, beside = figure.subplots(2, 1, height_ratios=(5, 3), sharex=True)
    shapes = [cuboid_corners(row) for row in CUBOIDS]
    draw_pair(above, *shapes, plane=(0, 1))
    draw_pair(beside, *shapes, plane=(0, 2))
    volumes = ", ".join(f"{name} {enclosing_volume(name):.1f}" for name in ("hull", "box"))
    above.set(title=f"{format_measures(Cuboid(), *CUBOIDS)}\nenclosing volume: {volumes}\n\nfrom above", ylabel="y")
    beside.set(title="from the side", xlabel="x", ylabel="z")
    add_legend(figure)
    return figure


def enclosing_volume(enclosing: str) -> float:
    """The volume of the enclosing shape of the two cuboids, computed from their union, IoU and GIoU."""
    iou = detloss.iou(*CUBOIDS, geometry=Cuboid())
    giou = detloss.generalized_iou(*CUBOIDS, geometry=Cuboid(), enclosing=enclosing)
    union = CUBOIDS[:, 3:6].prod(-1).sum() / (1.0 + iou)
    return float(union / (1.0 - iou + giou))


def draw_tetrahedra() -> Figure:
    """The stella octangula: two tetrahedra in a cube, and the octahedron that is their intersection."""
    figure = Figure(figsize=(WIDTH, 4.8))
    axes = figure.subplots()
    first, second = TETRAHEDRON.numpy(), 1.0 - TETRAHEDRON.numpy()
    octahedron = sorted(
        (project(face) for face in faces(intersection(first, second))), key=lambda face: face[:, 2].mean()
    )
    for shade, face in zip(np.linspace(0.25, 0.7, len(octahedron)), octahedron, strict=True):
        axes.add_patch(Patch(face[:, :2], facecolor=INTERSECTION, alpha=shade, edgecolor=INK, linewidth=0.8))
    axes.patches[-1].set_label("intersection: an octahedron")
    cube = np.concatenate([first, second])
    for shape, name, look in (
        (cube, "hull: a cube", {"color": INK, "linestyle": DASHES, "linewidth": 1.0}),
        (first, "first", {"color": FIRST}),
        (second, "second", {"color": SECOND}),
    ):
        for ends in edges(shape):
            (line,) = axes.plot(*project(np.array(ends))[:, :2].T, **look)
        line.set_label(name)
    axes.set(title=format_measures(Polytope(), TETRAHEDRON, 1.0 - TETRAHEDRON, as_fraction), aspect="equal")
    axes.set_axis_off()
    add_legend(figure)
    return figure


def project(points: Points) -> Points:
    """Orthographic projection of 3-D points: right, up, and depth."""
    azimuth, elevation = math.radians(-62.0), math.radians(18.0)
    x, y, z = points.T
    right, away = x * math.cos(azimuth) + y * math.sin(azimuth), y * math.cos(azimuth) - x * math.sin(azimuth)
    up, near = (
        z * math.cos(elevation) + away * math.sin(elevation),
        z * math.sin(elevation) - away * math.cos(elevation),
    )
    return np.stack([right, up, near], axis=-1)


def draw_pair(axes: Axes, first: Points, second: Points, *, plane: tuple[int, int] = (0, 1)) -> None:
    """Draw two shapes, their intersection and their hull, projected to a plane of two coordinates."""
    coordinates = list(plane)
    around = outline(np.concatenate([first, second])[:, coordinates])
    for shape, name, color in ((first, "first", FIRST), (second, "second", SECOND)):
        look = {"facecolor": color + "2a", "edgecolor": color, "linewidth": 1.8}
        axes.add_patch(Patch(outline(shape[:, coordinates]), label=name, **look))
    common = intersection(first, second)
    if len(common):
        look = {"facecolor": INTERSECTION + "66", "edgecolor": INTERSECTION, "hatch": "///", "linewidth": 0}
        axes.add_patch(Patch(outline(common[:, coordinates]), label="intersection", **look))
    look = {"fill": False, "edgecolor": INK, "linestyle": DASHES, "linewidth": 1.0, "zorder": 0.5}
    axes.add_patch(Patch(around, label="hull", **look))
    axes.set_aspect("equal")
    axes.autoscale_view()


def add_legend(figure: Figure) -> None:
    """Add the legend of the first axes below the figure."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if max(map(len, labels)) > 12 else 4)


def format_measures(
    geometry: Shape, first: Tensor, second: Tensor, write: Callable[[float], str] = "{:.3f}".format
) -> str:
    """The measures of a pair, computed by the library."""
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
    """A number that is a simple fraction."""
    return str(Fraction(number).limit_denominator(100))


def corners_of(box: Tensor) -> Points:
    """The corners of a row of `Rotated`."""
    cx, cy, width, height, angle = box.tolist()
    along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    signs = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    return np.array([[cx, cy] + a * width * along + b * height * across for a, b in signs])


def cuboid_corners(cuboid: Tensor) -> Points:
    """The corners of a row of `Cuboid`."""
    x, y, z, length, width, height, yaw = cuboid
    footprint = corners_of(torch.stack([x, y, length, width, yaw]))
    return np.concatenate([np.insert(footprint, 2, float(z + end * height), axis=1) for end in (-0.5, 0.5)])


PICTURES: dict[str, Callable[[], Figure]] = {
    "rotated": draw_rotated_boxes,
    "angle_long": partial(draw_rotation, 4.0, 1.0),
    "angle_square": partial(draw_rotation, 2.0, 2.0),
    "polygon": draw_polygons,
    "cuboid": draw_cuboids,
    "polytope": draw_tetrahedra,
}


def draw(app: Sphinx) -> None:
    """Draw all plots."""
    for name, picture in PICTURES.items():
        with style():
            picture().savefig(Path(app.srcdir, "shapes", f"{name}.png"), dpi=160)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
