"""Findings: one main sentence, correct also if seeds failed or trials are missing."""

from itertools import product

import numpy as np
import pytest

from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.findings import answer, expected_precision, findings
from detloss.experiments.comparison.plan import Pair, Plan, default_seeds
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import DRAWS
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import Failed
from tests.support.trials import outcome_of, small_dataset

L1 = Pair("l1", "focal")
FAILED, DIVERGED = "RuntimeError: out of memory", "FloatingPointError: step 1"
WOBBLE = np.array([0.0, 0.001, -0.001])


def found(
    baseline: Pair = L1, seeds: int | None = None, matters: float = 0.01, **scores: list[float | str]
) -> list[str]:
    """The findings for pairs with focal loss and these AP, one per seed, or reasons of failure; `seeds` may be more."""
    planned = seeds or max(map(len, scores.values()))
    plan = Plan({Pair(box, "focal"): (1.0,) for box in scores}, range(planned), steps=2)
    outcomes, failures = [], []
    for (box, aps), seed in product(scores.items(), range(planned)):
        trial = Trial(box, "focal", 1.0, seed, steps=2)
        result = aps[seed] if seed < len(aps) else None
        if isinstance(result, str):
            failures.append(Failed(trial, result))
        elif result is not None:
            outcomes.append(outcome_of(trial, float(result)))
    ranking = rank(outcomes, baseline, Bootstrap(small_dataset()), failures, matters=matters)
    return findings(ranking, Results(plan, outcomes, failures))


def test_a_single_best_pair_is_named() -> None:
    [sentence, parts] = found(l1=[0.30, 0.31], giou=[0.45, 0.46], ciou=[0.20, 0.2001])
    assert sentence == "Use giou + focal: no other pair is better (95 % confidence), and its mean AP is 0.455."
    assert parts.startswith("Seeds contribute at most ±0.0")
    assert parts.endswith(" AP are detected with a probability of 80 %.")


def test_pairs_that_may_be_the_best_are_named_with_their_regrets() -> None:
    wide = found(l1=[0.40, 0.41, 0.42], giou=[0.41, 0.42, 0.43])[0]
    assert wide == (  # one-sided t with 4 degrees of freedom: 2.13 * 0.01 * sqrt(2 / 3) = 0.0174
        "Use giou + focal, which is at most 0.007 AP below the best: l1 + focal (0.027) may also be the best"
        " (95 % confidence); about 18 seeds would detect a difference of 0.01 AP."
    )
    assert found(l1=[0.40, 0.41, 0.42], giou=[0.41, 0.42, 0.43], matters=0)[0].endswith("(95 % confidence).")
    assert (
        "; even 100 seeds would hardly detect a difference of 0.001 AP."
        in (found(l1=[0.40, 0.41, 0.42], giou=[0.41, 0.42, 0.43], matters=0.001)[0])
    )


def test_a_choice_that_does_not_matter() -> None:
    sentence = found(l1=0.4 + WOBBLE, giou=0.4003 - WOBBLE, ciou=0.4001 + WOBBLE / 2)[0]
    assert sentence.startswith("Use any of giou + focal, ciou + focal and l1 + focal: the choice costs at most 0.00")
    assert sentence.endswith(" AP (95 % confidence), less than the 0.01 that matter.")


def test_a_difference_too_small_for_the_images_needs_more_images() -> None:
    scores = {(box, seed): 0.4 + 0.001 * seed * (box == "l1") for box in ("l1", "giou") for seed in range(5)}
    outcomes = [outcome_of(Trial(box, "focal", 1.0, seed, 2), ap) for (box, seed), ap in scores.items()]
    drawn = {box: np.random.default_rng(row).normal(0.4, 0.01, DRAWS) for row, box in enumerate(("l1", "giou"))}
    ranking = rank(outcomes, L1, lambda outcome: drawn[outcome.trial.box])
    # The images alone need 2.8 * 0.01 * sqrt(2) = 0.04, and twice as many images as that because of the seeds.
    assert answer(ranking).endswith(
        " times as many validation images and 5 seeds would detect a difference of 0.01 AP."
    )
    factor = float(answer(ranking).rpartition(" times")[0].split()[-1])
    assert factor == pytest.approx(2 * 0.0396**2 / 0.01**2, rel=0.1)
    [*_, parts] = findings(ranking, Results(Plan({L1: (1.0,)}, range(5), 2), outcomes, []))
    assert ", validation images ±0.02" in parts


def test_a_failed_seed_is_named_and_does_not_favor_its_pair() -> None:
    sentence, named, *_ = found(l1=0.40 + WOBBLE, giou=[0.430, FAILED, 0.4285])
    assert sentence.startswith("Use l1 + focal, which is at most 0.03")
    assert ": giou + focal (0.000) may also be the best" in sentence
    assert named == (
        "giou + focal failed on 1 of 3 seeds: seed 1, where its score is unknown, so it is not called better than another"
        " pair."
    )
    both = found(l1=[0.40, 0.41, FAILED], giou=[0.43, FAILED, 0.4285])[0]
    assert both == (
        "Any of giou + focal and l1 + focal may be the best: giou + focal failed on a seed, and its score there is"
        " unknown."
    )


