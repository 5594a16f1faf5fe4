"""Every loss keeps its promises on the whole battery, on inputs fresh in every run."""

from random import Random

import pytest
import torch

from tests.battery.cases import DTYPES, GROUPS
from tests.battery.measure import describe, failures

SHOWN = 20


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
def test_promises(group: str, dtype: torch.dtype, seed: int) -> None:
    found = [describe(case, error) for case in GROUPS[group](Random(seed), dtype) for error in failures(case)]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results break their promise", *found[:SHOWN]])
