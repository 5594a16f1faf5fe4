"""Scaling: the time of a loss by its number of rows, as a plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from benchmarks.bounds import BANDWIDTH
from benchmarks.results import Result, Summary, duration
from detloss.experiments.plot_style import COLORS, INK, style

TITLES = ("ciou", "focal, dense targets")
"""The cases that are plotted."""


def curves(results: Sequence[Result]) -> list[str]:
    """The implementations and the bound that have a curve."""
    return [*results[0].backends, results[0].case.baseline, BANDWIDTH]


def plot(results: Sequence[Result], path: Path) -> None:
    """Plot time over rows on logarithmic axes, one panel per loss."""
    titles = dict.fromkeys(result.case.title for result in results)
    panels = [[result for result in results if result.case.title == title] for title in titles]
    with style():
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 4.2), sharey=True, squeeze=False)
        for panel, points in zip(axes[0], panels):
            plot_panel(panel, points)
        axes[0][0].set_ylabel("time of forward + backward")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def plot_panel(panel: Axes, results: Sequence[Result]) -> None:
    """Plot the curves of one loss."""
    case, backends = results[0].case, results[0].backends
    panel.set_prop_cycle(color=COLORS)
    for name in backends:
        plot_curve(panel, results, name, label=f"detloss, {name}")
    plot_curve(panel, results, case.baseline, label=case.baseline)
    plot_curve(panel, results, BANDWIDTH, label="torch.add of the same bytes", color=INK, linestyle=":", linewidth=1.2)
    panel.set(xscale="log", yscale="log", xlabel=f"number of {case.family.unit}")
    panel.set_title(f"{case.title}: time by size")
    panel.yaxis.set_major_formatter(FuncFormatter(duration))
    panel.legend(loc="upper left")


def plot_curve(panel: Axes, results: Sequence[Result], name: str, **options: Any) -> None:
    """Plot the medians of one implementation in a band from the 10th to the 90th percentile."""
    timed = [result for result in results if result.is_timed(name)]
    rows = [result.size.rows for result in timed]
    summaries = [Summary.of(result.measurements[name].seconds) for result in timed]
    (line,) = panel.plot(rows, [summary.median for summary in summaries], marker="o", markersize=4, **options)
    low, high = [summary.low for summary in summaries], [summary.high for summary in summaries]
    panel.fill_between(rows, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
