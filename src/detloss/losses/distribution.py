"""Loss of a number that is predicted as a distribution over bins, and the bins of D-FINE."""

from collections.abc import Sequence

import torch
from torch import Tensor

from detloss.engine import checks
from detloss.engine.autograd import evaluate
from detloss.formulas import softmax
from detloss.kernels.interface import DistributionRequest, arithmetic_dtype
from detloss.losses.module import LossModule
from detloss.types import Reduction

OPERANDS = ("logits", "value")


def distribution_focal_loss(
    logits: Tensor,
    value: Tensor,
    *,
    bins: Tensor | Sequence[float] | None = None,
    excess: bool = False,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Cross-entropy of the two bins next to a value, each weighted by the value's distance from the other.

    .. math:: L = -(1 - f) \log p_i - f \log p_{i+1}

    with p the softmax of the logits, :math:`v_i \leq y \leq v_{i+1}` the bins next to the value y, and :math:`f = (y -
    v_i) / (v_{i+1} - v_i)`

    When to choose it: a head predicts each side of a box as a distribution over bins, whose expectation is the
    distance, as in GFL and YOLOv8 to 12. The distribution may be wide where an edge is ambiguous. The loss stands
    beside a box loss. It has no focusing factor, despite its name.

    Args:
        logits: (..., n + 1), one per bin.
        value: (...), any real dtype, in the unit of the bins. Values outside of the bins are those of the nearest bin.
            No gradient flows to it; one that requires grad raises.
        bins: (n + 1,), strictly increasing; by default 0, 1, ..., n. `fine_grained_bins` are those of D-FINE.
        excess: Whether to subtract the entropy of (1 - f, f), the smallest loss of any distribution: then a perfect
            prediction has loss 0. The gradient is the same.
        weight: Weight per row, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of rows that are not ignored.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        A value of n belongs to the last bin; implementations that clamp it below n train it to a smaller value. NaN
        makes its row NaN. On a GPU the order of the bins is not checked.

    Example:
        >>> import torch, detloss
        >>> detloss.distribution_focal_loss(torch.zeros(1, 17), torch.tensor([2.5]))  # log 17
        tensor(2.8332)

    Sources:
        Li et al., Generalized Focal Loss (2020), section 3.2, https://arxiv.org/abs/2006.04388;
        Peng et al., D-FINE (2024), section 4.1, https://arxiv.org/abs/2410.13842

    See also:
        `DistributionFocalLoss`, the module; `fine_grained_bins`; `cross_entropy_loss`.
    """
    check_value(logits, value)
    if not isinstance(excess, bool):
        raise TypeError(f"excess: expected True or False, got {type(excess).__name__}")
    return evaluate(
        "distribution_focal_loss",
        DistributionRequest(softmax.cross_entropy, excess),
        logits,
        value,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[] if bins is None else [bin_values(bins, logits, value)],
    )


class DistributionFocalLoss(LossModule, function=distribution_focal_loss):
    """Module of `distribution_focal_loss`."""


def fine_grained_bins(count: int = 32, up: float = 0.5, scale: float = 4.0) -> Tensor:
    r"""Compute the bins of D-FINE's fine-grained localization loss: dense near 0, and sparse far from it.

    .. math:: v_{n/2 \pm k} = \pm (s^k - 1), \quad s = (u g + 1)^{2 / (n - 2)}, \quad v_0 = -2 u g, \quad v_n = 2 u g

    with n the count, u the factor ``up``, g the scale, and 0 < k < n / 2

    When to choose it: as ``bins`` of `distribution_focal_loss`, for a head that predicts corrections of the edges of a
    reference box. The value of an edge is g d / s - g / 2, with d its distance from the center of the reference box and
    s the side of that box; the weight is the IoU, held constant.

    Args:
        count: The number of intervals, an even number of at least 4; there are ``count + 1`` bins.
        up: Positive; the outermost bins are at ``2 * up * scale``.
        scale: Positive; D-FINE's largest models use 8.

    Returns:
        float32 (count + 1,).

    Raises:
        TypeError: An argument is not a number.
        ValueError: The count is odd or below 4, or a number is not positive.

    Example:
        >>> import detloss
        >>> detloss.fine_grained_bins(8)
        tensor([-4.0000, -2.0000, -1.0801, -0.4422,  0.0000,  0.4422,  1.0801,  2.0000,  4.0000])

    Sources:
        Peng et al., D-FINE (2024), section 4.1, https://arxiv.org/abs/2410.13842

    See also:
        `distribution_focal_loss`.
    """
    checks.index("count", count)
    if count < 4 or count % 2:
        raise ValueError(f"count: expected an even number of at least 4, got {count}")
    reach = checks.number("up", up, 0.0) * checks.number("scale", scale, 0.0)
    if not reach > 0.0:
        raise ValueError(f"up, scale: expected positive numbers, got {up!r} and {scale!r}")
    exponents = torch.arange(1, count // 2, dtype=torch.float64) * (2.0 / (count - 2))
    inner = torch.expm1(exponents * torch.log1p(torch.tensor(reach, dtype=torch.float64)))
    outer = torch.tensor([2.0 * reach], dtype=torch.float64)
    return torch.cat([-outer, -inner.flip(0), torch.zeros(1), inner, outer]).to(torch.float32)


def check_value(logits: Tensor, value: Tensor) -> None:
    """A row of logits of at least two bins per value, and a value without gradient."""
    checks.floating_tensor("logits", logits, "logits")
    checks.tensor("value", value)
    checks.same_device("value", value, "logits", logits)
    if value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"value: expected a real dtype, got {value.dtype}")
    if logits.dim() == 0 or logits.shape[-1] < 2:
        raise ValueError(f"logits: expected (..., n + 1) with at least two bins, got {tuple(logits.shape)}")
    if value.shape != logits.shape[:-1]:
        expected, shape = tuple(logits.shape[:-1]), tuple(logits.shape)
        raise ValueError(f"value: expected shape {expected} for logits {shape}, got {tuple(value.shape)}")
    checks.constant("value", value)


def bin_values(bins: Tensor | Sequence[float], logits: Tensor, value: Tensor) -> Tensor:
    """The bins as a tensor in the dtype of the arithmetic; they increase if the host can read them."""
    if not isinstance(bins, Tensor):
        if isinstance(bins, str) or not isinstance(bins, Sequence):
            raise TypeError(f"bins: expected None or one value per bin, got {type(bins).__name__}")
        bins = torch.tensor([checks.number(f"bins[{k}]", each) for k, each in enumerate(bins)], dtype=torch.float64)
    else:
        checks.same_device("bins", bins, "logits", logits)
    checks.constant("bins", bins)
    if bins.shape != logits.shape[-1:]:
        raise ValueError(f"bins: expected shape ({logits.shape[-1]},), one value per bin, got {tuple(bins.shape)}")
    bins = bins.to(arithmetic_dtype(logits, value))
    if bins.device.type == "cpu" and not torch.compiler.is_compiling():  # read only where the host need not wait
        at = checks.first_index(~((bins.diff() > 0) & bins.diff().isfinite()))
        if at is not None:
            pair = bins[at[0] : at[0] + 2].tolist()
            raise ValueError(f"bins: expected strictly increasing finite values, got {pair[0]:g} before {pair[1]:g}")
    return bins
