"""Run a formula on symbols and record its operations: a program from which other languages are generated."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from detloss.formulas.measures import AxisMeasures, AxisSlopes, PairMeasures, Slopes
from detloss.formulas.modifiers import MOST_PARAMETERS

PRIMITIVES = {
    "absolute", "angle", "constant", "exp", "expm1", "inverse", "log", "log1p", "log1p_of_fraction", "maximum",
    "minimum", "power", "quotient", "relu", "scale", "sign", "square_root", "weighted", "where",
}  # fmt: skip
OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "neg": "-",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip

# The measures and slopes of a penalty as scalars: those of all penalties, then those of penalties with parameters.
PLAIN_MEASURES = PairMeasures._fields[: PairMeasures._fields.index("aspect_angle") + 1]
PLAIN_SLOPES = Slopes._fields[: Slopes._fields.index("aspect_angle") + 1]
MEASURES = (*PairMeasures._fields[:-1], *(f"{name}{k}" for k in range(2) for name in AxisMeasures._fields))
SLOPES = (*Slopes._fields[:-1], *(f"{name}{k}" for k in range(2) for name in AxisSlopes._fields))
PARAMETERS = tuple(f"parameter{k}" for k in range(MOST_PARAMETERS))

OPEN = ("penalty", "differences_of", "derivatives_by")  # the functions that a program may leave open


@dataclass(frozen=True)
class Step:
    """One line of a program: `names = function(operands)`, where the function is a primitive, an operator or open."""

    names: tuple[str, ...]
    function: str
    operands: tuple["Symbol | float", ...]


@dataclass
class Trace:
    """A vocabulary that records the calls of its primitives."""

    steps: list[Step] = field(default_factory=list)

    def record(self, function: str, operands: tuple["Symbol | float", ...], results: int = 1) -> tuple["Symbol", ...]:
        """Add a step; its results."""
        name = f"v{len(self.steps)}"
        names = (name,) if results == 1 else tuple(f"{name}_{k}" for k in range(results))
        self.steps.append(Step(names, function, operands))
        return tuple(Symbol(self, each) for each in names)

    def difference(self, a: "Symbol | float", b: "Symbol | float") -> tuple["Symbol", ...]:
        """The one primitive with two results."""
        return self.record("difference", (a, b), 2)

    def open(self, name: str, results: int, *operands: "Symbol | float") -> tuple["Symbol", ...]:
        """A function that the program calls and another program defines."""
        return self.record(name, operands, results)

    def __getattr__(self, name: str) -> Callable[..., "Symbol"]:
        if name not in PRIMITIVES:
            raise AttributeError(f"{name} is not a primitive of the vocabulary")
        return lambda *operands: self.record(name, operands)[0]


@dataclass(eq=False)
class Symbol:
    """A scalar without a value: a branch on it is an error."""

    trace: Trace
    name: str

    def __bool__(self) -> bool:
        raise TypeError("a formula branches on a value")


def operation(name: str, swapped: bool) -> Callable[..., Symbol]:
    """The method of an operator."""

    def method(self: Symbol, *others: "Symbol | float") -> Symbol:
        return self.trace.record(OPERATORS[name], (*others, self) if swapped else (self, *others))[0]

    return method


for name in OPERATORS:
    setattr(Symbol, f"__{name}__", operation(name, swapped=False))
for name in ("add", "sub", "mul", "truediv"):
    setattr(Symbol, f"__r{name}__", operation(name, swapped=True))


@dataclass(frozen=True)
class Program:
    """A formula as straight-line code."""

    name: str
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Symbol | float, ...]
    reads: frozenset[str] | None = None  # the measures, of a penalty
    has_parameters: bool = False  # of a penalty, which has them with the measures of the axes too


def traced(name: str, inputs: tuple[str, ...], formula: Callable[..., tuple[Any, ...]]) -> Program:
    """The program of `formula(m, *inputs)`, without the steps that no output needs."""
    trace = Trace()
    result = formula(trace, *(Symbol(trace, each) for each in inputs))
    outputs = (result,) if isinstance(result, Symbol) else tuple(result)
    return Program(name, inputs, needed(tuple(trace.steps), outputs), outputs)


def needed(steps: tuple[Step, ...], outputs: tuple[Symbol | float, ...]) -> tuple[Step, ...]:
    """The steps that outputs depend on."""
    names = {output.name for output in outputs if isinstance(output, Symbol)}
    kept = []
    for step in reversed(steps):
        if names.intersection(step.names):
            names.update(operand.name for operand in step.operands if isinstance(operand, Symbol))
            kept.append(step)
    return tuple(reversed(kept))
