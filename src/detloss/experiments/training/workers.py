"""Worker processes: each loads the data once, then runs one trial after another."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from traceback import format_exception, format_exception_only
from types import FrameType
from typing import Any, Protocol, Self

import torch

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.errors import UserError
from detloss.experiments.training.devices import Device, DeviceGroup, on_each, tie_to_parent
from detloss.experiments.training.outcome import Outcome, Trial, TrialError
from detloss.experiments.training.snapshots import Snapshot
from detloss.experiments.training.training_loop import OnProgress

EXIT_TIMEOUT = 5.0  # seconds for an idle process to exit by itself
STALL_TIMEOUT = 600.0  # seconds without an event of a trial after which its process counts as hung
SIGNAL_DELAY = 0.2  # seconds between the death of a worker and the arrival of the signal that ended both


MAIN_GUARD = "its messages are above; a script that starts workers needs `if __name__ == '__main__':`"


class WorkersError(UserError):
    """No worker process can start."""


class TrialRunner(Protocol):
    """Function that trains and evaluates one trial; workers import it."""

    def __call__(
        self, trial: Trial, dataset: Dataset, *, device: Device, on_progress: OnProgress | None = None
    ) -> Outcome: ...


class Trainer(TrialRunner, Protocol):
    """Command or function of the user that trains and evaluates one trial."""

    def prepare(self, dataset: Dataset) -> None:
        """Prepare all trials, in the process that starts the workers."""


@dataclass(frozen=True)
class Started:
    """A worker received a trial."""

    trial: Trial


@dataclass(frozen=True)
class Loaded:
    """A worker has loaded the data."""


@dataclass(frozen=True)
class Advanced:
    """A trial finished a training step, at some of them with a snapshot, or a part of its evaluation."""

    trial: Trial
    step: int
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class Finished:
    """A trial is trained and evaluated."""

    outcome: Outcome


@dataclass(frozen=True)
class Failed:
    """A trial raised, or its worker died.

    `reason` is the error in one line, `details` the traceback, where there is one. A trial that `died` was not at
    fault: its process died or was interrupted, and it is restarted.
    """

    trial: Trial
    reason: str
    details: str = ""
    died: bool = False

    def __str__(self) -> str:
        return f"{self.trial} failed: {self.reason}\n{self.details}".rstrip()

    @property
    def diverged(self) -> bool:
        """Whether the loss or its gradient was not finite."""
        return self.reason.startswith(FloatingPointError.__name__)


def failure_of(trial: Trial, error: Exception) -> Failed:
    """The failure of a trial by an exception, with its traceback if that is in the code of a trial."""
    if isinstance(error, TrialError):
        return Failed(trial, str(error), error.details)
    return Failed(trial, "".join(format_exception_only(error)).strip(), "".join(format_exception(error)))


Event = Started | Advanced | Finished | Failed


class Terminated(KeyboardInterrupt):
    """SIGTERM, with which batch systems, Docker and `timeout` end a process, or SIGUSR2, with which SLURM warns it."""


SIGNAL_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGUSR2: signal.SIG_DFL,
}


class Interrupts(AbstractContextManager["Interrupts"]):
    """Handler that defers SIGINT, SIGTERM and SIGUSR2 until `check`; `reader` becomes readable when a signal arrives.

    An exception raised at an arbitrary point could be lost in a destructor, or leave a started process unrecorded. A
    second signal raises immediately. Signals with another handler are left alone, and outside the main thread none is
    deferred.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.deferred: list[signal.Signals] = []

    def __enter__(self) -> Self:
        self.reader, self.writer = os.pipe()
        main = threading.current_thread() is threading.main_thread()
        self.deferred = [
            number for number, default in SIGNAL_DEFAULTS.items() if main and signal.getsignal(number) is default
        ]
        for number in self.deferred:
            signal.signal(number, self.handle)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for number in self.deferred:
            signal.signal(number, SIGNAL_DEFAULTS[number])
        os.close(self.reader)
        os.close(self.writer)
        if error is None:
            self.check()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        repeated = self.received is not None
        self.received = number
        if repeated:
            self.check()
        os.write(self.writer, b"\0")

    def check(self) -> None:
        """Raise KeyboardInterrupt or Terminated if a signal was received."""
        if self.received is not None:
            raise KeyboardInterrupt if self.received == signal.SIGINT else Terminated


def exit_code(interruption: KeyboardInterrupt) -> int:
    """The exit code of a program ended by this signal."""
    return 128 + (signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT)


class Worker:
    """A spawned process, in the parent's view; with several devices per trial it has one process for each."""

    def __init__(self, load: Callable[[], Dataset], run_trial: TrialRunner, devices: DeviceGroup) -> None:
        context = get_context("spawn")  # a fork would inherit torch's thread pool in an unusable state
        self.devices = devices
        self.connection, child = context.Pipe()
        # Not a daemon: a daemon could not have processes of its own.
        self.process = context.Process(target=work, args=(child, load, run_trial, devices))
        self.process.start()
        child.close()  # so that the death of the worker closes the pipe

    def submit(self, trial: Trial) -> None:
        """Send a trial to the process."""
        self.trial, self.silence = trial, 0.0
        with suppress(OSError):  # `receive` reports a dead worker
            self.connection.send(trial)

    def receive(self) -> Event | Loaded:
        """Wait for the next event."""
        self.silence = 0.0
        try:
            event: Event | Loaded = self.connection.recv()
        except (EOFError, OSError):
            self.stop(EXIT_TIMEOUT)
            return Failed(self.trial, f"its worker process {describe_exit(self.process.exitcode)}", died=True)
        return event

    def give_up(self) -> Failed:
        """End a process that is hung or suspended."""
        self.stop()
        return Failed(self.trial, f"its worker process reported nothing for {self.silence:.0f} seconds", died=True)

    def stop(self, timeout: float = 0.0) -> None:
        """End the process, by force if it has not exited within `timeout` seconds."""
        self.connection.close()
        self.process.join(timeout)
        self.process.kill()
        self.process.join()


