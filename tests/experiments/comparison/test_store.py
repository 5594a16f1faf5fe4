"""Each planned trial has one result, whoever dies, stalls or comes late; the processes and the kills are real."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from detloss.experiments.comparison import database_lock
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.comparison.store import ATTEMPTS, Ledger, StorageError
from detloss.experiments.training.trial import Trial
from detloss.experiments.training.workers import Failed
from tests.support.trials import (
    SEARCHED,
    fall_silent,
    fixed_plan,
    outcome_of,
)


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'study.db'}"


def opened(folder: Path, plan: Plan, **options: float) -> Ledger:
    return Ledger(url_of(folder), "a study", plan, **options)


def claimed(ledger: Ledger) -> list[Trial]:
    """Take up all there is."""
    return list(iter(ledger.claim, None))


def test_trials_are_taken_up_once_in_the_order_of_the_plan(tmp_path: Path) -> None:
    plan = fixed_plan(3, 4, boxes=("l1", "giou"))
    one, other = opened(tmp_path, plan), opened(tmp_path, plan)
    order = [ledger.claim() for ledger in (one, other, one, other, one, other)]
    assert order == [*plan.comparison(plan.chosen({})), None, None]
    assert one.open_trials() == other.open_trials() == order[:4]


def test_phase_2_waits_for_phase_1_and_takes_its_weights(tmp_path: Path) -> None:
    one, other = opened(tmp_path, SEARCHED), opened(tmp_path, SEARCHED)
    search = claimed(one)
    assert search == SEARCHED.search()
    for trial in search[:-1]:
        assert one.finish(outcome_of(trial, ap=0.1 * trial.weight if trial.box == "l1" else 0.3))
        assert other.claim() is None
    assert other.open_trials() == search[-1:]
    assert one.finish(outcome_of(search[-1], ap=0.2))
    assert claimed(other) == SEARCHED.comparison({Pair("l1", "focal"): 2.0, Pair("giou", "focal"): 1.0})


def test_a_result_is_whole_and_the_first_stands(tmp_path: Path) -> None:
    one, other = opened(tmp_path, fixed_plan(0, 1)), opened(tmp_path, fixed_plan(0, 1))
    first, second = claimed(one)
    assert other.finish(outcome_of(first, ap=0.25))  # as a process that came back from a long sleep would
    assert not one.finish(outcome_of(first, ap=0.75))
    assert one.finish(outcome_of(second, ap=0.5))
    assert [(outcome.trial, outcome.ap) for outcome in other.results(())] == [(first, 0.25), (second, 0.5)]
    assert [outcome.trial for outcome in other.results({first})] == [second]
    assert one.open_trials() == []


def test_a_trial_without_signs_of_life_is_begun_again(tmp_path: Path) -> None:
    holder, ledger = opened(tmp_path, fixed_plan(0), grace=600), opened(tmp_path, fixed_plan(0), grace=600)
    trial = holder.claim()
    assert ledger.claim() is None
    fall_silent(tmp_path / "study.db")
    holder.beat()
    assert ledger.claim() is None, "a beating heart keeps its trial beyond the grace"
    fall_silent(tmp_path / "study.db")
    assert ledger.claim() == trial
    assert ledger.finish(outcome_of(trial))
    assert [outcome.trial for outcome in ledger.results(())] == fixed_plan(0).comparison({Pair("giou", "focal"): 1.0})


def test_a_stalled_process_may_be_the_first_and_may_be_late(tmp_path: Path) -> None:
    stalled, other = opened(tmp_path, fixed_plan(0, 1)), opened(tmp_path, fixed_plan(0, 1))
    first, second = claimed(stalled)
    fall_silent(tmp_path / "study.db")
    heir = opened(tmp_path, fixed_plan(0, 1))
    assert heir.claim() == first
    assert heir.finish(outcome_of(first, ap=0.5))
    assert not stalled.finish(outcome_of(first, ap=0.1))
    assert stalled.finish(outcome_of(second, ap=0.2)), "given up, but nobody has begun it again"
    assert {outcome.trial: outcome.ap for outcome in other.results(())} == {first: 0.5, second: 0.2}


def test_what_raised_is_not_begun_again_before_the_command_is_given_again(tmp_path: Path) -> None:
    ledger = opened(tmp_path, fixed_plan(0, 1))
    first, second = claimed(ledger)
    failure = Failed(first, "RuntimeError: no luck", "Traceback ...")
    assert not ledger.fail(failure)
    assert ledger.claim() is None
    assert ledger.open_trials() == [second]
    assert ledger.failures() == [failure]
    again = opened(tmp_path, fixed_plan(0, 1))
    assert again.failures() == []
    assert claimed(again) == [first]


def test_a_trial_whose_workers_die_is_begun_three_times(tmp_path: Path) -> None:
    ledger = opened(tmp_path, fixed_plan(0))
    again = []
    while (trial := ledger.claim()) is not None:
        again.append(ledger.fail(Failed(trial, "was killed", died=True)))
    assert again == [True] * (ATTEMPTS - 1) + [False]
    assert ledger.open_trials() == []
    assert [failure.reason for failure in ledger.failures()] == ["was killed"]


def test_the_failure_of_a_stalled_process_does_not_end_the_trial_of_its_heir(tmp_path: Path) -> None:
    stalled = opened(tmp_path, fixed_plan(0))
    trial = stalled.claim()
    fall_silent(tmp_path / "study.db")
    heir = opened(tmp_path, fixed_plan(0))
    assert heir.claim() == trial
    assert stalled.fail(Failed(trial, "RuntimeError: too late"))
    assert heir.open_trials() == [trial]
    assert heir.finish(outcome_of(trial))
    assert heir.failures() == []


def test_an_interrupted_process_gives_back_what_it_has(tmp_path: Path) -> None:
    one, other = opened(tmp_path, fixed_plan(0)), opened(tmp_path, fixed_plan(0))
    trial = one.claim()
    one.close()
    assert other.claim() == trial


def test_a_pair_whose_search_failed_is_searched_again_when_the_command_is_given_again(tmp_path: Path) -> None:
    ledger = opened(tmp_path, SEARCHED)
    for trial in claimed(ledger):
        if trial.box == "giou":
            ledger.fail(Failed(trial, "RuntimeError"))
        else:
            ledger.finish(outcome_of(trial))
    assert {trial.box for trial in claimed(ledger)} == {"l1"}, "the other pair does without it"
    again = claimed(opened(tmp_path, SEARCHED))
    assert again == [trial for trial in SEARCHED.search() if trial.box == "giou"]


def test_a_pair_that_has_its_weight_is_not_searched_again(tmp_path: Path) -> None:
    ledger = opened(tmp_path, SEARCHED)
    for trial in claimed(ledger):
        if (trial.box, trial.weight) == ("giou", 2.0):
            ledger.fail(Failed(trial, "RuntimeError"))
        else:
            ledger.finish(outcome_of(trial))
    chosen = {Pair("l1", "focal"): 1.0, Pair("giou", "focal"): 1.0}
    assert claimed(opened(tmp_path, SEARCHED)) == SEARCHED.comparison(chosen)


def test_two_plans_in_one_database_do_not_meet(tmp_path: Path) -> None:
    one = Ledger(url_of(tmp_path), "one", fixed_plan(0))
    other = Ledger(url_of(tmp_path), "other", fixed_plan(0, 1))
    assert one.finish(outcome_of(claimed(one)[0]))
    assert len(claimed(other)) == 2
    anew = Ledger(url_of(tmp_path), "one", fixed_plan(0), anew=True)
    assert anew.results(()) == []
    assert len(other.open_trials()) == 2


def test_a_study_that_another_command_overwrote_is_told(tmp_path: Path) -> None:
    ledger = opened(tmp_path, fixed_plan(0))
    trial = ledger.claim()
    heir = opened(tmp_path, fixed_plan(0), anew=True)
    with pytest.raises(StorageError, match="expected the study 'a study' in .*, which another command has overwritten"):
        ledger.finish(outcome_of(trial))
    assert heir.results(()) == []


def test_what_a_broken_step_took_up_gets_no_heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would seem to be alive for ever, and nobody would train it."""
    ledger = opened(tmp_path, fixed_plan(0, 1), patience=5.0)
    begin, begun = ledger._begin, []

    def broken(number: int) -> None:
        begin(number)
        begun.append(number)
        if len(begun) == 1:
            raise sqlite3.OperationalError("connection lost after the commit")

    monkeypatch.setattr(ledger, "_begin", broken)
    trial = ledger.claim()
    assert trial is not None
    assert (trial.seed, list(ledger.claimed.values())) == (1, begun[1:])


