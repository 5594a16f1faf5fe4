"""The charts of a report, as SVG that stands inside the page."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression  # type: ignore[import-untyped]

from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.comparison.report.precision_recall import mean_curve
from detloss.experiments.comparison.report.series_style import COLORS, Look
from detloss.experiments.plot_style import INK, style
from detloss.experiments.training.average_precision import RECALLS
from detloss.experiments.training.trial import Outcome

WIDTH = 3.7  # inches: what a phone shows without making the letters smaller
LINE = 0.17  # inches from one label to the next


@dataclass(frozen=True)
class Curve:
    """What a loss was in training: the steps, and (seeds, steps) values, under the name and the look of its pair."""

    label: str
    look: Look
    steps: np.ndarray
    values: np.ndarray


def swatch(look: Look) -> str:
    """Draw a line and a point as a pair has them, for tables and captions."""
    with style():
        figure = Figure(figsize=(0.4, 0.16))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.plot([0, 0.5, 1], [0, 0, 0], **line_style(look))
        axes.plot([0.5], [0], look.marker, color=look.color, markersize=5.5, markeredgewidth=0)
        axes.set_xlim(0, 1)
        axes.set_axis_off()
        return svg(figure, None)


def spread(standings: Sequence[Standing], looks: Mapping[str, Look]) -> str:
    """Draw the AP of every pair, a point a seed and a bar at the mean; the first stands on top."""
    with style():
        figure = Figure(figsize=(WIDTH, 0.55 + 0.42 * len(standings)))
        axes = figure.subplots()
        for row, standing in enumerate(standings):
            look, ap = looks[standing.name], standing.ap
            values = [outcome.ap for outcome in standing.outcomes]
            axes.plot([ap.lowest, ap.highest], [row, row], color=look.color, linewidth=5, alpha=0.3)
            axes.plot(values, [row] * len(values), look.marker, color=look.color, markersize=5, markeredgewidth=0)
            axes.plot([ap.mean, ap.mean], [row - 0.2, row + 0.2], color=INK)
            axes.annotate(
                standing.name, (0, row), (0, 8), xycoords=("axes fraction", "data"), textcoords="offset points"
            )
        axes.set(xlabel="AP (point: a seed, bar: the mean)", ylim=(len(standings) - 0.5, -0.85))
        axes.locator_params(axis="x", nbins=5)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        return svg(figure, "AP of every pair of losses, seed by seed")


def precision_recall(standings: Sequence[Standing], objects: np.ndarray, looks: Mapping[str, Look]) -> str:
    """Draw the precision at IoU .50 over the recall, a line a pair; `objects` counts those of each class."""
    with style():
        figure = Figure(figsize=(WIDTH, 2.9 + LINE * len(standings)))
        axes = figure.subplots()
        for standing in sorted(standings, key=lambda standing: -standing.summary("ap50").mean):
            curve = mean_curve(standing.outcomes, objects)
            label = f"{standing.name}: AP50 {standing.summary('ap50').mean:.3f}"
            axes.plot(RECALLS, curve, label=label, **line_style(looks[standing.name]))
        axes.set(xlabel="recall", ylabel="precision at IoU .50", xlim=(0, 1), ylim=(0, 1.02))
        axes.set_xticks(np.linspace(0, 1, 6))
        figure.legend(loc="outside lower left", fontsize=8.5, borderpad=0, handlelength=3)
        return svg(figure, "Precision over recall at IoU .50, a line a pair of losses")


def convergence(standings: Sequence[Standing], looks: Mapping[str, Look]) -> list[str]:
    """Draw every class loss and every box loss over the training steps, with all pairs that have it.

    Values of one loss can be compared, so they share a chart: those of a box loss without the weight.
    """
    charts = []
    for name in dict.fromkeys(standing.pair.cls for standing in standings):
        having = [standing for standing in standings if standing.pair.cls == name]
        curves = [curve_of(one, one.pair.box, looks[one.name], class_loss) for one in having]
        charts.append(line_chart(f"class loss: {name}", "training loss", curves))
    for name in dict.fromkeys(standing.pair.box for standing in standings):
        having = [standing for standing in standings if standing.pair.box == name]
        curves = [curve_of(one, one.pair.cls, looks[one.name], box_loss) for one in having]
        charts.append(line_chart(f"box loss: {name}", "training loss", curves))
    return charts


def learning(standings: Sequence[Standing], looks: Mapping[str, Look]) -> str:
    """Draw the AP over the training steps; nothing where it was not looked at."""
    curves = []
    for standing in standings:
        steps = [[glimpse.step for glimpse in outcome.glimpses] for outcome in standing.outcomes]
        if steps[0] and all(of_seed == steps[0] for of_seed in steps):
            values = [[glimpse.ap for glimpse in outcome.glimpses] for outcome in standing.outcomes]
            curves.append(Curve(standing.name, looks[standing.name], np.array(steps[0]), np.array(values)))
    return line_chart("AP on validation images", "AP", curves, legend=True) if curves else ""


def class_loss(outcome: Outcome) -> list[float]:
    """The class loss at the points of the curve."""
    return [classification for _, classification, _ in outcome.curve]


def box_loss(outcome: Outcome) -> list[float]:
    """The box loss at the points of the curve, without its weight."""
    return [box / outcome.trial.weight for _, _, box in outcome.curve]


def curve_of(standing: Standing, label: str, look: Look, loss: Callable[[Outcome], list[float]]) -> Curve:
    """Gather the seeds of a pair, without a last point that is the mean of fewer steps and so mostly noise."""
    steps = np.array([step for step, _, _ in standing.outcomes[0].curve])
    values = np.array([loss(outcome) for outcome in standing.outcomes])
    full = len(steps) - (len(steps) > 1 and bool(steps[-1] - steps[-2] < steps[0] / 2))
    return Curve(label, look, steps[:full], values[:, :full])


def line_chart(title: str, quantity: str, curves: Sequence[Curve], *, legend: bool = False) -> str:
    """Draw a quantity over the training steps: the mean of the seeds in a band of their range.

    Each line is labelled at its end, or in a legend below where labels are long.
    """
    with style():
        height = 2.6 + LINE * len(curves) if legend else max(2.1, 0.8 + LINE * len(curves))
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.subplots()
        for curve in curves:
            low, high = curve.values.min(axis=0), curve.values.max(axis=0)
            axes.fill_between(curve.steps, low, high, color=curve.look.color, alpha=0.2, linewidth=0)
            axes.plot(curve.steps, curve.values.mean(axis=0), **line_style(curve.look))
        axes.set(title=title, xlabel="training step", ylabel=quantity, xlim=(0, curves[0].steps[-1]))
        axes.set_ylim(bottom=0)
        if legend:
            labels = [f"{curve.label}: {curve.values[:, -1].mean():.3f}" for curve in curves]
            lines = axes.get_lines()
            figure.legend(lines, labels, loc="outside lower left", fontsize=8.5, borderpad=0, handlelength=3)
        else:
            label_ends(axes, curves, height)
        return svg(figure, f"{title} over the training steps, a line a pair of losses")


def label_ends(axes: Axes, curves: Sequence[Curve], height: float) -> None:
    """Write the name of each line to the right of its end, apart from the next; `height` is in inches."""
    bottom, top = axes.get_ylim()
    ordered = sorted(curves, key=lambda curve: curve.values[:, -1].mean())
    ends = [(float(curve.values[:, -1].mean()) - bottom) / (top - bottom) for curve in ordered]
    gap = LINE / (height - 0.65)
    for curve, end, place in zip(ordered, ends, apart(ends, gap)):
        axes.annotate(
            curve.label,
            xy=(1, end),
            xytext=(1.08, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=curve.look.color,
            verticalalignment="center",
            arrowprops={
                "arrowstyle": "-",
                "color": curve.look.color,
                "linewidth": 0.8,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )


def apart(places: Sequence[float], gap: float) -> np.ndarray:
    """Move ascending places in [0, 1] as little as possible, in squares, until a gap is between all."""
    offsets = gap * np.arange(len(places))
    moved: np.ndarray = isotonic_regression(np.asarray(places) - offsets).x
    within: np.ndarray = moved.clip(0, 1 - offsets[-1]) + offsets
    return within


def line_style(look: Look) -> dict[str, Any]:
    """What matplotlib is to draw a pair's line with."""
    return {"color": look.color, "linestyle": (0, look.dash) if look.dash else "-"}


def svg(figure: Figure, description: str | None) -> str:
    """Render a figure to stand inside a page: its ink is the text's, its colors are variables of the page.

    Args:
        figure: What to render.
        description: What it shows, for those who do not see it; None for an ornament.
    """
    buffer = StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    drawing = buffer.getvalue().replace(INK, "currentColor")
    for index, (light, _) in enumerate(COLORS):
        drawing = drawing.replace(light, f"var(--pair-{index})")
    drawing = re.sub(r'<g id="[^"]*">', "<g>", drawing)  # the same names would stand in every picture of the page
    role = f'role="img" aria-label="{escape(description)}"' if description else 'aria-hidden="true"'
    return drawing[drawing.index("<svg") :].replace("<svg", f"<svg {role}", 1)
