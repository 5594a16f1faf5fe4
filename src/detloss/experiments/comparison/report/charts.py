"""Charts of the report as inline SVG."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from itertools import cycle, islice
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression  # type: ignore[import-untyped]

from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.plot_style import INK, style
from detloss.experiments.training.average_precision import RECALLS, MatchedDetections
from detloss.experiments.training.outcome import Outcome

WIDTH = 3.7  # inches: fits a phone without reducing the font size
LINE = 0.17  # inches from one label to the next

COLORS = (
    ("#0072b2", "#4aa3e0"),
    ("#c75300", "#ff8f4d"),
    ("#00805c", "#2fc795"),
    ("#b5478f", "#ee9acb"),
    ("#8f6b00", "#f0c24b"),
    ("#2b87be", "#b5e0ff"),
)
"""Colors on a light and on a dark page: those of Okabe and Ito, with enough contrast for thin lines."""

DASHES = ((), (6, 2), (2, 1.5), (8, 2, 1.5, 2), (4, 1, 1, 1, 1, 1), (10, 3), (1, 1))
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class SeriesStyle:
    """Style of a pair in all charts, distinct also for readers with a color vision deficiency.

    Attributes:
        index: Index of the color, which the page defines as the variable ``--pair-INDEX``.
        dash: Lengths of strokes and gaps in line widths; empty for a solid line.
        marker: Marker of points.
    """

    index: int
    dash: tuple[float, ...]
    marker: str

    @property
    def color(self) -> str:
        """The color on a light page."""
        return COLORS[self.index][0]

    @property
    def variable(self) -> str:
        """The color as a CSS variable."""
        return f"var(--pair-{self.index})"

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of matplotlib for a line."""
        return {"color": self.color, "linestyle": (0, self.dash) if self.dash else "-"}


def series_styles(names: Sequence[str]) -> dict[str, SeriesStyle]:
    """Assign a style to each name, in order; the first 42 are distinct."""
    styles = zip(cycle(range(len(COLORS))), cycle(DASHES), cycle(MARKERS))
    return {name: SeriesStyle(*one) for name, one in zip(names, islice(styles, len(names)))}


@dataclass(frozen=True)
class Curve:
    """A quantity over the training steps, (seeds, steps), with label and style of its pair."""

    label: str
    style: SeriesStyle
    steps: np.ndarray
    values: np.ndarray


def legend_key(series: SeriesStyle) -> str:
    """Draw line and marker of a pair, for tables and captions."""
    with style():
        figure = Figure(figsize=(0.4, 0.16))
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.plot([0, 0.5, 1], [0, 0, 0], **series.line)
        axes.plot([0.5], [0], series.marker, color=series.color, markersize=5.5, markeredgewidth=0)
        axes.set_xlim(0, 1)
        axes.set_axis_off()
        return svg(figure, None)


def scores_by_seed(standings: Sequence[Standing], styles: Mapping[str, SeriesStyle], quantity: str = "AP") -> str:
    """Draw the score of every pair: one point per seed and a bar at the mean."""
    with style():
        figure = Figure(figsize=(WIDTH, 0.55 + 0.42 * len(standings)))
        axes = figure.subplots()
        for row, standing in enumerate(standings):
            series, ap, values = styles[standing.name], standing.score, list(standing.scores.values())
            axes.plot([ap.lowest, ap.highest], [row, row], color=series.color, linewidth=5, alpha=0.3)
            axes.plot(values, [row] * len(values), series.marker, color=series.color, markersize=5, markeredgewidth=0)
            axes.plot([ap.mean, ap.mean], [row - 0.2, row + 0.2], color=INK)
            axes.annotate(
                standing.name, (0, row), (0, 8), xycoords=("axes fraction", "data"), textcoords="offset points"
            )
        axes.set(xlabel=f"{quantity} (points: seeds, bar: mean)", ylim=(len(standings) - 0.5, -0.85))
        axes.locator_params(axis="x", nbins=5)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        return svg(figure, f"{quantity} of every pair of losses by seed")


