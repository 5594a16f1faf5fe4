"""Plots of the findings page: the differences and intervals of its tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from sphinx.application import Sphinx

from detloss.experiments.plot_style import COLORS, INK, style

NEW_SEEDS = "-new-seeds"
"""Suffix of a table that repeats a comparison with other seeds; both are one plot."""

INTERVAL = re.compile(r"([+−]\.\d+) \[([+−]\.\d+), ([+−]\.\d+)\]")


@dataclass(frozen=True)
class Row:
    """A row of a comparison: its cells, and the difference to the baseline with its interval."""

    cells: Sequence[str]

    @property
    def label(self) -> str:
        """The loss."""
        return self.cells[0].replace("`", "")

    @property
    def difference(self) -> tuple[float, float, float] | None:
        """The difference and the ends of its interval; None for the baseline."""
        found = INTERVAL.search(" ".join(self.cells))
        if found is None:
            return None
        value, low, high = (float(number.replace("−", "-")) for number in found.groups())
        return value, low, high


def tables(page: str) -> dict[str, list[Row]]:
    """The named tables of a page, without their headers."""
    found = {}
    for block in page.split(".. list-table::\n   :name: table-")[1:]:
        name, _, body = re.split(r"\n(?=\S)", block)[0].partition("\n")
        rows = [
            [cell.strip() for cell in re.split(r"\n? +- |\n +-$", row, flags=re.MULTILINE)]
            for row in body.split("   * - ")[1:]
        ]
        found[name] = [Row(cells) for cells in rows[1:]]
    return found


def draw_intervals(series: dict[str, list[Row]]) -> Figure:
    """Plot differences with their intervals, one line per loss, in the order of the first series."""
    order = [row.label for row in next(iter(series.values()))]
    figure = Figure(figsize=(4.6, 0.8 + 0.3 * len(order)))
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1)
    for index, (label, rows) in enumerate(series.items()):
        offset = 0.24 * (index - 0.5 * (len(series) - 1))
        points = [(order.index(row.label) + offset, *row.difference) for row in rows if row.difference is not None]
        heights, values, lows, highs = zip(*points, strict=True)
        look = {"color": COLORS[index], "marker": "os"[index], "markersize": 4}
        axes.hlines(heights, lows, highs, color=look["color"], linewidth=1.6)
        axes.plot(values, heights, linestyle="none", label=label, **look)
    (baseline,) = (row.label for row in next(iter(series.values())) if row.difference is None)
    axes.set_yticks(range(len(order)), [f"{name} (baseline)" if name == baseline else name for name in order])
    axes.set(xlabel=f"difference of AP to {baseline}, 95 % interval", ylim=(len(order) - 0.5, -0.5))
    if len(series) > 1:
        axes.legend(loc="best")
    return figure


def draw(app: Sphinx) -> None:
    """Draw every plot that the page shows."""
    page = Path(app.srcdir, "findings.rst").read_text(encoding="utf-8")
    folder = Path(app.srcdir, "findings")
    folder.mkdir(exist_ok=True)
    found = tables(page)
    for name in re.findall(r"^\.\. figure:: /findings/(.+)\.png$", page, re.MULTILINE):
        labels = {name: "first seeds", name + NEW_SEEDS: "new seeds"}
        with style():
            figure = draw_intervals({label: found[table] for table, label in labels.items() if table in found})
            figure.savefig(folder / f"{name}.png", dpi=160)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
