"""No password of a database is shown, wherever it stands in the address."""

import pytest

from detloss.experiments.comparison.database_url import AddressError, parsed, shown

SECRET = "CANARY"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("postgresql://me:CANARY@host:1/base", "postgresql://me:***@host:1/base"),
        ("postgresql://host/base?user=me&password=CANARY", "postgresql://host/base?password=***&user=me"),
        ("postgresql://host/base?sslpassword=CANARY&sslmode=require", "postgresql://host/base?sslmode=require&sslpassword=***"),
        ("postgresql://me:one/CANARY@host/base", "postgresql://me:***@host/base"),
        ("postgresql://me:one@CANARY@host/base", "***"),
        ("postgresql://me:1/CANARY@host/base", "postgresql://me:***@host/base"),
        ("postgresql://me@host:CANARY/base", "***"),
        ("postgresql//me:CANARY@host/base", "***"),
        ("host=here password=CANARY", "***"),
        ("mysql://me:CANARY@host/base", "***"),
        ("sqlite:////home/me/study.db", "sqlite:////home/me/study.db"),
        ("postgresql://me@host/base", "postgresql://me@host/base"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert SECRET not in shown(address)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgresql//me:CANARY@host/base", "got an address that cannot be read"),
        ("postgresql://me:one@CANARY@host/base", "write / as %2F and @ as %40 in a password"),
        ("mysql://me:CANARY@host/base", "got one of 'mysql'"),
        ("postgresql://me:CANARY@host", "got one without a database"),
        ("sqlite:///:memory:", "got one without a database"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str, told: str) -> None:
    with pytest.raises(AddressError, match="storage: expected sqlite:///FILE or postgresql://") as caught:
        parsed(address)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)
