"""Parametrization by effort: cases that `make test` runs, and exhaustive cases that only `make test-all` runs."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def quick_and_exhaustive(quick: Any, exhaustive: Any) -> list[Any]:
    """Two values of a parameter: one for `make test`, one for `make test-all`."""
    return [quick, pytest.param(exhaustive, marks=pytest.mark.exhaustive)]


def exhaustive_except(cases: Iterable[Any], is_quick: Callable[[Any], bool]) -> list[Any]:
    """All cases; those that are not quick are exhaustive."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=() if is_quick(case) else pytest.mark.exhaustive
        )
        for case in cases
    ]
