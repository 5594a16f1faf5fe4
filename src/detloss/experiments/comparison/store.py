"""Who trains which trial, and what came of it: an Optuna study that any number of processes and machines share.

The study is the truth, and Optuna's trials, states and heartbeats are its records. What Optuna leaves open is closed
by a lock around every step: its queue may hand one trial to two processes on SQLite, enqueueing from two machines is
not atomic, and its heartbeat belongs to `optimize`, which invents a trial where the queue is empty.
"""

import sqlite3
import warnings
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import wraps
from time import monotonic, sleep
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage, fail_stale_trials, get_storage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from detloss.experiments.comparison.database_lock import locked
from detloss.experiments.comparison.database_url import (
    HIDDEN,
    AddressError,
    parsed,
    secrets_of,
    without_secrets,
)
from detloss.experiments.comparison.plan import Plan, pair_of
from detloss.experiments.training.outcome import pack, unpack
from detloss.experiments.training.trial import Outcome, Trial
from detloss.experiments.training.workers import Failed

BEAT = 5  # seconds between the signs of life of a trial
GRACE = 30  # seconds of silence after which its process counts as dead
PATIENCE = 20.0  # seconds in which a database may come back; with a beat before it, less than the grace
ATTEMPTS = 3  # how often a trial whose process dies is begun, until the command is given again

