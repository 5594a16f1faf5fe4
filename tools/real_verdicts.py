"""Rate of false verdicts in comparisons of a loss with itself, on real trainings.

    python -m tools.real_verdicts [--pages 40] [--jobs 2]

Each page has four names of the same loss, three trainings per name, and the statistics of `detloss compare`. No two
trainings of the study share a seed: with the seeds shared, all names would have the same scores, bit by bit. The
trainings are therefore independent, and no seed has an effect common to all losses. Results are kept in a folder; the
same command continues an interrupted run.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from math import sqrt
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.output import write_atomic
from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.data.dataset import Dataset, load
from detloss.experiments.training.devices import Device, cpu_count
from detloss.experiments.training.outcome import Outcome, Trial, pack, unpack
from detloss.experiments.training.training_loop import losses_of, train_and_evaluate

NAMES, SEEDS = 4, 3  # of a page
STEPS, VALIDATION_IMAGES = 100, 200
BASELINE = Pair("name0", "focal")


def trial_of(page: int, name: int, seed: int) -> Trial:
    """The training of a name on one of its seeds."""
    return Trial("giou", "focal", 2.0, (page * NAMES + name) * SEEDS + seed, STEPS)


@cache
def scenes() -> Dataset:
    """Digit scenes of one class, fewer of them for validation."""
    dataset = load(None, scenes="boxes")
    return replace(dataset, validation=dataset.validation[:VALIDATION_IMAGES])


def train(trial: Trial, folder: Path) -> Outcome:
    """Train and evaluate, unless the folder has the result."""
    file = folder / f"seed{trial.seed}.json"
    if file.exists() and (known := unpack(json.loads(file.read_text(encoding="utf-8")))).trial == trial:
        return known
    outcome = train_and_evaluate(*losses_of(trial), trial, scenes(), device=Device(), on_progress=None)
    write_atomic(file, json.dumps(pack(outcome)))
    return outcome


def ranking_of(outcomes: Sequence[Outcome]) -> Ranking:
    """Rank the trainings of a page as those of different losses on common seeds."""
    named = [
        replace(outcome, trial=replace(outcome.trial, box=f"name{number // SEEDS}", seed=number % SEEDS))
        for number, outcome in enumerate(outcomes)
    ]
    return rank(named, BASELINE, Bootstrap(scenes()))


def false_verdict(page: Ranking) -> bool:
    """Whether a name is called better or worse than another name of the same loss."""
    return any(standing.verdict in (Verdict.BETTER, Verdict.WORSE) for standing in page.standings)


def summary(pages: Sequence[Ranking]) -> str:
    """The number of pages with a false verdict, with its exact 95 % interval (Clopper and Pearson), and the scores."""
    count = sum(map(false_verdict, pages))
    low, high = binomtest(count, len(pages)).proportion_ci(method="exact")
    scatter = sqrt(np.mean([page.estimate.scatter**2 for page in pages if page.estimate]))
    mean = np.mean([standing.mean for page in pages for standing in page.standings])
    return (
        f"{count} of {len(pages)} pages with a false verdict, {count / len(pages):.1%} [{low:.1%}, {high:.1%}]; "
        f"AP {mean:.3f}, standard deviation over the seeds {scatter:.4f}"
    )


def main() -> None:
    """Train one page after another, and print the count so far."""
    parser = argparse.ArgumentParser(prog="python -m tools.real_verdicts", description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=cpu_count(), help="processes (one per core)")
    parser.add_argument("--out", type=Path, default=Path("out/real_verdicts"), help="folder of the results")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    trials = [
        trial_of(page, name, seed) for page in range(given.pages) for name in range(NAMES) for seed in range(SEEDS)
    ]
    pages: list[Ranking] = []
    with get_context("spawn").Pool(given.jobs) as pool:
        outcomes = pool.imap(partial(train, folder=given.out), trials)
        while of_page := list(islice(outcomes, NAMES * SEEDS)):
            pages.append(ranking_of(of_page))
            print(summary(pages), flush=True)


if __name__ == "__main__":
    main()
