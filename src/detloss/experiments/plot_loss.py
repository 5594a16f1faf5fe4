"""Plots of losses, `detloss show`: value and gradient, and for box losses the descent direction of a box."""

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from textwrap import wrap

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from detloss.catalog import Kind, Loss, Sizes
from detloss.experiments.plot_box_loss import (
    ROTATED_TARGET,
    SQUARE_TARGET,
    Curve,
    draw_box_losses,
    grid,
    value_and_gradients,
)
from detloss.experiments.plot_style import COLORS, DASHES, style

OPTION_VALUES: dict[str, Sequence[float]] = {
    "gamma": (0.0, 1.0, 2.0, 5.0),
    "alpha": (0.25, 0.5, 0.75),
    "beta": (0.1, 0.5, 1.0, 2.0),
    "delta": (0.1, 0.5, 1.0, 2.0),
}
"""Values of the options that are varied in the plot of a single loss."""

EXPONENTS: Mapping[Kind, dict[str, Sequence[float]]] = {
    Kind.QUALITY: {"beta": (1.0, 2.0, 4.0)},  # below 1 the gradient has a pole
    Kind.HEATMAP: {"alpha": (1.0, 2.0, 4.0), "beta": (1.0, 2.0, 4.0)},
}
"""Their values where they are exponents."""

SIZES = Sizes(image=(4.0, 4.0), objects=1.0)
"""Sizes of the image and the target of the plots, for losses whose options follow from sizes."""

FREQUENCIES = (1, 3, 9)  # relative frequencies of the other class, for losses whose options follow from class counts

TARGETS: Mapping[Kind, Mapping[str, float]] = {
    Kind.REGRESSION: {"": 0.0},
    Kind.SIGMOID: {"t = 1": 1.0, "t = 0": 0.0},
    Kind.QUALITY: {"q = 1": 1.0, "q = 0.5": 0.5, "background": 0.0},
    Kind.HEATMAP: {"y = 1": 1.0, "y = 0.5": 0.5, "y = 0": 0.0},
    Kind.SOFTMAX: {"t = this class": 1, "t = other class": 0},
    Kind.DISTRIBUTION: {"y = 1": 1.0, "y = 0.75": 0.75, "y = 0": 0.0},
    Kind.MASK: {"t = 1": 1.0, "t = 0": 0.0},
}
"""Targets of losses of numbers and of logits, whose curves share a plot."""

LOGIT_KINDS = {*TARGETS} - {Kind.REGRESSION}

TITLE_LENGTH = 110
CURVES_WITH_LEGEND_INSIDE = 8  # with more curves, the legend is beside the plots
EXPLANATION = re.compile(r",? with |, where |; ")  # ends a formula in a docstring

AXES = {
    Kind.REGRESSION: ("error: prediction − target", "error"),
    Kind.SIGMOID: ("logit", "logit"),
    Kind.QUALITY: ("logit", "logit"),
    Kind.HEATMAP: ("logit", "logit"),
    Kind.SOFTMAX: ("logit of one of two classes, the other at 0", "logit"),
    Kind.DISTRIBUTION: ("logit of the second of two bins, the first at 0", "logit"),
    Kind.MASK: ("logit of one of two pixels, the other at 0 with t = 1", "logit"),
}
"""Label and unit of the axis."""


class PlotError(ValueError):
    """Losses that cannot share a plot."""


def write(losses: Sequence[Loss], path: Path, *, rotated: bool = False) -> None:
    """Plot losses to a file, whose suffix determines the format."""
    with style():
        draw(losses, rotated=rotated).savefig(path, dpi=160)


def draw(losses: Sequence[Loss], *, rotated: bool = False) -> Figure:
    """Plot value and gradient of losses of numbers, of logits, or of boxes, and of these the descent direction.

    Beside box losses, losses of numbers are those of the numbers of a box. Losses that have no others are always
    plotted for rotated boxes.

    Raises:
        PlotError: The losses have no common input, or are too many.
    """
    if len(losses) > len(COLORS):
        raise PlotError(f"losses: expected at most {len(COLORS)} in a plot, got {len(losses)}")
    of_logits = [loss for loss in losses if loss.kind in LOGIT_KINDS]
    if of_logits and rotated:
        raise PlotError(f"--rotated: expected box losses, got {of_logits[0].name}")
    of_masks = [loss for loss in losses if loss.kind is Kind.MASK]
    if 0 < len(of_logits) < len(losses) or 0 < len(of_masks) < len(losses):
        named = [f"{loss.name} (a loss of {loss.kind.value})" for loss in losses]
        raise PlotError(f"losses: expected losses of the same input, got {', '.join(named)}")
    losses = [loss.with_sizes(SIZES) for loss in losses]
    kinds = {loss.kind for loss in losses}
    if rotated or Kind.ROTATED in kinds:
        figure = draw_box_losses(losses, ROTATED_TARGET)
    elif Kind.BOX in kinds:
        figure = draw_box_losses(losses, SQUARE_TARGET)
    else:
        figure = draw_scalar_losses(losses)
    figure.suptitle(title(losses))
    return figure


