"""Configuration of all tests: plugins of the seeds, and Triton's interpreter for its kernels."""

from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.support.seeds import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_generate_tests,
    pytest_report_header,
    repeatable,
    seed,
)

if find_spec("triton"):
    # Triton decides where a kernel is defined whether it is interpreted: here, before a test module defines one.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import_module("detloss.kernels.triton.launch")
