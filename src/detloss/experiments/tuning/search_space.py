"""What can be tuned: options of the two losses and the box loss's weight, where they are searched and from where."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from math import exp, floor, log, log10
from typing import Any

from scipy.special import expit, logit  # type: ignore[import-untyped]

import detloss
from detloss.catalog import Loss

WEIGHT = "weight"
SPAN_OF_WEIGHT = 8.0  # the weight is searched from an eighth of the listed one to eight times it

Settings = Mapping[str, float]
"""What a candidate gives the parameters that are tuned, by their names."""


class TuningError(ValueError):
    """What is asked for cannot be tuned; the message says why."""


@dataclass(frozen=True)
class Scale:
    """On which scale a parameter is searched and drawn.

    Attributes:
        name: What matplotlib calls it.
        position: Where a value stands on it.
        value: Which value stands at a position.
        size: What is small where a value needs many digits.
    """

    name: str
    position: Callable[[float], float]
    value: Callable[[float], float]
    size: Callable[[float], float] = abs

    def rounded(self, value: float) -> float:
        """Three digits, which tell more than any training can; of .98765 those of what it lacks to 1: .9877."""
        size = self.size(value)
        return round(float(value), 2 - floor(log10(size))) if size else 0.0


LINEAR = Scale("linear", float, float)
LOG = Scale("log", log, exp)
LOGIT = Scale("logit", logit, expit, lambda share: min(share, 1 - share))


@dataclass(frozen=True)
class Parameter:
    """A number that is tuned.

    Attributes:
        name: Of the option.
        scale: On which it is searched.
        low: The least value.
        high: The greatest.
        default: The value without tuning.
    """

    name: str
    scale: Scale
    low: float
    high: float
    default: float = float("nan")


OPTIONS = (
    Parameter("alpha", LOGIT, 0.05, 0.999),
    Parameter("gamma", LINEAR, 0.0, 5.0),
    Parameter("beta", LOG, 1 / 16, 4.0),
)
"""What a loss may have; its function's signature tells whether, and the default."""


def options_of(loss: Loss) -> list[Parameter]:
    """The options of a loss that can be tuned."""
    arguments = signature(loss.function).parameters
    return [
        replace(option, default=loss.options.get(option.name, arguments[option.name].default))
        for option in OPTIONS
        if option.name in arguments
    ]


def parameters_of(box: Loss, cls: Loss) -> dict[str, Parameter]:
    """Everything that can be tuned about two losses."""
    weight = Parameter(WEIGHT, LOG, box.weight / SPAN_OF_WEIGHT, box.weight * SPAN_OF_WEIGHT, default=box.weight)
    return {parameter.name: parameter for parameter in (*options_of(cls), *options_of(box), weight)}


def parameters_over(box: Loss, cls: Loss, over: Sequence[str] | None) -> list[Parameter]:
    """Find what is to be tuned.

    Args:
        box: The box loss.
        cls: The class loss.
        over: Names of parameters; None: all options of the class loss.

    Raises:
        TuningError: The losses have no such parameter, or it is named twice, or there is none.
    """
    found = parameters_of(box, cls)
    names = [option.name for option in options_of(cls)] if over is None else list(over)
    strange = [name for name in names if name not in found]
    if strange or not names:
        told = f"expected some of {', '.join(found)}, which {box.name} and {cls.name} have"
        raise TuningError(f"over: {told}, got {repr(strange[0]) if strange else 'none'}")
    if len(set(names)) < len(names):
        raise TuningError(f"over: expected every parameter once, got {', '.join(names)}")
    return [found[name] for name in names]


def starts_of(parameters: Sequence[Parameter], counts: Sequence[float]) -> list[Settings]:
    """What one would use without tuning: alpha as the counts give it if it is tuned, and the defaults.

    Args:
        parameters: What is tuned.
        counts: The data set's entries of each class, the background's last.

    Raises:
        TuningError: The counts give no alpha between 0 and 1.
    """
    defaults = {parameter.name: parameter.default for parameter in parameters}
    starts: list[Settings] = [defaults]
    for parameter in parameters:
        if parameter.name == "alpha":
            positives, cells = sum(counts[:-1]), sum(counts)
            negatives = cells * (len(counts) - 1) - positives  # a cell has an entry for every class
            if not (positives and negatives):
                raise TuningError(
                    f"over: expected cells with and without objects to tune alpha, got {positives:g} positive and "
                    f"{negatives:g} negative entries"
                )
            balanced = parameter.scale.rounded(float(detloss.alpha_from_counts(positives, negatives)))
            if balanced != parameter.default:
                starts.insert(0, {**defaults, "alpha": balanced})
    return starts


def spanning(parameter: Parameter, starts: Sequence[Settings]) -> Parameter:
    """A parameter whose range has every start in it."""
    values = [start[parameter.name] for start in starts]
    return replace(parameter, low=min(parameter.low, *values), high=max(parameter.high, *values))


def with_settings(loss: Loss, settings: Settings) -> Loss:
    """The row of a loss with those of the settings that are its options."""
    own = {option.name: settings[option.name] for option in options_of(loss) if option.name in settings}
    return replace(loss, options={**loss.options, **own})


def line_of(box: Loss, cls: Loss, settings: Settings) -> str:
    """What to paste into Python: the losses that were tuned, and the weight if it was."""
    statements = []
    for target, loss in (("class_loss", cls), ("box_loss", box)):
        if any(option.name in settings for option in options_of(loss)):
            options: dict[str, Any] = dict(with_settings(loss, settings).options)
            arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
            statements.append(f"{target} = detloss.{loss.module.__name__}({arguments})")
    if WEIGHT in settings:
        statements.append(f"box_weight = {settings[WEIGHT]!r}")
    return "; ".join(statements)


def in_words(settings: Settings) -> str:
    """Settings as part of a sentence."""
    return ", ".join(f"{name} {value:.6g}" for name, value in settings.items())
