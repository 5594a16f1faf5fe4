"""Comparison with a custom detector: calls of the training function, storage and results."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import optuna
import pytest

from detloss.experiments import compare
from detloss.experiments.comparison import custom_detector
from detloss.experiments.comparison.shared_storage import StorageError
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.comparison.store import TrialStore
from tests.support.trials import await_heartbeat, expire_heartbeats

Call = tuple[str, float, int, int]


def trainer(calls: list[Call]):
    """A training that is best at weight .5, with an offset per seed."""

    def train(loss: str, weight: float, seed: int, steps: int) -> float:
        calls.append((loss, weight, seed, steps))
        return {"good": 0.5, "bad": 0.3}[loss] + 0.1 * seed - abs(weight - 0.5)

    return train


def test_weights_are_searched_and_every_loss_is_trained_on_every_seed() -> None:
    calls: list[Call] = []
    found = compare(trainer(calls), {"one": "bad", "other": "good"}, seeds=(3, 4), steps=10)
    search = [(loss, weight, 3, 3) for loss in ("bad", "good") for weight in (0.25, 0.5, 1.0, 2.0, 4.0)]
    assert calls == search + [(loss, 0.5, seed, 10) for seed in (3, 4) for loss in ("bad", "good")]
    assert [standing.name for standing in found.standings] == ["other", "one"]
    assert found["other"].scores == pytest.approx({3: 0.8, 4: 0.9})
    assert found["other"].mean == pytest.approx(0.85)
    assert (found["other"].verdict, found["one"].verdict) == (Verdict.BETTER, None)
    assert found["other"].difference is not None
    assert found["other"].difference.mean == pytest.approx(0.2)


def test_given_weights_and_baseline() -> None:
    calls: list[Call] = []
    losses = {"one": "bad", "other": "good"}
    found = compare(trainer(calls), losses, weights={"one": 1, "other": 0.25}, baseline="other")
    assert {call[:2] for call in calls} == {("bad", 1.0), ("good", 0.25)}
    assert len(calls) == 6
    assert (found["one"].verdict, found["one"].weight) == (Verdict.WORSE, 1.0)
    assert str(found).splitlines()[0].split() == ["loss", "weight", "mean", "difference", "verdict"]


def test_one_seed_is_not_distinguishable() -> None:
    found = compare(trainer([]), {"one": "bad", "other": "good"}, seeds=[0], weights={"one": 1, "other": 1})
    assert found["other"].verdict is Verdict.NOT_DISTINGUISHABLE


def test_finished_trainings_are_kept_and_the_same_call_continues(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'mine.db'}"
    calls: list[Call] = []
    train = trainer(calls)

    def interrupted(loss: str, weight: float, seed: int, steps: int) -> float:
        if len(calls) == 2:
            raise KeyboardInterrupt
        return train(loss, weight, seed, steps)

    losses, weights = {"one": "bad", "other": "good"}, {"one": 1.0, "other": 1.0}
    with pytest.raises(KeyboardInterrupt):
        compare(interrupted, losses, weights=weights, storage=storage)
    found = compare(train, losses, weights=weights, storage=storage)
    assert len(calls) == len(set(calls)) == 6, "nothing is trained twice"
    assert found["other"].verdict is Verdict.BETTER
    assert compare(train, losses, weights=weights, storage=storage) == found
    assert len(calls) == 6


def test_a_training_that_takes_longer_than_the_grace_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, study = partial(TrialStore, heartbeat_interval=1, heartbeat_timeout=600), tmp_path / "mine.db"
    monkeypatch.setattr(custom_detector, "TrialStore", store)
    storage, taken = f"sqlite:///{study}", []

    def train(loss: None, weight: float, seed: int, steps: int) -> float:
        plan = custom_detector.plan_for({"one": None}, (0,), {"one": 1.0}, 10)
        [name] = optuna.get_all_study_names(storage)
        other = store(storage, name, plan)
        expire_heartbeats(study)
        await_heartbeat(study)
        taken.append(other.claim())
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"losses": {}}, "losses: expected at least one, got none"),
        ({"seeds": ()}, r"seeds: expected at least one, without repetition, got \[\]"),
        ({"seeds": (1, 1)}, r"seeds: expected at least one, without repetition, got \[1, 1\]"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"weights": {}}, "weights: expected a number above 0 for one, got None"),
        ({"weights": {"one": -1.0}}, r"weights: expected a number above 0 for one, got -1\.0"),
        ({"baseline": "two"}, "baseline: expected one of one, got 'two'"),
    ],
)
def test_invalid_arguments_are_rejected(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare(**{"train": trainer([]), "losses": {"one": "bad"}} | change)


def test_a_score_that_is_not_finite_is_rejected() -> None:
    with pytest.raises(ValueError, match="train: expected a finite number for one, got nan"):
        compare(lambda *_: float("nan"), {"one": None}, weights={"one": 1.0})


def test_an_invalid_storage_is_rejected() -> None:
    with pytest.raises(StorageError, match="storage: expected sqlite"):
        compare(trainer([]), {"one": "bad"}, storage="mine.db")
