"""Agents on a cluster: jobs that each run the command of a comparison, submitted through submitit."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detloss.experiments.errors import OptionError

CLUSTERS = ("slurm", "local")
STORAGE_VARIABLE = "DETLOSS_STORAGE"
"""Environment variable with the address of the storage, so that no file of a job contains its password."""

LAUNCH_OPTIONS = ("--launch", "--agents", "--slurm", "--storage")
PROGRAM = "from detloss.experiments.cli import main; main(prog_name='detloss')"


@dataclass
class Agent:
    """The function of one job; it is pickled."""

    command: Sequence[str]

    def __call__(self) -> int:
        """Run the command, and return its exit code."""
        return subprocess.run(self.command, check=False).returncode

    def checkpoint(self) -> Any:
        """Submit the job again when its time is over or it is preempted; the command has then released its trials."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def without_options(arguments: Iterable[str], names: Sequence[str]) -> list[str]:
    """Remove options and their values from the arguments of a command."""
    rest, words = [], iter(arguments)
    for word in words:
        name, equals, _ = word.partition("=")
        if name not in names:
            rest.append(word)
        elif not equals:
            next(words)
    return rest


def launch(
    cluster: str, arguments: Sequence[str], storage: str, folder: Path, agents: int, parameters: Mapping[str, str]
) -> list[str]:
    """Submit jobs that run `detloss compare` on a shared storage, and return their numbers.

    The arguments are those of the command, without those of the launch. Parameters are those of submitit for SLURM,
    such as partition, time in minutes and gpus_per_node; others are those of sbatch. Logs are written to the folder.

    Raises:
        OptionError: submitit or SLURM is missing, or a parameter is invalid.
    """
    try:
        import submitit
    except ModuleNotFoundError as error:
        raise OptionError("launch: needs the package submitit, got none: pip install 'detloss[cluster]'") from error
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        values = {
            name.replace("-", "_"): int(value) if value.isdigit() else value for name, value in parameters.items()
        }
        if not isinstance(values.get("time", 0), int):
            raise ValueError(f"slurm: expected time in minutes, got {values['time']}")
        known: dict[str, Any] = {
            name: value for name, value in values.items() if name in submitit.SlurmExecutor._valid_parameters()
        }
        others = {name.replace("_", "-"): value for name, value in values.items() if name not in known}
        if others:
            known["additional_parameters"] = others
        executor.update_parameters(name="detloss", **{f"slurm_{name}": value for name, value in known.items()})
        command = [sys.executable, "-c", PROGRAM, "compare", *without_options(arguments, LAUNCH_OPTIONS)]
        os.environ[STORAGE_VARIABLE] = storage
        return [str(executor.submit(Agent(command)).job_id) for _ in range(agents)]
    except (RuntimeError, TypeError, ValueError) as error:
        raise OptionError(f"launch: {error}") from error
