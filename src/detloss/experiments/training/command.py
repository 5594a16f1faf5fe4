"""Trials that a command of the user trains; detloss evaluates its predictions."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from itertools import takewhile
from math import isfinite
from pathlib import Path
from string import Formatter
from subprocess import PIPE, STDOUT, Popen, TimeoutExpired
from time import perf_counter

import torch

from detloss.experiments.console import duration
from detloss.experiments.data.dataset import Dataset, search_dataset
from detloss.experiments.errors import OptionError
from detloss.experiments.script_trial import VARIABLE, ScriptTrial
from detloss.experiments.training import process_guard
from detloss.experiments.training.coco_files import PredictionsError, read_predictions, sizes_in_files, write_images
from detloss.experiments.training.devices import Device, cpu_count
from detloss.experiments.training.outcome import Outcome, Phase, Trial, TrialError
from detloss.experiments.training.training_loop import OnProgress, outcome_of_predictions
from detloss.experiments.training.workers import describe_exit

TRIALS, TRIAL_FILE, LOG = "trials", "trial.json", "log.txt"
TRAIN_FILE, VALIDATION_FILE = "train.json", "validation.json"
SEARCH = "search"
"""Files of a comparison with a command, in its folder and in those of the trials."""

WITHOUT_DATA = ("steps", "seed", "out", "box", "cls", "weight")
PLACEHOLDERS = ("data", "train", "validation", *WITHOUT_DATA)

PROGRESS = re.compile(rb"\s*step\s+(\d+)", re.IGNORECASE)
LINE_END = re.compile(rb"[\r\n]+")  # progress bars end a line by a carriage return
POLL_INTERVAL = 0.5  # seconds between two looks at the output
LONGEST_LINE = 1 << 16  # bytes; of a longer one the end counts
TAIL_LINES, TAIL_BYTES = 20, 1 << 14  # of the log, in the error of a failed trial


@dataclass(frozen=True)
class Command:
    """A command that trains a detector with the losses of a trial: a `TrialRunner`.

    The command and the file of its predictions have placeholders; without predictions, the last line of its output has
    its score. A trial fails after a time limit in seconds. Trials at the same time, `jobs`, share the cores of a CPU.
    """

    train: str
    predictions: str | None
    folder: Path
    data: Path | None
    time_limit: float | None = None
    jobs: int = 1

    def check(self) -> None:
        """Raise an OptionError if a placeholder is unknown or has no value, or if the program does not exist."""
        if self.predictions is not None and self.data is None:
            raise OptionError("predictions: expected DATA to evaluate them, got none")
        words = split(self.train)
        for option, texts in (("train", words), ("predictions", [self.predictions or "{out}"])):
            fields = [field for text in texts for field in fields_of(option, text)]
            for field in fields:
                if field not in PLACEHOLDERS:
                    known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
                    raise OptionError(f"{option}: expected one of the placeholders {known}, got {{{field}}}")
                if self.data is None and field not in WITHOUT_DATA:
                    raise OptionError(f"{option}: expected DATA for the placeholder {{{field}}}, got none")
            if option == "predictions" and "out" not in fields:
                raise OptionError(f"predictions: expected a path with {{out}}, got {self.predictions}")
        if shutil.which(words[0]) is None:
            raise OptionError(f"train: expected a program as the first word, got {words[0]}, which is not found")

    def prepare(self, dataset: Dataset) -> None:
        """Write the training and the validation images for the scripts."""
        if self.data is not None:
            (self.folder / SEARCH).mkdir(exist_ok=True)
            for folder, part in ((self.folder, dataset), (self.folder / SEARCH, search_dataset(dataset))):
                write_images(folder / TRAIN_FILE, part.train, part)
                write_images(folder / VALIDATION_FILE, part.validation, part)

    @property
    def holds_out(self) -> bool:
        """Whether the search is evaluated on training images that are held out.

        A command with the placeholder {data} selects the images itself, and one without predictions its score.
        """
        fields = [field for word in split(self.train) for field in fields_of("train", word)]
        return self.predictions is not None and "data" not in fields

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
        program, *words = takewhile(lambda word: not word.startswith("-") and "{" not in word, split(self.train))
        return f"the command {shlex.join([os.path.basename(program), *words])}"

    def options(self) -> dict[str, str]:
        """The settings that the report lists."""
        limit = "none" if self.time_limit is None else duration(self.time_limit)
        return {"train": self.train, "predictions": self.predictions or "none", "time limit": limit}

    def __call__(
        self, trial: Trial, dataset: Dataset, *, device: Device = Device(), on_progress: OnProgress | None = None
    ) -> Outcome:
        """Run the command and evaluate the result; raise a TrialError if it fails, is late or has no valid result."""
        folder = self.folder.resolve()
        out = folder / TRIALS / directory_of(trial)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        if trial.phase is Phase.SEARCH and self.holds_out:
            folder, dataset = folder / SEARCH, search_dataset(dataset)
        script = ScriptTrial(
            trial.box,
            trial.cls,
            trial.weight,
            trial.seed,
            trial.steps,
            out,
            data=self.data,
            train=self.data and folder / TRAIN_FILE,
            validation=self.data and folder / VALIDATION_FILE,
            sizes=None if self.data is None else sizes_in_files(dataset.train),
        )
        (out / TRIAL_FILE).write_text(script.to_json(), encoding="utf-8")
        values = {name: getattr(script, name) for name in ("data", "train", "validation", "steps", "seed", "out")}
        values |= {"box": trial.box, "cls": trial.cls, "weight": f"{trial.weight:.12g}"}
        words = [word.format(**values) for word in split(self.train)]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", VARIABLE: str(out / TRIAL_FILE)}
        environment |= visible_devices(device)
        if self.jobs > 1 and device.name == "cpu":
            environment.setdefault("OMP_NUM_THREADS", str(max(cpu_count() // self.jobs, 1)))

        def advance(step: int) -> None:
            if on_progress is not None:
                on_progress(min(step, trial.steps))

        start = perf_counter()
        self.run(words, environment, out / LOG, advance)
        seconds = perf_counter() - start
        try:
            if self.predictions is None:
                return Outcome(trial, score_in(out / LOG), seconds)
            predictions = read_predictions(Path(self.predictions.format(**values)), dataset)
        except PredictionsError as error:
            raise TrialError(str(error), end_of(out / LOG)) from error
        return outcome_of_predictions(trial, predictions, dataset, seconds)

    def run(
        self, words: Sequence[str], environment: Mapping[str, str], file: Path, advance: Callable[[int], None]
    ) -> None:
        """Run the command with its output in a file, and call `advance` for every step in it."""
        limit = "" if self.time_limit is None else str(self.time_limit)
        guard = [sys.executable, "-I", "-S", process_guard.__file__, limit, *words]
        start, code, rest = perf_counter(), None, b""
        with file.open("wb") as written, file.open("rb") as output:
            process = Popen(guard, stdin=PIPE, stdout=written, stderr=STDOUT, env=environment)
            assert process.stdin is not None
            with process.stdin:  # the guard ends the command when this end closes, also because this process was killed
                while code is None:
                    with suppress(TimeoutExpired):
                        code = process.wait(POLL_INTERVAL)
                    while part := output.read(LONGEST_LINE):
                        *lines, rest = LINE_END.split(rest[-LONGEST_LINE:] + part)
                        for found in filter(None, map(PROGRESS.match, lines)):
                            advance(int(found[1]))
        if code and self.time_limit is not None and perf_counter() - start >= self.time_limit:
            raise TrialError(f"the command reached the time limit of {duration(self.time_limit)}", end_of(file))
        if code:
            raise TrialError(f"the command {describe_exit(code)}", end_of(file))


def split(command: str) -> list[str]:
    """Split a command into words as a shell does."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OptionError(f"train: expected a command, got {command}: {error}") from error
    if not words:
        raise OptionError("train: expected a command, got none")
    return words


def fields_of(option: str, text: str) -> list[str]:
    """The placeholders in a text."""
    try:
        return [field for _, field, _, _ in Formatter().parse(text) if field is not None]
    except ValueError as error:
        raise OptionError(
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


def score_in(log: Path) -> float:
    """The score in the last line of a log that has one."""
    for line in reversed(last_lines(log)):
        with suppress(ValueError, RecursionError):
            record = json.loads(line)
            if isinstance(record, dict) and "score" in record:
                score = record["score"]
                if isinstance(score, bool) or not isinstance(score, int | float) or not isfinite(score):
                    raise PredictionsError(f"score: expected a finite number in the output, got {score!r:.60}")
                return float(score)
    raise PredictionsError('expected a last line {"score": NUMBER} in the output, got none')


def end_of(log: Path) -> str:
    """The last lines of a log, and where it is."""
    return "\n".join([*last_lines(log)[-TAIL_LINES:], f"log: {log}"])


def last_lines(file: Path) -> list[str]:
    """The lines at the end of a file; the first of them may be incomplete."""
    with file.open("rb") as opened:
        opened.seek(max(opened.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
        return [line.decode(errors="backslashreplace") for line in LINE_END.split(opened.read()) if line.strip()]
