"""The figures as tables of text, for the terminal and for Markdown alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.cases import COMPILED, FVCORE, MMCV, MMDET, TORCH, TORCHVISION
from benchmarks.growth import curves, duration
from benchmarks.limits import EXPONENTIAL, MATRIX_PRODUCT, SUM, TWIN
from benchmarks.result import Result
from benchmarks.spread import Spread, figure

Cell = Callable[[Result, str], str]


@dataclass(frozen=True)
class Table:
    """A header and rows of as many cells."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """The table as Markdown, under its title."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)])


def contest_table(title: str, contests: Sequence[tuple[Result, str]], columns: Mapping[str, Cell]) -> Table:
    """One row a result and backend; a column that would be empty is left out."""
    filled = {name: [cell(*contest) for contest in contests] for name, cell in columns.items()}
    shown = {name: cells for name, cells in filled.items() if any(cells)}
    return Table(title, list(shown), list(zip(*shown.values())))


def of_every_backend(results: Sequence[Result]) -> list[tuple[Result, str]]:
    """Each result with each of the library's own contenders."""
    return [(result, backend) for result in results for backend in result.backends]


def of_active_backend(results: Sequence[Result]) -> list[tuple[Result, str]]:
    """One result a loss with the active backend: at its usual size where that was measured, else at the last."""
    usual_last = sorted(results, key=lambda result: result.size == result.case.family.main)
    chosen = {result.case.title: result for result in usual_last}
    return [(result, result.active) for result in results if result is chosen[result.case.title]]


def growth_table(results: Sequence[Result]) -> Table:
    """One row a loss and size, one column a curve of the picture."""
    header = ["loss", "size", *curves(results)]
    rows = [
        [result.case.title, str(result.size), *(time_of_a_call(result, name) for name in curves(results))]
        for result in results
    ]
    return Table("How a forward and a backward pass grow", header, rows)


def time_of_a_call(result: Result, contender: str) -> str:
    """The median, or why there is none."""
    if not result.competed(contender):
        return result.scores[contender].absent
    return duration(Spread.of(result.scores[contender].seconds).median)


def in_nanoseconds(result: Result, contender: str) -> str:
    """Nanoseconds an entry, or why there are none."""
    spread = result.nanoseconds(contender)
    return result.scores[contender].absent if spread is None else figure(spread.median)


def against(names: Sequence[str], result: Result, backend: str) -> str:
    """How many times as long the first of these peers that competed takes."""
    ratios = (result.ratio(name, backend) for name in names)
    return next((ratio.text("x") for ratio in ratios if ratio), "")


def compile_seconds(result: Result, _backend: str) -> str:
    """How long `torch.compile` took before the contest."""
    seconds = result.scores[COMPILED].compile_seconds if COMPILED in result.scores else None
    return "" if seconds is None else f"{seconds:.1f} s"


def shares(result: Result, backend: str) -> str:
    """Each limit's time as a share of ours."""
    ratios = {name: result.ratio(name, backend) for name in (TWIN, EXPONENTIAL, SUM, MATRIX_PRODUCT)}
    return ", ".join(f"{name} {figure(100 * ratio.median)} %" for name, ratio in ratios.items() if ratio)


def memory(result: Result, backend: str) -> str:
    """Our peak, the gradient alone, and the main peer's peak."""
    ours, theirs = result.peak_per_entry(backend), result.peak_per_entry(result.case.main_peer)
    return ", ".join("–" if peak is None else figure(peak) for peak in (ours, result.gradient_per_entry, theirs))


def launches(result: Result, backend: str) -> str:
    """Kernels started and waits of the host, on a GPU."""
    score = result.scores[backend]
    return "" if score.launches is None else f"{score.launches}, {score.synchronisations}"


TIMES: dict[str, Cell] = {
    "loss": lambda result, _backend: result.case.title,
    "size": lambda result, _backend: str(result.size),
    "backend": lambda _result, backend: backend,
    "ns an entry": in_nanoseconds,
    "torch, torchvision": partial(against, (TORCH, TORCHVISION)),
    MMDET: partial(against, (MMDET,)),
    FVCORE: partial(against, (FVCORE,)),
    MMCV: partial(against, (MMCV,)),
    COMPILED: partial(against, (COMPILED,)),
}

MEMORY: dict[str, Cell] = {"bytes: ours, gradient, peer": memory}

SUMMARY: Mapping[str, Cell] = {name: cell for name, cell in (TIMES | MEMORY).items() if name != "backend"}

EVERYTHING: Mapping[str, Cell] = {
    **TIMES,
    "compiled in": compile_seconds,
    "of the limit": shares,
    **MEMORY,
    "launches, waits": launches,
}
