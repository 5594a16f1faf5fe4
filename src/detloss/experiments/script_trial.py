"""The trial of a training script: losses and settings that `detloss compare --train` passes to it."""

import json
import os
import sys
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from torch import nn

from detloss.catalog import Sizes
from detloss.loss_names import BOX_LOSSES, CLASS_LOSSES, loss_named

VARIABLE = "DETLOSS_TRIAL"  # environment variable with the file of the trial


class TrialFileError(Exception):
    """The environment variable names a file that describes no trial."""


@dataclass(frozen=True)
class ScriptTrial:
    """Losses and settings of one training, as ``trial`` in the user's script.

    Attributes:
        box_name: Name of the box loss.
        cls_name: Name of the class loss; "" outside of ``detloss compare``: the detector keeps its own.
        weight: Factor of the box loss, for the argument ``box_weight`` of ``use_losses``.
        seed: Seed of the initial weights and of the order of the data.
        steps: Duration of the training, in the unit of ``--steps``, such as epochs.
        out: Folder of the trial, which exists.
        data: The data set; None: no DATA was given. A script that trains on it, rather than on ``train``, must receive
            it by the placeholder {data}.
        train: Training images as COCO json; None without a data set.
        validation: Validation images as COCO json; the predictions are evaluated on these. In the search for weights,
            they are held out from the training images.
        sizes: Width and height of the images and mean size of the objects in pixels, for losses that need them; None
            without a data set.
    """

    box_name: str
    cls_name: str
    weight: float
    seed: int
    steps: int
    out: Path
    data: Path | None = None
    train: Path | None = None
    validation: Path | None = None
    sizes: Sizes | None = None

    @cached_property
    def box(self) -> nn.Module:
        """The box loss."""
        loss = loss_named(self.box_name, BOX_LOSSES)
        return (loss if self.sizes is None else loss.with_sizes(self.sizes)).build()

    @cached_property
    def cls(self) -> nn.Module | None:
        """The class loss; None outside of ``detloss compare``."""
        return loss_named(self.cls_name, CLASS_LOSSES).build() if self.cls_name else None

    def to_json(self) -> str:
        """Convert to JSON."""
        return json.dumps(asdict(self), indent=1, default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of `to_json`; raise a ValueError, TypeError or KeyError for anything else."""
        record: dict[str, Any] = {name: value for name, value in json.loads(text).items() if value is not None}
        if "sizes" in record:
            record["sizes"] = Sizes(tuple(record["sizes"]["image"]), record["sizes"]["objects"])
        paths = [field.name for field in fields(cls) if field.name in ("out", "data", "train", "validation")]
        return cls(**record | {name: Path(record[name]) for name in paths if name in record})


ALONE = ScriptTrial("giou", "", weight=1.0, seed=0, steps=1, out=Path("out/trial"))
"""The trial of a script that was started by hand: GIoU beside the detector's own class loss."""


@cache
def current_trial() -> ScriptTrial:
    """The trial of this process; raise a TrialFileError if the environment variable names none."""
    file = os.environ.get(VARIABLE)
    if file is None:
        ALONE.out.mkdir(parents=True, exist_ok=True)
        print(
            f"No trial of detloss compare: {ALONE.box_name} beside the detector's own class loss, weight 1, seed"
            f" {ALONE.seed}, steps {ALONE.steps}, {ALONE.out}. {VARIABLE}=.../trial.json repeats a trial.",
            file=sys.stderr,
        )
        return ALONE
    try:
        return ScriptTrial.from_json(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise TrialFileError(f"{VARIABLE}: expected the trial.json of a trial, got {file}: {error!r}") from error
