"""Who stands where: the groups, the order, the differences, and the words."""

from dataclasses import replace

import numpy as np
import pytest

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Bootstrap, Standing, standings
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.training.evaluation import evaluate
from detloss.experiments.training.trial import Outcome, Trial
from tests.support.trials import outcome_of, small_dataset

L1, GIOU = Pair("l1", "focal"), Pair("giou", "focal")


def outcomes_of(**scores: list[float]) -> list[Outcome]:
    return [
        outcome_of(Trial(box, "focal", 1.0, seed, 2), ap) for box, aps in scores.items() for seed, ap in enumerate(aps)
    ]


def table_of(outcomes: list[Outcome], baseline: Pair = L1) -> list[Standing]:
    return standings(outcomes, Bootstrap(small_dataset()), baseline)


def test_pairs_are_in_the_order_of_their_means_and_seeds_of_phase_2_alone() -> None:
    outcomes = outcomes_of(l1=[0.40, 0.41, 0.42], giou=[0.50, 0.40, 0.60])
    search = [outcome_of(Trial("l1", "focal", 4.0, 0, 2, phase=1), 0.9)]
    table = table_of(outcomes[::-1] + search)
    assert [standing.name for standing in table] == ["giou + focal", "l1 + focal"]
    assert [outcome.trial.seed for outcome in table[1].outcomes] == [0, 1, 2]
    assert [standing.weight for standing in table] == [1.0, 1.0]
    ap = table[1].ap
    assert (ap.mean, ap.lowest, ap.highest, ap.width) == pytest.approx((0.41, 0.40, 0.42, 0.02))
    assert f"{ap:.3f}" == "0.410 (0.400–0.420)"
    assert table[1].summary("ap50").mean == pytest.approx(0.61)


def test_differences_are_paired_by_the_seeds_that_both_have() -> None:
    outcomes = outcomes_of(l1=[0.1, 0.5], giou=[0.2, 0.6, 0.9])
    giou, l1 = table_of(outcomes)
    assert l1.difference is None
    assert giou.difference is not None
    assert (giou.difference.seeds, giou.difference.mean) == (2, pytest.approx(0.1))
    assert giou.difference.verdict is Verdict.BETTER, "the same images found, and the seeds agree"
    turned = next(standing.difference for standing in table_of(outcomes, GIOU) if standing.pair == L1)
    assert turned is not None
    assert (turned.seeds, turned.mean) == (2, pytest.approx(-0.1))
    assert [standing.difference for standing in table_of(outcomes_of(giou=[0.5]))] == [None]


def test_images_move_the_interval() -> None:
    """Where one loss finds all in the first image and the other in the second, the images decide, not the loss."""
    outcomes = outcomes_of(l1=[0.5, 0.5, 0.5], giou=[0.51, 0.51, 0.51])
    data = small_dataset()
    whole, part = outcomes[0].predictions[0], outcomes[0].predictions[0]
    truth = data.validation[0]
    whole = whole._replace(boxes=truth.boxes, scores=whole.scores[:2], labels=truth.labels)
    none = part._replace(boxes=part.boxes[:0], scores=part.scores[:0], labels=part.labels[:0])
    first, second = (evaluate(found, data.validation).matches for found in ([whole, none], [none, whole]))
    moved = [replace(outcome, matches=first if outcome.trial.box == "l1" else second) for outcome in outcomes]
    giou, _ = table_of(moved)
    assert giou.difference is not None
    assert giou.difference.verdict is Verdict.NOT_DISTINGUISHABLE
    assert giou.difference.high - giou.difference.low > 0.9
    same, _ = table_of(outcomes)
    assert same.difference is not None
    assert same.difference.verdict is Verdict.BETTER


def test_equal_draws_for_all_trials() -> None:
    """A pair compared with itself under another name differs by nothing, whatever images are drawn."""
    data, found = small_dataset(), outcome_of(Trial("l1", "focal", 1.0, 0, 2)).predictions[0]
    none = found._replace(boxes=found.boxes[:0], scores=found.scores[:0], labels=found.labels[:0])
    in_one = evaluate([found, none], data.validation).matches
    outcomes = [replace(outcome, matches=in_one) for outcome in outcomes_of(l1=[0.3, 0.5, 0.4])]
    twin = [replace(outcome, trial=replace(outcome.trial, box="giou")) for outcome in outcomes]
    difference = next(standing.difference for standing in table_of(outcomes + twin) if standing.pair == GIOU)
    assert difference is not None
    np.testing.assert_allclose([difference.low, difference.mean, difference.high], 0, atol=1e-12)
