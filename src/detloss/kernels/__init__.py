"""The backends: each evaluates the same formulas over the same loops. README.md beside this file says how."""

from types import ModuleType, TracebackType

import torch
from torch import Tensor

from detloss.kernels import eager

# What can serve each kind of device, best first.
AVAILABLE: dict[str, dict[str, ModuleType]] = {"cpu": {"eager": eager}, "cuda": {"eager": eager}}
forced: list[str] = []


def backends() -> dict[str, str]:
    """Tell which backend serves each device of this machine.

    When to choose it: to write down what a measurement was made with.

    Returns:
        Device type to the name of its active backend: ``"eager"`` is torch's own operations, the reference.

    Example:
        >>> import detloss
        >>> detloss.backends()["cpu"]
        'eager'
    """
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    return {device: active(device) for device in devices}


class use_backend:  # noqa: N801 - used as a function, and as a context manager
    """Force one backend for all devices that have it, until changed again or for a ``with`` block.

    When to choose it: to compare backends, or to rule one out when looking for a fault.

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
        known = sorted({each for served in AVAILABLE.values() for each in served})
        if name not in known:
            raise ValueError(f"name: expected one of {', '.join(map(repr, known))}, got {name!r}")
        self.before = list(forced)
        forced[:] = [name]

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        forced[:] = self.before


def active(device: str) -> str:
    """The name of the backend that serves a device now."""
    served = AVAILABLE.get(device, AVAILABLE["cpu"])
    return forced[0] if forced and forced[0] in served else next(iter(served))


def backend_for(operand: Tensor) -> ModuleType:
    """The backend that serves an operand's device."""
    device = operand.device.type
    return AVAILABLE.get(device, AVAILABLE["cpu"])[active(device)]
