"""Names of losses with options, ``name:option=value:option=value``, as in ``focal:alpha=none:gamma=1.5``."""

import inspect
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss

BOX_LOSSES = {
    loss.name: loss for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX) and loss.from_sizes is None
}
ROTATED_BOX_LOSSES = BOX_LOSSES | {loss.name: loss for loss in ROTATED_LOSSES}
"""The losses that boxes can have: those of all boxes, and those of rotated boxes."""

CLASS_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.SIGMOID, Kind.QUALITY, Kind.SOFTMAX)}
ALL_LOSSES = ROTATED_BOX_LOSSES | CLASS_LOSSES | {loss.name: loss for loss in LOSSES}

SET_BY_DETECTOR = (
    "geometry",
    "overlap",
    "class_weight",
    "ignore_index",
    "quality",
    "weight",
    "reduction",
    "normalizer",
)
"""Arguments of a loss function that follow from the data and the detector."""


class LossNameError(ValueError):
    """A name or an option of a loss that does not exist, or a value that the loss rejects."""


def loss_named(text: str, losses: Mapping[str, Loss] = ALL_LOSSES) -> Loss:
    """Find a loss of the catalog and set its options; the case of letters is ignored.

    Args:
        text: ``name``, or ``name:option=value:option=value``. Values are numbers, words, ``true``, ``false``, ``none``.
        losses: The losses to choose from, by their names.

    Returns:
        The row of the catalog; with options, its name and its title list them in the order of the loss function.

    Raises:
        LossNameError: There is no such loss or option, or the loss rejects a value.

    Example:
        >>> loss_named("Focal:gamma=1.50").name
        'focal:gamma=1.5'
    """
    name, *settings = (part.strip() for part in text.lower().split(":"))
    if name not in losses:
        raise LossNameError(f"{rejection(name, losses)} There are: {', '.join(losses)}.")
    loss = losses[name]
    available, options = options_of(loss), {}
    for setting in settings:
        option, equals, value = (part.strip() for part in setting.partition("="))
        if not equals or not value:
            raise LossNameError(f"{name}: expected OPTION=VALUE after ':', got {setting!r}")
        if option not in available:
            listed = f"one of the options {', '.join(available)}" if available else "no options"
            raise LossNameError(f"{name}: expected {listed}, got {option!r}{suggestion(option, available)}")
        if option in options:
            raise LossNameError(f"{name}: expected every option once, got {option!r} twice")
        options[option] = value_of(value)
    ordered = {option: options[option] for option in available if option in options}
    return with_options(loss, ordered) if options else loss


def losses_named(text: str, losses: Mapping[str, Loss] = ALL_LOSSES) -> tuple[Loss, ...]:
    """Find the losses of a list separated by commas.

    Raises:
        LossNameError: A loss does not exist, or occurs twice.
    """
    found: list[Loss] = []
    for part in text.split(","):
        loss = loss_named(part, losses)
        for other in found:
            if definition(loss) == definition(other):
                same = "" if loss.name == other.name else ", which are the same"
                raise LossNameError(f"expected every loss once, got {other.name} and {loss.name}{same}")
        found.append(loss)
    return tuple(found)


def rejection(name: str, losses: Mapping[str, Loss]) -> str:
    """Explain that a name is not among these losses."""
    if name in ALL_LOSSES:
        return f"{name!r} is a loss of {ALL_LOSSES[name].kind.value}."
    return f"No such loss: {name!r}{suggestion(name, losses)}"


def suggestion(word: str, known: Mapping[str, object]) -> str:
    """End a sentence, with the most similar of the known words if there is one."""
    near = get_close_matches(word, known, n=1)
    return f". Did you mean {near[0]}?" if near else "."


def options_of(loss: Loss) -> dict[str, Any]:
    """List the options of a loss that a name can set, with their defaults."""
    parameters = inspect.signature(loss.function).parameters.values()
    return {
        each.name: each.default
        for each in parameters
        if each.kind is each.KEYWORD_ONLY and each.name not in (*SET_BY_DETECTOR, *loss.options)
    }


def value_of(text: str) -> float | int | bool | str | None:
    """Parse the value of an option."""
    words = {"none": None, "true": True, "false": False}
    if text in words:
        return words[text]
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def with_options(loss: Loss, options: Mapping[str, Any]) -> Loss:
    """Set options of a loss, which names them.

    Raises:
        LossNameError: The loss rejects a value.
    """
    words = {option: str(value).lower() for option, value in options.items()}
    name = ":".join([loss.name, *(f"{option}={word}" for option, word in words.items())])
    try:
        loss.function(*example_of(loss.kind), **loss.options, **options)
    except (TypeError, ValueError) as error:
        raise LossNameError(f"{name}: {error}") from error
    title = ", ".join([loss.title, *(f"{option} {word}" for option, word in words.items())])
    return replace(loss, name=name, title=title, options={**loss.options, **options})


def example_of(kind: Kind) -> tuple[Tensor, Tensor]:
    """Make arguments for a loss, to have it check its options."""
    if kind is Kind.SOFTMAX:
        return torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64)
    if kind is Kind.DISTRIBUTION:
        return torch.zeros(1, 2), torch.zeros(1)
    columns = 5 if kind is Kind.ROTATED else 4
    return torch.zeros(1, columns), torch.zeros(1, columns)


def definition(loss: Loss) -> tuple[object, ...]:
    """The function and all options of a loss, which are equal for two names of the same loss."""
    return loss.function, {**options_of(loss), **loss.options}, loss.from_counts
