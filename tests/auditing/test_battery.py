"""Errors of every loss on the battery, on every CPU backend."""

import pytest
import torch

import detloss
from detloss.auditing.battery.cases import DTYPES, GROUPS
from detloss.auditing.battery.measure import describe, failures
from detloss.kernels import AVAILABLE
from tests.support.battery_sample import sampled
from tests.support.marks import exhaustive_except, quick_and_exhaustive

SHOWN = 20
FRACTIONS = {
    "boxes": 0.06,
    "binary": 0.2,
    "softmax": 0.07,
    "adjusted": 0.2,
    "distribution": 0.3,
    "regression": 1.0,
    "masks": 0.3,
}  # of the families of a group


@pytest.mark.parametrize("dtype", exhaustive_except(DTYPES, lambda dtype: dtype != torch.float16), ids=str)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("complete", quick_and_exhaustive(False, True))
def test_error_bounds(group: str, dtype: torch.dtype, complete: bool, seed: int) -> None:
    found = []
    for case in sampled(group, dtype, seed, 1.0 if complete else FRACTIONS[group]):
        for backend in AVAILABLE["cpu"]:
            with detloss.use_backend(backend):
                found += [f"{backend}: {describe(case, error)}" for error in failures(case)]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results exceed their error bound", *found[:SHOWN]])
