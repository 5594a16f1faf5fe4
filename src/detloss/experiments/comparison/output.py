"""Folder of a comparison: its plan and settings, one line per result, and results that the database did not accept."""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from io import StringIO
from math import isnan
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile

from detloss.experiments.comparison.database import folder_lock
from detloss.experiments.comparison.plan import ComparisonSettings, pair_of
from detloss.experiments.console import printable
from detloss.experiments.data.dataset import Problem
from detloss.experiments.errors import UserError
from detloss.experiments.training.checkpoints import file_of
from detloss.experiments.training.outcome import EVALUATED, Outcome, Phase, pack, unpack

RESULTS = "results.jsonl"
PLAN = "plan.json"
SETTINGS = "settings.json"
STUDY = "study.db"
JOURNAL = "study.log"
REPORT = "report.html"
STANDINGS = "standings.json"
PROBLEMS = "problems.csv"
UNDELIVERED = "undelivered-*.json"
CHECKPOINTS, WEIGHTS = "checkpoints", "weights"
BEST_WEIGHTS = "best.safetensors"
"""Files of the folder."""

TRIAL_COLUMNS = ("box", "cls", "weight", "seed", "phase", "steps", "detector", "precision")


class FolderError(UserError):
    """The folder contains something other than this comparison; the message gives a remedy."""


