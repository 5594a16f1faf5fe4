"""Names of losses with prefixes and options, as in ``inner-siou:inner=0.8`` and ``focal:alpha=none:gamma=1.5``."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from detloss.catalog import LOSSES, MODIFIERS, ROTATED_LOSSES, Kind, Loss, Modifier, Sizes

BOX_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX)}
ROTATED_BOX_LOSSES = BOX_LOSSES | {loss.name: loss for loss in ROTATED_LOSSES}
"""The losses that boxes can have: those of all boxes, and those of rotated boxes."""

CLASS_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.SIGMOID, Kind.QUALITY, Kind.SOFTMAX)}
ALL_LOSSES = ROTATED_BOX_LOSSES | CLASS_LOSSES | {loss.name: loss for loss in LOSSES}

SET_OTHERWISE = (
    *("geometry", "class_weight", "ignore_index", "weight", "reduction", "normalizer", "quality"),  # by the detector
    "overlap",  # by prefixes
    *("bins", "logit_offset"),  # tensors
)
"""Arguments of a loss function that its name does not set."""

MODIFIERS_BY_NAME = {modifier.name: modifier for modifier in MODIFIERS}
EXAMPLE_SIZES = Sizes(image=(1.0, 1.0), objects=1.0)


class LossNameError(ValueError):
    """A name or an option of a loss that does not exist, or a value that the loss rejects."""


def loss_named(text: str, losses: Mapping[str, Loss] = ALL_LOSSES) -> Loss:
    """Find a loss of the catalog, and set its prefixes and options; the case of letters is ignored.

    The text is ``name`` or ``prefix-name``, with any prefixes, each once, and ``:option=value`` for any options of the
    loss and of the prefixes. Values are numbers, words, ``true``, ``false``, ``none``, or pairs ``0/0.95``. Name and
    title of the result list prefixes and options in a fixed order.

    Raises:
        LossNameError: There is no such loss, prefix or option, or the loss rejects a value.

    Example:
        >>> loss_named("Focal:gamma=1.50").name
        'focal:gamma=1.5'
        >>> loss_named("inner-wise-ciou:inner=0.8").name
        'wise-inner-ciou:inner=0.8'
    """
    name, *settings = (part.strip() for part in text.lower().split(":"))
    *words, base = name.split("-")
    if base not in losses:
        raise LossNameError(f"{rejection(base, losses)} There are: {', '.join(losses)}.")
    loss = losses[base]
    if words:
        loss = loss.modified_by(modifiers_named(words, loss))
    available, options = loss.modifier_options | options_of(loss), dict[str, Any]()
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
    if not loss.modifiers and not ordered:
        return loss
    written = {option: written_value(value) for option, value in ordered.items()}
    modified = replace(
        loss.with_options(ordered),
        name=":".join([loss.name, *(f"{option}={value}" for option, value in written.items())]),
        title=", ".join([loss.title, *(f"{option} {value}" for option, value in written.items())]),
    )
    try:
        check(modified)
    except (TypeError, ValueError) as error:
        raise LossNameError(f"{modified.name}: {error}") from error
    return modified


def modifiers_named(words: Sequence[str], loss: Loss) -> list[Modifier]:
    """Find the modifiers of a loss by their names, in the order of the catalog."""
    for word in words:
        name = "-".join([*words, loss.name])
        if word not in MODIFIERS_BY_NAME:
            known = ", ".join(f"{each}-" for each in MODIFIERS_BY_NAME)
            similar = suggestion(word, MODIFIERS_BY_NAME)
            if similar == ".":
                similar = suggestion(name, ALL_LOSSES)
            raise LossNameError(f"No such prefix: {word!r}{similar} There are: {known}.")
        if words.count(word) > 1:
            raise LossNameError(f"{name}: expected every prefix once, got {word!r} twice")
        modifier = MODIFIERS_BY_NAME[word]
        if not can_follow(loss, modifier):
            possible = ", ".join(each.name for each in BOX_LOSSES.values() if can_follow(each, modifier))
            raise LossNameError(f"{name}: expected one of the losses {possible} after {word}-, got {loss.name}")
    return [modifier for modifier in MODIFIERS if modifier.name in words]


def modifier_combinations() -> list[str]:
    """List the prefixes that a name can have, without the last hyphen."""
    names = list(MODIFIERS_BY_NAME)
    return ["-".join(chosen) for count in range(1, len(names) + 1) for chosen in combinations(names, count)]


def can_follow(loss: Loss, modifier: Modifier) -> bool:
    """Whether a modifier can modify a loss: every focusing weight any loss of boxes, the others its overlap."""
    has_overlap = "overlap" in inspect.signature(loss.function).parameters and loss.options.get("form") != "log"
    return loss.kind is Kind.BOX and (modifier.focus is not None or has_overlap)


def losses_named(text: str, losses: Mapping[str, Loss] = ALL_LOSSES) -> tuple[Loss, ...]:
    """Find the losses of a list separated by commas; raise a LossNameError if one does not exist, or occurs twice."""
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
        if each.kind is each.KEYWORD_ONLY and each.name not in (*SET_OTHERWISE, *loss.options)
    }


def python_code(loss: Loss) -> str:
    """Write Python code that constructs a loss; `counts` are the numbers of elements of the classes.

    Example:
        >>> python_code(loss_named("inner-giou"))
        'detloss.GeneralizedIoULoss(overlap=detloss.Overlap(power=1.0, interval=(0.0, 1.0), inner=0.7))'
    """
    given = written_arguments({**loss.options, **loss.overlap_options})
    if loss.from_counts is not None:
        given += ", " * bool(given) + "class_weight=detloss.class_weight_from_counts(counts)"
    code = f"detloss.{loss.module.__name__}({given})".replace("=Overlap", "=detloss.Overlap")
    focuses = [
        f"detloss.focused_loss.{type(one.focus(**one.options)).__name__}({written_arguments(one.options)})"
        for one in loss.modifiers
        if one.focus is not None
    ]
    return f"detloss.focused_loss.FocusedLoss({code}, [{', '.join(focuses)}])" if focuses else code


def written_arguments(options: Mapping[str, Any]) -> str:
    """Write options as the arguments of a call."""
    return ", ".join(f"{name}={value!r}" for name, value in options.items())


def value_of(text: str) -> float | int | bool | str | tuple[float | int, ...] | None:
    """Parse the value of an option."""
    words: dict[str, bool | None] = {"none": None, "true": True, "false": False}
    try:
        numbers = tuple(map(float, text.split("/")))
    except ValueError:
        return words.get(text, text)
    found = tuple(int(number) if number.is_integer() else number for number in numbers)
    return found if len(found) > 1 else found[0]


def written_value(value: object) -> str:
    """Write the value of an option as in a name."""
    return "/".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def check(loss: Loss) -> None:
    """Call a loss once, so that it checks its options."""
    loss.with_sizes(EXAMPLE_SIZES).build()(*example_of(loss.kind))


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
    return loss.function, {**options_of(loss), **loss.options}, loss.from_counts, loss.modifiers
