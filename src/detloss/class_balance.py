"""Balance of unequal class frequencies: weights, offsets and margins from counts, and the initial bias of a head."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import get_args

import torch
from torch import Tensor

from detloss.engine.checks import number
from detloss.types import CountWeighting, check_choice


def alpha_from_counts(
    positives: float | Tensor | Sequence[float], negatives: float | Tensor | Sequence[float]
) -> float | Tensor:
    r"""Compute the alpha with which positives and negatives have the same total weight.

    .. math:: \alpha = N_- / (N_+ + N_-)

    When to choose it: for `balanced_cross_entropy_loss`, or as the start of a search for alpha. It is no good alpha for
    focal loss, whose gamma already reduces the weight of the easy side.

    Args:
        positives: The number of elements with target 1, or one number per class.
        negatives: The number of elements with target 0, or one number per class.

    Returns:
        A number for numbers, else a float64 tensor (C,) on the device of the counts.

    Raises:
        TypeError: A count is not a number, tensor or sequence.
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
    r"""Compute class weights that are larger for rarer classes.

    With n the count of a class, N the total and K the number of classes that occur: :math:`N / (K n)` (``"inverse"``);
    its square root, scaled to mean 1 (``"sqrt"``); :math:`(1 - \beta) / (1 - \beta^n)`, scaled to mean 1
    (``"effective"``).

    When to choose it: as ``class_weight`` of `cross_entropy_loss` and `softmax_focal_loss`. ``"inverse"`` gives all
    classes the same total weight, which is too much for very rare ones; ``"sqrt"`` is a compromise; ``"effective"``
    limits the weights, because more samples of a class bring less new information.

    Args:
        counts: The number of samples of every class, (C,).
        method: ``"inverse"``, ``"sqrt"`` or ``"effective"``.
        beta: The option of ``"effective"``, in [0, 1).

    Returns:
        float32 (C,), on the device of the counts. A class that does not occur has weight 0.

    Raises:
        TypeError: The counts are not a tensor or a sequence of numbers.
        ValueError: A count is negative or not finite, all are 0, their shape is not (C,), or an option is invalid.

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
    count = counts_per_class(counts)
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


def logit_offset_from_counts(counts: Tensor | Sequence[float], tau: float = 1.0) -> Tensor:
    r"""Compute the offsets of logits that compensate class frequencies.

    .. math:: o_j = \tau \log (n_j / N)

    with n the counts, at least 1, and N their sum

    When to choose it: as ``logit_offset`` of `cross_entropy_loss` and `softmax_focal_loss`, if the class frequencies of
    the training set are unequal and every class is equally important in the application. The offsets are part of the
    loss only: without them, the trained logits are those of equally frequent classes. ``tau = 1`` is also the balanced
    softmax, whose offsets log n differ by a constant, which no softmax depends on.

    Args:
        counts: The number of samples of every class, (C,); a count below 1 is replaced by 1.
        tau: The strength, at least 0; 0 is no adjustment.

    Returns:
        float32 (C,), on the device of the counts.

    Raises:
        TypeError: The counts are not a tensor or a sequence of numbers.
        ValueError: A count is negative or not finite, their shape is not (C,), or ``tau`` is negative.

    Example:
        >>> import detloss
        >>> detloss.logit_offset_from_counts([900, 100])
        tensor([-0.1054, -2.3026])

    Sources:
        Menon et al., Long-tail Learning via Logit Adjustment (2020), https://arxiv.org/abs/2007.07314;
        Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition (2020), https://arxiv.org/abs/2007.10740

    See also:
        `class_weight_from_counts`; `margin_from_counts`.
    """
    strength = number("tau", tau, 0.0)
    count = counts_per_class(counts).clamp(min=1.0)
    return (strength * torch.log(count / count.sum())).to(torch.float32)


def margin_from_counts(counts: Tensor | Sequence[float], largest: float = 0.5) -> Tensor:
    r"""Compute margins that are larger for rarer classes.

    .. math:: m_j = m (n_{min} / n_j)^{1/4}

    with n the counts, at least 1, and m the largest margin

    When to choose it: as ``margin`` of `cross_entropy_loss`, which is then LDAM. The margins of the paper are those of
    cosines, which it multiplies by 30: multiply them by the scale of the logits. The paper adds class weights late in
    the training, by the method ``"effective"`` of `class_weight_from_counts`.

    Args:
        counts: The number of samples of every class, (C,); a count below 1 is replaced by 1.
        largest: The margin of the rarest class, at least 0.

    Returns:
        float32 (C,), on the device of the counts.

    Raises:
        TypeError: The counts are not a tensor or a sequence of numbers.
        ValueError: A count is negative or not finite, their shape is not (C,), or ``largest`` is negative.

    Example:
        >>> import detloss
        >>> detloss.margin_from_counts([1000, 100, 10])
        tensor([0.1581, 0.2812, 0.5000])

    Sources:
        Cao et al., Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss (2019), eq. 12,
        https://arxiv.org/abs/1906.07413

    See also:
        `logit_offset_from_counts`; `class_weight_from_counts`.
    """
    highest = number("largest", largest, 0.0)
    count = counts_per_class(counts).clamp(min=1.0)
    return (highest * (count.min() / count) ** 0.25).to(torch.float32)


def prior_bias(pi: float) -> float:
    r"""Compute the initial bias of a sigmoid head's last layer from the prior probability of a class.

    .. math:: b = -\log((1 - \pi) / \pi)

    When to choose it: for a head trained with `sigmoid_focal_loss` or a binary loss on mostly background:
    ``torch.nn.init.constant_(head.bias, detloss.prior_bias(0.01))``. A head that starts with probability one half in
    every cell has a large initial loss and may diverge.

    Args:
        pi: The probability of a class in a cell before training, in (0, 1); RetinaNet uses .01.

    Returns:
        The bias, below 0 for ``pi`` below one half.

    Raises:
        TypeError: ``pi`` is not a number.
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
    """Counts as float64; raises if one is negative or not finite."""
    try:
        count = torch.as_tensor(value).to(torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name}: expected numbers, got {type(value).__name__}") from error
    wrong = count[~(count.isfinite() & (count >= 0))].flatten()
    if len(wrong):
        raise ValueError(f"{name}: expected finite counts of at least 0, got {wrong[0].item():g}")
    return count


def counts_per_class(counts: Tensor | Sequence[float]) -> Tensor:
    """One count per class, as float64."""
    count = counts_of("counts", counts)
    if count.dim() != 1 or len(count) == 0:
        raise ValueError(f"counts: expected one per class, (C,), got {tuple(count.shape)}")
    return count