class Folder:
    """Files of a comparison."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / RESULTS
        self.report = path / REPORT
        self.journal = path / JOURNAL
        self.checkpoints = path / CHECKPOINTS
        self.weights = path / WEIGHTS
        self.best_weights = path / BEST_WEIGHTS

    @property
    def study(self) -> str:
        """Default address of the database: the journal of a cluster if there is one, else an SQLite file."""
        return str(self.journal.resolve()) if self.journal.exists() else f"sqlite:///{self.path / STUDY}"

    @property
    def has_plan(self) -> bool:
        """Whether there is a comparison in the folder."""
        return (self.path / PLAN).exists()

    @property
    def has_study(self) -> bool:
        """Whether the database is in the folder."""
        return self.journal.exists() or (self.path / STUDY).exists()

    def begin(self, identity: Mapping[str, Any], plan: Mapping[str, Any] = {}, *, overwrite: bool) -> None:
        """Use the folder for a new comparison, or continue one of the same identity, with the same plan or another.

        Raises:
            FolderError: There are results of another comparison; nothing is changed.
            OSError: The folder is not writable.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with folder_lock(self.path):  # of two commands that start together, the second finds the plan of the first
            self.check_or_write(identity, plan, overwrite=overwrite)

    def check_or_write(self, identity: Mapping[str, Any], plan: Mapping[str, Any] = {}, *, overwrite: bool) -> None:
        """As `begin`, for a caller that holds the lock of the existing folder."""
        if overwrite:
            patterns = (RESULTS, PLAN, SETTINGS, REPORT, STANDINGS, PROBLEMS, STUDY, JOURNAL, UNDELIVERED, BEST_WEIGHTS)
            for pattern in (*patterns, f"{CHECKPOINTS}/*", f"{WEIGHTS}/*"):
                for file in [*self.path.glob(pattern), *self.path.glob(f"{pattern}.*.part")]:
                    file.unlink(missing_ok=True)
        file = self.path / PLAN
        remedy = "use another --out, or --overwrite"
        if file.exists():
            earlier, current = self.plan(), json.loads(json.dumps(identity))
            for name in current:
                if earlier.get(name) != current.get(name):
                    change = f"{name}: expected {earlier.get(name)} as in the earlier run, got {current.get(name)}"
                    raise FolderError(f"{self.path} contains the results of another comparison ({change}): {remedy}")
        elif self.results.exists():
            raise FolderError(f"{self.results} contains the results of an earlier run without a {PLAN}: {remedy}")
        write_atomic(file, json.dumps({**identity, **plan}, indent=1))

    def write_results(self, outcomes: Iterable[Outcome]) -> None:
        """Write results.jsonl."""
        write_atomic(self.results, "".join(f"{json.dumps(result_line(outcome))}\n" for outcome in outcomes))

    def keep_weights(self, outcomes: Iterable[Outcome]) -> None:
        """Delete the weights of all trials but the best of each pair."""
        compared = sorted((one for one in outcomes if one.trial.phase is Phase.COMPARE), key=by_score)
        best = {pair_of(one.trial): one.trial for one in compared}.values()
        for trial in {one.trial for one in compared} - {*best}:
            file_of(trial, self.weights).unlink(missing_ok=True)

    def write_best_weights(self, outcomes: Iterable[Outcome]) -> Outcome | None:
        """Copy the weights of the best of these trials to best.safetensors, and return the trial.

        None: there are no trials, or another machine trained the best, whose folder has the weights.
        """
        self.best_weights.unlink(missing_ok=True)
        best = max(outcomes, key=by_score, default=None)
        if best is None or not file_of(best.trial, self.weights).exists():
            return None
        with naming(self.best_weights):
            part = self.path / f"{BEST_WEIGHTS}.{uuid4().hex[:8]}.part"
            shutil.copyfile(file_of(best.trial, self.weights), part)
            os.replace(part, self.best_weights)
        return best

    def write_standings(self, standings: Mapping[str, Any]) -> None:
        """Write standings.json."""
        write_atomic(self.path / STANDINGS, json.dumps(standings, indent=1, allow_nan=False))

    def write_problems(self, problems: Sequence[Problem]) -> None:
        """Write problems.csv, with everything that was excluded from the data, if anything was."""
        if not problems:
            return
        table = StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(field.name for field in fields(Problem))
        rows.writerows(map(printable, astuple(problem)) for problem in problems)
        write_atomic(self.path / PROBLEMS, table.getvalue())

    def save_undelivered(self, outcome: Outcome) -> Path:
        """Save a result that the database did not accept."""
        trial = outcome.trial
        name = f"{pair_of(trial)} weight {trial.weight:g} seed {trial.seed} {trial.phase}".replace(" ", "-")
        file = self.path / UNDELIVERED.replace("*", name)
        write_atomic(file, json.dumps(pack(outcome)))
        return file

    def undelivered(self) -> dict[Path, Outcome]:
        """Read the results that the database did not accept; raise a FolderError if a file is damaged."""
        outcomes = {}
        for file in sorted(self.path.glob(UNDELIVERED)):
            try:
                outcomes[file] = unpack(json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError, BadZipFile) as error:
                remedy = "delete the file, and the command trains this trial again"
                raise FolderError(f"{file}: expected the result of a trial, got a damaged file: {remedy}") from error
        return outcomes

    def write_settings(self, settings: ComparisonSettings) -> None:
        """Save the settings of the comparison."""
        write_atomic(self.path / SETTINGS, json.dumps(settings.to_json(), indent=1))

    def plan(self) -> dict[str, Any]:
        """Read the identity and the plan; raise a FolderError if there are none, or if they are damaged."""
        file = self.path / PLAN
        if not file.exists():
            raise FolderError(f"{self.path}: expected the folder of a comparison, found no {PLAN} in it")
        try:
            plan = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FolderError(f"{file}: expected the plan of a comparison as JSON, got {error}") from error
        if not isinstance(plan, dict):
            raise FolderError(f"{file}: expected the plan of a comparison, got {type(plan).__name__}")
        return plan

    def settings(self) -> ComparisonSettings:
        """Read the settings of the comparison; raise a FolderError if there are none, or if they are damaged."""
        file = self.path / SETTINGS
        try:
            return ComparisonSettings.from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            remedy = "repeat the command of the comparison, which trains nothing twice"
            raise FolderError(f"{self.path}: expected {SETTINGS}, found none: {remedy}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise FolderError(f"{file}: expected the settings of a comparison as JSON, got {error!r}") from error


def by_score(outcome: Outcome) -> tuple[float, int]:
    """The order of the trials of a pair."""
    return outcome.score, outcome.trial.seed


def result_line(outcome: Outcome) -> dict[str, Any]:
    """One line of results.jsonl; an unknown number is null."""
    numbers = {name: getattr(outcome.evaluation, name, None) for name in EVALUATED}
    numbers |= {"ap": outcome.score, "seconds": outcome.seconds}
    known = {name: None if number is None or isnan(number) else number for name, number in numbers.items()}
    evidence = {"curve": outcome.ap_curve, "errors": dict(outcome.errors)}
    return {name: getattr(outcome.trial, name) for name in TRIAL_COLUMNS} | known | evidence


def write_atomic(file: Path, content: str) -> None:
    """Write a file completely or not at all, even if the power fails or another process writes it too."""
    part = file.with_name(f"{file.name}.{uuid4().hex[:8]}.part")  # process ids may be equal on other machines
    with naming(file):
        try:
            with part.open("w", encoding="utf-8") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, file)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Name the file in errors that name none, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
