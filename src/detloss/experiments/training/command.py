"""Trials that a command of the user trains; detloss evaluates its predictions."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from itertools import takewhile
from math import isfinite
from pathlib import Path
from string import Formatter
from subprocess import PIPE, Popen
from threading import Thread
from time import perf_counter
from typing import IO

import torch

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.script_trial import VARIABLE, ScriptTrial
from detloss.experiments.training import process_guard
from detloss.experiments.training.coco_files import PredictionsError, read_predictions, sizes_in_files, write_images
from detloss.experiments.training.devices import Device
from detloss.experiments.training.outcome import Outcome, Trial, TrialError
from detloss.experiments.training.training_loop import OnProgress, outcome_of_predictions
from detloss.experiments.training.workers import describe_exit

TRIALS, TRIAL_FILE, LOG = "trials", "trial.json", "log.txt"
TRAIN_FILE, VALIDATION_FILE = "train.json", "validation.json"
"""Files of a comparison with a command, in its folder and in those of the trials."""

WITHOUT_DATA = ("steps", "seed", "out", "box", "cls", "weight")
PLACEHOLDERS = ("data", "train", "validation", *WITHOUT_DATA)

PROGRESS = re.compile(rb"\s*step\s+(\d+)", re.IGNORECASE)
LONGEST_LINE = 1 << 16  # bytes; a longer one is read in parts
READING_TIMEOUT = 2.0  # seconds to read the rest of the output of a command that has exited
TAIL_LINES, TAIL_BYTES = 20, 4000  # of the log, in the error of a failed trial


class CommandError(Exception):
    """The command cannot be used; the message names the option."""


@dataclass(frozen=True)
class Command:
    """A command that trains a detector with the losses of a trial: a `TrialRunner`.

    Attributes:
        train: The command with placeholders.
        predictions: The file of its predictions with placeholders; None: its last line of output is its score.
        folder: Folder of the comparison.
        data: Path of the data set, if there is one.
        time_limit: Seconds after which a trial fails; None: no limit.
        jobs: Number of trials at the same time, which share the cores of a CPU.
    """

    train: str
    predictions: str | None
    folder: Path
    data: Path | None
    time_limit: float | None = None
    jobs: int = 1

    def check(self) -> None:
        """Check the placeholders and whether the program exists.

        Raises:
            CommandError: One is unknown, or has no value because there is no data set.
        """
        if self.predictions is not None and self.data is None:
            raise CommandError("predictions: expected DATA to evaluate them, got none")
        words = split(self.train)
        for option, texts in (("train", words), ("predictions", [self.predictions or "{out}"])):
            fields = [field for text in texts for field in fields_of(option, text)]
            for field in fields:
                if field not in PLACEHOLDERS:
                    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                    raise CommandError(f"{option}: expected one of the placeholders {known}, got {{{field}}}")
                if self.data is None and field not in WITHOUT_DATA:
                    raise CommandError(f"{option}: expected DATA for the placeholder {{{field}}}, got none")
            if option == "predictions" and "out" not in fields:
                raise CommandError(f"predictions: expected a path with {{out}}, got {self.predictions}")
        if "{" not in words[0] and shutil.which(words[0]) is None:
            raise CommandError(f"train: expected a command, got {words[0]}, which is not found")

    def prepare(self, dataset: Dataset) -> None:
        """Write the training and the validation images for the scripts."""
        if self.data is not None:
            write_images(self.folder / TRAIN_FILE, dataset.train, dataset)
            write_images(self.folder / VALIDATION_FILE, dataset.validation, dataset)

    @property
    def digest(self) -> str:
        """A short hash of the command, and of the files that its arguments name, such as the script and weights."""
        digest = sha256(repr((self.train, self.predictions)).encode())
        for word in split(self.train)[1:]:
            if os.path.isfile(word):
                with open(word, "rb") as file:
                    digest.update(file_digest(file, "sha256").digest())
        return digest.hexdigest()[:8]

    @property
    def name(self) -> str:
        """The command without its options."""
        words = takewhile(lambda word: not word.startswith("-") and "{" not in word, split(self.train))
        return f"the command {shlex.join(words)}"

    def options(self) -> dict[str, str]:
        """The settings that the report lists."""
        limit = "none" if self.time_limit is None else f"{self.time_limit:g} seconds"
        return {"train": self.train, "predictions": self.predictions or "none", "time limit": limit}

    def __call__(
        self, trial: Trial, dataset: Dataset, *, device: Device = Device(), on_progress: OnProgress | None = None
    ) -> Outcome:
        """Run the command and evaluate the result.

        Raises:
            TrialError: It failed, reached the time limit, or has no valid result.
        """
        out = self.folder.resolve() / TRIALS / directory_of(trial)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        script = ScriptTrial(
            trial.box,
            trial.cls,
            trial.weight,
            trial.seed,
            trial.steps,
            out,
            data=self.data,
            train=self.data and self.folder.resolve() / TRAIN_FILE,
            validation=self.data and self.folder.resolve() / VALIDATION_FILE,
            sizes=None if self.data is None else sizes_in_files(dataset.train),
        )
        (out / TRIAL_FILE).write_text(script.to_json(), encoding="utf-8")
        values = {name: getattr(script, name) for name in ("data", "train", "validation", "steps", "seed", "out")}
        values |= {"box": trial.box, "cls": trial.cls, "weight": f"{trial.weight:.12g}"}
        words = [word.format(**values) for word in split(self.train)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", VARIABLE: str(out / TRIAL_FILE)}
        environment |= visible_devices(device)
        if self.jobs > 1 and device.name == "cpu":
            environment.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // self.jobs, 1)))

        def advance(step: int) -> None:
            if on_progress is not None:
                on_progress(min(step, trial.steps))

        start = perf_counter()
        with (out / LOG).open("ab", buffering=0) as log:
            last_line = self.run(words, environment, log, advance)
        seconds = perf_counter() - start
        try:
            if self.predictions is None:
                return Outcome(trial, score_in(last_line), seconds)
            predictions = read_predictions(Path(self.predictions.format(**values)), dataset)
        except PredictionsError as error:
            raise TrialError(str(error), end_of(out / LOG)) from error
        return outcome_of_predictions(trial, predictions, dataset, seconds)

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], log: IO[bytes], advance: Callable[[int], None]
    ) -> bytes:
        """Run the command and return the last line of its standard output."""
        limit = "" if self.time_limit is None else str(self.time_limit)
        guard = [sys.executable, "-I", "-S", process_guard.__file__, limit, *words]
        start = perf_counter()
        process = Popen(guard, stdin=PIPE, stdout=PIPE, stderr=log, env=environment)
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin:  # the guard ends the command when this end closes, also because this process was killed
            output = Output(process.stdout, log, advance)
            code = process.wait()
        output.join(READING_TIMEOUT)
        if output.is_alive():  # a process that has left the session of the command keeps the pipe open
            output.ended = True
        else:
            process.stdout.close()
        path = Path(log.name)
        if self.time_limit is not None and perf_counter() - start >= self.time_limit and code:
            raise TrialError(f"the command reached the time limit of {self.time_limit:g} seconds", end_of(path))
        if code:
            raise TrialError(f"the command {describe_exit(code)}", end_of(path))
        return output.last_line


class Output(Thread):
    """Reads the standard output of a command: writes it to the log, and finds progress and the last line."""

    def __init__(self, stream: IO[bytes], log: IO[bytes], advance: Callable[[int], None]) -> None:
        super().__init__(daemon=True)
        self.stream, self.log, self.advance = stream, log, advance
        self.last_line, self.ended = b"", False
        self.start()

    def run(self) -> None:
        while (line := self.stream.readline(LONGEST_LINE)) and not self.ended:
            self.log.write(line)
            if line.strip():
                self.last_line = line
            if found := PROGRESS.match(line):
                self.advance(int(found[1]))


def split(command: str) -> list[str]:
    """Split a command into words as a shell does."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CommandError(f"train: expected a command, got {command}: {error}") from error
    if not words:
        raise CommandError("train: expected a command, got none")
    return words