def precision_at_recalls(matches: MatchedDetections, objects: np.ndarray) -> np.ndarray:
    """Compute COCO's interpolated precision at IoU .50, averaged over the classes.

    Args:
        matches: The detections.
        objects: Number of objects of each class; at least one is above 0.

    Returns:
        The precision at each of `RECALLS`; its mean is AP50.
    """
    curves = []
    for label in np.flatnonzero(objects):
        found = (matches.hits[matches.labels == label] & 1).cumsum()
        precision = found / np.arange(1, len(found) + 1)
        interpolated = np.maximum.accumulate(precision[::-1])[::-1]
        reached = np.searchsorted(found / objects[label], RECALLS)
        curves.append(np.append(interpolated, 0.0)[reached])
    mean: np.ndarray = np.mean(curves, axis=0)
    return mean


def precision_recall(standings: Sequence[Standing], objects: np.ndarray, styles: Mapping[str, SeriesStyle]) -> str:
    """Draw the precision at IoU .50 over the recall, averaged over the seeds; `objects` is counted by class."""
    with style():
        figure = Figure(figsize=(WIDTH, 2.9 + LINE * len(standings)))
        axes = figure.subplots()
        for standing in sorted(standings, key=lambda standing: -standing.summary("ap50").mean):
            curve = np.mean([precision_at_recalls(one.matches, objects) for one in standing.evaluations], axis=0)
            label = f"{standing.name}: AP50 {standing.summary('ap50').mean:.3f}"
            axes.plot(RECALLS, curve, label=label, **styles[standing.name].line)
        axes.set(xlabel="recall", ylabel="precision at IoU .50", xlim=(0, 1), ylim=(0, 1.02))
        axes.set_xticks(np.linspace(0, 1, 6))
        figure.legend(loc="outside lower left", fontsize=8.5, borderpad=0, handlelength=3)
        return svg(figure, "Precision over recall at IoU .50, one line per pair of losses")


def training_losses(standings: Sequence[Standing], styles: Mapping[str, SeriesStyle]) -> list[str]:
    """Draw every class loss and every box loss over the training steps, one chart per loss with all its pairs.

    Values of different losses are not comparable. A box loss is drawn without its weight.
    """
    charts = []
    for name in dict.fromkeys(standing.pair.cls for standing in standings):
        pairs = [standing for standing in standings if standing.pair.cls == name]
        curves = [curve_of(one, one.pair.box, styles[one.name], class_loss) for one in pairs]
        charts.append(line_chart(f"class loss: {name}", "training loss", curves))
    for name in dict.fromkeys(standing.pair.box for standing in standings):
        pairs = [standing for standing in standings if standing.pair.box == name]
        curves = [curve_of(one, one.pair.cls, styles[one.name], box_loss) for one in pairs]
        charts.append(line_chart(f"box loss: {name}", "training loss", curves))
    return charts


def ap_over_steps(standings: Sequence[Standing], styles: Mapping[str, SeriesStyle]) -> str:
    """Draw the AP of the snapshots over the training steps; empty if there are none."""
    curves = []
    for standing in standings:
        steps = [[snapshot.step for snapshot in outcome.snapshots] for outcome in standing.outcomes]
        if steps[0] and all(of_seed == steps[0] for of_seed in steps):
            values = [[snapshot.ap for snapshot in outcome.snapshots] for outcome in standing.outcomes]
            curves.append(Curve(standing.name, styles[standing.name], np.array(steps[0]), np.array(values)))
    return line_chart("AP on validation images", "AP", curves, legend=True) if curves else ""


def class_loss(outcome: Outcome) -> list[float]:
    """The class loss at the points of the curve."""
    return [classification for _, classification, _ in outcome.curve]


def box_loss(outcome: Outcome) -> list[float]:
    """The box loss at the points of the curve, without its weight."""
    return [box / outcome.trial.weight for _, _, box in outcome.curve]


