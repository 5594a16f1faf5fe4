"""Compositions: box losses of the catalog with a modified overlap or a focusing weight, as in ``inner-siou``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from detloss.catalog import Loss
from detloss.geometry import Overlap
from detloss.losses.focused import Focus, PowerOfIoU, WiseWeight


@dataclass(frozen=True)
class Prefix:
    """A modifier of a box loss, before a hyphen in its name.

    Attributes:
        name: The name on the command line and in tables.
        title: The name in the literature.
        meaning: What it changes, in one line.
        options: Its options and their values without the user's.
        focus: Makes a focusing weight from the options; None: the options are those of `Overlap`.
    """

    name: str
    title: str
    meaning: str
    options: Mapping[str, Any]
    focus: Callable[..., Focus] | None = None


PREFIXES: tuple[Prefix, ...] = (
    Prefix("wise", "Wise", "weight of version 3 of Wise-IoU, from the running mean of 1 - IoU",
           {"version": 3, "alpha": 1.9, "delta": 3.0, "momentum": 0.99}, WiseWeight),
    Prefix("focal", "Focal", "weight IoU^gamma", {"gamma": 0.5}, PowerOfIoU),
    Prefix("alpha", "Alpha", "IoU and penalties to a power", {"power": 3.0}),
    Prefix("focaler", "Focaler", "IoU mapped from an interval to [0, 1]", {"interval": (0.0, 0.95)}),
    Prefix("inner", "Inner", "IoU of boxes scaled about their centers", {"inner": 0.7}),
)
"""In the order of a composed name."""


def composed(loss: Loss, prefixes: Sequence[Prefix], options: Mapping[str, Any]) -> Loss:
    """A box loss with prefixes.

    Args:
        loss: A row of the catalog.
        prefixes: In the order of `PREFIXES`.
        options: Values of options of the prefixes.
    """
    overlap: dict[str, Any] = {}
    focuses = []
    for prefix in prefixes:
        own = {name: options.get(name, value) for name, value in prefix.options.items()}
        if prefix.focus is None:
            overlap |= own
        else:
            focuses.append(partial(prefix.focus, **own))
    return replace(
        loss,
        name="-".join([*(prefix.name for prefix in prefixes), loss.name]),
        title="-".join([*(prefix.title for prefix in prefixes), loss.title]),
        options={**loss.options, **({"overlap": Overlap(**overlap)} if overlap else {})},
        focuses=tuple(focuses),
    )
