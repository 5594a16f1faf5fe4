"""Samples of the battery for slow kernels: compiled on a GPU, or interpreted."""

from collections.abc import Iterable
from math import ceil
from random import Random

import torch

from detloss.auditing.battery.cases import GROUPS, Case
from detloss.auditing.battery.measure import Error

FRACTIONS = {
    "boxes": 0.04,
    "binary": 0.2,
    "softmax": 0.15,
    "adjusted": 0.2,
    "distribution": 0.3,
    "regression": 1.0,
    "masks": 0.3,
}  # of the families of a group
DTYPES = (torch.float64, torch.float32, torch.bfloat16)


def sampled(group: str, dtype: torch.dtype, seed: int, fraction: float) -> list[Case]:
    """A fraction of the families of a group, at least one, with all of their losses, which share their exact results."""
    cases = list(GROUPS[group](Random(seed), dtype))
    families = sorted({case.family for case in cases}, key=lambda family: Random(f"{seed} {family}").random())
    chosen = families[: ceil(fraction * len(families))]
    return [case for case in cases if case.family in chosen]


def exceeded(case: Case, errors: Iterable[Error]) -> list[Error]:
    """The errors that exceed their bound."""
    return [error for error in errors if not error.ulps <= error.bound * tolerance(case)]


def tolerance(case: Case) -> float:
    """A factor of the bound: soft targets are rounded to float32, and a power of five multiplies that error."""
    soft = case.loss == "sigmoid_focal" and case.family.startswith("soft") and case.dtype == torch.float32
    return 1.5 if soft else 1.0
