"""Print formulas.py for C++: function templates over any numbers that have the words of `kernels/cpp/primitives.h`."""

from collections.abc import Iterable

from detloss.geometry import FORMATS
from detloss.kernels import printed
from tools.trace import OPEN, OPERATORS, Program, Step, Symbol, needed


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
    parts = [
        "// Printed from formulas.py by tools/print_formulas.py: change it there.\n"
        '#pragma once\n#include "primitives.h"',
        "namespace detloss::ISA {",
        *map(cpp, programs),
        *formats,
        "template <class... Each>\nstruct Formulas {};",
        "\n".join(numbered),
        "}  // namespace detloss::ISA\n",
    ]
    return "\n\n".join(parts)


def cpp(program: Program) -> str:
    """A C++ function template over any vector of floats, and over the functions that the program leaves open."""
    called = {step.word for step in program.steps}
    handed = [name for name in OPEN if name in called]
    receivers = ["by_pred", "value", "derivatives"] if handed else []
    inputs = ", ".join(f"auto {name}" for name in (*handed, *receivers, *program.inputs))
    body = value_then_derivatives(program) if handed else value_and_derivatives(program)
    return "\n".join(
        [
            f"struct {program.name} {{",
            f"    static constexpr size_t inputs = {len(program.inputs)};",
            f"    INLINE static auto of({inputs}) {{",
            *(f"        {line}" for line in body),
            "    }",
            "};",
        ]
    )


def value_and_derivatives(program: Program) -> list[str]:
    """The lines of a formula that returns all at once; a derivative that is always 0 is absent."""
    outputs = [cpp_operand(each) if isinstance(each, Symbol) or each else "absent{}" for each in program.outputs]
    return [*map(cpp_step, program.steps), f"return result({', '.join(outputs)});"]


def value_then_derivatives(program: Program) -> list[str]:
    """The lines of a geometry: what only the derivatives need comes last, and is compiled only for `by_pred`."""
    value, derivatives = program.outputs[:2], program.outputs[2:]
    steps = []
    for step in program.steps:
        if step.word == "penalty":
            steps += [
                Step(step.names[:2], "penalty.value", step.operands),
                Step(step.names[2:], "penalty.derivatives", step.operands),
            ]
        else:
            steps.append(step)
    first = needed(tuple(steps), value)
    rest = [step for step in steps if step not in first]
    return [
        *map(cpp_step, first),
        f"{cpp_call('value', value)};",
        "if constexpr (by_pred) {",
        *(f"    {cpp_step(step)}" for step in rest),
        f"    {cpp_call('derivatives', derivatives)};",
        "}",
    ]


def cpp_step(step: Step) -> str:
    """One line."""
    names = step.names[0] if len(step.names) == 1 else f"[{', '.join(step.names)}]"
    return f"const auto {names} = {cpp_expression(step.word, step.operands)};"


def cpp_expression(word: str, operands: tuple[Symbol | float, ...]) -> str:
    """An operator or a call."""
    if word not in OPERATORS.values():
        return cpp_call(word, operands)
    numbers = [cpp_operand(operand) for operand in operands]
    return f"{numbers[0]} {word} {numbers[1]}" if len(numbers) == 2 else f"{word}{numbers[0]}"


def cpp_call(function: str, operands: tuple[Symbol | float, ...]) -> str:
    """A call."""
    return f"{function}({', '.join(map(cpp_operand, operands))})"


def cpp_operand(operand: Symbol | float) -> str:
    """A name, or a number that takes the type of what it meets."""
    return operand.name if isinstance(operand, Symbol) else repr(operand)
