"""The picture of a simulation: how the error falls, and where in the disc it is left."""

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from detloss.experiments.plot_style import COLORS, INK, style
from detloss.experiments.simulation.cases import CENTER, RADIUS
from detloss.experiments.simulation.descent import STEPS, Course
from detloss.experiments.simulation.experiment import Simulation

MAPS_A_ROW = 4
FLOOR = 2e-4
"""Where the axis of the error ends, as a share of the error before the first step."""

NEARLY_THERE, FAR_OFF = 1e-3, 10.0
"""Where the colors end: a mean error of a case, in sides of a square target."""

EDGE = 1.03 * RADIUS
"""Where a map ends: its dots are whole."""

SCATTERED, SMALLEST = 8000.0, 2.0
"""The area of all dots of a map and that of a dot at least, in square points."""

DASHES = ((0, (4, 2)), (0, (1, 1.2)), (0, (4, 1.5, 1, 1.5)))


def write(simulation: Simulation, path: Path) -> None:
    """Draw a simulation into a PNG file."""
    with style():
        draw(simulation).savefig(path, dpi=160, format="png")


def draw(simulation: Simulation) -> Figure:
    """Draw the error of every loss over the steps, and a map of what is left of it in the end for each loss."""
    rows = -(-len(simulation.courses) // MAPS_A_ROW)
    figure = Figure(figsize=(9.5, 4.2 + 2.5 * rows))
    figure.suptitle(f"Boxes go down the {simulation.gradient} gradient, {simulation.cases:,} cases a loss")
    curves, maps = figure.subfigures(2, 1, height_ratios=(3.9, 2.5 * rows), squeeze=False).flat
    draw_curves(curves.subplots(), simulation)
    panels = list(maps.subplots(rows, MAPS_A_ROW, squeeze=False).flat)
    for panel in panels:
        panel.set_axis_off()
    for panel, course in zip(panels, simulation.courses, strict=False):
        dots = draw_map(panel, simulation, course)
    maps.colorbar(dots, ax=panels, label="mean error of a case in the end", extend="both")
    return figure


def draw_curves(axes: Axes, simulation: Simulation) -> None:
    """Draw the error of all cases over the steps; dashed where the loss regresses what the error measures."""
    colors, dashes = iter(COLORS), iter(DASHES)
    for course in simulation.courses:
        if course.is_trivial:
            label = f"{course.loss.title}: trivial, it regresses\nwhat the error measures"
            axes.plot(course.totals, label=label, color=INK, linestyle=next(dashes), linewidth=1.2)
        else:
            axes.plot(course.totals, label=course.loss.title, color=next(colors))
    start = max(course.totals[0] for course in simulation.courses)
    axes.set(xlabel="step", ylabel="total error", xlim=(0, STEPS), yscale="log", ylim=(FLOOR * start, 2 * start))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)


def draw_map(axes: Axes, simulation: Simulation, course: Course) -> PathCollection:
    """Draw the disc of points, colored by what is left of the error in the end, and the square target."""
    x, y = (simulation.points - CENTER).T
    left = course.left.clamp_min(torch.finfo(torch.float32).tiny)  # a logarithm needs more than 0
    dots = axes.scatter(
        x,
        y,
        c=left,
        s=max(SCATTERED / len(left), SMALLEST),
        cmap="viridis",
        norm=LogNorm(NEARLY_THERE, FAR_OFF),
        linewidths=0,
    )
    axes.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor=INK))
    axes.set(title=course.loss.title, aspect="equal", xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    return dots
