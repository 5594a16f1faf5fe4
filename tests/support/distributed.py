"""Two real processes that meet over gloo."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

RANKS = 2


def on_two_ranks(work: Callable[..., Any], *arguments: Any, folder: Path) -> list[Any]:
    """What `work(rank, *arguments)` returned, rank by rank; `work` is a function of a module."""
    multiprocessing.spawn(begin, args=(work, arguments, folder), nprocs=RANKS)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


def begin(rank: int, work: Callable[..., Any], arguments: tuple[Any, ...], folder: Path) -> None:
    torch.set_num_threads(1)
    meeting_point = (folder / "meeting_point").as_uri()
    distributed.init_process_group("gloo", init_method=meeting_point, rank=rank, world_size=RANKS)
    torch.save(work(rank, *arguments), folder / f"{rank}.pt")
    distributed.barrier()  # nobody leaves while the other still talks
    distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    # gloo's threads may hold the last tensors when Python ends, which then aborts now and then: so Python never ends.
    os._exit(0)
