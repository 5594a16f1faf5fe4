"""Trials and their outcomes, and outcomes as JSON without code in it."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from io import BytesIO
from itertools import islice
from math import isnan
from typing import Any, Self

import numpy as np

from detloss.experiments.training.average_precision import MatchedDetections
from detloss.experiments.training.evaluation import Evaluation, Prediction
from detloss.experiments.training.snapshots import Snapshot

EVALUATED = ("ap", "ap50", "ap75", "small", "medium", "large")


class Phase(StrEnum):
    """Purpose of a trial: choose the weight of a pair of losses, or compare pairs at their weights."""

    SEARCH = "search"
    COMPARE = "compare"


@dataclass(frozen=True)
class Trial:
    """Settings of one training run."""

    box: str  # name of the box loss, with options as in giou or smooth_l1:beta=0.1
    cls: str  # name of the class loss, likewise
    weight: float  # factor of the box loss
    seed: int  # determines the initial weights and the order of the data, identically for every loss
    steps: int  # number of batches of 16 images
    phase: Phase = Phase.COMPARE
    detector: str = "unitbox"  # name of the detector
    precision: str = "float32"  # dtype of convolutions and matrix products during training; everything else is float32

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Make a trial from a mapping of its fields, in which the phase may be a string."""
        return cls(**{**settings, "phase": Phase(settings["phase"])})


class TrialError(Exception):
    """A trial failed for a reason outside of detloss, with details such as the end of a log."""

    def __init__(self, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.details = details


@dataclass(frozen=True)
class Outcome:
    """Result of a trial."""

    trial: Trial
    score: float  # COCO's average precision on the validation images, or what the training of the user returned
    seconds: float  # duration, from the first training step to the last validation image
    # evaluation on the validation images; None if the training of the user returned the score
    evaluation: Evaluation | None = None
    # by validation image, for some of them: the highest-scoring, as many as the image has objects
    predictions: Mapping[int, Prediction] = field(default_factory=dict)
    # rows (step, classification loss, box loss); each loss is the mean since the previous row
    curve: Sequence[tuple[int, float, float]] = ()
    snapshots: Sequence[Snapshot] = ()  # state of the detector at several steps; empty in a search
    # the scores of the validation images if the training of the user returned them; `score` is their mean
    image_scores: Sequence[float] = ()
    # AP50 that each type of error costs, by the types of TIDE; empty if it is unknown
    errors: Mapping[str, float] = field(default_factory=dict)

    @property
    def ap_curve(self) -> list[tuple[int, float]]:
        """Pairs of a step and the AP after it, on a subset of the validation images; empty if that has no object."""
        return [(one.step, one.ap) for one in self.snapshots if not isnan(one.ap)]


def pack(outcome: Outcome) -> dict[str, Any]:
    """Convert an outcome to JSON: numbers as they are, arrays as one compressed text."""
    evaluation = outcome.evaluation
    arrays = {
        "curve": np.array(outcome.curve, np.float64).reshape(-1, 3),
        "snapshots": np.array([(one.step, one.ap, len(one.predictions)) for one in outcome.snapshots]).reshape(-1, 3),
        **packed_predictions("", list(outcome.predictions.items())),
        **packed_predictions("snapshot ", [item for one in outcome.snapshots for item in one.predictions.items()]),
    }
    arrays["image scores"] = np.array(outcome.image_scores, np.float64)
    if evaluation is not None:
        arrays |= {f"matches {name}": getattr(evaluation.matches, name) for name in MATCHES}
        arrays["found"] = evaluation.found
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return {
        "trial": asdict(outcome.trial),
        "score": outcome.score,
        "seconds": outcome.seconds,
        "evaluation": evaluation and {name: getattr(evaluation, name) for name in EVALUATED},
        "curve": outcome.ap_curve,  # for readers of the database; `unpack` reads it from the arrays
        "errors": dict(outcome.errors),
        "arrays": b64encode(buffer.getvalue()).decode("ascii"),
    }


def unpack(record: Mapping[str, Any]) -> Outcome:
    """Read an outcome from the JSON of `pack`."""
    with np.load(BytesIO(b64decode(record["arrays"])), allow_pickle=False) as arrays:
        evaluation = None
        if record["evaluation"] is not None:
            matches = MatchedDetections(*(arrays[f"matches {name}"] for name in MATCHES))
            evaluation = Evaluation(**record["evaluation"], matches=matches, found=arrays["found"])
        of_snapshots = iter(unpacked_predictions(arrays, "snapshot "))
        return Outcome(
            trial=Trial.from_settings(record["trial"]),
            score=record["score"],
            seconds=record["seconds"],
            evaluation=evaluation,
            predictions=dict(unpacked_predictions(arrays, "")),
            curve=[(int(step), classification, box) for step, classification, box in arrays["curve"].tolist()],
            snapshots=[
                Snapshot(int(step), ap, dict(islice(of_snapshots, int(images))))
                for step, ap, images in arrays["snapshots"].tolist()
            ],
            image_scores=tuple(arrays["image scores"].tolist()) if "image scores" in arrays else (),
            errors=record.get("errors", {}),
        )


MATCHES = tuple(column.name for column in fields(MatchedDetections))


def packed_predictions(prefix: str, predictions: Sequence[tuple[int, Prediction]]) -> dict[str, np.ndarray]:
    """Concatenate the predictions of images, with the number of rows of each."""
    counts = np.array([(image, len(prediction.scores)) for image, prediction in predictions], np.int64).reshape(-1, 2)
    columns = {
        prefix + name: np.concatenate([getattr(prediction, name) for _, prediction in predictions])
        for name in (Prediction._fields if predictions else ())
    }
    return {f"{prefix}images": counts, **columns}


def unpacked_predictions(arrays: Mapping[str, np.ndarray], prefix: str) -> list[tuple[int, Prediction]]:
    """Split the rows of `packed_predictions` by image."""
    images, counts = arrays[f"{prefix}images"].T
    if not len(images):
        return []
    columns = [np.split(arrays[prefix + name], counts.cumsum()[:-1]) for name in Prediction._fields]
    return list(zip(images.tolist(), map(Prediction, *columns)))
