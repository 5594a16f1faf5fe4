"""Report of a run: tables on the terminal, bench.md, bench.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.machine import Machine
from benchmarks.results import Result
from benchmarks.tables import (
    ALL,
    SUMMARY,
    TIMES,
    Table,
    of_all_backends,
    of_default_backend,
    results_table,
    scaling_table,
)

METHOD = (
    "Forward and backward, float32, reduction to the sum. The columns of other implementations give the speed-up over "
    "them: their time divided by ours, in interleaved rounds of one process; median and, in parentheses, 10th and 90th "
    'percentile. The first of them is the baseline. A "style" is our implementation in the style of that project; '
    "torch.compile compiles a plain formula for every size, and its compile time is not included. Fraction of bound: "
    "the time of an operation that no implementation can outrun, divided by ours; bandwidth is a torch.add that moves "
    "the same bytes. Memory is the peak of forward and backward, including the gradient and without the operands."
)


@dataclass(frozen=True)
class Report:
    """The results of a run."""

    machine: Machine
    forward_backward: Sequence[Result]
    forward: Sequence[Result]
    scaling: Sequence[Result]

    def summary(self) -> Table:
        """The default backend at the main sizes."""
        return results_table("Summary", of_default_backend(self.forward_backward), SUMMARY)

    def tables(self) -> list[Table]:
        """All results as tables."""
        found = [results_table("All losses, sizes and backends", of_all_backends(self.forward_backward), ALL)]
        if self.forward:
            found.append(results_table("Forward only", of_all_backends(self.forward), TIMES))
        if self.scaling:
            found.append(scaling_table(self.scaling))
        return found

    def markdown(self) -> str:
        """The report as Markdown."""
        shown = [table.markdown() for table in (self.summary(), *self.tables()) if table.rows]
        plot = ["![Time by size](scaling.svg)"] if self.scaling else []
        return "\n\n".join([f"{self.machine}.", METHOD, *shown, *plot]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "machine": asdict(self.machine),
            "forward_backward": [as_json(result) for result in self.forward_backward],
            "forward": [as_json(result) for result in self.forward],
            "scaling": [as_json(result) for result in self.scaling],
        }

    def write(self, folder: Path) -> None:
        """Write bench.md and bench.json."""
        (folder / "bench.md").write_text(self.markdown(), encoding="utf-8")
        (folder / "bench.json").write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Print the tables."""
        for table in self.tables():
            console.print(on_terminal(table))
        console.print(str(self.machine), highlight=False)


def on_terminal(table: Table) -> RichTable:
    """The table for the terminal."""
    drawn = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in table.header:
        drawn.add_column(name, overflow="fold")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def as_json(result: Result) -> Mapping[str, Any]:
    """The figures of a result, times with four digits."""
    measurements = {
        name: replace(each, seconds=[float(f"{second:.4g}") for second in each.seconds])
        for name, each in result.measurements.items()
    }
    return {
        "loss": result.case.title,
        "rows": result.size.rows,
        "columns": result.size.columns,
        "backends": list(result.backends),
        "baseline": result.case.baseline,
        "gradient": result.gradient,
        "moved": result.moved,
        "measurements": {name: asdict(each) for name, each in measurements.items()},
    }
