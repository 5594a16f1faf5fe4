"""Measurement environment: a device, the backends that support it, and its clock and meters."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

import detloss
from benchmarks.meters import (
    Clock,
    Run,
    available_bytes,
    gpu_available_bytes,
    gpu_launches,
    gpu_peak_bytes,
    gpu_seconds,
    gpu_synchronizations,
    peak_bytes,
    wall_seconds,
)
from benchmarks.timing import Budget

BACKENDS = ("cpp", "triton", "eager")


@dataclass(frozen=True)
class Environment:
    """A device and its meters.

    Attributes:
        device: The device of the operands.
        backends: The backends of detloss that support the device, the default one first.
        budget: The limits of one interleaved measurement.
        compiles: Whether `torch.compile` is measured.
        clock: Seconds per call.
        peak: Peak memory of a call, in bytes.
        available: Free memory, in bytes.
        launches: Kernel launches of a call; None on a CPU.
        synchronizations: Synchronizations of a call with the host; None on a CPU.
    """

    device: torch.device
    backends: tuple[str, ...]
    budget: Budget
    compiles: bool
    clock: Clock
    peak: Callable[[Run], int]
    available: Callable[[], int]
    launches: Callable[[Run], int] | None = None
    synchronizations: Callable[[Run], int] | None = None


def cpu_environment(budget: Budget, compiles: bool) -> Environment:
    """Measurement on the CPU."""
    device = torch.device("cpu")
    return Environment(device, backends_of(device), budget, compiles, wall_seconds, peak_bytes, available_bytes)


def gpu_environment(budget: Budget, compiles: bool) -> Environment:
    """Measurement on the GPU."""
    device = torch.device("cuda")
    return Environment(
        device,
        backends_of(device),
        budget,
        compiles,
        gpu_seconds,
        gpu_peak_bytes,
        gpu_available_bytes,
        gpu_launches,
        gpu_synchronizations,
    )


def backends_of(device: torch.device) -> tuple[str, ...]:
    """The backends that support a device, the default one first."""
    default = detloss.backends()[device.type]
    return default, *(name for name in BACKENDS if name != default and supports(name, device))


def supports(backend: str, device: torch.device) -> bool:
    """Whether a backend is available and supports the device."""
    try:
        with detloss.use_backend(backend):
            return detloss.backends()[device.type] == backend
    except ValueError:
        return False


@contextmanager
def empty_compile_cache(device: torch.device) -> Iterator[bool]:
    """Use an empty cache for `torch.compile`; yield whether compilation works."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # warns only that there is no GPU
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        try:
            torch.compile(torch.neg)(torch.zeros(4, device=device))  # pays the start-up cost of the compiler
        except RuntimeError:
            yield False
        else:
            yield True
