"""A lock that all processes of a comparison share, on however many machines; the death of its holder opens it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zlib import crc32

from sqlalchemy import Engine, text

PATIENCE = 120  # seconds to wait for the lock, which is held for milliseconds
NAME = crc32(b"detloss compare")


@contextmanager
def locked(engine: Engine) -> Iterator[None]:
    """Hold the lock of a database: PostgreSQL's own, or for an SQLite file that of its folder.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: PostgreSQL does not answer.
        sqlite3.Error: The folder cannot be written, or the lock stays taken.
    """
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
            # The server itself ends a holder whose machine has gone from the network.
            connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{PATIENCE}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": NAME})
            yield
    else:
        with locked_folder(Path(str(engine.url.database)).parent):
            yield


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, an empty SQLite file: SQLite locks files on every system."""
    with closing(sqlite3.connect(folder / ".lock", timeout=PATIENCE, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
