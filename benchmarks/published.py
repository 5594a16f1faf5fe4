"""Tables of README.md, README.zh-CN.md and docs/backends.rst from the report of a run, ready to paste."""

from collections.abc import Sequence

from benchmarks.cases import COMPILED, TORCH, TORCHVISION
from benchmarks.grid_tables import below_one, lowest_table, sixteen_bit_table
from benchmarks.inputs import HEAD, PAIRS, SIGMOID, SOFTMAX, Size
from benchmarks.report import Report
from benchmarks.results import Result, three_digits
from benchmarks.tables import Table, shares_table

BOXES = PAIRS[2]
ROWS = {
    ("giou", BOXES): "GIoU",
    ("diou", BOXES): "DIoU",
    ("ciou", BOXES): "CIoU",
    ("focal, dense targets", SIGMOID): "sigmoid focal, dense targets",
    ("bce", SIGMOID): "binary cross-entropy",
    ("ce", SOFTMAX): "cross-entropy",
    ("ce", Size(4096, 32_000)): "cross-entropy",
    ("smooth_l1", Size(262_144)): "smooth L1",
    ("linear_focal", HEAD.sizes[0]): "linear layer + sigmoid focal",
}
"""Losses and sizes of the table in docs/backends.rst."""
IN_READMES = {
    "giou": ("GIoU", "GIoU"),
    "focal, dense targets": ("sigmoid focal, dense targets", "sigmoid focal，稠密目标"),
}
"""Names in README.md and README.zh-CN.md."""


def published(report: Report) -> str:
    """All tables under the names of their files."""
    found = {(result.case.title, result.size): result for result in report.forward_backward}
    results = {key: found[key] for key in ROWS if key in found}
    tables = [
        speed_table(results),
        lowest_table(report.grid),
        below_one(report.grid),
        sixteen_bit_table(report.grid),
        shares_table(report.shares),
    ]
    return "\n\n".join(
        [
            f"{report.machine}.",
            "README.md (the row of rotated boxes: `python -m benchmarks.polygons`):",
            readme_rows(list(results.values()), 0),
            "README.zh-CN.md:",
            readme_rows(list(results.values()), 1),
            "docs/backends.rst:",
            *(table.rst() for table in tables if table.rows),
        ]
    )


def readme_rows(results: Sequence[Result], language: int) -> str:
    """Rows of the table of a README."""
    rows = [
        f"| {IN_READMES[result.case.title][language]} | {result.size} | {time(result)} ns | "
        f"{median(result, result.case.baseline)} | {median(result, COMPILED)} |"
        for result in results
        if result.case.title in IN_READMES
    ]
    return "\n".join(rows)


def speed_table(results: dict[tuple[str, Size], Result]) -> Table:
    """One row per loss and size, with the spread of the ratios."""
    header = ["loss", "size", "ns per element", "torch, torchvision", COMPILED, "memory"]
    rows = [
        [
            ROWS[key],
            str(result.size),
            time(result),
            *(spread(result, other) for other in (result.case.baseline, COMPILED)),
            memory(result),
        ]
        for key, result in results.items()
    ]
    return Table("Forward and backward", header, rows)


def time(result: Result) -> str:
    """Nanoseconds per element."""
    summary = result.nanoseconds(result.default)
    return three_digits(summary.median) if summary else ""


def spread(result: Result, other: str) -> str:
    """The speed-up over another implementation, with its percentiles."""
    summary = result.ratio(other, result.default)
    return summary.text("x") if summary else ""


def median(result: Result, other: str) -> str:
    """The same without percentiles."""
    return spread(result, other).partition(" ")[0]


def memory(result: Result) -> str:
    """Bytes per element of detloss and of the function of torch or torchvision."""
    peaks = [result.peak_per_element(name) for name in (result.default, TORCHVISION, TORCH)]
    return ", ".join(f"{peak:.0f}" for peak in peaks if peak is not None)
