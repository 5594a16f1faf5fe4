"""Rounds of seeds: the pairs that may be the best get more seeds until the comparison is decided."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from detloss.experiments.comparison.plan import ROUNDS, Plan
from detloss.experiments.comparison.ranking import Ranking
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import CONFIDENCE

ROUND_CONFIDENCE = 0.9875  # of one round: the intervals of all five hold together with 95 % (Pocock, 1977)


def confidence_of(plan: Plan) -> float:
    """Confidence of the intervals of one look at the results of a plan."""
    return ROUND_CONFIDENCE if plan.auto else CONFIDENCE


def end_of_rounds(plan: Plan, ranking: Ranking) -> str | None:
    """State why no other round follows the results of a plan; None if one does."""
    if not ranking.best:
        return "no pair may be the best"
    if len(ranking.best) == 1:
        return "one pair is left"
    if ranking.equal:
        return f"the choice among the {len(ranking.best)} pairs that are left makes no difference that matters"
    if len(plan.seeds) >= ROUNDS[-1]:
        return f"no comparison gets more than {ROUNDS[-1]} seeds"
    if ranking.estimate and ranking.estimate.freedom and not ranking.estimate.known:
        return "the differences are the same on all seeds"
    return None


def next_plan(results: Results, rank: Callable[[Results], Ranking]) -> Plan | None:
    """The plan of the next round of seeds, if this round has ended and does not decide the comparison.

    Pairs that cannot be the best get no more seeds. The plan is a function of the results of this round alone, so that
    every process makes the same one.
    """
    plan = results.plan
    if not plan.auto or not results.round_ended:
        return None
    ranking = rank(results)
    if end_of_rounds(plan, ranking) is not None:
        return None
    seeds = range(plan.seeds[0], plan.seeds[0] + ROUNDS[bisect_right(ROUNDS, len(plan.seeds))])
    left = {standing.pair for standing in ranking.best}
    return replace(
        plan, seeds=seeds, dropped={pair: len(plan.seeds_of(pair)) for pair in plan.weights if pair not in left}
    )
