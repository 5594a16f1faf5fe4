"""Trials of a comparison in an Optuna study that any number of processes and machines share.

The study is the only record of the results. Optuna's trials, parameters, states and heartbeats are used as they are; a
lock around every operation adds what Optuna does not guarantee: on SQLite its queue may assign one trial to two
processes, enqueueing from two machines is not atomic, and its heartbeat belongs to `optimize`, which samples a new
trial where the queue is empty.
"""

import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import wraps
from time import monotonic, sleep
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.storages import RDBStorage, fail_stale_trials, get_storage
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from detloss.experiments.comparison.database import (
    HIDDEN,
    AddressError,
    database_lock,
    parse_address,
    redacted_url,
    secrets_in,
)
from detloss.experiments.comparison.plan import SEARCH_SEEDS, Pair, Plan, pair_of
from detloss.experiments.loss_names import ALL_LOSSES, modifier_combinations
from detloss.experiments.training.outcome import Outcome, Phase, Trial, pack, unpack
from detloss.experiments.training.workers import Failed

HEARTBEAT_INTERVAL = 5  # seconds
HEARTBEAT_TIMEOUT = 30  # seconds without a heartbeat after which a process counts as dead
RECONNECT_TIMEOUT = 20.0  # seconds to wait for a database that does not answer; with the interval, below the timeout
MAX_ATTEMPTS = 3  # starts of a trial whose processes die, until the command is repeated

DATABASE_ERRORS = (StorageInternalError, SQLAlchemyError, OSError)
NO_HEARTBEAT = {"reason": "no heartbeat from its process", "details": "", "died": True}
"""Attributes of a failed attempt whose process reported nothing."""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class StorageError(Exception):
    """The database of a study cannot be used; the message names it and the cause."""


