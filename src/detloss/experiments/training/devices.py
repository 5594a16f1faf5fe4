"""Where a trial trains: on one device, or on several that share its batches, a process each."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any, TypeVar

import torch
from torch import Tensor

from detloss.experiments.training.builders import Detector

Thing = TypeVar("Thing")
Team = tuple[str, ...]
"""The devices of a trial, as torch names them."""

LOSS = "loss"  # the method of a detector that training calls
PATIENCE = timedelta(days=365)  # processes that wait for their next trial wait as long as it takes

for chatty in ("distributed", "rank_zero"):  # they say of every process that it has begun
    logging.getLogger(f"lightning_fabric.utilities.{chatty}").setLevel(logging.WARNING)


class DevicesError(Exception):
    """A trial cannot have its devices; the message names the option."""


@dataclass(frozen=True)
class Place:
    """One device, which trains on all of every batch.

    Attributes:
        device: As torch names it.
    """

    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this process speaks for the trial."""
        return True

    def agreed(self, thing: Thing) -> Thing:
        """What the process that leads has."""
        return thing

    @property
    def part(self) -> slice:
        """What this device trains on of a batch."""
        return slice(None)

    def survives(self, error: Exception) -> bool:
        """Whether another trial can follow one that ended so."""
        return True

    def loss_of(self, model: Detector) -> Callable[..., Any]:
        """The detector's loss, whose gradients are those of the whole batch."""
        return model.loss

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the devices."""
        return value


@dataclass(frozen=True)
class SharedPlace(Place):
    """One of several devices, each with a process and its part of every batch.

    Attributes:
        fabric: Lightning Fabric, launched.
    """

    fabric: Any = field(kw_only=True)

    @property
    def leads(self) -> bool:
        return bool(self.fabric.is_global_zero)

    def agreed(self, thing: Thing) -> Thing:
        shared: Thing = self.fabric.broadcast(thing)
        return shared

    @property
    def part(self) -> slice:
        return slice(self.fabric.global_rank, None, self.fabric.world_size)

    def survives(self, error: Exception) -> bool:
        return isinstance(error, FloatingPointError)  # all find it; after any other, one waits for the rest

    def loss_of(self, model: Detector) -> Callable[..., Any]:
        parallel = self.fabric.setup_module(model)
        parallel.mark_forward_method(LOSS)
        loss: Callable[..., Any] = getattr(parallel, LOSS)
        return loss

    def mean(self, value: Tensor) -> Tensor:
        mean: Tensor = self.fabric.all_reduce(value)
        return mean


def all_devices() -> list[str]:
    """Every GPU that torch sees, or the processor."""
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


def teams(jobs: int | None = None, size: int = 1) -> list[Team]:
    """Find the devices of every trial that runs at the same time; GPUs are taken by turns.

    Args:
        jobs: How many trials run at the same time; None: as many as there are GPUs for, or cores.
        size: How many devices each has; where there is no GPU, so many processes.

    Raises:
        DevicesError: There are fewer GPUs, or Lightning Fabric, which connects them, is missing.
    """
    if size > 1:
        try:
            import lightning_fabric  # noqa: F401
        except ModuleNotFoundError as error:
            raise DevicesError(
                f"devices-per-trial: {size} need the package lightning-fabric, got none: pip install 'detloss[fabric]'"
            ) from error
    devices = all_devices()
    if devices == ["cpu"]:
        return [("cpu",) * size] * (jobs or max((os.cpu_count() or 1) // size, 1))
    if size > len(devices):
        raise DevicesError(f"devices-per-trial: expected at most {len(devices)}, the GPUs of this machine, got {size}")
    there = [tuple(devices[first : first + size]) for first in range(0, len(devices) - size + 1, size)]
    return [there[job % len(there)] for job in range(jobs or len(there))]


def on_each(devices: Team, work: Callable[..., None], *arguments: object) -> None:
    """Call ``work(place, *arguments)`` here for one device; for several, in a new process for each.

    Returns when all have returned; where a process dies or raises, the others are ended and this raises.
    """
    if len(devices) == 1:
        work(Place(devices[0]), *arguments)
        return
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.strategies.ddp import DDPStrategy

    kind = torch.device(devices[0]).type
    strategy = DDPStrategy(
        start_method="spawn",
        cluster_environment=LightningEnvironment(),  # whatever has started this process: its ranks are others
        timeout=PATIENCE,
    )
    numbers = [torch.device(device).index for device in devices]
    fabric = Fabric(accelerator=kind, devices=len(devices) if kind == "cpu" else numbers, strategy=strategy)
    fabric.launch(partial(begin, work=work, arguments=arguments))


def begin(fabric: Any, work: Callable[..., None], arguments: Sequence[object]) -> None:
    """Call ``work`` in the process of a device."""
    tie_to_parent()
    work(SharedPlace(str(fabric.device), fabric=fabric), *arguments)


def tie_to_parent() -> None:
    """Let this process end with its parent, however that goes, and leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the whole group; the parent decides
    threading.Thread(target=die_with_parent, daemon=True).start()


def die_with_parent() -> None:
    """End this process when its parent is gone."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
