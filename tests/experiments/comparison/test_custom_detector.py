"""Comparison with a custom detector: calls of the training function, storage and results."""

import json
import math
import os
import re
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import optuna
import pytest
from click.testing import CliRunner

from detloss.experiments import compare
from detloss.experiments.cli import main
from detloss.experiments.comparison import custom_detector, session
from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.custom_detector import Function, TrainFunction
from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.plan import SEARCH_SEEDS, Pair
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.data.dataset import no_images
from detloss.experiments.training.outcome import Trial
from tests.support.trials import await_heartbeat, expire_heartbeats

Call = tuple[str, float, int, int]


def trainer(calls: list[Call]):
    """A training that is best at weight .5, with an offset per seed and a scatter."""

    def train(loss: str, weight: float, seed: int, steps: int) -> float:
        calls.append((loss, weight, seed, steps))
        scatter = 1e-3 * (seed % 3) if loss == "good" else 0.0
        return {"good": 0.5, "bad": 0.3}[loss] + scatter - abs(weight - 0.5)

    return train


def test_weights_are_searched_and_every_loss_is_trained_on_every_seed() -> None:
    calls: list[Call] = []

    def train(loss: str, weight: float, seed: int, steps: int) -> float:
        calls.append((loss, weight, seed, steps))
        return trainer([])(loss, 0.5, seed, steps) - 0.1 * math.log2(weight / 2) ** 2

    found = compare(train, {"one": "bad", "other": "good"}, seeds=(3, 4), steps=10)
    search = product(("bad", "good"), (0.5, 1.0, 2.0, 4.0, 8.0), SEARCH_SEEDS, (2,))
    assert calls == [*search, *((loss, 2.0, seed, 10) for seed in (3, 4) for loss in ("bad", "good"))]
    assert [standing.name for standing in found.standings] == ["other", "one"]
    assert found["other"].scores == pytest.approx({3: 0.5, 4: 0.501})
    assert found["other"].mean == pytest.approx(0.5005)
    assert (found["other"].verdict, found["one"].verdict) == (Verdict.BETTER, None)
    assert found["other"].difference is not None
    assert found["other"].difference.mean == pytest.approx(0.2005)
    assert (found["other"].regret, [standing.name for standing in found.best]) == (0.0, ["other"])
    assert found["one"].regret > 0.2


def test_given_weights_and_baseline() -> None:
    calls: list[Call] = []
    losses = {"one": "bad", "other": "good"}
    found = compare(trainer(calls), losses, weights={"one": 1, "other": 0.25}, baseline="other")
    assert {call[:2] for call in calls} == {("bad", 1.0), ("good", 0.25)}
    assert len(calls) == 2 * 5
    assert (found["one"].verdict, found["one"].weight) == (Verdict.WORSE, 1.0)
    assert str(found).splitlines()[0].split() == ["loss", "weight", "mean", "difference", "regret", "verdict"]


def test_one_seed_is_not_distinguishable() -> None:
    found = compare(trainer([]), {"one": "bad", "other": "good"}, seeds=[0], weights={"one": 1, "other": 1})
    assert found["other"].verdict is Verdict.NOT_DISTINGUISHABLE


def test_finished_trainings_are_kept_and_the_same_call_continues(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'mine.db'}"
    calls: list[Call] = []
    score = trainer([])
    interrupts = [True]

    def train(loss: str, weight: float, seed: int, steps: int) -> float:
        if len(calls) == 2 and interrupts:
            interrupts.pop()
            raise KeyboardInterrupt
        calls.append((loss, weight, seed, steps))
        return score(loss, weight, seed, steps)

    arguments = {"losses": {"one": "bad", "other": "good"}, "seeds": (0, 1), "weights": {"one": 1.0, "other": 1.0}}
    with pytest.raises(KeyboardInterrupt):
        compare(train, **arguments, storage=storage)
    found = compare(train, **arguments, storage=storage)
    assert len(calls) == len(set(calls)) == 4, "nothing is trained twice"
    again = compare(train, **arguments, storage=storage)
    assert [one.scores for one in again.standings] == [one.scores for one in found.standings]
    assert len(calls) == 4


def test_results_of_another_source_or_version_are_not_reused(tmp_path: Path) -> None:
    calls: list[str] = []

    def first(loss: str, weight: float, seed: int, steps: int) -> float:
        calls.append("first")
        return 0.25

    def second(loss: str, weight: float, seed: int, steps: int) -> float:
        calls.append("second")
        return 0.5

    def score(train: TrainFunction, version: str | None = None) -> float:
        storage = f"sqlite:///{tmp_path / 'mine.db'}"
        return compare(train, {"one": ""}, (0,), {"one": 1}, storage=storage, version=version)["one"].mean

    assert [score(first), score(first), score(second), score(second)] == [0.25, 0.25, 0.5, 0.5]
    assert calls == ["first", "second"]
    assert [score(first, "b"), score(first, "b"), score(first)] == [0.25] * 3
    assert calls == ["first", "second", "first"]


