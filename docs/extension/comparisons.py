"""Directive ``comparison``: the command of a comparison with the plot and the table of its results.

The results are ``findings/NAME.json``, the standings.json that the command has written; ``python -m
tools.measure_findings`` runs the commands of the page and copies these files.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from docutils import nodes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from detloss.experiments.plot_style import COLORS, INK, style

FOLDER = "findings"
KINDS = {"box": "box loss", "cls": "class loss"}


@dataclass(frozen=True)
class Comparison:
    """The content of a standings.json; either the box losses or the class losses of its pairs differ."""

    best: list[str]
    pairs: list[dict[str, Any]]
    detectable: float | None

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a file."""
        record = json.loads(file.read_text(encoding="utf-8"))
        return cls(record["best"], record["pairs"], record["detectable"])

    @property
    def kind(self) -> str:
        """The field of a pair that differs."""
        return "box" if len({pair["box"] for pair in self.pairs}) > 1 else "cls"

    @property
    def baseline(self) -> str:
        """The loss that the others are compared with."""
        [pair] = [pair for pair in self.pairs if pair["verdict"] is None]
        loss: str = pair[self.kind]
        return loss

    def answer(self) -> str:
        """State the losses that may be the best, and what can be detected."""
        losses = [f"``{pair[self.kind]}``" for name in self.best for pair in self.pairs if pair["name"] == name]
        seeds = max(pair["seeds"] for pair in self.pairs)
        best = f"{joined(losses)} may be the best" if len(losses) > 1 else f"{joined(losses)} is the best"
        power = f" Differences of {plain(self.detectable)} AP are detected with a probability of 80 %."
        return f"With {seeds} seeds, {best} (95 % confidence).{power * (self.detectable is not None)}"

    def table(self) -> str:
        """The table in reStructuredText."""
        weight = "weight" if self.kind == "box" else f"weight of ``{self.pairs[0]['box']}``"
        rows = [(KINDS[self.kind], "AP", "difference", "verdict", "regret", weight)]
        for pair in self.pairs:
            interval = f"{signed(pair['difference'])} [{signed(pair['low'])}, {signed(pair['high'])}]"
            rows.append(
                (
                    f"``{pair[self.kind]}``",
                    plain(pair["mean"]),
                    "" if pair["low"] is None else interval,
                    pair["verdict"] or "baseline",
                    plain(pair["regret"]),
                    f"{pair['weight']:g}",
                )
            )
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 18 8 28 26 8 12", ""]
        for cells in rows:
            lines += [f"   {'  -' if number else '* -'} {cell}".rstrip() for number, cell in enumerate(cells)]
        return "\n".join(lines)

    def plot(self) -> Figure:
        """Plot the differences with their intervals, the highest first."""
        figure = Figure(figsize=(4.6, 0.8 + 0.24 * len(self.pairs)))
        axes = figure.subplots()
        axes.axvline(0, color=INK, linewidth=1)
        for height, pair in enumerate(self.pairs):
            if pair["low"] is not None:
                axes.hlines(height, pair["low"], pair["high"], color=COLORS[0], linewidth=1.6)
                axes.plot(pair["difference"], height, "o", color=COLORS[0], markersize=4)
        names = [pair[self.kind] for pair in self.pairs]
        labels = [f"{name} (baseline)" if name == self.baseline else name for name in names]
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel=f"difference in AP from {self.baseline}, 95 % intervals", ylim=(len(labels) - 0.5, -0.5))
        return figure


def plain(number: float | None) -> str:
    """A number below 1 with three digits and without its zero; empty if it is unknown."""
    return "" if number is None else f"{number:.3f}".removeprefix("0")


def signed(number: float | None) -> str:
    """The same with a sign."""
    return "" if number is None else f"{'−' if number < 0 else '+'}{plain(abs(number))}"


def joined(items: Iterable[str]) -> str:
    """Join items as part of a sentence."""
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


class ComparisonDirective(SphinxDirective):
    """The command, which is the content, the answer, the plot, and the table."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        [name] = self.arguments
        file = Path(self.env.srcdir, FOLDER, f"{name}.json")
        if not file.exists():
            raise self.error(f"{file}: expected results, found none: python -m tools.measure_findings {name}")
        self.env.note_dependency(str(file))
        found = Comparison.read(file)
        first, *rest = self.content
        command = "\n".join([f"   $ {first}", *(f"   {line}" for line in rest)])
        alt = f"Differences in AP from {found.baseline} with intervals"
        figure = f".. figure:: /{FOLDER}/{name}.png\n   :alt: {alt}\n   :width: 520px"
        parts = [f".. code-block:: console\n\n{command}", found.answer(), figure, found.table()]
        return self.parse_text_to_nodes("\n\n".join(parts))


def draw(app: Sphinx) -> None:
    """Draw the plots."""
    for file in Path(app.srcdir, FOLDER).glob("*.json"):
        with style():
            Comparison.read(file).plot().savefig(file.with_suffix(".png"), dpi=160)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("comparison", ComparisonDirective)
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
