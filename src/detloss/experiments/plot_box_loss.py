"""Plots of box losses: curves over shift, scale and angle of a box, and fields of its descent direction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import pi

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from detloss import AxisAligned, Rotated
from detloss.catalog import Kind, Loss, Sizes
from detloss.experiments.plot_style import COLORS, DASHES, INK

SIZES = Sizes(image=(8.0, 8.0), objects=1.0)  # sizes of an image and of objects, in widths of the target
CEILING = 6.0  # upper end of axes and colors: -log IoU is 87 for disjoint boxes
ASPECT_RATIOS = (1.0, 2.0, 4.0)  # width to height of the targets of a rotated box
SCALES = (1.0, 0.5, 2.0)  # sides of the boxes that are shifted, relative to the target
FRACTIONS = {-2: "¼", -1: "½", 0: "1", 1: "2", 2: "4"}  # labels of a logarithmic axis to base 2

LIGHT_BLUES = ListedColormap(colormaps["Blues"](np.linspace(0.0, 0.6, 64)))
"""Light enough for dark arrows, also in print."""

Curve = Callable[[Tensor], Tensor]  # a loss over a parameter

ZERO = torch.zeros((), dtype=torch.float64)


@dataclass(frozen=True)
class Target:
    """A box centered at the origin; lengths are in widths of the target."""

    geometry: AxisAligned | Rotated
    width: float = 1.0
    height: float = 1.0
    angle: float = 0.0

    def boxes(
        self, x: Tensor = ZERO, y: Tensor = ZERO, width: Tensor = ZERO, height: Tensor = ZERO, angle: Tensor = ZERO
    ) -> Tensor:
        """Shift the target, scale its sides by powers of two, and rotate it."""
        width, height = self.width * torch.exp2(width), self.height * torch.exp2(height)
        if self.geometry == Rotated():
            columns = [x, y, width, height, self.angle + angle]
        else:
            columns = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
        shape = (x + y + width + height + angle).shape
        return torch.stack([column.expand(shape) for column in columns], dim=-1)

    def outline(self, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """The closed outline of the target with scaled sides."""
        corners = scale / 2 * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [1, 1]]) * [self.width, self.height]
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        x, y = (corners @ np.array([[cosine, sine], [-sine, cosine]])).T
        return x, y


SQUARE_TARGET = Target(AxisAligned())
ROTATED_TARGET = Target(Rotated(), height=0.5, angle=pi / 6)


@dataclass(frozen=True)
class Sweep:
    """Boxes along one parameter.

    `boxes` maps a box and values of the parameter to boxes, and `axis` maps values to the axis; `ticks` are its labels,
    if they are not its values; `unit` is that of the gradient.
    """

    title: str
    label: str
    unit: str
    points: Tensor
    boxes: Callable[[Target, Tensor], Tensor]
    axis: Callable[[Tensor], Tensor] = lambda points: points
    ticks: Mapping[int, str] | None = None


def grid(limit: float, count: int = 241) -> Tensor:
    """Evenly spaced points from -limit to limit."""
    return torch.linspace(-limit, limit, count, dtype=torch.float64)


SHIFT = Sweep(
    "shift",
    "shift of the center, in widths of the target",
    "width of the target",
    grid(2.5),
    lambda box, points: box.boxes(x=points),
)
SCALE = Sweep(
    "scale",
    "sides, relative to the target",
    "doubling of the sides",
    grid(2.0),
    lambda box, points: box.boxes(width=points, height=points),
    ticks=FRACTIONS,
)
ANGLE = Sweep(
    "angle",
    "rotation from the target, in degrees",
    "radian",
    grid(pi / 2, 360),  # an even number, to leave out the kink at 0
    lambda box, points: box.boxes(angle=points),
    axis=torch.rad2deg,
    ticks={degrees: str(degrees) for degrees in range(-90, 91, 45)},
)


def draw_box_losses(losses: Sequence[Loss], target: Target) -> Figure:
    """Plot box losses: one for boxes and targets of several shapes, several for boxes of the target's shape.

    The figure has a row of value and gradient per parameter, and fields of the descent direction. Losses of numbers are
    summed over the numbers of a box.
    """
    rotated = target.geometry == Rotated()
    several = len(losses) > 1
    sweeps = [ANGLE] * rotated + [SHIFT] + [SCALE] * several
    columns = 3 if len(losses) == 3 or len(losses) > 4 else 2
    field_rows = -(-len(losses) // columns)
    heights = [2.9] * len(sweeps) + [field_rows * 8.6 / columns + 0.3]
    figure = Figure(figsize=(9.5, sum(heights) + 0.6))
    *curve_panels, field_panel = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).flat
    for panel, sweep in zip(curve_panels, sweeps, strict=True):
        draw_sweep(panel, sweep, curves_of(losses, sweep, target), legend=not several or panel is curve_panels[-1])
    fields = field_panel.subplots(field_rows, columns, squeeze=False).flat
    if several:
        field_panel.suptitle(
            "descent direction of a shifted box (dashed: end of overlap)", size="medium", x=0.05, ha="left"
        )
        for axes in fields[len(losses) :]:
            axes.set_axis_off()
        for axes, loss in zip(fields, losses, strict=False):
            draw_shift_field(axes, loss, target, loss.name)
    else:
        draw_shift_field(fields[0], losses[0], target, "descent direction of a shifted box\n(dashed: end of overlap)")
        draw_scale_field(fields[1], losses[0], target, "descent direction of a rescaled box")
    return figure


def curves_of(losses: Sequence[Loss], sweep: Sweep, target: Target) -> dict[str, Curve]:
    """The curves of a plot by their labels: one per loss, or several of a single loss."""

    def curve(loss: Loss, target: Target, box: Target, points: Tensor) -> Tensor:
        return box_loss(loss, target, sweep.boxes(box, points))

    if len(losses) > 1:
        return {loss.name: partial(curve, loss, target, target) for loss in losses}
    if sweep is ANGLE:
        shapes = {f"{ratio:g}:1 box": replace(target, height=target.width / ratio) for ratio in ASPECT_RATIOS}
        return {label: partial(curve, losses[0], shape, shape) for label, shape in shapes.items()}
    return {
        f"box of {scale:g} × the target's sides": partial(
            curve, losses[0], target, replace(target, width=scale * target.width, height=scale * target.height)
        )
        for scale in SCALES
    }


def draw_sweep(panel: SubFigure, sweep: Sweep, curves: Mapping[str, Curve], *, legend: bool) -> None:
    """Plot value and gradient of curves over a parameter."""
    value_axes, gradient_axes = panel.subplots(1, 2)
    axis = sweep.axis(sweep.points)
    for number, (label, curve) in enumerate(curves.items()):
        look = {"color": COLORS[number], "linestyle": DASHES[number % len(DASHES)]}
        value, gradient = value_and_gradients(curve, sweep.points)
        value_axes.plot(axis, value, label=label, **look)
        gradient_axes.plot(axis, gradient, **look)
    value_axes.set(title=f"value over the {sweep.title}", xlabel=sweep.label, ylabel="loss")
    gradient_axes.set(title=f"gradient over the {sweep.title}", xlabel=sweep.label, ylabel=f"loss per {sweep.unit}")
    if sweep.ticks is not None:
        for axes in (value_axes, gradient_axes):
            axes.set_xticks(list(sweep.ticks), list(sweep.ticks.values()))
    value_axes.set_ylim(-0.1, min(value_axes.get_ylim()[1], CEILING))
    steepest = min(max(map(abs, gradient_axes.get_ylim())), CEILING)
    gradient_axes.set_ylim(-steepest, steepest)
    if legend:
        panel.legend(*value_axes.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(curves), 4))


def draw_shift_field(axes: Axes, loss: Loss, target: Target, title: str) -> None:
    """Plot the loss of a shifted box of the target's size, and the direction in which its center moves."""
    draw_field(axes, lambda x, y: box_loss(loss, target, target.boxes(x=x, y=y)), limit=2.0)
    axes.plot(*target.outline(1.0), color=INK, linewidth=1.5)
    axes.plot(*target.outline(2.0), color=INK, linewidth=1, linestyle=DASHES[1])
    axes.set(title=title, xlabel="center x, in widths of the target", ylabel="center y")
    axes.invert_yaxis()


