"""Ranking: groups, order, paired differences, verdicts and the table."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from io import StringIO
from math import inf

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Standing, rank
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.comparison.weight_fit import WeightFit
from detloss.experiments.training.evaluation import evaluate
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from detloss.experiments.training.workers import Failed
from tests.support.trials import outcome_of, small_dataset

approximately = partial(pytest.approx, rel=0.02)
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


def test_the_uncertainty_of_a_searched_weight_widens_the_interval() -> None:
    outcomes = outcomes_of(l1=[0.40, 0.41, 0.42], giou=[0.43, 0.44, 0.46])
    search = WeightFit(
        {(w, seed): 0.01 * (seed - 0.5) * w - 0.01 * (w - 2.5) ** 2 for w in range(1, 5) for seed in (0, 1)}
    )
    given, searched = rank(outcomes, L1), rank(outcomes, L1, fits={L1: search, Pair("ciou", "focal"): search})
    contrast = np.array([[1.0, -1.0]])
    assert given.estimate is not None
    assert searched.estimate is not None
    assert search.uncertainty > 0
    assert searched.estimate.standard_errors(contrast)[1] == pytest.approx(search.uncertainty, rel=0.1)
    assert given.estimate.standard_errors(contrast)[1] == 0
    narrow, wide = (ranking["giou + focal"].difference for ranking in (given, searched))
    assert narrow is not None
    assert wide is not None
    assert wide.mean == narrow.mean
    assert wide.low < narrow.low < narrow.high < wide.high


def test_differences_are_those_of_an_additive_model_of_pairs_and_seeds() -> None:
    outcomes = outcomes_of(l1=[0.1, 0.5, 0.3], giou=[0.2001, 0.6, 0.4], ciou=[0.3, 0.7])
    giou, ciou, l1 = (rank(outcomes, L1)[f"{box} + focal"] for box in ("giou", "ciou", "l1"))
    assert (l1.difference, l1.verdict) == (None, None)
    assert giou.difference is not None
    assert ciou.difference is not None
    assert giou.difference.mean == pytest.approx(0.1, abs=1e-4)
    assert ciou.difference.mean == pytest.approx(0.2, abs=1e-4), "the missing seed does not count"
    assert (giou.verdict, ciou.verdict) == (Verdict.BETTER, Verdict.BETTER)
    assert rank(outcomes, GIOU)["l1 + focal"].verdict is Verdict.WORSE
    assert [standing.difference for standing in ranked(outcomes_of(giou=[0.5]))] == [None]


def test_images_widen_the_interval() -> None:
    """If one loss finds all in the first image and the other in the second, the choice of images decides."""
    outcomes = outcomes_of(l1=[0.5, 0.5, 0.5], giou=[0.52, 0.52, 0.521])
    data = small_dataset()
    whole, part = outcomes[0].predictions[0], outcomes[0].predictions[0]
    truth = data.validation[0]
    whole = whole._replace(boxes=truth.boxes, scores=whole.scores[:2], labels=truth.labels)
    none = part._replace(boxes=part.boxes[:0], scores=part.scores[:0], labels=part.labels[:0])
    first, second = (evaluate(found, data.validation) for found in ([whole, none], [none, whole]))
    moved = [replace(outcome, evaluation=first if outcome.trial.box == "l1" else second) for outcome in outcomes]
    giou, _ = ranked(moved)
    assert giou.difference is not None
    assert giou.verdict is Verdict.NOT_DISTINGUISHABLE
    assert giou.difference.high - giou.difference.low > 0.9
    same, _ = ranked(outcomes)
    assert same.verdict is Verdict.BETTER


def test_all_trials_have_the_same_bootstrap_samples() -> None:
    """A pair compared with itself under another name has the difference 0 in every sample: the images contribute 0."""
    data, found = small_dataset(), outcome_of(Trial("l1", "focal", 1.0, 0, 2)).predictions[0]
    none = found._replace(boxes=found.boxes[:0], scores=found.scores[:0], labels=found.labels[:0])
    in_one = evaluate([found, none], data.validation)
    outcomes = [replace(outcome, evaluation=in_one) for outcome in outcomes_of(l1=[0.3, 0.5, 0.4])]
    twin = [replace(outcome, trial=replace(outcome.trial, box="giou")) for outcome in outcomes]
    ranking = rank(outcomes + twin, L1, Bootstrap(data))
    assert ranking.parts[0] > 0.1
    assert ranking.parts[1] == pytest.approx(0, abs=1e-12)


def test_trials_without_an_evaluation_are_compared_by_their_seeds() -> None:
    bare = [Outcome(outcome.trial, outcome.score, 1.0) for outcome in outcomes_of(l1=[0.1, 0.11], giou=[0.2, 0.21])]
    ranking = rank(bare, L1)
    assert ranking["giou + focal"].scores == {0: 0.2, 1: 0.21}
    assert ranking["giou + focal"].mean == pytest.approx(0.205)
    assert ranking["giou + focal"].verdict is Verdict.BETTER
    assert ranking["giou + focal"].evaluations == []


def failure_of(box: str, seed: int, reason: str = "RuntimeError: out of memory") -> Failed:
    return Failed(Trial(box, "focal", 1.0, seed, 2), reason)


DIVERGED = "FloatingPointError: step 1: expected a finite gradient norm, got nan"


def test_a_failed_seed_is_unknown_and_does_not_favor_its_pair() -> None:
    outcomes = outcomes_of(l1=[0.1, 0.101, 0.1], giou=[0.3, 0.3])
    failures = [failure_of("giou", 2)]
    giou, l1 = rank(outcomes, L1, failures=failures).standings
    assert (giou.failed, giou.diverged, giou.verdict) == ([2], [], Verdict.NOT_DISTINGUISHABLE)
    assert rank(outcomes, GIOU, failures=failures)["l1 + focal"].verdict is Verdict.NOT_DISTINGUISHABLE
    ranking = rank(outcomes, L1, failures=failures)
    assert [standing.name for standing in ranking.best] == ["l1 + focal", "giou + focal"], "l1 is not excluded by it"
    assert l1.regret > 0.19
    others = rank(outcomes_of(l1=[0.3, 0.301, 0.3], giou=[0.1, 0.1]), L1, failures=failures)
    assert others["giou + focal"].verdict is Verdict.WORSE, "a failed seed does not excuse a pair that is worse"
    assert [standing.name for standing in others.best] == ["l1 + focal"]


def test_a_diverged_seed_counts_against_its_pair() -> None:
    outcomes = outcomes_of(l1=[0.1, 0.101, 0.1], giou=[0.3, 0.3], ciou=[0.1, 0.1, 0.101])
    ranking = rank(outcomes, L1, failures=[failure_of("giou", 2, DIVERGED)], matters=0.05)
    giou = ranking["giou + focal"]
    assert (giou.failed, giou.diverged, giou.verdict, giou.regret) == ([2], [2], Verdict.NOT_DISTINGUISHABLE, inf)
    assert {standing.name for standing in ranking.best} == {"l1 + focal", "ciou + focal"}
    assert ranking["ciou + focal"].verdict is Verdict.EQUAL
    assert ranking["l1 + focal"].regret < 0.05, "nothing is lost to a pair that diverges"
    unstable = rank(outcomes, L1, failures=[failure_of("ciou", 3, DIVERGED)], matters=0.05)
    assert unstable["ciou + focal"].verdict is Verdict.NOT_DISTINGUISHABLE, (
        "it is not equal to a pair that never diverged"
    )


@pytest.mark.parametrize(
    ("reason", "verdict"), [(DIVERGED, "worse"), ("RuntimeError: no memory", "not distinguishable")]
)
def test_a_pair_without_a_finished_seed(reason: str, verdict: str) -> None:
    failures = [failure_of("giou", seed, reason) for seed in range(2)]
    ranking = rank(outcomes_of(l1=[0.1, 0.2]), L1, failures=failures)
    [giou] = ranking.unscored
    assert (giou.name, giou.verdict, giou.difference) == ("giou + focal", verdict, None)
    assert ranking.to_json()["pairs"][1] == {
        "name": "giou + focal", "box": "giou", "cls": "focal", "weight": 1.0, "mean": None, "seeds": 0,
        "difference": None, "low": None, "high": None, "verdict": verdict, "regret": None,
    }  # fmt: skip
    of_baseline = rank(outcomes_of(l1=[0.1, 0.2]), GIOU, failures=failures)
    assert of_baseline["l1 + focal"].verdict == {"worse": "better"}.get(verdict, verdict)
    assert rank([], L1, failures=failures).standings == ()


def test_standings_json() -> None:
    ranking = rank(outcomes_of(l1=[0.40, 0.41, 0.42], giou=[0.43, 0.44, 0.45]), L1)
    record = json.loads(json.dumps(ranking.to_json(), allow_nan=False))
    margin, one_sided = (stats.t(4).ppf(level) * 0.01 * (2 / 3) ** 0.5 for level in (0.975, 0.95))
    giou = {
        "name": "giou + focal", "box": "giou", "cls": "focal", "weight": 1.0, "mean": approximately(0.44), "seeds": 3,
        "difference": approximately(0.03), "low": approximately(0.03 - margin), "high": approximately(0.03 + margin),
        "verdict": "better", "regret": 0.0,
    }  # fmt: skip
    baseline = {
        "name": "l1 + focal", "box": "l1", "cls": "focal", "weight": 1.0, "mean": approximately(0.41), "seeds": 3,
        "difference": None, "low": None, "high": None, "verdict": None, "regret": approximately(0.03 + one_sided),
    }  # fmt: skip
    detectable = record.pop("detectable")
    assert margin < detectable < 2 * margin
    assert record == {
        "best": ["giou + focal"],
        "pairs": [giou, baseline],
        "parts": {"seeds": approximately(margin), "images": None},
    }
    unknown = rank(outcomes_of(l1=[0.4], giou=[0.5]), L1).to_json()
    assert (unknown["best"], unknown["detectable"]) == (["giou + focal", "l1 + focal"], None)
    assert unknown["parts"] == {"seeds": None, "images": None}
    assert [unknown["pairs"][0][key] for key in ("low", "high", "regret")] == [None, None, None]


def test_main_effects_are_means_over_the_other_losses(seed: int) -> None:
    random, effects = np.random.default_rng(seed), {"l1": 0.0, "giou": 0.04, "ce": 0.0, "focal": 0.02, "bce": -0.02}
    pairs = [Pair(box, cls) for box in ("l1", "giou") for cls in ("ce", "focal", "bce")]
    scores = {pair: 0.4 + effects[pair.box] + effects[pair.cls] + random.normal(0, 1e-3, 3) for pair in pairs}
    outcomes = [
        outcome_of(Trial(*pair, 1.0, seed, 2), float(score))
        for pair in pairs
        for seed, score in enumerate(scores[pair])
    ]
    found = rank(outcomes, pairs[0]).main_effects
    assert [(one.loss, one.baseline, one.averaged) for one in found] == [
        ("giou", "l1", "class losses"), ("focal", "ce", "box losses"), ("bce", "ce", "box losses")
    ]  # fmt: skip
    for effect in found[1:]:
        expected = np.mean([scores[Pair(box, effect.loss)] - scores[Pair(box, "ce")] for box in ("l1", "giou")])
        assert effect.difference.mean == pytest.approx(expected)
    giou = found[0].difference
    assert giou.mean == pytest.approx(np.mean([scores[p] for p in pairs[3:]]) - np.mean([scores[p] for p in pairs[:3]]))
    of_pairs = rank(outcomes, pairs[0])["giou + ce"].difference
    assert of_pairs is not None
    assert giou.high - giou.low < 0.75 * (of_pairs.high - of_pairs.low), "three times the data"
    assert rank(outcomes[:-3], pairs[0]).main_effects == [], "not crossed"
    assert rank(outcomes, pairs[0], failures=[Failed(outcomes[0].trial, "x")]).main_effects == []


def test_the_table_is_wrapped_by_a_terminal_only() -> None:
    names = ("smooth_l1", "balanced_bce"), ("giou", "softmax_focal")
    outcomes = [outcome_of(Trial(*name, 0.25, seed, 2), 0.4 + 0.01 * seed) for name in names for seed in range(2)]
    ranking = rank(outcomes, Pair(*names[0]))
    [header, first, second] = str(ranking).splitlines()
    assert header.split() == ["loss", "weight", "mean", "difference", "regret", "verdict"]
    assert first.split("  ")[0] == "smooth_l1 + balanced_bce"
    assert first.endswith("  baseline")
    assert "  0.4050  " in second
    assert re.search(r"\+0.0000 \[-0\.0\d+, \+0\.0\d+\]  0\.0\d+  not distinguishable$", second)
    console = Console(width=80, file=StringIO(), force_terminal=True, color_system=None)
    console.print(ranking.table("AP", digits=3, ranges=True))
    printed = console.file.getvalue()
    assert max(map(len, printed.splitlines())) <= 80
    for word in ("smooth_l1", "balanced_bce", "softmax_focal", "(0.400–0.410)", "distinguishable", "regret"):
        assert word in printed, "no word is broken"
