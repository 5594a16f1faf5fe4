"""Worker processes: each reads the data once and then runs one trial after another, on one thread or one device."""

import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from os import _exit
from types import TracebackType
from typing import Protocol

import torch

from detloss.study.dataset import Dataset
from detloss.study.training import Outcome, Trial


class TrialRunner(Protocol):
    """What trains and judges one trial; a worker calls it, so it must be importable there."""

    def __call__(
        self, trial: Trial, dataset: Dataset, *, device: str, on_progress: Callable[[int], None] | None = None
    ) -> Outcome: ...


@dataclass(frozen=True)
class Started:
    """A worker took up a trial."""

    trial: Trial


@dataclass(frozen=True)
class Advanced:
    """A trial has trained this many steps."""

    trial: Trial
    step: int


@dataclass(frozen=True)
class Finished:
    """A trial is trained and judged."""

    outcome: Outcome


@dataclass(frozen=True)
class Failed:
    """A trial raised, or its worker died; the reason is in words, `details` is the traceback if there is one."""

    trial: Trial
    reason: str
    details: str = ""
    died: bool = False


Event = Started | Advanced | Finished | Failed


class Worker:
    """One spawned process, seen from the parent."""

    def __init__(self, load: Callable[[], Dataset], run_trial: TrialRunner, device: str) -> None:
        context = get_context("spawn")  # a fork would inherit torch's thread pool in an unusable state
        self.device = device
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs, load, run_trial, device), daemon=True)
        self.process.start()
        theirs.close()  # so that the worker's death reads as the end of the pipe

    def begin(self, trial: Trial) -> None:
        """Hand over a trial."""
        self.trial = trial
        with suppress(OSError):  # a dead worker is told by what `listen` finds
            self.connection.send(trial)

    def listen(self) -> Event:
        """Wait for what happens next in this worker."""
        try:
            event: Event = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return Failed(self.trial, f"its worker process {describe_exit(self.process.exitcode)}", died=True)
        return event

    def dismiss(self) -> None:
        """End the process, whatever it is doing."""
        self.connection.close()
        self.process.kill()
        self.process.join()


def describe_exit(code: int | None) -> str:
    """Say in words how a process ended."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL: often the system is out of memory; try fewer --jobs)"
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


def devices() -> list[str]:
    """Where trials run: every GPU that torch sees, or the processor."""
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


class Workers(AbstractContextManager["Workers"]):
    """Up to `jobs` processes, started when they are needed; leaving the context ends them, whatever they are doing.

    A trial that raises, or whose worker dies, is told as failed, and the others go on.
    """

    def __init__(self, load: Callable[[], Dataset], run_trial: TrialRunner, jobs: int) -> None:
        self.load, self.run_trial = load, run_trial
        places = devices()
        self.free_devices = [places[job % len(places)] for job in reversed(range(jobs))]
        self.busy: list[Worker] = []
        self.idle: list[Worker] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.busy + self.idle:
            worker.dismiss()

    @property
    def available(self) -> bool:
        """Whether another trial can begin."""
        return bool(self.idle or self.free_devices)

    def begin(self, trial: Trial) -> None:
        """Hand a trial to an idle process, or to a new one."""
        worker = self.idle.pop() if self.idle else Worker(self.load, self.run_trial, self.free_devices.pop())
        self.busy.append(worker)
        worker.begin(trial)

    def listen(self, seconds: float) -> list[Event]:
        """Wait at most so long for what happens next; nothing is an answer too."""
        ready = wait([worker.connection for worker in self.busy], timeout=max(seconds, 0.0))
        events = []
        for worker in [worker for worker in self.busy if worker.connection in ready]:
            event = worker.listen()
            events.append(event)
            if not isinstance(event, Advanced):
                self.busy.remove(worker)
                if worker.process.exitcode is None:
                    self.idle.append(worker)
                else:
                    worker.dismiss()
                    self.free_devices.append(worker.device)
        return events


def work(connection: Connection, load: Callable[[], Dataset], run_trial: TrialRunner, device: str) -> None:
    """Serve trials until the parent closes the pipe; runs in the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=die_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    dataset = load()
    with suppress(EOFError):
        while True:
            serve(connection, connection.recv(), dataset, run_trial, device)


def serve(connection: Connection, trial: Trial, dataset: Dataset, run_trial: TrialRunner, device: str) -> None:
    """Run one trial and send what happens."""

    def on_progress(step: int) -> None:
        connection.send(Advanced(trial, step))

    try:
        connection.send(Finished(run_trial(trial, dataset, device=device, on_progress=on_progress)))
    except Exception as error:  # whatever a trial raises is its result; the other trials go on
        reason = "".join(traceback.format_exception_only(error)).strip()
        connection.send(Failed(trial, reason, traceback.format_exc()))


def die_with_parent() -> None:
    """End this process when its parent is gone, however it went."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        _exit(1)
