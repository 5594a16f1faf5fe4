"""The promises of the battery, kept by the Triton kernels on a sample of it that is fresh in every run."""

from random import Random

import pytest
import torch

from tests.battery.cases import DTYPES, GROUPS
from tests.battery.measure import describe, failures

SHOWN = 20
SHARES = {"boxes": 0.06, "binary": 0.2, "softmax": 0.25, "regression": 1.0}  # of a group's cases

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
def test_promises(group: str, dtype: torch.dtype, seed: int) -> None:
    rng = Random(seed)
    chosen = [case for case in GROUPS[group](Random(seed), dtype) if rng.random() < SHARES[group]]
    found = [describe(case, error) for case in chosen for error in failures(case)]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results break their promise", *found[:SHOWN]])
