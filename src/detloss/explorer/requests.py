"""Formulas of the losses with their parameters, recorded from calls of the loss functions.

The page evaluates formulas. A loss function converts options to parameters and may choose a formula by an option. Calls
with several values of every option show both: a parameter with the name of an option is that option.
"""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detloss import kernels
from detloss.catalog import Kind, Loss
from detloss.formulas.modifiers import INNER_RATIO, Modified
from detloss.kernels.interface import BinaryRequest, BoxRequest, Call, ElementwiseRequest, SoftmaxRequest

SET_BY_PAGE = {
    "form",
    "enclosing",
    "geometry",
    "overlap",
    "weight",
    "reduction",
    "normalizer",
    "ignore_index",
    "quality",
}
MODIFIER_PARAMETERS = INNER_RATIO + 1  # the parameters of modifiers come first, the inner ratio is the last of them
PER_CLASS = {"class_weight", "logit_offset", "margin"}  # of softmax losses
OPERANDS = {ElementwiseRequest: 3, BinaryRequest: 5, SoftmaxRequest: 4, BoxRequest: 2}
"""Number of arguments of a formula before its parameters: the primitives and the operands."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a formula, and its value with the default options."""

    name: str
    default: float


@dataclass(frozen=True)
class Formula:
    """A formula as the page evaluates it.

    Attributes:
        name: The name of its generated code.
        parameters: Its parameters in order.
        geometry: The generated code of the boxes, for a penalty.
    """

    name: str
    parameters: tuple[Parameter, ...]
    geometry: str | None = None


@dataclass(frozen=True)
class Variant:
    """Another formula of a loss.

    Attributes:
        option: The option that chooses it.
        value: A value of this option.
        is_value: Whether this value chooses it; else every other value.
        formula: The formula.
    """

    option: str
    value: float | bool
    is_value: bool
    formula: Formula


class Recorder:
    """A backend that records calls and serves none: another one evaluates them."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def kernel_for(self, call: Call) -> None:
        self.calls.append(call)


@contextmanager
def recorded_calls() -> Iterator[list[Call]]:
    """Record the calls of losses."""
    recorder, name = Recorder(), "recorder"
    kernels.AVAILABLE["cpu"][name] = recorder  # type: ignore[assignment]
    try:
        with kernels.use_backend(name):  # type: ignore[arg-type]
            yield recorder.calls
    finally:
        del kernels.AVAILABLE["cpu"][name]


def operands_of(kind: Kind) -> tuple[Tensor, Tensor]:
    """Operands of a loss."""
    if kind is Kind.SOFTMAX:
        return torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64)
    return torch.zeros(1, 4), torch.zeros(1, 4)


def call_of(loss: Loss, **options: Any) -> Call:
    """The call of a loss with some options.

    Raises:
        ValueError: The loss rejects an option.
    """
    with recorded_calls() as calls:
        loss.build(**options)(*operands_of(loss.kind))
    return calls[-1]


def formula_of(call: Call) -> Formula:
    """The formula of a call and its parameters, without those of modifiers."""
    request, values = call.request, list(call.parameters)
    formula = request.formula
    if isinstance(request, SoftmaxRequest):
        del values[0]  # the class weight
    if isinstance(formula, Modified):
        formula, values = formula.penalty, values[MODIFIER_PARAMETERS:]
    arguments = inspect.signature(formula).parameters.values()
    names = [each.name for each in arguments if each.kind is each.POSITIONAL_OR_KEYWORD][OPERANDS[type(request)] :]
    parameters = tuple(Parameter(name, float(value)) for name, value in zip(names, values))
    geometry = request.generated_code if isinstance(request, BoxRequest) else None
    return Formula(request.formula.__name__, parameters, geometry)


def variants(loss: Loss, base: Formula, options: Mapping[str, Any]) -> list[Variant]:
    """The other formulas that an option of a loss chooses."""
    found = []
    for option, default in options.items():
        formulas = {value: formula_of(call_of(loss, **{option: value})) for value in values_of(loss, option, default)}
        for value, formula in formulas.items():
            if formula.name != base.name:
                others = [each for each in formulas if each not in (value, default)]
                is_value = all(formulas[each].name == base.name for each in others) and bool(others)
                found.append(Variant(option, value if is_value else default, is_value, formula))
                break
    return found


def values_of(loss: Loss, option: str, default: Any) -> list[Any]:
    """Values of an option that a loss accepts."""
    if isinstance(default, bool):
        return [default, not default]
    if not isinstance(default, float | int | None):
        return []
    return [value for value in (0.0, 0.3, 0.8, 1.25) if accepts(loss, option, value)]


def accepts(loss: Loss, option: str, value: float) -> bool:
    """Whether a loss accepts a value of an option."""
    try:
        call_of(loss, **{option: value})
    except (TypeError, ValueError):
        return False
    return True


def limits(loss: Loss, option: str, default: float) -> tuple[float, float]:
    """The range of the slider of an option: the bounds of the loss, where it has some."""
    low = next(bound for bound in (-1.0, 0.0, 0.05, 1.0) if accepts(loss, option, bound))
    high = 1.0 if not accepts(loss, option, 1.01) else max(4.0, 2.0 * default)
    return low, high
