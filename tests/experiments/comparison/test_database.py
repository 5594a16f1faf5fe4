"""Databases: passwords are redacted wherever they are in an address, and locks are exclusive."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from detloss.experiments.comparison.database import StorageError, folder_lock, parse_address, redacted

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
        ("shared/study.log", "journal:///shared/study.log"),
        ("/shared/study.log", "journal:////shared/study.log"),
        ("journal:///shared/study", "journal:///shared/study"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_password(address: str, expected: str) -> None:
    assert redacted(address) == expected
    assert SECRET not in redacted(address)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql//me:CANARY@host/base", "got an address that cannot be parsed"),
        ("postgresql://me:one@CANARY@host/base", "write / as %2F and @ as %40 in a password"),
        ("mysql://me:CANARY@host/base", "got one of 'mysql'"),
        ("postgresql://me:CANARY@host", "got one without a database"),
        ("sqlite:///:memory:", "got one without a database"),
    ],
)
def test_an_invalid_address_is_rejected_without_repeating_it(address: str, message: str) -> None:
    with pytest.raises(StorageError, match="storage: expected sqlite:///FILE, FILE.log or postgresql://") as caught:
        parse_address(address)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.exhaustive
def test_the_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    program = (
        "import signal, sys; from pathlib import Path; from detloss.experiments.comparison.database import folder_lock\n"
        "with folder_lock(Path(sys.argv[1])): print('held', flush=True); signal.pause()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Timeout), folder_lock(tmp_path, timeout=0.1):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with folder_lock(tmp_path, timeout=60):
        pass


def test_the_lock_of_a_folder_that_does_not_exist_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), folder_lock(tmp_path / "missing"):
        pass
    assert not (tmp_path / "missing").exists()