def fields_of(option: str, text: str) -> list[str]:
    """The placeholders in a text."""
    try:
        return [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise CommandError(
            f"{option}: expected placeholders such as {{out}}, and {{{{ for a brace, got {text}"
        ) from error


def directory_of(trial: Trial) -> str:
    """Name of the folder of a trial."""
    name = f"{trial.box}+{trial.cls} weight {trial.weight:g} seed {trial.seed} steps {trial.steps} {trial.phase}"
    return re.sub(r"[^\w.+=-]+", "-", name)


def visible_devices(device: Device) -> dict[str, str]:
    """The environment variable that shows a process its GPUs only."""
    indices = [torch.device(name).index or 0 for name in device.name.split(",") if name.startswith("cuda")]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else None
    shown = [names[index] if names else str(index) for index in indices]
    return {"CUDA_VISIBLE_DEVICES": ",".join(shown)} if shown else {}


def score_in(line: bytes) -> float:
    """The score in the last line of the output."""
    try:
        record = json.loads(line)
        score = record["score"]
    except (ValueError, TypeError, KeyError, RecursionError):
        score = None
    if isinstance(score, bool) or not isinstance(score, int | float) or not isfinite(score):
        shown = line.decode(errors="backslashreplace").strip()
        raise PredictionsError(f'expected {{"score": NUMBER}} as the last line of standard output, got {shown!r:.200}')
    return float(score)


def end_of(log: Path) -> str:
    """The last lines of a log, and where it is."""
    with log.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
        lines = file.read().decode(errors="backslashreplace").splitlines()
    return "\n".join([*lines[-TAIL_LINES:], f"log: {log}"])
