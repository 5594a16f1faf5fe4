"""Terminal output of a comparison: plan, estimated duration, and one line per event."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from detloss.experiments.comparison import progress
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.comparison.progress import ProgressDisplay
from detloss.experiments.comparison.runner import Late, Received, Restarted, Results, RunEvent, Waiting
from detloss.experiments.console import duration
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.workers import (
    Advanced,
    Failed,
    Finished,
    Started,
)
from tests.support.trials import SEARCHED, fixed_plan, outcome_of, small_dataset

SEARCH = SEARCHED.search_trials({})
COMPARED = Trial("giou", "focal", 2.0, 1, 8)
CPU = [("cpu",)]


def lines_of(*events: RunEvent, done: int = 0) -> list[str]:
    console = Console(file=StringIO(), width=200)
    with ProgressDisplay(console, Results(SEARCHED, [outcome_of(trial) for trial in SEARCH[:done]], [])) as display:
        for event in events:
            display.show(event)
    return console.file.getvalue().splitlines()


def test_trials_that_end_are_counted_with_those_that_ended_before() -> None:
    assert lines_of(
        Started(SEARCH[2]),
        Advanced(SEARCH[2], 1),
        Finished(outcome_of(SEARCH[2])),
        Received(outcome_of(SEARCH[3])),
        Started(COMPARED),
        Failed(COMPARED, "RuntimeError: out of memory"),
        done=2,
    ) == [
        "[3/14] l1 + focal, weight 2, seed 1000000: AP 0.400, 3 s",
        "[4/14] l1 + focal, weight 2, seed 1000001: AP 0.400, from another process",
        "[5/14] giou + focal, seed 1: failed: RuntimeError: out of memory",
    ]


def test_other_events_are_printed_and_not_counted() -> None:
    assert lines_of(
        Started(COMPARED),
        Restarted(Failed(COMPARED, "its worker process was killed", died=True)),
        Started(COMPARED),
        Late(COMPARED),
        Waiting([COMPARED]),
        Received(outcome_of(COMPARED)),
    ) == [
        "giou + focal, seed 1: its worker process was killed; it is restarted",
        "giou + focal, seed 1: another process finished first; its result is kept",
        "waiting for 1 trial of other processes; trials without a heartbeat for 30 seconds are restarted",
        "[1/14] giou + focal, seed 1: AP 0.400, from another process",
    ]


def test_the_bar_of_all_trials_counts_the_steps() -> None:
    display = ProgressDisplay(Console(file=StringIO()), Results(SEARCHED, [outcome_of(SEARCH[0])], []))
    [overall] = display.bars.tasks
    assert (overall.completed, overall.total) == (1, 8 * 1 + 6 * 8)
    display.show(Started(COMPARED))
    display.show(Advanced(COMPARED, 5))
    assert display.bars.tasks[0].completed == 6
    display.show(Finished(outcome_of(COMPARED)))
    assert [task.completed for task in display.bars.tasks] == [9]


def test_text_of_the_plan() -> None:
    assert progress.plan_in_words(SEARCHED) == (
        "8 or more trials of 1 step to select the weights, then 6 trials of 8 steps: 2 pairs on 3 seeds"
    )
    assert progress.plan_in_words(fixed_plan(0)) == "1 trial of 3 steps: 1 pair on 1 seed"


def test_the_estimate_is_for_the_remaining_trials_divided_by_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "measure_speed", lambda trial, dataset, device: (0.5, 10.0))
    monkeypatch.setattr(progress, "process_time", lambda: 0.0)
    data = small_dataset()
    whole = 0.5 * (8 * 1 + 6 * 8) + 14 * 10

    def seconds(plan: Plan, done: list[Outcome], groups: list[DeviceGroup]) -> float | None:
        return progress.estimated_seconds(Results(plan, done, []), data, groups, "float32")

    assert seconds(SEARCHED, [], CPU * 1) == pytest.approx(whole)
    assert seconds(SEARCHED, [], CPU * 4) == pytest.approx(whole / 4)
    done = [outcome_of(trial) for trial in SEARCH]
    assert seconds(SEARCHED, done, CPU * 2) == pytest.approx((0.5 * 6 * 8 + 10 * 6) / 2)
    one = replace(SEARCHED, weights={Pair("l1", "focal"): (1.0,)}, seeds=(0,))
    assert seconds(SEARCHED, [], [("cpu", "cpu")]) == pytest.approx((whole - 140) / 2 + 140)
    assert seconds(one, [], CPU * 8) == pytest.approx(0.5 * 8 + 10), "one trial has one job"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "1 second"), (1.4, "1 second"), (42.4, "42 seconds"), (600, "10 minutes"), (9000, "2.5 hours")],
)
def test_text_of_a_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_estimate_skips_a_pair_that_diverges(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure_speed(trial: Trial, dataset: Dataset, device: Device) -> tuple[float, float]:
        if trial.box in diverging:
            raise FloatingPointError("step 1: expected a finite gradient")
        return 1.0, 0.0

    monkeypatch.setattr(progress, "measure_speed", measure_speed)
    monkeypatch.setattr(progress, "process_time", lambda: 7.0)
    plan, data = fixed_plan(0, boxes=("l2", "giou"), steps=3), small_dataset()
    diverging = {"l2"}
    results = Results(plan, [], [])
    seconds = progress.estimated_seconds(results, data, CPU, "float32")
    assert seconds == pytest.approx(7 + 2 * 3), "the start of a worker counts"
    diverging = {"l2", "giou"}
    assert progress.estimated_seconds(results, data, CPU, "float32") is None
