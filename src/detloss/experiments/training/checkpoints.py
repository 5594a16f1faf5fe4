"""Checkpoints, from which a restarted trial continues to the result of an uninterrupted one, and trained weights."""

import json
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import detloss
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.detector_interface import Detector
from detloss.experiments.training.outcome import Outcome, Trial, pack, unpack
from detloss.experiments.training.snapshots import Snapshot

INTERVAL = 600.0  # seconds of training between two checkpoints
RECENT, RANDOM, CUDA_RANDOM = "recent losses", "random state", "random state of the device"
"""Tensors that are neither of the model nor of the optimizer."""

LOSSES = ("box_loss.", "class_loss.")  # buffers in UnitBox


def file_of(trial: Trial, folder: Path) -> Path:
    """The file of a trial in a folder of checkpoints or weights."""
    identity = json.dumps([asdict(trial), torch.__version__, detloss.__version__])
    return folder / f"{sha256(identity.encode()).hexdigest()[:16]}.safetensors"


def write(file: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str], content: str) -> None:
    """Write tensors completely or not at all; without room for them, the training continues."""
    part = file.with_suffix(f".{uuid4().hex[:8]}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
        save_file(copies, part, metadata)
        os.replace(part, file)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        warnings.warn(f"{file}: no {content} was written: {error}", RuntimeWarning, stacklevel=2)


def save_weights(folder: Path, model: Detector, outcome: Outcome, dataset: Dataset) -> None:
    """Write the parameters and buffers of a trained detector, without those of its losses."""
    trial = outcome.trial
    tensors = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(LOSSES)}
    settings = asdict(trial) | {"classes": dataset.class_names, "data": dataset.name, "ap": outcome.score}
    metadata = {"pair": f"{trial.box} + {trial.cls}", "weight": str(trial.weight), "seed": str(trial.seed)}
    write(file_of(trial, folder), tensors, metadata | {"settings": json.dumps(settings)}, "file of weights")


class Checkpoint:
    """State of a training, written to a file every ten minutes if there is a folder.

    `step` is the number of steps done before this process continued the training. `curve` has rows (step,
    classification loss, box loss), and `recent` the losses since the last row.
    """

    def __init__(self, trial: Trial, folder: Path | None = None) -> None:
        self.trial, self.file = trial, folder and file_of(trial, folder)
        self.step, self.start = 0, perf_counter()
        self.saved = self.start
        self.curve: list[tuple[int, float, float]] = []
        self.recent: list[Tensor] = []
        self.snapshots: list[Snapshot] = []

    @property
    def seconds(self) -> float:
        """Duration so far, in all processes."""
        return perf_counter() - self.start

    def restore(self, model: Detector, optimizer: torch.optim.Optimizer, schedule: Any) -> None:
        """Continue from the file, if there is one; raise a ValueError if it is damaged."""
        if self.file is None or not self.file.exists():
            return
        try:
            with safe_open(self.file, "pt") as file:
                state = json.loads(file.metadata()["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is not a mapping
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValueError(f"{self.file}: expected a checkpoint, got a damaged file ({error}): delete it") from error
        device = next(model.parameters()).device
        self.recent = list(tensors.pop(RECENT).to(device))
        torch.set_rng_state(tensors.pop(RANDOM))
        if CUDA_RANDOM in tensors:
            torch.cuda.set_rng_state(tensors.pop(CUDA_RANDOM), device)
        moments: dict[int, dict[str, Tensor]] = {}
        weights = {}
        for name, tensor in tensors.items():
            part, _, key = name.partition("/")
            if part == "model":
                weights[key] = tensor
            else:
                moments.setdefault(int(part), {})[key] = tensor
        model.load_state_dict(weights)
        optimizer.load_state_dict({"state": moments, "param_groups": state["groups"]})
        schedule.load_state_dict(state["schedule"])
        before = unpack(state["outcome"])
        self.step, self.curve, self.snapshots = state["step"], list(before.curve), list(before.snapshots)
        self.start -= before.seconds

    def save_if_due(self, step: int, model: Detector, optimizer: torch.optim.Optimizer, schedule: Any) -> None:
        """Write the file, if the last was written long ago; without room for it, the training continues."""
        if self.file is None or perf_counter() - self.saved < INTERVAL:
            return
        self.saved = perf_counter()
        moments = optimizer.state_dict()
        tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
        for number, of_parameter in moments["state"].items():
            tensors |= {f"{number}/{name}": tensor for name, tensor in of_parameter.items()}
        tensors |= {RECENT: torch.stack(self.recent) if self.recent else torch.empty(0, 2)}
        tensors |= {RANDOM: torch.get_rng_state()}
        device = next(model.parameters()).device
        if device.type == "cuda":
            tensors |= {CUDA_RANDOM: torch.cuda.get_rng_state(device)}
        so_far = Outcome(self.trial, 0.0, self.seconds, curve=self.curve, snapshots=self.snapshots)
        state = {
            "step": step,
            "groups": moments["param_groups"],
            "schedule": schedule.state_dict(),
            "outcome": pack(so_far),
        }
        write(self.file, tensors, {"state": json.dumps(state)}, "checkpoint")

    def remove(self) -> None:
        """Delete the file."""
        if self.file is not None:
            with suppress(OSError):
                self.file.unlink()
