"""Trials that a command trains: placeholders, environment, result, log, time limit, and the end of its processes."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from detloss.experiments.data.dataset import Dataset, load, no_images
from detloss.experiments.errors import OptionError
from detloss.experiments.training.command import Command, directory_of
from detloss.experiments.training.devices import Device, cpu_count
from detloss.experiments.training.outcome import Outcome, Trial, TrialError
from tests.support.datasets import Picture, write_yolo

TRIAL = Trial("smooth_l1:beta=0.5", "focal", 2.5, seed=3, steps=7)
PICTURES = (Picture("one.png"), Picture("two.png", "val"))


def command_of(folder: Path, program: str, *words: str, **options: object) -> Command:
    """A command that runs this program, beside a data set if there is one."""
    script = folder / "script.py"
    script.write_text(program)
    train = shlex.join([sys.executable, "-S", str(script)]) + "".join(f" {word}" for word in words)
    data = folder / "data"
    return Command(train, **{"predictions": None, "folder": folder, "data": data if data.exists() else None} | options)


def run(command: Command, dataset: Dataset | None = None, **options: object) -> Outcome:
    command.check()
    return command(TRIAL, dataset or no_images(), **options)


def test_placeholders_become_the_settings_of_the_trial(tmp_path: Path) -> None:
    names = ("steps", "seed", "out", "box", "cls", "weight", "data", "train", "validation")
    dataset = load(write_yolo(tmp_path / "data", PICTURES))
    program = "import json, sys; print('noise'); print(json.dumps({'score': 0.25, 'words': sys.argv[1:]}))"
    command = command_of(tmp_path, program, *(f"--{name}={{{name}}}" for name in names), "'a {seed} b'", "{{}}")
    command.prepare(dataset)
    outcome = run(command, dataset)
    assert (outcome.trial, outcome.score, outcome.evaluation) == (TRIAL, 0.25, None)
    out = tmp_path / "trials" / directory_of(TRIAL)
    words = json.loads((out / "log.txt").read_text().splitlines()[1])["words"]
    given = dict(word.removeprefix("--").split("=", 1) for word in words[: len(names)])
    assert given == {
        "steps": "7",
        "seed": "3",
        "out": str(out),
        "box": "smooth_l1:beta=0.5",
        "cls": "focal",
        "weight": "2.5",
        "data": str(tmp_path / "data"),
        "train": str(tmp_path / "train.json"),
        "validation": str(tmp_path / "validation.json"),
    }
    assert words[len(names) :] == ["a 3 b", "{}"]
    assert [Path(row["file_name"]).name for row in json.loads(Path(given["train"]).read_text())["images"]] == [
        "one.png"
    ]


def test_predictions_are_evaluated(tmp_path: Path) -> None:
    dataset = load(write_yolo(tmp_path / "data", PICTURES))
    row = {"image_id": "two", "category_id": 1, "bbox": [2, 3, 10, 10], "score": 0.9}
    program = f"import json, sys; json.dump([{row}], open(sys.argv[1] + '/mine.json', 'w'))"
    outcome = run(command_of(tmp_path, program, "{out}", predictions="{out}/mine.json"), dataset)
    assert outcome.score == pytest.approx(1.0)
    assert outcome.evaluation is not None
    assert list(outcome.predictions) == [0]


def test_the_folder_of_a_trial_is_empty_at_its_start(tmp_path: Path) -> None:
    dataset = load(write_yolo(tmp_path / "data", PICTURES))
    stale = tmp_path / "trials" / directory_of(TRIAL) / "mine.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("[]")
    with pytest.raises(TrialError, match=r"mine\.json: expected COCO results, got none"):
        run(command_of(tmp_path, "", predictions="{out}/mine.json"), dataset)


def test_lines_with_steps_are_progress(tmp_path: Path) -> None:
    steps: list[int] = []
    program = (
        "print('step 1 of 7'); print(' Step 5: loss 3'); print('step 99'); print('steps 4'); print('{\"score\": 1}')"
    )
    run(command_of(tmp_path, program), on_progress=steps.append)
    assert steps == [1, 5, 7]


def test_a_failed_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    program = "import sys; print(*range(100), sep='\\n'); sys.exit('out of \\x1b luck')"
    with pytest.raises(TrialError, match="^the command exited with code 1$") as caught:
        run(command_of(tmp_path, program))
    lines = caught.value.details.splitlines()
    assert len(lines) == 21
    assert {"out of \x1b luck", "99"} < set(lines)
    assert lines[-1] == f"log: {tmp_path / 'trials' / directory_of(TRIAL) / 'log.txt'}"


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"the command was killed \(SIGKILL: often"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "the command was terminated by SIGTERM"),
        ("", r'expected a last line {"score": NUMBER} in the output, got none'),
        ("print(3)", "expected a last line .*, got none"),
        ("print('{\"score\": NaN}')", "score: expected a finite number in the output, got nan"),
        ("print('{\"score\": true}')", "score: expected a finite number in the output, got True"),
        ('print(\'{"score": 1}\\n{"score": [2]}\')', r"score: expected a finite number in the output, got \[2\]"),
    ],
)
def test_a_trial_without_a_valid_result_fails(tmp_path: Path, program: str, message: str) -> None:
    with pytest.raises(TrialError, match=message):
        run(command_of(tmp_path, program))


def test_warnings_after_the_score_do_no_harm(tmp_path: Path) -> None:
    program = "import sys; print('{\"score\": 0.5}\\n\\n', flush=True); print('warning', file=sys.stderr)"
    assert run(command_of(tmp_path, program)).score == 0.5


def is_running(process: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_end(process: int) -> None:
    deadline = time.monotonic() + 20
    while is_running(process):
        assert time.monotonic() < deadline, f"process {process} still runs"
        time.sleep(0.02)


CHILDREN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
print(child.pid, file=open(sys.argv[1] + "/child", "w"), flush=True)
open(sys.argv[1] + "/started", "w").close()
{then}
"""


