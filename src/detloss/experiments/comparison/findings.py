"""What was found, in sentences: first the one that answers the question."""

from collections.abc import Sequence

from detloss.experiments.comparison.estimate import counted
from detloss.experiments.comparison.plan import Pair, pair_of
from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import MOST_SEEDS, Difference, Verdict


def findings(standings: Sequence[Standing], baseline: Pair, results: Results) -> list[str]:
    """Say what was found: the answer as one sentence, then what belongs to it."""
    if not standings:
        return ["No trial of the comparison has finished yet."]
    so_far = f"With {len(results.outcomes)} of {counted(results.plan.all_trials(), 'trial')} finished: "
    answer = answer_of(standings, baseline, results)
    first = standings[0]
    details = [
        *failed_seeds(results),
        f"The highest mean AP is {first.ap.mean:.3f}, of {first.name}.",
        *([advice] if len(standings) > 2 and (advice := advice_of(standings)) else []),
    ]
    if any(standing.difference and standing.difference.seeds > 1 for standing in standings):
        details.append(
            "In brackets: the 95 % interval of the mean difference, for other seeds and other images of the same kind."
            " Of losses that do not differ, one in twenty is called better or worse by chance."
        )
    return [so_far * bool(results.unfinished) + answer, *details]


def answer_of(standings: Sequence[Standing], baseline: Pair, results: Results) -> str:
    """Answer which pair is best, in one sentence."""
    others = [standing for standing in standings if standing.pair != baseline]
    compared = [standing for standing in others if standing.difference is not None]
    planned = len(results.plan.weights)
    if planned == 1:
        first = standings[0]
        return f"{first.name} has a mean AP of {first.ap:.3f} over {counted(len(first.outcomes), 'seed')}."
    if not compared:
        lacking = baseline if len(others) == len(standings) else next(p for p in results.plan.weights if p != baseline)
        return f"Nothing can be compared with {baseline}: {lacking} has no result on a seed that both share."
    if max(standing.difference.seeds for standing in compared if standing.difference) == 1:
        told = ", ".join(f"{one.name}: AP {one.difference:.3f}" for one in compared)
        return (
            f"Not distinguishable: one seed cannot separate a difference from chance, and at least three are needed"
            f" (compared with {baseline}, {told})."
        )
    if len(compared) == 1 and planned == 2:
        return answer_of_two(compared[0], baseline, results)
    groups = []
    for verdict in Verdict:
        of_this = [standing for standing in compared if standing.verdict is verdict]
        if of_this:
            names = [f"{one.name} (AP {one.difference:.3f})" for one in of_this]
            groups.append(f"{in_words(names)} {'is' if len(names) == 1 else 'are'} {verdict}")
    return f"Compared with {baseline} over {seeds_of(compared)}, {in_words(groups)}."


def answer_of_two(standing: Standing, baseline: Pair, results: Results) -> str:
    """The answer where there are two pairs."""
    difference = standing.difference
    assert difference is not None
    if standing.verdict is not difference.verdict:  # a seed of the one that looks better has failed
        better, other = (standing.pair, baseline) if difference.mean > 0 else (baseline, standing.pair)
        failed = sum(pair_of(failure.trial) == better for failure in results.failures)
        return (
            f"{better} cannot be called better than {other}, because it failed on {failed} of"
            f" {counted(len(results.plan.seeds), 'seed')}: AP {difference:.3f} of {standing.name} over the"
            f" {counted(difference.seeds, 'seed')} that both finished."
        )
    numbers = f"AP {difference:.3f} over {counted(difference.seeds, 'seed')}"
    if standing.verdict is Verdict.NOT_DISTINGUISHABLE:
        return f"{standing.name} is not distinguishable from {baseline}: {numbers}; {prospect(difference)}."
    return f"{standing.name} is {standing.verdict} than {baseline}: {numbers}."


def prospect(difference: Difference) -> str:
    """What it would take to show a difference."""
    needed = difference.seeds_to_show
    if needed is not None:
        return f"about {needed} seeds might show a difference of this size"
    if difference.by_images >= abs(difference.mean):
        return "more seeds cannot show a difference this small on these validation images"
    return f"even {MOST_SEEDS} seeds would hardly show a difference this small"


def advice_of(standings: Sequence[Standing]) -> str:
    """How many seeds might decide what is open, where more than two pairs are compared."""
    needed = [
        f"{standing.name} about {seeds}"
        for standing in standings
        if standing.difference
        and standing.verdict is standing.difference.verdict is Verdict.NOT_DISTINGUISHABLE
        and (seeds := standing.difference.seeds_to_show)
    ]
    return f"Seeds that might show differences of these sizes: {', '.join(needed)}." if needed else ""


def failed_seeds(results: Results) -> list[str]:
    """Say of every pair how many of its seeds failed."""
    failed = [pair_of(failure.trial) for failure in results.failures if failure.trial.phase == 2]
    return [
        f"{pair} failed on {failed.count(pair)} of {counted(len(results.plan.seeds), 'seed')}; the means do not include"
        " what failed, so it is not called better than another pair."
        for pair in dict.fromkeys(failed)
    ]


def seeds_of(standings: Sequence[Standing]) -> str:
    """Over how many seeds pairs are compared with the baseline."""
    numbers = sorted({standing.difference.seeds for standing in standings if standing.difference})
    return counted(numbers[0], "seed") if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def in_words(names: Sequence[str]) -> str:
    """A list as part of a sentence."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
