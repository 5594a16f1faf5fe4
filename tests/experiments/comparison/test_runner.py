"""Execution in worker processes: finished trials are kept whatever process dies, and no trial runs twice."""

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from functools import partial
from math import inf
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy.exc import OperationalError

from detloss.experiments.comparison import runner
from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.comparison.runner import Late, Received, Restarted, Waiting
from detloss.experiments.comparison.study_parameters import MAX_ATTEMPTS
from detloss.experiments.training import training_loop
from detloss.experiments.training.devices import device_groups
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.workers import (
    STALL_TIMEOUT,
    Advanced,
    Failed,
    Finished,
    Started,
)
from tests.support.inline_workers import Inline
from tests.support.trials import (
    await_heartbeat,
    begin_comparison,
    endless_trial,
    expire_heartbeats,
    fixed_plan,
    load_and_note,
    outcome_of,
    quick_trial,
    scored_trial,
    small_dataset,
    trial_until,
)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials run in this process."""
    monkeypatch.setattr(runner, "Workers", Inline)


def records_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]


def test_only_trials_of_detloss_have_a_limit_without_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    class Noted(Inline):
        def __init__(self, *arguments: object) -> None:
            limits.append(arguments[3])
            super().__init__(*arguments)

    monkeypatch.setattr(runner, "Workers", Noted)
    monkeypatch.setattr(training_loop, "run_trial", quick_trial)
    for folder, options in ((tmp_path / "ours", {}), (tmp_path / "theirs", {"run_trial": quick_trial})):
        list(begin_comparison(folder, fixed_plan(0)).run(small_dataset, groups=device_groups(1), **options))
    assert limits == [STALL_TIMEOUT, inf]


@pytest.mark.exhaustive
def test_finished_trials_are_kept_if_others_raise_or_die(tmp_path: Path) -> None:
    comparison, notes = begin_comparison(tmp_path, fixed_plan(0, 13, 99, 1, 2)), tmp_path / "notes"
    events = list(comparison.run(partial(load_and_note, notes), groups=device_groups(2), run_trial=quick_trial))

    assert sorted(outcome.trial.seed for outcome in comparison.outcomes) == [0, 1, 2]
    assert comparison.missing == 2
    failures = {failure.trial.seed: failure for failure in comparison.failures}
    assert failures[13].reason == "RuntimeError: the thirteenth seed"
    assert "quick_trial" in failures[13].details
    assert "SIGKILL" in failures[99].reason
    assert [record["seed"] for record in records_of(tmp_path)] == [
        outcome.trial.seed for outcome in comparison.outcomes
    ]

    starts = [event.trial.seed for event in events if isinstance(event, Started)]
    assert sorted(starts) == [0, 1, 2, 13, *[99] * MAX_ATTEMPTS]
    assert len([event for event in events if isinstance(event, Restarted)]) == MAX_ATTEMPTS - 1
    assert len([event for event in events if isinstance(event, Finished | Failed)]) == 5
    readers = notes.read_text().split()
    assert len(readers) == len(set(readers)) <= 2 + MAX_ATTEMPTS, "each dead one is replaced, and each loads once"
    assert multiprocessing.active_children() == []


@pytest.mark.exhaustive
def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    comparison, go, killed = begin_comparison(tmp_path, fixed_plan(0, 1)), tmp_path / "go", 0
    for event in comparison.run(small_dataset, groups=device_groups(1), run_trial=partial(trial_until, go)):
        if isinstance(event, Advanced) and not killed:
            [worker] = multiprocessing.active_children()
            killed = worker.pid
            os.kill(killed, signal.SIGKILL)
            go.touch()
    assert killed
    assert sorted(record["seed"] for record in records_of(tmp_path)) == [0, 1]
    assert comparison.failures == []


def test_a_result_is_on_disk_before_its_event(inline: None, tmp_path: Path) -> None:
    for event in begin_comparison(tmp_path, fixed_plan(4)).run(
        small_dataset, groups=device_groups(1), run_trial=quick_trial
    ):
        if isinstance(event, Finished):
            assert records_of(tmp_path)[0]["seed"] == 4


@pytest.mark.exhaustive
def test_closing_the_run_ends_its_workers_and_the_next_run_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin_comparison(tmp_path, fixed_plan(0, 1))
    events = run.run(small_dataset, groups=device_groups(1), run_trial=endless_trial)
    assert any(isinstance(event, Advanced) for event in events), "stops at the first step of the endless trial"
    assert len(multiprocessing.active_children()) == 1
    events.close()
    assert multiprocessing.active_children() == []
    assert [outcome.trial.seed for outcome in run.outcomes] == [0]

    monkeypatch.setattr(runner, "Workers", Inline)
    again = begin_comparison(tmp_path, fixed_plan(0, 1))
    assert [outcome.trial.seed for outcome in again.outcomes] == [0]
    starts = [
        event.trial.seed
        for event in again.run(small_dataset, groups=device_groups(1), run_trial=quick_trial)
        if isinstance(event, Started | Waiting)
    ]
    assert starts == [1], "the finished trial is not repeated, and the interrupted one is not waited for"
    assert [record["seed"] for record in records_of(tmp_path)] == [0, 1]


def test_a_second_result_is_late(inline: None, tmp_path: Path) -> None:
    run, other = (begin_comparison(tmp_path, fixed_plan(0)) for _ in range(2))

    def overtaken(trial: Trial, *_: object, **__: object) -> Outcome:
        assert isinstance(other.record(outcome_of(trial, ap=0.25))[0], Finished)
        return outcome_of(trial, ap=0.75)

    events = list(run.run(small_dataset, groups=device_groups(1), run_trial=overtaken))
    [late] = [event for event in events if isinstance(event, Finished | Late)]
    assert isinstance(late, Late)
    assert [event.outcome.score for event in events if isinstance(event, Received)] == [0.25]
    assert [outcome.score for outcome in run.outcomes] == [0.25]
    assert [record["ap"] for record in records_of(tmp_path)] == [0.25]


@pytest.mark.exhaustive
def test_a_search_selects_the_weights(inline: None, tmp_path: Path) -> None:
    pair = Pair("giou", "focal")
    comparison = begin_comparison(tmp_path, Plan({pair: (0.5, 1.0, 2.0, 4.0)}, seeds=(0, 1), steps=8))
    for _ in comparison.run(small_dataset, groups=device_groups(2), run_trial=scored_trial):  # it is best at weight 2
        pass
    records = records_of(tmp_path)
    assert [(record["phase"], record["steps"]) for record in records] == [("search", 1)] * 8 + [("compare", 8)] * 2
    assert sorted(record["weight"] for record in records[:8]) == [0.5, 0.5, 1, 1, 2, 2, 4, 4]
    assert sorted((record["seed"], record["weight"]) for record in records[8:]) == [(0, 1.26), (1, 1.26)]


def test_results_are_written_from_the_database(inline: None, tmp_path: Path) -> None:
    for _ in begin_comparison(tmp_path, fixed_plan(0, 1)).run(
        small_dataset, groups=device_groups(1), run_trial=quick_trial
    ):
        pass
    results = tmp_path / "results.jsonl"
    whole = results.read_text()
    for content in (whole.splitlines(keepends=True)[1], whole[:-40], "", f"{whole}strange\n"):
        results.write_text(content)
        begin_comparison(tmp_path, fixed_plan(0, 1))
        assert results.read_text() == whole


def test_results_of_other_processes_are_written_too(inline: None, tmp_path: Path) -> None:
    one, other = (begin_comparison(tmp_path, fixed_plan(0, 1)) for _ in range(2))
    first, second = one.store.turn(claim=bool).claimed, other.store.turn(claim=bool).claimed
    assert first is not None
    assert second is not None
    one.record(outcome_of(first))
    assert [type(event) for event in other.record(outcome_of(second))] == [Finished, Received]
    assert [record["seed"] for record in records_of(tmp_path)] == [0, 1]


def test_a_result_that_the_database_does_not_accept_is_recorded_by_the_next_run(tmp_path: Path) -> None:
    comparison = begin_comparison(tmp_path, fixed_plan(0), reconnect_timeout=0.0)
    trial = comparison.store.turn(claim=bool).claimed
    assert trial is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison.store.storage, "set_trial_user_attr", no_space)
        with pytest.raises(
            StorageError, match="study.db to answer, got database or disk is full; .* is saved in .*-0-co"
        ):
            comparison.record(outcome_of(trial, ap=0.125))
    again = begin_comparison(tmp_path, fixed_plan(0))
    assert [outcome.score for outcome in again.outcomes] == [0.125]
    assert again.missing == 0
    assert records_of(tmp_path)[0]["ap"] == 0.125
    assert not list(tmp_path.glob("undelivered*"))


def no_space(*_: object) -> None:
    cause = sqlite3.OperationalError("database or disk is full")
    raise OperationalError("statement", None, cause) from cause


RUN = """
import sys
from pathlib import Path
from detloss.experiments.training.devices import device_groups
from detloss.experiments.training.workers import Advanced
from tests.support import trials

