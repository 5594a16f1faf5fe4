"""Build the kernels for GPUs that are not present, as launches would, and print one line of JSON per kernel.

`python -m tests.support.triton_builds`: losses are evaluated on CPU tensors with a driver that has no device; every kernel
that they would launch is compiled for an architecture and handed to the assembler.
"""

import inspect
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from detloss.formulas import BINARY, MASKS, PENALTIES, REGRESSION, SOFTMAX, elementwise, penalties, softmax
from detloss.geometry import AxisAligned
from detloss.kernels.interface import (
    BinaryRequest,
    BoxRequest,
    Call,
    DistributionRequest,
    ElementwiseRequest,
    MaskRequest,
    Request,
    SoftmaxRequest,
)
from detloss.kernels.triton import launch
from detloss.kernels.triton.device_primitives import difference
from tests.support.primitive_kernels import two_results

run = JITFunction.run


class Absent:
    """A driver of a GPU that is not here."""

    def __init__(self, architecture: int) -> None:
        self.target = GPUTarget("cuda", architecture, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


class Loss(NamedTuple):
    """A loss to build, with operands of the sizes and layouts that decide its code."""

    name: str
    request: Request
    pred: Tensor
    target: Tensor
    parameters: tuple[float | Tensor, ...] = ()
    needs_target_gradient: bool = False


def losses(dtype: torch.dtype) -> Iterator[Loss]:
    """Every formula, and every branch of the kernels that changes much of their code."""
    yield from elementwise_losses(dtype)
    yield from softmax_losses(dtype)
    yield from box_losses(dtype)


def parameter_names(formula: Callable[..., Any], operands: int) -> list[str]:
    """The names of a formula's parameters, after the vocabulary and the operands."""
    return list(inspect.signature(formula).parameters)[1 + operands :]


def elementwise_losses(dtype: torch.dtype) -> Iterator[Loss]:
    """Losses of elements and of masks; every quality has its own value."""
    numbers = torch.zeros(65536, dtype=dtype)
    for formula in REGRESSION:
        count = len(parameter_names(formula, operands=2))
        yield Loss(formula.__name__, ElementwiseRequest(formula), numbers, numbers, (1.0,) * count)
    logits, classes = torch.zeros(4096, 80, dtype=dtype), torch.zeros(4096, dtype=torch.int64)
    for formula in BINARY:
        parameters = tuple(logits if name == "quality" else 1.0 for name in parameter_names(formula, operands=4))
        yield Loss(formula.__name__, BinaryRequest(formula, None, 0.0), logits, logits, parameters)
    focal, many = elementwise.sigmoid_focal, torch.zeros(2**17, 80, dtype=dtype)
    yield Loss("sigmoid_focal, indices", BinaryRequest(focal, -1, 0.0), logits, classes, (1.0, 1.0, 1.0))
    yield Loss("sigmoid_focal, several steps", BinaryRequest(focal, None, 0.0), many, many, (1.0, 1.0, 1.0))
    masks = torch.zeros(300, 12544, dtype=dtype)
    for formula in MASKS:
        yield Loss(formula.__name__, MaskRequest(formula), masks, masks, (1.0, 1.0), needs_target_gradient=True)


def softmax_losses(dtype: torch.dtype) -> Iterator[Loss]:
    """Losses of rows of logits; the first parameter of a softmax loss is the class weight."""
    logits, classes = torch.zeros(4096, 80, dtype=dtype), torch.zeros(4096, dtype=torch.int64)
    for formula in SOFTMAX:
        parameters = (1.0,) * (1 + len(parameter_names(formula, operands=3)))
        yield Loss(formula.__name__, SoftmaxRequest(formula, -100, 0.0), logits, classes, parameters)
    request = SoftmaxRequest(softmax.cross_entropy, -100, 0.0)
    yield Loss("cross_entropy, soft targets", request, logits, logits, (1.0,), needs_target_gradient=True)
    offset = torch.zeros(80)
    yield Loss("cross_entropy, adjusted", request._replace(is_adjusted=True), logits, classes, (1.0, offset, offset))
    yield Loss("cross_entropy, 21 classes", request, logits[:, :21].contiguous(), classes, (1.0,))
    many = torch.zeros(16, 32000, dtype=dtype)
    yield Loss("cross_entropy, 32000 classes", request, many, classes[:16], (1.0,))
    between, values = DistributionRequest(softmax.cross_entropy, excess=True), logits[:, 0].contiguous()
    for count in (16, 17):
        bins = logits[:, :count].contiguous()
        yield Loss(f"distribution_focal, {count} bins", between, bins, values)
        yield Loss(f"distribution_focal, values of {count} bins", between, bins, values, (torch.arange(float(count)),))


def box_losses(dtype: torch.dtype) -> Iterator[Loss]:
    """Losses of pairs of boxes; of two modified penalties of one name, the one with inner boxes, which has more code."""
    boxes = torch.zeros(65536, 4, dtype=dtype)
    for name, penalty in {penalty.__name__: penalty for penalty in PENALTIES}.items():
        yield Loss(name, BoxRequest(penalty, AxisAligned(), measure=False), boxes, boxes)
    request = BoxRequest(penalties.complete_iou, AxisAligned("cxcywh"), measure=False)
    yield Loss("complete_iou, both gradients", request, boxes, boxes, needs_target_gradient=True)
    request = BoxRequest(penalties.minimum_points_distance_iou, AxisAligned(), measure=False)
    yield Loss("minimum_points_distance_iou, length per box", request, boxes, boxes, (boxes[:, 0],))
    for dims in (1, 3):
        rows = torch.zeros(65536, 2 * dims, dtype=dtype)
        request = BoxRequest(penalties.generalized_iou, AxisAligned(dims=dims), measure=False)
        yield Loss(f"generalized_iou, {dims} dimensions", request, rows, rows)


def assembled(name: str, kernel: Any, architecture: int) -> dict[str, Any]:
    """Output of the assembler for a kernel, and its code."""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(kernel.asm["ptx"])
        file.flush()
        tools = triton.knobs.nvidia
        assembler = (tools.ptxas if architecture < 100 else tools.ptxas_blackwell).path
        gpu = f"--gpu-name=sm_{architecture}{'a' if architecture >= 90 else ''}"
        command = [assembler, "-v", "--fmad=false", gpu, file.name, "-o", "/dev/null"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    code = "\n".join(line for line in kernel.asm["ptx"].splitlines() if not line.lstrip().startswith((".loc", "//")))
    return {
        "loss": name,
        "kernel": kernel.metadata.name,
        "architecture": architecture,
        "registers": int(re.findall(r"Used (\d+) registers", said)[0]),
        "spilled": sum(map(int, re.findall(r"(\d+) bytes spill", said))),
        "ptx": code,
    }


def built(architecture: int, dtype: torch.dtype, wanted: Collection[str]) -> Iterator[dict[str, Any]]:
    """Every kernel of some losses, forward and backward, each once."""
    launched: list[Any] = []

    def stopped(kernel: Any, *operands: Any, grid: Any, warmup: bool, **options: Any) -> None:
        """A launch that ends where a device would begin."""
        launched.append(run(kernel, *operands, grid=grid, warmup=True, **options))

    triton.runtime.driver.set_active(Absent(architecture))
    seen: list[Any] = []
    with patch.object(JITFunction, "run", stopped):
        for loss in losses(dtype):
            if loss.name in wanted:
                call = Call(loss.pred, loss.target, None, None, loss.parameters, loss.request, "mean")
                value, d_pred, *_ = launch.evaluate(call, True, loss.needs_target_gradient)
                assert d_pred is not None
                launch.scaled(d_pred, value, d_pred.dtype)
            for kernel in launched:
                if kernel not in seen:
                    yield assembled(f"{loss.name} {dtype}", kernel, architecture)
            seen += launched
            launched.clear()
        numbers = torch.zeros(16)
        two_results[(1,)](numbers, numbers, numbers, numbers, difference, 16, enable_fp_fusion=False)
        yield assembled("difference", launched[0], architecture)


if __name__ == "__main__":
    every = [loss.name for loss in losses(torch.float32)]
    for plan in (
        *((architecture, torch.float32, every) for architecture in (80, 90, 100)),
        *(
            (90, dtype, ("smooth_l1", "sigmoid_focal", "cross_entropy", "complete_iou"))
            for dtype in (torch.float64, torch.bfloat16)
        ),
    ):
        for result in built(*plan):
            print(json.dumps(result))
