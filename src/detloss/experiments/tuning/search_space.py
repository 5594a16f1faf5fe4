"""Search space: tunable options of the losses and the weight of the box loss, their ranges and start values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from math import exp, floor, inf, log, log10

from scipy.special import expit, logit  # type: ignore[import-untyped]

import detloss
from detloss.catalog import Loss
from detloss.experiments.errors import OptionError
from detloss.loss_names import python_code

WEIGHT = "weight"
WEIGHT_FACTOR = 8.0  # the weight is searched from 1/8 of the listed one to 8 times it

Settings = Mapping[str, float]  # values of the tuned parameters by name


@dataclass(frozen=True)
class Scale:
    """A scale, by its name in matplotlib, on which a parameter is searched and plotted.

    `position` maps a value between `low` and `high`, exclusive, to its position; `value` is the inverse. `magnitude` is
    the distance from the nearest end of the scale, which determines the digits of a value.
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
    """An option to tune: its scale, its range, and its value without tuning."""

    name: str
    scale: Scale
    low: float
    high: float
    default: float = float("nan")


OPTIONS = (
    Parameter("alpha", LOGIT, 0.05, 0.999),
    Parameter("gamma", LINEAR, 0.0, 5.0),
    Parameter("beta", LOG, 1 / 16, 4.0),
    Parameter("positive_gamma", LINEAR, 0.0, 5.0),
    Parameter("negative_gamma", LINEAR, 0.0, 8.0),
    Parameter("margin", LINEAR, 0.0, 0.3),
    Parameter("delta", LOG, 1 / 16, 8.0),
    Parameter("theta", LINEAR, 2.0, 6.0),
    Parameter("power", LOG, 0.5, 6.0),
    Parameter("inner", LOG, 0.5, 1.5),
)
"""Tunable options; the signature of a loss function determines which of them it has, and their defaults."""


def tunable_options(loss: Loss) -> list[Parameter]:
    """List the options of a loss that can be tuned: those whose value is a number on their scale."""
    defaults = {name: argument.default for name, argument in signature(loss.function).parameters.items()}
    values = {**defaults, **loss.options, **loss.modifier_options}
    return [
        replace(option, default=values[option.name])
        for option in OPTIONS
        if option.name in values and option.scale.contains(values[option.name])
    ]


def tunable_parameters(box: Loss, cls: Loss) -> dict[str, Parameter]:
    """List everything that can be tuned for a pair of losses; an option that both have is that of the class loss."""
    weight = Parameter(WEIGHT, LOG, box.weight / WEIGHT_FACTOR, box.weight * WEIGHT_FACTOR, default=box.weight)
    of_class = {option.name: option for option in tunable_options(cls)}
    of_box = {option.name: option for option in tunable_options(box) if option.name not in of_class}
    return {**of_class, **of_box, WEIGHT: weight}


def parameters_over(box: Loss, cls: Loss, over: Sequence[str] | None) -> list[Parameter]:
    """Select the parameters to tune by name; by default, all options of the class loss that its name does not set."""
    found = tunable_parameters(box, cls)
    if over is None:
        over = [option.name for option in tunable_options(cls) if option.name not in cls.options]
    unknown = [name for name in over if name not in found]
    if unknown or not over:
        expected = f"expected some of {', '.join(found)}, the parameters of {box.name} and {cls.name}"
        raise OptionError(f"over: {expected}, got {repr(unknown[0]) if unknown else 'none'}")
    if len(set(over)) < len(over):
        raise OptionError(f"over: expected every parameter once, got {', '.join(over)}")
    return [found[name] for name in over]


def start_settings(
    parameters: Sequence[Parameter], counts: Sequence[float], weight: float | None = None
) -> list[Settings]:
    """Compute the settings without tuning: if alpha is tuned, that of the class counts; the defaults; and the weight.

    `counts` are the numbers of cells of the classes, the background last; they have to give an alpha between 0 and 1.
    """
    defaults = {parameter.name: parameter.default for parameter in parameters}
    starts: list[Settings] = [defaults]
    for parameter in parameters:
        if parameter.name == "alpha":
            positives, cells = sum(counts[:-1]), sum(counts)
            negatives = cells * (len(counts) - 1) - positives  # a cell has one element per class
            if not (positives and negatives):
                raise OptionError(
                    f"over: expected cells with and without objects to tune alpha, got {positives:g} positive and "
                    f"{negatives:g} negative elements"
                )
            balanced = parameter.scale.rounded(float(detloss.alpha_from_counts(positives, negatives)))
            if balanced != parameter.default:
                starts.insert(0, {**defaults, "alpha": balanced})
    if weight is not None and weight != defaults[WEIGHT]:
        starts.append({**defaults, WEIGHT: weight})
    return starts


def extended(parameter: Parameter, starts: Sequence[Settings]) -> Parameter:
    """Extend the range of a parameter to the start values."""
    values = [start[parameter.name] for start in starts]
    return replace(parameter, low=min(parameter.low, *values), high=max(parameter.high, *values))


def with_settings(box: Loss, cls: Loss, settings: Settings) -> tuple[Loss, Loss]:
    """Set those of the settings that are options of one of the losses."""
    of_class = {option.name for option in tunable_options(cls)}.intersection(settings)
    of_box = {option.name for option in tunable_options(box)}.intersection(settings) - of_class
    return (
        box.with_options({name: value for name, value in settings.items() if name in of_box}),
        cls.with_options({name: value for name, value in settings.items() if name in of_class}),
    )


def code_line(box: Loss, cls: Loss, settings: Settings) -> str:
    """Write Python code that constructs the tuned losses, and sets the weight if it was tuned."""
    statements = []
    tuned_box, tuned_cls = with_settings(box, cls, settings)
    for variable, loss, tuned in (("class_loss", cls, tuned_cls), ("box_loss", box, tuned_box)):
        if any(option.name in settings for option in tunable_options(loss)):
            statements.append(f"{variable} = {python_code(tuned)}")
    if WEIGHT in settings:
        statements.append(f"box_weight = {settings[WEIGHT]!r}")
    return "; ".join(statements)


def described(settings: Settings) -> str:
    """Write settings as part of a sentence."""
    return ", ".join(f"{name} {value:.6g}" for name, value in settings.items())
