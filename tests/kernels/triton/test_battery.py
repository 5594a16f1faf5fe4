"""The promises of the battery, kept by the Triton kernels on a sample of it."""

import pytest
import torch

from tests.battery.cases import GROUPS
from tests.battery.measure import describe, measure
from tests.battery.sample import DTYPES, SHARES, broken, sampled
from tests.support.marks import share

SHOWN = 20
FEW = 0.3  # of the families that a GPU's script evaluates, in make test

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")  # of numpy, for rows of padding


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("part", share(FEW, 1.0))
def test_promises(group: str, dtype: torch.dtype, part: float, seed: int) -> None:
    cases = sampled(group, dtype, seed, part * SHARES[group])
    found = [describe(case, error) for case in cases for error in broken(case, measure(case, case.ours))]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results break their promise", *found[:SHOWN]])
