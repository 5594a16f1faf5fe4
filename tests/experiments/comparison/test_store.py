"""Store of the trials: each has one result if processes die, stall or finish late; processes and kills are real."""

import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import asdict, replace
from math import log2
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from sqlalchemy.exc import OperationalError

from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.comparison.study_parameters import MAX_ATTEMPTS
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import Failed
from tests.support.marks import exhaustive_except
from tests.support.trials import (
    SEARCHED,
    expire_heartbeats,
    fixed_plan,
    outcome_of,
    score_of,
)

LOST = OperationalError("statement", None, sqlite3.OperationalError("connection lost after the commit"))


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'study.db'}"


def opened(folder: Path, plan: Plan, **options: float) -> TrialStore:
    return TrialStore(url_of(folder), "a study", plan, **options)


def claimed(store: TrialStore) -> list[Trial]:
    """Claim all waiting trials."""
    return list(iter(lambda: store.turn(claim=bool).claimed, None))


def test_trials_are_claimed_once_in_the_order_of_the_plan(tmp_path: Path) -> None:
    plan = fixed_plan(3, 4, boxes=("l1", "giou"))
    one, other = opened(tmp_path, plan), opened(tmp_path, plan)
    order = [store.turn(claim=bool).claimed for store in (one, other, one, other, one, other)]
    assert order == [*plan.comparison_trials(plan.best_weights({})), None, None]
    assert one.turn().open == other.turn().open == order[:4]


def test_the_comparison_waits_for_the_search_and_uses_its_weights(tmp_path: Path) -> None:
    one, other = opened(tmp_path, SEARCHED), opened(tmp_path, SEARCHED)
    search = claimed(one)
    assert search == SEARCHED.search_trials({})
    for trial in search[:-1]:
        assert one.finish(outcome_of(trial, ap=0.1 * trial.weight if trial.box == "l1" else 0.3))
        assert other.turn(claim=bool).claimed is None
    assert other.turn().open == search[-1:]
    assert one.finish(outcome_of(search[-1], ap=0.2))
    assert claimed(other) == SEARCHED.comparison_trials({Pair("l1", "focal"): 2.0, Pair("giou", "focal"): 1.0})


def test_a_result_is_complete_and_the_first_is_kept(tmp_path: Path) -> None:
    one, other = opened(tmp_path, fixed_plan(0, 1)), opened(tmp_path, fixed_plan(0, 1))
    first, second = claimed(one)
    assert other.finish(outcome_of(first, ap=0.25))  # as a process would that was suspended
    assert not one.finish(outcome_of(first, ap=0.75))
    assert one.finish(outcome_of(second, ap=0.5))
    assert [(outcome.trial, outcome.score) for outcome in other.results()] == [(first, 0.25), (second, 0.5)]
    assert [outcome.trial for outcome in other.results({first})] == [second]
    assert one.turn().open == []


def test_a_trial_without_heartbeats_is_restarted(tmp_path: Path) -> None:
    holder, store = (
        opened(tmp_path, fixed_plan(0), heartbeat_timeout=600),
        opened(tmp_path, fixed_plan(0), heartbeat_timeout=600),
    )
    trial = holder.turn(claim=bool).claimed
    assert store.turn(claim=bool).claimed is None
    expire_heartbeats(tmp_path / "study.db")
    holder.heartbeat()
    assert store.turn(claim=bool).claimed is None, "a heartbeat keeps the trial beyond the timeout"
    expire_heartbeats(tmp_path / "study.db")
    assert store.turn(claim=bool).claimed == trial
    assert store.finish(outcome_of(trial))
    assert [outcome.trial for outcome in store.results()] == fixed_plan(0).comparison_trials(
        {Pair("giou", "focal"): 1.0}
    )


def test_a_stalled_process_may_be_first_or_late(tmp_path: Path) -> None:
    stalled, other = opened(tmp_path, fixed_plan(0, 1)), opened(tmp_path, fixed_plan(0, 1))
    first, second = claimed(stalled)
    expire_heartbeats(tmp_path / "study.db")
    heir = opened(tmp_path, fixed_plan(0, 1))
    assert heir.turn(claim=bool).claimed == first
    assert heir.finish(outcome_of(first, ap=0.5))
    assert not stalled.finish(outcome_of(first, ap=0.1))
    assert stalled.finish(outcome_of(second, ap=0.2)), "declared dead, but not restarted"
    assert {outcome.trial: outcome.score for outcome in other.results()} == {first: 0.5, second: 0.2}


