"""The picture of a loss: its value and its gradient, and for boxes the field of its pull."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from detloss.catalog import Kind, Loss
from detloss.experiments.plot_style import COLORS, INK, style

OPTION_VALUES: Mapping[str, Sequence[float]] = {
    "gamma": (0.0, 1.0, 2.0, 5.0),
    "alpha": (0.25, 0.5, 0.75),
    "beta": (0.1, 0.5, 1.0, 2.0),
}
"""The values that an option takes in the pictures of the losses that have it."""

FREQUENCIES = (1, 3, 9)
"""How many times as frequent the other class is in the pictures of losses that count."""

DASHES = ("-", (0, (4, 2)), (0, (1, 1.2)))

PREDICTION_SIDES = (1.0, 0.5, 2.0)
"""Sides of the boxes that are shifted, in sides of the target."""

PALE_BLUES = ListedColormap(colormaps["Blues"](np.linspace(0.0, 0.6, 64)))
"""Light enough for dark arrows, on paper too."""

CEILING = 6.0
"""Where axes and colors end at the latest: -log IoU is 87 where nothing overlaps, and 1 / IoU has no end."""

TARGET = torch.tensor([-0.5, -0.5, 0.5, 0.5], dtype=torch.float64)

Curve = Callable[[Tensor, Mapping[str, object]], Tensor]
"""The loss at every point of an axis, under some options."""


def write(loss: Loss, path: Path) -> None:
    """Draw a loss into a file; its suffix, .png or .svg, says which kind."""
    with style():
        draw(loss).savefig(path, dpi=160)


def draw(loss: Loss) -> Figure:
    """Draw a loss of any kind.

    Args:
        loss: A row of the catalog.

    Returns:
        Curves of value and gradient; for a box loss also the field of its pull on the prediction.
    """
    return draw_box_loss(loss) if loss.kind is Kind.BOX else draw_scalar_loss(loss)


def draw_scalar_loss(loss: Loss) -> Figure:
    """Draw value and gradient over the error or the logit, a row of pictures for everything that can be turned."""
    groups = variations(loss)
    figure = Figure(figsize=(9.5, 0.8 + 3.1 * len(groups)))
    figure.suptitle(title(loss), parse_math=False)
    rows = figure.subplots(len(groups), 2, squeeze=False)
    for row, (heading, settings) in zip(rows, groups.items(), strict=True):
        draw_scalar_row(loss, heading, settings, *row)
    return figure


def variations(loss: Loss) -> dict[str, dict[str, Mapping[str, object]]]:
    """What is turned in the pictures of a loss: for each heading, options by their label."""
    words = [word for word in OPTION_VALUES if word in inspect.signature(loss.function).parameters]
    groups: dict[str, dict[str, Mapping[str, object]]] = {
        f", {word} varied": {f"{word} {value:g}": {word: value} for value in OPTION_VALUES[word]} for word in words
    }
    if loss.from_counts is not None:
        groups[", frequencies varied"] = {
            f"the other {frequency}× as frequent": loss.from_counts([frequency, 1]) for frequency in FREQUENCIES
        }
    return groups or {"": {"": {}}}


def draw_scalar_row(
    loss: Loss, heading: str, settings: Mapping[str, Mapping[str, object]], value_axes: Axes, gradient_axes: Axes
) -> None:
    """Draw the curves of one group of options: their color is the option, their dashes the target."""
    axis, curves, label, unit = scalar_curves(loss)
    for color, (setting, options) in zip(COLORS, settings.items(), strict=False):
        for dashes, (target, curve) in zip(DASHES, curves.items(), strict=False):
            value, slope = value_and_slope(curve, axis, {**loss.options, **options})
            name = ", ".join(filter(None, [setting, target]))
            value_axes.plot(axis, value, color=color, linestyle=dashes, label=name)
            gradient_axes.plot(axis, slope, color=color, linestyle=dashes)
    value_axes.set(title=f"value{heading}", xlabel=label, ylabel="loss")
    gradient_axes.set(title=f"gradient{heading}", xlabel=label, ylabel=f"loss per unit of the {unit}")
    if any(value_axes.get_legend_handles_labels()[1]):
        value_axes.legend(fontsize=8)


def scalar_curves(loss: Loss) -> tuple[Tensor, dict[str, Curve], str, str]:
    """The axis a scalar loss is drawn over, its curves by name, and the axis in words: its label and its unit."""

    def regression(error: Tensor, options: Mapping[str, object]) -> Tensor:
        return loss.function(error, torch.zeros_like(error), **options, reduction="none")

    def binary(target: float) -> Curve:
        def curve(logit: Tensor, options: Mapping[str, object]) -> Tensor:
            return loss.function(logit, torch.full_like(logit, target), **options, reduction="none")

        return curve

    def two_classes(target: int) -> Curve:
        def curve(logit: Tensor, options: Mapping[str, object]) -> Tensor:
            logits = torch.stack([torch.zeros_like(logit), logit], dim=-1)
            targets = torch.full(logit.shape, target, dtype=torch.int64)
            return loss.function(logits, targets, **options, reduction="none")

        return curve

    if loss.kind is Kind.REGRESSION:
        return grid(3.0), {"": regression}, "error: prediction − target", "error"
    if loss.kind is Kind.SIGMOID:
        return grid(6.0), {"t = 1": binary(1.0), "t = 0": binary(0.0)}, "logit", "logit"
    return (
        grid(6.0),
        {"t = this class": two_classes(1), "t = the other": two_classes(0)},
        "logit of one class of two, the other's at 0",
        "logit",
    )


def draw_box_loss(loss: Loss) -> Figure:
    """Draw value and gradient along a shift, and the pull on a box that moves around and stretches its target."""
    figure = Figure(figsize=(9.5, 8.2))
    figure.suptitle(title(loss), parse_math=False)
    curves, fields = figure.subfigures(2, 1, height_ratios=(4, 5), squeeze=False).flat
    value, gradient = curves.subplots(1, 2)
    draw_shift(loss, value, gradient)
    curves.legend(*value.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    move, stretch = fields.subplots(1, 2)
    draw_move(loss, move)
    draw_stretch(loss, stretch)
    return figure


def draw_shift(loss: Loss, value_axes: Axes, gradient_axes: Axes) -> None:
    """Draw the loss of boxes of three sizes that slide past the target."""
    shift = grid(2.5)
    for side, color, dashes in zip(PREDICTION_SIDES, COLORS, DASHES, strict=False):

        def curve(x: Tensor, options: Mapping[str, object], side: float = side) -> Tensor:
            return box_loss(loss, options, x, torch.zeros_like(x), torch.tensor(side), torch.tensor(side))

        value, slope = value_and_slope(curve, shift, loss.options)
        value_axes.plot(shift, value, color=color, linestyle=dashes, label=f"box of {side:g} × the target's sides")
        gradient_axes.plot(shift, slope, color=color, linestyle=dashes)
    label = "shift of the center, in sides of the target"
    value_axes.set(title="value along a shift", xlabel=label, ylabel="loss")
    gradient_axes.set(title="gradient along a shift", xlabel=label, ylabel="loss per side of the target")
    value_axes.set_ylim(-0.1, min(value_axes.get_ylim()[1], CEILING))
    steepest = min(gradient_axes.get_ylim()[1], CEILING)
    gradient_axes.set_ylim(-steepest, steepest)


def draw_move(loss: Loss, axes: Axes) -> None:
    """Draw where a box of the target's size is pulled to from around it."""

    def value(x: Tensor, y: Tensor) -> Tensor:
        return box_loss(loss, loss.options, x, y, torch.tensor(1.0), torch.tensor(1.0))

    draw_field(axes, value, limit=2.0)
    axes.plot(*square(0.5), color=INK, linewidth=1.5)
    axes.plot(*square(1.0), color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set(
        title="pull on a moved box of the target's size (□)\ndashed: no overlap beyond",
        xlabel="center right of the target's, in its sides",
        ylabel="center below the target's, in its sides",
    )
    axes.invert_yaxis()


def draw_stretch(loss: Loss, axes: Axes) -> None:
    """Draw how a box around the target's center is made wider, narrower, higher, lower."""

    def value(width: Tensor, height: Tensor) -> Tensor:
        zero = torch.zeros_like(width)
        return box_loss(loss, loss.options, zero, zero, torch.exp2(width), torch.exp2(height))

    draw_field(axes, value, limit=2.0)
    ticks = range(-2, 3)
    names = ["¼", "½", "1", "2", "4"]
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.set(
        title="pull on a stretched box\nof the target's center",
        xlabel="width, in widths of the target",
        ylabel="height, in heights of the target",
    )


def draw_field(axes: Axes, value: Callable[[Tensor, Tensor], Tensor], *, limit: float) -> None:
    """Draw a loss over a plane as color, and the way it pulls as arrows whose length is the root of the strength."""
    x, y = torch.meshgrid(grid(limit), grid(limit), indexing="xy")
    with torch.no_grad():
        surface = value(x, y)
    levels = MaxNLocator(14).tick_values(0.0, min(surface.max().item(), CEILING))
    beyond = "max" if surface.max() > levels[-1] else "neither"
    shades = axes.contourf(x, y, surface, levels=levels, cmap=PALE_BLUES, extend=beyond)
    axes.figure.colorbar(shades, ax=axes, label="loss", shrink=0.9)
    # an odd step away from 0 and from the edges, so that no arrow stands on a kink
    x, y = torch.meshgrid(grid(limit * 0.93, 16), grid(limit * 0.93, 16), indexing="xy")
    right, down = (-slope for slope in slopes(value, x, y))
    strength = torch.hypot(right, down)
    length = torch.where(strength > 0, strength.rsqrt(), 0.0)
    moving = strength > 0
    arrows = (x, y, right * length, down * length)
    axes.quiver(*(part[moving] for part in arrows), color=INK, width=0.004, angles="xy", pivot="mid")
    axes.plot(x[~moving], y[~moving], ".", color=INK, markersize=1.5)
    axes.set_aspect("equal")
    axes.grid(visible=False)


def box_loss(loss: Loss, options: Mapping[str, object], x: Tensor, y: Tensor, width: Tensor, height: Tensor) -> Tensor:
    """The loss of boxes with these centers and sides against a square target of side 1 around 0."""
    left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    boxes = torch.stack([left, top, right, bottom], dim=-1)
    return loss.function(boxes, TARGET.expand_as(boxes), **options, reduction="none")


def value_and_slope(curve: Curve, axis: Tensor, options: Mapping[str, object]) -> tuple[Tensor, Tensor]:
    """A curve over an axis and its derivative."""
    points = axis.clone().requires_grad_()
    values = curve(points, options)
    (slope,) = torch.autograd.grad(values.sum(), points)
    return values.detach(), slope


def slopes(value: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """The derivatives of a surface by both of its axes."""
    points = x.clone().requires_grad_(), y.clone().requires_grad_()
    return torch.autograd.grad(value(*points).sum(), points)


def grid(limit: float, count: int = 241) -> Tensor:
    """Evenly spaced points from -limit to limit."""
    return torch.linspace(-limit, limit, count, dtype=torch.float64)


def square(half: float) -> tuple[list[float], list[float]]:
    """The outline of a square around 0."""
    return [-half, half, half, -half, -half], [-half, -half, half, half, -half]


def title(loss: Loss) -> str:
    """The loss's name and, on the next line, its formula: the second paragraph of its documentation."""
    _, formula, *_ = inspect.cleandoc(loss.function.__doc__ or "").split("\n\n")
    return f"{loss.title}\n{fill(formula.replace('``', ''), 110)}"
