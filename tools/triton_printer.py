"""Generate the Triton code of formulas: jit functions over the primitives of `device_primitives.py`."""

from collections.abc import Iterable

from tools.trace import OPEN, OPERATORS, Program, Step, Symbol

WIDTH = 120
# Operators that are calls, because Triton's own are not IEEE operations.
SPELLED = {"/": "divide"}
HEAD = '''"""Generated from formulas/ by tools/print_formulas.py: edit it there."""

import triton
import triton.language as tl

from detloss.kernels.triton.device_primitives import (
    {primitives},
)
'''


def module(programs: Iterable[Program]) -> str:
    """The Python module of all formulas."""
    programs = list(programs)
    primitives = {spelled(step) for program in programs for step in program.steps if is_call(step)}.difference(OPEN)
    functions = [function(program) for program in programs]
    return "\n\n".join([HEAD.format(primitives=",\n    ".join(sorted(primitives))), *functions])


def function(program: Program) -> str:
    """One jit function; the functions that it leaves open are its first arguments."""
    called = {step.function for step in program.steps}
    given = [f"{name}: tl.constexpr" for name in OPEN if name in called]
    used = {each for step in program.steps for each in step.operands}.union(program.outputs)
    names = {each.name for each in used if isinstance(each, Symbol)}
    lines = []
    for step in program.steps:
        results = [name if name in names else f"_{name}" for name in step.names]
        lines += assigned(results, expression(step))
    return "\n".join(
        [
            "@triton.jit",
            *wrapped(f"def {program.name}(", [*given, *program.inputs], "):", ""),
            *lines,
            *returned([operand(output) for output in program.outputs]),
            "",
        ]
    )


def assigned(results: list[str], value: str) -> list[str]:
    """An assignment, broken as ruff breaks it."""
    line = f"    {', '.join(results)} = {value}"
    if len(line) <= WIDTH:
        return [line]
    called, _, operands = value[:-1].partition("(")
    end = wrapped(f"{called}(", operands.split(", "), ")", "    ")
    return [*wrapped("(", results, f") = {end[0].strip()}", "    "), *end[1:]]


def is_call(step: Step) -> bool:
    """Whether a step is written as a call, not with an operator's sign."""
    return step.function not in OPERATORS.values() or step.function in SPELLED


def spelled(step: Step) -> str:
    """The function that a step calls."""
    return SPELLED.get(step.function, step.function)


def expression(step: Step) -> str:
    """An operator or a call."""
    operands = [operand(each) for each in step.operands]
    if is_call(step):
        return f"{spelled(step)}({', '.join(operands)})"
    return f"{operands[0]} {step.function} {operands[1]}" if len(operands) == 2 else f"{step.function}{operands[0]}"


def operand(each: Symbol | float) -> str:
    """A name, or a number."""
    return each.name if isinstance(each, Symbol) else repr(each)


def returned(outputs: list[str]) -> list[str]:
    """The return statement, broken as ruff breaks it."""
    line = f"    return {', '.join(outputs)}"
    return [line] if len(line) <= WIDTH else wrapped("return (", outputs, ")", "    ")


def wrapped(start: str, items: list[str], end: str, indent: str) -> list[str]:
    """A list in brackets: on one line, on a line of its own, or an item a line, as ruff breaks it."""
    joined = ", ".join(items)
    if len(indent + start + joined + end) <= WIDTH:
        return [indent + start + joined + end]
    inner = f"{indent}    "
    if len(inner + joined) <= WIDTH and start.startswith("def"):
        return [indent + start, inner + joined, indent + end]
    return [indent + start, *(f"{inner}{item}," for item in items), indent + end]
