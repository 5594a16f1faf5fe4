"""Description of the machine and the versions, without names of hosts, users or folders."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
import torchvision

import detloss

V4 = {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}
V3 = {"avx2", "fma"}
NAMES = {"v4": "AVX-512", "v3": "AVX2", "v2": "SSE4"}


@dataclass(frozen=True)
class Machine:
    """The machine, the versions and the date."""

    processor: str
    cores: int
    threads: int
    instruction_set: str
    gpu: str | None
    python: str
    torch: str
    torchvision: str
    detloss: str
    commit: str | None
    date: str
    backends: dict[str, str]

    def __str__(self) -> str:
        where = self.gpu or (
            f"{self.processor}, {counted(self.cores, 'core')}, {counted(self.threads, 'thread')}, "
            f"{NAMES[self.instruction_set]}"
        )
        commit = f" at {self.commit}" if self.commit else ""
        versions = f"torch {self.torch}, torchvision {self.torchvision}, detloss {self.detloss}{commit}"
        return f"{where}; {versions}; {self.date}"


def this_machine(device: torch.device) -> Machine:
    """Describe the current machine."""
    return Machine(
        processor=processor(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        instruction_set=instruction_set(os.environ.get("DETLOSS_ISA"), cpu_field("flags")),
        gpu=torch.cuda.get_device_name() if device.type == "cuda" else None,
        python=platform.python_version(),
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        detloss=detloss.__version__,
        commit=commit(),
        date=datetime.now(UTC).date().isoformat(),
        backends=detloss.backends(),
    )


def counted(count: int, unit: str) -> str:
    """A number with its unit."""
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def instruction_set(requested: str | None, flags: str) -> str:
    """The x86-64 level of the compiled kernels: the requested one, or the highest that the CPU supports."""
    if requested:
        return requested
    present = set(flags.split())
    return "v4" if present >= V4 | V3 else "v3" if present >= V3 else "v2"


def cpu_field(field: str) -> str:
    """A field of /proc/cpuinfo for the first CPU; empty on other systems."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    values = (value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == field)
    return next(values, "")


def processor() -> str:
    """The model of the CPU."""
    return cpu_field("model name") or platform.processor() or platform.machine()


def commit() -> str | None:
    """The checked-out commit, with a plus if files are modified."""
    try:
        revision = git_output("rev-parse", "--short", "HEAD")
        return revision + ("+" if git_output("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def git_output(*arguments: str) -> str:
    """The output of git in this folder."""
    call = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.strip()
