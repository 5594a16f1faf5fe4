"""The public functions: the losses of a linear layer's logits."""

from collections.abc import Sequence

from torch import Tensor

from detloss.engine import checks
from detloss.engine.chunked_linear import Layer, empty_logits, evaluate
from detloss.engine.class_checks import (
    alpha_weights,
    binary_request,
    class_weight_parameter,
    softmax_request,
)
from detloss.formulas import elementwise, softmax


def linear_cross_entropy_loss(
    features: Tensor,
    layer_weight: Tensor,
    layer_bias: Tensor | None,
    target: Tensor,
    *,
    class_weight: Tensor | Sequence[float] | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    weight: float | Tensor | None = None,
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`cross_entropy_loss` of a linear layer's logits, of which only a chunk exists at a time.

    ``loss = -w_t log p_t``, with ``p = softmax(features @ layer_weight.T + layer_bias)``

    When to choose it: a softmax head that ends in a linear layer over a thousand classes or more, where the logits and
    what a loss makes of them take most of the memory.

    Args:
        features: (..., F): what comes into the last layer.
        layer_weight: (C, F), as `torch.nn.Linear` keeps it; the dtype of ``features``, except under autocast.
        layer_bias: (C,), or None.
        target: Class indices (...), or probabilities (..., C).
        class_weight: As in `cross_entropy_loss`, like all that follow.
        ignore_index: Rows with this index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1].
        weight: A factor a row.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
        normalizer: What a mean divides by.

    Returns:
        (...) for ``"none"``, else a scalar; the dtype of the logits (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weights or an option do not fit.

    Edge cases:
        As `cross_entropy_loss`. A gradient of ``target`` or ``weight``, a gradient's gradient, `torch.func`,
        `torch.compile`, `doctor` and `validating` are served by the layer and the loss one after the other, with all
        logits.

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
    request = softmax_request(softmax.cross_entropy, logits, target, ignore_index, label_smoothing)
    return evaluate(
        "linear_cross_entropy_loss",
        request,
        logits,
        layer,
        target,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[class_weight_parameter(class_weight, logits)],
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
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy_loss` of a linear layer's logits, of which only a chunk exists at a time.

    ``loss = -t log p - (1 - t) log(1 - p)``, with ``p = sigmoid(features @ layer_weight.T + layer_bias)``

    When to choose it: a sigmoid head that ends in a linear layer over a thousand classes or more, positives not rare;
    else `linear_sigmoid_focal_loss`. Class indices as target save a dense target's memory too.

    Args:
        features: (..., F): what comes into the last layer.
        layer_weight: (C, F), as `torch.nn.Linear` keeps it; the dtype of ``features``, except under autocast.
        layer_bias: (C,), or None.
        target: Class indices (...) where C means background, or 0/1 or soft values (..., C).
        ignore_index: As in `binary_cross_entropy_loss`, like all that follow.
        label_smoothing: In [0, 1].
        weight: A factor an entry.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
        normalizer: What a mean divides by.

    Returns:
        (..., C) for ``"none"``, which has the size of all logits by nature, else a scalar; the dtype of the logits
        (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        As `binary_cross_entropy_loss`, and all logits are made where `linear_cross_entropy_loss` makes them.

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
    reduction: str = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    """`sigmoid_focal_loss` of a linear layer's logits, of which only a chunk exists at a time.

    ``loss = -alpha_t (1 - p_t)^gamma log p_t``, with ``p = sigmoid(features @ layer_weight.T + layer_bias)``

    When to choose it: a dense head that ends in a linear layer over a thousand classes or more, as for LVIS. Class
    indices as target save a dense target's memory too; divide by the number of positives (`Normalizer`).

    Args:
        features: (..., F): what comes into the last layer.
        layer_weight: (C, F), as `torch.nn.Linear` keeps it; the dtype of ``features``, except under autocast.
        layer_bias: (C,), or None.
        target: Class indices (...) where C means background, or 0/1 or soft values (..., C).
        alpha: As in `sigmoid_focal_loss`, like all that follow.
        gamma: The focusing power, at least 0.
        ignore_index: Rows with this class index are absent, and are not counted by a mean.
        label_smoothing: In [0, 1].
        weight: A factor an entry.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
        normalizer: What a mean divides by.

    Returns:
        (..., C) for ``"none"``, which has the size of all logits by nature, else a scalar; the dtype of the logits
        (float32 for a reduced 16-bit loss).

    Raises:
        TypeError: An operand or an option has the wrong type.
        ValueError: Shapes, devices, the weight's shape or an option do not fit.

    Edge cases:
        As `sigmoid_focal_loss`, and all logits are made where `linear_cross_entropy_loss` makes them.

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
