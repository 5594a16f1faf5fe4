"""Outcomes come back from text as they were."""

import json
from base64 import b64encode
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from detloss.experiments.training.average_precision import Matches
from detloss.experiments.training.outcome import pack, unpack
from detloss.experiments.training.trial import Trial
from tests.support.trials import outcome_of

TRIAL = Trial("giou", "focal", 1 / 3, 7, steps=5, phase=1)


def test_an_outcome_comes_back_from_json() -> None:
    before = outcome_of(TRIAL, ap=1 / 7)
    after = unpack(json.loads(json.dumps(pack(before))))
    assert (after.trial, after.curve) == (before.trial, before.curve)
    for name in ("ap", "ap50", "ap75", "small", "medium", "large", "seconds"):
        np.testing.assert_equal(getattr(after, name), getattr(before, name))
    assert len(after.predictions) == len(before.predictions) == 2
    for one, other in zip(after.predictions, before.predictions):
        for a, b in zip(one, other):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
    for name in ("images", "labels", "hits"):
        np.testing.assert_array_equal(getattr(after.matches, name), getattr(before.matches, name))
    assert after.found is not None
    np.testing.assert_array_equal(after.found, before.found)


def test_a_record_of_a_version_that_did_not_note_which_objects_were_found() -> None:
    assert unpack(json.loads(json.dumps(pack(replace(outcome_of(TRIAL), found=None))))).found is None


def test_predictions_of_images_with_none() -> None:
    whole = outcome_of(TRIAL)
    none = whole.predictions[0]._replace(**{name: rows[:0] for name, rows in whole.predictions[0]._asdict().items()})
    mixed = replace(whole, predictions=[none, whole.predictions[0], none, whole.predictions[0]])
    assert [len(found.scores) for found in unpack(pack(mixed)).predictions] == [0, 3, 0, 3]


def test_an_outcome_without_arrays() -> None:
    bare = replace(outcome_of(TRIAL), curve=[], predictions=[], matches=Matches.none())
    after = unpack(json.loads(json.dumps(pack(bare))))
    assert (after.curve, after.predictions, len(after.matches.hits)) == ([], [], 0)


def test_nothing_is_unpickled() -> None:
    buffer = BytesIO()
    np.savez(buffer, curve=np.array([print], dtype=object), predictions=np.zeros(0, np.int64))
    record = pack(outcome_of(TRIAL)) | {"arrays": b64encode(buffer.getvalue()).decode()}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        unpack(record)
