"""Triton backend on CPU tensors, in Triton's interpreter, which rounds as a GPU does."""

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
    # Triton chooses the interpreter when a kernel is defined; nothing else in this process runs kernels.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        import_module("tests.support.primitive_kernels")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all but float32 and one loss of each request as exhaustive; the battery has all of them."""
    for item in items:
        if (
            item.path.name == "test_losses_on_triton.py"
            and isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
        ):
            dtype, row = (item.callspec.params.get(name) for name in ("dtype", "row"))
            if dtype not in (None, torch.float32) or (row and row.name not in ("smooth_l1", "focal", "ce", "ciou")):
                item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Evaluate every loss of a test on Triton; numpy does not warn about NaN, as a GPU does not."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(kernels.AVAILABLE["cpu"], "triton", backend)
    with detloss.use_backend("triton"), numpy.errstate(all="ignore"):
        yield
