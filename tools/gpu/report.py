"""The machine and the results, as JSON and as Markdown."""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import detloss
from tools.gpu.part import Outcome

PACKAGES = ("triton", "torchvision")


def describe_machine(device: torch.device) -> dict[str, str | None]:
    """Date, device and versions."""
    machine: dict[str, str | None] = {"date": datetime.now(UTC).date().isoformat()}
    if device.type == "cuda":
        gpu = torch.cuda.get_device_properties(device)
        memory = gpu.total_memory / 2**30
        machine["gpu"] = f"{gpu.name}, compute capability {gpu.major}.{gpu.minor}, {memory:.0f} GiB"
    else:
        machine["gpu"] = "none: Triton's interpreter with small inputs; its times are not meaningful"
    machine |= {"torch": torch.__version__, "cuda": torch.version.cuda}
    machine |= {name: installed_version(name) for name in PACKAGES}
    return machine | {"detloss": detloss.__version__, "python": platform.python_version()}


def installed_version(package: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def write(folder: Path, machine: Mapping[str, str | None], seed: int, outcomes: Sequence[Outcome]) -> str:
    """Write gpu.json and gpu.md into a folder; return the Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    record = {"machine": machine, "seed": seed, "parts": [asdict(outcome) for outcome in outcomes]}
    (folder / "gpu.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    text = "\n".join(markdown(machine, outcomes)) + "\n"
    (folder / "gpu.md").write_text(text, encoding="utf-8")
    return text


def markdown(machine: Mapping[str, str | None], outcomes: Sequence[Outcome]) -> Iterator[str]:
    """A table of the parts, then one of the figures of each part."""
    yield from ("# Check on a GPU", "")
    yield "; ".join(f"{name}: {value or 'none'}" for name, value in machine.items())
    yield from ("", *table([summary(outcome) for outcome in outcomes]))
    for outcome in outcomes:
        if outcome.failures:
            yield from ("", f"## Failures of {outcome.name}", "", *(f"- `{each}`" for each in outcome.failures))
        if outcome.figures:
            yield from ("", f"## {outcome.name[0].upper()}{outcome.name[1:]}", "", *table(outcome.figures))


def summary(outcome: Outcome) -> dict[str, object]:
    """The row of a part."""
    result = f"{outcome.status}: {outcome.reason}" if outcome.reason else outcome.status
    return {
        "part": outcome.name,
        "result": result,
        "checks": f"{outcome.done} of {outcome.planned}",
        "failures": len(outcome.failures),
        "seconds": outcome.seconds,
    }


def table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """A Markdown table; the first row has all columns."""
    columns = list(rows[0])
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell(row[name]) for name in columns)} |"


def cell(value: object) -> str:
    """The text of a cell."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    return "" if value is None else str(value).replace("|", "/")
