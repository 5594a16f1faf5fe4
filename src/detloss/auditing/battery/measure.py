"""Measurement of one case: every value and derivative against its exact result."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from mpmath import mpf, nstr
from torch import Tensor

from detloss.auditing.battery.cases import Case
from detloss.auditing.oracle.ulp import derivative_error, value_error


@dataclass(frozen=True)
class Error:
    """The error of one result."""

    row: int
    place: str
    got: float
    exact: mpf
    ulps: float
    bound: float

    @property
    def kind(self) -> str:
        """value, d_pred or d_target."""
        return self.place.split("[")[0]

    @property
    def is_invalid(self) -> bool:
        """Whether it is NaN or infinite although the exact result is not, or has the wrong sign."""
        return math.isinf(self.ulps) or (math.isinf(self.got) and self.ulps > 1e4)


@dataclass
class Worst:
    """The largest errors of valid results, and the number of invalid ones."""

    value: float = 0.0
    gradient: float = 0.0
    invalid: int = 0

    def add(self, error: Error) -> None:
        if error.is_invalid:
            self.invalid += 1
        elif error.kind == "value":
            self.value = max(self.value, error.ulps)
        else:
            self.gradient = max(self.gradient, error.ulps)

    def __str__(self) -> str:
        invalid = f"{self.invalid} NaN or inf" if self.invalid else ""
        return f"{self.value:9.3g} {self.gradient:9.3g} {invalid:>16}"


def measure(case: Case, loss: Callable[[Tensor, Tensor], Tensor]) -> Iterator[Error]:
    """The errors of one loss, ours or a peer's, on the inputs of a case."""
    values, by_pred, by_target = _differentiate(loss, case)
    for row, exact in enumerate(case.exact_results):
        yield Error(
            row,
            "value",
            values[row],
            exact.value,
            value_error(values[row], exact.value, case.dtype, exact.condition),
            case.bound.value,
        )
        for side, gradients, derivatives in (
            ("pred", by_pred, exact.by_pred),
            ("target", by_target, exact.by_target),
        ):
            for entry, derivative in enumerate(derivatives):
                got = gradients[row][entry]
                yield Error(
                    row,
                    f"d_{side}[{entry}]",
                    got,
                    derivative.low,
                    derivative_error(got, derivative, case.dtype),
                    case.bound.gradient,
                )


def failures(case: Case) -> list[Error]:
    return [error for error in measure(case, case.ours) if not error.ulps <= error.bound]


def describe(case: Case, error: Error) -> str:
    """All information needed to reproduce the error."""
    inputs = (_shown(side[error.row]) for side in (case.pred, case.target))
    return (
        f"{case.loss} {case.dtype} [{case.family}] {error.place}: got {error.got!r}, exact {nstr(error.exact, 12)}, "
        f"{error.ulps:.3g} ulps > {error.bound:.3g}; pred {next(inputs)}, target {next(inputs)}"
    )


def _differentiate(
    loss: Callable[[Tensor, Tensor], Tensor], case: Case
) -> tuple[list[float], list[list[float]], list[list[float]]]:
    pred = case.pred.clone().requires_grad_()
    target = case.target.clone().requires_grad_(any(exact.by_target for exact in case.exact_results))
    values = loss(pred, target)
    leaves = [side for side in (pred, target) if side.requires_grad]
    found = torch.autograd.grad(values.sum(), leaves, allow_unused=True)
    count = len(case.exact_results)
    gradients = [[] if each is None else each.reshape(count, -1).tolist() for each in (*found, None)]
    return values.tolist(), gradients[0], gradients[1]


def _shown(row: Tensor) -> str:
    numbers = row.reshape(-1).tolist()
    shown = ", ".join(x.hex() if isinstance(x, float) else str(x) for x in numbers[:8])
    return f"[{shown}{', ...' if len(numbers) > 8 else ''}]"
