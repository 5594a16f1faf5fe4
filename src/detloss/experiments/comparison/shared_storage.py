"""Storage of Optuna that many processes and machines use at a time: its lock, its clock and its connections.

Optuna calls within `locked` are not interleaved with those of other processes that share the study.
"""

import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from hashlib import sha256
from os import SEEK_END
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from detloss.experiments.comparison.database import (
    HIDDEN,
    StorageError,
    folder_lock,
    parse_address,
    redacted_url,
    secrets_in,
)

RECONNECT_TIMEOUT = 20.0  # seconds to wait for a database that does not answer
LOCK_TIMEOUT = 120  # seconds; the lock is held for milliseconds
LOCK_LEFT = 10  # seconds after which the lock of a journal counts as left by a dead process
LAST_TABLE = "alembic_version"  # that Optuna creates
DATABASE_ERRORS = (StorageInternalError, SQLAlchemyError, OSError)
BUSY_SERVER = ("too many", "connection slots", "starting up")
"""Parts of errors of a PostgreSQL server that accepts connections later."""

Result = TypeVar("Result")


def cause_of(error: BaseException) -> str:
    """The first line of the message of a database."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


class SharedStorage(ABC):
    """Storage that several processes use; `storage` is that of Optuna, and `address` contains no password."""

    def __init__(self, url: URL) -> None:
        self.url, self.address, self.secrets = url, redacted_url(url), secrets_in(url)
        self.reconnect_timeout = 0.0
        self.storage: Any = None

    @abstractmethod
    def open(self) -> None:
        """Set `storage`, and create the database if it does not exist."""

    @abstractmethod
    def locked(self, study: str) -> AbstractContextManager[None]:
        """Hold the lock of a study, which is released if its holder dies.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: PostgreSQL does not answer.
            OSError: The folder is not writable, or the lock was not released in time.
        """

    def now(self) -> float:
        """Seconds since 1970 on the clock that the processes share, whatever their time zones."""
        return time.time()

    def reset(self) -> None:  # noqa: B027 - a journal has nothing to forget
        """Forget what was read in an operation that failed, because it may have been rolled back."""

    def close(self) -> None:  # noqa: B027 - a journal has none
        """Close the connections."""

    def repeated(self, operation: Callable[[], Result]) -> Result:
        """Repeat an operation for a while if the database does not answer, then raise a StorageError."""
        deadline = monotonic() + self.reconnect_timeout
        while True:
            try:
                return operation()
            except DATABASE_ERRORS as error:
                self.reset()
                cause = cause_of(error)
                if monotonic() >= deadline:
                    for secret in self.secrets:
                        cause = cause.replace(secret, HIDDEN)
                    raise StorageError(f"storage: expected {self.address} to answer, got {cause}") from error
                sleep(min(1.0, self.reconnect_timeout))


class DatabaseStorage(SharedStorage):
    """Tables of Optuna in a database of SQLAlchemy."""

    connections: dict[str, Any]
    backend: Any = None

    def open(self) -> None:
        try:
            self.engine = create_engine(self.url, **self.connections)
        except (ArgumentError, ImportError) as error:
            raise StorageError(f"storage: {self.address} needs detloss[postgresql] ({error})") from error
        address = self.url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}")
        complete = inspect(self.engine).has_table(LAST_TABLE)
        with nullcontext() if complete else self.locked(""):
            try:
                backend = RDBStorage(address, dict(self.connections), skip_table_creation=complete)
            except RuntimeError as error:
                found = f"got those of another version ({cause_of(error)})"
                raise StorageError(
                    f"storage: expected {self.address} to have the tables of Optuna {optuna.__version__}, {found}"
                ) from error
        self.engine.dispose()
        self.engine, self.backend = backend.engine, backend
        self.reset()

    def reset(self) -> None:
        if self.backend is not None:
            self.storage = get_storage(self.backend)  # with an empty cache

    def close(self) -> None:
        self.engine.dispose()


class SqliteStorage(DatabaseStorage):
    """An SQLite file; it is opened for every operation, and its lock is that of its folder."""

    connections = {"poolclass": NullPool}  # noqa: RUF012

    def locked(self, study: str) -> AbstractContextManager[None]:
        return folder_lock(Path(str(self.url.database)).parent)


class PostgresqlStorage(DatabaseStorage):
    """A PostgreSQL database, whose server holds the locks and has the clock.

    A locked operation is one transaction on one connection, and an idle process keeps one connection.
    """

    connections = {"pool_size": 1, "max_overflow": 2, "pool_pre_ping": True}  # noqa: RUF012

    @contextmanager
    def locked(self, study: str) -> Iterator[None]:
        key = int.from_bytes(sha256(f"detloss {study}".encode()).digest()[:8], "big", signed=True)
        with self.engine.begin() as connection:
            # The second limit ends the transaction of a holder whose machine has left the network.
            limits = ("lock_timeout", "idle_in_transaction_session_timeout")
            settings = ", ".join(f"set_config('{limit}', '{LOCK_TIMEOUT}s', true)" for limit in limits)
            connection.execute(text(f"SELECT {settings}"))
            # Behind PgBouncer, the lock of a session would outlast the client.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
            if self.backend is None:
                yield
                return
            session = self.backend.scoped_session
            session.remove()
            session(bind=connection, join_transaction_mode="rollback_only")
            try:
                yield
            finally:
                session.remove()

    def now(self) -> float:
        with self.backend.scoped_session() as session:  # within `locked`, on its connection
            return float(session.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())


class JournalFile(SharedStorage):
    """A file of Optuna's journal, which network file systems may hold; the clocks of the machines must agree.

    Its locks are files beside it. One that a dead process left is removed after LOCK_LEFT seconds.
    """

    def open(self) -> None:
        self.storage = JournalStorage(WholeLines(str(self.url.database), self.lock("")))

    def locked(self, study: str) -> AbstractContextManager[None]:
        return held(self.lock(f".{sha256(study.encode()).hexdigest()[:12]}"))

    def lock(self, suffix: str) -> JournalFileOpenLock:
        """A lock beside the file."""
        return JournalFileOpenLock(f"{self.url.database}{suffix}", LOCK_LEFT)


class WholeLines(JournalFileBackend):
    """A journal whose last line may be torn: its process was killed, or the disk was full."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        lines = "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in logs)
        with held(self._lock), Path(self._file_path).open("rb+") as file:
            end = file.seek(0, SEEK_END)
            while end and file.seek(end - 1) >= 0 and file.read(1) != b"\n":
                end -= 1
            file.truncate(end)
            file.seek(end)
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        try:
            yield from super().read_logs(log_number_from)
        except ValueError as error:
            raise OSError(f"a line that is not of Optuna's journal: {error}") from None


