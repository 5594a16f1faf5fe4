"""Outcomes as JSON: a round trip preserves them, and reading executes nothing."""

import json
from base64 import b64encode
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from detloss.experiments.training.evaluation import Evaluation, Prediction
from detloss.experiments.training.outcome import Outcome, Phase, Trial, pack, unpack
from detloss.experiments.training.snapshots import Snapshot
from tests.support.trials import outcome_of

TRIAL = Trial("giou", "focal", 1 / 3, 7, steps=5, phase=Phase.SEARCH)


def round_trip(outcome: Outcome) -> Outcome:
    return unpack(json.loads(json.dumps(pack(outcome))))


def evaluation_of(outcome: Outcome) -> Evaluation:
    assert outcome.evaluation is not None
    return outcome.evaluation


def without_rows(prediction: Prediction) -> Prediction:
    return Prediction(*(column[:0] for column in prediction))


def assert_equal(one: Prediction, other: Prediction) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)


def test_a_round_trip_preserves_an_outcome() -> None:
    before = outcome_of(TRIAL, ap=1 / 7)
    after = round_trip(before)
    assert (after.trial, after.score, after.seconds, after.curve) == (TRIAL, 1 / 7, 3.0, before.curve)
    assert after.trial.phase is Phase.SEARCH
    for name in ("ap", "ap50", "ap75", "small", "medium", "large", "found"):
        np.testing.assert_equal(getattr(evaluation_of(after), name), getattr(evaluation_of(before), name))
    for name in ("images", "labels", "hits"):
        one, other = (getattr(evaluation_of(outcome).matches, name) for outcome in (after, before))
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    assert list(after.predictions) == [0, 1]
    for image, prediction in after.predictions.items():
        assert_equal(prediction, before.predictions[image])
    assert after.snapshots == []


def test_predictions_without_rows() -> None:
    found = outcome_of(TRIAL).predictions[0]
    mixed = replace(outcome_of(TRIAL), predictions={2: without_rows(found), 3: found, 7: without_rows(found), 9: found})
    after = round_trip(mixed).predictions
    assert {image: len(prediction.scores) for image, prediction in after.items()} == {2: 0, 3: 3, 7: 0, 9: 3}
    for image, prediction in after.items():
        assert_equal(prediction, mixed.predictions[image])


def test_a_score_alone() -> None:
    bare = Outcome(TRIAL, 0.25, 1.5)
    assert round_trip(bare) == replace(bare, curve=[], snapshots=[])


def test_snapshots() -> None:
    found = outcome_of(TRIAL).predictions[0]
    none = without_rows(found)
    snapshots = [Snapshot(1, 0.25, {3: found, 7: none}), Snapshot(2, 0.5, {3: none}), Snapshot(4, 0.75, {})]
    after = round_trip(replace(outcome_of(TRIAL), snapshots=snapshots)).snapshots
    assert [(one.step, one.ap, list(one.predictions)) for one in after] == [
        (1, 0.25, [3, 7]), (2, 0.5, [3]), (4, 0.75, [])
    ]  # fmt: skip
    for before, read in zip(snapshots, after, strict=True):
        for image, prediction in before.predictions.items():
            assert_equal(read.predictions[image], prediction)


def test_the_curve_and_the_errors_are_in_the_json_and_old_results_have_none() -> None:
    snapshots, errors = [Snapshot(1, 0.25, {}), Snapshot(2, float("nan"), {}), Snapshot(4, 0.75, {})], {"class": 0.125}
    record = json.loads(json.dumps(pack(replace(outcome_of(TRIAL), snapshots=snapshots, errors=errors))))
    assert (record["curve"], record["errors"]) == ([[1, 0.25], [4, 0.75]], errors)
    assert unpack(record).errors == errors
    assert unpack(record).ap_curve == [(1, 0.25), (4, 0.75)]
    del record["curve"], record["errors"]
    assert unpack(record).errors == {}


def test_nothing_is_unpickled() -> None:
    buffer = BytesIO()
    arrays = {"images": np.zeros((0, 2)), "snapshot images": np.zeros((0, 2)), "snapshots": np.zeros((0, 3))}
    np.savez(buffer, curve=np.array([print], dtype=object), **arrays)
    record = pack(Outcome(TRIAL, 0.25, 1.0)) | {"arrays": b64encode(buffer.getvalue()).decode()}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        unpack(record)


def test_trials_differ_by_every_setting() -> None:
    trial = Trial("giou", "focal", 1.0, 0, 3)
    changes = (
        {"box": "l1"}, {"cls": "ce"}, {"weight": 2.0}, {"seed": 1}, {"steps": 4}, {"phase": Phase.SEARCH},
        {"detector": "fcos"}, {"precision": "bfloat16"},
    )  # fmt: skip
    assert len({trial, *(replace(trial, **change) for change in changes)}) == 9
