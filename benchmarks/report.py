"""What a run leaves behind: tables on the terminal, bench.md, bench.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from benchmarks.machine import Machine
from benchmarks.result import Result
from benchmarks.tables import (
    EVERYTHING,
    SUMMARY,
    TIMES,
    Table,
    contest_table,
    growth_table,
    of_active_backend,
    of_every_backend,
)
from benchmarks.targets import Verdict

METHOD = (
    "Forward and backward, float32, the sum of all entries. Contenders take turns in one process; a ratio is the "
    "other's time by ours, round by round: the median, and in brackets what a tenth of the rounds stay below and "
    "above. The twin is a torch.add that moves the same bytes. Styles are programs of our own in the manner of that "
    "project; torch.compile has a lean formula, compiled for every size, and its compile time is not counted. Memory "
    "is the peak that a forward and a backward pass add, the gradient included."
)


@dataclass(frozen=True)
class Report:
    """Everything that a run found."""

    machine: Machine
    contests: Sequence[Result]
    without_gradient: Sequence[Result]
    growth: Sequence[Result]
    verdicts: Sequence[Verdict]
    unmeasured: Sequence[str]

    def summary(self) -> Table:
        """The active backend at the usual sizes."""
        return contest_table("In short", of_active_backend(self.contests), SUMMARY)

    def tables(self) -> list[Table]:
        """What was measured, as text."""
        found = [contest_table("Every loss, size and backend", of_every_backend(self.contests), EVERYTHING)]
        if self.without_gradient:
            found.append(contest_table("Without a gradient", of_every_backend(self.without_gradient), TIMES))
        if self.growth:
            found.append(growth_table(self.growth))
        return found

    def conclusion(self) -> str:
        """How many targets hold, for which backend."""
        held = sum(verdict.holds for verdict in self.verdicts)
        device = "cuda" if self.machine.gpu else "cpu"
        backend = self.machine.backends[device]
        sentences = [f"Backend {backend}: {held} of {len(self.verdicts)} targets hold."]
        if self.unmeasured:
            sentences.append(f"Not measured in this run: {'; '.join(self.unmeasured)}.")
        return " ".join(sentences)

    def markdown(self) -> str:
        """The whole report as Markdown."""
        shown = [table.markdown() for table in (self.summary(), *self.tables()) if table.rows]
        picture = ["![Time over rows](growth.svg)"] if self.growth else []
        targets = ["### Targets", self.conclusion(), "\n".join(f"- {verdict}" for verdict in self.verdicts)]
        return "\n\n".join([f"{self.machine}.", METHOD, *shown, *picture, *targets]).rstrip() + "\n"

    def as_json(self) -> dict[str, Any]:
        """Everything for machines."""
        return {
            "machine": asdict(self.machine),
            "contests": [as_json(result) for result in self.contests],
            "without_gradient": [as_json(result) for result in self.without_gradient],
            "growth": [as_json(result) for result in self.growth],
            "targets": [
                {
                    "loss": verdict.result.case.title,
                    "rows": verdict.result.size.rows,
                    "columns": verdict.result.size.columns,
                    "row": verdict.row,
                    "quantity": verdict.quantity.words.format(peer=verdict.result.case.main_peer),
                    "at_least": verdict.quantity.at_least,
                    "bound": verdict.bound,
                    "measured": asdict(verdict.measured),
                    "holds": verdict.holds,
                }
                for verdict in self.verdicts
            ],
            "unmeasured": list(self.unmeasured),
        }

    def write(self, folder: Path) -> None:
        """Leave the files behind."""
        (folder / "bench.md").write_text(self.markdown(), encoding="utf-8")
        (folder / "bench.json").write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")

    def show(self, console: Console) -> None:
        """Print tables and targets."""
        for table in self.tables():
            console.print(on_terminal(table))
        for verdict in self.verdicts:
            console.print(Text(str(verdict), style="green" if verdict.holds else "yellow"))
        console.print(self.conclusion(), highlight=False)
        console.print(str(self.machine), highlight=False)


def on_terminal(table: Table) -> RichTable:
    """The same table for eyes."""
    drawn = RichTable(title=table.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in table.header:
        drawn.add_column(name, overflow="fold")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn


def as_json(result: Result) -> Mapping[str, Any]:
    """A result's figures; times to four digits."""
    scores = {
        name: replace(score, seconds=[float(f"{second:.4g}") for second in score.seconds])
        for name, score in result.scores.items()
    }
    return {
        "loss": result.case.title,
        "rows": result.size.rows,
        "columns": result.size.columns,
        "backends": list(result.backends),
        "main_peer": result.case.main_peer,
        "gradient": result.gradient,
        "moved": result.moved,
        "scores": {name: asdict(score) for name, score in scores.items()},
    }
