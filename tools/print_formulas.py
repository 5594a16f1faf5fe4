"""Generate the C++ and Triton code of the formulas: `python -m tools.print_formulas [--check]`."""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from detloss import formulas
from detloss.formulas.axis_aligned import OPTIONAL, AxisDifferences, axis_aligned, measures_of_boxes, name_of_generated
from detloss.formulas.mask_sums import mask_derivatives, mask_parts
from detloss.formulas.measures import PairMeasures, Slopes, needs
from detloss.geometry import FORMATS
from tools import cpp_printer, triton_printer
from tools.trace import Program, traced

KERNELS = Path(__file__).parents[1] / "src/detloss/kernels"


def programs() -> Iterator[Program]:
    """Every formula that a loop of the fused kernels calls."""
    for formula in (*formulas.REGRESSION, *formulas.BINARY, *formulas.SOFTMAX):
        yield straight(formula)
    for formula in (mask_parts, mask_derivatives, *formulas.MASKS):
        yield straight(formula)
    yield from map(penalty, formulas.PENALTIES)
    for each in FORMATS.values():
        yield straight(each.differences_of)
        yield straight(each.derivatives_by)
    for dims in formulas.DIMENSIONS:
        for optional in optional_measures(dims):
            yield geometry(dims, optional)


def straight(formula: Callable[..., Any]) -> Program:
    """A formula whose arguments after the vocabulary are scalars."""
    _, *inputs = inspect.signature(formula).parameters
    return traced(formula.__name__, tuple(inputs), formula)


def penalty(formula: Callable[..., Any]) -> Program:
    """A penalty as a function of all measures, which returns all slopes."""

    def flat(m: Any, *measures: Any) -> tuple[Any, ...]:
        loss, similarity, slopes = formula(m, PairMeasures(*measures))
        return loss, similarity, *slopes

    return dataclasses.replace(traced(formula.__name__, PairMeasures._fields, flat), reads=needs(formula))


def optional_measures(dims: int) -> list[frozenset[str]]:
    """The sets of optional measures that penalties on boxes of so many axes read, each once."""
    read = [needs(formula) for formula in formulas.PENALTIES]
    return list(dict.fromkeys(each.intersection(OPTIONAL) for each in read if each <= measures_of_boxes(dims)))


def geometry(dims: int, optional: frozenset[str]) -> Program:
    """Axis-aligned boxes of so many axes, with the penalty and the format left open."""
    measures = measures_of_boxes(dims).difference(OPTIONAL) | optional
    inputs = tuple(f"{box}{k}" for box in ("pred", "target") for k in range(2 * dims))

    def penalty(m: Any, pair: PairMeasures) -> tuple[Any, Any, Slopes]:
        loss, similarity, *slopes = m.open("penalty", *(0.0 if each is None else each for each in pair))
        return loss, similarity, Slopes(*slopes)

    def differences_of(m: Any, *numbers: Any) -> AxisDifferences:
        return AxisDifferences(*m.open("differences_of", *numbers))

    def derivatives_by(m: Any, *slopes: Any) -> tuple[Any, ...]:
        return m.open("derivatives_by", *slopes)

    def formula(m: Any, *numbers: Any) -> tuple[Any, ...]:
        pred, target = numbers[: 2 * dims], numbers[2 * dims :]
        rows = [list(zip(row[:dims], row[dims:])) for row in (pred, target)]
        loss, similarity, derivatives = axis_aligned(m, penalty, differences_of, derivatives_by, measures, *rows)
        return loss, similarity, *(first for first, _ in derivatives), *(second for _, second in derivatives)

    return traced(name_of_generated(dims, optional), inputs, formula)


def files() -> dict[Path, str]:
    """The generated files and their text."""
    return {
        KERNELS / "cpp/formulas.h": cpp_printer.header(programs()),
        KERNELS / "triton/formulas.py": triton_printer.module(programs()),
    }


def main() -> None:
    """Write the files, or fail if one is stale."""
    stale = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        raise SystemExit(f"stale, run `make print`: {', '.join(path.name for path in stale)}" if stale else 0)
    for path in stale:
        path.write_text(files()[path])


if __name__ == "__main__":
    main()
