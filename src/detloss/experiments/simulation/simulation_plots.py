"""Plots of a simulation: the error over the steps, and maps of the final error."""

from itertools import cycle, product
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from detloss.experiments.plot_style import COLORS, DASHES, INK, style
from detloss.experiments.simulation.experiment import CENTER, RADIUS, STEPS, Course, Simulation

MAPS_PER_ROW = 4
FLOOR = 2e-4  # lower end of the axis of the error, as a fraction of the error before the first step

LOWEST_COLOR, HIGHEST_COLOR = 1e-3, 10.0
"""Ends of the color scale, mean errors per case in sides of a square target; data narrow it down."""

EDGE = 1.03 * RADIUS  # half the width of a map, with a margin for the dots

TOTAL_DOT_AREA, MIN_DOT_AREA = 8000.0, 2.0
"""Area of all dots of a map and least area of a dot, in square points."""


def write(simulation: Simulation, path: Path) -> None:
    """Plot a simulation to a PNG file."""
    with style():
        draw(simulation).savefig(path, dpi=160, format="png")


def draw(simulation: Simulation) -> Figure:
    """Plot the error of every loss over the steps, and a map of its final error."""
    columns = min(len(simulation.courses), MAPS_PER_ROW)
    rows = -(-len(simulation.courses) // columns)
    figure = Figure(figsize=(9.5, 4.2 + 2.5 * rows))
    figure.suptitle(f"Descent of the {simulation.gradient} gradient, {simulation.cases:,} cases per loss")
    curves, maps = figure.subfigures(2, 1, height_ratios=(3.9, 2.5 * rows), squeeze=False).flat
    draw_curves(curves.subplots(), simulation)
    panels = list(maps.subplots(rows, columns, squeeze=False).flat)
    for panel in panels:
        panel.set_axis_off()
    colors = color_scale(simulation)
    for panel, course in zip(panels, simulation.courses, strict=False):
        dots = draw_map(panel, simulation, course, colors)
    maps.colorbar(dots, ax=panels, label="final mean error per case", extend="both")
    return figure


def draw_curves(axes: Axes, simulation: Simulation) -> None:
    """Plot the error of all cases over the steps; black and dashed if the loss regresses the numbers measured."""
    of_boxes, of_numbers = cycle(product(DASHES, COLORS)), cycle(product((1.2, 2.2), DASHES[1:]))
    for course in simulation.courses:
        if course.is_trivial:
            label = f"{course.loss.title}: trivial, regresses\nthe numbers that are measured"
            width, dash = next(of_numbers)
            axes.plot(course.totals, label=label, color=INK, linestyle=dash, linewidth=width)
        else:
            dash, color = next(of_boxes)
            axes.plot(course.totals, label=course.loss.title, color=color, linestyle=dash)
    start = max(course.totals[0] for course in simulation.courses)
    axes.set(xlabel="step", ylabel="total error", xlim=(0, STEPS), yscale="log", ylim=(FLOOR * start, 2 * start))
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)


def color_scale(simulation: Simulation) -> LogNorm:
    """The color scale of all maps: whole decades that contain the final errors."""
    errors = torch.cat([course.final for course in simulation.courses]).clamp(LOWEST_COLOR, HIGHEST_COLOR).log10()
    low, high = errors.min().floor().item(), errors.max().ceil().item()
    return LogNorm(10.0**low, 10.0 ** max(high, low + 1.0))


def draw_map(axes: Axes, simulation: Simulation, course: Course, colors: LogNorm) -> PathCollection:
    """Plot the disc of points, colored by the final error, and the square target."""
    x, y = (simulation.points - CENTER).T
    final = course.final.clamp_min(torch.finfo(torch.float32).tiny)  # 0 has no logarithm
    dots = axes.scatter(
        x, y, c=final, s=max(TOTAL_DOT_AREA / len(final), MIN_DOT_AREA), cmap="viridis", norm=colors, linewidths=0
    )
    axes.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor=INK))
    axes.set(title=course.loss.title, aspect="equal", xlim=(-EDGE, EDGE), ylim=(-EDGE, EDGE))
    return dots
