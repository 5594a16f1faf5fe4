"""Classification losses of the logits of a linear layer, computed in chunks."""

from collections.abc import Sequence

from torch import Tensor

from detloss.engine import checks
from detloss.engine.chunked_linear import Layer, empty_logits, evaluate
from detloss.engine.class_checks import (
    adjustments,
    alpha_weights,
    binary_request,
    class_weight_parameter,
    softmax_request,
)
from detloss.formulas import elementwise
from detloss.losses.classification import formula_of
from detloss.types import Reduction


def linear_cross_entropy_loss(
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
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
    r"""`cross_entropy_loss` of the logits of a linear layer, computed in chunks.

    .. math:: L = -w_t \log p_t

    with p the softmax of ``features @ layer_weight.T + layer_bias`` and w the class weights

    When to choose it: a softmax head that ends in a linear layer with a thousand classes or more, where the logits and
    the intermediate results of the loss need most of the memory.

    Args:
        features: (..., F), the input of the linear layer.
        layer_weight: (C, F), as in `torch.nn.Linear`; the dtype of ``features``, except under autocast.
        layer_bias: (C,), or None.
        target: Class indices (...), or probabilities (..., C).
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
        (...) for ``"none"``, else a scalar. The dtype is that of the logits; a reduced 16-bit loss is float32.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `cross_entropy_loss`. All logits are computed at once for a gradient of ``target`` or ``weight``, for
        second derivatives, and under `torch.func`, `torch.compile`, `doctor` and `validating`.

    Example:
        >>> import torch, detloss
        >>> features, layer_weight = torch.tensor([[1.0, 2.0]]), torch.zeros(3, 2)
        >>> detloss.linear_cross_entropy_loss(features, layer_weight, None, torch.tensor([0]))  # log 3
        tensor(1.0986)

    Sources:
        Hsu et al., Liger Kernel (2024), section 3.2, https://arxiv.org/abs/2410.10989

    See also:
        `cross_entropy_loss`.
    """
    layer = Layer(features, layer_weight, layer_bias)
    logits = empty_logits(layer)
    formula, options = formula_of(poly)
    is_adjusted = logit_offset is not None or margin is not None
    request = softmax_request(formula, logits, target, ignore_index, label_smoothing, is_adjusted=is_adjusted)
    return evaluate(
        "linear_cross_entropy_loss",
        request,
        logits,
        layer,
        target,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[
            class_weight_parameter(class_weight, logits),
            *options,
            *adjustments(logit_offset, margin, logits, target),
        ],
    )


def linear_binary_cross_entropy_loss(
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
    target: Tensor,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""`binary_cross_entropy_loss` of the logits of a linear layer, computed in chunks.

    .. math:: L = -t \log p - (1 - t) \log(1 - p)

    with p the sigmoid of ``features @ layer_weight.T + layer_bias``

    When to choose it: a sigmoid head that ends in a linear layer with a thousand classes or more, and positives are not
    rare; else `linear_sigmoid_focal_loss`. Class indices as targets need less memory than dense targets.

    Args:
        features: (..., F), the input of the linear layer.
        layer_weight: (C, F), as in `torch.nn.Linear`; the dtype of ``features``, except under autocast.
        layer_bias: (C,), or None.
        target: Class indices (...), C for background, or values in [0, 1] (..., C).
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of the logits for ``"none"``, else a scalar. The dtype is that of the logits; a reduced 16-bit loss is
        float32. The result for ``"none"`` is as large as all logits.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `binary_cross_entropy_loss`; all logits are computed at once in the cases of `linear_cross_entropy_loss`.

    Example:
        >>> import torch, detloss
        >>> features, layer_weight = torch.tensor([[1.0, 2.0]]), torch.zeros(3, 2)
        >>> detloss.linear_binary_cross_entropy_loss(features, layer_weight, None, torch.tensor([0]))  # log 2
        tensor(0.6931)

    Sources:
        Hsu et al., Liger Kernel (2024), section 3.2, https://arxiv.org/abs/2410.10989

    See also:
        `binary_cross_entropy_loss`.
    """
    layer = Layer(features, layer_weight, layer_bias)
    logits = empty_logits(layer)
    return evaluate(
        "linear_binary_cross_entropy_loss",
        binary_request(elementwise.binary_cross_entropy, logits, target, ignore_index, label_smoothing),
        logits,
        layer,
        target,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
    )


def linear_sigmoid_focal_loss(
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
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
    r"""`sigmoid_focal_loss` of the logits of a linear layer, computed in chunks.

    .. math:: L = -\alpha_t (1 - p_t)^\gamma \log p_t

    with :math:`p_t` the probability of the target under the sigmoid of ``features @ layer_weight.T + layer_bias``

    When to choose it: a dense head that ends in a linear layer with a thousand classes or more, as for LVIS. Class
    indices as targets need less memory than dense targets. Divide by the number of positives (`Normalizer`).

    Args:
        features: (..., F), the input of the linear layer.
        layer_weight: (C, F), as in `torch.nn.Linear`; the dtype of ``features``, except under autocast.
        layer_bias: (C,), or None.
        target: Class indices (...), C for background, or values in [0, 1] (..., C).
        alpha: Weight of positives, in [0, 1]: a number, or one per class (C,). None gives both sides weight 1.
        gamma: The focusing exponent, at least 0.
        ignore_index: Rows with this class index are excluded, and a mean does not count them; None excludes none.
        label_smoothing: In [0, 1]: a target t becomes ``t (1 - s) + s / 2``.
        weight: Weight per element, 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss
            dimension by dimension.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer.
        normalizer: Divisor of the mean; by default the number of elements that are not ignored.

    Returns:
        The shape of the logits for ``"none"``, else a scalar. The dtype is that of the logits; a reduced 16-bit loss is
        float32. The result for ``"none"`` is as large as all logits.

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: A shape, a device or the value of an option is invalid.

    Edge cases:
        As in `sigmoid_focal_loss`; all logits are computed at once in the cases of `linear_cross_entropy_loss`.

    Example:
        >>> import torch, detloss
        >>> features, layer_weight = torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2)
        >>> detloss.linear_sigmoid_focal_loss(features, layer_weight, None, torch.tensor([0]))  # .25 (1/2)^2 log 2
        tensor(0.0433)

    Sources:
        Lin et al., Focal Loss for Dense Object Detection (2017), eq. 5, https://arxiv.org/abs/1708.02002;
        Hsu et al., Liger Kernel (2024), section 3.2, https://arxiv.org/abs/2410.10989

    See also:
        `sigmoid_focal_loss`.
    """
    layer = Layer(features, layer_weight, layer_bias)
    logits = empty_logits(layer)
    exponent = checks.number("gamma", gamma, 0.0)
    return evaluate(
        "linear_sigmoid_focal_loss",
        binary_request(elementwise.sigmoid_focal, logits, target, ignore_index, label_smoothing),
        logits,
        layer,
        target,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[*alpha_weights(alpha, logits), exponent],
    )
