"""Run a formula on symbols and keep what it did: the straight-line program that other languages print."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WORDS = {
    "absolute", "angle", "constant", "exp", "inverse", "log", "log1p", "log1p_of_fraction", "maximum", "minimum",
    "power", "quotient", "relu", "scale", "sign", "weighted", "where",
}  # fmt: skip
OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "neg": "-",
    "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!=", "and": "&", "or": "|",
}  # fmt: skip

# The functions that a program may leave open, and how much each returns.
OPEN = {"penalty": 8, "differences_of": 7, "derivatives_by": 2}


@dataclass(frozen=True)
class Step:
    """One line of a program: `names = word(operands)`; a word is the vocabulary's, an operator or a function."""

    names: tuple[str, ...]
    word: str
    operands: tuple["Symbol | float", ...]


@dataclass
class Trace:
    """A vocabulary that writes down what it is asked for."""

    steps: list[Step] = field(default_factory=list)
    calls: dict[Any, tuple[str, int]] = field(default_factory=dict)

    def write(self, word: str, operands: tuple["Symbol | float", ...], results: int = 1) -> tuple["Symbol", ...]:
        """Add a step; its results."""
        symbols = tuple(
            Symbol(self, f"v{len(self.steps)}{'abcdefgh'[k] if results > 1 else ''}") for k in range(results)
        )
        self.steps.append(Step(tuple(symbol.name for symbol in symbols), word, operands))
        return symbols

    def difference(self, a: "Symbol | float", b: "Symbol | float") -> tuple["Symbol", ...]:
        """The one word with two results."""
        return self.write("difference", (a, b), 2)

    def function(self, name: str) -> Callable[..., Any]:
        """A function that the program calls and another program defines."""
        return lambda _, *operands: self.write(name, operands, OPEN[name])

    def __getattr__(self, word: str) -> Callable[..., "Symbol"]:
        if word not in WORDS:
            raise AttributeError(f"{word} is no word of the vocabulary")
        return lambda *operands: self.write(word, operands)[0]


@dataclass(eq=False)
class Symbol:
    """A scalar of which nothing is known: asking for its truth is an error."""

    trace: Trace
    name: str

    def __bool__(self) -> bool:
        raise TypeError("a formula branches on a value")


def operation(word: str, swapped: bool) -> Callable[..., Symbol]:
    """The method of an operator."""

    def method(self: Symbol, *others: "Symbol | float") -> Symbol:
        return self.trace.write(OPERATORS[word], (*others, self) if swapped else (self, *others))[0]

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


def traced(name: str, inputs: tuple[str, ...], formula: Callable[..., tuple[Any, ...]]) -> Program:
    """The program of `formula(m, *inputs)`, without the steps that no output needs."""
    trace = Trace()
    outputs = tuple(formula(trace, *(Symbol(trace, each) for each in inputs)))
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
