"""The folder of a comparison: what was asked, one line a result, and results that no database would take."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from detloss.experiments.comparison.database_lock import locked_folder
from detloss.experiments.comparison.plan import pair_of
from detloss.experiments.comparison.request import Request
from detloss.experiments.training.outcome import NUMBERS, pack, unpack
from detloss.experiments.training.trial import Outcome, Trial

RESULTS = "results.jsonl"
SETTINGS = "plan.json"
REQUEST = "request.json"
STUDY = "study.db"
REPORT = "report.html"
KEPT = "undelivered-*.json"
"""Files of a folder. One that was kept back is named after its trial, and removed when the database has it."""

KEY = ("box", "cls", "weight", "seed", "phase", "steps", "detector", "precision")


class FolderError(Exception):
    """The folder has something else than this comparison; the message says what and what to do."""


class Folder:
    """What a comparison leaves on disk.

    Args:
        path: Made where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / RESULTS
        self.report = path / REPORT

    @property
    def study(self) -> str:
        """The address of the study that lies here unless another is given."""
        return f"sqlite:///{self.path / STUDY}"

    def begin(self, settings: Mapping[str, Any], *, overwrite: bool) -> None:
        """Take the folder for a comparison, or for the rest of one that was interrupted.

        Args:
            settings: What decides the results. They must be those of what is here already.
            overwrite: Remove what is here first.

        Raises:
            FolderError: There are results of another comparison; nothing is changed then.
            OSError: The folder cannot be written.
        """
        if overwrite:
            for name in (RESULTS, SETTINGS, REQUEST, REPORT, STUDY, KEPT):
                for file in self.path.glob(name):
                    file.unlink()
        file = self.path / SETTINGS
        ask = "give another --out, or --overwrite it"
        if file.exists():
            before, wanted = settings_in(file), json.loads(json.dumps(settings))
            for name in dict.fromkeys([*before, *wanted]):
                if before.get(name) != wanted.get(name):
                    told = f"{name}: expected {before.get(name)} as in the earlier run, got {wanted.get(name)}"
                    raise FolderError(f"{self.path} has the results of another comparison ({told}): {ask}")
        elif self.results.exists():
            raise FolderError(f"{self.results} has the results of an earlier run, and there is no {SETTINGS}: {ask}")
        else:
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(file, json.dumps(settings, indent=1))

    def mend(self) -> str | None:
        """Cut off a last line that is torn, and say so; its trial is written again from the database."""
        if not self.results.exists():
            return None
        with told_as(self.results), locked_folder(self.path), self.results.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            file.truncate(whole)
        torn = len(content) - whole
        return f"{self.results}: the last line was torn after {torn} bytes; it was cut off" if torn else None

    def written(self) -> set[Trial]:
        """Read which trials have a line.

        Raises:
            FolderError: A line is no result of a trial.
        """
        trials: set[Trial] = set()
        lines = self.results.read_bytes().splitlines() if self.results.exists() else []
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                trials.add(Trial(**{name: record[name] for name in KEY}))
            except (ValueError, KeyError, TypeError) as error:
                shown = line[:60].decode(errors="replace")
                raise FolderError(f"{self.results}, line {number}: expected a result, got {shown!r}") from error
        return trials

    def append(self, outcomes: Iterable[Outcome]) -> None:
        """Append results that have no line yet, each whole; they are on the disk when this returns."""
        with told_as(self.results), locked_folder(self.path):  # two processes may share a folder
            written = self.written()
            for outcome in outcomes:
                if outcome.trial not in written:
                    with self.results.open("ab", buffering=0) as file:  # a line is one write, appended as one
                        file.write(json.dumps(line_of(outcome)).encode() + b"\n")
                        os.fsync(file.fileno())

    def keep(self, outcome: Outcome) -> Path:
        """Save a result that the database did not take."""
        trial = outcome.trial
        name = f"{pair_of(trial)} weight {trial.weight:g} seed {trial.seed} phase {trial.phase}".replace(" ", "-")
        file = self.path / KEPT.replace("*", name)
        write_whole(file, json.dumps(pack(outcome)))
        return file

    def kept(self) -> dict[Path, Outcome]:
        """Read what was kept back.

        Raises:
            FolderError: A file is no result of a trial.
        """
        outcomes = {}
        for file in sorted(self.path.glob(KEPT)):
            try:
                outcomes[file] = unpack(json.loads(file.read_text(encoding="utf-8")))
            except (ValueError, KeyError, TypeError, BadZipFile) as error:
                remedy = "remove the file, and the command trains this trial again"
                raise FolderError(f"{file}: expected the result of a trial, got a damaged file: {remedy}") from error
        return outcomes

    def note(self, request: Request) -> None:
        """Save the request of the comparison."""
        write_whole(self.path / REQUEST, json.dumps(request.to_json(), indent=1))

    def settings(self) -> dict[str, Any]:
        """Read what decides the results here.

        Raises:
            FolderError: There is no comparison here.
        """
        file = self.path / SETTINGS
        if not file.exists():
            raise FolderError(f"{self.path}: expected the folder of a comparison, found no {SETTINGS} in it")
        return settings_in(file)

    def request(self) -> Request:
        """Read the request of the comparison.

        Raises:
            FolderError: There is none here, or it cannot be read.
        """
        file = self.path / REQUEST
        try:
            return Request.from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            remedy = "the comparison is of an earlier version; repeat its command, which trains nothing twice"
            raise FolderError(f"{self.path}: expected {REQUEST}, found none: {remedy}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise FolderError(f"{file}: expected the request of a comparison as JSON, got {error!r}") from error


def settings_in(file: Path) -> dict[str, Any]:
    """Read what was asked before."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FolderError(f"{file}: expected the settings of a comparison as JSON, got {error}") from error
    if not isinstance(settings, dict):
        raise FolderError(f"{file}: expected the settings of a comparison, got {type(settings).__name__}")
    return settings


def line_of(outcome: Outcome) -> dict[str, Any]:
    """What results.jsonl tells of a trial; a number that is not known is null."""
    numbers = {name: getattr(outcome, name) for name in NUMBERS}
    known = {name: None if isnan(number) else number for name, number in numbers.items()}
    return {name: getattr(outcome.trial, name) for name in KEY} | known


def write_whole(file: Path, content: str) -> None:
    """Write a file whole or not at all, even if the power fails."""
    part = file.with_name(f"{file.name}.part")
    with told_as(file):
        with part.open("w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, file)


@contextmanager
def told_as(file: Path) -> Iterator[None]:
    """Name the file where an error names none, as that of a full disk does not, nor that of the folder's lock."""
    try:
        yield
    except sqlite3.Error as error:
        raise OSError(f"{file}: {error}") from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from error
