"""Count of pages with a false verdict, on outcomes with known scores."""

from math import nan

import numpy as np
import pytest

from detloss.experiments.training.average_precision import MatchedDetections
from detloss.experiments.training.evaluation import Evaluation
from detloss.experiments.training.outcome import Outcome
from tools import real_verdicts
from tools.real_verdicts import NAMES, SEEDS, false_verdict, ranking_of, summary, trial_of

EVALUATION = Evaluation(nan, nan, nan, nan, nan, nan, MatchedDetections.none(), np.zeros(0, np.uint16))


def outcomes(page: int, shift: float) -> list[Outcome]:
    """The trainings of a page; those of the second name have higher scores."""
    trials = [trial_of(page, name, seed) for name in range(NAMES) for seed in range(SEEDS)]
    scores = np.random.default_rng(page).normal(0.3, 0.01, len(trials)) + np.repeat([0, shift, 0, 0], SEEDS)
    return [Outcome(trial, score, 1.0, EVALUATION) for trial, score in zip(trials, scores.tolist())]


def test_false_verdicts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(real_verdicts, "Bootstrap", lambda dataset: lambda outcome: np.full(1000, outcome.score))
    monkeypatch.setattr(real_verdicts, "scenes", lambda: None)
    pages = [ranking_of(outcomes(page, shift)) for page, shift in enumerate((0.0, 0.2, 0.0, 0.0))]
    assert [false_verdict(page) for page in pages] == [False, True, False, False]
    assert summary(pages).startswith("1 of 4 pages with a false verdict, 25.0% [0.6%, 80.6%]; AP 0.3")


def test_all_trainings_have_different_seeds() -> None:
    seeds = {trial_of(page, name, seed).seed for page in range(40) for name in range(NAMES) for seed in range(SEEDS)}
    assert len(seeds) == 40 * NAMES * SEEDS
