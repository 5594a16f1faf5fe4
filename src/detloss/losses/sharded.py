"""Class losses of logits whose classes are sharded across ranks.

With a sigmoid the classes are independent, so ranks communicate once, to sum their losses. With a softmax they reduce
the largest logit and sums over all classes, never the logits themselves.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, distributed

from detloss.engine import checks, debugging
from detloss.engine.autograd import evaluate
from detloss.engine.class_checks import (
    OPERANDS,
    alpha_weights,
    binary_request,
    class_weight_parameter,
    existing_classes,
    softmax_request,
)
from detloss.formulas import elementwise, softmax
from detloss.kernels.class_sharding import ShardedClasses
from detloss.kernels.interface import BinaryRequest, ShardedSoftmaxRequest, may_read

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

OUT_OF_RANGE, IGNORED = -1, -2  # local class indices: of no rank, so that its row is NaN; of an ignored row


def sharded_cross_entropy_loss(
    logits: "DTensor",
    target: Tensor,
    *,
    class_weight: Tensor | Sequence[float] | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`cross_entropy_loss` of logits whose classes are spread over ranks.

    ``loss = -w_t log p_t``, with ``p = softmax(logits)`` over the classes of all ranks

    When to choose it: the last layer is split by class over devices (tensor parallelism, large vocabularies), and to
    gather the logits would cost their memory and traffic. What travels is six numbers a row.

    Args:
        logits: (..., C), a ``DTensor`` whose last dimension is sharded over one dimension of its mesh.
        target: The same on every rank: class indices (...), or probabilities (..., C).
        class_weight: As in `cross_entropy_loss`, like all that follow; of all C classes.
        ignore_index: Rows with this index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1].
        weight: A factor a row.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
        normalizer: What a mean divides by.

    Returns:
        The same on every rank, and no ``DTensor``: (...) for ``"none"``, else a scalar; the dtype of the logits
        (float32 for a reduced 16-bit loss). The gradient by the logits is sharded as they are.

    Raises:
        TypeError: The logits are no ``DTensor``, or an operand or an option has the wrong type.
        ValueError: The logits are sharded otherwise, or shapes, devices, the weights or an option do not fit.
        NotImplementedError: A gradient's gradient is asked for.

    Edge cases:
        As `cross_entropy_loss`. A rank may have no class at all. All ranks of the mesh's dimension must call it. A
        target or a weight that asks for a gradient is refused.

    Example:
        >>> import detloss
        >>> def step(features, head, labels):  # head: a linear layer parallelised by ColwiseParallel
        ...     return detloss.sharded_cross_entropy_loss(head(features), labels, label_smoothing=0.1)

    Sources:
        Shoeybi et al., Megatron-LM (2019), section 3, https://arxiv.org/abs/1909.08053

    See also:
        `cross_entropy_loss`; `linear_cross_entropy_loss`, where one device has all classes.
    """
    shard = shard_of(logits, target, weight)
    request = softmax_request(softmax.cross_entropy, logits, target, ignore_index, label_smoothing)
    parameter = class_weight_parameter(class_weight, logits)
    return evaluate(
        "sharded_cross_entropy_loss",
        ShardedSoftmaxRequest(*request, shard.classes),
        shard.logits,
        shard.of(target) if target.dim() == logits.dim() else target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[shard.parameter(parameter)],
    )


