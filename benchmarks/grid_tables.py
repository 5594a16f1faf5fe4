"""Tables of the grid: all ratios, those below 1, and 16-bit dtypes relative to float32."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.cases import COMPILED
from benchmarks.grid import LARGE, MAIN, Cell
from benchmarks.results import Summary, three_digits
from benchmarks.tables import Table

NAMES = {COMPILED: "compiled"}
HALVES = ("bfloat16", "float16")


def grid_table(cells: Sequence[Cell]) -> Table:
    """One row per loss, dtype and weight, one column per number of entries."""
    entries = sorted({cell.entries for cell in cells})
    found = {(row(cell), cell.entries): text(cell) for cell in compared(cells)}
    rows = [[*name, *(found.get((name, count), "–") for count in entries)] for name in dict.fromkeys(map(row, cells))]
    header = ["loss", "dtype", "weight", *map(grouped, entries)]
    return Table("Lowest speed-up over others, by number of entries", header, rows)


def lowest_table(cells: Sequence[Cell]) -> Table:
    """One row per loss: the lowest cells of all dtypes, with and without a weight."""
    entries = sorted({cell.entries for cell in cells})
    lowest: dict[tuple[str, int], Cell] = {}
    for cell in sorted(compared(cells), key=lambda cell: -cell.lowest.median):
        lowest[cell.loss, cell.entries] = cell
    rows = [
        [loss, *(text(lowest[loss, count]) if (loss, count) in lowest else "–" for count in entries)]
        for loss in dict.fromkeys(cell.loss for cell in cells)
    ]
    return Table("Lowest speed-up of all dtypes, with and without a weight", ["loss", *map(grouped, entries)], rows)


def compared(cells: Iterable[Cell]) -> Iterator[Cell]:
    """The cells with a ratio."""
    return (cell for cell in cells if cell.ratios)


def row(cell: Cell) -> tuple[str, str, str]:
    """Loss, dtype and weight."""
    return cell.loss, cell.dtype, "yes" if cell.weighted else "no"


def text(cell: Cell) -> str:
    """The lowest ratio, with the name of the other implementation unless it is the baseline."""
    name = "" if cell.fastest == cell.baseline else f" {NAMES.get(cell.fastest, cell.fastest)}"
    return f"{three_digits(cell.lowest.median)}{name}"


def grouped(entries: int) -> str:
    """A number with spaces between groups of three digits."""
    return f"{entries:,}".replace(",", "\u202f")


def below_one(cells: Iterable[Cell]) -> Table:
    """The cells below 1, lowest first."""
    found = sorted((cell for cell in compared(cells) if cell.lowest.median < 1.0), key=lambda cell: cell.lowest.median)
    rows = [[*row(cell), grouped(cell.entries), cell.fastest, cell.lowest.text("x"), cell.reason] for cell in found]
    return Table("Speed-up below 1", ["loss", "dtype", "weight", "entries", "over", "speed-up", "limit"], rows)


def sixteen_bit_table(cells: Sequence[Cell]) -> Table:
    """The time of detloss in float32 divided by its time in 16 bits, of few entries in the cache and from memory."""
    largest = max((cell.entries for cell in cells), default=0)
    places = {"cache": 65_536, "memory": max(largest, LARGE)}
    found = {(cell.loss, cell.weighted, cell.dtype, cell.entries): cell.float32 for cell in cells}
    columns = [(dtype, place) for place in places for dtype in HALVES]

    def ratio(cell: Cell, dtype: str, place: str) -> str:
        summary: Summary | None = found.get((cell.loss, cell.weighted, dtype, places[place]))
        return summary.text("x") if summary else ""

    shown = [cell for cell in cells if cell.entries == places["cache"] and cell.dtype == "float32" and is_main(cell)]
    rows = [[cell.loss, row(cell)[-1], *(ratio(cell, *column) for column in columns)] for cell in shown]
    header = ["loss", "weight", *(f"{dtype}, from {place}" for dtype, place in columns)]
    return Table("Speed of 16-bit operands relative to float32", header, rows)


def is_main(cell: Cell) -> bool:
    """Whether the loss is one of the main losses."""
    return cell.loss.partition(",")[0] in MAIN
