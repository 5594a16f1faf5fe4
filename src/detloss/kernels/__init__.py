"""Backends: the implementations of every call, and their dispatch by device. README.md describes the contract."""

from types import ModuleType, TracebackType

import torch

from detloss.kernels import cpp, eager, triton
from detloss.kernels.interface import Call, Kernel, has_memory
from detloss.types import Backend

# The backends of each device type, fastest first.
AVAILABLE: dict[str, dict[str, ModuleType]] = {
    "cpu": {"cpp": cpp, "eager": eager} if cpp.library else {"eager": eager},
    "cuda": {"triton": triton, "eager": eager} if triton.installed else {"eager": eager},
}
chosen = {device: next(iter(served)) for device, served in AVAILABLE.items()}  # the active backend of each


def backends() -> dict[str, str]:
    """Return the active backend of each device type of this machine.

    When to choose it: to record the backend of a measurement.

    Returns:
        Device type to the name of its active backend: ``"cpp"``, compiled for the processor at installation or part
        of the wheel; ``"triton"`` on CUDA; ``"eager"``, the reference in torch operations, on all other devices and
        for calls that the other two do not support.

    Example:
        >>> import detloss
        >>> detloss.backends()["cpu"] in {"cpp", "eager"}
        True
    """
    return {device: active(device) for device in devices()}


class use_backend:  # noqa: N801 - used as a function, and as a context manager
    """Force one backend for all devices that have it, until changed again or for a ``with`` block.

    When to choose it: to compare backends, or to exclude one while debugging. The environment variable
    ``DETLOSS_ISA=v2|v3|v4``, read when detloss is imported, selects an instruction set of ``"cpp"``.

    Args:
        name: The name of a backend, as `backends` returns it; ``"eager"`` is always available.

    Raises:
        ValueError: No device of this machine has that backend.

    Example:
        >>> import detloss
        >>> with detloss.use_backend("eager"):
        ...     detloss.backends()["cpu"]
        'eager'
    """

    def __init__(self, name: Backend) -> None:
        known = sorted({each for device in devices() for each in AVAILABLE[device]})
        if name not in known:
            raise ValueError(f"name: expected one of {', '.join(map(repr, known))}, got {name!r}")
        self.before = dict(chosen)
        chosen.update({device: name if name in served else next(iter(served)) for device, served in AVAILABLE.items()})

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        chosen.update(self.before)


def devices() -> list[str]:
    """The device types of this machine that have backends."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def active(device: str) -> str:
    """The name of the active backend of a device type."""
    return chosen.get(device, chosen["cpu"])


def kernel_for(call: Call) -> Kernel:
    """The kernel of the fastest backend that serves a call on its device."""
    pred = call.pred
    device = "cpu" if pred.is_cpu else pred.device.type  # `device.type` costs more than a small loss
    backend = AVAILABLE[device][chosen[device]] if device in AVAILABLE else eager
    if backend is eager or not has_memory(pred, call.target, call.weight):
        return eager
    kernel: Kernel | None = backend.kernel_for(call)
    return eager if kernel is None else kernel
