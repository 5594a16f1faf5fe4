"""Comparison of losses in a custom detector, by a training function of the user."""

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from math import inf, isfinite, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import TypeVar

from detloss.experiments.comparison.plan import Pair, Plan, weight_grid
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.shared_storage import StorageError
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.training.outcome import Outcome, Trial

DETECTOR = "custom"  # in the plan
POLL_INTERVAL = 1  # seconds between two attempts to claim a trial
Loss = TypeVar("Loss")


def compare(
    train: Callable[[Loss, float, int, int], float],
    losses: Mapping[str, Loss],
    seeds: Sequence[int] = (0, 1, 2),
    weights: Mapping[str, float] | None = None,
    *,
    steps: int = 1200,
    baseline: str | None = None,
    storage: str | None = None,
) -> Ranking:
    """Compare losses in a detector of your own.

    First each loss is trained at five weights between 0.25 and 4, on the first seed for a quarter of the steps, and the
    best weight is kept. Then each loss is trained on every seed. Differences from the baseline are paired by seed.

    When to choose it: where ``detloss compare`` cannot train your model or read your data. With the same seed,
    ``train`` should start from the same weights and see the same data in the same order, so that only the loss differs.

    Args:
        train: Called as ``train(loss, weight, seed, steps)``; returns the score of the trained detector on data that it
            was not trained on, higher is better.
        losses: The losses by name; the values are passed to ``train`` unchanged.
        seeds: Seeds of the comparison; a difference can be detected with two or more.
        weights: The weight of every loss; None: the weights are searched.
        steps: Passed to ``train``; in the search a quarter of it, rounded up.
        baseline: The loss that the others are compared with; None: the first.
        storage: Database of the finished trainings, sqlite:///FILE or postgresql://...: the same call continues an
            interrupted comparison, and processes or machines that make the same call share the trainings. Changes of
            ``train`` are not detected: use another storage for them. None: nothing is kept.

    Returns:
        The losses by descending mean score, each with scores, mean, difference with its interval, and verdict.

    Raises:
        ValueError: There is no loss, no seed or a repeated one, a weight is missing or not above 0, steps are below 1,
            there is no such baseline, or ``train`` returned something other than a finite number.
        detloss.experiments.comparison.shared_storage.StorageError: The database cannot be used.

    Edge cases:
        With one seed, every verdict is "not distinguishable". Exceptions of ``train`` are raised, and finished
        trainings are kept.

    Example:
        >>> from detloss.experiments import compare
        >>> def train(quality, weight, seed, steps):
        ...     return quality + 0.01 * seed
        >>> found = compare(train, {"giou": 0.4, "l2": 0.3}, weights={"giou": 1.0, "l2": 0.2})
        >>> print(found)
        loss  weight  mean    difference                  verdict
        giou  1       0.4100                              baseline
        l2    0.2     0.3100  -0.1000 [-0.1000, -0.1000]  worse

    Sources:
        Student, The Probable Error of a Mean (1908), https://doi.org/10.2307/2331554
    """
    plan = plan_for(losses, seeds, weights, steps)
    reference = next(iter(losses)) if baseline is None else baseline
    if reference not in losses:
        raise ValueError(f"baseline: expected one of {', '.join(losses)}, got {reference!r}")
    with TemporaryDirectory() as folder:
        name = f"detloss.experiments.compare {sha256(json.dumps(plan.to_json()).encode()).hexdigest()[:12]}"
        store = TrialStore(storage or f"sqlite:///{Path(folder) / 'study.db'}", name, plan)
        try:
            while store.open_trials():
                trial = store.claim()
                if trial is None:
                    sleep(POLL_INTERVAL)  # other processes run the rest
                    continue
                with store.heartbeats():
                    outcome = run(trial, train, losses[trial.box])
                try:
                    store.finish(outcome)
                except StorageError as error:
                    raise StorageError(f"{error}; the score {outcome.score} of {trial} was not stored") from error
        finally:
            store.close()
        return rank(store.results(), Pair(reference))


def plan_for(losses: Mapping[str, Loss], seeds: Sequence[int], weights: Mapping[str, float] | None, steps: int) -> Plan:
    """Check the arguments and make the plan."""
    if not losses:
        raise ValueError("losses: expected at least one, got none")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: expected at least one, without repetition, got {list(seeds)}")
    if steps < 1:
        raise ValueError(f"steps: expected at least 1, got {steps}")
    if weights is None:
        candidates = {Pair(name): weight_grid(1.0) for name in losses}
    else:
        for name in losses:
            if not 0 < weights.get(name, nan) < inf:
                raise ValueError(f"weights: expected a number above 0 for {name}, got {weights.get(name)}")
        candidates = {Pair(name): (weights[name],) for name in losses}
    return Plan(candidates, list(seeds), steps, DETECTOR)


def run(trial: Trial, train: Callable[[Loss, float, int, int], float], loss: Loss) -> Outcome:
    """Train once."""
    start = perf_counter()
    score = float(train(loss, trial.weight, trial.seed, trial.steps))
    if not isfinite(score):
        raise ValueError(f"train: expected a finite number for {trial.box}, got {score}")
    return Outcome(trial, score, perf_counter() - start)
