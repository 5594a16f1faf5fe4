"""Tables of the results as text, for the terminal and for Markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.bounds import BANDWIDTH, EXPONENTIAL, MATRIX_PRODUCT, SUM
from benchmarks.cases import COMPILED, FVCORE, MMCV, MMDET, TORCH, TORCHVISION
from benchmarks.results import Result, three_digits
from benchmarks.shares import Share

Cell = Callable[[Result, str], str]


@dataclass(frozen=True)
class Table:
    """A title, a header, and rows of cells."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table as Markdown, under its title."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)])

    def rst(self) -> str:
        """The table as reStructuredText."""
        options = ["   :delim: |", f"   :header: {' | '.join(self.header)}"]
        return "\n".join(
            [f".. csv-table:: {self.title}", *options, "", *(f"   {' | '.join(row)}" for row in self.rows)]
        )


def results_table(title: str, rows: Sequence[tuple[Result, str]], columns: Mapping[str, Cell]) -> Table:
    """One row per result and backend, without empty columns."""
    filled = {name: [cell(*row) for row in rows] for name, cell in columns.items()}
    shown = {name: cells for name, cells in filled.items() if any(cells)}
    return Table(title, list(shown), list(zip(*shown.values())))


def of_all_backends(results: Sequence[Result]) -> list[tuple[Result, str]]:
    """Each result with each backend of detloss."""
    return [(result, backend) for result in results for backend in result.backends]


def of_default_backend(results: Sequence[Result]) -> list[tuple[Result, str]]:
    """One result per loss with the default backend: at the main size if it was measured, else the last one."""
    main_last = sorted(results, key=lambda result: result.size == result.case.family.main)
    chosen = {result.case.title: result for result in main_last}
    return [(result, result.default) for result in results if result is chosen[result.case.title]]


def shares_table(shares: Sequence[Share]) -> Table:
    """One row per loss and place of its operands."""
    header = ["loss", "operands from", "ns per element", "share of torch.add over the same bytes"]
    header += ["share of arithmetic bound", "share of the larger bound", "share of independent instructions"]
    rows = [
        [
            share.loss,
            share.place,
            three_digits(share.nanoseconds.median),
            share.twin.scaled(100).text(" %"),
            *(f"{three_digits(100 * part)} %" for part in (share.arithmetic, share.larger, share.independent)),
        ]
        for share in shares
    ]
    return Table("Share of bounds", header, rows)


def nanoseconds(result: Result, backend: str) -> str:
    """Nanoseconds per element, or why there are none."""
    summary = result.nanoseconds(backend)
    return result.measurements[backend].skipped if summary is None else three_digits(summary.median)


def speedup(peers: Sequence[str], result: Result, backend: str) -> str:
    """The speed-up over the first of these peers that was timed."""
    ratios = (result.ratio(name, backend) for name in peers)
    return next((ratio.text("x") for ratio in ratios if ratio), "")


def compile_time(result: Result, _backend: str) -> str:
    """The time that `torch.compile` takes before the first result."""
    seconds = result.measurements[COMPILED].compile_seconds if COMPILED in result.measurements else None
    return "" if seconds is None else f"{seconds:.1f} s"


def fractions(result: Result, backend: str) -> str:
    """The time of each bound as a fraction of ours."""
    ratios = {name: result.ratio(name, backend) for name in (BANDWIDTH, EXPONENTIAL, SUM, MATRIX_PRODUCT)}
    return ", ".join(f"{name} {three_digits(100 * ratio.median)} %" for name, ratio in ratios.items() if ratio)


def memory(result: Result, backend: str) -> str:
    """Peak memory of detloss, the gradient alone, and peak memory of the baseline."""
    ours, theirs = result.peak_per_element(backend), result.peak_per_element(result.case.baseline)
    return ", ".join(
        "–" if peak is None else three_digits(peak) for peak in (ours, result.gradient_per_element, theirs)
    )


def launches(result: Result, backend: str) -> str:
    """Kernel launches and synchronizations on a GPU."""
    figures = result.measurements[backend]
    return "" if figures.launches is None else f"{figures.launches}, {figures.synchronizations}"


TIMES: dict[str, Cell] = {
    "loss": lambda result, _backend: result.case.title,
    "size": lambda result, _backend: str(result.size),
    "backend": lambda _result, backend: backend,
    "ns per element": nanoseconds,
    "torch, torchvision": partial(speedup, (TORCH, TORCHVISION)),
    MMDET: partial(speedup, (MMDET,)),
    FVCORE: partial(speedup, (FVCORE,)),
    MMCV: partial(speedup, (MMCV,)),
    COMPILED: partial(speedup, (COMPILED,)),
}

MEMORY: dict[str, Cell] = {"bytes per element (ours, gradient, baseline)": memory}

SUMMARY: Mapping[str, Cell] = {name: cell for name, cell in (TIMES | MEMORY).items() if name != "backend"}

ALL: Mapping[str, Cell] = {
    **TIMES,
    "compile time": compile_time,
    "fraction of bound": fractions,
    **MEMORY,
    "launches, synchronizations": launches,
}
