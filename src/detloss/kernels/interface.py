"""Contract between the engine and the backends: requests, calls, evaluations and the dtype of the arithmetic."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch._C import _get_tracing_state, _len_torch_dispatch_stack
from torch.autograd import forward_ad
from torch.nn import Parameter

from detloss import formulas
from detloss.formulas.axis_aligned import AXES, generated_for, measures_of_boxes
from detloss.formulas.measures import EVERY_GEOMETRY, INNER, RECTANGLES, needs
from detloss.formulas.modifiers import Modified
from detloss.geometry import AxisAligned, Rotated, Shape
from detloss.kernels.class_sharding import ShardedClasses

known_needs = functools.cache(needs)


def needs_of(penalty: Callable[..., Any]) -> frozenset[str]:
    """The measures that a penalty reads, evaluated once per penalty; compilers do not support caches."""
    return (needs if torch.compiler.is_compiling() else known_needs)(penalty)


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
    """One loss per row of logits: `formula(m, nll, probability, complement, *parameters)` of the target's class.

    The first parameter is the class weight. With `is_adjusted` the last two are an offset, which is added to the
    logits, and a margin, which is subtracted from the logit of the target's class.
    """

    formula: Callable[..., Any]
    ignore_index: int | None
    label_smoothing: float
    is_adjusted: bool = False

    def last_index(self, logits: Tensor) -> int:
        """The highest class index of a target."""
        return logits.shape[-1] - 1


class DistributionRequest(NamedTuple):
    """One loss per row of logits of bins: a softmax loss of the two bins next to a value, weighted by its distances.

    The only parameter, if there is one, is the values of the bins; else they are 0, 1, 2 and so on. With `excess` the
    entropy of both weights is subtracted.
    """

    formula: Callable[..., Any]
    excess: bool


class MaskRequest(NamedTuple):
    """One loss per row of mask logits: `formula(m, shared, excess, missing, *parameters)`, of three sums."""

    formula: Callable[..., Any]


class BoxRequest(NamedTuple):
    """One loss per pair of axis-aligned boxes, or one similarity with `measure`: a penalty on their measures."""

    formula: Callable[..., Any]
    geometry: AxisAligned
    measure: bool

    @property
    def needs(self) -> frozenset[str]:
        """The measures that the penalty reads."""
        return needs_of(self.formula)

    @property
    def provided(self) -> frozenset[str]:
        """The measures that a penalty may read."""
        return measures_of_boxes(self.geometry.dims)

    @property
    def passes_parameters(self) -> bool:
        """Whether the generated code passes parameters to the penalty."""
        return isinstance(self.formula, Modified) or not AXES.isdisjoint(self.needs)

    @property
    def generated_code(self) -> str | None:
        """The name of the generated code of the geometry, None without any."""
        return generated_for(self.geometry.dims, self.needs, self.passes_parameters)


class ConvexRequest(NamedTuple):
    """One loss per pair of convex shapes, or one similarity with `measure`; rows of vertices are flattened.

    `enclosing` is the enclosing region of a penalty that reads its size, else None.
    """

    formula: Callable[..., Any]
    shapes: tuple[Shape, Shape]
    enclosing: str | None
    measure: bool

    @property
    def needs(self) -> frozenset[str]:
        """The measures that the penalty reads."""
        return needs_of(self.formula)

    @property
    def provided(self) -> frozenset[str]:
        """The measures that a penalty may read."""
        is_planar = self.shapes[0].dims == 2
        have_sides = all(isinstance(shape, Rotated | AxisAligned) for shape in self.shapes)
        return INNER | (RECTANGLES if is_planar and have_sides else EVERY_GEOMETRY)


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
    ignore_index: int | None
    label_smoothing: float
    is_adjusted: bool
    classes: ShardedClasses

    def last_index(self, logits: Tensor) -> int:
        """The highest class index of a target."""
        return self.classes.classes - 1


Request = (
    ElementwiseRequest
    | BinaryRequest
    | SoftmaxRequest
    | DistributionRequest
    | MaskRequest
    | BoxRequest
    | ConvexRequest
    | GaussianRequest
    | ShardedSoftmaxRequest
)
ClassRequest = BinaryRequest | SoftmaxRequest | ShardedSoftmaxRequest
BY_ROW = (  # the rest: by element
    SoftmaxRequest,
    DistributionRequest,
    MaskRequest,
    BoxRequest,
    ConvexRequest,
    GaussianRequest,
    ShardedSoftmaxRequest,
)

# Formulas with generated code; a formula's position is its number in the generated code.
GENERATED: dict[type, tuple[Callable[..., Any], ...]] = {
    ElementwiseRequest: formulas.REGRESSION,
    BinaryRequest: formulas.BINARY,
    SoftmaxRequest: formulas.SOFTMAX,
    DistributionRequest: formulas.SOFTMAX,
    MaskRequest: formulas.MASKS,
    BoxRequest: formulas.PENALTIES,
    ConvexRequest: formulas.PENALTIES,
}


def formula_number(request: Request) -> int | None:
    """The number of the request's formula in the generated code, None without generated code."""
    generated = GENERATED.get(type(request), ())
    if request.formula not in generated:
        return None
    if isinstance(request, BoxRequest) and request.generated_code is None:
        return None
    return generated.index(request.formula)