def describe_exit(code: int | None) -> str:
    """Describe how a process ended."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL: often the system is out of memory; try fewer --jobs)"
    if code is not None and code < 0:
        return f"was terminated by {signal.Signals(-code).name}"
    return f"exited with code {code}"


class Workers(AbstractContextManager["Workers"]):
    """One process per group of devices, started on demand; leaving the context ends them.

    A trial that raises, or whose worker dies or reports nothing for a while, is reported as failed, and the others
    continue. Within the context, SIGINT and SIGTERM raise in `wait` only.
    """

    def __init__(
        self,
        load: Callable[[], Dataset],
        run_trial: TrialRunner,
        groups: Sequence[DeviceGroup],
        stall_timeout: float = STALL_TIMEOUT,
    ) -> None:
        self.load, self.run_trial, self.stall_timeout = load, run_trial, stall_timeout
        self.loaded = False
        self.free = list(reversed(groups))
        self.busy: list[Worker] = []
        self.idle: list[Worker] = []
        self.interrupts = Interrupts()

    def __enter__(self) -> Self:
        self.interrupts.__enter__()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            for worker in self.busy:
                worker.stop()
            for worker in self.idle:
                worker.stop(EXIT_TIMEOUT)
        finally:  # a second signal may arrive meanwhile
            self.interrupts.__exit__(kind, error, trace)

    @property
    def available(self) -> bool:
        """Whether another trial can start."""
        return bool(self.idle or self.free)

    def submit(self, trial: Trial) -> None:
        """Send a trial to an idle process, or to a new one."""
        worker = self.idle.pop() if self.idle else Worker(self.load, self.run_trial, self.free.pop())
        self.busy.append(worker)
        worker.submit(trial)

    def wait(self, seconds: float) -> list[Event]:
        """Wait at most this long for events; the list may be empty.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM, now or since the last call.
            WorkersError: A worker ended before any had loaded the data.
        """
        start, limit = monotonic(), max(seconds, 0.0)
        ready = wait([self.interrupts.reader, *(worker.connection for worker in self.busy)], timeout=limit)
        waited = min(monotonic() - start, limit)  # without the time in which this process was suspended
        self.interrupts.check()
        events: list[Event] = []
        for worker in list(self.busy):
            if worker.connection in ready:
                event = worker.receive()
            else:
                worker.silence += waited
                if worker.silence <= self.stall_timeout:
                    continue
                event = worker.give_up()
            if isinstance(event, Loaded):
                self.loaded = True
                continue
            if isinstance(event, Failed) and event.died:
                wait([self.interrupts.reader], timeout=SIGNAL_DELAY)
                self.interrupts.check()
                if not self.loaded:
                    raise WorkersError(f"{event.reason} before it had loaded the data: {MAIN_GUARD}")
            events.append(event)
            if not isinstance(event, Advanced):
                self.busy.remove(worker)
                if worker.process.exitcode is None:
                    self.idle.append(worker)
                else:
                    worker.stop()
                    self.free.append(worker.devices)
        return events


def work(connection: Connection, load: Callable[[], Dataset], run_trial: TrialRunner, devices: DeviceGroup) -> None:
    """Run trials in the worker process until the parent closes the pipe."""
    tie_to_parent()
    on_each(devices, run_trials, connection, load, run_trial)


def run_trials(device: Device, connection: Connection, load: Callable[[], Dataset], run_trial: TrialRunner) -> None:
    """Run one trial after another; several devices run each trial together."""
    torch.set_num_threads(1)
    dataset = load()
    if device.is_main:
        connection.send(Loaded())
    while trial := device.broadcast(next_trial(connection) if device.is_main else None):
        run_and_report(device, connection, trial, dataset, run_trial)


def next_trial(connection: Connection) -> Trial | None:
    """Wait for the next trial; None when the parent has closed the pipe."""
    with suppress(EOFError):
        trial: Trial = connection.recv()
        return trial
    return None


def run_and_report(
    device: Device, connection: Connection, trial: Trial, dataset: Dataset, run_trial: TrialRunner
) -> None:
    """Run one trial; the main process sends its events."""

    def send(event: Event) -> None:
        if device.is_main:
            connection.send(event)

    def advance(step: int, snapshot: Snapshot | None = None) -> None:
        send(Advanced(trial, step, snapshot))

    try:
        send(Finished(run_trial(trial, dataset, device=device, on_progress=advance)))
    except Exception as error:  # any error ends the trial only; the other trials continue
        send(failure_of(trial, error))
        if not device.survives(error):
            raise
