"""Pairs of boxes that show a property of the losses."""

from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Preset:
    """A start of a descent; the texts of the page say what to watch.

    Attributes:
        name: The name of its text.
        pred: The prediction, x1, y1, x2, y2.
        target: The target.
        losses: The losses that descend.
        rate: The learning rate.
    """

    name: str
    pred: Box
    target: Box
    losses: tuple[str, ...]
    rate: float = 1.0


PRESETS = (
    Preset("apart", (2.0, 8.0, 6.0, 11.0), (12.0, 4.0, 17.0, 8.0), ("iou", "giou", "diou"), rate=2.0),
    Preset("nested", (9.0, 6.0, 11.0, 8.0), (6.0, 4.0, 15.0, 11.0), ("iou", "giou", "diou")),
    Preset("aspect", (9.0, 3.5, 11.0, 11.5), (6.0, 5.5, 14.0, 9.5), ("iou", "diou", "ciou", "eiou")),
    Preset("far", (1.5, 11.0, 2.5, 12.0), (14.0, 2.0, 18.0, 5.0), ("iou", "giou", "diou"), rate=4.0),
    Preset("flat", (7.0, 8.5, 13.0, 8.5), (7.0, 4.0, 13.0, 10.0), ("iou", "giou", "diou", "ciou")),
    Preset("identical", (7.0, 5.0, 13.0, 10.0), (7.0, 5.0, 13.0, 10.0), ("iou", "giou", "diou", "ciou")),
)
