"""Contract between the engine and the backends: requests, calls, evaluations and the dtype of the arithmetic."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from detloss.geometry import AxisAligned, Shape
from detloss.kernels import printed
from detloss.kernels.class_sharding import ShardedClasses


class ElementwiseRequest(NamedTuple):
    """One loss per element: `formula(m, pred, target, *parameters)`."""

    formula: Callable[..., Any]


class BinaryRequest(NamedTuple):
    """One loss per logit; targets are 0/1, soft values, or class indices with one dimension fewer."""

    formula: Callable[..., Any]
    ignore_index: int | None
    label_smoothing: float

    def last_index(self, logits: Tensor) -> int:
        """The highest class index of a target: background."""
        return logits.shape[-1]


class SoftmaxRequest(NamedTuple):
    """One loss per row of logits: `formula(m, nll, likelihood, missing, *parameters)` of the target's class."""

    formula: Callable[..., Any]
    ignore_index: int
    label_smoothing: float

    def last_index(self, logits: Tensor) -> int:
        """The highest class index of a target."""
        return logits.shape[-1] - 1


class BoxRequest(NamedTuple):
    """One loss per pair of axis-aligned boxes, or one similarity with `measure`: a penalty on their measures."""

    formula: Callable[..., Any]
    geometry: AxisAligned
    with_angle: bool
    measure: bool


class ConvexRequest(NamedTuple):
    """One loss per pair of convex shapes, or one similarity with `measure`; rows of vertices are flattened.

    `enclosing` is the enclosing region that a penalty needs, None without one; `with_distance` and `with_angle` tell
    whether it needs the distance of the centers and the aspect ratios.
    """

    formula: Callable[..., Any]
    shapes: tuple[Shape, Shape]
    enclosing: str | None
    with_distance: bool
    with_angle: bool
    measure: bool


class GaussianRequest(NamedTuple):
    """One loss per pair of rotated boxes as Gaussians: a penalty on a divergence, which is the formula.

    With `is_relative` the divergence is in units of the boxes' own sizes.
    """

    formula: Callable[..., Any]
    penalty: Callable[..., Any]
    is_relative: bool


class ShardedSoftmaxRequest(NamedTuple):
    """The softmax request for classes that are sharded across ranks; only the eager backend serves it."""

    formula: Callable[..., Any]
    ignore_index: int
    label_smoothing: float
    classes: ShardedClasses

    def last_index(self, logits: Tensor) -> int:
        """The highest class index of a target."""
        return self.classes.classes - 1


Request = (
    ElementwiseRequest
    | BinaryRequest
    | SoftmaxRequest
    | BoxRequest
    | ConvexRequest
    | GaussianRequest
    | ShardedSoftmaxRequest
)
ClassRequest = BinaryRequest | SoftmaxRequest | ShardedSoftmaxRequest
BY_ROW = (SoftmaxRequest, BoxRequest, ConvexRequest, GaussianRequest, ShardedSoftmaxRequest)  # the rest: by element

# Formulas with generated code; a formula's position is its number in the generated code.
GENERATED: dict[type, tuple[Callable[..., Any], ...]] = {
    ElementwiseRequest: printed.ELEMENT,
    BinaryRequest: printed.BINARY,
    SoftmaxRequest: printed.ROW,
    BoxRequest: printed.PENALTIES,
    ConvexRequest: printed.PENALTIES,
}


def formula_number(request: Request) -> int | None:
    """The number of the request's formula in the generated code, None without generated code."""
    formulas = GENERATED.get(type(request), ())
    if request.formula not in formulas:
        return None
    if isinstance(request, BoxRequest):
        dims = request.geometry.dims
        if dims not in printed.DIMENSIONS or printed.geometry_name(dims, request.formula) is None:
            return None
    return formulas.index(request.formula)


class Call(NamedTuple):
    """A loss to evaluate, with its operands; all have been checked.

    The tensors that gradients flow to come first, other tensors next: autograd functions take them one by one.

    Attributes:
        pred: The prediction.
        target: The target; class indices have one dimension fewer than `pred`.
        weight: A scalar, or a tensor that broadcasts to the unreduced loss.
        normalizer: The divisor of a mean; None: the number of elements or rows that are not ignored.
        parameters: The formula's parameters; one that is not a scalar has one value per class.
        request: The formula, and the elements or rows that it is applied to.
        reduction: "none", "sum" or "mean".
        name: The name of the public function.
        operand_names: The public names of `pred` and `target`.
        on_fault: "raise" or "warn" inside `detloss.doctor()`, else None.
    """

    pred: Tensor
    target: Tensor
    weight: Tensor | None
    normalizer: float | Tensor | None
    parameters: Sequence[float | Tensor]
    request: Request
    reduction: str
    name: str = ""
    operand_names: tuple[str, str] = ("pred", "target")
    on_fault: str | None = None

    @property
    def by_row(self) -> bool:
        """Whether a row has one loss; else every element has one."""
        return isinstance(self.request, BY_ROW)

    @property
    def has_indices(self) -> bool:
        """Whether the target holds class indices."""
        return self.target.dim() < self.pred.dim()

    @property
    def loss_shape(self) -> torch.Size:
        """The shape of the unreduced loss."""
        return self.pred.shape[:-1] if self.by_row else self.pred.shape


class Evaluation(NamedTuple):
    """A loss with the derivatives that were requested, all in the dtype of the arithmetic."""

    value: Tensor
    d_pred: Tensor | None
    d_target: Tensor | None


class Kernel(Protocol):
    """The implementation of a call: the eager backend, or the part of a fused backend that serves the request."""

    def evaluate(self, call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
        """The loss, weighted and reduced, with the derivatives that are needed."""

    def scaled(self, derivative: Tensor, upstream: Tensor) -> Tensor:
        """The derivative times the upstream gradient; a fused backend may overwrite the derivative."""


def arithmetic_dtype(pred: Tensor, target: Tensor) -> torch.dtype:
    """float64 if an operand is float64, else float32."""
    return torch.float64 if pred.dtype == torch.float64 or target.dtype == torch.float64 else torch.float32


def has_plain_memory(tensor: Tensor) -> bool:
    """Whether a kernel may read the tensor's memory: torch keeps some tensors negated and some zeros without memory."""
    return not tensor.is_neg() and tensor.data_ptr() != 0
