"""Accuracy of a function on the battery: the promises on values and gradients, with the smallest counterexamples."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from random import Random
from typing import Any

import torch
from torch import Tensor

from detloss.auditing.battery.cases import Case
from detloss.auditing.reference import Reference
from detloss.auditing.report import Finding
from detloss.auditing.row_errors import DEGENERATE, FINITE, GRADIENT, SIGN, VALUE, ZERO, RowError, row_errors
from detloss.auditing.subject import Subject, shortest
from detloss.catalog import Kind

RUNS = "returns a value per row"
Row = Any  # the numbers of an operand, nested as in the tensor
SIZES = (1.0, 0.1, 0.01, 1e-3, 1e-5, 1e-8, 100.0, 1e4)  # of boxes in examples


@dataclass
class Promise:
    """A promise over all rows of a dtype: the largest error, and the row of the most ordinary size that breaks it."""

    worst: float = 0.0
    example: tuple[Case, Row, Row, RowError] | None = None
    magnitude: float = math.inf
    rows: int = 0


@dataclass
class Examination:
    """An audit of one function on the battery.

    Attributes:
        subject: The function.
        reference: Its definition.
        skips_values: Whether the function has another definition, so that only its behavior is compared.
    """

    subject: Subject
    reference: Reference
    skips_values: bool = False
    shrunk: dict[str, tuple[Row, Row]] = field(default_factory=dict)

    def findings(self, dtype: torch.dtype, rng: Random, left_over: float) -> Iterator[Finding]:
        """The promises for one dtype, which leave so many seconds for others."""
        found = {name: Promise() for name in self.promises()}
        name, problem = str(dtype).removeprefix("torch."), None
        for case in shuffled(self.reference.cases(rng, dtype), rng):
            if self.subject.seconds_left < left_over:
                break
            if not len(case.pred):
                continue
            pred, target = operands(self.subject, case.pred, case.target)
            outcome = self.subject.evaluate(pred, target)
            if outcome.values is None or outcome.gradient is None:
                problem = problem or (outcome.problem, case)
                if self.subject.has_hung:
                    break
                continue
            self.add(found, case, outcome.values.tolist(), outcome.gradient.tolist())
        yield self.runs(name, problem)
        for promise, state in found.items():
            if state.rows:
                yield self.finding(promise, name, state)

    def promises(self) -> list[str]:
        """The promises that the definition has."""
        kind, names = self.reference.kind, [FINITE]
        if kind in (Kind.BOX, Kind.ROTATED, Kind.REGRESSION):
            names.append(ZERO)
        if self.skips_values:
            return names
        names += [VALUE, GRADIENT, SIGN]
        return [*names, DEGENERATE] if kind is Kind.BOX and not self.reference.is_rotated else names

    def add(self, found: dict[str, Promise], case: Case, values: list[float], gradients: list[list[float]]) -> None:
        """Add the rows of a case."""
        rows = zip(case.pred.tolist(), case.target.tolist(), values, gradients, case.exact_results)
        for pred, target, value, gradient, exact in rows:
            for error in row_errors(self.reference, case.dtype, case.bound, pred, target, exact, value, gradient):
                state = found.get(error.promise)
                if state is None:
                    continue
                state.rows += 1
                if error.is_broken and (extremity := max(magnitude(pred), magnitude(target))) < state.magnitude:
                    state.example, state.magnitude = (case, pred, target, error), extremity
                state.worst = max(state.worst, error.ulps)

    def code(self, case: Case, pred: Row, target: Row) -> str:
        """The reproduction of a row."""
        rows = torch.tensor([pred], dtype=case.dtype), torch.tensor([target]).to(case.target.dtype)
        return self.subject.reproduction(*operands(self.subject, *rows))

    def runs(self, dtype: str, problem: tuple[str, Case] | None) -> Finding:
        """Whether all calls returned."""
        if problem is None:
            return Finding(RUNS, dtype, True)
        text, case = problem
        rows = self.failing_rows(case)
        pred, target = map(shortest, rows)
        return Finding(RUNS, dtype, False, None, pred, target, "a result", text, self.subject.reproduction(*rows))

    def failing_rows(self, case: Case) -> tuple[Tensor, Tensor]:
        """The first row of a case that fails alone, or else the first two rows."""
        for k in range(len(case.pred)):
            rows = operands(self.subject, case.pred[k : k + 1], case.target[k : k + 1])
            if self.subject.has_hung or self.subject.evaluate(*rows).gradient is None:
                return rows
        return operands(self.subject, case.pred[:2], case.target[:2])

    def finding(self, promise: str, dtype: str, state: Promise) -> Finding:
        """A promise with its counterexample, shrunk."""
        worst = state.worst if promise in (VALUE, GRADIENT) else None
        if state.example is None:
            return Finding(promise, dtype, True, worst)
        case, pred, target, error = state.example
        pred, target, error = self.shrink(promise, case, pred, target, error)
        code = self.code(case, pred, target)
        return Finding(promise, dtype, False, worst, pred, target, error.expected, error.got, code)

    def shrink(self, promise: str, case: Case, pred: Row, target: Row, error: RowError) -> tuple[Row, Row, RowError]:
        """The counterexample with as few digits as possible."""
        best, earlier = (pred, target, error), self.shrunk.get(promise)
        for candidate in chain(
            [earlier] if earlier is not None and torch.tensor(earlier[0]).shape == torch.tensor(pred).shape else [],
            self.rescaled(pred, target),
            ((rounded(pred, digits), rounded(target, digits)) for digits in (1, 2, 3, 4, 6)),
        ):
            if self.subject.seconds_left < 0:
                break
            broken = self.breaks(promise, case, *candidate)
            if broken is not None:
                best = broken
                break
        self.shrunk[promise] = best[:2]
        return best

    def rescaled(self, pred: Row, target: Row) -> Iterator[tuple[Row, Row]]:
        """Axis-aligned boxes of more ordinary sizes, in two digits."""
        if self.reference.kind is not Kind.BOX or self.reference.is_rotated:
            return
        largest = max(map(abs, (*pred, *target)))
        for size in SIZES:
            if largest and abs(math.log2(size)) < abs(math.log2(largest)):
                one, other = ([rounded(x / largest * size, 2) for x in row] for row in (pred, target))
                yield one, other

    def breaks(self, promise: str, case: Case, pred: Row, target: Row) -> tuple[Row, Row, RowError] | None:
        """The row, as the dtype represents it, if it breaks the promise."""
        rows = torch.tensor([pred], dtype=case.dtype), torch.tensor([target]).to(case.target.dtype)
        if not all(bool(side.isfinite().all()) for side in rows):
            return None
        outcome = self.subject.evaluate(*operands(self.subject, *rows))
        if outcome.values is None or outcome.gradient is None:
            return None
        exact = case.exact(rows[0].tolist()[0], rows[1].tolist()[0])
        numbers = rows[0].tolist()[0], rows[1].tolist()[0], exact, outcome.values.tolist()[0]
        errors = row_errors(self.reference, case.dtype, case.bound, *numbers, outcome.gradient.tolist()[0])
        found = next((error for error in errors if error.is_broken and error.promise == promise), None)
        return None if found is None else (pred, target, found)


def operands(subject: Subject, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The operands as the function takes them: elements are rows of one column."""
    return (pred.unsqueeze(-1), target.unsqueeze(-1)) if subject.by_element else (pred, target)


def magnitude(row: Row) -> float:
    """The distance of the numbers of a row from 1, in binary digits."""
    if isinstance(row, list):
        return max(map(magnitude, row))
    return abs(math.log2(abs(row))) if row else 0.0


def shuffled(cases: Iterator[Case], rng: Random) -> list[Case]:
    """The cases in random order: a deadline then leaves a sample of all families."""
    drawn = list(cases)
    rng.shuffle(drawn)
    return drawn


def rounded(row: Row, digits: int) -> Row:
    """Numbers with so many significant digits."""
    if isinstance(row, list):
        return [rounded(each, digits) for each in row]
    return row if isinstance(row, int) else float(f"{row:.{digits}g}")