SHARER = """
import sys
from pathlib import Path
from tests.experiments.comparison.test_store import opened
from tests.support.trials import fixed_plan, outcome_of
ledger = opened(Path(sys.argv[1]), fixed_plan(*range(12)))
while (trial := ledger.claim()) is not None:
    print(trial.seed, flush=True)
    assert ledger.finish(outcome_of(trial))
"""


@pytest.mark.exhaustive
def test_processes_that_start_together_share_the_trials(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARER, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    seeds = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 2
    assert Counter(seeds) == Counter(range(12))
    outcomes = opened(tmp_path, fixed_plan(*range(12))).results(())
    assert sorted(outcome.trial.seed for outcome in outcomes) == list(range(12))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("study.db", "storage: expected sqlite:///FILE or postgresql://.*, got an address that cannot be read"),
        ("mysql://me@here/base", "storage: expected sqlite:///FILE or postgresql://.*, got one of 'mysql'"),
        ("sqlite://", "storage: expected sqlite:///FILE or postgresql://.*, got one without a database"),
        (
            "sqlite:////nowhere/at/all/study.db",
            "storage: expected sqlite:////nowhere/at/all/study.db to answer, got un",
        ),
        (
            "postgresql://me:secret@127.0.0.1:1/base",
            r"storage: expected postgresql://me:\*\*\*@127.0.0.1:1/base to answ",
        ),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str, told: str) -> None:
    with pytest.raises(StorageError, match=told) as caught:
        Ledger(url, "a study", fixed_plan(0))
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("precious words, not a database" * 100)
    with pytest.raises(StorageError, match="study.db to answer, got file is not a database"):
        opened(tmp_path, fixed_plan(0))
    assert (tmp_path / "study.db").read_text().startswith("precious")


