"""Which cases of a test `make test` runs; the rest are exhaustive: `make test-all` runs them."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def share(few: Any, many: Any) -> list[Any]:
    """Two amounts of work: the smaller for `make test`, the larger for `make test-all`."""
    return [few, pytest.param(many, marks=pytest.mark.exhaustive)]


def some(cases: Iterable[Any], kept: Callable[[Any], bool]) -> list[Any]:
    """All cases, those that are not kept for `make test` as exhaustive ones."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)), marks=() if kept(case) else pytest.mark.exhaustive
        )
        for case in cases
    ]
