"""Ranking: groups, order, paired differences, verdicts and the table."""

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Bootstrap, Standing, rank
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.training.evaluation import evaluate
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from detloss.experiments.training.workers import Failed
from tests.support.trials import outcome_of, small_dataset

L1, GIOU = Pair("l1", "focal"), Pair("giou", "focal")


def outcomes_of(**scores: list[float]) -> list[Outcome]:
    return [
        outcome_of(Trial(box, "focal", 1.0, seed, 2), ap) for box, aps in scores.items() for seed, ap in enumerate(aps)
    ]


def ranked(outcomes: list[Outcome], baseline: Pair = L1) -> Sequence[Standing]:
    return rank(outcomes, baseline, Bootstrap(small_dataset())).standings


def test_pairs_are_ordered_by_the_mean_of_their_comparison() -> None:
    outcomes = outcomes_of(l1=[0.40, 0.41, 0.42], giou=[0.50, 0.40, 0.60])
    search = [outcome_of(Trial("l1", "focal", 4.0, 0, 2, phase=Phase.SEARCH), 0.9)]
    table = ranked(outcomes[::-1] + search)
    assert [standing.name for standing in table] == ["giou + focal", "l1 + focal"]
    assert [outcome.trial.seed for outcome in table[1].outcomes] == [0, 1, 2]
    assert [standing.weight for standing in table] == [1.0, 1.0]
    ap = table[1].score
    assert (ap.mean, ap.lowest, ap.highest, ap.width) == pytest.approx((0.41, 0.40, 0.42, 0.02))
    assert f"{ap:.3f}" == "0.410 (0.400–0.420)"
    assert table[1].summary("ap50").mean == pytest.approx(0.61)


def test_differences_are_paired_by_the_seeds_that_both_have() -> None:
    outcomes = outcomes_of(l1=[0.1, 0.5], giou=[0.2, 0.6, 0.9])
    giou, l1 = ranked(outcomes)
    assert l1.difference is None
    assert giou.difference is not None
    assert (giou.difference.seeds, giou.difference.mean) == (2, pytest.approx(0.1))
    assert giou.difference.verdict is Verdict.BETTER, "the same images found, and the seeds agree"
    reverse = next(standing.difference for standing in ranked(outcomes, GIOU) if standing.pair == L1)
    assert reverse is not None
    assert (reverse.seeds, reverse.mean) == (2, pytest.approx(-0.1))
    assert [standing.difference for standing in ranked(outcomes_of(giou=[0.5]))] == [None]


def test_images_widen_the_interval() -> None:
    """If one loss finds all in the first image and the other in the second, the choice of images decides."""
    outcomes = outcomes_of(l1=[0.5, 0.5, 0.5], giou=[0.51, 0.51, 0.51])
    data = small_dataset()
    whole, part = outcomes[0].predictions[0], outcomes[0].predictions[0]
    truth = data.validation[0]
    whole = whole._replace(boxes=truth.boxes, scores=whole.scores[:2], labels=truth.labels)
    none = part._replace(boxes=part.boxes[:0], scores=part.scores[:0], labels=part.labels[:0])
    first, second = (evaluate(found, data.validation) for found in ([whole, none], [none, whole]))
    moved = [replace(outcome, evaluation=first if outcome.trial.box == "l1" else second) for outcome in outcomes]
    giou, _ = ranked(moved)
    assert giou.difference is not None
    assert giou.difference.verdict is Verdict.NOT_DISTINGUISHABLE
    assert giou.difference.high - giou.difference.low > 0.9
    same, _ = ranked(outcomes)
    assert same.difference is not None
    assert same.difference.verdict is Verdict.BETTER


def test_all_trials_have_the_same_bootstrap_samples() -> None:
    """A pair compared with itself under another name has the difference 0 in every sample."""
    data, found = small_dataset(), outcome_of(Trial("l1", "focal", 1.0, 0, 2)).predictions[0]
    none = found._replace(boxes=found.boxes[:0], scores=found.scores[:0], labels=found.labels[:0])
    in_one = evaluate([found, none], data.validation)
    outcomes = [replace(outcome, evaluation=in_one) for outcome in outcomes_of(l1=[0.3, 0.5, 0.4])]
    twin = [replace(outcome, trial=replace(outcome.trial, box="giou")) for outcome in outcomes]
    difference = next(standing.difference for standing in ranked(outcomes + twin) if standing.pair == GIOU)
    assert difference is not None
    np.testing.assert_allclose([difference.low, difference.mean, difference.high], 0, atol=1e-12)


def test_trials_without_an_evaluation_are_compared_by_their_seeds() -> None:
    bare = [Outcome(outcome.trial, outcome.score, 1.0) for outcome in outcomes_of(l1=[0.1, 0.5], giou=[0.2, 0.6])]
    ranking = rank(bare, L1)
    assert ranking["giou + focal"].scores == {0: 0.2, 1: 0.6}
    assert ranking["giou + focal"].mean == pytest.approx(0.4)
    assert ranking["giou + focal"].verdict is Verdict.BETTER
    assert ranking["giou + focal"].evaluations == []


def test_a_pair_with_a_failed_seed_is_not_called_better() -> None:
    failures = [Failed(Trial("giou", "focal", 1.0, 2, 2), "reason")]
    outcomes = outcomes_of(l1=[0.1, 0.2], giou=[0.3, 0.4])
    ranking = rank(outcomes, L1, failures=failures)
    assert ranking["giou + focal"].failed == [2]
    assert ranking["giou + focal"].verdict is Verdict.NOT_DISTINGUISHABLE
    assert rank(outcomes, GIOU, failures=failures)["l1 + focal"].verdict is Verdict.NOT_DISTINGUISHABLE


def test_the_table_is_wrapped_by_a_terminal_only() -> None:
    names = ("smooth_l1", "balanced_bce"), ("giou", "softmax_focal")
    outcomes = [outcome_of(Trial(*name, 0.25, seed, 2), 0.4 + 0.01 * seed) for name in names for seed in range(2)]
    ranking = rank(outcomes, Pair(*names[0]))
    [header, first, second] = str(ranking).splitlines()
    assert header.split() == ["loss", "weight", "mean", "difference", "verdict"]
    assert first.split("  ")[0] == "smooth_l1 + balanced_bce"
    assert first.endswith("baseline")
    assert "  0.4050  " in second
    assert second.endswith("+0.0000 [+0.0000, +0.0000]  not distinguishable")
    console = Console(width=80, file=StringIO(), force_terminal=True, color_system=None)
    console.print(ranking.table("AP", digits=3, ranges=True))
    printed = console.file.getvalue()
    assert max(map(len, printed.splitlines())) <= 80
    for word in ("smooth_l1", "balanced_bce", "softmax_focal", "(0.400–0.410)", "distinguishable", "[+0.000,"):
        assert word in printed, "no word is broken"
