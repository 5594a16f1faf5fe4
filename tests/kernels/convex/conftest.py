"""Every backend of the CPU, for tests of convex shapes."""

from collections.abc import Iterator

import pytest

import detloss
from detloss import kernels


@pytest.fixture(params=kernels.AVAILABLE["cpu"])
def each_backend(request: pytest.FixtureRequest) -> Iterator[None]:
    with detloss.use_backend(request.param):
        yield
