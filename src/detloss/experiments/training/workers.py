"""Worker processes: each reads the data once and then runs one trial after another, on one thread or its devices."""

import signal
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Protocol, Self

import torch

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import (
    Place,
    Team,
    on_each,
    tie_to_parent,
)
from detloss.experiments.training.interrupts import Interrupts
from detloss.experiments.training.snapshots import Glimpse
from detloss.experiments.training.trial import Outcome, Progress, Trial

PATIENCE = 5.0  # seconds in which a process that has nothing to do ends by itself


class TrialRunner(Protocol):
    """What trains and judges one trial; a worker calls it, so it must be importable there."""

    def __call__(
        self, trial: Trial, dataset: Dataset, *, place: Place, on_progress: Progress | None = None
    ) -> Outcome: ...


@dataclass(frozen=True)
class Started:
    """A worker took up a trial."""

    trial: Trial


@dataclass(frozen=True)
class Advanced:
    """A trial has trained this many steps; now and then with what its detector can do."""

    trial: Trial
    step: int
    glimpse: Glimpse | None = None


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
    """One spawned process, seen from the parent; where its trials have several devices, it has a process for each."""

    def __init__(self, load: Callable[[], Dataset], run_trial: TrialRunner, team: Team) -> None:
        context = get_context("spawn")  # a fork would inherit torch's thread pool in an unusable state
        self.team = team
        self.connection, theirs = context.Pipe()
        # Not a daemon, which could have no processes of its own.
        self.process = context.Process(target=work, args=(theirs, load, run_trial, team))
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

    def dismiss(self, patience: float = 0.0) -> None:
        """End the process: at once, whatever it is doing, or when it has had so many seconds to end by itself."""
        self.connection.close()
        self.process.join(patience)
        self.process.kill()
        self.process.join()


def describe_exit(code: int | None) -> str:
    """Say in words how a process ended."""
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL: often the system is out of memory; try fewer --jobs)"
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


class Workers(AbstractContextManager["Workers"]):
    """A process for each of these teams of devices, started when they are needed; leaving the context ends them.

    A trial that raises, or whose worker dies, is told as failed, and the others go on. Within the context Ctrl-C comes
    while it is listened, and nowhere else.
    """

    def __init__(self, load: Callable[[], Dataset], run_trial: TrialRunner, teams: Sequence[Team]) -> None:
        self.load, self.run_trial = load, run_trial
        self.free = list(reversed(teams))
        self.busy: list[Worker] = []
        self.idle: list[Worker] = []
        self.interrupts = Interrupts()

    def __enter__(self) -> Self:
        self.interrupts.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for worker in self.busy:
                worker.dismiss()
            for worker in self.idle:
                worker.dismiss(PATIENCE)
        finally:  # a second Ctrl-C may come meanwhile
            self.interrupts.__exit__(kind, error, trace)

    @property
    def available(self) -> bool:
        """Whether another trial can begin."""
        return bool(self.idle or self.free)

    def begin(self, trial: Trial) -> None:
        """Hand a trial to an idle process, or to a new one."""
        worker = self.idle.pop() if self.idle else Worker(self.load, self.run_trial, self.free.pop())
        self.busy.append(worker)
        worker.begin(trial)

    def listen(self, seconds: float) -> list[Event]:
        """Wait at most so long for what happens next; nothing is an answer too.

        Raises:
            KeyboardInterrupt: Ctrl-C, now or since the last time.
        """
        ready = wait([self.interrupts.reader, *(worker.connection for worker in self.busy)], timeout=max(seconds, 0.0))
        self.interrupts.check()
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
                    self.free.append(worker.team)
        return events


def work(connection: Connection, load: Callable[[], Dataset], run_trial: TrialRunner, team: Team) -> None:
    """Serve trials until the parent closes the pipe; runs in the worker process."""
    tie_to_parent()
    on_each(team, serve_all, connection, load, run_trial)


def serve_all(place: Place, connection: Connection, load: Callable[[], Dataset], run_trial: TrialRunner) -> None:
    """Run one trial after another; several devices run each together."""
    torch.set_num_threads(1)
    dataset = load()
    while trial := place.agreed(next_trial(connection) if place.leads else None):
        serve(place, connection, trial, dataset, run_trial)


def next_trial(connection: Connection) -> Trial | None:
    """Wait for what the parent sends; None: it has closed the pipe."""
    with suppress(EOFError):
        trial: Trial = connection.recv()
        return trial
    return None


def serve(place: Place, connection: Connection, trial: Trial, dataset: Dataset, run_trial: TrialRunner) -> None:
    """Run one trial; the process that leads sends what happens."""

    def tell(event: Event) -> None:
        if place.leads:
            connection.send(event)

    def advance(step: int, glimpse: Glimpse | None = None) -> None:
        tell(Advanced(trial, step, glimpse))

    try:
        tell(Finished(run_trial(trial, dataset, place=place, on_progress=advance)))
    except Exception as error:  # whatever a trial raises is its result; the other trials go on
        reason = "".join(traceback.format_exception_only(error)).strip()
        tell(Failed(trial, reason, traceback.format_exc()))
        if not place.survives(error):
            raise
