"""Execution of a training step: launches and synchronizations, CUDA graphs, compilation, two GPUs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import detloss
from tools.gpu.part import Run, moved

if TYPE_CHECKING:
    from tests.support.loss_table import Row

Step = Callable[[], tuple[Tensor, ...]]
"""The value of a loss and its gradients."""

WARM_UP = 3  # steps before a capture, as the documentation of torch.cuda.graph recommends


def launches(run: Run) -> None:
    """Kernels that a step of every loss launches; no step may wait for the GPU."""
    from benchmarks.meters import gpu_launches, gpu_synchronizations

    def check(row: Row) -> None:
        step = step_of(row, *operands(row, run, run.seed))
        step()  # builds the kernels
        waits = gpu_synchronizations(step)
        run.figures.append({"loss": row.name, "launches": gpu_launches(step), "synchronizations": waits})
        if waits:
            run.failures.append(f"{row.name}: expected no synchronization, got {waits}")

    each_loss(run, check)


def graphs(run: Run) -> None:
    """A step of every loss, captured in a CUDA graph and replayed on other operands."""

    def check(row: Row) -> None:
        static, others = operands(row, run, run.seed), operands(row, run, run.seed + 1)
        step, side = step_of(row, *static), torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = step()
        with torch.no_grad():
            for operand, other in zip(static, others, strict=True):
                operand.copy_(other)
        graph.replay()
        run.failures += differences(f"{row.name}, replayed", captured, step_of(row, *others)())

    each_loss(run, check)


def compiled(run: Run) -> None:
    """Every loss in a function compiled by `torch.compile` without graph breaks."""

    def check(row: Row) -> None:
        torch.compiler.reset()
        given = operands(row, run, run.seed)
        function = torch.compile(partial(row, reduction="mean"), fullgraph=True, backend=run.extent.compiler)
        run.failures += differences(f"{row.name}, compiled", step_of(function, *given)(), step_of(row, *given)())

    each_loss(run, check)


def two_gpus(run: Run) -> None:
    """A step with DistributedDataParallel on two GPUs against the same step on one."""
    from tests.support.distributed import on_two_ranks

    def check() -> None:
        with TemporaryDirectory() as folder:
            ranks = on_two_ranks(
                gradient_of_a_rank, run.device.type, run.seed, folder=Path(folder), backend=BACKENDS[run.device.type]
            )
        expected = gradient_of_a_model(model(run.seed, run.device), slice(None), run.seed, run.device)
        for rank, gradient in enumerate(ranks):
            run.failures += differences(f"gradient on rank {rank}", (gradient,), (expected,))

    run.each([("two ranks", check)])


BACKENDS = {"cuda": "nccl", "cpu": "gloo"}
IMAGES, FEATURES, CLASSES = 64, 32, 8


def gradient_of_a_rank(rank: int, device_type: str, seed: int) -> Tensor:
    """The gradient that a rank has after a step on its half of the images."""
    device = torch.device(device_type, rank if device_type == "cuda" else 0)
    if device_type == "cuda":
        torch.cuda.set_device(device)
    half = IMAGES // 2
    distributed = nn.parallel.DistributedDataParallel(model(seed, device))
    return gradient_of_a_model(distributed, slice(rank * half, (rank + 1) * half), seed, device)


def model(seed: int, device: torch.device) -> nn.Linear:
    """A linear layer with random weights."""
    torch.manual_seed(seed)
    return nn.Linear(FEATURES, CLASSES, bias=False).to(device)


def gradient_of_a_model(network: nn.Module, images: slice, seed: int, device: torch.device) -> Tensor:
    """The gradient of the mean focal loss over some of the images, by the weights."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(IMAGES, FEATURES, generator=generator)[images].to(device)
    target = torch.randint(2, (IMAGES, CLASSES), generator=generator).float()[images].to(device)
    detloss.sigmoid_focal_loss(network(features), target, reduction="mean").backward()
    [weight] = network.parameters()
    assert weight.grad is not None
    return weight.grad.cpu()


def each_loss(run: Run, check: Callable[[Row], None]) -> None:
    """Run a check for every loss."""
    from tests.support.loss_table import TABLE

    run.each([(row.name, partial(check, row)) for row in TABLE if run.includes(row.name)])


def operands(row: Row, run: Run, seed: int) -> list[Tensor]:
    """Prediction and target in float32 on the device."""
    return [moved(operand, run.device) for operand in row.inputs(seed, torch.float32)]


def step_of(loss: Callable[..., Tensor], *operands: Tensor) -> Step:
    """Forward and backward pass of the mean of a loss."""
    leaves = [operand for operand in operands if operand.requires_grad]

    def step() -> tuple[Tensor, ...]:
        value = loss(*operands, reduction="mean")
        return value.detach(), *torch.autograd.grad(value, leaves)

    return step


def differences(name: str, found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> list[str]:
    """The description of a result that is not close to what was expected."""
    try:
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    except AssertionError as error:
        return [f"{name}: {' '.join(str(error).split())}"]
    return []
