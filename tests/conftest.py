"""A fresh seed for every run, printed where a test fails; DETLOSS_TEST_SEED repeats one."""

import os
import random
from importlib import import_module
from importlib.util import find_spec

import pytest

if find_spec("triton"):
    # Triton decides where a kernel is defined whether it is interpreted: here, before a test module defines one.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import_module("detloss.kernels.triton.launch")

# Processes that share the tests of a run share its seed.
RUN_SEED = int(os.environ.setdefault("DETLOSS_TEST_SEED", str(random.SystemRandom().randrange(2**31))))


def pytest_report_header() -> str:
    return f"DETLOSS_TEST_SEED={RUN_SEED}"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """An integer that differs from run to run and from test to test."""
    value = random.Random(f"{RUN_SEED} {request.node.nodeid}").randrange(2**31)
    print(f"DETLOSS_TEST_SEED={RUN_SEED}, this test's seed={value}")
    return value
