"""Where contests take place: the device with its clock and its meters."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

import detloss
from benchmarks.contest import Budget, Clock, Run, processor_seconds
from benchmarks.gpu import gpu_available_bytes, gpu_launches, gpu_peak_bytes, gpu_seconds, gpu_synchronisations
from benchmarks.memory import available_bytes, peak_bytes

BACKENDS = ("cpp", "triton", "eager")


@dataclass(frozen=True)
class Stage:
    """A device and how contenders are measured on it.

    Attributes:
        device: Where operands live.
        backends: The library's backends that serve the device, the active one first.
        budget: How long a contest may take.
        compiles: Whether `torch.compile` takes part.
        clock: Seconds a call.
        peak: Bytes that a call held at most.
        available: Bytes that are free now.
        launches: Kernels that a call starts; None: not on this device.
        synchronisations: How often a call makes the host wait; None: not on this device.
    """

    device: torch.device
    backends: tuple[str, ...]
    budget: Budget
    compiles: bool
    clock: Clock
    peak: Callable[[Run], int]
    available: Callable[[], int]
    launches: Callable[[Run], int] | None = None
    synchronisations: Callable[[Run], int] | None = None


def on_processor(budget: Budget, compiles: bool) -> Stage:
    """Measure on the CPU."""
    device = torch.device("cpu")
    return Stage(device, backends_of(device), budget, compiles, processor_seconds, peak_bytes, available_bytes)


def on_gpu(budget: Budget, compiles: bool) -> Stage:
    """Measure on the GPU."""
    device = torch.device("cuda")
    return Stage(
        device,
        backends_of(device),
        budget,
        compiles,
        gpu_seconds,
        gpu_peak_bytes,
        gpu_available_bytes,
        gpu_launches,
        gpu_synchronisations,
    )


def backends_of(device: torch.device) -> tuple[str, ...]:
    """The backends that serve a device, the active one first."""
    active = detloss.backends()[device.type]
    return active, *(name for name in BACKENDS if name != active and serves(name, device))


def serves(backend: str, device: torch.device) -> bool:
    """Whether a backend exists here and takes over the device when it is asked to."""
    try:
        with detloss.use_backend(backend):
            return detloss.backends()[device.type] == backend
    except ValueError:
        return False


@contextmanager
def fresh_compiler(device: torch.device) -> Iterator[bool]:
    """Compile without caches of earlier runs; tells whether compiling works here at all."""
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # says only that there is no GPU
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        try:
            torch.compile(torch.neg)(
                torch.zeros(4, device=device)
            )  # takes what the first compilation of a process costs
        except RuntimeError:
            yield False
        else:
            yield True
