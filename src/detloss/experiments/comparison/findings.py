"""Findings of a comparison as sentences, the answer first."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from math import isfinite

from detloss.experiments.comparison.plan import ROUNDS, Plan
from detloss.experiments.comparison.ranking import Ranking, Standing
from detloss.experiments.comparison.rounds import confidence_of, end_of_rounds
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import MAX_SEEDS, POWER, Estimate
from detloss.experiments.console import counted

ASSUMED_SCATTER = 0.0135  # standard deviation of AP over the seeds, of losses on digit scenes and blood cells
PLANNED_DIFFERENCES = (0.02, 0.01)  # before a run, the number of seeds that detect them is stated


def findings(ranking: Ranking, results: Results) -> list[str]:
    """Write the findings: the answer in one sentence, then its details."""
    if not (ranking.standings or ranking.unscored):
        return ["No trial of the comparison has finished yet."]
    progress = f"With {len(results.outcomes)} of {counted(results.trial_count, 'trial')} finished: "
    return [
        progress * bool(results.unfinished) + answer(ranking),
        *end_of_trials(ranking, results),
        *failed_seeds(ranking, results.plan),
        *constant_scores(ranking.standings),
        *precision(ranking),
        *main_effects(ranking),
    ]


def answer(ranking: Ranking) -> str:
    """State in one sentence which pairs may be the best, what each choice may cost, and what would decide."""
    standings, best = ranking.standings, ranking.best
    if not standings:
        return "No pair of losses has a result, because every trial failed."
    if len(standings) + len(ranking.unscored) == 1:
        seeds = counted(len(standings[0].outcomes), "seed")
        return f"{standings[0].name} has a mean {ranking.measure} of {standings[0].score:.3f} over {seeds}."
    if not best:
        return "No pair of losses can be recommended, because each diverged on a seed."
    names = [standing.name for standing in best]
    if len(best) == 1:
        stable = " that never diverged" * any(one.diverged for one in (*standings, *ranking.unscored))
        mean = f"its mean {ranking.measure} is {best[0].mean:.3f}"
        return f"Use {names[0]}: no other pair{stable} is better (95 % confidence), and {mean}."
    if not isfinite(best[0].regret):
        return f"Any of {joined(names)} may be the best: {reason_of_no_intervals(standings)}."
    if best[0].failed:
        return f"Any of {joined(names)} may be the best: {names[0]} failed on a seed, and its score there is unknown."
    if ranking.equal:
        return (
            f"Use any of {joined(names)}: the choice costs at most {best[-1].regret:.3f}{ranking.unit}"
            f" (95 % confidence), less than the {ranking.matters:g} that matter."
        )
    others = joined([f"{standing.name} ({standing.regret:.3f})" for standing in best[1:]])
    return (
        f"Use {names[0]}, which is at most {best[0].regret:.3f}{ranking.unit} below the best: {others} may also be"
        f" the best (95 % confidence){decision(ranking)}."
    )


def reason_of_no_intervals(standings: Sequence[Standing]) -> str:
    """State why the variance over the seeds is unknown."""
    if max(len(standing.outcomes) for standing in standings) == 1:
        return "one seed cannot separate a difference from chance, and at least three are needed"
    return "their differences are the same on all seeds, so the variance over the seeds is unknown"


def decision(ranking: Ranking) -> str:
    """State what would detect a difference that matters."""
    if not ranking.estimate or not ranking.matters:
        return ""
    seeds, factor = ranking.estimate.needed(ranking.matters, ranking.contrasts)
    size = f"a difference of {ranking.matters:g}{ranking.unit}"
    trained = max(len(standing.outcomes) for standing in ranking.standings)
    if seeds is None:
        return f"; even {MAX_SEEDS} seeds would hardly detect {size}"
    if factor > 1:
        images = f"about {factor:.0f} times as many validation images"
        return f"; {images} and {max(seeds, trained)} seeds would detect {size}"
    return f"; about {seeds} seeds would detect {size}" if seeds > trained else f"; {size} would probably be detected"


def end_of_trials(ranking: Ranking, results: Results) -> list[str]:
    """State why no more trials are run, if not because all are finished, and which pairs got fewer seeds."""
    plan, lines = results.plan, []
    if results.out_of_time:
        left = counted(results.unfinished, "trial")
        lines.append(f"The time was used up before {left}: the same command continues.")
    if plan.auto:
        seeds, reason = len(plan.seeds), results.round_ended and end_of_rounds(plan, ranking)
        ended = f"No seeds were added after {seeds}, because {reason}."
        lines.append(ended if reason else f"The round of {seeds} seeds has not ended.")
    if plan.dropped:
        listed = joined([f"{pair} after {counted(seeds, 'seed')}" for pair, seeds in plan.dropped.items()])
        lines.append(f"Excluded from the best in an earlier round: {listed}.")
    return lines


def failed_seeds(ranking: Ranking, plan: Plan) -> list[str]:
    """Name the seeds on which pairs diverged or failed."""
    lines = []
    for standing in (*ranking.standings, *ranking.unscored):
        seeds = len(plan.seeds_of(standing.pair))
        unknown = [seed for seed in standing.failed if seed not in standing.diverged]
        for verb, of_verb, result in (
            ("diverged", standing.diverged, "so it is neither better than another pair nor the best"),
            ("failed", unknown, "where its score is unknown, so it is not called better than another pair"),
        ):
            if of_verb:
                named = f"seed{'s' * (len(of_verb) > 1)} {joined([str(seed) for seed in of_verb])}"
                lines.append(
                    f"{standing.name} {verb} on {len(of_verb)} of {counted(seeds, 'seed')}: {named}, {result}."
                )
    return lines


def constant_scores(standings: Sequence[Standing]) -> list[str]:
    """Name the pairs that had the same score on all seeds."""
    names = [standing.name for standing in standings if len(standing.outcomes) > 1 and not standing.score.width]
    if not names:
        return []
    return [f"All seeds gave the same score with {joined(names)}: the training may not depend on the seed."]


def precision(ranking: Ranking) -> list[str]:
    """State the parts of the intervals and the smallest difference that they show."""
    seeds, images = ranking.parts
    if not isfinite(seeds):
        return []
    parts = f"Seeds contribute at most ±{seeds:.3f} to the intervals"
    if images:
        parts += f", validation images ±{images:.3f}, which more seeds do not reduce"
    return [f"{parts}; {detected(ranking.detectable, ranking.unit)}."]


def detected(difference: float, unit: str = " AP") -> str:
    """State a detectable difference."""
    return f"differences of {difference:.3f}{unit} are detected with a probability of {100 * POWER:.0f} %"


def main_effects(ranking: Ranking) -> list[str]:
    """State the differences of box losses and of class losses, if they are crossed."""
    lines = []
    for (averaged, baseline), effects in groupby(ranking.main_effects, lambda one: (one.averaged, one.baseline)):
        listed = [f"{one.loss} {one.difference:.3f} ({one.difference.verdict(ranking.matters)})" for one in effects]
        lines.append(f"Mean over the {averaged}, compared with {baseline}: {joined(listed)}.")
    return lines


def expected_precision(plan: Plan, ranking: Ranking | None = None) -> list[str]:
    """State before a run which difference it can detect, and how many seeds detect smaller ones.

    The scatter over the seeds and the effect of the images are known from earlier results, or assumed.
    """
    pairs, seeds = len(plan.weights), ROUNDS[-1] if plan.auto else len(plan.seeds)
    if pairs == 1:
        return []
    known = ranking and ranking.estimate if ranking and len(ranking.standings) == pairs else None
    scatter = Estimate.assumed(pairs, ASSUMED_SCATTER)
    source = f"assuming a standard deviation of {ASSUMED_SCATTER} AP over the seeds"
    if known and known.known:
        scatter, source = known, "by the results so far"
    scatter = replace(scatter, confidence=confidence_of(plan))
    contrasts = scatter.from_baseline(0)
    numbers = [(size, scatter.seeds_to_detect(size, contrasts)) for size in PLANNED_DIFFERENCES]
    required = joined([f"{size:g} requires {f'about {n}' if n else f'over {MAX_SEEDS}'} seeds" for size, n in numbers])
    found = detected(scatter.planned(seeds).detectable(contrasts)) if seeds > 1 else "no difference is detected"
    return [f"precision: with {counted(seeds, 'seed')}, {found}; {required} ({source})"]


def joined(items: Sequence[str]) -> str:
    """Join items as part of a sentence."""
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last
