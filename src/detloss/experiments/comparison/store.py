"""Trials of a comparison in an Optuna study that any number of processes and machines share.

The study is the only record of the results. Optuna's trials, parameters and states are used; a lock around operations
that change trials adds what Optuna does not guarantee: on SQLite its queue may assign one trial to two processes, and
enqueueing from two machines is not atomic. Heartbeats are attributes of the trials, written without the lock: those of
Optuna exist in databases only, in the local time of each client.
"""

import time
import zlib
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import wraps
from threading import Event, Thread
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar
from uuid import uuid4
from zipfile import BadZipFile

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.plan import Plan
from detloss.experiments.comparison.shared_storage import DATABASE_ERRORS, RECONNECT_TIMEOUT, opened_storage
from detloss.experiments.comparison.study_parameters import attempts, distributions_of, ended, parameters_of
from detloss.experiments.training.outcome import Outcome, Trial, pack, unpack
from detloss.experiments.training.workers import Failed

HEARTBEAT_INTERVAL = 5.0  # seconds
HEARTBEAT_TIMEOUT = 30.0  # seconds without a heartbeat after which a process counts as dead; above RECONNECT_TIMEOUT
HEARTBEAT = "detloss heartbeat"
"""Attribute of a trial: when its process was last known to live, in seconds since 1970."""