class Call(NamedTuple):
    """A loss to evaluate, with its operands; all have been checked.

    The tensors that gradients flow to come first, other tensors next: autograd functions take them one by one.

    Attributes:
        pred: The prediction.
        target: The target; class indices and values between bins have one dimension fewer than `pred`.
        weight: A scalar, or a tensor that broadcasts to the unreduced loss.
        normalizer: The divisor of a mean; None: the number of elements or rows that are not ignored.
        parameters: The request's parameters; one that is not a scalar has one value per class or bin, or per
            pair of boxes.
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
        return self.target.dim() < self.pred.dim() and isinstance(self.request, ClassRequest)

    @property
    def loss_shape(self) -> torch.Size:
        """The shape of the unreduced loss."""
        return self.pred.shape[:-1] if self.by_row else self.pred.shape


class Evaluation(NamedTuple):
    """A loss with the derivatives that were needed, all in the dtype of the arithmetic.

    `class_out_of_range` is True if a class index may be out of range, False also where the indices were not read.
    """

    value: Tensor
    d_pred: Tensor | None
    d_target: Tensor | None
    class_out_of_range: bool = False


class Kernel(Protocol):
    """The implementation of a call: the eager backend, or the part of a fused backend that serves the request."""

    def evaluate(self, call: Call, needs_pred_gradient: bool, needs_target_gradient: bool) -> Evaluation:
        """The loss, weighted and reduced, with the derivatives that are needed."""

    def scaled(self, derivative: Tensor, upstream: Tensor, dtype: torch.dtype) -> Tensor:
        """The derivative times the upstream gradient, in a dtype; a fused backend may overwrite the derivative."""


def arithmetic_dtype(pred: Tensor, target: Tensor) -> torch.dtype:
    """float64 if an operand is float64, else float32."""
    return torch.float64 if pred.dtype == torch.float64 or target.dtype == torch.float64 else torch.float32


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor, in float32 if it has 16 bits."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def to_dtype(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """`tensor.to(dtype)`, without the call if it has the dtype: `to` costs as much as a small loss."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


def has_memory(*operands: Tensor | None) -> bool:
    """Whether kernels may read all operands: subclasses, traced and transformed tensors may have no memory."""
    for operand in operands:
        if type(operand) is not Tensor and operand is not None and type(operand) is not Parameter:
            return False
    return not _len_torch_dispatch_stack() and _get_tracing_state() is None and forward_ad._current_level < 0


def may_read(*operands: Tensor | None) -> bool:
    """Whether the host may read values: they are in CPU memory, without compilers and function transforms."""
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return has_memory(*operands) and all(operand is None or operand.is_cpu for operand in operands)


def has_plain_memory(tensor: Tensor) -> bool:
    """Whether a kernel may read the tensor's memory: torch keeps some tensors negated and some zeros without memory."""
    return not tensor.is_neg() and tensor.data_ptr() != 0
