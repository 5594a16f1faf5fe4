"""Findings of a comparison as sentences, the answer first."""

from collections.abc import Sequence

from detloss.experiments.comparison.plan import pair_of
from detloss.experiments.comparison.ranking import Ranking, Standing
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import MAX_SEEDS, Difference, Verdict
from detloss.experiments.console import counted
from detloss.experiments.training.outcome import Phase


def findings(ranking: Ranking, results: Results) -> list[str]:
    """Write the findings: the answer in one sentence, then its details."""
    standings = ranking.standings
    if not standings:
        return ["No trial of the comparison has finished yet."]
    progress = f"With {len(results.outcomes)} of {counted(results.trial_count, 'trial')} finished: "
    first = standings[0]
    details = [
        *failed_seeds(results),
        f"The highest mean AP is {first.mean:.3f}, of {first.name}.",
        *([advice] if len(standings) > 2 and (advice := seeds_needed(standings)) else []),
    ]
    if any(standing.difference and standing.difference.seeds > 1 for standing in standings):
        details.append(
            "In brackets: the 95 % interval of the mean difference, for other seeds and other images of the same kind."
            " If losses do not differ, one in twenty is called better or worse by chance."
        )
    return [progress * bool(results.unfinished) + answer(ranking, results), *details]


def answer(ranking: Ranking, results: Results) -> str:
    """State which pair is best, in one sentence."""
    standings, baseline = ranking.standings, ranking.baseline
    others = [standing for standing in standings if standing.pair != baseline]
    compared = [standing for standing in others if standing.difference is not None]
    planned = len(results.plan.weights)
    if planned == 1:
        first = standings[0]
        return f"{first.name} has a mean AP of {first.score:.3f} over {counted(len(first.outcomes), 'seed')}."
    if not compared:
        missing = baseline if len(others) == len(standings) else next(p for p in results.plan.weights if p != baseline)
        return f"Nothing can be compared with {baseline}: {missing} has no result on a common seed."
    if max(standing.difference.seeds for standing in compared if standing.difference) == 1:
        differences = ", ".join(f"{one.name} {one.difference:.3f}" for one in compared)
        return (
            "Not distinguishable: one seed cannot separate a difference from chance, and at least three are needed"
            f" (difference in AP from {baseline}: {differences})."
        )
    if len(compared) == 1 and planned == 2:
        return answer_for_two(compared[0], ranking, results)
    groups = []
    for verdict in Verdict:
        of_verdict = [standing for standing in compared if standing.verdict is verdict]
        if of_verdict:
            names = [f"{one.name} (AP {one.difference:.3f})" for one in of_verdict]
            groups.append(f"{joined(names)} {'is' if len(names) == 1 else 'are'} {verdict}")
    return f"Compared with {baseline} over {seeds_of(compared)}, {joined(groups)}."


def answer_for_two(standing: Standing, ranking: Ranking, results: Results) -> str:
    """The answer if there are two pairs."""
    difference, baseline = standing.difference, ranking.baseline
    assert difference is not None
    if standing.verdict is not difference.verdict:  # a seed of the favored pair has failed
        better, other = (standing.pair, baseline) if difference.mean > 0 else (baseline, standing.pair)
        failed = sum(pair_of(failure.trial) == better for failure in results.failures)
        return (
            f"{better} cannot be called better than {other}, because it failed on {failed} of"
            f" {counted(len(results.plan.seeds), 'seed')}: AP {difference:.3f} of {standing.name} over the"
            f" {counted(difference.seeds, 'seed')} that both finished."
        )
    numbers = f"AP {difference:.3f} over {counted(difference.seeds, 'seed')}"
    if standing.verdict is Verdict.NOT_DISTINGUISHABLE:
        return f"{standing.name} is not distinguishable from {baseline}: {numbers}; {outlook(difference)}."
    return f"{standing.name} is {standing.verdict} than {baseline}: {numbers}."


def outlook(difference: Difference) -> str:
    """State what would be needed to detect a difference."""
    seeds = difference.seeds_to_detect
    if seeds is not None:
        return f"about {seeds} seeds might show a difference of this size"
    if difference.by_images >= abs(difference.mean):
        return "more seeds cannot show a difference this small on these validation images"
    return f"even {MAX_SEEDS} seeds would hardly show a difference this small"


def seeds_needed(standings: Sequence[Standing]) -> str:
    """State how many seeds might decide each open comparison, if more than two pairs are compared."""
    needed = [
        f"{standing.name} about {seeds}"
        for standing in standings
        if standing.difference
        and standing.verdict is standing.difference.verdict is Verdict.NOT_DISTINGUISHABLE
        and (seeds := standing.difference.seeds_to_detect)
    ]
    return f"Seeds that might show differences of these sizes: {', '.join(needed)}." if needed else ""


def failed_seeds(results: Results) -> list[str]:
    """State on how many seeds each pair failed."""
    failed = [pair_of(failure.trial) for failure in results.failures if failure.trial.phase is Phase.COMPARE]
    return [
        f"{pair} failed on {failed.count(pair)} of {counted(len(results.plan.seeds), 'seed')}; the means exclude failed"
        " seeds, so it is not called better than another pair."
        for pair in dict.fromkeys(failed)
    ]


def seeds_of(standings: Sequence[Standing]) -> str:
    """The number of seeds over which pairs are compared with the baseline."""
    numbers = sorted({standing.difference.seeds for standing in standings if standing.difference})
    return counted(numbers[0], "seed") if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def joined(items: Sequence[str]) -> str:
    """Join items as part of a sentence."""
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last
