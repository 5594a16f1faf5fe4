"""The grid at small sizes: its rows and columns, repeated measurements, and operands that fit the memory."""

from dataclasses import replace

import pytest
import torch

from benchmarks import grid
from benchmarks.__main__ import named_cases
from benchmarks.environment import Environment, cpu_environment
from benchmarks.inputs import Size
from benchmarks.timing import Budget

TINY = Budget(seconds=0.001, min_run_time=0.0, rounds=2)
AGAIN = replace(TINY, rounds=3)
EXTENT = grid.Extent((16, 256), TINY, AGAIN)


def environment() -> Environment:
    return cpu_environment(TINY, compiles=False)


def test_every_loss_has_a_cell_per_dtype_weight_and_number_of_entries() -> None:
    done: list[str] = []
    cells = grid.measured_grid(named_cases("l1,focal,linear_focal"), EXTENT, environment(), done.append)
    losses = ["l1", "focal, dense targets", "focal, class indices"]
    dtypes = ["float32", "float64", "bfloat16", "float16"]
    expected = {
        (loss, dtype, weighted, entries)
        for loss in losses
        for dtype in dtypes
        for weighted in (False, True)
        for entries in (16, 256)
    }
    found = [(cell.loss, cell.dtype, cell.weighted, cell.entries) for cell in cells]
    assert set(found) == expected
    assert len(found) == len(expected)
    assert done == [f"{loss}, {weight}" for loss in losses for weight in ("no weight", "weighted")]
    assert all(
        cell.nanoseconds > 0 and cell.float32.median > 0 and cell.ratios.keys() == {cell.baseline} for cell in cells
    )


@pytest.mark.parametrize(("entries", "limit"), [(16, "an empty autograd function"), (65_536, "a torch.add")])
def test_cell_below_one_has_its_limit(monkeypatch: pytest.MonkeyPatch, entries: int, limit: str) -> None:
    measured = []

    def interleaved(candidates: dict, budget: Budget, _clock: object) -> dict:
        measured.append(list(candidates))
        if budget is AGAIN:
            return dict(zip(candidates, ([1.0, 1.0], [0.9, 0.9], [0.25, 0.25]), strict=True))
        return {key: [1.0, 1.0] if key[1] == "torch" else [0.95, 0.95] for key in candidates}

    monkeypatch.setattr(grid, "interleaved", interleaved)
    cell, *_ = grid.measured_grid(named_cases("l1"), replace(EXTENT, entries=(entries,)), environment(), str)
    assert cell.lowest.median == 0.9  # of the second measurement: the first one has 1.05
    assert cell.reason.startswith(limit)
    assert cell.reason.endswith("takes 25.0 % of our time")
    assert measured[1][:2] == [environment().backends[0], "torch"]


def test_slow_implementations_are_not_measured_with_more_entries() -> None:
    (case,) = named_cases("l1")
    rows = grid.Rows(case, False, EXTENT, environment())
    times = {(dtype, name): [1.0] for dtype in grid.DTYPES for name in (rows.ours, "torch")}
    rows.losses[torch.float32, "compiled"] = case.lean
    times |= {(torch.float32, "torch"): [5.0], (torch.float32, "compiled"): [2.0], (torch.float64, "torch"): [11.0]}
    rows.drop_slow(times)
    left = {key for key in rows.losses if key[1] != rows.ours}
    assert left == {(torch.float32, "compiled"), (torch.bfloat16, "torch"), (torch.float16, "torch")}


def test_operands_fit_the_memory() -> None:
    (case,) = named_cases("l1")
    small = replace(environment(), available=lambda: 2 * grid.BYTES * 8 * 1000)  # two float32 operands of 1000 numbers
    size, operands = grid.Rows(case, True, EXTENT, small).operands(10_000_000)
    assert size == Size(1000)
    assert [len(operand) for operand in operands] == [1000, 1000, 1000]


def test_few_entries_have_fewer_classes() -> None:
    (case,) = named_cases("ce")
    assert [case.family.size_of(entries) for entries in (16, 256, 65_536)] == [Size(4, 4), Size(4, 64), Size(809, 81)]


def test_class_indices_keep_their_dtype() -> None:
    (case,) = named_cases("ce")
    operands = grid.converted(case.family.operands(Size(4, 3), torch.device("cpu")), torch.float16)
    assert [operand.dtype for operand in operands] == [torch.float16, torch.int64]
    assert operands[0].requires_grad


def test_ratio_of_a_single_round_uses_the_median() -> None:
    assert grid.ratio([6.0], [1.0, 2.0, 300.0]).median == 3.0
    assert grid.ratio([6.0, 8.0], [3.0, 2.0]).median == 3.0