def test_a_database_that_goes_away_may_come_back_within_the_patience(tmp_path: Path) -> None:
    ledger = opened(tmp_path, fixed_plan(0, 1), patience=0.0)
    trial = ledger.claim()
    away = tmp_path / "away.db"
    (tmp_path / "study.db").rename(away)
    (tmp_path / "study.db").mkdir()
    with pytest.raises(StorageError, match="study.db to answer, got unable to open database file"):
        ledger.finish(outcome_of(trial))
    (tmp_path / "study.db").rmdir()
    away.rename(tmp_path / "study.db")
    assert ledger.finish(outcome_of(trial, ap=0.25))
    assert [outcome.ap for outcome in ledger.results(())] == [0.25]


def test_a_step_is_tried_again_until_the_database_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = opened(tmp_path, fixed_plan(0), patience=5.0)
    tries = []

    def unsure(number: int) -> None:
        tries.append(number)
        if len(tries) == 1:
            raise sqlite3.OperationalError("database is away")

    ledger.claim()
    monkeypatch.setattr(ledger.storage, "record_heartbeat", unsure)
    ledger.beat()
    assert len(tries) == 2


def test_the_lock_of_a_killed_process_opens(tmp_path: Path) -> None:
    program = (
        "import signal, sys; from pathlib import Path; from detloss.experiments.comparison.database_lock import locked_folder\n"
        "with locked_folder(Path(sys.argv[1])): print('held', flush=True); signal.pause()"
    )
    holder = subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database_lock, "PATIENCE", 0.1)
        with pytest.raises(sqlite3.OperationalError, match="locked"), database_lock.locked_folder(tmp_path):
            pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with database_lock.locked_folder(tmp_path):
        pass


def test_trials_differ_by_every_field() -> None:
    trial = Trial("giou", "focal", 1.0, 0, 3)
    others = [
        replace(trial, **{name: value})
        for name, value in (
            ("box", "l1"), ("cls", "ce"), ("weight", 2.0), ("seed", 1), ("steps", 4), ("phase", 1), ("detector", "own")
        )
    ]  # fmt: skip
    assert len({trial, *others}) == 8
