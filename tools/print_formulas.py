"""Print formulas.py in the languages of the fused kernels: `python -m tools.print_formulas [--check]`."""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from detloss import formulas
from detloss.geometry import FORMATS
from detloss.kernels import printed
from tools import cpp_printer, triton_printer
from tools.trace import OPEN, Program, traced

KERNELS = Path(__file__).parents[1] / "src/detloss/kernels"


def programs() -> Iterator[Program]:
    """Every formula that a loop of the fused kernels calls."""
    for formula in (*printed.ELEMENT, *printed.BINARY, *printed.ROW, *printed.PENALTIES):
        yield straight(formula)
    for each in FORMATS.values():
        yield straight(each.differences_of)
        yield straight(each.derivatives_by)
    for dimensions in printed.DIMENSIONS:
        yield geometry(dimensions, with_angle=False)
    yield geometry(2, with_angle=True)


def straight(formula: Callable[..., Any]) -> Program:
    """A formula whose arguments after the vocabulary are scalars."""
    _, *inputs = inspect.signature(formula).parameters
    return traced(formula.__name__, tuple(inputs), formula)


def geometry(dimensions: int, with_angle: bool) -> Program:
    """Axis-aligned boxes of so many dimensions, with the penalty and the format left open."""
    inputs = tuple(f"{box}{k}" for box in ("pred", "target") for k in range(2 * dimensions))

    def formula(m: Any, *numbers: Any) -> tuple[Any, ...]:
        pred, target = numbers[: 2 * dimensions], numbers[2 * dimensions :]
        pairs = [list(zip(row[:dimensions], row[dimensions:])) for row in (pred, target)]
        penalty, differences_of, derivatives_by = map(m.function, OPEN)
        loss, measure, derivatives = formulas.axis_aligned(
            m, penalty, differences_of, derivatives_by, with_angle, *pairs
        )
        return loss, measure, *(first for first, _ in derivatives), *(second for _, second in derivatives)

    return traced(f"axis_aligned_{dimensions}{'_with_angle' if with_angle else ''}", inputs, formula)


def files() -> dict[Path, str]:
    """What the printed files must hold."""
    return {
        KERNELS / "cpp/formulas.h": cpp_printer.header(programs()),
        KERNELS / "triton/formulas.py": triton_printer.module(programs()),
    }


def main() -> None:
    """Write the files, or fail if one is not what it should be."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        raise SystemExit(f"not as printed, run `make print`: {', '.join(path.name for path in stale)}" if stale else 0)
    for path in stale:
        path.write_text(files()[path])


if __name__ == "__main__":
    main()
