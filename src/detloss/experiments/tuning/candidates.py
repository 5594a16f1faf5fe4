"""The candidates of a tuning: an Optuna study that proposes settings, and keeps what every fold made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import fmean
from typing import Any

import numpy as np
import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage, RDBStorage, get_storage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.pool import NullPool

from detloss.experiments.training.outcome import pack, unpack
from detloss.experiments.training.trial import Outcome
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.search_space import (
    Parameter,
    Settings,
    in_words,
    spanning,
)

NAME = "detloss tune"
BEFORE_DROPPING = 5  # candidates that finish all folds before another is dropped


class State(StrEnum):
    """How far a candidate is."""

    COMPLETE = "complete"
    DROPPED = "dropped"
    UNFINISHED = "unfinished"


STATES = {TrialState.COMPLETE: State.COMPLETE, TrialState.PRUNED: State.DROPPED, TrialState.RUNNING: State.UNFINISHED}


@dataclass(frozen=True)
class Candidate:
    """Settings, and what the folds made of them.

    Attributes:
        number: In the order of their beginning.
        settings: The values of what is tuned.
        state: Complete, dropped after the first folds, or unfinished.
        outcomes: Of the folds that are finished, from the first on.
    """

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
        return [outcome.ap for outcome in self.outcomes]

    def __str__(self) -> str:
        return in_words(self.settings)


class Candidates:
    """All candidates of a tuning, in a database.

    The sampler is Optuna's TPE over all parameters together, for alpha and gamma do not act apart. It is sown anew for
    every candidate, with the seed and the candidate's number: so the rest of an interrupted search proposes nothing
    that has been tried.

    The pruner is the median rule: after a fold, a candidate is dropped that did worse on its folds so far than half of
    the complete candidates did on the same folds. Wilcoxon's signed-rank test, made for cross-validation, cannot tell
    with three folds: its p is 1/8 at best.

    Args:
        url: sqlite:///FILE; None: nothing is kept when the process ends.
        parameters: What is tuned.
        starts: The settings of the first candidates, which are never dropped.
        folds: How many there are.
        seed: Of the sampler.
    """

    def __init__(
        self, url: str | None, parameters: Sequence[Parameter], starts: Sequence[Settings], *, folds: int, seed: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.parameters = [spanning(parameter, starts) for parameter in parameters]
        self.starts, self.folds, self.seed = starts, folds, seed
        # A file is opened anew for every step, so that none is left open in the end.
        self.storage: Any = get_storage(RDBStorage(url, {"poolclass": NullPool}) if url else InMemoryStorage())
        self.study = optuna.create_study(
            storage=self.storage,
            study_name=NAME,
            direction="maximize",
            pruner=MedianPruner(n_startup_trials=BEFORE_DROPPING),
            load_if_exists=True,
        )
        self.study_id = self.storage.get_study_id_from_name(NAME)
        for start in starts:
            positions = {parameter.name: parameter.scale.position(start[parameter.name]) for parameter in parameters}
            self.study.enqueue_trial(positions, skip_if_exists=True)
        for record in self._records():
            if record.state == TrialState.RUNNING:  # the process that began it may have died at any step
                self._sow(record.number)
                self._choose(optuna.Trial(self.study, record._trial_id))
                self._settle(record.number)

    def __len__(self) -> int:
        return len(self._records())

    def all(self) -> list[Candidate]:
        """List what has been begun."""
        return [self[record.number] for record in self._records()]

    def __getitem__(self, number: int) -> Candidate:
        record = self._record(number)
        settings = {
            parameter.name: parameter.scale.rounded(parameter.scale.value(record.params[parameter.name]))
            for parameter in self.parameters
        }
        found = [record.user_attrs[key] for fold in range(self.folds) if (key := place_of(fold)) in record.user_attrs]
        return Candidate(number, settings, STATES[record.state], list(map(unpack, found)))

    def judged(self, number: int) -> Outcome | None:
        """What a candidate reached on the validation images; None if it has not been judged on them."""
        packed = self.study.user_attrs.get(judged_at(number))
        return unpack(packed) if packed else None

    def propose(self) -> Candidate:
        """Begin another candidate: the starts first, then what the sampler expects most of."""
        self._sow(len(self))
        trial = self.study.ask()
        self._choose(trial)
        return self[trial.number]

    def enter(self, trial: TuningTrial, outcome: Outcome) -> Candidate:
        """Keep what a training has brought; the answer is how its candidate stands now."""
        packed = pack(replace(outcome, trial=trial.plain()))
        if trial.fold is None:  # Optuna changes nothing about a trial that has ended
            self.study.set_user_attr(judged_at(trial.candidate), packed)
        else:
            self.storage.set_trial_user_attr(self._record(trial.candidate)._trial_id, place_of(trial.fold), packed)
            self._settle(trial.candidate)
        return self[trial.candidate]

    def _sow(self, number: int) -> None:
        """Give a candidate the luck of its own."""
        [seed] = np.random.SeedSequence((self.seed, number)).generate_state(1).tolist()
        self.study.sampler = TPESampler(seed=seed, multivariate=True)

    def _choose(self, trial: optuna.Trial) -> None:
        """Give a candidate the settings that it has not yet."""
        for parameter in self.parameters:
            position = parameter.scale.position
            trial.suggest_float(parameter.name, position(parameter.low), position(parameter.high))

    def _settle(self, number: int) -> None:
        """End a candidate whose folds are finished, or that is to be dropped."""
        candidate = self[number]
        if candidate.state is not State.UNFINISHED or not candidate.outcomes:
            return
        step = len(candidate.outcomes) - 1
        self.storage.set_trial_intermediate_value(self._record(number)._trial_id, step, candidate.score)
        if len(candidate.outcomes) == self.folds:
            self.study.tell(number, candidate.score)
        elif number >= len(self.starts) and self.study.pruner.prune(self.study, self._record(number)):
            self.study.tell(number, state=TrialState.PRUNED)

    def _record(self, number: int) -> FrozenTrial:
        """What Optuna has of a candidate."""
        key = self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
        record: FrozenTrial = self.storage.get_trial(key)
        return record

    def _records(self) -> list[FrozenTrial]:
        """What it has of all that have been begun."""
        return self.study.get_trials(deepcopy=False, states=tuple(STATES))


def place_of(fold: int) -> str:
    """Under which name the outcome of a fold is kept with its candidate."""
    return f"fold {fold}"


def judged_at(number: int) -> str:
    """Under which name a candidate's outcome on the validation images is kept with the study."""
    return f"candidate {number} on validation"