def test_a_training_that_takes_longer_than_the_grace_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, study = partial(TrialStore, heartbeat_interval=1, heartbeat_timeout=600), tmp_path / "mine.db"
    monkeypatch.setattr(session, "TrialStore", store)
    storage, taken = f"sqlite:///{study}", []

    def train(loss: None, weight: float, seed: int, steps: int) -> float:
        plan = custom_detector.plan_for(
            {"one": None}, (0,), {"one": 1.0}, 10, custom_detector.detector_name(train, None)
        )
        [name] = optuna.get_all_study_names(storage)
        other = store(storage, name, plan)
        expire_heartbeats(study)
        await_heartbeat(study)
        taken.append(other.turn(claim=bool).claimed)
        return 0.5

    compare(train, {"one": None}, seeds=(0,), weights={"one": 1.0}, steps=10, storage=storage)
    assert taken == [None]


SHARER = """
import sys
from detloss.experiments import compare

def train(loss, weight, seed, steps):
    print(loss, seed, flush=True)
    return loss + seed

found = compare(train, {"a": 1, "b": 2}, range(4), {"a": 1, "b": 1}, storage=sys.argv[1])
print(len(found["a"].scores) + len(found["b"].scores), flush=True)
"""


@pytest.mark.exhaustive
def test_processes_share_the_trainings(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", SHARER, f"sqlite:///{tmp_path / 'mine.db'}"]
    processes = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0].splitlines() for process in processes]
    assert [output[-1] for output in outputs] == ["8", "8"]
    trained = [line for output in outputs for line in output[:-1]]
    assert sorted(trained) == sorted(f"{loss} {seed}" for loss in (1, 2) for seed in range(4))


RAISER = SHARER.replace(
    "    return loss + seed",
    "    if (loss, seed) == (2, 3):\n        raise OverflowError('far')\n    return loss + seed",
)


