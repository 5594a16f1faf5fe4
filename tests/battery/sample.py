"""A part of the battery, for kernels that take their time: a GPU's, which are compiled, and interpreted ones."""

from collections.abc import Iterable
from random import Random

import torch

from tests.battery.cases import GROUPS, Case
from tests.battery.measure import Error

SHARES = {"boxes": 0.04, "binary": 0.2, "softmax": 0.15, "regression": 1.0}  # of a group's families
DTYPES = (torch.float64, torch.float32, torch.bfloat16)


def sampled(group: str, dtype: torch.dtype, seed: int, share: float) -> list[Case]:
    """A fraction of a group's families, each with all of its losses, which need the same exact answers."""
    cases = GROUPS[group](Random(seed), dtype)
    return [case for case in cases if Random(f"{seed} {case.family}").random() < share]


def broken(case: Case, errors: Iterable[Error]) -> list[Error]:
    """The errors that are larger than promised."""
    return [error for error in errors if not error.ulps <= error.allowed * slack(case)]


def slack(case: Case) -> float:
    """Soft targets are rounded on their way into float32 arithmetic, and a power of five multiplies that."""
    soft = case.loss == "sigmoid_focal" and case.family.startswith("soft") and case.dtype == torch.float32
    return 1.5 if soft else 1.0