def test_a_diverged_seed_is_named_and_excludes_its_pair() -> None:
    sentence, named, *_ = found(l1=0.40 + WOBBLE, giou=[0.430, 0.4285, DIVERGED])
    assert sentence.startswith("Use l1 + focal: no other pair that never diverged is better (95 % confidence)")
    assert named == (
        "giou + focal diverged on 1 of 3 seeds: seed 2, so it is neither better than another pair nor the best."
    )
    named = found(l1=[0.4, DIVERGED, DIVERGED], giou=[0.43, DIVERGED, 0.4])
    assert named[0] == "No pair of losses can be recommended, because each diverged on a seed."
    assert named[2].startswith("l1 + focal diverged on 2 of 3 seeds: seeds 1 and 2, so")


def test_a_pair_that_failed_on_every_seed_is_named() -> None:
    sentence, named, *_ = found(l1=[0.40, 0.41], giou=[DIVERGED, FAILED])
    assert sentence.startswith("Use l1 + focal: no other pair that never diverged is better")
    assert named.startswith("giou + focal diverged on 1 of 2 seeds: seed 0, ")
    assert found(l1=[FAILED], giou=[FAILED])[0] == "No pair of losses has a result, because every trial failed."


def test_unfinished_trials_are_reported_first() -> None:
    sentence = found(l1=[0.30, 0.31], giou=[0.45, 0.46], seeds=3)[0]
    assert sentence.startswith("With 4 of 6 trials finished: Use giou + focal: no other pair is better")
    assert found(l1=[], giou=[], seeds=3) == ["No trial of the comparison has finished yet."]


def test_without_scatter_over_the_seeds_nothing_is_certain() -> None:
    assert found(l1=[0.3], giou=[0.5])[0] == (
        "Any of giou + focal and l1 + focal may be the best: one seed cannot separate a difference from chance, and at"
        " least three are needed."
    )
    sentence, remark = found(l1=[0.3, 0.3], giou=[0.5, 0.5])
    assert sentence.endswith("their differences are the same on all seeds, so the variance over the seeds is unknown.")
    assert remark == (
        "All seeds gave the same score with giou + focal and l1 + focal: the training may not depend on the seed."
    )
    assert found(l1=[0.3, 0.4])[0] == "l1 + focal has a mean AP of 0.350 (0.300–0.400) over 2 seeds."


def test_main_effects_are_sentences() -> None:
    pairs = [Pair(box, cls) for box in ("l1", "giou") for cls in ("ce", "focal")]
    outcomes = [
        outcome_of(Trial(*pair, 1.0, seed, 2), 0.4 + 0.1 * (pair.box == "giou") + WOBBLE[seed] * WOBBLE[row % 3] * 1e3)
        for row, pair in enumerate(pairs)
        for seed in range(3)
    ]
    ranking = rank(outcomes, pairs[0], matters=0.01)
    *_, boxes, classes = findings(ranking, Results(Plan(dict.fromkeys(pairs, (1.0,)), range(3), 2), outcomes, []))
    assert boxes.startswith("Mean over the class losses, compared with l1: giou +0.100 [+0.0")
    assert boxes.endswith("] (better).")
    assert classes.startswith("Mean over the box losses, compared with ce: focal ")
    assert classes.endswith("] (equal).")


def plan_of(pairs: int, seeds: int) -> Plan:
    return Plan({Pair(f"loss{number}", "focal"): (1.0,) for number in range(pairs)}, range(seeds), steps=2)


def test_the_precision_is_stated_before_a_run() -> None:
    [line] = expected_precision(plan_of(2, 5))  # by the noncentral t distribution: 0.0321, and 0.0201 with 11 seeds
    assert line == (
        "precision: with 5 seeds, differences of 0.032 AP are detected with a probability of 80 %; 0.02 requires about"
        " 10 seeds and 0.01 requires about 31 seeds (assuming a standard deviation of 0.0135 AP over the seeds)"
    )
    assert "with 1 seed, no difference is detected" in expected_precision(plan_of(2, 1))[0]
    assert expected_precision(plan_of(1, 3)) == []
    known = rank([outcome_of(Trial(f"loss{row}", "focal", 1.0, seed, 2), 0.4 + 1e-4 * WOBBLE[seed] * row) for row in (0, 1) for seed in range(3)], Pair("loss0", "focal"))  # fmt: skip
    assert "differences of 0.000 AP" in expected_precision(plan_of(2, 5), known)[0]
    assert expected_precision(plan_of(2, 5), known)[0].endswith("(by the results so far)")
    assert expected_precision(plan_of(2, 5), Ranking((), L1)) == [line]


def test_default_number_of_seeds() -> None:
    assert [default_seeds(pairs) for pairs in (1, 2, 3, 8)] == [3, 5, 3, 3]
