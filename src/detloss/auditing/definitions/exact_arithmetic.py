"""Arithmetic of the definitions: sufficient working precision, quantities held constant, and derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from itertools import pairwise
from typing import Any

from mpmath import isfinite, ldexp, mag, mp, mpf, workprec

Row = Sequence[Any]


class Tape:
    """The quantities held constant, in the order of their computation."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.position: int | None = None  # None while the values are recorded

    def next(self, value: Any) -> Any:
        if self.position is None:
            self.values.append(value)
            return value
        self.position += 1
        return self.values[self.position - 1]


_tapes: list[Tape] = []


def held(value: Any) -> Any:
    """The value itself; in ``gradient`` its value at the point, so that no derivative passes through it.

    Conditions that must not change within the steps of a difference quotient are held as well.
    """
    return _tapes[-1].next(value) if _tapes else value


_exchanged: set[str] = set()
_named: dict[str, bool] = {}


@contextmanager
def exchanged(names: Iterable[str]) -> Iterator[None]:
    """Definitions in which these factors are constant if the paper differentiates them, and conversely."""
    _exchanged.update(names)
    try:
        yield
    finally:
        _exchanged.difference_update(names)


def named(value: Any, name: str, *, constant: bool = True) -> Any:
    """A factor that the paper holds constant, or not, and implementations may treat otherwise."""
    _named[name] = constant
    return held(value) if constant != (name in _exchanged) else value


@contextmanager
def recorded() -> Iterator[dict[str, bool]]:
    """The factors in the evaluations within the context, and whether the paper holds them constant."""
    _named.clear()
    yield _named


def definition(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in a precision in which differences and products of its arguments are exact."""

    @wraps(function)
    def precise(*arguments: Any, **options: Any) -> Any:
        with workprec(mp.prec + 64 + 6 * _exponent((*arguments, *options.values()))):
            result = function(*map(_numbers, arguments), **options)
        return [+value for value in result] if isinstance(result, list) else +result

    return precise


def gradient(function: Callable[..., Any], *arguments: Any, by: int = 0, **options: Any) -> Any:
    """The derivatives by the entries of one argument, a row or a number.

    They are central differences: at a kink the mean of both one-sided derivatives. Where both are 0 the quotient has
    the size of the step, from the curvature alone, and counts as 0.
    """
    row = arguments[by] if isinstance(arguments[by], Sequence) else [arguments[by]]
    precision = mp.prec
    length = _smallest_difference(arguments)
    with workprec(4 * precision + 2 * abs(mag(length)) + 6 * _exponent(arguments)):
        arguments = tuple(map(_numbers, arguments))
        step = ldexp(length, -precision)
        tape = Tape()
        _tapes.append(tape)
        try:
            center = function(*arguments, **options)
            found = []
            for k in range(len(row)):
                ahead, behind = (_evaluated(function, arguments, options, by, k, s, tape) for s in (step, -step))
                slope, bend = ((ahead - behind) / (2 * step), (ahead - 2 * center + behind) / (2 * step))
                vanishes = abs(slope) <= 256 * abs(bend) and abs(slope) * length < ldexp(1, -precision // 2)
                found.append(mpf(0) if vanishes else slope)
        finally:
            _tapes.pop()
    found = [+derivative for derivative in found]
    return found if isinstance(arguments[by], list) else found[0]


def _evaluated(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    by: int,
    k: int,
    step: mpf,
    tape: Tape,
) -> mpf:
    moved = arguments[by]
    moved = [x + step * (k == j) for j, x in enumerate(moved)] if isinstance(moved, list) else moved + step
    tape.position = 0
    return function(*arguments[:by], moved, *arguments[by + 1 :], **options)


def quotient(a: Any, b: Any) -> mpf:
    """a / b; 0 where b is 0."""
    return a / b if held(b != 0) else mpf(0)


def product(factors: Iterable[Any]) -> mpf:
    result = mpf(1)
    for factor in factors:
        result *= factor
    return result


def sigmoid(x: Any) -> mpf:
    return 1 / (1 + mp.exp(-x))


def _numbers(argument: Any) -> Any:
    if isinstance(argument, bool | str) or argument is None:
        return argument
    return [_numbers(x) for x in argument] if isinstance(argument, Sequence) else mpf(argument)


def _exponent(arguments: Any) -> int:
    """The largest binary exponent, in absolute value, of any number."""
    return max((abs(int(mag(x))) for x in _flat(arguments) if x and isfinite(x)), default=0)


def _smallest_difference(arguments: Any) -> mpf:
    """The smallest distance of two numbers: no kink is as close as a small fraction of it."""
    numbers = sorted({mpf(x) for x in _flat(arguments) if isfinite(x)} | {mpf(0), mpf(1)})
    return min(b - a for a, b in pairwise(numbers))


def _flat(argument: Any) -> list[mpf]:
    if isinstance(argument, bool | str) or argument is None or callable(argument):
        return []
    if isinstance(argument, list | tuple):
        return [x for entry in argument for x in _flat(entry)]
    return [mpf(argument)]