def exclusive(
    operation: Callable[Concatenate["TrialStore", Arguments], Result],
) -> Callable[Concatenate["TrialStore", Arguments], Result]:
    """Make a method hold the lock, and repeat it for a while if the database does not answer."""

    @wraps(operation)
    def locked(self: "TrialStore", /, *arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        deadline = monotonic() + self.reconnect_timeout
        while True:
            try:
                with database_lock(self.engine):
                    return operation(self, *arguments, **options)
            except DATABASE_ERRORS as error:
                if monotonic() >= deadline:
                    cause = cause_of(error)
                    for secret in self.secrets:
                        cause = cause.replace(secret, HIDDEN)
                    raise StorageError(f"storage: expected {self.address} to answer, got {cause}") from error
                sleep(min(1.0, self.reconnect_timeout))

    return locked


@contextmanager
def without_warnings() -> Iterator[None]:
    """Suppress Optuna's warning that heartbeats, available since version 2.5, are experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield


def cause_of(error: BaseException) -> str:
    """The first line of the message of a database."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


def loss_parameters(pair: Pair) -> dict[str, str | float]:
    """The losses of a pair as parameters for Optuna's tools; numeric options are parameters of their own.

    The class loss focal:gamma=1.5 is "cls" = "focal" and "cls.gamma" = 1.5; the box loss inner-giou is "box" = "giou"
    and "box.modifiers" = "inner". Names with a custom detector are arbitrary.
    """
    parameters: dict[str, str | float] = dict(pair._asdict())
    if pair.cls:
        for role, name in pair._asdict().items():
            modified, *options = name.split(":")
            modifiers, hyphen, parameters[role] = modified.rpartition("-")
            if hyphen:
                parameters[f"{role}.modifiers"] = modifiers
            for option, _, value in (option.partition("=") for option in options):
                with suppress(ValueError):
                    parameters[f"{role}.{option}"] = float(value)
    return parameters


def distributions_of(plan: Plan) -> dict[str, BaseDistribution]:
    """The distributions of the parameters of all trials of a plan.

    Optuna does not allow the categories of a parameter to change within a study, so those of a loss are the names of
    the catalog. Losses with other names are no parameters: a study may get more of them.
    """
    numbers = {"weight": plan.weight_range}
    for pair in plan.weights:
        for name, value in loss_parameters(pair).items():
            if isinstance(value, float):
                numbers.setdefault(name, []).append(value)
    catalog = CategoricalDistribution(list(ALL_LOSSES))
    return {
        **({"box": catalog, "cls": catalog} if all(pair.cls for pair in plan.weights) else {}),
        "box.modifiers": CategoricalDistribution(modifier_combinations()),
        "seed": IntDistribution(min(*plan.seeds, *SEARCH_SEEDS), max(*plan.seeds, *SEARCH_SEEDS)),
        "steps": IntDistribution(1, plan.steps),
        "phase": CategoricalDistribution([phase.value for phase in Phase]),
        "detector": CategoricalDistribution([plan.detector]),
        "precision": CategoricalDistribution([plan.precision]),
        **{name: FloatDistribution(min(values), max(values), log=name == "weight") for name, values in numbers.items()},
    }


def ended(latest: Mapping[Trial, FrozenTrial]) -> dict[Trial, float | None]:
    """The scores of the trials that have ended."""
    return {trial: record.value for trial, record in latest.items() if record.state.is_finished()}


class TrialStore:
    """The trials of one comparison in a database, each with at most one result: the first to arrive.

    Optuna has one record per attempt of a trial. Only the latest counts, and only a failed one is followed by another,
    so a trial is waiting, running, complete or failed.

    Args:
        url: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.
        name: Name of the study, the same for all processes that share it and different for every plan.
        plan: The trials.
        overwrite: Whether an existing study of this name is deleted.
        read_only: Whether the study is only read: it must exist, and none of its trials is restarted.
        heartbeat_interval: Seconds between the heartbeats of a trial.
        heartbeat_timeout: Seconds without a heartbeat after which the process of a trial counts as dead.
        reconnect_timeout: Seconds to wait for a database that does not answer.

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
        heartbeat_interval: int = HEARTBEAT_INTERVAL,
        heartbeat_timeout: int = HEARTBEAT_TIMEOUT,
        reconnect_timeout: float = RECONNECT_TIMEOUT,
    ) -> None:
        self.name, self.plan, self.distributions = name, plan, distributions_of(plan)
        self.heartbeat_interval, self.reconnect_timeout = heartbeat_interval, 0.0
        self.claimed: dict[Trial, int] = {}
        try:
            address = parse_address(url)
            self.address, self.secrets = redacted_url(address), secrets_in(address)
            # A file is opened for every operation; connections to a server are kept, and tested before use.
            self.pool: dict[str, Any] = (
                {"poolclass": NullPool} if address.get_backend_name() == "sqlite" else {"pool_pre_ping": True}
            )
            self.engine = create_engine(address, **self.pool)
        except AddressError as error:
            raise StorageError(str(error)) from None
        except (ArgumentError, ImportError) as error:
            raise StorageError(f"storage: {self.address} needs detloss[postgresql] ({error})") from error
        self._open(url, overwrite, read_only, heartbeat_timeout)
        self.reconnect_timeout = reconnect_timeout

    @exclusive
    def _open(self, url: str, overwrite: bool, read_only: bool, heartbeat_timeout: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with without_warnings():
            backend = RDBStorage(
                url, self.pool, heartbeat_interval=self.heartbeat_interval, grace_period=heartbeat_timeout
            )
        self.engines = (self.engine, backend.engine)
        self.storage: Any = get_storage(backend)
        if overwrite and self.name in [study.study_name for study in self.storage.get_all_studies()]:
            optuna.delete_study(study_name=self.name, storage=self.storage)
        if read_only and self.name not in [study.study_name for study in self.storage.get_all_studies()]:
            raise StorageError(f"storage: expected the study {self.name!r} in {self.address}, found none")
        self.study = optuna.create_study(
            storage=self.storage, study_name=self.name, direction="maximize", load_if_exists=True
        )
        self.study_id = self.storage.get_study_id_from_name(self.name)
        if self._identity() is None:
            self.storage.set_study_user_attr(self.study_id, "identity", uuid4().hex)
        self.identity = self._identity()
        if not read_only:
            self._agree_on_grids()
            self._enqueue(restart_failed=True)

    def _agree_on_grids(self) -> None:
        """Search the weights of the first process: measurements of other machines may differ by rounding."""
        grids = self.storage.get_study_user_attrs(self.study_id).get("grids", {})
        self.plan = self.plan.with_grids(grids)
        self.distributions = distributions_of(self.plan)
        self.storage.set_study_user_attr(self.study_id, "grids", grids | self.plan.grids)

    def claim(self) -> Trial | None:
        """Start the next waiting trial, if there is one; trials of the comparison wait until the search has ended."""
        trial, number = self._claim()
        if trial is not None:  # recorded after the operation, so that a failed claim sends no heartbeats
            self.claimed[trial] = number
        return trial

    @exclusive
    def _claim(self) -> tuple[Trial | None, int]:
        for trial, record in self._enqueue().items():
            if record.state == TrialState.WAITING:
                self._start(record._trial_id)
                return trial, record._trial_id
        return None, 0

    @exclusive
    def heartbeat(self) -> None:
        """Record a heartbeat of the trials that this process runs."""
        for number in self.claimed.values():
            self.storage.record_heartbeat(number)

    @exclusive
    def finish(self, outcome: Outcome) -> bool:
        """Record a result and return whether it was the first of its trial.

        A process that was declared dead may still be the first.
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
            self._start(number)
        self.storage.set_trial_user_attr(number, "outcome", pack(outcome))
        self.storage.set_trial_state_values(number, TrialState.COMPLETE, [outcome.score])
        return True

    @exclusive
    def fail(self, failure: Failed) -> bool:
        """Record that a trial of this process ended without a result, and return whether it will be restarted."""
        number = self.claimed.get(failure.trial)
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
        """Release the trials that this process has not finished, without waiting, and close the connections."""
        self.reconnect_timeout = 0.0
        with suppress(StorageError):
            for trial in list(self.claimed):
                self.fail(Failed(trial, "was interrupted", died=True))
        for engine in self.engines:
            engine.dispose()

    @exclusive
    def results(self, known: Container[Trial] = ()) -> list[Outcome]:
        """Read the outcomes of planned trials that are not in `known`, in the order of completion."""
        complete = [
            record
            for trial, record in self._planned(self._latest()).items()
            if record.state == TrialState.COMPLETE and trial not in known
        ]
        complete.sort(key=lambda record: (record.datetime_complete, record.number))
        return [unpack(record.user_attrs["outcome"]) for record in complete]

    @exclusive
    def failures(self) -> list[Failed]:
        """List the planned trials that ended without a result, each with the reason of its last attempt."""
        return [
            Failed(trial, *(record.user_attrs.get(name, default) for name, default in NO_HEARTBEAT.items()))
            for trial, record in self._planned(self._latest()).items()
            if record.state == TrialState.FAIL
        ]

    @exclusive
    def open_trials(self) -> list[Trial]:
        """List the trials that are waiting or running in any process; if there are none, the comparison has ended."""
        return [trial for trial, record in self._enqueue().items() if not record.state.is_finished()]

    def _latest(self) -> dict[Trial, FrozenTrial]:
        """The latest record of every trial, in the order of the first records."""
        if self._identity() != self.identity:
            raise StorageError(
                f"storage: expected the study {self.name!r} in {self.address}, which another command has overwritten"
            )
        records = self.storage.get_all_trials(self.study_id, deepcopy=False)
        return {Trial.from_settings(record.user_attrs["trial"]): record for record in records}

    def _planned(self, latest: Mapping[Trial, FrozenTrial]) -> dict[Trial, FrozenTrial]:
        """The records of planned trials; those of another plan are in the study as well."""
        return {trial: latest[trial] for trial in self.plan.trials(ended(latest)) if trial in latest}

    def _identity(self) -> str | None:
        """A unique name of the study: one that replaces it may have the same number."""
        with suppress(KeyError):
            identity: str | None = self.storage.get_study_user_attrs(self.study_id).get("identity")
            return identity
        return None

    def _start(self, number: int) -> None:
        """Start a waiting record; it has a heartbeat first, because Optuna ignores the death of trials without one."""
        self.storage.record_heartbeat(number)
        self.storage.set_trial_state_values(number, TrialState.RUNNING)

    def _add(self, trial: Trial, *, attempt: int) -> int:
        """Add a waiting record."""
        settings = asdict(trial) | loss_parameters(pair_of(trial))
        parameters = {name: value for name, value in settings.items() if name in self.distributions}
        template = create_trial(
            state=TrialState.WAITING,
            params=parameters,
            distributions={name: self.distributions[name] for name in parameters},
            user_attrs={"trial": asdict(trial), "attempt": attempt},
        )
        number: int = self.storage.create_new_trial(self.study_id, template)
        return number

    def _enqueue(self, *, restart_failed: bool = False) -> dict[Trial, FrozenTrial]:
        """Add waiting records of new trials, of trials whose process died and, if requested, of all failed trials.

        Returns:
            The latest record of every planned trial.
        """
        with without_warnings():
            fail_stale_trials(self.study)
        latest = self._latest()
        while due := self._due(latest, restart_failed=restart_failed):
            for trial, attempt in due.items():
                self._add(trial, attempt=attempt)
            latest, restart_failed = self._latest(), False
        return self._planned(latest)

    def _due(self, latest: Mapping[Trial, FrozenTrial], *, restart_failed: bool = False) -> dict[Trial, int]:
        """Find new trials, trials whose process died and, if requested, all failed trials, with their attempts.

        Those that are repeated come first: the result of a search is known when they have ended.
        """
        planned = self.plan.due(ended(latest), latest)
        repeated = attempts([trial for trial in planned if trial in latest], latest, restart_failed)
        return repeated or attempts(planned, latest, restart_failed)


def attempts(trials: Iterable[Trial], latest: Mapping[Trial, FrozenTrial], restart_failed: bool) -> dict[Trial, int]:
    """Number the next attempt of each trial that has no record, or a failed one that is to be repeated."""
    due = {}
    for trial in trials:
        record = latest.get(trial)
        if record is None or (record.state == TrialState.FAIL and restart_failed):
            due[trial] = 1
        elif record.state == TrialState.FAIL and record.user_attrs.get("died", True):
            attempt = record.user_attrs["attempt"]
            if attempt < MAX_ATTEMPTS:
                due[trial] = attempt + 1
    return due
