"""Every loss keeps its promises on the whole battery, on every backend of the processor and inputs fresh in every run."""

from random import Random

import pytest
import torch

import detloss
from detloss.kernels import AVAILABLE
from tests.battery.cases import DTYPES, GROUPS
from tests.battery.measure import describe, failures

SHOWN = 20


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
def test_promises(group: str, dtype: torch.dtype, seed: int) -> None:
    found = []
    for case in GROUPS[group](Random(seed), dtype):
        for backend in AVAILABLE["cpu"]:
            with detloss.use_backend(backend):
                found += [f"{backend}: {describe(case, error)}" for error in failures(case)]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results break their promise", *found[:SHOWN]])
