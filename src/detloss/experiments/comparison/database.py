"""Databases of a comparison: addresses without their passwords, and a lock for all processes that share one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from filelock import FileLock
from sqlalchemy import URL, Engine, make_url, text
from sqlalchemy.exc import ArgumentError

HIDDEN = "***"
PUBLIC_OPTIONS = {"host", "hostaddr", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name"}
"""Options in the query of an address that are shown; any other may contain a password."""

EXPECTED = "storage: expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
LOCK_FILE = ".lock"
LOCK_TIMEOUT = 120  # seconds; the lock is held for milliseconds
ADVISORY_LOCK = crc32(b"detloss compare")


class AddressError(ValueError):
    """An invalid address of a database; the message does not repeat it, because it may contain a password."""


def parse_address(address: str) -> URL:
    """Parse the address of an SQLite file or a PostgreSQL database.

    Raises:
        AddressError: It is neither.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise AddressError(f"{EXPECTED}, got an address that cannot be parsed") from None
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise AddressError(f"{EXPECTED}, got one of {kind!r}")
    if url.database in (None, "", ":memory:"):
        raise AddressError(f"{EXPECTED}, got one without a database")
    if kind == "postgresql" and "@" in f"{url.host}{url.database}":  # a password with an unescaped / or @
        raise AddressError(
            f"{EXPECTED}, got an address that cannot be parsed: write / as %2F and @ as %40 in a password"
        )
    return url


def redacted(address: str) -> str:
    """The address with its passwords hidden, or nothing of it if it cannot be parsed."""
    try:
        return redacted_url(parse_address(address))
    except AddressError:
        return HIDDEN


def redacted_url(url: URL) -> str:
    """The address with its password hidden, and every option that may contain one."""
    query = {name: value if name in PUBLIC_OPTIONS else HIDDEN for name, value in url.query.items()}
    return url.set(query=query).render_as_string().replace("%2A" * len(HIDDEN), HIDDEN)


def secrets_in(url: URL) -> set[str]:
    """The parts of an address that no message may contain."""
    values = [url.password] if url.password else []
    for name, value in url.query.items():
        if name not in PUBLIC_OPTIONS:
            values += [value] if isinstance(value, str) else value
    return {str(value) for value in values if value}


@contextmanager
def database_lock(engine: Engine) -> Iterator[None]:
    """Hold the lock of a database, which is released if its holder dies.

    Machines can share a PostgreSQL database, so the server holds its lock. The lock of an SQLite file is that of its
    folder.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: PostgreSQL does not answer.
        OSError: The folder is not writable, or the lock was not released in time.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'"))
            # The server terminates a holder whose machine has left the network.
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{LOCK_TIMEOUT}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": ADVISORY_LOCK})
            yield
    else:
        with folder_lock(Path(str(engine.url.database)).parent):
            yield


@contextmanager
def folder_lock(folder: Path, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the lock of an existing folder.

    Raises:
        OSError: The folder does not exist or is not writable; filelock.Timeout if another process holds the lock.
    """
    folder.stat()  # FileLock would create the folder
    with FileLock(folder / LOCK_FILE, timeout=timeout):
        yield
