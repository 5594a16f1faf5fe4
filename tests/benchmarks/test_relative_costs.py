"""Relative costs: every loss of the catalog is measured, each group relative to its reference."""

import pytest

from benchmarks import relative_costs
from benchmarks.timing import Budget
from detloss.catalog import LOSSES, ROTATED_LOSSES


def test_every_loss_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relative_costs, "BUDGET", Budget(seconds=0.01, min_run_time=0.0001, rounds=1))
    for size in ("BOXES", "ROTATED_BOXES", "CELLS", "MASKS"):
        monkeypatch.setattr(relative_costs, size, 8)
    tables = relative_costs.tables()
    assert {row[0] for table in tables for row in table.rows} == {loss.name for loss in (*LOSSES, *ROTATED_LOSSES)}
    for table in tables:
        reference = table.header[2].removeprefix("relative to ")
        assert next(row for row in table.rows if row[0] == reference)[2] == "1.00x"