def test_a_trial_that_raised_is_restarted_only_when_the_command_is_repeated(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0, 1))
    first, second = claimed(store)
    failure = Failed(first, "RuntimeError: out of memory", "Traceback ...")
    assert not store.fail(failure)
    assert store.turn(claim=bool).claimed is None
    assert store.turn().open == [second]
    assert store.failures() == [failure]
    again = opened(tmp_path, fixed_plan(0, 1))
    assert again.failures() == []
    assert claimed(again) == [first]


def test_a_trial_whose_workers_die_is_started_three_times(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0))
    again = []
    while (trial := store.turn(claim=bool).claimed) is not None:
        again.append(store.fail(Failed(trial, "was killed", died=True)))
    assert again == [True] * (MAX_ATTEMPTS - 1) + [False]
    assert store.turn().open == []
    assert [failure.reason for failure in store.failures()] == ["was killed"]


def test_the_failure_of_a_stalled_process_does_not_end_the_restarted_trial(tmp_path: Path) -> None:
    stalled = opened(tmp_path, fixed_plan(0))
    trial = stalled.turn(claim=bool).claimed
    expire_heartbeats(tmp_path / "study.db")
    heir = opened(tmp_path, fixed_plan(0))
    assert heir.turn(claim=bool).claimed == trial
    assert stalled.fail(Failed(trial, "RuntimeError: too late"))
    assert heir.turn().open == [trial]
    assert heir.finish(outcome_of(trial))
    assert heir.failures() == []


def test_an_interrupted_process_releases_its_trial_as_often_as_it_happens(tmp_path: Path) -> None:
    for _ in range(MAX_ATTEMPTS + 1):
        one = opened(tmp_path, fixed_plan(0))
        assert one.turn(claim=bool).claimed is not None
        one.close()
    other = opened(tmp_path, fixed_plan(0))
    assert other.turn(claim=bool).claimed is not None
    assert other.failures() == []


def test_a_process_does_not_declare_its_own_trial_dead(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0))
    trial = store.turn(claim=bool).claimed
    expire_heartbeats(tmp_path / "study.db")  # as after a suspension, before the next heartbeat
    assert store.turn(claim=bool).claimed is None
    assert store.turn().open == [trial]


def test_a_process_that_was_suspended_looks_twice_before_it_declares_others_dead(tmp_path: Path) -> None:
    holder, store = opened(tmp_path, fixed_plan(0)), opened(tmp_path, fixed_plan(0))
    trial = holder.turn(claim=bool).claimed
    expire_heartbeats(tmp_path / "study.db")
    store.looked -= 60  # seconds in which a laptop slept, with the process of the holder
    assert store.turn(claim=bool).claimed is None
    assert store.turn(claim=bool).claimed == trial


def test_trials_of_other_programs_are_ignored(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0))
    study = optuna.load_study(study_name="a study", storage=url_of(tmp_path))
    study.add_trial(optuna.create_trial(value=1.0))
    trial = store.turn(claim=bool).claimed
    study.ask()
    assert store.turn().open == [trial]
    assert store.finish(outcome_of(trial))
    assert [outcome.trial for outcome in opened(tmp_path, fixed_plan(0)).results()] == [trial]


def test_a_waiting_trial_that_another_program_took_is_restarted(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0))
    optuna.load_study(study_name="a study", storage=url_of(tmp_path)).ask()
    assert store.turn(claim=bool).claimed is not None


@pytest.mark.parametrize(
    "value", exhaustive_except(['{"trial": 1}', "{}", "null", '"text"'], lambda value: len(value) > 5)
)
@pytest.mark.parametrize("key", ["outcome", "trial"])
def test_a_damaged_record_is_named(key: str, value: str, tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0))
    assert store.finish(outcome_of(claimed(store)[0]))
    with closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        database.execute("UPDATE trial_user_attributes SET value_json = ? WHERE key = ?", (value, key))
    with pytest.raises(
        StorageError, match="expected a trial of detloss as number 0 of the study 'a study' in .*, got a damaged"
    ):
        opened(tmp_path, fixed_plan(0)).results()


