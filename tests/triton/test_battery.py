"""The promises of the battery, kept by the Triton kernels on a sample of it."""

import pytest
import torch

from tests.battery.cases import GROUPS, Case, sample
from tests.battery.measure import Error, describe, measure
from tests.marks import share

SHOWN = 20
SHARES = {"boxes": 0.04, "binary": 0.2, "softmax": 0.15, "regression": 1.0}  # of a group's families; of these:
FEW = 0.3

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN slice")  # of numpy, for rows of padding


def slack(case: Case) -> float:
    """Soft targets are rounded on their way into float32 arithmetic, and a power of five multiplies that."""
    soft = case.loss == "sigmoid_focal" and case.family.startswith("soft") and case.dtype == torch.float32
    return 1.5 if soft else 1.0


def broken(case: Case) -> list[Error]:
    return [error for error in measure(case, case.ours) if not error.ulps <= error.allowed * slack(case)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("part", share(FEW, 1.0))
def test_promises(group: str, dtype: torch.dtype, part: float, seed: int) -> None:
    chosen = sample(group, dtype, seed, part * SHARES[group])
    found = [describe(case, error) for case in chosen for error in broken(case)]
    assert not found, "\n".join([f"seed {seed}: {len(found)} results break their promise", *found[:SHOWN]])
