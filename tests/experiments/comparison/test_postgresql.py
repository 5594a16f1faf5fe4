"""Machines that share trials in a real PostgreSQL database: one is killed, the database restarts, one result per trial."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

import optuna
import pytest
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.pool import NullPool

from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.store import TrialStore
from tests.support.trials import (
    SEARCHED,
    fixed_plan,
    outcome_of,
    score_of,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """A separate server, in a folder that its user can also enter."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)  # where pgserver has its lock; it warns where this is not set
        import pgserver

        with pgserver.get_server(Path(folder) / "data", cleanup_mode="delete") as running:
            yield running


def url_of(server: Any, database: str) -> str:
    server.psql(f"CREATE DATABASE {database}")
    return server.get_uri(database)


MACHINE = """
import sys
from pathlib import Path
from detloss.experiments.comparison.runner import Comparison
from detloss.experiments.training.devices import device_groups
from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.training.workers import Advanced
from tests.support import trials

url, folder = sys.argv[1], Folder(Path(sys.argv[2]))
folder.begin({}, trials.SEARCHED.to_json(), overwrite=False)
comparison = Comparison(trials.SEARCHED, TrialStore(url, "a study", trials.SEARCHED, heartbeat_interval=1, heartbeat_timeout=3), folder)
for event in comparison.run(trials.small_dataset, groups=device_groups(1), run_trial=getattr(trials, sys.argv[3])):
    if isinstance(event, Advanced):
        print(event.trial, flush=True)
print(comparison.missing)
"""


def machine(url: str, folder: Path, runner: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", MACHINE, url, folder, runner], stdout=subprocess.PIPE, text=True)


@pytest.mark.exhaustive
def test_machines_share_the_trials_and_one_that_is_killed_is_replaced(server: Any, tmp_path: Path) -> None:
    url = url_of(server, "shared")
    folders = [tmp_path / "one", tmp_path / "other"]
    stuck, other = machine(url, folders[0], "endless_trial_of_all"), machine(url, folders[1], "scored_trial")
    assert stuck.stdout is not None
    victim = stuck.stdout.readline().strip()
    assert victim, "it has started a trial that it never finishes"
    os.kill(stuck.pid, signal.SIGKILL)
    stuck.communicate()
    again = machine(url, folders[0], "scored_trial")
    for process in (other, again):
        assert process.communicate()[0].splitlines()[-1] == "0"
        assert process.returncode == 0

    chosen = {pair: 2.0 for pair in SEARCHED.weights}
    planned = Counter((trial.box, trial.weight, trial.seed, trial.phase) for trial in
                      [*SEARCHED.search_trials({}), *SEARCHED.comparison_trials(chosen)])  # fmt: skip
    for folder in folders:
        records = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
        assert Counter((row["box"], row["weight"], row["seed"], row["phase"]) for row in records) == planned
    storage = optuna.storages.RDBStorage(url)
    study = optuna.load_study(study_name="a study", storage=storage)
    complete = [trial for trial in study.trials if trial.state == optuna.trial.TrialState.COMPLETE]
    assert len(complete) == len(planned)
    assert [trial for trial in study.trials if trial.state == optuna.trial.TrialState.FAIL], "the killed one"
    phases = [trial.params["phase"] for trial in sorted(complete, key=lambda trial: trial.datetime_complete)]
    assert phases == sorted(phases, reverse=True), "all trials of the search come first"
    storage.engine.dispose()


@pytest.mark.exhaustive
def test_a_server_that_goes_away_is_named_and_nothing_finished_is_lost(server: Any, tmp_path: Path) -> None:
    url = url_of(server, "restarted")
    store = TrialStore(url, "a study", fixed_plan(0, 1), reconnect_timeout=0.0)
    first, second = store.turn(claim=bool).claimed, store.turn(claim=bool).claimed
    assert first
    assert second
    assert store.finish(outcome_of(first, ap=score_of(first)))
    server.psql("ALTER DATABASE restarted ALLOW_CONNECTIONS false")
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'restarted'")
    with pytest.raises(StorageError, match=r"storage: expected postgresql://.*restarted.* to answer, got "):
        store.finish(outcome_of(second))
    server.psql("ALTER DATABASE restarted ALLOW_CONNECTIONS true")
    assert store.finish(outcome_of(second, ap=0.25))
    found = store.results()
    assert [(outcome.trial, outcome.score) for outcome in found] == [(first, score_of(first)), (second, 0.25)]
    store.close()


@pytest.mark.exhaustive
def test_time_zones_of_machines_do_not_matter(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of(server, "zones")
    monkeypatch.setenv("PGTZ", "Asia/Tokyo")
    east = TrialStore(url, "a study", fixed_plan(0))
    monkeypatch.setenv("PGTZ", "America/New_York")
    west, other = (TrialStore(url, "a study", fixed_plan(0)) for _ in range(2))
    trial = west.turn(claim=bool).claimed
    assert trial is not None
    assert east.turn(claim=bool).claimed is None
    west.heartbeat()
    assert east.turn(claim=bool).claimed is None
    west.shared.now = lambda: 1.0  # type: ignore[method-assign]
    west.heartbeat()
    assert other.turn(claim=bool).claimed == trial
    for store in (east, west, other):
        store.close()


def test_a_process_has_one_connection_and_waits_for_the_lock_of_its_study_only(server: Any) -> None:
    url = url_of(server, "connections")
    stores = [TrialStore(url, name, fixed_plan(0, 1)) for name in ("one", "one", "other")]
    with stores[0].shared.locked("one"):
        assert stores[2].turn(claim=bool).claimed is not None
    for store in stores:
        assert store.turn(claim=bool).claimed is not None
        store.heartbeat()
        assert len(store.turn().open) == 2
    query = text("SELECT count(*) FROM pg_stat_activity WHERE datname = 'connections'")
    with stores[0].shared.engine.connect() as connection:
        assert connection.execute(query).scalar() == 3
    for store in stores:
        store.close()


@pytest.mark.exhaustive
def test_an_operation_takes_few_statements(server: Any) -> None:
    store = TrialStore(url_of(server, "statements"), "a study", SEARCHED)
    statements: list[str] = []
    event.listen(store.shared.engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))

    def count(operation: Callable[[], object]) -> int:
        statements.clear()
        operation()
        return len(statements)

    claim = partial(store.turn, claim=bool)
    counts = [count(operation) for operation in (claim, store.heartbeat, store.turn, store.results)]
    counts.append(count(lambda: store.finish(outcome_of(SEARCHED.search_trials({})[0]))))
    assert counts == [
        pytest.approx(count, abs=2) for count in (16, 3, 9, 9, 20)
    ]  # of 45, 7, 41, 12 with a lock for each
    store.close()


@pytest.mark.exhaustive
def test_an_opening_waits_for_a_server_without_free_connections(server: Any) -> None:
    url = make_url(url_of(server, "crowded"))
    server.psql("CREATE ROLE few LOGIN CONNECTION LIMIT 3; GRANT ALL ON DATABASE crowded TO few")
    server.psql("ALTER DATABASE crowded OWNER TO few")
    few = url.set(username="few").render_as_string(hide_password=False)
    crowd = [create_engine(few, poolclass=NullPool).connect() for _ in range(3)]
    with pytest.raises(StorageError, match="too many connections"):
        TrialStore(few, "a study", fixed_plan(0), reconnect_timeout=0.0)
    timer = Timer(0.5, lambda: [connection.close() for connection in crowd])
    timer.start()
    store = TrialStore(few, "a study", fixed_plan(0), reconnect_timeout=60.0)
    assert store.turn(claim=bool).claimed is not None
    store.close()
    timer.join()
