"""Build the kernels for GPUs that are not present, as launches would, and print one line of JSON per kernel.

`python -m tests.support.triton_builds`: losses are evaluated on CPU tensors with a driver that has no device; every kernel
that they would launch is compiled for an architecture and handed to the assembler.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from typing import Any
from unittest.mock import patch

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.runtime.jit import JITFunction

from detloss.formulas import PENALTIES, elementwise, mask_sums, softmax
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


def losses(dtype: torch.dtype) -> Iterator[tuple[str, Request, Tensor, Tensor, tuple[float | Tensor, ...]]]:
    """Every kernel of weight, by the name of its loss."""
    numbers = torch.zeros(65536, dtype=dtype)
    yield "l1", ElementwiseRequest(elementwise.l1), numbers, numbers, ()
    yield "smooth_l1", ElementwiseRequest(elementwise.smooth_l1), numbers, numbers, (1.0,)
    yield "charbonnier", ElementwiseRequest(elementwise.charbonnier), numbers, numbers, (1.0,)
    yield "log_cosh", ElementwiseRequest(elementwise.log_cosh), numbers, numbers, ()
    logits, classes = torch.zeros(4096, 80, dtype=dtype), torch.zeros(4096, dtype=torch.int64)
    yield "bce", BinaryRequest(elementwise.binary_cross_entropy, None, 0.0), logits, logits, ()
    focal = elementwise.sigmoid_focal, (0.25, 0.75, 2.0)
    yield "focal", BinaryRequest(focal[0], None, 0.0), logits, logits, focal[1]
    yield "focal, indices", BinaryRequest(focal[0], -1, 0.0), logits, classes, focal[1]
    yield "ce", SoftmaxRequest(softmax.cross_entropy, -100, 0.0), logits, classes, (1.0,)
    yield "soft ce", SoftmaxRequest(softmax.cross_entropy, -100, 0.0), logits, logits, (1.0,)
    yield "softmax_focal", SoftmaxRequest(softmax.softmax_focal, -100, 0.0), logits, classes, (1.0, 2.0)
    leading = 2.0
    yield "poly", SoftmaxRequest(softmax.poly_softmax_focal, -100, 0.0), logits, classes, (1.0, 2.0, leading)
    offset = torch.zeros(80)
    adjusted = SoftmaxRequest(softmax.cross_entropy, -100, 0.0, is_adjusted=True)
    yield "adjusted ce", adjusted, logits, classes, (1.0, offset, offset)
    values, bins = torch.zeros(65536, 33, dtype=dtype), torch.arange(33.0)
    between = DistributionRequest(softmax.cross_entropy, excess=True)
    yield "dfl", between, values[:, :17].contiguous(), values[:, 0].contiguous(), ()
    yield "dfl, bins", between, values, values[:, 0].contiguous(), (bins,)
    many = torch.zeros(16, 32000, dtype=dtype)
    yield "ce, 32000 classes", SoftmaxRequest(softmax.cross_entropy, -100, 0.0), many, classes[:16], (1.0,)
    yield (
        "focal, several steps",
        BinaryRequest(focal[0], None, 0.0),
        *[torch.zeros(2**17, 80, dtype=dtype)] * 2,
        focal[1],
    )
    masks = torch.zeros(300, 12544, dtype=dtype)
    yield "dice", MaskRequest(mask_sums.tversky), masks, masks, (0.5, 0.5)
    boxes = torch.zeros(65536, 4, dtype=dtype)
    for penalty in PENALTIES:
        request = BoxRequest(penalty, AxisAligned(), measure=False)
        yield penalty.__name__, request, boxes, boxes, ()


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
        for name, request, pred, target, parameters in losses(dtype):
            if name in wanted:
                call = Call(pred, target, None, None, parameters, request, "mean")
                value, d_pred, *_ = launch.evaluate(call, True, False)
                launch.scaled(d_pred, value)
            for kernel in launched:
                if kernel not in seen:
                    yield assembled(f"{name} {dtype}", kernel, architecture)
            seen += launched
            launched.clear()
        numbers = torch.zeros(16)
        two_results[(1,)](numbers, numbers, numbers, numbers, difference, 16, enable_fp_fusion=False)
        yield assembled("difference", launched[0], architecture)


if __name__ == "__main__":
    every = [name for name, *_ in losses(torch.float32)]
    for plan in (
        *((architecture, torch.float32, every) for architecture in (80, 90, 100)),
        *((90, dtype, ("smooth_l1", "focal", "ce", "complete_iou")) for dtype in (torch.float64, torch.bfloat16)),
    ):
        for result in built(*plan):
            print(json.dumps(result))
