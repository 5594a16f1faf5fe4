"""Print formulas.py in the languages of the fused kernels: `python -m tools.print_formulas [--check]`.

A test and `make check` hold the printed files against what this prints.
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from detloss import formulas
from detloss.geometry import FORMATS
from detloss.kernels import printed
from tools.trace import OPERATORS, Program, Symbol, traced

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
        loss, measure, derivatives = formulas.axis_aligned(
            m,
            m.function("penalty", 8),
            m.function("differences_of", 7),
            m.function("derivatives_by", 2),
            with_angle,
            *pairs,
        )
        return loss, measure, *(first for first, _ in derivatives), *(second for _, second in derivatives)

    return traced(f"axis_aligned_{dimensions}{'_with_angle' if with_angle else ''}", inputs, formula)


def cpp(program: Program) -> str:
    """A C++ function template over any vector of floats."""
    inputs = ", ".join(f"auto {name}" for name in program.inputs)
    lines = [f"struct {program.name} {{", f"    static constexpr size_t inputs = {len(program.inputs)};"]
    called = {step.word for step in program.steps} & {"penalty", "differences_of", "derivatives_by"}
    if called:
        lines += ["    template <class Penalty, class Format>"]
    lines += [f"    INLINE static auto of({inputs}) {{"]
    for step in program.steps:
        names = step.names[0] if len(step.names) == 1 else f"[{', '.join(step.names)}]"
        lines.append(
            f"        const auto {names} = {cpp_expression(step.word, [cpp_operand(o) for o in step.operands])};"
        )
    outputs = ", ".join(
        cpp_operand(output) if isinstance(output, Symbol) or output else "absent{}" for output in program.outputs
    )
    return "\n".join([*lines, f"        return result({outputs});", "    }", "};"])


def cpp_expression(word: str, operands: list[str]) -> str:
    """An operator or a call."""
    if word in OPERATORS.values():
        return f"{operands[0]} {word} {operands[1]}" if len(operands) == 2 else f"{word}{operands[0]}"
    function = {
        "penalty": "Penalty::of",
        "differences_of": "Format::differences::of",
        "derivatives_by": "Format::derivatives::of",
    }
    return f"{function.get(word, word)}({', '.join(operands)})"


def cpp_operand(operand: Symbol | float) -> str:
    """A name, or a number that takes the type of what it meets."""
    return operand.name if isinstance(operand, Symbol) else repr(operand)


def header() -> str:
    """The C++ header of all formulas, with the lists that give each its number."""
    formats = [
        f"struct {name} {{\n    using differences = ISA::{each.differences_of.__name__};\n"
        f"    using derivatives = ISA::{each.derivatives_by.__name__};\n}};"
        for name, each in FORMATS.items()
    ]
    lists = {
        "element_formulas": [formula.__name__ for formula in printed.ELEMENT],
        "binary_formulas": [formula.__name__ for formula in printed.BINARY],
        "row_formulas": [formula.__name__ for formula in printed.ROW],
        "penalties": [formula.__name__ for formula in printed.PENALTIES],
        "formats": list(FORMATS),
    }
    numbered = [f"using {name} = Formulas<{', '.join(members)}>;" for name, members in lists.items()]
    geometries = [
        f"template <>\nstruct AxisAligned<{dimensions}, {penalty.__name__}> {{\n    using geometry = {name};\n}};"
        for dimensions in printed.DIMENSIONS
        for penalty in printed.PENALTIES
        if (name := printed.geometry_name(dimensions, penalty))
    ]
    parts = [
        '// Printed from formulas.py by tools/print_formulas.py: change it there.\n#pragma once\n#include "words.h"',
        "namespace detloss::ISA {",
        *map(cpp, programs()),
        *formats,
        "template <class... Each>\nstruct Formulas {};",
        "\n".join(numbered),
        "template <int dimensions, class Penalty>\nstruct AxisAligned {\n    using geometry = void;\n};",
        *geometries,
        "}  // namespace detloss::ISA\n",
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    (KERNELS / "cpp/formulas.h").write_text(header())
