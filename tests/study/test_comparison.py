"""The plan, the run in worker processes, and the folder of results."""

import json
import multiprocessing
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from detloss.catalog import LOSSES
from detloss.study.comparison import Comparison, append_result, fresh_results, plan, require_no_results
from detloss.study.training import Trial
from detloss.study.workers import Advanced, Failed, Finished, Started
from tests.study.trials import endless_trial, load_and_note, outcome_of, quick_trial, small_dataset

BY_NAME = {loss.name: loss for loss in LOSSES}
KEYS = ["box", "cls", "weight", "seed", "phase", "steps", "ap", "ap50", "ap75", "seconds"]


def trials_of(*seeds: int) -> list[Trial]:
    return [Trial("giou", "focal", 1.0, seed, steps=3) for seed in seeds]


def test_the_plan_is_every_pair_on_every_seed_with_the_seeds_slowest() -> None:
    trials = plan([BY_NAME["l2"], BY_NAME["giou"]], [BY_NAME["bce"], BY_NAME["ce"]], seeds=range(5, 7), steps=40)
    pairs = [("l2", "bce"), ("l2", "ce"), ("giou", "bce"), ("giou", "ce")]
    assert [(trial.seed, trial.box, trial.cls) for trial in trials] == [(s, b, c) for s in (5, 6) for b, c in pairs]
    assert {trial.box: trial.weight for trial in trials} == {"l2": BY_NAME["l2"].weight, "giou": BY_NAME["giou"].weight}
    assert {(trial.steps, trial.phase) for trial in trials} == {(40, 2)}


def test_what_finishes_is_kept_although_other_trials_raise_or_die(tmp_path: Path) -> None:
    comparison = Comparison(trials_of(0, 13, 99, 1, 2))
    results, notes = tmp_path / "results.jsonl", tmp_path / "notes"
    events = list(comparison.run(partial(load_and_note, notes), results, jobs=2, run_trial=quick_trial))

    assert sorted(outcome.trial.seed for outcome in comparison.outcomes) == [0, 1, 2]
    reasons = {failure.trial.seed: failure.reason for failure in comparison.failures}
    assert reasons[13] == "RuntimeError: the thirteenth seed"
    assert "SIGKILL" in reasons[99]
    assert "quick_trial" in next(failure.details for failure in comparison.failures if failure.trial.seed == 13)

    records = [json.loads(line) for line in results.read_text().splitlines()]
    assert [list(record) for record in records] == [KEYS] * 3
    assert [record["seed"] for record in records] == [outcome.trial.seed for outcome in comparison.outcomes]

    assert [event.trial for event in events if isinstance(event, Started)] == list(comparison.trials)
    assert len([event for event in events if isinstance(event, Finished | Failed)]) == 5
    readers = notes.read_text().split()
    assert len(readers) == len(set(readers)) <= 3, "two workers, and one in the place of the dead one, read once each"
    assert multiprocessing.active_children() == []


def test_a_result_is_on_disk_before_the_event_is_told(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    for event in Comparison(trials_of(4)).run(small_dataset, results, jobs=1, run_trial=quick_trial):
        if isinstance(event, Finished):
            assert json.loads(results.read_text())["seed"] == 4


def test_closing_the_run_ends_its_workers_and_keeps_the_results(tmp_path: Path) -> None:
    comparison = Comparison(trials_of(0, 1))
    events = comparison.run(small_dataset, tmp_path / "results.jsonl", jobs=1, run_trial=endless_trial)
    assert any(isinstance(event, Advanced) for event in events), "stops at the first step of the endless trial"
    assert len(multiprocessing.active_children()) == 1
    events.close()
    assert multiprocessing.active_children() == []
    assert [outcome.trial.seed for outcome in comparison.outcomes] == [0]
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1


ENDLESS = """
import sys
from pathlib import Path
from detloss.study.comparison import Comparison
from detloss.study.training import Trial
from detloss.study.workers import Advanced
from tests.study.trials import endless_trial, small_dataset

trials = [Trial("giou", "focal", 1.0, seed, 3) for seed in (1, 2)]
for event in Comparison(trials).run(small_dataset, Path(sys.argv[1]), jobs=2, run_trial=endless_trial):
    if isinstance(event, Advanced):
        print("busy", flush=True)
"""


def test_workers_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, tmp_path / "results.jsonl"], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert [parent.stdout.readline() for _ in range(2)] == ["busy\n"] * 2
    parent.kill()
    parent.communicate(timeout=60)  # returns when the last process that holds the pipe, a worker, is gone


def test_earlier_results_are_neither_mixed_nor_lost(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    require_no_results(folder)
    results = fresh_results(folder)
    append_result(results, outcome_of(Trial("giou", "focal", 1.0, 0, 3)))
    with pytest.raises(FileExistsError, match=r"results\.jsonl.*--out.*--overwrite"):
        require_no_results(folder)
    assert results.exists()

    (folder / "report.html").write_text("old")
    (folder / "notes.txt").write_text("the user's own")
    assert fresh_results(folder) == results
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_results_are_appended_line_by_line(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    for seed in range(3):
        append_result(results, outcome_of(Trial("diou", "ce", 0.5, seed, 7), ap=0.25))
    records = [json.loads(line) for line in results.read_text().splitlines()]
    assert [record["seed"] for record in records] == [0, 1, 2]
    first = dict(zip(KEYS, ["diou", "ce", 0.5, 0, 2, 7, 0.25, 0.45, 0.15, 3.0]))
    assert records[0] == pytest.approx(first)
