"""Losses and settings of trials as parameters for Optuna's dashboard, plots and importances, and their states."""

from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from detloss.experiments.comparison.plan import SEARCH_SEEDS, Pair, Plan, pair_of
from detloss.experiments.training.outcome import Phase, Trial
from detloss.loss_names import ALL_LOSSES, modifier_combinations

MAX_ATTEMPTS = 3  # starts of a trial whose processes die, until the command is repeated


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


def parameters_of(trial: Trial, distributions: Container[str]) -> dict[str, Any]:
    """The losses and settings of a trial that have a distribution."""
    settings = asdict(trial) | loss_parameters(pair_of(trial))
    return {name: value for name, value in settings.items() if name in distributions}


def ended(latest: Mapping[Trial, FrozenTrial]) -> dict[Trial, float | None]:
    """The scores of the trials that have ended, from their latest records; None if a trial failed."""
    return {trial: record.value for trial, record in latest.items() if record.state.is_finished()}


def distributions_of(plan: Plan) -> dict[str, BaseDistribution]:
    """The distributions of the parameters of all trials of a plan.

    Optuna does not allow the categories of a parameter to change within a study, so those of a loss are the names of
    the catalog. Losses with other names are no parameters: a study may get more of them.
    """
    numbers = {"weight": plan.weight_range}
    for pair in plan.weights:
        for name, value in loss_parameters(pair).items():
            if isinstance(value, float):
                numbers.setdefault(name, []).append(value)
    catalog = CategoricalDistribution(list(ALL_LOSSES))
    return {
        **({"box": catalog, "cls": catalog} if all(pair.cls for pair in plan.weights) else {}),
        "box.modifiers": CategoricalDistribution(modifier_combinations()),
        "seed": IntDistribution(min(*plan.seeds, *SEARCH_SEEDS), max(*plan.seeds, *SEARCH_SEEDS)),
        "steps": IntDistribution(1, plan.steps),
        "phase": CategoricalDistribution([phase.value for phase in Phase]),
        "detector": CategoricalDistribution([plan.detector]),
        "precision": CategoricalDistribution([plan.precision]),
        **{name: FloatDistribution(min(values), max(values), log=name == "weight") for name, values in numbers.items()},
    }


def attempts(trials: Iterable[Trial], latest: Mapping[Trial, FrozenTrial], restart_failed: bool) -> dict[Trial, int]:
    """Number the next attempt of each trial that has no record, or a failed one that is to be repeated."""
    due = {}
    for trial in trials:
        record = latest.get(trial)
        if record is None or (record.state == TrialState.FAIL and restart_failed):
            due[trial] = 1
        elif record.state == TrialState.FAIL and record.user_attrs.get("died", True):
            attempt = record.user_attrs["attempt"]
            if attempt < MAX_ATTEMPTS:
                due[trial] = attempt + 1
    return due
