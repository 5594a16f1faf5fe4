"""Errors of the Triton kernels on a sample of the battery."""

import pytest
import torch

from detloss.auditing.battery.cases import GROUPS
from detloss.auditing.battery.measure import describe, measure
from tests.support.battery_sample import DTYPES, FRACTIONS, exceeded, sampled
from tests.support.marks import exhaustive_except, quick_and_exhaustive

SHOWN = 20
QUICK = 0.2  # of the sample, in make test

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")  # from numpy, for padded rows


@pytest.mark.parametrize("dtype", exhaustive_except(DTYPES, lambda dtype: dtype != torch.float64), ids=str)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("part", quick_and_exhaustive(QUICK, 1.0))
def test_error_bounds(group: str, dtype: torch.dtype, part: float, seed: int) -> None:
    cases = sampled(group, dtype, seed, part * FRACTIONS[group])
    found = [describe(case, error) for case in cases for error in exceeded(case, measure(case, case.ours))]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results exceed their error bound", *found[:SHOWN]])
