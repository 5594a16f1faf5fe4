"""Candidates of a tuning: an Optuna study that proposes settings and stores the outcome of every fold."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean
from typing import Any

import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage, RDBStorage, get_storage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.pool import NullPool

from detloss.experiments.training.outcome import Outcome, pack, unpack
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.search_space import Parameter, Settings, described, extended

NAME = "detloss tune"
FOLD, VALIDATION = "fold {}", "candidate {} on validation"  # attributes of a candidate and of the study, with outcomes
COMPLETE_BEFORE_PRUNING = 5  # candidates that complete all folds before another may be dropped


class State(StrEnum):
    """State of a candidate."""

    COMPLETE = "complete"
    DROPPED = "dropped"
    UNFINISHED = "unfinished"


STATES = {TrialState.COMPLETE: State.COMPLETE, TrialState.PRUNED: State.DROPPED, TrialState.RUNNING: State.UNFINISHED}


@dataclass(frozen=True)
class Candidate:
    """Settings, numbered in the order of their start, and the outcomes of their finished folds, from the first on."""

    number: int
    settings: Settings
    state: State
    outcomes: Sequence[Outcome]

    @property
    def score(self) -> float:
        """The mean AP of its folds; NaN before the first."""
        return fmean(self.scores) if self.outcomes else float("nan")

    @property
    def scores(self) -> list[float]:
        """The AP of its folds."""
        return [outcome.score for outcome in self.outcomes]

    def __str__(self) -> str:
        return described(self.settings)


class Candidates:
    """All candidates of a tuning, in a database.

    The sampler is Optuna's TPE for all parameters jointly, because alpha and gamma interact. It is seeded for every
    candidate, with the seed and the candidate's number, so that an interrupted search does not repeat proposals.

    The pruner is the median rule: after a fold, a candidate is dropped if its score so far is below the median of the
    complete candidates on the same folds. Wilcoxon's signed-rank test, the usual choice for cross-validation, cannot
    drop a candidate with three folds: its p-value is at least 1/8.

    The first candidates have the settings `starts`, and are never dropped. Without a `url`, sqlite:///FILE, nothing is
    kept when the process ends.
    """

    def __init__(
        self, url: str | None, parameters: Sequence[Parameter], starts: Sequence[Settings], *, folds: int, seed: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.parameters = [extended(parameter, starts) for parameter in parameters]
        self.starts, self.folds, self.seed = starts, folds, seed
        # Without a pool a file is opened for every access, and none is open at the end.
        self.storage: Any = get_storage(RDBStorage(url, {"poolclass": NullPool}) if url else InMemoryStorage())
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=NAME,
            direction="maximize",
            pruner=MedianPruner(n_startup_trials=COMPLETE_BEFORE_PRUNING),
            load_if_exists=True,
        )
        for start in starts:
            positions = {parameter.name: parameter.scale.position(start[parameter.name]) for parameter in parameters}
            self.study.enqueue_trial(positions, skip_if_exists=True)
        for record in self.records():
            if record.state == TrialState.RUNNING:  # its process may have died at any step
                self.seed_sampler(record.number)
                self.suggest_settings(optuna.Trial(self.study, record._trial_id))
                self.update_state(record.number)

    def __len__(self) -> int:
        return len(self.records())

    def all(self) -> list[Candidate]:
        """List all candidates that have started."""
        return [self[record.number] for record in self.records()]

    def __getitem__(self, number: int) -> Candidate:
        record = self.record(number)
        settings = {
            parameter.name: parameter.scale.rounded(parameter.scale.value(record.params[parameter.name]))
            for parameter in self.parameters
        }
        keys = [key for key in map(FOLD.format, range(self.folds)) if key in record.user_attrs]
        found = [record.user_attrs[key] for key in keys]
        return Candidate(number, settings, STATES[record.state], list(map(unpack, found)))

    def validated(self, number: int) -> Outcome | None:
        """Return the outcome of a candidate on the validation images; None before there is one."""
        packed = self.study.user_attrs.get(VALIDATION.format(number))
        return unpack(packed) if packed else None

    def importances(self) -> dict[str, float]:
        """The fraction of the explained variance of the score that is due to each parameter; empty if there is none."""
        with suppress(RuntimeError, ValueError):  # too few candidates, or equal ones
            return get_param_importances(self.study, evaluator=FanovaImportanceEvaluator(seed=self.seed))
        return {}

    def propose(self) -> Candidate:
        """Start another candidate: the start settings first, then proposals of the sampler."""
        self.seed_sampler(len(self))
        trial = self.study.ask()
        self.suggest_settings(trial)
        return self[trial.number]

    def enter(self, trial: TuningTrial, outcome: Outcome) -> Candidate:
        """Store the outcome of a training and return the updated candidate."""
        packed = pack(replace(outcome, trial=trial.plain()))
        if trial.fold is None:  # Optuna's trials cannot change after their end
            self.study.set_user_attr(VALIDATION.format(trial.candidate), packed)
        else:
            trial_id = self.record(trial.candidate)._trial_id
            self.storage.set_trial_user_attr(trial_id, FOLD.format(trial.fold), packed)
            self.update_state(trial.candidate)
        return self[trial.candidate]

    def seed_sampler(self, number: int) -> None:
        """Seed the sampler for a candidate."""
        [seed] = np.random.SeedSequence((self.seed, number)).generate_state(1).tolist()
        self.study.sampler = TPESampler(seed=seed, multivariate=True)

    def suggest_settings(self, trial: optuna.Trial) -> None:
        """Have the sampler choose the settings that a candidate still lacks."""
        for parameter in self.parameters:
            position = parameter.scale.position
            trial.suggest_float(parameter.name, position(parameter.low), position(parameter.high))

    def update_state(self, number: int) -> None:
        """End a candidate whose folds are finished, or that is dropped."""
        candidate = self[number]
        if candidate.state is not State.UNFINISHED or not candidate.outcomes:
            return
        step = len(candidate.outcomes) - 1
        self.storage.set_trial_intermediate_value(self.record(number)._trial_id, step, candidate.score)
        if len(candidate.outcomes) == self.folds:
            self.study.tell(number, candidate.score)
        elif number >= len(self.starts) and self.study.pruner.prune(self.study, self.record(number)):
            self.study.tell(number, state=TrialState.PRUNED)

    def record(self, number: int) -> FrozenTrial:
        """Return Optuna's record of a candidate."""
        return self.study.get_trials(deepcopy=False)[number]

    def records(self) -> list[FrozenTrial]:
        """List Optuna's records of all candidates that have started."""
        return self.study.get_trials(deepcopy=False, states=tuple(STATES))