def sharded_binary_cross_entropy_loss(
    logits: "DTensor",
    target: Tensor,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy_loss` of logits whose classes are spread over ranks.

    ``loss = -t log p - (1 - t) log(1 - p)``, with ``p = sigmoid(logits)``

    When to choose it: as `sharded_cross_entropy_loss`, for a head that judges each class alone. What travels is one
    number.

    Args:
        logits: (..., C), a ``DTensor`` whose last dimension is sharded over one dimension of its mesh.
        target: The same on every rank: class indices (...) where C means background, or 0/1 or soft values (..., C).
        ignore_index: As in `binary_cross_entropy_loss`, like all that follow.
        label_smoothing: In [0, 1].
        weight: A factor an entry.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
        normalizer: What a mean divides by.

    Returns:
        For ``"none"`` (..., C), a ``DTensor`` sharded like the logits, else a scalar, the same on every rank; the dtype
        of the logits (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: The logits are no ``DTensor``, or an operand or an option has the wrong type.
        ValueError: The logits are sharded otherwise, or shapes, devices, the weight or an option do not fit.

    Edge cases:
        As `binary_cross_entropy_loss`. A rank may have no class at all. All ranks of the mesh's dimension must call
        it. A target or a weight that asks for a gradient is refused.

    Example:
        >>> import detloss
        >>> def step(features, head, labels):  # head: a linear layer parallelised by ColwiseParallel
        ...     return detloss.sharded_binary_cross_entropy_loss(head(features), labels)

    Sources:
        Shoeybi et al., Megatron-LM (2019), section 3, https://arxiv.org/abs/1909.08053

    See also:
        `binary_cross_entropy_loss`; `sharded_sigmoid_focal_loss`.
    """
    shard = shard_of(logits, target, weight)
    request = binary_request(elementwise.binary_cross_entropy, logits, target, ignore_index, label_smoothing)
    return evaluate_independent(
        "sharded_binary_cross_entropy_loss", request, shard, logits, target, weight, reduction, normalizer
    )


def sharded_sigmoid_focal_loss(
    logits: "DTensor",
    target: Tensor,
    *,
    alpha: float | Tensor | Sequence[float] | None = 0.25,
    gamma: float = 2.0,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`sigmoid_focal_loss` of logits whose classes are spread over ranks.

    ``loss = -alpha_t (1 - p_t)^gamma log p_t``, with ``p = sigmoid(logits)``

    When to choose it: as `sharded_binary_cross_entropy_loss`, with few positives among many easy negatives.

    Args:
        logits: (..., C), a ``DTensor`` whose last dimension is sharded over one dimension of its mesh.
        target: The same on every rank: class indices (...) where C means background, or 0/1 or soft values (..., C).
        alpha: As in `sigmoid_focal_loss`, like all that follow; where one a class, of all C classes.
        gamma: The focusing power, at least 0.
        ignore_index: Rows with this class index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1].
        weight: A factor an entry.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
        normalizer: What a mean divides by.

    Returns:
        For ``"none"`` (..., C), a ``DTensor`` sharded like the logits, else a scalar, the same on every rank; the dtype
        of the logits (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: The logits are no ``DTensor``, or an operand or an option has the wrong type.
        ValueError: The logits are sharded otherwise, or shapes, devices, the weight or an option do not fit.

    Edge cases:
        As `sigmoid_focal_loss`. A rank may have no class at all. All ranks of the mesh's dimension must call it. A
        target or a weight that asks for a gradient is refused.

    Example:
        >>> import detloss
        >>> def step(features, head, labels, positives):  # head: a linear layer parallelised by ColwiseParallel
        ...     return detloss.sharded_sigmoid_focal_loss(head(features), labels, normalizer=positives)

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 5, https://arxiv.org/abs/1708.02002

    See also:
        `sigmoid_focal_loss`; `linear_sigmoid_focal_loss`, where one device has all classes.
    """
    shard = shard_of(logits, target, weight)
    exponent = checks.number("gamma", gamma, 0.0)
    request = binary_request(elementwise.sigmoid_focal, logits, target, ignore_index, label_smoothing)
    parameters = [*alpha_weights(alpha, logits), exponent]
    return evaluate_independent(
        "sharded_sigmoid_focal_loss", request, shard, logits, target, weight, reduction, normalizer, parameters
    )


class Shard(NamedTuple):
    """The logits of this rank and its place among the classes."""

    logits: Tensor
    classes: ShardedClasses

    def of(self, numbers: Tensor) -> Tensor:
        """The numbers of this rank's classes, from those of all classes in the last dimension."""
        return numbers.narrow(-1, self.classes.first, self.logits.shape[-1])

    def parameter(self, value: float | Tensor) -> float | Tensor:
        """A parameter of a formula for this rank's classes."""
        return self.of(value) if isinstance(value, Tensor) and value.dim() else value

    def indices(self, target: Tensor, ignore_index: int | None) -> Tensor:
        """Class indices among this rank's classes; a class of another rank is background."""
        target = target.long()
        local, classes = target - self.classes.first, self.logits.shape[-1]
        exists = (target >= 0) & (target <= self.classes.classes)
        index = torch.where((local >= 0) & (local < classes), local, torch.where(exists, classes, OUT_OF_RANGE))
        return index if ignore_index is None else torch.where(target == ignore_index, IGNORED, index)


def shard_of(logits: "DTensor", target: Tensor, weight: float | Tensor | None) -> Shard:
    """The shard of this rank, of logits that are sharded by class and not otherwise."""
    from torch.distributed.tensor import DTensor  # half a second that most users need not wait

    if not isinstance(logits, DTensor):
        raise TypeError(f"logits: expected a DTensor, sharded by class, got {type(logits).__name__}")
    for name, operand in (("target", target), ("weight", weight)):
        if isinstance(operand, DTensor):
            raise TypeError(f"{name}: expected an ordinary tensor, the same on every rank, got a DTensor")
        if isinstance(operand, Tensor):
            checks.constant(name, operand)
    mesh, placements = logits.device_mesh, logits.placements
    by_class = [k for k, placement in enumerate(placements) if placement.is_shard(logits.dim() - 1)]
    if len(by_class) != 1 or not all(each.is_replicate() or each.is_shard(logits.dim() - 1) for each in placements):
        raise ValueError(
            f"logits: expected the last of {logits.dim()} dimensions sharded, in one dimension of the mesh, and no "
            f"other, got {placements}"
        )
    classes, local = logits.shape[-1], logits.to_local()
    share = -(-classes // mesh.size(by_class[0]))
    first = min(share * mesh.get_local_rank(by_class[0]), classes)
    if local.shape[-1] != min(share, classes - first):
        raise ValueError(
            f"logits: expected {min(share, classes - first)} of {classes} classes on this rank, as torch shards them, "
            f"got {local.shape[-1]}"
        )
    return Shard(local, ShardedClasses(mesh.get_group(by_class[0]), first, classes))


def evaluate_independent(
    name: str,
    request: BinaryRequest,
    shard: Shard,
    logits: "DTensor",
    target: Tensor,
    weight: float | Tensor | None,
    reduction: str,
    normalizer: float | Tensor | None,
    parameters: Sequence[float | Tensor] = (),
) -> Tensor:
    """A loss of independent classes: every rank evaluates its own, then the losses are summed."""
    classes, ignore_index = logits.shape[-1], request.ignore_index
    checks.reduction(reduction, normalizer)
    if weight is not None:
        weight = checks.weight(weight, "logits", logits, logits.shape)
    if target.dim() == logits.dim():
        local = shard.of(target)
    else:
        if not debugging.on_fault_now() and may_read(target):
            existing_classes("target", target, classes, ignore_index, weight)
        request = request._replace(ignore_index=None if ignore_index is None else IGNORED)
        local = shard.indices(target, ignore_index)
    if isinstance(weight, Tensor) and weight.dim() and weight.shape[-1] == classes > 1:
        weight = shard.of(weight)
    if reduction == "mean" and normalizer is None:
        normalizer = logits.numel() if ignore_index is None else (target != ignore_index).sum() * classes
    value = evaluate(
        name,
        request,
        shard.logits,
        local,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[shard.parameter(each) for each in parameters],
    )
    if reduction == "none":
        from torch.distributed.tensor import DTensor

        mesh, shape, stride = logits.device_mesh, logits.shape, logits.stride()
        return DTensor.from_local(value, mesh, logits.placements, run_check=False, shape=shape, stride=stride)
    total: Tensor = RankSum.apply(value, shard.classes.group)
    return total


class RankSum(torch.autograd.Function):
    """The sum over ranks; its gradient is that of the loss of every rank."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, group: Any) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return upstream, None
