"""Random calls of every loss: the C++ backend agrees with eager for every memory layout."""

from random import Random

import pytest
import torch
from torch import Tensor

import detloss
from detloss import kernels
from tests.support.marks import quick_and_exhaustive
from tests.support.random_calls import KINDS, Call, draw
from tests.support.tolerances import differences, results

pytestmark = pytest.mark.skipif("cpp" not in kernels.AVAILABLE["cpu"], reason="installed without a C++ compiler")


def memory(call: Call) -> Tensor:
    """All bytes of the storages of a call's operands, including the bytes between elements."""
    operands = (call.pred, call.target, *call.options.values())
    storages = [operand.untyped_storage() for operand in operands if isinstance(operand, Tensor)]
    return torch.cat([torch.empty(0, dtype=torch.uint8).set_(storage) for storage in storages])


@pytest.mark.parametrize("calls", quick_and_exhaustive(150, 2000))
@pytest.mark.parametrize("kind", KINDS)
def test_random_calls(kind: str, calls: int, seed: int) -> None:
    for k in range(calls):
        call = draw(Random(f"{seed} {k}"), kind)
        before = memory(call)
        ours = results(call, "cpp")
        assert torch.equal(memory(call), before), f"call {k} of seed {seed} writes to its operands: {call}"
        found = list(differences(call, ours, results(call, "eager")))
        assert not found, "\n".join([f"call {k} of seed {seed}: {call}", *found])


def refusal(call: Call, backend: str) -> str | None:
    """The message about a class index out of range, None without one."""
    with detloss.use_backend(backend):
        try:
            call.loss(call.pred, call.target, **call.options)
        except ValueError as error:
            return str(error)
    return None


@pytest.mark.parametrize("kind", ["binary", "rows"])
def test_class_indices_out_of_range(kind: str, seed: int) -> None:
    calls = [draw(Random(f"{seed} {k}"), kind) for k in range(300)]
    found = [refusal(call, "cpp") for call in calls]
    assert found == [refusal(call, "eager") for call in calls]
    messages = [message for message in found if message is not None]
    assert 10 < len(messages) < 150
    assert all("expected a class index in" in message for message in messages)
