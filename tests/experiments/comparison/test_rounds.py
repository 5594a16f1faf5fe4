"""Rounds of seeds: which pairs get more seeds, when no round follows, and agreement of several processes."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from scipy import stats

from detloss.experiments.comparison import runner
from detloss.experiments.comparison.findings import findings
from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.plan import ROUNDS, Pair, Plan
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.rounds import confidence_of, end_of_rounds, next_plan
from detloss.experiments.comparison.runner import Comparison, Results, RoundStarted
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.training.devices import device_groups
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.workers import Failed, Started
from tests.support.inline_workers import Inline
from tests.support.trials import SEARCHED, begin_comparison, fixed_plan, quick_trial, small_dataset

BOXES = ("l1", "giou", "ciou")
L1, GIOU, CIOU = (Pair(box, "focal") for box in BOXES)
NOISE = (0.0, 0.02, 0.01, 0.012, 0.006)
MEANS = {"l1": 0.2, "giou": 0.4, "ciou": 0.4}
PLAN = replace(fixed_plan(*range(ROUNDS[0]), boxes=BOXES), auto=True)


def score(trial: Trial, means: Mapping[str, float] = MEANS) -> float:
    """With equal means, giou and ciou are not distinguishable after 3 and 5 seeds, and equal after 8."""
    return means[trial.box] + NOISE[(trial.seed * (1 + BOXES.index(trial.box)) + trial.seed // 5) % 5]


def results_of(plan: Plan, means: Mapping[str, float] = MEANS, failures: Mapping[Trial, str] = {}) -> Results:
    outcomes = [Outcome(trial, score(trial, means), 3.0) for trial in plan.trials({}) if trial not in failures]
    return Results(plan, outcomes, [Failed(trial, reason) for trial, reason in failures.items()])


def ranked(results: Results, matters: float = 0.01) -> Ranking:
    plan = results.plan
    return rank(
        results.outcomes,
        L1,
        failures=results.failures,
        matters=matters,
        confidence=confidence_of(plan),
        dropped=plan.dropped,
    )


def extended(results: Results, **options: float) -> Plan | None:
    return next_plan(results, partial(ranked, **options))


def test_pairs_that_may_be_the_best_get_more_seeds_and_others_do_not() -> None:
    second = extended(results_of(PLAN))
    assert second == replace(PLAN, seeds=range(5), dropped={L1: 3})
    counts = [len([trial for trial in second.trials({}) if trial.box == box]) for box in BOXES]
    assert counts == [3, 5, 5]
    assert (second.comparison_count, second.trial_count({}), second.step_count({})) == (13, 13, 39)
    third = extended(results_of(second))
    assert third == replace(PLAN, seeds=range(8), dropped={L1: 3})
    assert extended(results_of(replace(PLAN, seeds=range(7, 10)), {**MEANS, "l1": 0.4})).seeds == range(7, 12)


def test_a_round_follows_only_if_all_trials_have_ended() -> None:
    results = results_of(PLAN)
    last = results.outcomes.pop()
    assert extended(results) is None
    assert "The round of 3 seeds has not ended." in findings(ranked(results), results)
    results.failures.append(Failed(last.trial, "OSError: a disk"))
    assert extended(results) is not None
    searched = replace(SEARCHED, auto=True)
    assert extended(Results(searched, [], [])) is None, "the search comes first"


@pytest.mark.parametrize(
    ("plan", "means", "matters", "reason"),
    [
        (PLAN, {**MEANS, "ciou": 0.6}, 0.01, "one pair is left"),
        (PLAN, MEANS, 0.03, "the choice among the 2 pairs that are left makes no difference that matters"),
        (replace(PLAN, seeds=range(20), dropped={L1: 3}), MEANS, 0.0001, "no comparison gets more than 20 seeds"),
        (fixed_plan(0, 1, 2, boxes=BOXES), MEANS, 0.01, None),
    ],
    ids=["one left", "equal", "last round", "fixed seeds"],
)
def test_no_round_follows(plan: Plan, means: dict[str, float], matters: float, reason: str | None) -> None:
    results = results_of(plan, means)
    ranking = ranked(results, matters)
    assert extended(results, matters=matters) is None
    if reason is not None:
        assert end_of_rounds(plan, ranking) == reason
        assert f"No seeds were added after {len(plan.seeds)}, because {reason}." in findings(ranking, results)


def test_no_round_follows_if_the_seeds_make_no_difference() -> None:
    plan = replace(fixed_plan(0, 1, 2, boxes=BOXES), auto=True)
    results = Results(plan, [Outcome(trial, MEANS[trial.box], 3.0) for trial in plan.trials({})], [])
    assert end_of_rounds(plan, ranked(results)) == "the differences are the same on all seeds"


def test_the_last_round_is_reached() -> None:
    plan, numbers = PLAN, []
    while plan is not None:
        numbers.append(len(plan.seeds))
        plan = extended(results_of(plan), matters=0.0001)
    assert numbers == [3, 5, 8, 12, 20]


def test_a_diverged_pair_gets_no_more_seeds_but_one_that_failed_does() -> None:
    means = {**MEANS, "l1": 0.4}
    [trial] = [trial for trial in PLAN.trials({}) if trial.box == "l1" and trial.seed == 1]
    diverged = results_of(PLAN, means, {trial: "FloatingPointError: the loss is nan"})
    assert extended(diverged).dropped == {L1: 3}
    assert extended(results_of(PLAN, means, {trial: "OSError: a disk"})).dropped == {}


def test_an_excluded_pair_stays_excluded_and_excludes_no_other() -> None:
    """The seeds after the third lower the means of the others below that of the excluded pair."""
    plan = replace(PLAN, seeds=range(5), dropped={L1: 3})
    outcomes = [Outcome(trial, score(trial, {**MEANS, "l1": 0.9}), 3.0) for trial in plan.trials({})]
    results = Results(plan, outcomes, [])
    assert {standing.pair for standing in ranked(results).best} == {GIOU, CIOU}
    assert "Excluded from the best in an earlier round: l1 + focal after 3 seeds." in findings(ranked(results), results)


def test_intervals_are_those_of_a_round() -> None:
    """Two losses on three seeds: Student's t with four degrees of freedom."""
    plan = replace(fixed_plan(0, 1, 2, boxes=("l1", "giou")), auto=True)
    scores = {"l1": (0.40, 0.41, 0.42), "giou": (0.41, 0.42, 0.43)}
    results = Results(plan, [Outcome(trial, scores[trial.box][trial.seed], 3.0) for trial in plan.trials({})], [])
    for plan_of_results, confidence in ((plan, 0.9875), (replace(plan, auto=False), 0.95)):
        difference = ranked(replace(results, plan=plan_of_results))["giou + focal"].difference
        width = stats.t.ppf((1 + confidence) / 2, 4) * 0.01 * (2 / 3) ** 0.5
        assert difference.high - difference.mean == pytest.approx(width, rel=0.03)


