"""Two processes of a group."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

RANKS = 2


def on_two_ranks(work: Callable[..., Any], *arguments: Any, folder: Path, backend: str = "gloo") -> list[Any]:
    """The results of `work(rank, *arguments)` by rank; `work` is defined at the top level of a module."""
    multiprocessing.spawn(run_rank, args=(work, arguments, folder, backend), nprocs=RANKS)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(RANKS)]


def run_rank(rank: int, work: Callable[..., Any], arguments: tuple[Any, ...], folder: Path, backend: str) -> None:
    torch.set_num_threads(1)
    rendezvous = (folder / "rendezvous").as_uri()
    distributed.init_process_group(backend, init_method=rendezvous, rank=rank, world_size=RANKS)
    torch.save(work(rank, *arguments), folder / f"{rank}.pt")
    distributed.barrier()  # both ranks finish their communication before either exits
    distributed.destroy_process_group()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of gloo may hold tensors when the interpreter shuts down, which sometimes aborts it.
    os._exit(0)
