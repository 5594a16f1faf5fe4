"""Generate the JavaScript code of the formulas of the explorer: functions over the primitives of `primitives.js`."""

from collections.abc import Iterable, Mapping

from detloss import formulas
from detloss.formulas.mask_sums import mask_derivatives, mask_parts, raised_logit
from tools.trace import OPEN, OPERATORS, Program, Step, Symbol

# Formulas of other losses than those of the explorer, and boxes in other dimensions than two.
OMITTED = {
    *(formula.__name__ for formula in (raised_logit, mask_parts, mask_derivatives, *formulas.MASKS)),
    "axis_aligned_1",
    "axis_aligned_1_with_inner_boxes",
    "axis_aligned_3",
    "axis_aligned_3_with_inner_boxes",
}
SPELLED = {"&": "&&", "|": "||", "==": "===", "!=": "!=="}
WIDTH = 120


def module(programs: Iterable[Program]) -> str:
    """The JavaScript module of the formulas, which is an object of all of them by name."""
    programs = [program for program in programs if program.name not in OMITTED]
    called = {step.function for program in programs for step in program.steps}
    primitives = sorted(called.difference(OPEN, OPERATORS.values()))
    return "\n\n".join(
        [
            "// Generated from formulas/ by tools/print_formulas.py: edit it there.",
            f"import {listed(primitives)} from './primitives.js';",
            "export const FORMULAS = {\n" + "\n".join(map(method, programs)) + "\n};\n",
        ]
    )


def listed(names: Iterable[str]) -> str:
    """Names in braces, as many on a line as fit."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) + 4 > WIDTH:
            lines.append("")
        lines[-1] += f"  {name}," if not lines[-1] else f" {name},"
    return "{\n" + "\n".join(lines) + "\n}"


def method(program: Program) -> str:
    """One formula; the functions that it leaves open are its first arguments, and its results are in an array."""
    called = {step.function for step in program.steps}
    given = [name for name in OPEN if name in called]
    names = {name: f"{name.rpartition('_')[0]}[{k}]" for step in program.steps for k, name in results(step)}
    return "\n".join(
        [
            f"  {program.name}({', '.join([*given, *program.inputs])}) {{",
            *(f"    const {variable(step)} = {expression(step, names)};" for step in program.steps),
            f"    return [{', '.join(operand(output, names) for output in program.outputs)}];",
            "  },",
        ]
    )


def results(step: Step) -> list[tuple[int, str]]:
    """The positions and names of the results of a step that has several, which are the elements of an array."""
    return list(enumerate(step.names)) if len(step.names) > 1 else []


def variable(step: Step) -> str:
    """The variable of a step's result, or of the array of its results."""
    return step.names[0].rpartition("_")[0] if len(step.names) > 1 else step.names[0]


def expression(step: Step, names: Mapping[str, str]) -> str:
    """An operator or a call."""
    operands = [operand(each, names) for each in step.operands]
    if step.function not in OPERATORS.values():
        return f"{step.function}({', '.join(operands)})"
    sign = SPELLED.get(step.function, step.function)
    return f"{operands[0]} {sign} {operands[1]}" if len(operands) == 2 else f"{sign}{operands[0]}"


def operand(each: Symbol | float, names: Mapping[str, str]) -> str:
    """A name, or a number."""
    return names.get(each.name, each.name) if isinstance(each, Symbol) else repr(each)
