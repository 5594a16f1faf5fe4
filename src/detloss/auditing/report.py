"""Report of an audit: findings as text and as JSON."""

import io
import json
import math
from dataclasses import dataclass, field
from typing import Any

SHOWN = ("promise", "dtype", "holds", "worst_ulps", "pred", "target", "expected", "got")
"""The keys of a finding in JSON."""


@dataclass(frozen=True)
class Finding:
    """A promise that was checked.

    Attributes:
        promise: What must hold, such as ``"finite"``.
        dtype: The dtype of the operands, such as ``"float32"``.
        holds: Whether it holds.
        worst_ulps: The largest error in units in the last place, if the promise has one.
        pred: The smallest prediction found for which it does not hold.
        target: Its target.
        expected: The exact result in 20 digits, or a description of it.
        got: The result of the function, or a description of it.
        reproduction: Three lines of Python that print the result.
    """

    promise: str
    dtype: str
    holds: bool
    worst_ulps: float | None = None
    pred: Any = None
    target: Any = None
    expected: str | None = None
    got: str | None = None
    reproduction: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The finding for JSON, in which NaN and infinity are strings."""
        return {name: plain(getattr(self, name)) for name in SHOWN}


@dataclass(frozen=True)
class Report:
    """The result of `detloss.audit`; ``print`` shows it as a table with an example of every broken promise.

    Attributes:
        target: The function, as ``module:name``.
        like: The name of the definition that it is compared with.
        dtypes: The dtypes of its operands.
        findings: The promises that were checked.
    """

    target: str
    like: str
    dtypes: tuple[str, ...]
    findings: tuple[Finding, ...] = field(repr=False)

    @property
    def broken(self) -> int:
        """The number of promises that do not hold."""
        return sum(not finding.holds for finding in self.findings)

    @property
    def checked(self) -> int:
        """The number of promises that were checked."""
        return len(self.findings)

    def to_json(self) -> str:
        """The report as JSON."""
        entries = {"target": self.target, "like": self.like, "dtypes": list(self.dtypes)}
        findings = [finding.to_dict() for finding in self.findings]
        found = {**entries, "findings": findings, "broken": self.broken, "checked": self.checked}
        return json.dumps(found, indent=2, allow_nan=False)

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=100)
        self.print(console)
        text: str = console.file.getvalue()  # type: ignore[attr-defined]
        return text.rstrip()

    def print(self, console: Any) -> None:
        """Print the report on a console of rich."""
        from rich.table import Table

        title = f"{self.target} as {self.like}: {self.broken} of {self.checked} promises broken"
        table = Table(title=title, caption="Numbers are the largest errors in ulps, units in the last place.")
        table.add_column("promise")
        for dtype in self.dtypes:
            table.add_column(dtype, no_wrap=True)
        cells = {(finding.promise, finding.dtype): cell(finding) for finding in self.findings}
        for promise in dict.fromkeys(finding.promise for finding in self.findings):
            table.add_row(promise, *(cells.get((promise, dtype), "") for dtype in self.dtypes))
        console.print(table)
        for finding in self.findings:
            text = "\n".join(lines(finding))
            if text:
                console.print(text, markup=False, highlight=False, soft_wrap=True)


def cell(finding: Finding) -> str:
    """A promise in the table."""
    ulps = "" if finding.worst_ulps is None else f" {finding.worst_ulps:.2g}"
    return ("ok" if finding.holds else "broken") + ulps


def lines(finding: Finding) -> list[str]:
    """The example of a broken promise, or the description of a different definition."""
    if finding.holds:
        return [f"\n{finding.promise}: fits with a difference, {finding.got}"] if finding.got else []
    shown = [f"\n{finding.promise}, {finding.dtype}"]
    for name in ("pred", "target", "expected", "got"):
        value = getattr(finding, name)
        if value is not None:
            shown.append(f"  {name:8}  {value}")
    return [*shown, *(f"    {line}" for line in finding.reproduction.splitlines())]


def plain(value: Any) -> Any:
    """A value with NaN and infinity as strings."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
