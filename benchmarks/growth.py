"""How cost grows with the number of rows: figures and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from benchmarks.limits import TWIN
from benchmarks.result import Result
from benchmarks.spread import Spread
from detloss.experiments.plot_style import COLORS, INK, style

PAIRS_AND_LOGITS = ("ciou", "focal, dense targets")


def curves(results: Sequence[Result]) -> list[str]:
    """Who has a curve."""
    return [*results[0].backends, results[0].case.main_peer, TWIN]


def draw(results: Sequence[Result], path: Path) -> None:
    """One panel a loss, time over rows on logarithmic axes."""
    titles = dict.fromkeys(result.case.title for result in results)
    panels = [[result for result in results if result.case.title == title] for title in titles]
    with style():
        figure, axes = plt.subplots(1, len(panels), figsize=(4.6 * len(panels), 4.2), sharey=True, squeeze=False)
        for panel, points in zip(axes[0], panels):
            draw_panel(panel, points)
        axes[0][0].set_ylabel("time of a forward and a backward pass")
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def draw_panel(panel: Axes, results: Sequence[Result]) -> None:
    """The curves of one loss."""
    case, backends = results[0].case, results[0].backends
    panel.set_prop_cycle(color=COLORS)
    for name in backends:
        draw_curve(panel, results, name, label=f"detloss, {name}")
    draw_curve(panel, results, case.main_peer, label=case.main_peer)
    draw_curve(panel, results, TWIN, label="torch.add of the same bytes", color=INK, linestyle=":", linewidth=1.2)
    panel.set(xscale="log", yscale="log", xlabel=f"number of {case.family.unit}")
    panel.set_title(f"How the cost of {case.title} grows")
    panel.yaxis.set_major_formatter(FuncFormatter(duration))
    panel.legend(loc="upper left")


def draw_curve(panel: Axes, results: Sequence[Result], name: str, **look: Any) -> None:
    """The medians of one contender, in a band of what they vary between."""
    competed = [result for result in results if result.competed(name)]
    rows = [result.size.rows for result in competed]
    spreads = [Spread.of(result.scores[name].seconds) for result in competed]
    (line,) = panel.plot(rows, [spread.median for spread in spreads], marker="o", markersize=4, **look)
    low, high = [spread.low for spread in spreads], [spread.high for spread in spreads]
    panel.fill_between(rows, low, high, color=line.get_color(), alpha=0.15, linewidth=0)


def duration(seconds: float, _position: int = 0) -> str:
    """Seconds with the unit that fits."""
    units = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
    unit, name = next(each for each in units if seconds >= each[0] or each[1] == "ns")
    return f"{seconds / unit:.3g} {name}"
