"""What the terminal shows of each thing that happens."""

from io import StringIO

from rich.console import Console

from detloss.experiments.comparison.progress import ProgressDisplay
from detloss.experiments.comparison.runner import (
    Gathered,
    Happening,
    Late,
    Retried,
    Waiting,
)
from detloss.experiments.training.trial import Trial
from detloss.experiments.training.workers import (
    Advanced,
    Failed,
    Finished,
    Started,
)
from tests.support.trials import SEARCHED, outcome_of

SEARCH = SEARCHED.search()
COMPARED = Trial("giou", "focal", 2.0, 1, 8)


def lines_of(*events: Happening, done: int = 0) -> list[str]:
    console = Console(file=StringIO(), width=200)
    with ProgressDisplay(console, SEARCHED, [outcome_of(trial) for trial in SEARCH[:done]]) as display:
        for event in events:
            display.show(event)
    return console.file.getvalue().splitlines()


def test_trials_that_end_are_counted_with_those_that_ended_before() -> None:
    assert lines_of(
        Started(SEARCH[2]),
        Advanced(SEARCH[2], 1),
        Finished(outcome_of(SEARCH[2])),
        Gathered(outcome_of(SEARCH[3])),
        Started(COMPARED),
        Failed(COMPARED, "RuntimeError: no luck"),
        done=2,
    ) == [
        "[3/10] giou + focal, weight 1, seed 0: AP 0.400, 3 s",
        "[4/10] giou + focal, weight 2, seed 0: AP 0.400, from another process",
        "[5/10] giou + focal, seed 1: failed: RuntimeError: no luck",
    ]


def test_what_is_no_end_is_told_and_not_counted() -> None:
    assert lines_of(
        Started(COMPARED),
        Retried(Failed(COMPARED, "its worker process was killed", died=True)),
        Started(COMPARED),
        Late(COMPARED),
        Waiting([COMPARED]),
        Gathered(outcome_of(COMPARED)),
    ) == [
        "giou + focal, seed 1: its worker process was killed; it is begun again",
        "giou + focal, seed 1: another process was first; its result stands",
        "waiting for 1 trial of other processes; one that falls silent for 30 seconds is taken over",
        "[1/10] giou + focal, seed 1: AP 0.400, from another process",
    ]


def test_the_bar_of_all_trials_counts_the_steps() -> None:
    display = ProgressDisplay(Console(file=StringIO()), SEARCHED, [outcome_of(SEARCH[0])])
    [overall] = display.bars.tasks
    assert (overall.completed, overall.total) == (2, 4 * 2 + 6 * 8)
    display.show(Started(COMPARED))
    display.show(Advanced(COMPARED, 5))
    assert display.bars.tasks[0].completed == 7
    display.show(Finished(outcome_of(COMPARED)))
    assert [task.completed for task in display.bars.tasks] == [10]
