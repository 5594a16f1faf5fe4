"""One case measured: every value and every derivative against its exact answer."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from mpmath import mpf, nstr
from torch import Tensor

from tests.battery.cases import Case, Loss
from tests.oracle.ulp import rate_error, value_error


@dataclass(frozen=True)
class Error:
    """How far one result is from its truth."""

    row: int
    place: str
    got: float
    truth: mpf
    ulps: float
    allowed: float

    @property
    def kind(self) -> str:
        """value, d_pred or d_target."""
        return self.place.split("[")[0]

    @property
    def broken(self) -> bool:
        """NaN or infinite where the truth is not, or on the wrong side of 0."""
        return math.isinf(self.ulps) or (math.isinf(self.got) and self.ulps > 1e4)


@dataclass
class Worst:
    """The largest errors among the results that are finite, and how many are not though the truth is."""

    value: float = 0.0
    gradient: float = 0.0
    broken: int = 0

    def add(self, error: Error) -> None:
        if error.broken:
            self.broken += 1
        elif error.kind == "value":
            self.value = max(self.value, error.ulps)
        else:
            self.gradient = max(self.gradient, error.ulps)

    def __str__(self) -> str:
        broken = f"{self.broken} NaN or inf" if self.broken else ""
        return f"{self.value:9.3g} {self.gradient:9.3g} {broken:>16}"


def measure(case: Case, loss: Loss) -> Iterator[Error]:
    """The errors of one loss, ours or a peer's, on a case's inputs."""
    values, by_pred, by_target = _differentiate(loss, case)
    for row, answer in enumerate(case.answers):
        yield Error(
            row,
            "value",
            values[row],
            answer.value,
            value_error(values[row], answer.value, case.dtype),
            case.promise.value,
        )
        for side, rates, truths in (
            ("pred", by_pred, answer.by_pred),
            ("target", by_target, answer.by_target),
        ):
            for entry, truth in enumerate(truths):
                got = rates[row][entry]
                yield Error(
                    row,
                    f"d_{side}[{entry}]",
                    got,
                    truth.low,
                    rate_error(got, truth, case.dtype),
                    case.promise.gradient,
                )


def failures(case: Case) -> list[Error]:
    return [error for error in measure(case, case.ours) if not error.ulps <= error.allowed]


def describe(case: Case, error: Error) -> str:
    """All that it takes to see the error again."""
    inputs = (_shown(side[error.row]) for side in (case.pred, case.target))
    return (
        f"{case.loss} {case.dtype} [{case.family}] {error.place}: got {error.got!r}, truth {nstr(error.truth, 12)}, "
        f"{error.ulps:.3g} ulps > {error.allowed:.3g}; pred {next(inputs)}, target {next(inputs)}"
    )


def _differentiate(loss: Loss, case: Case) -> tuple[list[float], list[list[float]], list[list[float]]]:
    pred = case.pred.clone().requires_grad_()
    target = case.target.clone().requires_grad_(case.target.is_floating_point())
    values = loss(pred, target)
    values.sum().backward()
    count = len(case.answers)
    rates = [[] if side.grad is None else side.grad.reshape(count, -1).tolist() for side in (pred, target)]
    return values.tolist(), rates[0], rates[1]


def _shown(row: Tensor) -> str:
    entries = row.reshape(-1).tolist()
    shown = ", ".join(x.hex() if isinstance(x, float) else str(x) for x in entries[:8])
    return f"[{shown}{', ...' if len(entries) > 8 else ''}]"
