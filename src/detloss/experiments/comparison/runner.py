"""Execution of a comparison: trials shared by any number of processes, run in the workers of this one."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from math import inf
from statistics import fmean
from time import monotonic

from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.plan import Plan
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training import training_loop
from detloss.experiments.training.devices import DeviceGroup
from detloss.experiments.training.in_process import InProcess
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.snapshots import Snapshot
from detloss.experiments.training.workers import (
    STALL_TIMEOUT,
    Advanced,
    Event,
    Failed,
    Finished,
    Started,
    TrialRunner,
    Workers,
)

POLL_INTERVAL = 1.0  # seconds until an idle worker looks for a trial again; then twice as long, and so on
LOOK_INTERVAL = 5.0  # seconds between two looks at the database at most


@dataclass(frozen=True)
class Received:
    """A result that existed already, or that another process recorded."""

    outcome: Outcome


@dataclass(frozen=True)
class Restarted:
    """A trial whose worker died is waiting again."""

    failure: Failed


@dataclass(frozen=True)
class Late:
    """Another process recorded a result of this trial first; the result of this process was discarded."""

    trial: Trial


@dataclass(frozen=True)
class Waiting:
    """No trial is left to start; these are running in other processes."""

    trials: list[Trial]


@dataclass(frozen=True)
class RoundStarted:
    """All trials have ended, and those of more seeds follow."""

    plan: Plan


RunEvent = Event | Received | Restarted | Late | Waiting | RoundStarted


@dataclass
class Results:
    """Results of a plan so far, in the order in which this process received them, and failures, of both phases.

    `running` has the snapshots of the trials that run in this process, and `out_of_time` states whether those that are
    left did not fit into its time.
    """

    plan: Plan
    outcomes: list[Outcome]
    failures: list[Failed]
    running: dict[Trial, list[Snapshot]] = field(default_factory=dict)
    out_of_time: bool = False

    @property
    def ended(self) -> dict[Trial, float | None]:
        """Scores of the trials that have ended; None if one failed."""
        scores: dict[Trial, float | None] = {failure.trial: None for failure in self.failures}
        return scores | {outcome.trial: outcome.score for outcome in self.outcomes}

    @property
    def trial_count(self) -> int:
        """Number of planned trials."""
        return self.plan.trial_count(self.ended)

    @property
    def step_count(self) -> int:
        """Number of planned steps."""
        return self.plan.step_count(self.ended)

    @property
    def missing(self) -> int:
        """Number of planned trials without a result."""
        return self.trial_count - len(self.outcomes)

    @property
    def round_ended(self) -> bool:
        """Whether no trial is left that may still get a result."""
        ended = self.ended
        return all(trial in ended for trial in self.plan.trials(ended))

    @property
    def unfinished(self) -> int:
        """Number of trials that may still get a result."""
        return self.missing - len(self.failures)


def read_results(folder: Folder, storage: str, name: str, plan: Plan) -> Results:
    """Read the results of a study without starting a trial, and those in the folder that it did not accept.

    Raises:
        StorageError: The database cannot be read, or has no such study.
        FolderError: A result in the folder is damaged.
    """
    with closing(TrialStore(storage, name, plan, read_only=True)) as store:
        outcomes, failures = store.results(), store.failures()
    known = {outcome.trial for outcome in outcomes}
    outcomes += [outcome for outcome in folder.undelivered().values() if outcome.trial not in known]
    known = {outcome.trial for outcome in outcomes}
    return Results(plan, outcomes, [failure for failure in failures if failure.trial not in known])


class Comparison(Results):
    """A comparison whose trials this process and others run.

    Failures of other processes are known when the run has ended. `next_plan` computes the plan with another round of
    seeds, if one is due.

    Raises:
        StorageError: The database does not answer.
        OSError: The folder is not writable.
    """

    def __init__(
        self,
        plan: Plan,
        store: TrialStore,
        folder: Folder,
        next_plan: Callable[[Results], Plan | None] = lambda results: None,
    ) -> None:
        super().__init__(plan, [], [])
        self.store, self.folder, self.next_plan = store, folder, next_plan
        for file, outcome in folder.undelivered().items():
            store.finish(outcome)
            file.unlink(missing_ok=True)
        self.receive()
        while self.start_round(restart_failed=True):
            self.receive()

    def start_round(self, *, restart_failed: bool = False) -> bool:
        """Extend the plan by the next round of seeds if it is due, and return whether it is.

        The rounds are a function of the results, so that all processes extend the plan alike.
        """
        self.failures = self.store.failures()
        plan = self.next_plan(self)
        if plan is not None:
            self.plan = plan
            self.store.extend(plan, restart_failed=restart_failed)
        return plan is not None

    def receive(self) -> list[Outcome]:
        """Read results that are new in the database, write results.jsonl and return the new results."""
        return self.keep(self.store.results(self.known))

    @property
    def known(self) -> set[Trial]:
        """The trials whose results this process has."""
        return {outcome.trial for outcome in self.outcomes}

    def keep(self, new: list[Outcome]) -> list[Outcome]:
        """Add results, and write results.jsonl if there are any."""
        self.outcomes.extend(new)
        if new:
            self.folder.write_results(self.outcomes)
            self.folder.keep_weights(self.outcomes)
        return new

    def snapshot(self) -> Results:
        """Copy the current results for another thread."""
        running = {trial: list(snapshots) for trial, snapshots in self.running.items()}
        return Results(self.plan, list(self.outcomes), list(self.failures), running, self.out_of_time)

    def run(
        self,
        load: Callable[[], Dataset],
        *,
        groups: Sequence[DeviceGroup],
        run_trial: TrialRunner | None = None,
        in_process: bool = False,
        take: int | None = None,
        hours: float | None = None,
    ) -> Generator[RunEvent, None, None]:
        """Run the trials that no other process runs, until all rounds are finished, and yield the events.

        A result is in the database and in results.jsonl before its event is yielded.

        Args:
            load: Loads the data; called once in every worker process, so it must be picklable.
            groups: Devices of each trial that runs at the same time, with one process and one torch thread per device.
            run_trial: Trains and evaluates one trial, without a limit of time; must be picklable for worker processes.
                None: that of detloss, with checkpoints in the folder.
            in_process: Whether trials run in this process, one at a time, rather than in worker processes.
            take: Trials to start at most, without waiting for one; None: all, and those of other processes end first.
            hours: Time of this run: no trial is started that would end later, if it takes as long as the finished ones.

        Yields:
            The events. Closing the iterator ends the workers and keeps the finished trials.

        Raises:
            StorageError: The database does not answer. A result that it did not accept is saved in the folder, and
                recorded when the comparison is continued.
            OSError: The folder is not writable.
        """
        folder = self.folder
        runner = run_trial or partial(training_loop.run_trial, checkpoints=folder.checkpoints, weights=folder.weights)
        workers: Workers | InProcess
        if in_process:
            workers = InProcess(load, runner, groups)
        else:  # the trainer of a user may report no step
            workers = Workers(load, runner, groups, STALL_TIMEOUT if run_trial is None else inf)
        waiting, taken, pause = False, 0, POLL_INTERVAL
        end = inf if hours is None else monotonic() + 3600 * hours

        def fits(trial: Trial) -> bool:
            return monotonic() + self.expected_seconds(trial) <= end

        try:
            with self.store.heartbeats(), workers:
                while True:
                    claim = workers.available and (take is None or taken < take)
                    turn = self.store.turn(self.known, claim=fits if claim else None)
                    yield from map(Received, self.keep(turn.outcomes))
                    if turn.claimed is not None:
                        waiting, taken, pause = False, taken + 1, POLL_INTERVAL
                        workers.submit(turn.claimed)
                        yield Started(turn.claimed)
                        continue
                    if not turn.open and self.start_round():
                        yield RoundStarted(self.plan)
                        continue
                    self.out_of_time = bool(turn.open) and not any(map(fits, turn.open))
                    if not turn.open or ((take is not None or self.out_of_time) and not workers.busy):
                        break
                    if not workers.busy and not waiting:
                        waiting = True
                        yield Waiting(turn.open)
                    yield from self.events(workers, pause if claim else LOOK_INTERVAL)
                    pause = min(2 * pause, LOOK_INTERVAL)
            yield from map(Received, self.receive())
            self.failures = self.store.failures()
        finally:
            self.store.close()

    def expected_seconds(self, trial: Trial) -> float:
        """The mean duration of finished trials of as many steps, or else that of their steps; 0 if none is known."""
        alike = [outcome for outcome in self.outcomes if outcome.trial.steps == trial.steps] or self.outcomes
        return fmean(one.seconds * trial.steps / one.trial.steps for one in alike) if alike else 0.0

    def events(self, workers: Workers | InProcess, pause: float) -> Iterator[RunEvent]:
        """Yield the events of the workers until a trial has ended, for `pause` seconds at most."""
        due = monotonic() + pause
        while (left := due - monotonic()) > 0:
            for event in workers.wait(left):
                self.record_snapshot(event)
                match event:
                    case Finished(outcome):
                        yield from self.record(outcome)
                        due = monotonic()
                    case Failed():
                        if self.store.fail(event):
                            yield Restarted(event)
                        else:
                            self.failures.append(event)
                            yield event
                        due = monotonic()
                    case _:
                        yield event

    def record_snapshot(self, event: Event) -> None:
        """Keep the snapshots of a trial while it runs."""
        match event:
            case Advanced(trial, snapshot=Snapshot() as snapshot):
                self.running.setdefault(trial, []).append(snapshot)
            case Finished(Outcome(trial=trial)) | Failed(trial):
                self.running.pop(trial, None)

    def record(self, outcome: Outcome) -> list[RunEvent]:
        """Record a result, or save one that the database does not accept; return its event and those of others."""
        try:
            first = self.store.finish(outcome)
        except StorageError as error:
            file = self.folder.save_undelivered(outcome)
            raise StorageError(f"{error}; the result of the last trial is saved in {file}") from error
        received = [other for other in self.receive() if not (first and other.trial == outcome.trial)]
        return [Finished(outcome) if first else Late(outcome.trial), *map(Received, received)]