def draw_scalar_losses(losses: Sequence[Loss]) -> Figure:
    """Plot value and gradient over the error or the logit: a row per varied option of one loss, or one for several."""
    groups = variations(losses[0]) if len(losses) == 1 else {"": {loss.name: loss for loss in losses}}
    figure = Figure(figsize=(9.5, 0.8 + 3.1 * len(groups)))
    rows = figure.subplots(len(groups), 2, squeeze=False)
    for row, (heading, variants) in zip(rows, groups.items(), strict=True):
        draw_scalar_row(heading, variants, *row)
    handles, labels = rows[0, 0].get_legend_handles_labels()
    if len(losses) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    elif labels:
        for value_axes, gradient_axes in rows:
            handles, labels = value_axes.get_legend_handles_labels()
            if len(labels) > CURVES_WITH_LEGEND_INSIDE:
                gradient_axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
            else:
                value_axes.legend(fontsize=8)
    return figure


def variations(loss: Loss) -> dict[str, dict[str, Loss]]:
    """Vary the options of a loss that its name does not set: for each option, the variants by label."""
    parameters = inspect.signature(loss.function).parameters
    groups = {
        f", {option} varied": {f"{option} {value:g}": loss.with_options({option: value}) for value in values}
        for option, values in (OPTION_VALUES | EXPONENTS.get(loss.kind, {})).items()
        if option in parameters and option not in loss.options
    }
    if loss.from_counts is not None:
        groups[", class frequencies varied"] = {
            f"other class {frequency}× as frequent": loss.with_options(loss.from_counts([frequency, 1]))
            for frequency in FREQUENCIES
        }
    return groups or {"": {"": loss}}


def draw_scalar_row(heading: str, variants: Mapping[str, Loss], value_axes: Axes, gradient_axes: Axes) -> None:
    """Plot the curves of a row: colors distinguish losses or options, dashes the targets."""
    for color, (label, loss) in zip(COLORS, variants.items(), strict=False):
        axis = grid(6.0 if loss.kind in LOGIT_KINDS else 3.0)
        for dashes, (target, curve) in zip(DASHES, scalar_curves(loss).items(), strict=False):
            value, gradient = value_and_gradients(curve, axis)
            name = ", ".join(filter(None, [label, target]))
            value_axes.plot(axis, value, color=color, linestyle=dashes, label=name)
            gradient_axes.plot(axis, gradient, color=color, linestyle=dashes)
    kinds = {loss.kind for loss in variants.values()}
    label, unit = AXES[Kind.SIGMOID if len(kinds) > 1 else kinds.pop()]
    value_axes.set(title=f"value{heading}", xlabel=label, ylabel="loss")
    gradient_axes.set(title=f"gradient{heading}", xlabel=label, ylabel=f"loss per unit of the {unit}")


def scalar_curves(loss: Loss) -> dict[str, Curve]:
    """The curves of a loss over the error, or over a logit by its target; other logits are 0."""

    def curve(target: float, x: Tensor) -> Tensor:
        pred, targets = x, torch.full_like(x, target)
        if loss.kind in (Kind.SOFTMAX, Kind.DISTRIBUTION, Kind.MASK):
            pred, targets = torch.stack([torch.zeros_like(x), x], dim=-1), torch.full(x.shape, target)
        if loss.kind is Kind.MASK:
            targets = torch.tensor([1.0, target], dtype=x.dtype).expand_as(pred)
        return loss.function(pred, targets, **loss.options, reduction="none")

    return {label: partial(curve, target) for label, target in TARGETS[loss.kind].items()}


def title(losses: Sequence[Loss]) -> str:
    """The title of a plot: names and formulas, and for a single loss the explanation of its formula."""
    if len(losses) == 1:
        return "\n".join([losses[0].title, *wrapped(definition(losses[0]))])
    return "\n".join(f"{loss.name}: {EXPLANATION.split(definition(loss))[0]}" for loss in losses)


def definition(loss: Loss) -> str:
    """The formula of a loss with its explanation, between the summary and the advice of its docstring, for mathtext."""
    introduction, _, _ = inspect.cleandoc(loss.function.__doc__ or "").partition("\n\nWhen to choose it:")
    _, _, text = introduction.partition("\n\n")
    text = re.sub(r"\.\. math::\s*(.+?)(?:\n\n|$)(?=(\w*))", display_math, text, flags=re.DOTALL)
    return " ".join(re.sub(r":math:`([^`]+)`", r"$\1$", text).replace("``", "").split())


def display_math(match: re.Match[str]) -> str:
    """Set the lines of a displayed formula in the text, followed by a comma if definitions of its symbols follow."""
    lines = (line.replace("&", "").strip() for line in match[1].split(r"\\"))
    return "; ".join(f":math:`{line}`" for line in lines) + (", " if match[2].startswith("with") else " ")


def wrapped(text: str) -> list[str]:
    """Wrap text without breaking a formula, whose width is about that of its symbols."""
    formulas = re.findall(r"\$[^$]+\$", text)
    for formula in formulas:
        text = text.replace(formula, "\0" * width(formula), 1)
    lines = wrap(text, TITLE_LENGTH)
    remaining = iter(formulas)
    return [re.sub("\0+", lambda _: next(remaining), line) for line in lines]


def width(formula: str) -> int:
    """The width of a formula, in letters: that of its symbols and of the spaces around operators."""
    text = re.sub(r"\\mathrm|\\left|\\right|[{}_^$]", "", formula)
    text = re.sub(r"\\(log|exp|max|arctan)", r"\1", text)
    symbols = re.sub(r"\s|\\[,;]", "", re.sub(r"\\[a-zA-Z]+", "x", text))
    return len(symbols) + len(re.findall("[=+<-]", symbols))
