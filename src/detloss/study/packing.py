"""An outcome as JSON that a database or a file keeps, and back; nothing in it can run code."""

from base64 import b64decode, b64encode
from dataclasses import asdict, fields
from io import BytesIO
from typing import Any

import numpy as np

from detloss.study.evaluation import Prediction
from detloss.study.matching import Matches
from detloss.study.training import Outcome, Trial

NUMBERS = ("ap", "ap50", "ap75", "small", "medium", "large", "seconds")


def pack(outcome: Outcome) -> dict[str, Any]:
    """Write an outcome down: its numbers as they are, its arrays as one compressed text."""
    arrays = {"curve": np.array(outcome.curve, np.float64).reshape(-1, 3)}
    arrays |= {f"matches {field.name}": getattr(outcome.matches, field.name) for field in fields(Matches)}
    if outcome.found is not None:
        arrays["found"] = outcome.found
    arrays["predictions"] = np.array([len(prediction.scores) for prediction in outcome.predictions], np.int64)
    for name in Prediction._fields if outcome.predictions else ():
        arrays[name] = np.concatenate([getattr(prediction, name) for prediction in outcome.predictions])
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    numbers = {name: getattr(outcome, name) for name in NUMBERS}
    return {"trial": asdict(outcome.trial)} | numbers | {"arrays": b64encode(buffer.getvalue()).decode("ascii")}


def unpack(record: dict[str, Any]) -> Outcome:
    """Read an outcome that `pack` wrote."""
    with np.load(BytesIO(b64decode(record["arrays"])), allow_pickle=False) as arrays:
        ends = arrays["predictions"].cumsum()[:-1]
        columns = [np.split(arrays[name], ends) for name in Prediction._fields if name in arrays]
        return Outcome(
            trial=Trial(**record["trial"]),
            **{name: record[name] for name in NUMBERS},
            curve=[(int(step), classification, box) for step, classification, box in arrays["curve"].tolist()],
            predictions=[Prediction(*rows) for rows in zip(*columns)],
            matches=Matches(*(arrays[f"matches {field.name}"] for field in fields(Matches))),
            found=arrays.get("found"),
        )