folder, runner = Path(sys.argv[1]), getattr(trials, sys.argv[2])
comparison = trials.begin_comparison(folder, trials.fixed_plan(0, 1, 2, 3))
for event in comparison.run(trials.small_dataset, groups=device_groups(2), run_trial=runner):
    if isinstance(event, Advanced):
        print("busy", flush=True)
"""


def start(folder: Path, runner: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", RUN, folder, runner], stdout=subprocess.PIPE, text=True)


@pytest.mark.exhaustive
def test_a_killed_command_ends_its_workers_and_the_next_restarts_its_trials(tmp_path: Path) -> None:
    parent = start(tmp_path, "endless_trial")
    assert parent.stdout is not None
    assert [parent.stdout.readline() for _ in range(2)] == ["busy\n"] * 2
    parent.kill()
    parent.communicate()  # returns when the last process that holds the pipe, a worker, is gone
    expire_heartbeats(tmp_path / "study.db")

    comparison = begin_comparison(tmp_path, fixed_plan(0, 1, 2, 3))
    done = len(comparison.outcomes)
    events = list(comparison.run(small_dataset, groups=device_groups(1), run_trial=quick_trial))
    assert len([event for event in events if isinstance(event, Finished)]) == 4 - done
    assert sorted(record["seed"] for record in records_of(tmp_path)) == [0, 1, 2, 3]
    assert comparison.failures == []


@pytest.mark.exhaustive
def test_a_trial_longer_than_the_heartbeat_timeout_is_not_restarted(tmp_path: Path) -> None:
    comparison, other = (
        begin_comparison(tmp_path, fixed_plan(0), heartbeat_interval=1, heartbeat_timeout=600) for _ in range(2)
    )
    go, taken = tmp_path / "go", []

    def watch() -> None:
        expire_heartbeats(tmp_path / "study.db")
        await_heartbeat(tmp_path / "study.db")
        taken.append(other.store.turn(claim=bool).claimed)
        go.touch()

    events = comparison.run(small_dataset, groups=device_groups(1), run_trial=partial(trial_until, go))
    assert any(isinstance(event, Advanced) for event in events)
    watcher = Thread(target=watch)
    watcher.start()
    assert any(isinstance(event, Finished) for event in events)
    watcher.join()
    assert taken == [None]


@pytest.mark.exhaustive
def test_two_commands_in_one_folder_share_the_trials(tmp_path: Path) -> None:
    other = start(tmp_path, "scored_trial")
    assert other.stdout is not None
    assert other.stdout.readline() == "busy\n"
    comparison = begin_comparison(tmp_path, fixed_plan(0, 1, 2, 3))
    events = list(comparison.run(small_dataset, groups=device_groups(1), run_trial=scored_trial))
    other.communicate()
    assert other.returncode == 0
    assert sorted(record["seed"] for record in records_of(tmp_path)) == [0, 1, 2, 3]
    assert comparison.missing == 0
    own = [event.outcome.trial.seed for event in events if isinstance(event, Finished)]
    assert len(own) < 4, "the other process has run some"