@pytest.mark.exhaustive
def test_a_failure_in_one_of_several_processes(tmp_path: Path) -> None:
    """All end with the same results, whichever of them has run the training that raises."""
    arguments = [sys.executable, "-c", RAISER + "print(found)", f"sqlite:///{tmp_path / 'mine.db'}"]
    processes = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    for output in outputs:
        assert "7" in output
        assert output[-1] == "b, seed 3 failed: OverflowError: far"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": {}}, "losses: expected at least one, got none"),
        ({"seeds": ()}, r"seeds: expected at least one, without repetition, got \[\]"),
        ({"seeds": (1, 1)}, r"seeds: expected at least one, without repetition, got \[1, 1\]"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"weights": {}}, "weights: expected a number above 0 for one, .*, got None"),
        ({"weights": {"one": -1.0}}, r"weights: expected a number above 0 for one, .*, got -1\.0"),
        ({"weights": {"one": (1, 1)}}, r"weights: expected .* several different ones, got \(1, 1\)"),
        ({"weights": {"one": ()}}, r"weights: expected .*, got \(\)"),
        ({"jobs": 0}, "jobs: expected at least 1, got 0"),
        ({"devices": []}, "devices: expected at least one, got none"),
        (
            {"jobs": 2},
            "train: expected a function at the top level of a module and losses that can be pickled, for jobs",
        ),
        ({"baseline": "two"}, "baseline: expected one of one, got 'two'"),
    ],
)
def test_invalid_arguments_are_rejected(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare(**{"train": trainer([]), "losses": {"one": "bad"}} | change)


@pytest.mark.parametrize("score", [math.nan, None, [], [0.5, math.inf], [[0.5]]])
def test_a_score_that_is_no_finite_number_is_an_error(score: object) -> None:
    function = Function(lambda *_: score, {"one": None}, in_process=True)
    message = re.escape(f"train: expected a finite number or one per image for one, got {score}")
    with pytest.raises(ValueError, match=f"^{message}$"):
        function(Trial("one", "", 1.0, 0, 3), no_images())


def test_a_failed_training_does_not_end_the_others() -> None:
    """Scenario: one loss raises on one seed."""
    score = trainer([])

    def train(loss: str, weight: float, seed: int, steps: int) -> float:
        if (loss, seed) == ("good", 2):
            raise ValueError("an overflow")
        return score(loss, weight, seed, steps)

    found = compare(train, {"one": "bad", "other": "good"}, (0, 1, 2), {"one": 1, "other": 1})
    assert found["one"].scores.keys() == {0, 1, 2}
    assert found["other"].scores.keys() == {0, 1}
    assert list(found["other"].failed) == [2]
    assert found["other"].verdict is not Verdict.BETTER, "the score of the failed seed is unknown"
    assert "other, seed 2 failed: ValueError: an overflow" in str(found)


def ranked(function: Function) -> Ranking:
    """The losses of a function on three seeds, compared with the first, without a database."""
    trials = [Trial(name, "", 1.0, seed, 3) for name in function.losses for seed in range(3)]
    outcomes = [function(trial, no_images()) for trial in trials]
    return rank(outcomes, Pair(trials[0].box), Bootstrap(no_images()))


def test_images_of_other_numbers_are_an_error() -> None:
    function = Function(lambda loss, weight, seed, steps: [0.5] * (2 + seed), {"one": 0, "other": 1}, in_process=True)
    with pytest.raises(ValueError, match="train: expected the scores of 2 images, as before, got 3"):
        ranked(function)


def test_scores_of_images_widen_the_interval() -> None:
    """Two images out of three differ between the losses, so the choice of the images matters."""
    differences = np.random.default_rng(0).normal(0.02, 0.1, 40)

    def of_images(loss: int, weight: float, seed: int, steps: int) -> np.ndarray:
        return 0.5 + 0.001 * seed * (1 + loss) + loss * differences

    def of_mean(loss: int, weight: float, seed: int, steps: int) -> float:
        return float(of_images(loss, weight, seed, steps).mean())

    losses = {"one": 0, "other": 1}
    images, means = (ranked(Function(train, losses, in_process=True))["other"] for train in (of_images, of_mean))
    assert images.mean == pytest.approx(means.mean)
    assert images.difference is not None
    assert means.difference is not None
    assert means.difference.high - means.difference.low < 0.01
    error = differences.std() / math.sqrt(len(differences))
    assert images.difference.high - images.difference.low == pytest.approx(2 * 1.96 * error, rel=0.25)


def test_several_weights_are_searched() -> None:
    calls: list[Call] = []
    found = compare(trainer(calls), {"one": "good"}, seeds=[0], weights={"one": [0.1, 0.4, 3]}, steps=4)
    assert [call[1] for call in calls] == [0.1, 0.1, 0.4, 0.4, 3, 3, 0.25]
    assert found["one"].weight == 0.25, "the top of the parabola through the three scores is at 0.26"


def score_of_process(loss: float, weight: float, seed: int, steps: int) -> float:
    """A training that processes can import; the score is unique to the process."""
    return loss + 1e-9 * os.getpid()


@pytest.mark.exhaustive
def test_jobs_are_processes(tmp_path: Path) -> None:
    found = compare(score_of_process, {"a": 0.25, "b": 0.5}, range(3), {"a": 1, "b": 1}, jobs=2)
    processes = {
        round((score - loss) * 1e9) for name, loss in (("a", 0.25), ("b", 0.5)) for score in found[name].scores.values()
    }
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_a_folder_has_results_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    calls: list[Call] = []
    arguments = {"train": trainer(calls), "losses": {"one": "bad", "other": "good"}, "seeds": (0, 1)}
    found = compare(**arguments, weights={"one": 1, "other": 1}, out=tmp_path)
    output = capsys.readouterr().out
    assert "[4/4] other, seed 1: " in output
    records = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    found_lines = [(one["box"], one["cls"], round(one["ap"], 9)) for one in records if one["seed"] == 0]
    assert found_lines == [("one", "", -0.2), ("other", "", 0.0)]
    page = (tmp_path / "report.html").read_text()
    assert "Losses in the function trainer.&lt;locals&gt;.train</h1>" in page
    assert "AP50" not in page
    compare(**arguments, weights={"one": 1, "other": 1}, out=tmp_path)
    assert len(calls) == 4
    assert found["other"].mean == pytest.approx(0.0005)


def test_an_invalid_storage_is_rejected() -> None:
    with pytest.raises(StorageError, match="storage: expected sqlite"):
        compare(trainer([]), {"one": "bad"}, storage="mine.db")


def scattered(calls: list[tuple[str, int]]):
    """A training of two equal losses and a bad one, whose scores scatter over the seeds."""

    def train(loss: str, weight: float, seed: int, steps: int) -> float:
        calls.append((loss, seed))
        scatter = (0.0, 0.02, 0.01, 0.012, 0.006)[(seed * (1 + len(loss) % 3) + seed // 5) % 5]
        return {"bad": 0.2, "good": 0.4, "equal": 0.4}[loss] + scatter

    return train


SCATTERED = {"bad": "bad", "good": "good", "equal": "equal"}


@pytest.mark.exhaustive
def test_seeds_are_added_until_the_comparison_is_decided() -> None:
    calls: list[tuple[str, int]] = []
    found = compare(scattered(calls), SCATTERED, seeds="auto", weights=dict.fromkeys(SCATTERED, 1.0))
    assert {name: [seed for loss, seed in calls if loss == name] for name in SCATTERED} == {
        "bad": [0, 1, 2],
        "good": list(range(8)),
        "equal": list(range(8)),
    }
    assert {standing.name for standing in found.best} == {"good", "equal"}


@pytest.mark.exhaustive
def test_the_report_of_a_comparison_with_rounds_is_written_from_its_storage(tmp_path: Path) -> None:
    compare(scattered([]), SCATTERED, seeds="auto", weights=dict.fromkeys(SCATTERED, 1.0), out=tmp_path)
    standings, results = tmp_path / "standings.json", tmp_path / "results.jsonl"
    written = standings.read_text(), sorted(results.read_text().splitlines())
    standings.unlink()
    results.unlink()
    assert CliRunner().invoke(main, ["report", str(tmp_path)]).exit_code == 0
    assert (standings.read_text(), sorted(results.read_text().splitlines())) == written
    assert "No seeds were added after 8" in (tmp_path / "report.html").read_text()
