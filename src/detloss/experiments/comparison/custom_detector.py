"""The comparison for a detector and data of the user's own."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter, sleep
from typing import TypeVar

from detloss.experiments.comparison.plan import Pair, Plan, grid
from detloss.experiments.comparison.statistics import Difference, Verdict, difference
from detloss.experiments.comparison.store import Ledger, StorageError
from detloss.experiments.training.average_precision import Matches
from detloss.experiments.training.trial import Outcome, Trial

Loss = TypeVar("Loss")


@dataclass(frozen=True)
class Row:
    """How one loss did.

    Attributes:
        name: As the user calls it.
        weight: That it was trained at.
        scores: By seed.
        difference: To the baseline, with its interval and verdict; None for the baseline.
    """

    name: str
    weight: float
    scores: Mapping[int, float]
    difference: Difference | None

    @property
    def mean(self) -> float:
        """Of the scores."""
        return sum(self.scores.values()) / len(self.scores)

    @property
    def verdict(self) -> Verdict | None:
        """Better, worse or not distinguishable; None for the baseline."""
        return self.difference.verdict if self.difference else None


@dataclass(frozen=True)
class Standings:
    """What a comparison found; ``print`` shows it as a table.

    Attributes:
        rows: The highest mean first.
        baseline: The name of the loss that the others are compared with.
    """

    rows: Sequence[Row]
    baseline: str

    def __getitem__(self, name: str) -> Row:
        """The row of a loss."""
        return {row.name: row for row in self.rows}[name]

    def __str__(self) -> str:
        cells = [("loss", "weight", "mean", f"difference to {self.baseline}", "verdict")]
        for row in self.rows:
            found = (f"{row.difference:.4f}", str(row.verdict)) if row.difference else ("", "baseline")
            cells.append((row.name, f"{row.weight:g}", f"{row.mean:.4f}", *found))
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
        return "\n".join(lines)


def compare(
    train: Callable[[Loss, float, int, int], float],
    losses: Mapping[str, Loss],
    seeds: Sequence[int] = (0, 1, 2),
    weights: Mapping[str, float] | None = None,
    *,
    steps: int = 1200,
    baseline: str | None = None,
    storage: str | None = None,
) -> Standings:
    """Find out which loss is best in a detector of your own.

    First each loss is trained at five weights, from a quarter of 1 to 4 times 1, on the first seed for a quarter of
    the steps, and keeps the best. Then each is trained on every seed. Differences to the baseline are paired by the
    seeds.

    When to choose it: where ``detloss compare`` cannot train your model or read your data. Make ``train`` start from
    the same weights and see the same data in the same order where the seed is the same, so that only the loss differs.

    Args:
        train: Called as ``train(loss, weight, seed, steps)``; returns how good the detector became on data it was not
            trained on, higher is better.
        losses: What to compare, by names of your own; the values are handed to ``train`` as they are.
        seeds: At least two, or nothing can be told apart.
        weights: The weight of every loss; None: they are searched.
        steps: What ``train`` is called with; a quarter of it, rounded up, in the search.
        baseline: The loss that the others are compared with; None: the first one.
        storage: Database that keeps finished trainings, sqlite:///FILE or postgresql://...: the same call goes on where
            it was interrupted, and processes or machines that make the same call share the trainings. What ``train``
            does is not known to it: give another when that changes. None: nothing is kept.

    Returns:
        The rows, each with scores, mean, interval and verdict.

    Raises:
        ValueError: There is no loss, a seed twice or none, a weight missing or not above 0, steps below 1, or no such
            baseline; ``train`` returned what is no finite number.
        detloss.experiments.comparison.store.StorageError: The database cannot be used.

    Edge cases:
        With one seed every verdict is "not distinguishable". What ``train`` raises goes through, and finished trainings
        are kept.

    Example:
        >>> from detloss.experiments import compare
        >>> def train(quality, weight, seed, steps):
        ...     return quality + 0.01 * seed
        >>> found = compare(train, {"giou": 0.4, "l2": 0.3}, weights={"giou": 1.0, "l2": 0.2})
        >>> print(found)
        loss  weight  mean    difference to giou          verdict
        giou  1       0.4100                              baseline
        l2    0.2     0.3100  -0.1000 [-0.1000, -0.1000]  worse

    Sources:
        Student, The Probable Error of a Mean (1908), https://doi.org/10.2307/2331554
    """
    plan = plan_of(losses, seeds, weights, steps)
    reference = next(iter(losses)) if baseline is None else baseline
    if reference not in losses:
        raise ValueError(f"baseline: expected one of {', '.join(losses)}, got {reference!r}")
    with TemporaryDirectory() as folder:
        name = f"detloss.experiments.compare {sha256(json.dumps(plan.settings()).encode()).hexdigest()[:12]}"
        ledger = Ledger(storage or f"sqlite:///{Path(folder) / 'study.db'}", name, plan)
        try:
            while ledger.open_trials():
                trial = ledger.claim()
                if trial is None:
                    sleep(1)  # others train the rest
                    continue
                with heart_of(ledger):
                    outcome = outcome_of(trial, train, losses[trial.box])
                try:
                    ledger.finish(outcome)
                except StorageError as error:
                    raise StorageError(f"{error}; lost is the score {outcome.ap} of {trial}") from error
        finally:
            ledger.close()
        return standings(ledger.results(()), reference)


def plan_of(losses: Mapping[str, Loss], seeds: Sequence[int], weights: Mapping[str, float] | None, steps: int) -> Plan:
    """Check what is asked, and plan it."""
    if not losses:
        raise ValueError("losses: expected at least one, got none")
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: expected at least one and each once, got {list(seeds)}")
    if steps < 1:
        raise ValueError(f"steps: expected at least 1, got {steps}")
    if weights is None:
        return Plan({Pair(name): grid(1.0) for name in losses}, list(seeds), steps, detector="own")
    for name in losses:
        if not 0 < weights.get(name, nan) < float("inf"):
            raise ValueError(f"weights: expected a number above 0 for {name}, got {weights.get(name)}")
    return Plan({Pair(name): (weights[name],) for name in losses}, list(seeds), steps, detector="own")


def outcome_of(trial: Trial, train: Callable[[Loss, float, int, int], float], loss: Loss) -> Outcome:
    """Train once."""
    start = perf_counter()
    score = float(train(loss, trial.weight, trial.seed, trial.steps))
    if not isfinite(score):
        raise ValueError(f"train: expected a finite number for {trial.box}, got {score}")
    return Outcome(trial, score, nan, nan, nan, nan, nan, perf_counter() - start, [], [], Matches.none())


@contextmanager
def heart_of(ledger: Ledger) -> Iterator[None]:
    """Give signs of life while a user's training has the thread."""
    over = Event()

    def beat() -> None:
        while not over.wait(ledger.beat_seconds):
            with suppress(StorageError):  # where it does not answer in the end, the result will say so
                ledger.beat()

    heart = Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()


def standings(outcomes: Sequence[Outcome], baseline: str) -> Standings:
    """Gather the seeds of every loss and compare them with the baseline's."""
    scores: dict[str, dict[int, float]] = {}
    weights: dict[str, float] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.trial.seed):
        trial = outcome.trial
        if trial.phase == 2:
            scores.setdefault(trial.box, {})[trial.seed] = outcome.ap
            weights[trial.box] = trial.weight
    rows = [
        Row(
            name=name,
            weight=weights[name],
            scores=by_seed,
            difference=None
            if name == baseline
            else difference(list(by_seed.values()), list(scores[baseline].values())),
        )
        for name, by_seed in scores.items()
    ]
    return Standings(sorted(rows, key=lambda row: -row.mean), baseline)
