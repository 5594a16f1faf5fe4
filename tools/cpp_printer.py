"""Print formulas.py for C++: function templates over any numbers that have the words of `kernels/cpp/words.h`."""

from collections.abc import Iterable

from detloss.geometry import FORMATS
from detloss.kernels import printed
from tools.trace import OPERATORS, Program, Symbol


def header(programs: Iterable[Program]) -> str:
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
        *map(cpp, programs),
        *formats,
        "template <class... Each>\nstruct Formulas {};",
        "\n".join(numbered),
        "template <int dimensions, class Penalty>\nstruct AxisAligned {\n    using geometry = void;\n};",
        *geometries,
        "}  // namespace detloss::ISA\n",
    ]
    return "\n\n".join(parts)


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
