"""Overlap: the options that modify the IoU of a box loss."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from detloss.engine import checks
from detloss.formulas import MODIFIED


@dataclass(frozen=True)
class Overlap:
    r"""Modifiers of the IoU of a box loss: Alpha-IoU, Focaler-IoU and Inner-IoU.

    .. math::

       L = 1 - f(\mathrm{IoU}_r)^a + \sum_j P_j^a, \qquad
       f(x) = \min(\max((x - d) / (u - d), 0), 1)

    with a the ``power``, (d, u) the ``interval``, and :math:`\mathrm{IoU}_r` the IoU of both boxes scaled by r, the
    ``inner`` ratio, about their centers. The penalties :math:`P_j` of a loss, such as the empty fraction of GIoU, and
    the weight alpha of CIoU are those of the boxes as given, but have the power.

    When to choose it: a power above 1 concentrates the gradient on boxes that already overlap well; the paper uses 3.
    The power 2 alone is the loss of YOLOX. An interval ignores differences outside it: (0, 0.95) stops at IoU 0.95. An
    inner ratio below 1 sharpens the loss for good predictions; one above 1 reaches boxes that do not overlap.
    ``detloss compare`` measures which helps on your data.

    Args:
        power: a, above 0.
        interval: d and u, with 0 <= d < u <= 1.
        inner: r, above 0; the paper uses 0.5 to 1.5.

    Raises:
        TypeError: A value is no number.
        ValueError: A value is out of range.

    Edge cases:
        With a power other than 1, an IoU or a penalty of 0 has no gradient. An IoU at an end of the interval has none.
        With 1, (0, 1) and 1, a loss has exactly its values without modifiers.

    Example:
        >>> import torch, detloss
        >>> pred, target = torch.tensor([[0., 0., 2., 2.]]), torch.tensor([[1., 1., 3., 3.]])
        >>> detloss.iou_loss(pred, target, overlap=detloss.Overlap(power=3.0), reduction="none")  # 1 - 1/343
        tensor([0.9971])
        >>> detloss.iou_loss(pred, target, overlap=detloss.Overlap(inner=0.5))  # the inner boxes are apart
        tensor(1.)

    Sources:
        He et al., Alpha-IoU (2021), https://arxiv.org/abs/2110.13675; Zhang and Zhang, Focaler-IoU (2024),
        https://arxiv.org/abs/2401.10525; Zhang et al., Inner-IoU (2023), https://arxiv.org/abs/2311.02877

    See also:
        `iou_loss`.
    """

    power: float = 1.0
    interval: tuple[float, float] = (0.0, 1.0)
    inner: float = 1.0

    def __post_init__(self) -> None:
        checks.positive("power", self.power)
        checks.positive("inner", self.inner)
        ends = self.interval
        if not isinstance(ends, tuple | list) or len(ends) != 2 or not all(isinstance(end, Real) for end in ends):
            raise TypeError(f"interval: expected two numbers such as (0.0, 0.95), got {ends!r}")
        object.__setattr__(self, "interval", tuple(ends))  # hashable
        if not 0.0 <= ends[0] < ends[1] <= 1.0:
            raise ValueError(f"interval: expected 0 <= start < end <= 1, got {ends!r}")


PLAIN = Overlap()


def modified(penalty: Callable[..., Any], overlap: Overlap) -> tuple[Callable[..., Any], tuple[float, ...]]:
    """The penalty with modifiers, and their parameters; the penalty itself for the default."""
    if overlap is PLAIN:
        return penalty, ()
    if not isinstance(overlap, Overlap):
        raise TypeError(f"overlap: expected an instance such as Overlap(power=3.0), got {overlap!r}")
    if overlap == PLAIN:
        return penalty, ()
    low, high = overlap.interval
    inner = float(overlap.inner)
    return MODIFIED[penalty][inner != 1.0], (float(overlap.power), float(low), 1.0 - high, high - low, inner)
