"""Charts of the report as inline SVG."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from itertools import cycle, islice
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Ranking, Standing
from detloss.experiments.comparison.weight_fit import WeightFit
from detloss.experiments.plot_style import INK, style
from detloss.experiments.training.average_precision import RECALLS, MatchedDetections

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

    The page defines the color with this index as the variable ``--pair-INDEX``. A dash consists of the lengths of
    strokes and gaps in line widths; it is empty for a solid line.
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


def axis_of_differences(ranking: Ranking) -> list[float]:
    """Ticks of an axis that shows all differences from the baseline, by seed and with their intervals."""
    ends = [0.0, -ranking.matters, ranking.matters]
    for standing in ranking.standings:
        if standing.difference:
            ends += [standing.difference.low, standing.difference.high, *ranking.seed_differences(standing).values()]
    shown = [end for end in ends if isfinite(end)]
    return [round(float(tick), 10) for tick in MaxNLocator(5).tick_values(min(shown), max(shown))]


def ap_over_weight(fits: Mapping[Pair, WeightFit], styles: Mapping[str, SeriesStyle], quantity: str) -> list[str]:
    """Draw the scores of each search over the weight, on a common scale: its trials, its parabola and its result."""
    charts = []
    scores = [score for fit in fits.values() for score in fit.scores.values()]
    margin = 0.1 * (max(scores, default=0.0) - min(scores, default=0.0)) or 0.01
    for pair, fit in fits.items():
        with style():
            figure = Figure(figsize=(WIDTH, 2.3))
            axes, series = figure.subplots(), styles[str(pair)]
            points = [(weight, score) for (weight, _), score in fit.scores.items()]
            axes.plot(*zip(*points), series.marker, color=series.color, markersize=5, markeredgewidth=0, alpha=0.7)
            axes.plot(*zip(*fit.curve() or fit.means.items()), **series.line)
            axes.axvline(fit.weight, color=INK, linewidth=1, linestyle=(0, (3, 2)))
            axes.set_xscale("log", base=2)
            axes.set_xticks(list(fit.means), [f"{weight:.2g}" for weight in fit.means], fontsize=8.5)
            axes.set(title=f"{pair}: weight {fit.weight:g}", xlabel="weight of the box loss", ylabel=quantity)
            axes.set_ylim(max(min(scores) - margin, min(0.0, *scores)), max(scores) + margin)
            charts.append(svg(figure, f"{quantity} of {pair} over the weight, selected {fit.weight:g}"))
    return charts


def precision_at_recalls(matches: MatchedDetections, objects: np.ndarray) -> np.ndarray:
    """Compute COCO's interpolated precision at IoU .50 and each of `RECALLS`, averaged over classes with objects.

    Its mean is AP50; `objects` is counted by class.
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
    for kind, title in ((1, "class loss"), (0, "box loss")):
        for name in dict.fromkeys(standing.pair[kind] for standing in standings):
            curves = [curve_of(one, kind, styles[one.name]) for one in standings if one.pair[kind] == name]
            charts.append(line_chart(f"{title}: {name}", "training loss", curves))
    return charts


def ap_over_steps(standings: Sequence[Standing], styles: Mapping[str, SeriesStyle]) -> str:
    """Draw the AP over the training steps; empty if no pair has recorded it at the same steps on all seeds."""
    curves = []
    for standing in standings:
        steps = [[snapshot.step for snapshot in outcome.snapshots] for outcome in standing.outcomes]
        if steps[0] and all(of_seed == steps[0] for of_seed in steps):
            values = [[snapshot.ap for snapshot in outcome.snapshots] for outcome in standing.outcomes]
            curves.append(Curve(standing.name, styles[standing.name], np.array(steps[0]), np.array(values)))
    return line_chart("AP on validation images", "AP", curves) if curves else ""


def curve_of(standing: Standing, kind: int, series: SeriesStyle) -> Curve:
    """The box loss (0), without its weight, or the class loss (1) over the steps, labeled with the other loss.

    A last point that averages few steps is noisy and therefore omitted.
    """
    points = np.array([outcome.curve for outcome in standing.outcomes])
    steps, losses = points[0, :, 0], points[..., 1] if kind else points[..., 2] / standing.weight
    full = len(steps) - (len(steps) > 1 and bool(steps[-1] - steps[-2] < steps[0] / 2))
    return Curve(standing.pair[1 - kind], series, steps[:full], losses[:, :full])


def line_chart(title: str, quantity: str, curves: Sequence[Curve]) -> str:
    """Draw a quantity over the training steps, the mean of the seeds and their range as a band, with a legend below."""
    with style():
        figure = Figure(figsize=(WIDTH, 2.6 + LINE * len(curves)))
        axes = figure.subplots()
        for curve in curves:
            low, high = curve.values.min(axis=0), curve.values.max(axis=0)
            label = f"{curve.label}: {curve.values[:, -1].mean():.3f}"
            axes.fill_between(curve.steps, low, high, color=curve.style.color, alpha=0.2, linewidth=0)
            axes.plot(curve.steps, curve.values.mean(axis=0), label=label, **curve.style.line)
        axes.set(title=title, xlabel="training step", ylabel=quantity, xlim=(0, curves[0].steps[-1]))
        axes.set_ylim(bottom=0)
        figure.legend(loc="outside lower left", fontsize=8.5, borderpad=0, handlelength=3)
        return svg(figure, f"{title} over the training steps, one line per pair of losses")


def svg(figure: Figure, description: str | None) -> str:
    """Render a figure as inline SVG in the colors of the page; one without a description is decorative."""
    buffer = StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=metadata)
    drawing = buffer.getvalue().replace(INK, "currentColor")
    for index, (light, _) in enumerate(COLORS):
        drawing = drawing.replace(light, f"var(--pair-{index})")
    drawing = re.sub(r'<g id="[^"]*">', "<g>", drawing)  # ids would be repeated in every chart of the page
    role = f'role="img" aria-label="{escape(description)}"' if description else 'aria-hidden="true"'
    return drawing[drawing.index("<svg") :].replace("<svg", f"<svg {role}", 1)
