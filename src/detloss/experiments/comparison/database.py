"""Addresses of databases, without their passwords, and the lock of a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from detloss.experiments.errors import UserError

HIDDEN = "***"
PUBLIC_OPTIONS = {"host", "hostaddr", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name"}
"""Options in the query of an address that are shown; any other may contain a password."""

KINDS = ("sqlite", "postgresql", "journal")
EXPECTED = "storage: expected sqlite:///FILE, FILE.log or postgresql://USER:PASSWORD@HOST/DATABASE"
LOCK_FILE = ".lock"
LOCK_TIMEOUT = 120  # seconds; the lock is held for milliseconds


class StorageError(UserError):
    """The database of a study cannot be used; the message names it without its passwords, and the cause."""


def parse_address(address: str) -> URL:
    """Parse the address of an SQLite file, a PostgreSQL database or a journal, which may be a path ending in .log."""
    if address.endswith(".log") and "://" not in address:
        return URL.create("journal", database=address)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise StorageError(f"{EXPECTED}, got an address that cannot be parsed") from None
    kind = url.get_backend_name()
    if kind not in KINDS:
        raise StorageError(f"{EXPECTED}, got one of {kind!r}")
    if url.database in (None, "", ":memory:"):
        raise StorageError(f"{EXPECTED}, got one without a database")
    if kind == "postgresql" and "@" in f"{url.host}{url.database}":  # a password with an unescaped / or @
        raise StorageError(
            f"{EXPECTED}, got an address that cannot be parsed: write / as %2F and @ as %40 in a password"
        )
    return url


def redacted(address: str) -> str:
    """The address with its passwords hidden, or nothing of it if it cannot be parsed."""
    try:
        return redacted_url(parse_address(address))
    except StorageError:
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
def folder_lock(folder: Path, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the lock of an existing, writable folder; raise filelock.Timeout if another process holds it."""
    folder.stat()  # FileLock would create the folder
    with FileLock(folder / LOCK_FILE, timeout=timeout):
        yield
