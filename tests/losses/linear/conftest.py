"""Chunks of few rows, so that small tensors have several; and every CPU backend."""

from collections.abc import Iterator

import pytest

import detloss
from detloss.kernels import AVAILABLE
from tests.support.linear_cases import CLASSES, set_chunks


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    set_chunks(monkeypatch, 3 * CLASSES)


@pytest.fixture(params=sorted(AVAILABLE["cpu"]))
def backend(request: pytest.FixtureRequest) -> Iterator[None]:
    with detloss.use_backend(request.param):
        yield