DATABASE_ERRORS = (StorageInternalError, SQLAlchemyError, sqlite3.Error)
SILENT = {"reason": "its process fell silent", "details": "", "died": True}
"""What is known of an attempt whose process left no word."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class StorageError(Exception):
    """The database of a study cannot be used; the message says which and why."""


def exclusively(
    step: Callable[Concatenate["Ledger", Arguments], Result],
) -> Callable[Concatenate["Ledger", Arguments], Result]:
    """Make a method hold the lock, and try again for a while where the database does not answer."""

    @wraps(step)
    def under_lock(self: "Ledger", /, *arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        deadline = monotonic() + self.patience
        while True:
            try:
                with locked(self.engine):
                    return step(self, *arguments, **options)
            except DATABASE_ERRORS as error:
                if monotonic() >= deadline:
                    cause = cause_of(error)
                    for secret in self.secrets:
                        cause = cause.replace(secret, HIDDEN)
                    raise StorageError(f"storage: expected {self.place} to answer, got {cause}") from error
                sleep(min(1.0, self.patience))

    return under_lock


@contextmanager
def without_warnings() -> Iterator[None]:
    """Do without Optuna's warning that heartbeats, which it has had since 2.5, are experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def cause_of(error: BaseException) -> str:
    """The first line of what a database said."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


class Ledger:
    """The trials of one comparison in a database, each with at most one result: the first to arrive.

    Of the records that Optuna has of a planned trial only the latest counts, and only a failed one is followed by
    another; so at any time a trial waits, runs, is complete or has failed.

    Args:
        url: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.
        name: Of the study; the same for all processes that share it, and no other plan's.
        plan: Which trials there are.
        anew: Whether what the database has under this name is deleted.
        reading: Whether the study is only read: it must exist, and no trial of it is restarted.
        beat: Seconds between the signs of life of a trial.
        grace: Seconds of silence after which its process counts as dead.
        patience: Seconds in which a database that went away may come back.

    Raises:
        StorageError: There is no such database, or it cannot be written.
    """

    def __init__(
        self,
        url: str,
        name: str,
        plan: Plan,
        *,
        anew: bool = False,
        reading: bool = False,
        beat: int = BEAT,
        grace: int = GRACE,
        patience: float = PATIENCE,
    ) -> None:
        self.name, self.plan, self.beat_seconds, self.patience = name, plan, beat, 0.0
        self.claimed: dict[Trial, int] = {}
        try:
            address = parsed(url)
            self.place, self.secrets = without_secrets(address), secrets_of(address)
            # A file is opened anew for every step; connections to a server are kept, and tried before they are used.
            self.pool: dict[str, Any] = (
                {"poolclass": NullPool} if address.get_backend_name() == "sqlite" else {"pool_pre_ping": True}
            )
            self.engine = create_engine(address, **self.pool)
        except AddressError as error:
            raise StorageError(str(error)) from None
        except (ArgumentError, ImportError) as error:
            raise StorageError(f"storage: {self.place} needs detloss[postgresql] ({error})") from error
        self._open(url, anew, reading, beat, grace)
        self.patience = patience

    @exclusively
    def _open(self, url: str, anew: bool, reading: bool, beat: int, grace: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with without_warnings():
            backend = RDBStorage(url, self.pool, heartbeat_interval=beat, grace_period=grace)
        self.engines = (self.engine, backend.engine)
        self.storage: Any = get_storage(backend)
        if anew and self.name in [study.study_name for study in self.storage.get_all_studies()]:
            optuna.delete_study(study_name=self.name, storage=self.storage)
        if reading and self.name not in [study.study_name for study in self.storage.get_all_studies()]:
            raise StorageError(f"storage: expected the study {self.name!r} in {self.place}, found none")
        self.study = optuna.create_study(
            storage=self.storage, study_name=self.name, direction="maximize", load_if_exists=True
        )
        self.study_id = self.storage.get_study_id_from_name(self.name)
        if self._identity() is None:
            self.storage.set_study_user_attr(self.study_id, "identity", uuid4().hex)
        self.identity = self._identity()
        if not reading:
            self._replenish(opening=True)

    def claim(self) -> Trial | None:
        """Take up the next trial that waits, if there is one; phase 2 waits until phase 1 is over."""
        trial, number = self._claim()
        if trial is not None:  # noted when the step is over: what a broken step took up gets no further heartbeat
            self.claimed[trial] = number
        return trial

    @exclusively
    def _claim(self) -> tuple[Trial | None, int]:
        self._replenish()
        for trial, record in self._latest().items():
            if record.state == TrialState.WAITING:
                self._begin(record._trial_id)
                return trial, record._trial_id
        return None, 0

    @exclusively
    def beat(self) -> None:
        """Give a sign of life for the trials that this process has taken up."""
        for number in self.claimed.values():
            self.storage.record_heartbeat(number)

    @exclusively
    def finish(self, outcome: Outcome) -> bool:
        """Enter a result; the answer is whether it was the first of its trial.

        A process that fell silent and was given up may still be the first.
        """
        self.claimed.pop(outcome.trial, None)
        record = self._latest().get(outcome.trial)
        if record is not None and record.state == TrialState.COMPLETE:
            return False
        if record is None or record.state == TrialState.FAIL:
            number = self._add(outcome.trial, attempt=1)
        else:
            number = record._trial_id
        if record is None or record.state != TrialState.RUNNING:
            self._begin(number)
        self.storage.set_trial_user_attr(number, "outcome", pack(outcome))
        self.storage.set_trial_state_values(number, TrialState.COMPLETE, [outcome.ap])
        return True

    @exclusively
    def fail(self, failure: Failed) -> bool:
        """Enter that a trial of this process ended without a result; the answer is whether it will be begun again."""
        number = self.claimed.get(failure.trial)
        record = self._latest()[failure.trial]
        if number == record._trial_id and record.state == TrialState.RUNNING:
            for name in ("reason", "details", "died"):
                self.storage.set_trial_user_attr(number, name, getattr(failure, name))
            self.storage.set_trial_state_values(number, TrialState.FAIL)
            self._replenish()
        self.claimed.pop(failure.trial, None)
        return self._latest()[failure.trial].state != TrialState.FAIL

    def close(self) -> None:
        """Give back what this process has taken up and will not finish, at once or never, and close the connections."""
        self.patience = 0.0
        with suppress(StorageError):
            for trial in list(self.claimed):
                self.fail(Failed(trial, "was interrupted", died=True))
        for engine in self.engines:
            engine.dispose()

    @exclusively
    def results(self, known: Container[Trial]) -> list[Outcome]:
        """Read the outcomes of trials that are not known yet, in the order in which they were completed."""
        complete = [
            record
            for trial, record in self._latest().items()
            if record.state == TrialState.COMPLETE and trial not in known
        ]
        complete.sort(key=lambda record: (record.datetime_complete, record.number))
        return [unpack(record.user_attrs["outcome"]) for record in complete]

    @exclusively
    def failures(self) -> list[Failed]:
        """List the trials that have ended without a result, each with the reason of its last attempt."""
        return [
            Failed(trial, *(record.user_attrs.get(name, default) for name, default in SILENT.items()))
            for trial, record in self._latest().items()
            if record.state == TrialState.FAIL
        ]

    @exclusively
    def open_trials(self) -> list[Trial]:
        """List the trials that wait or run, wherever; none: the comparison is over."""
        self._replenish()
        return [trial for trial, record in self._latest().items() if not record.state.is_finished()]

    def _latest(self) -> dict[Trial, FrozenTrial]:
        """The record that counts of every trial, in the order of the first ones."""
        if self._identity() != self.identity:
            raise StorageError(
                f"storage: expected the study {self.name!r} in {self.place}, which another command has overwritten"
            )
        records = self.storage.get_all_trials(self.study_id, deepcopy=False)
        return {Trial(**record.user_attrs["trial"]): record for record in records}

    def _identity(self) -> str | None:
        """What tells the study from another under the same name; numbers may be given a second time."""
        with suppress(KeyError):
            identity: str | None = self.storage.get_study_user_attrs(self.study_id).get("identity")
            return identity
        return None

    def _begin(self, number: int) -> None:
        """Make a waiting record a running one; it has its first heartbeat before, or its death would go unnoticed."""
        self.storage.record_heartbeat(number)
        self.storage.set_trial_state_values(number, TrialState.RUNNING)

    def _add(self, trial: Trial, *, attempt: int) -> int:
        """Enter a trial that waits."""
        attributes = {"trial": asdict(trial), "attempt": attempt}
        number: int = self.storage.create_new_trial(
            self.study_id, create_trial(state=TrialState.WAITING, user_attrs=attributes)
        )
        return number

    def _replenish(self, *, opening: bool = False) -> None:
        """Let every trial wait that should: new ones, those of dead processes, and when opening all that have failed.

        Phase 2 is planned when no trial of phase 1 is open. The weight of a pair that is in it stays what it is.
        """
        with without_warnings():
            fail_stale_trials(self.study)
        weighed = {pair_of(trial) for trial in self._latest() if trial.phase == 2}
        search = self.plan.search()
        self._renew([trial for trial in search if pair_of(trial) not in weighed], opening=opening)
        latest = self._latest()
        if all(latest[trial].state.is_finished() for trial in search):
            scores = {trial: record.value for trial, record in latest.items() if record.value is not None}
            self._renew(self.plan.comparison(self.plan.chosen(scores)), opening=opening)

    def _renew(self, trials: list[Trial], *, opening: bool) -> None:
        """Add those of these trials that have no record, or a failed one that is to be followed by another."""
        latest = self._latest()
        for trial in trials:
            record = latest.get(trial)
            if record is None or (record.state == TrialState.FAIL and opening):
                self._add(trial, attempt=1)
            elif record.state == TrialState.FAIL and record.user_attrs.get("died", True):
                attempt = record.user_attrs["attempt"]
                if attempt < ATTEMPTS:
                    self._add(trial, attempt=attempt + 1)
