"""Generate the C++ code of formulas: function templates over numbers that have the primitives of `primitives.h`."""

from collections.abc import Iterable
from typing import Any

from detloss import formulas
from detloss.formulas.axis_aligned import OPTIONAL
from detloss.formulas.measures import PairMeasures
from detloss.formulas.modifiers import Modified
from detloss.geometry import FORMATS
from tools.trace import MEASURES, OPEN, OPERATORS, PARAMETERS, PLAIN_MEASURES, SLOPES, Program, Step, Symbol, needed

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
        "penalties": [numbered_penalty(formula) for formula in formulas.PENALTIES],
        "formats": list(FORMATS),
    }
    numbered = [f"using {name} = Formulas<{', '.join(members)}>;" for name, members in lists.items()]
    parts = [
        "// Generated from formulas/ by tools/print_formulas.py: edit it there.",
        '#pragma once\n#include "primitives.h"\n#include "task.h"',
        "namespace detloss::ISA {",
        *map(cpp, programs),
        *formats,
        pair_measures(),
        any_penalty(programs),
        geometries(programs),
        "template <class Penalty>\nstruct WithoutInnerBoxes : Penalty {\n"
        "    static constexpr bool uses_inner_difference = false, uses_inner_intersection = false;\n};",
        "template <class... Each>\nstruct Formulas {};",
        "\n".join(numbered),
        "}  // namespace detloss::ISA\n",
    ]
    return "\n\n".join(parts)


def numbered_penalty(formula: Any) -> str:
    """A penalty in the list of all; the code of one with modifiers serves boxes as given and inner boxes."""
    name: str = formula.__name__
    return f"WithoutInnerBoxes<{name}>" if isinstance(formula, Modified) and not formula.is_inner else name


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
            *([] if program.reads is None else [f"    using Function = {program.name};"]),
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
    uses = [f"uses_{name} = {str(name in program.reads).lower()}" for name in (*PairMeasures._fields, "plane")]
    return ", ".join([f"bool has_parameters = {str(program.has_parameters).lower()}", *uses])


def elementwise_constants(program: Program) -> str:
    """The exponents among the parameters, as bits of a number, and whether there is a derivative by the target."""
    exponents = {step.operands[1] for step in program.steps if step.function == "power"}
    names = {each.name for each in exponents if isinstance(each, Symbol)}
    parameters = [name for name in program.inputs if name not in OPERANDS]
    bits = sum(1 << k for k, name in enumerate(parameters) if name in names)
    return f"exponents = {bits}, by_target = {int(isinstance(program.outputs[2], Symbol))}"


def pair_measures() -> str:
    """The measures of a pair, and the derivatives of a loss by them, by name."""
    measures = ", ".join(MEASURES)
    parameters = ", ".join(f"parameters[{k}]" for k in range(len(PARAMETERS)))
    return "\n".join(
        [
            f"static_assert(most_parameters == {len(PARAMETERS)});",
            "template <class L>",
            "struct PairMeasures {",
            f"    L {measures};",
            "    template <class Penalty>",
            "    INLINE auto penalized(const L* parameters) const {",
            f"        if constexpr (Penalty::has_parameters) return Penalty::of({measures}, {parameters});",
            f"        else return Penalty::of({', '.join(PLAIN_MEASURES)});",
            "    }",
            "};",
            "template <class L>",
            "struct Slopes {",
            f"    L {', '.join(SLOPES)};",
            f"    INLINE auto all() const {{ return result({', '.join(SLOPES)}); }}",
            "};",
        ]
    )


def any_penalty(programs: list[Program]) -> str:
    """What all penalties that read no optional measure share: their constants, and one type of results."""
    outputs = [each.outputs[2:] for each in programs if is_simple(each)]
    types = []
    for slopes in zip(*outputs):
        exist = [isinstance(slope, Symbol) or bool(slope) for slope in slopes]
        types.append("L" if all(exist) else "Perhaps<L>" if any(exist) else "absent")
    return "\n".join(
        [
            "struct AnyPenalty {",
            "    static constexpr bool has_parameters = false, uses_aspect_angle = false;",
            f"    template <class L>\n    using Outcome = std::tuple<L, L, {', '.join(types)}>;",
            "};",
        ]
    )


def is_simple(program: Program) -> bool:
    """Whether a program is a penalty without parameters that reads no optional measure."""
    return program.reads is not None and not program.has_parameters and not program.reads & OPTIONAL


def geometries(programs: list[Program]) -> str:
    """The geometry of so many axes that has the optional measures of a penalty."""
    lines = [
        "template <int dimensions, bool aspect_angle>\nstruct AxisAligned;",
        "template <int dimensions, bool inner_boxes>\nstruct AxisAlignedWithParameters;",
    ]
    for program in programs:
        _, of_boxes, described = program.name.partition("axis_aligned_")
        if not of_boxes:
            continue
        dims, _, optional = described.partition("_with_")
        kind = "AxisAligned" if optional in ("", "angle") else "AxisAlignedWithParameters"
        chosen = str(optional in ("angle", "inner_boxes")).lower()
        lines.append(f"template <>\nstruct {kind}<{dims}, {chosen}> : {program.name} {{}};")
    lines.append(
        "template <int dimensions, class Penalty>\n"
        "using GeometryFor = AxisAligned<dimensions, Penalty::uses_aspect_angle>;"
    )
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
