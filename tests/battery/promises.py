"""How many ulps a result may be off: the table of numerics.md, in numbers."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Promise:
    value: float
    gradient: float


def promise(kind: str, dtype: torch.dtype, gamma: float = 0.0) -> Promise:
    """For a kind of loss: "box", "body", "aspect" for a box loss with an aspect ratio, "dense", "cross_entropy", "focal".

    A body is a box of three dimensions and more: products of so many lengths are rounded more often.
    """
    if dtype in (torch.bfloat16, torch.float16):
        return Promise(1, 3 if kind in ("box", "body", "aspect") else 1)
    if kind == "body":
        return Promise(6, 18)
    if kind == "aspect":
        return Promise(4, 16)  # the pull of the angle has its third power
    if dtype == torch.float64:
        # The power of a focal loss multiplies what 1 - p_t is off by gamma.
        gradient = max(12, 4 + 2.4 * gamma) if kind == "focal" else 12
        return Promise({"cross_entropy": 10, "focal": 14}.get(kind, 4), gradient)
    if kind == "box":
        return Promise(4, 12)
    if kind == "focal":
        return Promise(4 + 1.6 * gamma, 4 + 2 * gamma)
    return Promise(6, 6)
