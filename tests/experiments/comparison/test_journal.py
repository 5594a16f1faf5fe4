"""Journal files as storage: on file systems without locks, and after deaths at any point."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.shared_storage import JournalFile, recorded_studies
from detloss.experiments.comparison.store import HEARTBEAT_TIMEOUT, TrialStore
from tests.support.trials import SEARCHED, fixed_plan, outcome_of, score_of


def opened(folder: Path, seeds: int = 2, **options: float) -> TrialStore:
    return TrialStore(str(folder / "study.log"), "a study", fixed_plan(*range(seeds)), **options)


def test_a_comparison_with_its_search_in_a_journal(tmp_path: Path) -> None:
    address = f"journal:///{tmp_path / 'study'}"
    one, other = (TrialStore(address, "a study", SEARCHED) for _ in range(2))
    for store in (one, other) * 7:
        trial = store.turn(claim=bool).claimed
        assert trial is not None
        assert store.finish(outcome_of(trial, ap=score_of(trial)))
    assert one.turn(claim=bool).claimed is None
    expected = [*SEARCHED.search_trials({}), *SEARCHED.comparison_trials(dict.fromkeys(SEARCHED.weights, 2.0))]
    assert [outcome.trial for outcome in one.results()] == expected
    assert [outcome.trial for outcome in TrialStore(address, "a study", SEARCHED).results()] == expected


def test_trials_without_heartbeats_are_restarted_and_the_first_result_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(JournalFile, "now", lambda self: clock[0])
    dead, heir = opened(tmp_path), opened(tmp_path)
    first, second = dead.turn(claim=bool).claimed, dead.turn(claim=bool).claimed
    assert first is not None
    assert second is not None
    clock[0] += HEARTBEAT_TIMEOUT - 1
    dead.heartbeat()
    clock[0] += HEARTBEAT_TIMEOUT - 1
    assert heir.turn(claim=bool).claimed is None, "a heartbeat keeps them"
    clock[0] += 2
    assert [heir.turn(claim=bool).claimed, heir.turn(claim=bool).claimed] == [first, second]
    assert heir.finish(outcome_of(first, ap=0.25))
    assert not dead.finish(outcome_of(first, ap=0.75))
    assert dead.finish(outcome_of(second, ap=0.5))
    assert [outcome.score for outcome in heir.results()] == [0.25, 0.5]


def test_a_line_that_a_dead_process_left_incomplete_is_removed(tmp_path: Path) -> None:
    store = opened(tmp_path)
    first = store.turn(claim=bool).claimed
    assert first is not None
    assert store.finish(outcome_of(first, ap=0.25))
    journal = tmp_path / "study.log"
    with journal.open("a") as file:
        file.write('{"op_code": 8, "worker_id"')
    assert [outcome.score for outcome in opened(tmp_path).results()] == [0.25]
    second = store.turn(claim=bool).claimed
    assert second is not None
    assert store.finish(outcome_of(second, ap=0.5))
    assert [outcome.score for outcome in opened(tmp_path).results()] == [0.25, 0.5]
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_file_that_is_no_journal_is_named_and_not_changed(tmp_path: Path) -> None:
    (tmp_path / "study.log").write_text("precious words\nof a log\n")
    with pytest.raises(StorageError, match=r"study.log to answer, got a line that is not of Optuna.s journal"):
        opened(tmp_path)
    assert (tmp_path / "study.log").read_text() == "precious words\nof a log\n"
    with pytest.raises(StorageError, match="No such file or directory"):
        TrialStore(str(tmp_path / "missing" / "study.log"), "a study", fixed_plan(0))


@pytest.mark.exhaustive
def test_the_lock_of_a_suspended_process_is_taken_over_and_its_trial_is_not_run_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detloss.experiments.comparison.shared_storage.LOCK_LEFT", 3)
    one, other = opened(tmp_path, seeds=1), opened(tmp_path, seeds=1)
    start = one._start

    def suspended(number: int) -> bool:
        assert other.turn(claim=bool).claimed is not None, "after it has removed the lock"
        return start(number)

    monkeypatch.setattr(one, "_start", suspended)
    assert one.turn(claim=bool).claimed is None


def test_comparisons_that_were_described_are_found(tmp_path: Path) -> None:
    opened(tmp_path).describe({"plan": {"steps": 3}, "settings": {"size": None}})
    TrialStore(str(tmp_path / "study.log"), "another", fixed_plan(0))
    found = recorded_studies(str(tmp_path / "study.log"))
    assert {name: study["plan"] for name, study in found.items()} == {"a study": {"steps": 3}}


SHARER = """
import sys
from pathlib import Path
from tests.experiments.comparison.test_journal import opened
from tests.support.trials import outcome_of
store = opened(Path(sys.argv[1]), seeds=12)
while (trial := store.turn(claim=bool).claimed) is not None:
    print(trial.seed, flush=True)
    assert store.finish(outcome_of(trial))
"""


@pytest.mark.exhaustive
def test_processes_that_start_together_share_the_trials_of_a_journal(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARER, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    seeds = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 3
    assert Counter(seeds) == Counter(range(12))
    assert sorted(outcome.trial.seed for outcome in opened(tmp_path, seeds=12).results()) == list(range(12))
