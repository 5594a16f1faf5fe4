"""The Triton backend on CPU tensors: its kernels are run by Triton's interpreter, which rounds as a GPU does."""

from collections.abc import Iterator
from importlib import import_module

import numpy
import pytest
import torch

import detloss
from detloss import kernels
from detloss.kernels import triton as backend

collect_ignore_glob = [] if backend.installed else ["test_*.py"]

if backend.installed:
    # Where a kernel is defined it is decided how it will run, and nothing else in this process runs one.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import_module("tests.triton.words_alone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The library's tests of other dtypes than float32 take their time in an interpreter; the battery has them all."""
    for item in items:
        dtype = item.callspec.params.get("dtype") if hasattr(item, "callspec") else None
        if item.path.name == "test_library.py" and dtype not in (None, torch.float32):
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every loss of a test is served by Triton; numpy, which calculates, is as silent about NaN as a GPU."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(kernels.AVAILABLE["cpu"], "triton", backend)
    with detloss.use_backend("triton"), numpy.errstate(all="ignore"):
        yield
