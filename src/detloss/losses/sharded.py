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
    adjustments,
    alpha_weights,
    binary_request,
    class_weight_parameter,
    existing_classes,
    softmax_request,
)
from detloss.formulas import elementwise
from detloss.kernels.class_sharding import ShardedClasses
from detloss.kernels.interface import BinaryRequest, ShardedSoftmaxRequest, may_read
from detloss.losses.classification import formula_of
from detloss.types import Reduction

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
    poly: float = 0.0,
    logit_offset: Tensor | Sequence[float] | None = None,
    margin: float | Tensor | Sequence[float] | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""`cross_entropy_loss` of logits whose classes are sharded over ranks.

    .. math:: L = -w_t \log p_t

    with p the softmax over the classes of all ranks and w the class weights

    When to choose it: the last layer is sharded by class (tensor parallelism, large vocabularies), and gathering the
    logits would need too much memory and communication. The ranks exchange six numbers per row.

    Args:
        logits: (..., C), a ``DTensor`` whose last dimension is sharded over one dimension of its mesh.
        target: Equal on all ranks: class indices (...), or probabilities (..., C).
        class_weight: One factor per class, (C,). A row has the factor of its class; with soft targets, each class has
            its own.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: the fraction of the target that is distributed uniformly over all classes.
        poly: As in `cross_entropy_loss`.
        logit_offset: One number per class, (C,), that is added to the logits: `logit_offset_from_counts`.
        margin: Subtracted from the logit of the target's class: a number of at least 0, or one per class, (C,):
            `margin_from_counts`. Only with class indices.
        weight: Weight per row, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss dimension
            by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of rows that are not ignored.

    Returns:
        (...) for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is float32. It is
        equal on all ranks and not a ``DTensor``. The gradient by the logits is sharded like them.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.
        NotImplementedError: A second derivative is requested.

    Edge cases:
        As in `cross_entropy_loss`. A rank may have no classes. All ranks of the mesh dimension must call the function.
        A target or a weight that requires grad raises.

    Example:
        >>> import detloss
        >>> def step(features, head, labels):  # head: a linear layer parallelized by ColwiseParallel
        ...     return detloss.sharded_cross_entropy_loss(head(features), labels, label_smoothing=0.1)

    Sources:
        Shoeybi et al., Megatron-LM (2019), section 3, https://arxiv.org/abs/1909.08053

    See also:
        `cross_entropy_loss`; `linear_cross_entropy_loss`, for all classes on one device.
    """
    shard = shard_of(logits, target, weight)
    formula, options = formula_of(poly)
    is_adjusted = logit_offset is not None or margin is not None
    request = softmax_request(formula, logits, target, ignore_index, label_smoothing, is_adjusted=is_adjusted)
    adjusted = adjustments(logit_offset, margin, logits, target)
    return evaluate(
        "sharded_cross_entropy_loss",
        ShardedSoftmaxRequest(*request, shard.classes),
        shard.logits,
        shard.of(target) if target.dim() == logits.dim() else target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            shard.parameter(class_weight_parameter(class_weight, logits)),
            *options,
            *(shard.parameter(each) for each in adjusted),
        ],
    )


def sharded_binary_cross_entropy_loss(
    logits: "DTensor",
    target: Tensor,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""`binary_cross_entropy_loss` of logits whose classes are sharded over ranks.

    .. math:: L = -t \log p - (1 - t) \log(1 - p)

    with p the sigmoid of the logits

    When to choose it: as `sharded_cross_entropy_loss`, for a head with one sigmoid per class. The ranks exchange one
    number.

    Args:
        logits: (..., C), a ``DTensor`` whose last dimension is sharded over one dimension of its mesh.
        target: Equal on all ranks: class indices (...), C for background, or values in [0, 1] (..., C).
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32. For ``"none"`` it is a ``DTensor`` sharded like the logits, else equal on all ranks.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `binary_cross_entropy_loss`. A rank may have no classes. All ranks of the mesh dimension must call the
        function. A target or a weight that requires grad raises.

    Example:
        >>> import detloss
        >>> def step(features, head, labels):  # head: a linear layer parallelized by ColwiseParallel
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
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""`sigmoid_focal_loss` of logits whose classes are sharded over ranks.

    .. math:: L = -\alpha_t (1 - p_t)^\gamma \log p_t

    with :math:`p_t` the probability of the target under the sigmoid of the logits

    When to choose it: as `sharded_binary_cross_entropy_loss`, with few positives among many easy negatives.

    Args:
        logits: (..., C), a ``DTensor`` whose last dimension is sharded over one dimension of its mesh.
        target: Equal on all ranks: class indices (...), C for background, or values in [0, 1] (..., C).
        alpha: Weight of positives, in [0, 1]: a number, or one per class (C,). None gives both sides weight 1.
        gamma: The focusing exponent, at least 0.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of ``logits`` for ``"none"``, else a scalar. The dtype is that of ``logits``; a reduced 16-bit loss is
        float32. For ``"none"`` it is a ``DTensor`` sharded like the logits, else equal on all ranks.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `sigmoid_focal_loss`. A rank may have no classes. All ranks of the mesh dimension must call the function.
        A target or a weight that requires grad raises.

    Example:
        >>> import detloss
        >>> def step(features, head, labels, positives):  # head: a linear layer parallelized by ColwiseParallel
        ...     return detloss.sharded_sigmoid_focal_loss(head(features), labels, normalizer=positives)

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 5, https://arxiv.org/abs/1708.02002

    See also:
        `sigmoid_focal_loss`; `linear_sigmoid_focal_loss`, for all classes on one device.
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
    reduction: Reduction,
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