def begin_rounds(path: Path, plan: Plan = PLAN) -> Comparison:
    folder = Folder(path)
    folder.begin(plan.detector_settings, plan.to_json(), overwrite=False)
    store = TrialStore(f"sqlite:///{path.parent / 'study.db'}", "a study", plan)
    return Comparison(plan, store, folder, extended)


def scored_trial(trial: Trial, *_: object, **__: object) -> Outcome:
    return Outcome(trial, score(trial), 3.0)


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials run in this process, and other processes are waited for without pauses."""
    monkeypatch.setattr(runner, "Workers", Inline)
    monkeypatch.setattr(runner, "POLL_INTERVAL", 0.01)
    monkeypatch.setattr(runner, "LOOK_INTERVAL", 0.05)


@pytest.mark.exhaustive
def test_processes_agree_and_a_later_one_finds_the_same_rounds(inline: None, tmp_path: Path) -> None:
    started: list[Trial] = []
    comparisons: list[Comparison] = []

    def run(name: str) -> None:
        comparison = begin_rounds(tmp_path / name)
        comparisons.append(comparison)
        for event in comparison.run(small_dataset, groups=device_groups(1), run_trial=scored_trial):
            if isinstance(event, Started):
                started.append(event.trial)

    threads = [Thread(target=run, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = replace(PLAN, seeds=range(8), dropped={L1: 3})
    comparisons.append(begin_rounds(tmp_path / "later"))
    assert [comparison.plan for comparison in comparisons] == [expected] * 3
    assert len(started) == len(set(started)) == 3 + 8 + 8
    assert all(set(comparison.known) == set(started) for comparison in comparisons)
    assert ranked(comparisons[0]) == ranked(comparisons[1]) == ranked(comparisons[2])


def test_taken_trials_may_be_of_the_next_round(inline: None, tmp_path: Path) -> None:
    comparison = begin_rounds(tmp_path / "folder")
    events = list(comparison.run(small_dataset, groups=device_groups(1), run_trial=scored_trial, take=10))
    assert [len(event.plan.seeds) for event in events if isinstance(event, RoundStarted)] == [5]
    assert len(comparison.outcomes) == 10


@pytest.mark.exhaustive
def test_a_failed_trial_of_a_later_round_is_restarted_by_the_next_command(inline: None, tmp_path: Path) -> None:
    def failing(trial: Trial, *_: object, **__: object) -> Outcome:
        if trial.seed == 4:
            raise OSError("a disk")
        return scored_trial(trial)

    first = begin_rounds(tmp_path / "folder")
    list(first.run(small_dataset, groups=device_groups(1), run_trial=failing))
    assert {failure.trial.seed for failure in first.failures} == {4}
    again = begin_rounds(tmp_path / "folder")
    assert again.failures == []
    starts = again.run(small_dataset, groups=device_groups(1), run_trial=scored_trial)
    assert {event.trial.seed for event in starts if isinstance(event, Started)} >= {4}


def test_no_trial_starts_that_would_end_after_the_time(inline: None, tmp_path: Path) -> None:
    """A trial takes 3 seconds according to its outcome, and none here."""
    for hours, finished in ((2 / 3600, 1), (60 / 3600, 2)):
        comparison = begin_comparison(tmp_path / str(finished), fixed_plan(0, 1))
        list(comparison.run(small_dataset, groups=device_groups(1), run_trial=quick_trial, hours=hours))
        assert (len(comparison.outcomes), comparison.out_of_time) == (finished, finished == 1)
    comparison = begin_comparison(tmp_path / "1", fixed_plan(0, 1))
    list(comparison.run(small_dataset, groups=device_groups(1), run_trial=quick_trial))
    assert comparison.missing == 0, "the same command continues"


@pytest.mark.exhaustive
def test_the_time_of_a_trial_is_proportional_to_its_steps(inline: None, tmp_path: Path) -> None:
    """A trial of the search has 1 step and takes 3 seconds, so one of the comparison takes 24."""
    comparison = begin_comparison(tmp_path, SEARCHED)
    list(comparison.run(small_dataset, groups=device_groups(1), run_trial=quick_trial, hours=20 / 3600))
    assert {outcome.trial.steps for outcome in comparison.outcomes} == {1}
    assert all(trial in comparison.ended for trial in comparison.plan.search_trials(comparison.ended))
    assert comparison.out_of_time


@pytest.mark.exhaustive
def test_the_report_states_that_the_time_was_used_up(inline: None, tmp_path: Path) -> None:
    comparison = begin_rounds(tmp_path / "folder")
    list(comparison.run(small_dataset, groups=device_groups(1), run_trial=scored_trial, take=9))
    again = begin_rounds(tmp_path / "folder")
    list(again.run(small_dataset, groups=device_groups(1), run_trial=scored_trial, hours=2 / 3600))
    assert len(again.plan.seeds) == 5
    assert findings(ranked(again), again)[1] == "The time was used up before 4 trials: the same command continues."
