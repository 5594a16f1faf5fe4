"""The backends: each evaluates the same formulas over the same loops. README.md beside this file says how."""

from types import ModuleType, TracebackType

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import Parameter

from detloss.kernels import cpp, eager, triton
from detloss.kernels.interface import Loop

# What can serve each kind of device, best first.
AVAILABLE: dict[str, dict[str, ModuleType]] = {
    "cpu": {"cpp": cpp, "eager": eager} if cpp.library else {"eager": eager},
    "cuda": {"triton": triton, "eager": eager} if triton.installed else {"eager": eager},
}
forced: list[str] = []


def backends() -> dict[str, str]:
    """Tell which backend serves each device of this machine.

    When to choose it: to write down what a measurement was made with.

    Returns:
        Device type to the name of its active backend: ``"cpp"``, compiled for the processor when detloss was
        installed, where a compiler was found or the wheel brought it; ``"triton"`` on CUDA; ``"eager"``, torch's own
        operations and the reference, everywhere else and for what the other two do not have.

    Example:
        >>> import detloss
        >>> detloss.backends()["cpu"] in {"cpp", "eager"}
        True
    """
    return {device: active(device) for device in devices()}


class use_backend:  # noqa: N801 - used as a function, and as a context manager
    """Force one backend for all devices that have it, until changed again or for a ``with`` block.

    When to choose it: to compare backends, or to rule one out when looking for a fault. The environment variable
    ``DETLOSS_ISA=v2|v3|v4``, read when detloss is imported, forces an instruction set of ``"cpp"``.

    Args:
        name: A backend's name, as `backends` gives them; ``"eager"`` is always there.

    Raises:
        ValueError: No device here has that backend.

    Example:
        >>> import detloss
        >>> with detloss.use_backend("eager"):
        ...     detloss.backends()["cpu"]
        'eager'
    """

    def __init__(self, name: str) -> None:
        known = sorted({each for device in devices() for each in AVAILABLE[device]})
        if name not in known:
            raise ValueError(f"name: expected one of {', '.join(map(repr, known))}, got {name!r}")
        self.before = list(forced)
        forced[:] = [name]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        forced[:] = self.before


def devices() -> list[str]:
    """The device types of this machine that backends serve."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def active(device: str) -> str:
    """The name of the backend that serves a device now."""
    served = AVAILABLE.get(device, AVAILABLE["cpu"])
    return forced[0] if forced and forced[0] in served else next(iter(served))


def backend_for(loop: Loop, pred: Tensor, target: Tensor, weight: Tensor | None) -> ModuleType:
    """The best backend that serves a loop over these operands."""
    device = "cpu" if pred.is_cpu else pred.device.type  # asking for the type costs more than a small loss
    backend = AVAILABLE[device][active(device)] if device in AVAILABLE else eager
    if backend is eager or (is_memory(pred, target, weight) and backend.serves(loop, pred, target)):
        return backend
    return eager


def is_memory(*operands: Tensor | None) -> bool:
    """Whether all are plain tensors with nothing watching: what else there is has no memory that a kernel may read."""
    for operand in operands:
        if operand is not None and type(operand) is not Tensor and type(operand) is not Parameter:
            return False
    return (
        not torch._C._len_torch_dispatch_stack()
        and torch._C._get_tracing_state() is None
        and forward_ad._current_level < 0
    )
