"""An outcome as JSON that a database or a file keeps, and back; nothing in it can run code."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, fields
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np

from detloss.experiments.training.average_precision import Matches
from detloss.experiments.training.evaluation import Prediction
from detloss.experiments.training.snapshots import Glimpse
from detloss.experiments.training.trial import Outcome, Trial

NUMBERS = ("ap", "ap50", "ap75", "small", "medium", "large", "seconds")


def pack(outcome: Outcome) -> dict[str, Any]:
    """Write an outcome down: its numbers as they are, its arrays as one compressed text."""
    arrays = {"curve": np.array(outcome.curve, np.float64).reshape(-1, 3)}
    arrays |= {f"matches {field.name}": getattr(outcome.matches, field.name) for field in fields(Matches)}
    if outcome.found is not None:
        arrays["found"] = outcome.found
    arrays["predictions"] = np.array([len(prediction.scores) for prediction in outcome.predictions], np.int64)
    arrays["pictured"] = np.array(outcome.pictured, np.int64)
    filmed = [prediction for glimpse in outcome.glimpses for prediction in glimpse.predictions]
    for prefix, predictions in (("", outcome.predictions), ("filmed ", filmed)):
        for name in Prediction._fields if predictions else ():
            arrays[prefix + name] = np.concatenate([getattr(prediction, name) for prediction in predictions])
    arrays["glimpses"] = np.array([(glimpse.step, glimpse.ap) for glimpse in outcome.glimpses]).reshape(-1, 2)
    arrays["filmed images"] = np.array([glimpse.images for glimpse in outcome.glimpses], np.int64)
    arrays["filmed"] = np.array([len(prediction.scores) for prediction in filmed], np.int64)
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    numbers = {name: getattr(outcome, name) for name in NUMBERS}
    return {"trial": asdict(outcome.trial)} | numbers | {"arrays": b64encode(buffer.getvalue()).decode("ascii")}


def unpack(record: dict[str, Any]) -> Outcome:
    """Read an outcome that `pack` wrote."""
    with np.load(BytesIO(b64decode(record["arrays"])), allow_pickle=False) as arrays:
        return Outcome(
            trial=Trial(**record["trial"]),
            **{name: record[name] for name in NUMBERS},
            curve=[(int(step), classification, box) for step, classification, box in arrays["curve"].tolist()],
            predictions=predictions_in(arrays, "predictions", ""),
            matches=Matches(*(arrays[f"matches {field.name}"] for field in fields(Matches))),
            found=arrays.get("found"),
            pictured=arrays["pictured"].tolist() if "pictured" in arrays else [],
            glimpses=glimpses_in(arrays) if "glimpses" in arrays else [],
        )


def predictions_in(arrays: Mapping[str, np.ndarray], counts: str, prefix: str) -> list[Prediction]:
    """Part the rows of all predictions by their counts."""
    ends = arrays[counts].cumsum()[:-1]
    columns = [np.split(arrays[prefix + name], ends) for name in Prediction._fields if prefix + name in arrays]
    return [Prediction(*rows) for rows in zip(*columns)]


def glimpses_in(arrays: Mapping[str, np.ndarray]) -> list[Glimpse]:
    """Read what was seen on the way; every glimpse has the same images."""
    predictions = iter(predictions_in(arrays, "filmed", "filmed "))
    return [
        Glimpse(int(step), ap, images, list(islice(predictions, len(images))))
        for (step, ap), images in zip(arrays["glimpses"].tolist(), arrays["filmed images"].tolist())
    ]
