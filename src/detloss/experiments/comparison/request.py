"""The options of a comparison beyond its plan, such as the data and the baseline."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.data.dataset import Dataset, load


@dataclass(frozen=True)
class Request:
    """What the folder of a comparison keeps for its report.

    Attributes:
        command: What the user typed, without the password of a database.
        data: Absolute path of the data set; None: digit scenes.
        size: Longer side of the images in pixels; None: the default.
        scenes: Style of the digit scenes; None: the default.
        baseline: The pair that the others are compared with.
        quick: Whether it is a first look.
        settings: The options of the command by their names.
    """

    command: str
    data: str | None
    size: int | None
    scenes: str | None
    baseline: Pair
    quick: bool
    settings: Mapping[str, str | int]

    def read(self) -> Dataset:
        """Read the data."""
        return load(None if self.data is None else Path(self.data), size=self.size, scenes=self.scenes)

    def moved_to(self, data: Path) -> "Request":
        """The same request where the data lie elsewhere now."""
        return replace(self, data=str(data.resolve()))

    def to_json(self) -> dict[str, Any]:
        """Write it down."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Request":
        """Read what `to_json` wrote."""
        return cls(**{**record, "baseline": Pair(*record["baseline"])})
