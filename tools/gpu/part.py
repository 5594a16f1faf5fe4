"""A part of the check: its deadline, its failures and its figures."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

SHOWN = 10  # failures printed per part


@dataclass(frozen=True)
class Extent:
    """Amount of work.

    Attributes:
        cases: Battery cases per group and dtype.
        calls: Random calls per kind of loss.
        largest_call: Elements of a random call at most.
        rows: Rows of a benchmark; None for the main size of its case.
        seconds_of_a_benchmark: Time of all implementations of a case.
        compiler: Backend of `torch.compile`.
        trials: Trials, half of them at a time.
        steps: Steps per trial.
        losses: Names of the losses that are checked one by one; empty for all.
    """

    cases: int
    calls: int
    largest_call: int
    rows: int | None
    seconds_of_a_benchmark: float
    compiler: str
    trials: int
    steps: int
    losses: Sequence[str] = ()


ON_GPU = Extent(40, 60, 1 << 20, None, 0.5, "inductor", 8, 20)
INTERPRETED = Extent(1, 1, 200, 4, 0.001, "aot_eager", 2, 1)


@dataclass
class Run:
    """The state of a part: what it works with, how far it is, what failed and what it measured."""

    device: torch.device
    extent: Extent
    seed: int
    deadline: float
    failures: list[str] = field(default_factory=list)
    figures: list[Mapping[str, object]] = field(default_factory=list)
    done: int = 0
    planned: int = 0

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.deadline - time.monotonic())

    def includes(self, loss: str) -> bool:
        """Whether a loss is checked."""
        return not self.extent.losses or loss in self.extent.losses

    def attempt(self, name: str, check: Callable[[], None]) -> None:
        """Run a check; an exception is a failure."""
        try:
            check()
        except Exception as error:
            self.failures.append(f"{name}: {type(error).__name__}: {str(error).strip()[:500]}")

    def each(self, checks: Sequence[tuple[str, Callable[[], None]]]) -> None:
        """Run checks with their names until the deadline and print the progress."""
        self.planned = len(checks)
        for name, check in checks:
            if time.monotonic() > self.deadline:
                print(f"  time limit reached after {self.done} of {self.planned}")
                return
            self.attempt(name, check)
            self.done += 1
            if sys.stdout.isatty():
                print(f"\r  {self.done} of {self.planned}", end="\r", flush=True)
            elif self.done % 100 == 0:
                print(f"  {self.done} of {self.planned}", flush=True)
        print(f"  {self.done} of {self.planned}")


@dataclass(frozen=True)
class Part:
    """A part of the check.

    Attributes:
        name: Its name in the output.
        check: Checks what the part is about; adds failures and figures to its state.
        until: Fraction of the time limit at its deadline.
        packages: Packages that it requires, by the name of their module.
        gpus: GPUs that it requires; 0 if it also runs in Triton's interpreter.
    """

    name: str
    check: Callable[[Run], None]
    until: float
    packages: Sequence[str] = ()
    gpus: int = 0

    def obstacle(self, gpus: int) -> str | None:
        """Why the part cannot run on a machine with this number of GPUs, if it cannot."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if gpus < self.gpus:
            missing.insert(0, f"{self.gpus} CUDA GPU{'s' if self.gpus > 1 else ''}")
        return f"needs {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Outcome:
    """The result of a part: "passed", "failed" or "not run", with the reason if it did not run."""

    name: str
    status: str
    reason: str | None
    done: int
    planned: int
    seconds: float
    failures: Sequence[str]
    figures: Sequence[Mapping[str, object]]


def outcome_of(part: Part, run: Run, gpus: int) -> Outcome:
    """Run a part if it can run, and print its failures."""
    start, reason = time.monotonic(), part.obstacle(gpus)
    print(f"\n{part.name}{f': not run, {reason}' if reason else ''}", flush=True)
    if reason is None:
        run.attempt(part.name, lambda: part.check(run))
        for failure in run.failures[:SHOWN]:
            print(f"  FAILED {failure}", flush=True)
    status = "not run" if reason else "failed" if run.failures else "passed"
    seconds = round(time.monotonic() - start, 1)
    return Outcome(part.name, status, reason, run.done, run.planned, seconds, run.failures, run.figures)


def moved(value: Any, device: torch.device) -> Any:
    """An operand or options, with all tensors moved to the device."""
    if isinstance(value, Tensor):
        return value.detach().to(device).requires_grad_(value.requires_grad)
    if isinstance(value, Mapping):
        return {name: moved(each, device) for name, each in value.items()}
    return value
