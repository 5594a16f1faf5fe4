"""Random kills, suspensions and terminations: each planned trial has exactly one result, and none is lost."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.random_faults import disturb


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'study.db'}"


@contextmanager
def journal(folder: Path) -> Iterator[str]:
    yield str(folder / "study.log")


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    with TemporaryDirectory() as runtime, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", runtime)
        import pgserver

        with pgserver.get_server(Path(runtime) / "data", cleanup_mode="delete") as server:
            yield server.get_uri()


@pytest.mark.exhaustive
@pytest.mark.parametrize("storage", [sqlite, journal, postgresql])
def test_each_trial_has_one_result_whatever_happens_to_the_processes(
    storage: Callable[[Path], AbstractContextManager[str]], seed: int, tmp_path: Path
) -> None:
    with storage(tmp_path) as address:
        disturb(address, tmp_path, random.Random(seed), seconds=15)