@contextmanager
def held(lock: Any) -> Iterator[None]:
    """Hold a lock of a journal."""
    lock.acquire()
    try:
        yield
    finally:
        with suppress(RuntimeError):  # this process was suspended, and another removed its lock
            lock.release()


KINDS: dict[str, type[SharedStorage]] = {
    "sqlite": SqliteStorage,
    "postgresql": PostgresqlStorage,
    "journal": JournalFile,
}


def opened_storage(address: str, reconnect_timeout: float = RECONNECT_TIMEOUT) -> SharedStorage:
    """Open a storage at once or raise a StorageError, unless its server is busy."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = parse_address(address)
    shared, deadline = KINDS[url.get_backend_name()](url), monotonic() + reconnect_timeout
    while shared.storage is None:
        try:
            shared.repeated(shared.open)
        except StorageError as error:
            if monotonic() >= deadline or not any(part in str(error) for part in BUSY_SERVER):
                raise
            sleep(min(1.0, reconnect_timeout))
    shared.reconnect_timeout = reconnect_timeout
    return shared


def recorded_studies(address: str) -> dict[str, dict[str, Any]]:
    """Find the comparisons in a storage, with their plans and settings, by the names of their studies."""
    shared = opened_storage(address)
    studies = shared.repeated(shared.storage.get_all_studies)
    shared.close()
    return {study.study_name: study.user_attrs for study in studies if "plan" in study.user_attrs}
