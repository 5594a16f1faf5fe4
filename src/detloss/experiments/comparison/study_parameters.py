"""Losses and settings of trials as parameters for Optuna's dashboard, plots and importances."""

from contextlib import suppress

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.loss_names import ALL_LOSSES, modifier_combinations
from detloss.experiments.training.outcome import Phase


def loss_parameters(pair: Pair) -> dict[str, str | float]:
    """The losses of a pair as parameters for Optuna's tools; numeric options are parameters of their own.

    The class loss focal:gamma=1.5 is "cls" = "focal" and "cls.gamma" = 1.5; the box loss inner-giou is "box" = "giou"
    and "box.modifiers" = "inner". Names with a custom detector are arbitrary.
    """
    parameters: dict[str, str | float] = dict(pair._asdict())
    if pair.cls:
        for role, name in pair._asdict().items():
            modified, *options = name.split(":")
            modifiers, hyphen, parameters[role] = modified.rpartition("-")
            if hyphen:
                parameters[f"{role}.modifiers"] = modifiers
            for option, _, value in (option.partition("=") for option in options):
                with suppress(ValueError):
                    parameters[f"{role}.{option}"] = float(value)
    return parameters


def distributions_of(plan: Plan) -> dict[str, BaseDistribution]:
    """The distributions of the parameters of all trials of a plan.

    Optuna does not allow the categories of a parameter to change within a study, so those of a loss are the names of
    the catalog.
    """
    numbers = {"weight": [weight for candidates in plan.weights.values() for weight in candidates]}
    for pair in plan.weights:
        for name, value in loss_parameters(pair).items():
            if isinstance(value, float):
                numbers.setdefault(name, []).append(value)
    custom = [pair.box for pair in plan.weights if not pair.cls]
    return {
        "box": CategoricalDistribution(custom or list(ALL_LOSSES)),
        "cls": CategoricalDistribution([""] if custom else list(ALL_LOSSES)),
        "box.modifiers": CategoricalDistribution(modifier_combinations()),
        "seed": IntDistribution(min(plan.seeds), max(plan.seeds)),
        "steps": IntDistribution(1, plan.steps),
        "phase": CategoricalDistribution([phase.value for phase in Phase]),
        "detector": CategoricalDistribution([plan.detector]),
        "precision": CategoricalDistribution([plan.precision]),
        **{name: FloatDistribution(min(values), max(values), log=name == "weight") for name, values in numbers.items()},
    }
