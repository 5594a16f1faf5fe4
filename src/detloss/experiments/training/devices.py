"""Devices of a trial: one device, or several that share every batch with one process each."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing import parent_process
from typing import Any, TypeVar

import torch
from torch import Tensor

from detloss.experiments.errors import OptionError
from detloss.experiments.training.detector_interface import Detector

Value = TypeVar("Value")
DeviceGroup = tuple[str, ...]  # devices of one trial, by their names in torch

COLLECTIVE_TIMEOUT = timedelta(days=365)  # idle processes wait for their next trial without a limit

for component in ("distributed", "rank_zero"):  # each process would log its start
    logging.getLogger(f"lightning_fabric.utilities.{component}").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Device:
    """A device, by its name in torch, that trains on all of every batch."""

    name: str = "cpu"

    @property
    def is_main(self) -> bool:
        """Whether this process reports for the trial."""
        return True

    def broadcast(self, value: Value) -> Value:
        """Return the value of the main process."""
        return value

    @property
    def shard(self) -> slice:
        """The part of every batch that this device trains on."""
        return slice(None)

    def survives(self, error: Exception) -> bool:
        """Whether the process can run another trial after this error."""
        return True

    def loss_function(self, model: Detector) -> Callable[..., Any]:
        """The loss of a detector, with gradients of the whole batch."""
        return model.loss

    def mean(self, value: Tensor) -> Tensor:
        """Average over the devices."""
        return value


@dataclass(frozen=True)
class DistributedDevice(Device):
    """One of several devices, each with a process and a shard of every batch, connected by Lightning Fabric."""

    fabric: Any = field(kw_only=True)

    @property
    def is_main(self) -> bool:
        return bool(self.fabric.is_global_zero)

    def broadcast(self, value: Value) -> Value:
        received: Value = self.fabric.broadcast(value)
        return received

    @property
    def shard(self) -> slice:
        return slice(self.fabric.global_rank, None, self.fabric.world_size)

    def survives(self, error: Exception) -> bool:
        return isinstance(error, FloatingPointError)  # raised on all devices; after others, a device waits for the rest

    def loss_function(self, model: Detector) -> Callable[..., Any]:
        parallel = self.fabric.setup_module(model)
        parallel.mark_forward_method("loss")
        loss: Callable[..., Any] = parallel.loss
        return loss

    def mean(self, value: Tensor) -> Tensor:
        mean: Tensor = self.fabric.all_reduce(value)
        return mean


def all_devices() -> list[str]:
    """All GPUs that torch sees, or the CPU."""
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


def device_groups(jobs: int | None = None, size: int = 1, *, fabric: bool = True) -> list[DeviceGroup]:
    """Assign devices, or processes without a GPU, to each trial that runs at the same time; GPUs round-robin.

    By default as many trials run as there are GPUs for, or CPU cores. `fabric`: Lightning Fabric connects the devices.

    Raises:
        OptionError: There are too few GPUs, or Lightning Fabric, which connects the devices, is missing.
    """
    if size > 1 and fabric:
        try:
            import lightning_fabric  # noqa: F401
        except ModuleNotFoundError as error:
            raise OptionError(
                f"devices-per-trial: {size} need the package lightning-fabric, got none: pip install 'detloss[fabric]'"
            ) from error
    devices = all_devices()
    if devices == ["cpu"]:
        return [("cpu",) * size] * (jobs or max(cpu_count() // size, 1))
    if size > len(devices):
        raise OptionError(f"devices-per-trial: expected at most {len(devices)}, the GPUs of this machine, got {size}")
    groups = [tuple(devices[first : first + size]) for first in range(0, len(devices) - size + 1, size)]
    return [groups[job % len(groups)] for job in range(jobs or len(groups))]


def command_groups(jobs: int | None, size: int) -> list[DeviceGroup]:
    """Assign devices to commands, each of which uses all devices of its trial; without a GPU, one runs by default."""
    if all_devices() != ["cpu"]:
        return [(",".join(group),) for group in device_groups(jobs, size, fabric=False)]
    if size > 1:
        raise OptionError(f"devices-per-trial: expected 1 without a GPU, got {size}")
    return [("cpu",)] * (jobs or 1)


def cpu_count() -> int:
    """Number of CPU cores that this process may use: containers, batch systems and `taskset` restrict them."""
    import joblib

    count: int = joblib.cpu_count()
    return count


def on_each(devices: DeviceGroup, work: Callable[..., None], *arguments: object) -> None:
    """Call ``work(device, *arguments)`` in this process for one device, or in a new process for each of several.

    Returns when all have returned. If one process dies or raises, the others are terminated and this function raises.
    """
    if len(devices) == 1:
        work(Device(devices[0]), *arguments)
        return
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    kind = torch.device(devices[0]).type
    strategy = DDPStrategy(
        start_method="spawn",
        cluster_environment=LightningEnvironment(),  # ignores the ranks of a launcher that started this process
        timeout=COLLECTIVE_TIMEOUT,
    )
    indices = [torch.device(device).index for device in devices]
    fabric = Fabric(accelerator=kind, devices=len(devices) if kind == "cpu" else indices, strategy=strategy)
    fabric.launch(partial(work_distributed, work=work, arguments=arguments))


def work_distributed(fabric: Any, work: Callable[..., None], arguments: Sequence[object]) -> None:
    """Call ``work`` in the process of one device."""
    tie_to_parent()
    work(DistributedDevice(str(fabric.device), fabric=fabric), *arguments)


def tie_to_parent() -> None:
    """Exit when the parent process exits for any reason, and leave Ctrl-C to the parent."""

    def exit_with_parent() -> None:
        if parent := parent_process():
            parent.join()
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the signal reaches the whole process group; the parent decides
    threading.Thread(target=exit_with_parent, daemon=True).start()
