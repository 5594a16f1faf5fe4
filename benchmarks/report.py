"""Report of a run: tables on the terminal, bench.md, bench.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.grid import MAIN, Cell
from benchmarks.grid_tables import below_one, grid_table, lowest_table, sixteen_bit_table
from benchmarks.machine import Machine
from benchmarks.results import Result
from benchmarks.shares import Share
from benchmarks.tables import (
    ALL,
    SUMMARY,
    TIMES,
    Table,
    of_all_backends,
    of_default_backend,
    results_table,
    shares_table,
)

METHOD = (
    "Forward and backward, float32, reduction to the sum. The columns of other implementations give the speed-up over "
    "them: their time divided by ours, in interleaved rounds of one process; median and, in parentheses, 10th and 90th "
    'percentile. The first of them is the baseline. A "style" is our implementation in the style of that project; '
    "torch.compile compiles a plain formula for every size, and its compile time is not included. Fraction of bound: "
    "the time of an operation that no implementation can outrun, divided by ours; bandwidth is a torch.add that moves "
    "the same bytes. Memory is the peak of forward and backward, including the gradient and without the operands."
)
GRID_METHOD = (
    "Grid: the lowest of the speed-ups over the baseline (torch, torchvision or a plain formula) and torch.compile, "
    "which is named where it is the lowest. A weight has one number per row. torch.compile is measured in float32, "
    f"warm and with dynamic shapes, for {', '.join(MAIN)}; these losses have up to ten million entries. A dash: the "
    "others take more than 10 times as long as detloss with a million entries and are not measured with more. Ratios "
    "below 1.1 are measured again in more rounds."
)
SHARES_METHOD = (
    "Share of bounds: the time of a bound divided by ours. The arithmetic bound is the number of executed vector "
    "instructions of each kind, except loads and stores, times the measured time per independent instruction of the "
    "kind; the last column is the time of the same instructions together, without dependencies."
)


@dataclass(frozen=True)
class Report:
    """The results of a run."""

    machine: Machine
    forward_backward: Sequence[Result]
    forward: Sequence[Result]
    grid: Sequence[Cell]
    shares: Sequence[Share]

    def summary(self) -> Table:
        """The default backend at the main sizes."""
        return results_table("Summary", of_default_backend(self.forward_backward), SUMMARY)

    def tables(self) -> list[Table]:
        """All results as tables."""
        return [
            results_table("All losses, sizes and backends", of_all_backends(self.forward_backward), ALL),
            results_table("Forward only", of_all_backends(self.forward), TIMES),
            lowest_table(self.grid),
            grid_table(self.grid),
            below_one(self.grid),
            sixteen_bit_table(self.grid),
            shares_table(self.shares),
        ]

    def markdown(self) -> str:
        """The report as Markdown."""
        shown = [table.markdown() for table in (self.summary(), *self.tables()) if table.rows]
        return "\n\n".join([f"{self.machine}.", METHOD, GRID_METHOD, SHARES_METHOD, *shown]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "machine": asdict(self.machine),
            "forward_backward": [as_json(result) for result in self.forward_backward],
            "forward": [as_json(result) for result in self.forward],
            "grid": [asdict(cell) for cell in self.grid],
            "shares": [asdict(share) for share in self.shares],
        }

    def write(self, folder: Path) -> None:
        """Write bench.md and bench.json."""
        (folder / "bench.md").write_text(self.markdown(), encoding="utf-8")
        (folder / "bench.json").write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Print the tables."""
        for table in self.tables():
            if table.rows:
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