def test_tables_of_another_version_of_optuna_are_named(tmp_path: Path) -> None:
    opened(tmp_path, fixed_plan(0))
    with closing(sqlite3.connect(tmp_path / "study.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'v2.6.0.a'")
    with pytest.raises(StorageError, match=r"study.db to have the tables of Optuna .*, got those of another version"):
        opened(tmp_path, fixed_plan(0))


def test_heartbeats_and_idle_processes_do_not_wait_for_the_lock(tmp_path: Path) -> None:
    busy, idle = opened(tmp_path, fixed_plan(0)), opened(tmp_path, fixed_plan(0))
    trial = busy.turn(claim=bool).claimed
    assert idle.turn(claim=bool).claimed is None
    expire_heartbeats(tmp_path / "study.db")
    with busy.shared.locked("a study"):
        busy.heartbeat()
        assert idle.turn(claim=lambda trial: True).open == [trial]


def test_a_pair_whose_search_failed_is_searched_again_when_the_command_is_repeated(tmp_path: Path) -> None:
    store = opened(tmp_path, SEARCHED)
    for trial in claimed(store):
        if trial.box == "giou":
            store.fail(Failed(trial, "RuntimeError"))
        else:
            store.finish(outcome_of(trial))
    assert {trial.box for trial in claimed(store)} == {"l1"}, "the other pair is compared without it"
    again = claimed(opened(tmp_path, SEARCHED))
    assert again == [trial for trial in SEARCHED.search_trials({}) if trial.box == "giou"]


def test_a_pair_that_has_its_weight_is_not_searched_again(tmp_path: Path) -> None:
    store = opened(tmp_path, SEARCHED)
    for trial in claimed(store):
        if (trial.box, trial.weight) == ("giou", 2.0):
            store.fail(Failed(trial, "RuntimeError"))
        else:
            store.finish(outcome_of(trial))
    chosen = {Pair("l1", "focal"): 1.0, Pair("giou", "focal"): 1.0}
    assert claimed(opened(tmp_path, SEARCHED)) == SEARCHED.comparison_trials(chosen)


def test_two_plans_in_one_database_are_independent(tmp_path: Path) -> None:
    one = TrialStore(url_of(tmp_path), "one", fixed_plan(0))
    other = TrialStore(url_of(tmp_path), "other", fixed_plan(0, 1))
    assert one.finish(outcome_of(claimed(one)[0]))
    assert len(claimed(other)) == 2
    overwritten = TrialStore(url_of(tmp_path), "one", fixed_plan(0), overwrite=True)
    assert overwritten.results() == []
    assert len(other.turn().open) == 2


def test_a_study_that_another_command_overwrote_is_an_error(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0))
    trial = store.turn(claim=bool).claimed
    heir = opened(tmp_path, fixed_plan(0), overwrite=True)
    with pytest.raises(StorageError, match="expected the study 'a study' in .*, which another command has overwritten"):
        store.finish(outcome_of(trial))
    assert heir.results() == []


def test_a_trial_of_a_failed_claim_has_no_heartbeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it would seem to run, and would never be restarted."""
    store = opened(tmp_path, fixed_plan(0, 1), reconnect_timeout=5.0)
    start, started = store._start, []

    def broken(number: int) -> bool:
        started.append(number)
        result = start(number)
        if len(started) == 1:
            raise LOST
        return result

    monkeypatch.setattr(store, "_start", broken)
    trial = store.turn(claim=bool).claimed
    assert trial is not None
    assert (trial.seed, list(store.claimed.values())) == (1, started[1:])


SHARER = """
import sys
from pathlib import Path
from tests.experiments.comparison.test_store import opened
from tests.support.trials import fixed_plan, outcome_of
store = opened(Path(sys.argv[1]), fixed_plan(*range(12)))
while (trial := store.turn(claim=bool).claimed) is not None:
    print(trial.seed, flush=True)
    assert store.finish(outcome_of(trial))
