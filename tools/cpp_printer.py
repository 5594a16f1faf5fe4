"""Generate the C++ code of formulas: function templates over numbers that have the primitives of `primitives.h`."""

from collections.abc import Iterable

from detloss import formulas
from detloss.formulas.axis_aligned import OPTIONAL
from detloss.formulas.measures import PairMeasures, Slopes
from detloss.geometry import FORMATS
from tools.trace import OPEN, OPERATORS, Program, Step, Symbol, needed

ELEMENTWISE = {formula.__name__ for formula in (*formulas.REGRESSION, *formulas.BINARY)}
OPERANDS = ("pred", "target", "logit", "positive", "negative", "keep")  # of elementwise formulas; parameters follow


def header(programs: Iterable[Program]) -> str:
    """The C++ header of all formulas, with the lists in which each has its number."""
    programs = list(programs)
    formats = [
        f"struct {name} {{\n    using differences = ISA::{each.differences_of.__name__};\n"
        f"    using derivatives = ISA::{each.derivatives_by.__name__};\n}};"
        for name, each in FORMATS.items()
    ]
    lists = {
        "element_formulas": [formula.__name__ for formula in formulas.REGRESSION],
        "binary_formulas": [formula.__name__ for formula in formulas.BINARY],
        "row_formulas": [formula.__name__ for formula in formulas.SOFTMAX],
        "mask_formulas": [formula.__name__ for formula in formulas.MASKS],
        "penalties": [formula.__name__ for formula in formulas.PENALTIES],
        "formats": list(FORMATS),
    }
    numbered = [f"using {name} = Formulas<{', '.join(members)}>;" for name, members in lists.items()]
    parts = [
        '// Generated from formulas/ by tools/print_formulas.py: edit it there.\n#pragma once\n#include "primitives.h"',
        "namespace detloss::ISA {",
        *map(cpp, programs),
        *formats,
        pair_measures(),
        any_penalty(programs),
        geometries(programs),
        "template <class... Each>\nstruct Formulas {};",
        "\n".join(numbered),
        "}  // namespace detloss::ISA\n",
    ]
    return "\n\n".join(parts)


def cpp(program: Program) -> str:
    """A C++ function template over any vector of floats, and over the functions that the program leaves open."""
    called = {step.function for step in program.steps}
    given = [name for name in OPEN if name in called]
    receivers = ["by_pred", "value", "derivatives"] if given else []
    inputs = ", ".join(f"auto {name}" for name in (*given, *receivers, *program.inputs))
    body = value_then_derivatives(program) if given else value_and_derivatives(program)
    return "\n".join(
        [
            f"struct {program.name} {{",
            f"    static constexpr {constants(program)};",
            f"    INLINE static auto of({inputs}) {{",
            *(f"        {line}" for line in body),
            "    }",
            "};",
        ]
    )


def constants(program: Program) -> str:
    """The measures that a penalty reads; of any other formula, the number of its inputs."""
    if program.reads is None:
        count = f"size_t inputs = {len(program.inputs)}"
        return f"{count}, {elementwise_constants(program)}" if program.name in ELEMENTWISE else count
    return "bool " + ", ".join(f"uses_{name} = {str(name in program.reads).lower()}" for name in program.inputs)


def elementwise_constants(program: Program) -> str:
    """The exponents among the parameters, as bits of a number, and whether there is a derivative by the target."""
    exponents = {step.operands[1] for step in program.steps if step.function == "power"}
    names = {each.name for each in exponents if isinstance(each, Symbol)}
    parameters = [name for name in program.inputs if name not in OPERANDS]
    bits = sum(1 << k for k, name in enumerate(parameters) if name in names)
    return f"exponents = {bits}, by_target = {int(isinstance(program.outputs[2], Symbol))}"


def pair_measures() -> str:
    """The measures of a pair, and the derivatives of a loss by them, by name."""
    measures = ", ".join(PairMeasures._fields)
    return "\n".join(
        [
            "template <class L>",
            "struct PairMeasures {",
            f"    L {measures};",
            "    template <class Penalty>",
            f"    INLINE auto penalized() const {{ return Penalty::of({measures}); }}",
            "};",
            "template <class L>",
            "struct Slopes {",
            f"    L {', '.join(Slopes._fields)};",
            "};",
        ]
    )


def any_penalty(programs: list[Program]) -> str:
    """What all penalties that read no optional measure share: their constants, and one type of results."""
    outputs = [program.outputs[2:] for program in programs if program.reads is not None]
    types = []
    for name, slopes in zip(Slopes._fields, zip(*outputs)):
        always = all(isinstance(slope, Symbol) or slope for slope in slopes)
        types.append("absent" if name in OPTIONAL else "L" if always else "Perhaps<L>")
    return "\n".join(
        [
            "struct AnyPenalty {",
            *(f"    static constexpr bool uses_{name} = false;" for name in OPTIONAL),
            f"    template <class L>\n    using Outcome = std::tuple<L, L, {', '.join(types)}>;",
            "};",
        ]
    )


def geometries(programs: list[Program]) -> str:
    """The geometry of so many axes that has the optional measures of a penalty."""
    lines = [f"template <int dimensions, {', '.join(f'bool {name}' for name in OPTIONAL)}>\nstruct AxisAligned;"]
    for program in programs:
        _, of_boxes, described = program.name.partition("axis_aligned_")
        if of_boxes:
            dims, *measures = described.split("_with_")
            chosen = ", ".join(str(name in measures).lower() for name in OPTIONAL)
            lines.append(f"template <>\nstruct AxisAligned<{dims}, {chosen}> : {program.name} {{}};")
    used = ", ".join(f"Penalty::uses_{name}" for name in OPTIONAL)
    lines.append(f"template <int dimensions, class Penalty>\nusing GeometryFor = AxisAligned<dimensions, {used}>;")
    return "\n".join(lines)


def value_and_derivatives(program: Program) -> list[str]:
    """The lines of a formula that returns all at once; a derivative that is always 0 is absent."""
    outputs = [cpp_operand(each) if isinstance(each, Symbol) or each else "absent{}" for each in program.outputs]
    return [*map(cpp_step, program.steps), f"return result({', '.join(outputs)});"]


def value_then_derivatives(program: Program) -> list[str]:
    """The lines of a geometry: steps for derivatives alone come last and are compiled only for `by_pred`."""
    value, derivatives = program.outputs[:2], program.outputs[2:]
    steps = []
    for step in program.steps:
        if step.function == "penalty":
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
    return f"const auto {names} = {cpp_expression(step.function, step.operands)};"


def cpp_expression(function: str, operands: tuple[Symbol | float, ...]) -> str:
    """An operator or a call."""
    if function not in OPERATORS.values():
        return cpp_call(function, operands)
    numbers = [cpp_operand(operand) for operand in operands]
    return f"{numbers[0]} {function} {numbers[1]}" if len(numbers) == 2 else f"{function}{numbers[0]}"


def cpp_call(function: str, operands: tuple[Symbol | float, ...]) -> str:
    """A call."""
    return f"{function}({', '.join(map(cpp_operand, operands))})"


def cpp_operand(operand: Symbol | float) -> str:
    """A name, or a number that takes the type of the other operand."""
    return operand.name if isinstance(operand, Symbol) else repr(operand)
