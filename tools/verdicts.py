"""Error rates of the verdicts of a comparison and of a tuning, on simulated scores of known losses.

The scores are made of the effect of the loss, seeds (some of their variance common to all losses), images, and images
and seeds together. They are ranked by the functions of `detloss compare`, with bootstrap samples of the images.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np

from detloss.experiments.comparison.plan import MATTERS, ROUNDS, Pair, Plan, pair_of
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.rounds import confidence_of, next_plan
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import Estimate, Verdict, draws_of_images
from detloss.experiments.training.average_precision import MatchedDetections
from detloss.experiments.training.evaluation import Evaluation
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.workers import Failed

SEEDS = 0.0135  # standard deviation of the score of a loss over the seeds, as on digit scenes
COMMON = 0.3  # fraction of this variance that all losses share
IMAGES = 100  # validation images
BY_IMAGES = 0.005  # standard deviation of the mean score that is due to the choice of the images
BY_BOTH = 0.003  # the same, due to images and seeds together
SIZE, TRIALS = "losses in the set", "trials"
COLUMNS = ("false verdict", "interval missed", "best missed", "regret exceeded", SIZE, TRIALS, "power")
DIGITS = (0.0, 0.013, 0.005, -0.023, -0.037, -0.087, -0.101, -0.129)  # AP of box losses relative to GIoU
CANDIDATES, STARTS, FOLDS = 20, 2, 3  # of a tuning
DRAWS = draws_of_images(np.arange(IMAGES)).T / IMAGES
EVALUATION = Evaluation(nan, nan, nan, nan, nan, nan, MatchedDetections.none(), np.zeros(0, np.uint16))


@dataclass(frozen=True)
class Scenario:
    """Losses of known mean scores.

    Attributes:
        name: Its description.
        effects: True mean score of each loss, relative to the first, which is the baseline.
        seeds: Number of seeds; None: rounds of more seeds.
        scatters: Factor of the standard deviation over the seeds of the last loss.
        failing: Probability that a trial fails for reasons that have nothing to do with the loss.
    """

    name: str
    effects: tuple[float, ...]
    seeds: int | None = None
    scatters: float = 1.0
    failing: float = 0.0


SCENARIOS = (
    Scenario("2 equal losses, 3 seeds", (0.0,) * 2, 3),
    Scenario("2 equal losses, 5 seeds", (0.0,) * 2, 5),
    Scenario("4 equal losses, 3 seeds", (0.0,) * 4, 3),
    Scenario("8 equal losses, 3 seeds", (0.0,) * 8, 3),
    Scenario("8 equal losses, 5 seeds", (0.0,) * 8, 5),
    Scenario("8 equal losses, 3 seeds, 1 in 10 trials fails", (0.0,) * 8, 3, failing=0.1),
    Scenario("8 equal losses, 3 seeds, one with twice the scatter", (0.0,) * 8, 3, scatters=2.0),
    Scenario("2 losses, one better by .03, 3 seeds", (0.0, 0.03), 3),
    Scenario("2 losses, one better by .03, 5 seeds", (0.0, 0.03), 5),
    Scenario("8 losses, one better by .03, 3 seeds", (0.0,) * 7 + (0.03,), 3),
    Scenario("8 losses, one better by .03, 5 seeds", (0.0,) * 7 + (0.03,), 5),
    Scenario("8 losses from 0 to .07, 3 seeds", tuple(0.01 * number for number in range(8)), 3),
    Scenario("2 equal losses, rounds", (0.0,) * 2),
    Scenario("4 equal losses, rounds", (0.0,) * 4),
    Scenario("8 equal losses, rounds", (0.0,) * 8),
    Scenario("8 equal losses, rounds, 1 in 10 trials fails", (0.0,) * 8, failing=0.1),
    Scenario("2 losses, one better by .03, rounds", (0.0, 0.03)),
    Scenario("8 losses, one better by .03, rounds", (0.0,) * 7 + (0.03,)),
    Scenario("8 losses from 0 to .07, rounds", tuple(0.01 * number for number in range(8))),
    Scenario("8 losses like the box losses on digit scenes, rounds", DIGITS),
    Scenario("8 losses like the box losses on digit scenes, 20 seeds", DIGITS, 20),
)


def compare(scenario: Scenario, random: np.random.Generator) -> tuple[Ranking, Plan]:
    """Simulate one comparison, with its last round."""
    losses, seeds = len(scenario.effects), scenario.seeds or ROUNDS[-1]
    scatters = np.r_[np.ones(losses - 1), scenario.scatters][:, None] * SEEDS
    means = np.array(scenario.effects)[:, None] + random.normal(0, sqrt(COMMON) * SEEDS, seeds)
    means = means + random.normal(0, sqrt(1 - COMMON), (losses, seeds)) * scatters
    of_images = random.normal(0, BY_IMAGES * sqrt(IMAGES), (losses, 1, IMAGES))
    of_images = of_images + random.normal(0, BY_BOTH * sqrt(IMAGES), (losses, seeds, IMAGES))
    scores = 0.4 + means[..., None] + of_images
    drawn = scores @ DRAWS
    failed = random.random((losses, seeds)) < scenario.failing
    pairs, auto = [Pair(f"loss{loss}") for loss in range(losses)], scenario.seeds is None
    plan: Plan | None = Plan({pair: (1.0,) for pair in pairs}, range(ROUNDS[0] if auto else seeds), steps=1, auto=auto)

    def cell(trial: Trial) -> tuple[int, int]:
        return pairs.index(pair_of(trial)), trial.seed

    def ranked(results: Results) -> Ranking:
        return rank(
            results.outcomes,
            pairs[0],
            lambda outcome: drawn[cell(outcome.trial)],
            results.failures,
            confidence=confidence_of(results.plan),
            dropped=results.plan.dropped,
        )

    while plan is not None:
        trials = plan.trials({})
        finished = [trial for trial in trials if not failed[cell(trial)]]
        results = Results(
            plan,
            [Outcome(trial, float(scores[cell(trial)].mean()), 0.0, EVALUATION) for trial in finished],
            [Failed(trial, "RuntimeError: a machine failed") for trial in trials if failed[cell(trial)]],
        )
        plan = next_plan(results, ranked)
    return ranked(results), results.plan


def events(scenario: Scenario, ranking: Ranking, plan: Plan) -> Counter[str]:
    """Count what is right and wrong in one comparison."""
    effects = {f"loss{number}": effect for number, effect in enumerate(scenario.effects)}
    top = max(effects.values())
    false = {
        Verdict.BETTER: lambda effect: effect <= 0,
        Verdict.WORSE: lambda effect: effect >= 0,
        Verdict.EQUAL: lambda effect: abs(effect) >= MATTERS,
    }
    found: Counter[str] = Counter()
    best = {standing.name for standing in ranking.best}
    for standing in ranking.standings:
        effect, verdict, difference = effects[standing.name], standing.verdict, standing.difference
        found["false verdict"] |= verdict in false and false[verdict](effect)
        found["interval missed"] |= difference is not None and not difference.low <= effect <= difference.high
        found["regret exceeded"] |= top - effect > standing.regret + 1e-12
        found["different"] += effect != 0
        found["detected"] += effect != 0 and verdict in (Verdict.BETTER, Verdict.WORSE)
    last = max(effects, key=lambda name: (effects[name], name))  # of several best losses, one fixed beforehand
    found["best missed"] = last in {standing.name for standing in ranking.standings} and last not in best
    found[SIZE], found[TRIALS] = len(best), plan.comparison_count
    return found


def simulate(scenario: Scenario, pages: int, seed: int = 0) -> dict[str, float]:
    """Simulate comparisons: the fractions with an error, the mean size of the set of the best losses, and the power."""
    random = np.random.default_rng([seed, *scenario.name.encode()])
    total: Counter[str] = Counter()
    for _ in range(pages):
        total.update(events(scenario, *compare(scenario, random)))
    power = total["detected"] / total["different"] if total["different"] else nan
    return {name: total[name] / pages for name in COLUMNS[:-1]} | {"power": power}


def tune(searches: int, overlap: float, seed: int = 0) -> float:
    """The fraction of tunings of equal candidates whose best is called better than the start.

    The folds of a candidate are correlated, because each two have half of their training images in common.
    """
    random, better = np.random.default_rng(seed), 0
    for _ in range(searches):
        scores = random.normal(0, SEEDS * sqrt(1 / FOLDS), (CANDIDATES, 1))
        scores = scores + random.normal(0, SEEDS * sqrt(1 - 1 / FOLDS), (CANDIDATES, FOLDS))
        best, start = scores.mean(axis=1).argmax(), scores[:STARTS].mean(axis=1).argmax()
        if best != start:
            estimate = Estimate.of(scores[[best, start]], overlap=overlap)
            [difference] = estimate.differences(estimate.from_baseline(1))
            better += difference.verdict() is Verdict.BETTER
    return better / searches


def main() -> None:
    """Print a table of all scenarios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=2000, help="comparisons of each scenario (2000)")
    pages = parser.parse_args().pages
    print(*COLUMNS, "scenario", sep="  ")
    for scenario in SCENARIOS:
        rates = simulate(scenario, pages)
        cells = (
            f"{rates[name]:{len(name)}.2f}" if name in (SIZE, TRIALS) else f"{rates[name]:{len(name)}.1%}"
            for name in COLUMNS
        )
        print(*cells, scenario.name, sep="  ", flush=True)
    for name, overlap in (("corrected", 1 / (FOLDS - 1)), ("not corrected", 1e-9)):
        print(
            f"{tune(pages, overlap):.1%} of tunings of equal candidates find a better one, {name} for overlapping folds"
        )


if __name__ == "__main__":
    main()
