"""Generate the C++, Triton and JavaScript code of the formulas: `python -m tools.print_formulas [--check]`."""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from detloss import formulas
from detloss.formulas.axis_aligned import (
    AXES,
    GENERATED,
    OPTIONAL,
    AxisDifferences,
    axis_aligned,
    measures_of_boxes,
)
from detloss.formulas.mask_sums import mask_derivatives, mask_parts, raised_logit
from detloss.formulas.measures import INNER, AxisMeasures, AxisSlopes, PairMeasures, Slopes, needs
from detloss.formulas.modifiers import INNER_RATIO, Modified
from detloss.geometry import FORMATS
from tools import cpp_printer, javascript_printer, triton_printer
from tools.trace import MEASURES, PARAMETERS, PLAIN_MEASURES, PLAIN_SLOPES, SLOPES, Program, traced

PACKAGE = Path(__file__).parents[1] / "src/detloss"


def programs() -> Iterator[Program]:
    """Every formula that a loop of the fused kernels or the explorer calls."""
    for formula in (*formulas.REGRESSION, *formulas.BINARY, *formulas.SOFTMAX):
        yield straight(formula)
    for formula in (raised_logit, mask_parts, mask_derivatives, *formulas.MASKS):
        yield straight(formula)
    yield from {formula.__name__: penalty(formula) for formula in formulas.PENALTIES}.values()
    for each in FORMATS.values():
        yield straight(each.differences_of)
        yield straight(each.derivatives_by)
    for dims, by_end in GENERATED.items():
        for end, optional in by_end.items():
            yield geometry(dims, f"axis_aligned_{dims}{end}", optional)


def straight(formula: Callable[..., Any]) -> Program:
    """A formula whose arguments after the vocabulary are scalars."""
    _, *inputs = inspect.signature(formula).parameters
    return traced(formula.__name__, tuple(inputs), formula)


def penalty(formula: Callable[..., Any]) -> Program:
    """A penalty as a function of all measures, and of parameters if it has any, which returns all slopes.

    One with modifiers reads the measures of inner boxes; geometries without these pass those of the boxes instead.
    """
    reads = needs(formula)
    has_parameters = not reads.isdisjoint(AXES) or isinstance(formula, Modified)
    count = parameter_count(formula)

    def plain(m: Any, *measures: Any) -> tuple[Any, ...]:
        loss, similarity, slopes = formula(m, PairMeasures(*measures))
        return loss, similarity, *slopes[: len(PLAIN_SLOPES)]

    def flat(m: Any, *numbers: Any) -> tuple[Any, ...]:
        own, axes = numbers[: len(PairMeasures._fields) - 1], numbers[len(PairMeasures._fields) - 1 : len(MEASURES)]
        parameters = numbers[len(MEASURES) :][:count]
        loss, similarity, slopes = formula(m, PairMeasures(*own, grouped(AxisMeasures, axes)), *parameters)
        return loss, similarity, *padded([*slopes[:-1], *chain(*slopes.axes)], len(SLOPES))

    inputs = MEASURES + PARAMETERS if has_parameters else PLAIN_MEASURES
    program = traced(formula.__name__, inputs, flat if has_parameters else plain)
    return dataclasses.replace(program, reads=reads, has_parameters=has_parameters)


def parameter_count(formula: Callable[..., Any]) -> int:
    """The number of parameters of a penalty; the first two arguments are the vocabulary and the pair."""
    if isinstance(formula, Modified):
        return INNER_RATIO + 1 + parameter_count(formula.penalty)
    arguments = inspect.signature(formula).parameters.values()
    return sum(each.kind is each.POSITIONAL_OR_KEYWORD for each in arguments) - 2


def grouped(kind: Any, numbers: Sequence[Any]) -> tuple[Any, ...]:
    """Tuples of one kind from their numbers in a row."""
    size = len(kind._fields)
    return tuple(kind(*numbers[k : k + size]) for k in range(0, len(numbers), size))


def padded(numbers: Sequence[Any], count: int) -> tuple[Any, ...]:
    """The numbers, and 0 for those that are missing."""
    return tuple(0.0 if each is None else each for each in numbers) + (0.0,) * (count - len(numbers))


def geometry(dims: int, name: str, optional: frozenset[str]) -> Program:
    """Axis-aligned boxes of so many axes, with the penalty and the format left open."""
    measures = measures_of_boxes(dims).difference(OPTIONAL) | optional
    parameters = ("exchanged", *PARAMETERS) if "exchanged" in optional else ()
    inputs = tuple(f"{box}{k}" for box in ("pred", "target") for k in range(2 * dims))

    def penalty(m: Any, pair: PairMeasures, *parameters: Any) -> tuple[Any, Any, Slopes]:
        if not parameters:
            measures = padded(pair[: len(PLAIN_MEASURES)], len(PLAIN_MEASURES))
            loss, similarity, *slopes = m.open("penalty", 2 + len(PLAIN_SLOPES), *measures)
            return loss, similarity, Slopes(*slopes)
        has_inner_boxes = optional >= INNER
        if not has_inner_boxes:
            pair = pair._replace(inner_difference=pair.symmetric_difference, inner_intersection=pair.intersection)
        measures = padded([*pair[:-1], *chain(*(pair.axes or ()))], len(MEASURES))
        loss, similarity, *numbers = m.open("penalty", 2 + len(SLOPES), *measures, *parameters)
        own, axes = numbers[: len(Slopes._fields) - 1], numbers[len(Slopes._fields) - 1 :]
        slopes = Slopes(*own, () if pair.axes is None else grouped(AxisSlopes, axes))
        if not has_inner_boxes:
            slopes = slopes.plus(Slopes(slopes.inner_difference, slopes.inner_intersection))
        return loss, similarity, slopes

    def differences_of(m: Any, *numbers: Any) -> AxisDifferences:
        return AxisDifferences(*m.open("differences_of", len(AxisDifferences._fields), *numbers))

    def derivatives_by(m: Any, *slopes: Any) -> tuple[Any, ...]:
        return m.open("derivatives_by", 2, *slopes)

    def formula(m: Any, *numbers: Any) -> tuple[Any, ...]:
        pred, target = numbers[: 2 * dims], numbers[2 * dims : 4 * dims]
        rows = [list(zip(row[:dims], row[dims:])) for row in (pred, target)]
        loss, similarity, derivatives = axis_aligned(
            m, penalty, differences_of, derivatives_by, measures, *rows, *numbers[4 * dims :]
        )
        return loss, similarity, *(first for first, _ in derivatives), *(second for _, second in derivatives)

    return traced(name, inputs + parameters, formula)


def files() -> dict[Path, str]:
    """The generated files and their text."""
    return {
        PACKAGE / "kernels/cpp/formulas.h": cpp_printer.header(programs()),
        PACKAGE / "kernels/triton/formulas.py": triton_printer.module(programs()),
        PACKAGE / "explorer/modules/formulas.js": javascript_printer.module(programs()),
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
