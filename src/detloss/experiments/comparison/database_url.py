"""Addresses of databases as they may be shown: without passwords."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

HIDDEN = "***"
HARMLESS = {"host", "hostaddr", "port", "user", "dbname", "sslmode", "connect_timeout", "application_name"}
"""Options in the query of an address that are shown; any other may be a secret."""

EXPECTED = "storage: expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


class AddressError(ValueError):
    """The address of a database is none; the message does not repeat it, because it may contain a password."""


def parsed(address: str) -> URL:
    """Read the address of a SQLite file or a PostgreSQL database.

    Raises:
        AddressError: It is neither.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise AddressError(f"{EXPECTED}, got an address that cannot be read") from None
    kind = url.get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise AddressError(f"{EXPECTED}, got one of {kind!r}")
    if url.database in (None, "", ":memory:"):
        raise AddressError(f"{EXPECTED}, got one without a database")
    if kind == "postgresql" and "@" in f"{url.host}{url.database}":  # a password with an unescaped / or @
        raise AddressError(f"{EXPECTED}, got an address that cannot be read: write / as %2F and @ as %40 in a password")
    return url


def shown(address: str) -> str:
    """The address without secrets; nothing of it where it cannot be read."""
    try:
        return without_secrets(parsed(address))
    except AddressError:
        return HIDDEN


def without_secrets(url: URL) -> str:
    """Write an address with its password, and everything in its query that may be one, hidden."""
    query = {name: value if name in HARMLESS else HIDDEN for name, value in url.query.items()}
    return url.set(query=query).render_as_string().replace("%2A" * len(HIDDEN), HIDDEN)


def secrets_of(url: URL) -> set[str]:
    """What must not occur in any message."""
    values = [url.password] if url.password else []
    for name, value in url.query.items():
        if name not in HARMLESS:
            values += [value] if isinstance(value, str) else value
    return {str(value) for value in values if value}
