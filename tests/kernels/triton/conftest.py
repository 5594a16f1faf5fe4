"""Triton backend on CPU tensors, in Triton's interpreter, which rounds as a GPU does."""

from collections.abc import Iterator
from importlib import import_module
from math import inf

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


QUICK = ("smooth_l1", "focal", "ce", "ciou")  # a loss of each request
GEOMETRIES = (detloss.AxisAligned("cxcywh"), detloss.AxisAligned(dims=3))  # test_bits.py has the other formats


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark most variants as exhaustive: the battery has every dtype and loss, and known values are quick to compute."""
    for item in items:
        if (
            item.path.name == "test_losses_on_triton.py"
            and isinstance(item, pytest.Function)
            and hasattr(item, "callspec")
        ):
            dtype, row, loss, geometry, bad = map(item.callspec.params.get, ("dtype", "row", "loss", "geometry", "bad"))
            named = row or loss
            if (
                dtype not in (None, torch.float32)
                or (named and named.name not in QUICK and item.originalname != "test_known_values")
                or (geometry and geometry not in GEOMETRIES)
                or bad == inf
            ):
                item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Evaluate every loss of a test on Triton; numpy does not warn about NaN, as a GPU does not."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(kernels.AVAILABLE["cpu"], "triton", backend)
    with detloss.use_backend("triton"), numpy.errstate(all="ignore"):
        yield