NO_HEARTBEAT = {"reason": "no heartbeat from its process", "details": "", "died": True}
"""Attributes of a failed attempt whose process reported nothing."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Turn(NamedTuple):
    """What one look at the study found: the trial that was started for this process, and new results in order.

    `open` are the trials that are waiting or running in any process; if there are none, the comparison has ended.
    """

    claimed: Trial | None
    open: list[Trial]
    outcomes: list[Outcome]


def repeated(
    operation: Callable[Concatenate["TrialStore", Arguments], Result],
) -> Callable[Concatenate["TrialStore", Arguments], Result]:
    """Repeat a method for a while if the database does not answer."""

    @wraps(operation)
    def until_answered(self: "TrialStore", /, *arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        return self.shared.repeated(lambda: operation(self, *arguments, **options))

    return until_answered


class TrialStore:
    """The trials of one comparison in a database, each with at most one result: the first to arrive.

    Optuna has one record per attempt of a trial. Only the latest counts, and only a failed one is followed by another,
    so a trial is waiting, running, complete or failed.

    The name of the study is the same for all processes that share it. If it is only read, it must exist, and none of
    its trials is restarted. The process of a trial without a heartbeat for `heartbeat_timeout` seconds counts as dead.

    Raises:
        StorageError: There is no such database, or it is not writable.
    """

    def __init__(
        self,
        url: str,
        name: str,
        plan: Plan,
        *,
        overwrite: bool = False,
        read_only: bool = False,
        heartbeat_interval: float = HEARTBEAT_INTERVAL,
        heartbeat_timeout: float = HEARTBEAT_TIMEOUT,
        reconnect_timeout: float = RECONNECT_TIMEOUT,
    ) -> None:
        self.name, self.plan, self.distributions = name, plan, distributions_of(plan)
        self.heartbeat_interval, self.heartbeat_timeout = heartbeat_interval, heartbeat_timeout
        self.claimed: dict[Trial, int] = {}
        self.looked, self.waiting = time.time(), True  # whether more trials may wait
        self.shared = opened_storage(url, reconnect_timeout)
        self._open(overwrite, read_only)

    @property
    def storage(self) -> Any:
        """The storage in Optuna."""
        return self.shared.storage

    @repeated
    def _open(self, overwrite: bool, read_only: bool) -> None:
        with self.shared.locked(self.name):
            exists = self.name in [study.study_name for study in self.storage.get_all_studies()]
            if exists and overwrite:
                optuna.delete_study(study_name=self.name, storage=self.storage)
            elif read_only and not exists:
                raise StorageError(f"storage: expected the study {self.name!r} in {self.shared.address}, found none")
            if not exists or overwrite:
                self.storage.create_new_study([StudyDirection.MAXIMIZE], self.name)
            self.study_id = self.storage.get_study_id_from_name(self.name)
            if self._identity() is None:
                self.storage.set_study_user_attr(self.study_id, "identity", uuid4().hex)
            self.identity = self._identity()
            if not read_only:
                grids = self.storage.get_study_user_attrs(self.study_id).get("grids", {})  # of the first process
                self.plan = self.plan.with_grids(grids)
                self.distributions = distributions_of(self.plan)
                self.storage.set_study_user_attr(self.study_id, "grids", grids | self.plan.grids)
                self._enqueue(restart_failed=True)

    @repeated
    def describe(self, attributes: Mapping[str, Any]) -> None:
        """Record attributes of the study, from which `recorded_studies` finds it."""
        for name, value in attributes.items():
            self.storage.set_study_user_attr(self.study_id, name, value)

    @repeated
    def extend(self, plan: Plan, *, restart_failed: bool = False) -> None:
        """Continue with a plan of more seeds."""
        self.plan = plan
        with self.shared.locked(self.name):
            self._enqueue(restart_failed=restart_failed)

    @repeated
    def turn(self, known: Container[Trial] = (), *, claim: Callable[[Trial], bool] | None = None) -> Turn:
        """Look at the study, restart trials whose process died, and start the next waiting trial if requested.

        Trials of the comparison wait until the search has ended. Where nothing is to be changed, the lock is not taken.
        Results of `known` trials are not returned; `claim` tells whether a trial may start in this process.
        """
        now = time.time()
        watched = now - self.looked < self.heartbeat_timeout  # else this process was suspended, and perhaps the others
        self.looked, claimed = now, None
        latest = {} if claim and self.waiting else self._latest()
        planned = self._planned(latest)
        waits = claim and any(record.state == TrialState.WAITING for record in planned.values())
        if not latest or waits or (watched and self._dead(latest)) or self._due(latest):
            with self.shared.locked(self.name):
                planned = self._planned(self._enqueue(watched=watched))
                claimed = self._start_next(planned, claim) if claim else None
            if claimed is not None:  # recorded after the operation, so that a failed claim sends no heartbeats
                self.claimed[claimed] = planned[claimed]._trial_id
        self.waiting = claimed is not None
        unfinished = [trial for trial, record in planned.items() if not record.state.is_finished()]
        return Turn(claimed, unfinished, self._outcomes(planned, known))

    def heartbeat(self) -> None:
        """Record a heartbeat of the trials that this process runs."""
        for number in list(self.claimed.values()):
            with suppress(KeyError, UpdateFinishedTrialError):  # another process has ended the trial, or the study
                self.storage.set_trial_system_attr(number, HEARTBEAT, self.shared.now())

    @contextmanager
    def heartbeats(self) -> Iterator[None]:
        """Send heartbeats from a thread, whatever the process waits for."""
        ended = Event()

        def send() -> None:
            while not ended.wait(self.heartbeat_interval):
                with suppress(*DATABASE_ERRORS):  # the next operation of the main thread reports it
                    self.heartbeat()

        thread = Thread(target=send, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(self.heartbeat_interval)

    @repeated
    def finish(self, outcome: Outcome) -> bool:
        """Record a result and return whether it was the first of its trial.

        A process that was declared dead may still be the first.
        """
        self.claimed.pop(outcome.trial, None)
        with self.shared.locked(self.name):
            record = self._latest().get(outcome.trial)
            if record is not None and record.state == TrialState.COMPLETE:
                return False
            if record is None or record.state == TrialState.FAIL:
                number = self._add(outcome.trial, attempt=1)
            else:
                number = record._trial_id
            if record is None or record.state != TrialState.RUNNING:
                self._start(number)
            try:
                self.storage.set_trial_system_attr(number, HEARTBEAT, self.shared.now())
                self.storage.set_trial_user_attr(number, "outcome", pack(outcome))
                self.storage.set_trial_state_values(number, TrialState.COMPLETE, [outcome.score])
            except UpdateFinishedTrialError:  # the lock of a journal was removed while this process was suspended
                return False
        return True

    @repeated
    def fail(self, failure: Failed) -> bool:
        """Record that a trial of this process ended without a result, and return whether it will be restarted."""
        number = self.claimed.get(failure.trial)
        with self.shared.locked(self.name):
            latest = self._latest()
            record = latest[failure.trial]
            if number == record._trial_id and record.state == TrialState.RUNNING:
                for name in NO_HEARTBEAT:
                    self.storage.set_trial_user_attr(number, name, getattr(failure, name))
                self.storage.set_trial_state_values(number, TrialState.FAIL)
                latest = self._enqueue()
        self.claimed.pop(failure.trial, None)
        return latest[failure.trial].state != TrialState.FAIL

    def close(self) -> None:
        """Release the trials that this process has not finished, without waiting, and close the connections.

        A released trial waits again: an interruption is not a failed attempt.
        """
        self.shared.reconnect_timeout = 0.0
        with suppress(StorageError):
            if self.claimed:
                self._release()
        self.shared.close()

    @repeated
    def _release(self) -> None:
        with self.shared.locked(self.name):
            latest = self._latest()
            for trial, number in self.claimed.items():
                if latest[trial]._trial_id == number and latest[trial].state == TrialState.RUNNING:
                    self.storage.set_trial_state_values(number, TrialState.WAITING)
        self.claimed.clear()

    @repeated
    def results(self, known: Container[Trial] = ()) -> list[Outcome]:
        """Read the outcomes of planned trials that are not in `known`, in the order of completion."""
        return self._outcomes(self._planned(self._latest()), known)

    @repeated
    def failures(self) -> list[Failed]:
        """List the planned trials that ended without a result, each with the reason of its last attempt."""
        return [
            Failed(trial, *(record.user_attrs.get(name, default) for name, default in NO_HEARTBEAT.items()))
            for trial, record in self._planned(self._latest()).items()
            if record.state == TrialState.FAIL
        ]

    def _latest(self) -> dict[Trial, FrozenTrial]:
        """The latest record of every trial, in the order of the first records, without trials of other programs."""
        if self._identity() != self.identity:
            raise StorageError(
                f"storage: expected the study {self.name!r} in {self.shared.address}, "
                "which another command has overwritten"
            )
        records = self.storage.get_all_trials(self.study_id, deepcopy=False)
        latest = {}
        for record in records:
            if "trial" in record.user_attrs:
                with self._readable(record):
                    latest[Trial.from_settings(record.user_attrs["trial"])] = record
        return latest

    def _planned(self, latest: Mapping[Trial, FrozenTrial]) -> dict[Trial, FrozenTrial]:
        """The records of planned trials; those of another plan are in the study as well."""
        return {trial: latest[trial] for trial in self.plan.trials(ended(latest)) if trial in latest}

    def _outcomes(self, latest: Mapping[Trial, FrozenTrial], known: Container[Trial]) -> list[Outcome]:
        complete = [
            record for trial, record in latest.items() if record.state == TrialState.COMPLETE and trial not in known
        ]
        complete.sort(key=lambda record: (record.system_attrs.get(HEARTBEAT, 0.0), record.number))
        outcomes = []
        for record in complete:
            with self._readable(record):
                outcomes.append(unpack(record.user_attrs["outcome"]))
        return outcomes

    @contextmanager
    def _readable(self, record: FrozenTrial) -> Iterator[None]:
        """Name a record that this program has not written, or that is damaged."""
        try:
            yield
        except (ValueError, KeyError, TypeError, BadZipFile, zlib.error) as error:
            raise StorageError(
                f"storage: expected a trial of detloss as number {record.number} of the study {self.name!r} in "
                f"{self.shared.address}, got a damaged one ({error!r}): use another --out, or --overwrite"
            ) from error

    def _identity(self) -> str | None:
        """A unique name of the study: one that replaces it may have the same number."""
        with suppress(KeyError):
            identity: str | None = self.storage.get_study_user_attrs(self.study_id).get("identity")
            return identity
        return None

    def _start_next(self, planned: Mapping[Trial, FrozenTrial], allowed: Callable[[Trial], bool]) -> Trial | None:
        """Start the first waiting trial that may start."""
        for trial, record in planned.items():
            if record.state == TrialState.WAITING and allowed(trial) and self._start(record._trial_id):
                return trial
        return None

    def _start(self, number: int) -> bool:
        """Start a waiting record, and return whether no other process has; it has a heartbeat first."""
        self.storage.set_trial_system_attr(number, HEARTBEAT, self.shared.now())
        started: bool = self.storage.set_trial_state_values(number, TrialState.RUNNING)
        return started

    def _add(self, trial: Trial, *, attempt: int) -> int:
        """Add a waiting record."""
        parameters = parameters_of(trial, self.distributions)
        template = create_trial(
            state=TrialState.WAITING,
            params=parameters,
            distributions={name: self.distributions[name] for name in parameters},
            user_attrs={"trial": asdict(trial), "attempt": attempt},
        )
        number: int = self.storage.create_new_trial(self.study_id, template)
        return number

    def _enqueue(self, *, restart_failed: bool = False, watched: bool = True) -> dict[Trial, FrozenTrial]:
        """End the trials of dead processes, add waiting records of due trials, and return all latest records."""
        latest = self._latest()
        dead = self._dead(latest) if watched else []
        for record in dead:
            self.storage.set_trial_state_values(record._trial_id, TrialState.FAIL)
        if dead:
            latest = self._latest()
        while due := self._due(latest, restart_failed=restart_failed):
            for trial, attempt in due.items():
                self._add(trial, attempt=attempt)
            latest, restart_failed = self._latest(), False
        return latest

    def _dead(self, latest: Mapping[Trial, FrozenTrial]) -> list[FrozenTrial]:
        """List the running trials of other processes that have had no heartbeat for a while."""
        others = [
            record
            for record in latest.values()
            if record.state == TrialState.RUNNING and record._trial_id not in self.claimed.values()
        ]
        oldest = self.shared.now() - self.heartbeat_timeout if others else 0.0
        return [record for record in others if record.system_attrs.get(HEARTBEAT, 0.0) < oldest]

    def _due(self, latest: Mapping[Trial, FrozenTrial], *, restart_failed: bool = False) -> dict[Trial, int]:
        """Find new trials, trials whose process died and, if requested, all failed trials, with their attempts.

        Those that are repeated come first: the result of a search is known when they have ended.
        """
        planned = self.plan.due(ended(latest), latest)
        repeated = attempts([trial for trial in planned if trial in latest], latest, restart_failed)
        return repeated or attempts(planned, latest, restart_failed)
