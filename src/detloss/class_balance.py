"""Weights from class frequencies, and the initial bias of a head."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import get_args

import torch
from torch import Tensor

from detloss.types import CountWeighting, check_choice


def alpha_from_counts(
    positives: float | Tensor | Sequence[float], negatives: float | Tensor | Sequence[float]
) -> float | Tensor:
    """Compute the alpha that gives positives and negatives the same total weight.

    ``alpha = negatives / (positives + negatives)``: then ``alpha * positives = (1 - alpha) * negatives``

    When to choose it: as the alpha of `balanced_cross_entropy_loss`, or as the start of a search for alpha. It does not
    suit focal loss, whose gamma already reduces the weight of easy negatives.

    Args:
        positives: Number of positive elements, or one number per class.
        negatives: Number of negative elements, likewise.

    Returns:
        A number for numbers, otherwise a float64 tensor (C,) on the device of the counts.

    Raises:
        TypeError: A count is no number, tensor or sequence.
        ValueError: A count is negative or not finite, both are 0, or the lengths differ.

    Example:
        >>> import detloss
        >>> detloss.alpha_from_counts(100, 900)
        0.9

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), section 3.1, https://arxiv.org/abs/1708.02002

    See also:
        `class_weight_from_counts`; `prior_bias`.
    """
    one, zero = counts_of("positives", positives), counts_of("negatives", negatives)
    if one.shape != zero.shape and one.dim() and zero.dim():
        raise ValueError(f"negatives: expected {tuple(one.shape)} like positives, got {tuple(zero.shape)}")
    total = one + zero
    if (total == 0).any():
        raise ValueError("positives, negatives: expected at least one element per class, got none of either")
    alpha = zero / total
    return alpha.item() if alpha.dim() == 0 and isinstance(positives, Real) else alpha


def class_weight_from_counts(
    counts: Tensor | Sequence[float], *, method: CountWeighting = "inverse", beta: float = 0.9999
) -> Tensor:
    """Compute class weights that are larger for rarer classes.

    ``"inverse"``: ``total / (classes * count)``; ``"sqrt"``: the root of that, scaled to mean 1; ``"effective"``:
    ``(1 - beta) / (1 - beta^count)``, scaled to mean 1. Only classes that occur are counted as classes.

    When to choose it: as ``class_weight`` of `cross_entropy_loss` and `softmax_focal_loss`. ``"inverse"`` gives all
    classes the same total weight, which is extreme for very rare classes; ``"sqrt"`` is a compromise; ``"effective"``
    saturates for frequent classes.

    Args:
        counts: Number of samples of each class, (C,).
        method: ``"inverse"``, ``"sqrt"`` or ``"effective"``.
        beta: For ``"effective"``: in [0, 1).

    Returns:
        float32 (C,), on the device of the counts. A class that never occurs gets 0.

    Raises:
        TypeError: The counts are no tensor or sequence of numbers.
        ValueError: A count is negative or not finite, all are 0, they are not one per class, or an option does not fit.

    Example:
        >>> import detloss
        >>> detloss.class_weight_from_counts([900, 100])
        tensor([0.5556, 5.0000])

    Sources:
        King and Zeng, Logistic Regression in Rare Events Data (2001), https://doi.org/10.1093/oxfordjournals.pan.a004868;
        Cui et al., Class-Balanced Loss Based on Effective Number of Samples (2019), https://arxiv.org/abs/1901.05555

    See also:
        `alpha_from_counts`.
    """
    check_choice("method", method, get_args(CountWeighting))
    if isinstance(beta, bool) or not isinstance(beta, Real):
        raise TypeError(f"beta: expected a number, got {type(beta).__name__}")
    if not 0.0 <= beta < 1.0:
        raise ValueError(f"beta: expected in [0, 1), got {beta!r}")
    count = counts_of("counts", counts)
    if count.dim() != 1:
        raise ValueError(f"counts: expected one per class, (C,), got {tuple(count.shape)}")
    seen = count > 0
    if not seen.any():
        raise ValueError("counts: expected at least one class that occurs, got none")
    some = torch.where(seen, count, 1.0)
    if method == "effective":
        # expm1 is accurate for beta close to 1.
        weight = (1.0 - beta) / -torch.expm1(some * torch.log(torch.tensor(beta, dtype=some.dtype)))
    else:
        weight = count.sum() / (seen.sum() * some)
        weight = weight.sqrt() if method == "sqrt" else weight
    weight = torch.where(seen, weight, 0.0)
    if method != "inverse":
        weight = weight * (seen.sum() / weight.sum())
    return weight.to(torch.float32)


def prior_bias(pi: float) -> float:
    """Compute the initial bias of a sigmoid head for a small prior probability of objects.

    ``bias = -log((1 - pi) / pi)``: then ``sigmoid(bias) = pi``

    When to choose it: for every head trained with `sigmoid_focal_loss` or a binary loss on mostly background cells:
    ``torch.nn.init.constant_(head.bias, detloss.prior_bias(0.01))``. A head that predicts 0.5 for every cell at the
    start wastes its first steps and may diverge.

    Args:
        pi: Prior probability of a class in a cell, in (0, 1); 0.01 in RetinaNet.

    Returns:
        The bias, negative for ``pi`` below 0.5.

    Raises:
        TypeError: ``pi`` is no number.
        ValueError: ``pi`` is not between 0 and 1.

    Example:
        >>> import detloss
        >>> detloss.prior_bias(0.5)
        0.0
        >>> round(detloss.prior_bias(0.01), 4)  # -log 99
        -4.5951

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), section 4.1, https://arxiv.org/abs/1708.02002

    See also:
        `sigmoid_focal_loss`; `alpha_from_counts`.
    """
    if isinstance(pi, bool) or not isinstance(pi, Real):
        raise TypeError(f"pi: expected a number, got {type(pi).__name__}")
    if not 0.0 < pi < 1.0:
        raise ValueError(f"pi: expected between 0 and 1, got {pi!r}")
    return math.log(pi) - math.log1p(-pi)


def counts_of(name: str, value: float | Tensor | Sequence[float]) -> Tensor:
    """Counts as float64, none negative."""
    try:
        count = torch.as_tensor(value).to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name}: expected numbers, got {type(value).__name__}") from error
    wrong = count[~(count.isfinite() & (count >= 0))].flatten()
    if len(wrong):
        raise ValueError(f"{name}: expected finite counts of at least 0, got {wrong[0].item():g}")
    return count
