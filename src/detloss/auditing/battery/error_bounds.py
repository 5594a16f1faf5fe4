"""Error bounds of values and gradients in ulps, the table of docs/numerics.rst."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class ErrorBound:
    value: float
    gradient: float


def error_bound(kind: str, dtype: torch.dtype, gamma: float = 0.0) -> ErrorBound:
    """The bound for a kind of loss.

    The kinds are box, solid, aspect, smooth, dense, logarithm, cross_entropy, focal, poly, margin and mask. A solid is
    a box of three or more dimensions: products of more lengths have more roundings. An aspect is a box loss with an
    aspect ratio, a smooth one a box loss with exponentials, a logarithm a regression loss with one, a margin a focal
    loss that subtracts one from a probability.
    """
    if dtype in (torch.bfloat16, torch.float16):
        return ErrorBound(1, 3 if kind in ("box", "solid", "aspect", "smooth") else 1)
    if kind == "solid":
        return ErrorBound(6, 18)
    if kind in ("aspect", "smooth"):
        return ErrorBound(4, 16)  # the derivative by the angle has its third power, those of exponentials a factor more
    if dtype == torch.float64:
        # The power of a focal loss multiplies the error of 1 - p_t by gamma.
        gradient = max(12, 4 + 2.4 * gamma) if kind in ("focal", "poly", "margin") else 12
        return ErrorBound(
            {"logarithm": 6, "cross_entropy": 10, "focal": 14, "poly": 14, "margin": 14}.get(kind, 4), gradient
        )
    if kind == "box":
        return ErrorBound(4, 12)
    if kind == "focal":
        return ErrorBound(4 + 3 * gamma, 4 + 3.5 * gamma)
    if kind == "poly":
        return ErrorBound(8 + 3 * gamma, 8 + 3.5 * gamma)  # with poly=-1 the power of 1 - p_t is larger by two
    if kind == "margin":
        return ErrorBound(6 + 4 * gamma, 6 + 4 * gamma)
    if kind == "mask":
        return ErrorBound(6, 9)
    return ErrorBound(6, 6)