def draw_scale_field(axes: Axes, loss: Loss, target: Target, title: str) -> None:
    """Plot the loss of a box with the target's center, and the direction in which its sides change."""
    draw_field(axes, lambda width, height: box_loss(loss, target, target.boxes(width=width, height=height)), limit=2.0)
    axes.set_xticks(list(FRACTIONS), list(FRACTIONS.values()))
    axes.set_yticks(list(FRACTIONS), list(FRACTIONS.values()))
    axes.set(title=title, xlabel="width, relative to the target", ylabel="height, relative to the target")


def draw_field(axes: Axes, value: Callable[[Tensor, Tensor], Tensor], *, limit: float) -> None:
    """Plot a loss over a plane as colors, and its descent direction as arrows as long as the root of the gradient."""
    x, y = torch.meshgrid(grid(limit), grid(limit), indexing="xy")
    with torch.no_grad():
        surface = value(x, y)
    levels = MaxNLocator(14).tick_values(0.0, min(surface.max().item(), CEILING))
    beyond = "max" if surface.max() > levels[-1] else "neither"
    shades = axes.contourf(x, y, surface, levels=levels, cmap=LIGHT_BLUES, extend=beyond)
    axes.figure.colorbar(shades, cax=axes.inset_axes((1.03, 0.0, 0.05, 1.0)), label="loss")
    # An even number of points within the edges places no arrow on a kink.
    x, y = torch.meshgrid(grid(limit * 0.93, 16), grid(limit * 0.93, 16), indexing="xy")
    _, *slopes = value_and_gradients(value, x, y)
    right, down = (-slope for slope in slopes)
    strength = torch.hypot(right, down)
    moving = strength > 0
    length = torch.where(moving, strength.rsqrt(), 0.0)
    arrows = (x, y, right * length, down * length)
    axes.quiver(*(part[moving] for part in arrows), color=INK, width=0.004, angles="xy", pivot="mid")
    axes.plot(x[~moving], y[~moving], ".", color=INK, markersize=1.5)
    axes.set_aspect("equal")
    axes.grid(visible=False)


def box_loss(loss: Loss, target: Target, boxes: Tensor) -> Tensor:
    """Evaluate a loss for boxes and one target; a loss of numbers is summed over the numbers of a box."""
    geometry = {"geometry": target.geometry} if loss.kind is Kind.BOX else {}
    module = loss.with_sizes(SIZES).build(**geometry, reduction="none").eval()
    values: Tensor = module(boxes, target.boxes().expand_as(boxes))
    return values.sum(-1) if loss.kind is Kind.REGRESSION else values


def value_and_gradients(function: Callable[..., Tensor], *points: Tensor) -> tuple[Tensor, ...]:
    """Evaluate a function, and its derivative by each of its arguments."""
    arguments = [one.clone().requires_grad_() for one in points]
    values = function(*arguments)
    return values.detach(), *torch.autograd.grad(values.sum(), arguments)