def curve_of(standing: Standing, label: str, series: SeriesStyle, loss: Callable[[Outcome], list[float]]) -> Curve:
    """Collect the seeds of a pair, without a last point that averages few steps and is therefore noisy."""
    steps = np.array([step for step, _, _ in standing.outcomes[0].curve])
    values = np.array([loss(outcome) for outcome in standing.outcomes])
    full = len(steps) - (len(steps) > 1 and bool(steps[-1] - steps[-2] < steps[0] / 2))
    return Curve(label, series, steps[:full], values[:, :full])


def line_chart(title: str, quantity: str, curves: Sequence[Curve], *, legend: bool = False) -> str:
    """Draw a quantity over the training steps: the mean of the seeds, and their range as a band.

    Each line is labeled at its end, or in a legend below if labels are long.
    """
    with style():
        height = 2.6 + LINE * len(curves) if legend else max(2.1, 0.8 + LINE * len(curves))
        figure = Figure(figsize=(WIDTH, height))
        axes = figure.subplots()
        for curve in curves:
            low, high = curve.values.min(axis=0), curve.values.max(axis=0)
            axes.fill_between(curve.steps, low, high, color=curve.style.color, alpha=0.2, linewidth=0)
            axes.plot(curve.steps, curve.values.mean(axis=0), **curve.style.line)
        axes.set(title=title, xlabel="training step", ylabel=quantity, xlim=(0, curves[0].steps[-1]))
        axes.set_ylim(bottom=0)
        if legend:
            labels = [f"{curve.label}: {curve.values[:, -1].mean():.3f}" for curve in curves]
            lines = axes.get_lines()
            figure.legend(lines, labels, loc="outside lower left", fontsize=8.5, borderpad=0, handlelength=3)
        else:
            label_ends(axes, curves, height)
        return svg(figure, f"{title} over the training steps, one line per pair of losses")


def label_ends(axes: Axes, curves: Sequence[Curve], height: float) -> None:
    """Write the label of each line to the right of its end, without overlap; `height` is in inches."""
    bottom, top = axes.get_ylim()
    ordered = sorted(curves, key=lambda curve: curve.values[:, -1].mean())
    ends = [(float(curve.values[:, -1].mean()) - bottom) / (top - bottom) for curve in ordered]
    gap = LINE / (height - 0.65)
    for curve, end, position in zip(ordered, ends, separated(ends, gap)):
        axes.annotate(
            curve.label,
            xy=(1, end),
            xytext=(1.08, position),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=curve.style.color,
            verticalalignment="center",
            arrowprops={
                "arrowstyle": "-",
                "color": curve.style.color,
                "linewidth": 0.8,
                "relpos": (0, 0.5),
                "shrinkA": 1,
                "shrinkB": 0,
            },
        )


def separated(positions: Sequence[float], gap: float) -> np.ndarray:
    """Move ascending positions in [0, 1] until all gaps are at least `gap`, with least squared displacement."""
    offsets = gap * np.arange(len(positions))
    moved: np.ndarray = isotonic_regression(np.asarray(positions) - offsets).x
    within: np.ndarray = moved.clip(0, 1 - offsets[-1]) + offsets
    return within


def svg(figure: Figure, description: str | None) -> str:
    """Render a figure as inline SVG in the text color and the color variables of the page.

    Args:
        figure: The figure.
        description: Text for screen readers; None if it is decorative.
    """
    buffer = StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    drawing = buffer.getvalue().replace(INK, "currentColor")
    for index, (light, _) in enumerate(COLORS):
        drawing = drawing.replace(light, f"var(--pair-{index})")
    drawing = re.sub(r'<g id="[^"]*">', "<g>", drawing)  # ids would be repeated in every chart of the page
    role = f'role="img" aria-label="{escape(description)}"' if description else 'aria-hidden="true"'
    return drawing[drawing.index("<svg") :].replace("<svg", f"<svg {role}", 1)
