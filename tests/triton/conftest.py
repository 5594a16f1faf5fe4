"""The Triton backend on CPU tensors: its kernels are run by Triton's interpreter, as a GPU would calculate."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import numpy
import pytest

import detloss
from detloss import kernels
from detloss.kernels import triton as backend

collect_ignore_glob = [] if find_spec("triton") else ["test_*.py"]

if not collect_ignore_glob:
    # Triton decides where a kernel is defined whether it is interpreted; nothing else in this process needs a kernel.
    before = os.environ.get("TRITON_INTERPRET")
    os.environ["TRITON_INTERPRET"] = "1"
    import detloss.kernels.triton.launch

    if before is None:
        del os.environ["TRITON_INTERPRET"]


@pytest.fixture(autouse=True)
def interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every loss of a test is served by Triton; numpy, which calculates, is as silent about NaN as a GPU."""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    monkeypatch.setitem(kernels.AVAILABLE["cpu"], "triton", backend)
    with detloss.use_backend("triton"), numpy.errstate(all="ignore"):
        yield
