"""Search space: tunable options of the losses and the weight of the box loss, their ranges and start values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from math import exp, floor, inf, log, log10
from typing import Any

from scipy.special import expit, logit  # type: ignore[import-untyped]

import detloss
from detloss.catalog import Loss

WEIGHT = "weight"
WEIGHT_FACTOR = 8.0  # the weight is searched from 1/8 of the listed one to 8 times it

Settings = Mapping[str, float]
"""Values of the tuned parameters by name."""


class TuningError(ValueError):
    """Arguments that cannot be tuned."""


@dataclass(frozen=True)
class Scale:
    """A scale on which a parameter is searched and plotted.

    Attributes:
        name: Name of the scale in matplotlib.
        position: Maps a value to its position on the scale.
        value: The inverse of ``position``.
        low: Values are above this.
        high: Values are below this.
        magnitude: The distance from the nearest end of the scale, which determines the digits of a value.
    """

    name: str
    position: Callable[[float], float]
    value: Callable[[float], float]
    low: float = -inf
    high: float = inf
    magnitude: Callable[[float], float] = abs

    def rounded(self, value: float) -> float:
        """Round to three significant digits of the magnitude: near 1, .98765 is .9877 on the logit scale."""
        size = self.magnitude(value)
        return round(float(value), 2 - floor(log10(size))) if size else 0.0

    def contains(self, value: object) -> bool:
        """Whether a value of an option has a position on this scale."""
        return isinstance(value, int | float) and self.low < value < self.high


LINEAR = Scale("linear", float, float)
LOG = Scale("log", log, exp, low=0.0)
LOGIT = Scale("logit", logit, expit, low=0.0, high=1.0, magnitude=lambda value: min(value, 1 - value))


@dataclass(frozen=True)
class Parameter:
    """A number to tune.

    Attributes:
        name: Name of the option.
        scale: Scale of the search.
        low: Least value.
        high: Greatest value.
        default: Value without tuning.
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
"""Tunable options; the signature of a loss function determines which of them it has, and their defaults."""


def tunable_options(loss: Loss) -> list[Parameter]:
    """List the options of a loss that can be tuned: those whose value is a number on their scale."""
    arguments = signature(loss.function).parameters
    values = {name: loss.options.get(name, argument.default) for name, argument in arguments.items()}
    return [
        replace(option, default=values[option.name])
        for option in OPTIONS
        if option.name in values and option.scale.contains(values[option.name])
    ]


def tunable_parameters(box: Loss, cls: Loss) -> dict[str, Parameter]:
    """List everything that can be tuned for a pair of losses."""
    weight = Parameter(WEIGHT, LOG, box.weight / WEIGHT_FACTOR, box.weight * WEIGHT_FACTOR, default=box.weight)
    return {parameter.name: parameter for parameter in (*tunable_options(cls), *tunable_options(box), weight)}


def parameters_over(box: Loss, cls: Loss, over: Sequence[str] | None) -> list[Parameter]:
    """Select the parameters to tune.

    Args:
        box: The box loss.
        cls: The class loss.
        over: Names of parameters; None: all options of the class loss that its name does not set.

    Raises:
        TuningError: The losses have no such parameter, or it is given twice, or there is none.
    """
    found = tunable_parameters(box, cls)
    if over is None:
        over = [option.name for option in tunable_options(cls) if option.name not in cls.options]
    unknown = [name for name in over if name not in found]
    if unknown or not over:
        expected = f"expected some of {', '.join(found)}, the parameters of {box.name} and {cls.name}"
        raise TuningError(f"over: {expected}, got {repr(unknown[0]) if unknown else 'none'}")
    if len(set(over)) < len(over):
        raise TuningError(f"over: expected every parameter once, got {', '.join(over)}")
    return [found[name] for name in over]


def start_settings(parameters: Sequence[Parameter], counts: Sequence[float]) -> list[Settings]:
    """Compute the settings without tuning: if alpha is tuned, that of the class counts; and the defaults.

    Args:
        parameters: The parameters to tune.
        counts: Number of cells of each class, the background last.

    Raises:
        TuningError: The counts give no alpha between 0 and 1.
    """
    defaults = {parameter.name: parameter.default for parameter in parameters}
    starts: list[Settings] = [defaults]
    for parameter in parameters:
        if parameter.name == "alpha":
            positives, cells = sum(counts[:-1]), sum(counts)
            negatives = cells * (len(counts) - 1) - positives  # a cell has one element per class
            if not (positives and negatives):
                raise TuningError(
                    f"over: expected cells with and without objects to tune alpha, got {positives:g} positive and "
                    f"{negatives:g} negative elements"
                )
            balanced = parameter.scale.rounded(float(detloss.alpha_from_counts(positives, negatives)))
            if balanced != parameter.default:
                starts.insert(0, {**defaults, "alpha": balanced})
    return starts


def extended(parameter: Parameter, starts: Sequence[Settings]) -> Parameter:
    """Extend the range of a parameter to the start values."""
    values = [start[parameter.name] for start in starts]
    return replace(parameter, low=min(parameter.low, *values), high=max(parameter.high, *values))


def with_settings(loss: Loss, settings: Settings) -> Loss:
    """Set those of the settings that are options of a loss."""
    own = {option.name: settings[option.name] for option in tunable_options(loss) if option.name in settings}
    return replace(loss, options={**loss.options, **own})


def code_line(box: Loss, cls: Loss, settings: Settings) -> str:
    """Write Python code that constructs the tuned losses, and sets the weight if it was tuned."""
    statements = []
    for variable, loss in (("class_loss", cls), ("box_loss", box)):
        if any(option.name in settings for option in tunable_options(loss)):
            options: dict[str, Any] = dict(with_settings(loss, settings).options)
            arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
            statements.append(f"{variable} = detloss.{loss.module.__name__}({arguments})")
    if WEIGHT in settings:
        statements.append(f"box_weight = {settings[WEIGHT]!r}")
    return "; ".join(statements)


def described(settings: Settings) -> str:
    """Write settings as part of a sentence."""
    return ", ".join(f"{name} {value:.6g}" for name, value in settings.items())