@pytest.mark.parametrize(("then", "limit"), [("time.sleep(600)", 1.0), ("print('{\"score\": 1}')", None)])
def test_no_process_is_left(tmp_path: Path, then: str, limit: float | None) -> None:
    """At the time limit, and if the command leaves a child that holds its output open."""
    command = command_of(tmp_path, CHILDREN.replace("{then}", then), "{out}", time_limit=limit)
    if limit is None:
        assert run(command).score == 1
    else:
        with pytest.raises(TrialError, match="the command reached the time limit of 1 second$"):
            run(command)
    await_end(int((tmp_path / "trials" / directory_of(TRIAL) / "child").read_text()))


RUNNER = """
import signal, sys
from pathlib import Path
from detloss.experiments.data.dataset import no_images
from detloss.experiments.training.command import Command
from tests.experiments.training.test_command import TRIAL
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in background jobs
Command(sys.argv[1], None, Path(sys.argv[2]), None)(TRIAL, no_images())
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_command_ends_with_its_worker(tmp_path: Path, number: int) -> None:
    command = command_of(tmp_path, CHILDREN.replace("{then}", "time.sleep(600)"), "{out}")
    worker = subprocess.Popen([sys.executable, "-c", RUNNER, command.train, str(tmp_path)], stderr=subprocess.DEVNULL)
    out = tmp_path / "trials" / directory_of(TRIAL)
    while not (out / "started").exists():
        assert worker.poll() is None
        time.sleep(0.05)
    worker.send_signal(number)
    worker.wait()
    await_end(int((out / "child").read_text()))


def test_the_environment_has_the_devices_and_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import json, os; print(json.dumps(dict(os.environ))); print('{\"score\": 1}')"
    command = command_of(tmp_path, program, jobs=cpu_count())

    def environment(device: str) -> dict[str, str]:
        run(command, device=Device(device))
        return json.loads((tmp_path / "trials" / directory_of(TRIAL) / "log.txt").read_text().splitlines()[0])

    for name in ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert environment("cuda:1")["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment("cuda:2,cuda:3")["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert "CUDA_VISIBLE_DEVICES" not in environment("cpu")
    assert environment("cpu")["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-7f")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert environment("cuda:1")["CUDA_VISIBLE_DEVICES"] == "GPU-7f"
    assert environment("cpu")["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize(
    ("train", "options", "message"),
    [
        ("", {}, "train: expected a command, got none"),
        ("python 'a", {}, "train: expected a command, got python 'a: No closing quotation"),
        (
            "no-such-program x",
            {},
            "train: expected a program as the first word, got no-such-program, which is not found",
        ),
        (f"{sys.executable} {{epochs}}", {}, r"train: expected one of the placeholders {data}, .*, got {epochs}"),
        (f"{sys.executable} {{}}", {}, r"train: expected one of the placeholders .*, got {}"),
        (f"{sys.executable} {{", {}, r"train: expected placeholders such as {out}, and {{ for a brace, got {"),
        (f"{sys.executable} {{data}}", {}, "train: expected DATA for the placeholder {data}, got none"),
        (sys.executable, {"predictions": "{out}/p"}, "predictions: expected DATA to evaluate them, got none"),
        (sys.executable, {"predictions": "p", "data": Path()}, "predictions: expected a path with {out}, got p"),
    ],
)
def test_an_unusable_command_is_rejected(tmp_path: Path, train: str, options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=f"^{message}"):
        Command(train, **{"predictions": None, "folder": tmp_path, "data": None} | options).check()


def test_the_digest_changes_with_the_script(tmp_path: Path) -> None:
    first = command_of(tmp_path, "print(1)").digest
    assert command_of(tmp_path, "print(1)").digest == first
    assert len({first, command_of(tmp_path, "print(2)").digest, command_of(tmp_path, "print(1)", "{seed}").digest}) == 3