"""


@pytest.mark.exhaustive
def test_processes_that_start_together_share_the_trials(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SHARER, tmp_path], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    seeds = [int(line) for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0] * 2
    assert Counter(seeds) == Counter(range(12))
    outcomes = opened(tmp_path, fixed_plan(*range(12))).results()
    assert sorted(outcome.trial.seed for outcome in outcomes) == list(range(12))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "study.db",
            "storage: expected sqlite:///FILE, FILE.log or postgresql://.*, got an address that cannot be parsed",
        ),
        ("mysql://me@here/base", "storage: expected sqlite:///FILE, FILE.log or postgresql://.*, got one of 'mysql'"),
        ("sqlite://", "storage: expected sqlite:///FILE, FILE.log or postgresql://.*, got one without a database"),
        (
            "sqlite:////nowhere/at/all/study.db",
            "storage: expected sqlite:////nowhere/at/all/study.db to answer, got unable to open database file",
        ),
        (
            "postgresql://me:secret@127.0.0.1:1/base",
            r"storage: expected postgresql://me:\*\*\*@127.0.0.1:1/base to answ",
        ),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str, message: str) -> None:
    with pytest.raises(StorageError, match=message) as caught:
        TrialStore(url, "a study", fixed_plan(0))
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_a_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "study.db").write_text("precious words, not a database" * 100)
    with pytest.raises(StorageError, match="study.db to answer, got file is not a database"):
        opened(tmp_path, fixed_plan(0))
    assert (tmp_path / "study.db").read_text().startswith("precious")


def test_a_database_may_come_back_within_the_timeout(tmp_path: Path) -> None:
    store = opened(tmp_path, fixed_plan(0, 1), reconnect_timeout=0.0)
    trial = store.turn(claim=bool).claimed
    away = tmp_path / "away.db"
    (tmp_path / "study.db").rename(away)
    (tmp_path / "study.db").mkdir()
    with pytest.raises(StorageError, match="study.db to answer, got unable to open database file"):
        store.finish(outcome_of(trial))
    (tmp_path / "study.db").rmdir()
    away.rename(tmp_path / "study.db")
    assert store.finish(outcome_of(trial, ap=0.25))
    assert [outcome.score for outcome in store.results()] == [0.25]


def test_an_operation_is_repeated_until_the_database_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(tmp_path, fixed_plan(0), reconnect_timeout=5.0)
    read, tries = store._latest, []

    def unsure() -> dict:
        tries.append(read())
        if len(tries) == 1:
            raise LOST
        return tries[-1]

    monkeypatch.setattr(store, "_latest", unsure)
    assert store.results() == []
    assert len(tries) == 2


@pytest.mark.exhaustive
def test_optuna_shows_the_settings_of_the_trials(tmp_path: Path) -> None:
    store = opened(tmp_path, SEARCHED)
    for trial in [*claimed(store), *claimed(store)]:
        store.finish(outcome_of(trial, ap=score_of(trial)))
    for trial in claimed(store):
        store.finish(outcome_of(trial, ap=score_of(trial)))
    study = optuna.load_study(study_name="a study", storage=url_of(tmp_path))
    planned = [*SEARCHED.search_trials({}), *SEARCHED.comparison_trials(dict.fromkeys(SEARCHED.weights, 2.0))]
    assert [record.params for record in study.trials] == [asdict(trial) for trial in planned]
    assert [record.value for record in study.trials] == [score_of(trial) for trial in planned]
    assert study.best_params == asdict(planned[-1]), "seed 2 with giou at weight 2 is the best"
    for evaluator in (FanovaImportanceEvaluator(seed=0), PedAnovaImportanceEvaluator()):
        importance = optuna.importance.get_param_importances(study, evaluator=evaluator)
        assert {"box", "weight", "seed", "steps", "phase"} <= set(importance)
        assert importance["weight"] > importance["box"], "the seeds also distinguish search and comparison"
    with pytest.warns(ExperimentalWarning):
        axes = optuna.visualization.matplotlib.plot_slice(study, params=["box", "weight"])
    assert [axis.get_xlabel() for axis in axes] == ["box", "weight"]


def test_numeric_options_of_losses_are_separate_parameters(tmp_path: Path) -> None:
    pairs = (
        Pair("giou:enclosing=hull", "focal"),
        Pair("giou", "focal:gamma=1.5:alpha=none"),
        Pair("giou", "focal:gamma=3"),
    )
    trials = claimed(opened(tmp_path, Plan(dict.fromkeys(pairs, (1.0,)), (0,), steps=3)))
    assert [(trial.box, trial.cls) for trial in trials] == list(pairs)
    study = optuna.load_study(study_name="a study", storage=url_of(tmp_path))
    losses = [{name: record.params.get(name) for name in ("box", "cls", "cls.gamma")} for record in study.trials]
    assert losses == [
        {"box": "giou", "cls": "focal", "cls.gamma": None},
        {"box": "giou", "cls": "focal", "cls.gamma": 1.5},
        {"box": "giou", "cls": "focal", "cls.gamma": 3.0},
    ]


def test_losses_of_a_custom_detector_have_any_name(tmp_path: Path) -> None:
    plan = Plan({Pair("mine: v2"): (1.0,), Pair("giou:gamma=1"): (1.0,)}, (0,), steps=3, detector="custom")
    assert [trial.box for trial in claimed(opened(tmp_path, plan))] == ["mine: v2", "giou:gamma=1"]
    study = optuna.load_study(study_name="a study", storage=url_of(tmp_path))
    assert [record.user_attrs["trial"]["box"] for record in study.trials] == ["mine: v2", "giou:gamma=1"]


def test_losses_of_a_custom_detector_can_be_added(tmp_path: Path) -> None:
    plan = Plan({Pair("one"): (1.0,)}, (0,), steps=3, detector="custom")
    assert len(claimed(opened(tmp_path, plan))) == 1
    more = Plan({Pair("one"): (1.0,), Pair("two"): (1.0,)}, (0,), steps=3, detector="custom")
    assert [trial.box for trial in claimed(opened(tmp_path, more))] == ["two"]


def test_seeds_weights_and_steps_continue_from_what_exists(tmp_path: Path) -> None:
    """No trial is repeated, and the trials of an earlier plan are no results of another."""
    earlier = opened(tmp_path, SEARCHED)
    while trial := earlier.turn(claim=bool).claimed:
        earlier.finish(outcome_of(trial, ap=score_of(trial)))
    assert len(earlier.results()) == 8 + 6
    more_seeds = opened(tmp_path, replace(SEARCHED, seeds=(0, 1, 2, 3)))
    assert {(trial.seed, trial.weight) for trial in claimed(more_seeds)} == {(3, 2.0)}
    assert [outcome.trial for outcome in more_seeds.results()] == [outcome.trial for outcome in earlier.results()]
    another_weight = replace(SEARCHED, weights={**SEARCHED.weights, Pair("l1", "focal"): (4.0,)})
    weighted = opened(tmp_path, another_weight)
    assert {(trial.box, trial.weight) for trial in claimed(weighted)} == {("l1", 4.0)}
    assert {outcome.trial.box for outcome in weighted.results()} == {"giou"}
    more_steps = opened(tmp_path, replace(SEARCHED, steps=16))
    assert claimed(more_steps) == more_steps.plan.search_trials({})
    assert more_steps.results() == []
    fewer_seeds = opened(tmp_path, replace(SEARCHED, seeds=(2,)))
    assert fewer_seeds.turn().open == []
    assert len(fewer_seeds.results()) == 8 + 2


def test_a_search_is_extended_and_the_comparison_waits(tmp_path: Path) -> None:
    plan = Plan({Pair("l1", "focal"): (1.0, 2.0, 4.0)}, (0,), steps=8)
    store = opened(tmp_path, plan)
    weights = []
    while trial := store.turn(claim=bool).claimed:
        weights.append(trial.weight)
        store.finish(outcome_of(trial, ap=0.1 - 0.01 * (log2(trial.weight) - 3.3) ** 2))
    assert weights == [1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 10.08]
    assert store.turn().open == []


def test_processes_search_the_weights_that_the_first_has_measured(tmp_path: Path) -> None:
    plan = replace(SEARCHED, measured=True)
    first = opened(tmp_path, plan)
    other = opened(tmp_path, replace(plan, weights={pair: (1.3, 2.6) for pair in plan.weights}))
    assert other.plan == first.plan == plan
    assert len(claimed(first)) + len(claimed(other)) == len(plan.search_trials({}))
    given = replace(SEARCHED, weights={pair: (1.3, 2.6) for pair in plan.weights})
    assert opened(tmp_path, given).plan == given


def test_a_comparison_with_another_loss_fits_into_the_same_study(tmp_path: Path) -> None:
    [trial] = claimed(opened(tmp_path, fixed_plan(0)))
    more = opened(tmp_path, Plan({Pair("giou", "focal"): (1.0,), Pair("l1", "ce"): (0.1,)}, (0, 9), steps=30))
    assert len(claimed(more)) == 4, "other categories would not be accepted"
    assert more.turn().open == more.plan.trials({}), "the trial of the other plan is not one of its own"
    assert trial in opened(tmp_path, fixed_plan(0)).turn().open
