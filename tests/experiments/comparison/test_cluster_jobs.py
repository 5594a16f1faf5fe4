"""Several processes of the command: --take, --launch, and the report from a shared storage."""

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from detloss.experiments.cli import main
from detloss.experiments.comparison import plan, progress
from detloss.experiments.comparison.cluster_jobs import launch, without_options
from detloss.experiments.comparison.runner import Comparison
from detloss.experiments.errors import OptionError
from tests.experiments.test_cli import read_small
from tests.support.trials import run_here

WORDS = ("compare", "--box", "l1,giou", "--weights", "l1=1", "--seeds", 2, "--steps", 3, "--jobs", 1)
SECRET = "CANARY"


def detloss(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that train nothing, on two small images."""
    monkeypatch.setattr(plan, "load", read_small)
    monkeypatch.setattr(Comparison, "run", run_here)
    monkeypatch.setattr(progress, "estimated_seconds", lambda *given: 1.0)


def results_in(folder: Path) -> int:
    return len((folder / "results.jsonl").read_text().splitlines())


@pytest.mark.exhaustive
def test_agents_run_a_number_of_trials_and_the_report_is_made_from_the_storage(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DETLOSS_STORAGE", str(tmp_path / "study.log"))
    for agent, left in enumerate((3, 2, 1)):
        result = detloss(*WORDS, "--take", agent + 1, "--out", tmp_path / str(agent))
        assert result.exit_code == 0, result.output
        assert f"{left} of 4 trials are left to other processes." in result.output
        assert results_in(tmp_path / str(agent)) == 4 - left
    result = detloss("report", tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert "With 3 of 4 trials finished" in result.output
    assert (tmp_path / "new" / "report.html").exists()
    last = detloss(*WORDS, "--out", tmp_path / "last")
    assert "left to other processes" not in last.output
    assert detloss("report", tmp_path / "new").exit_code == 0


@pytest.mark.exhaustive
def test_a_report_from_a_storage_with_several_comparisons_needs_a_name(quick: None, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'shared.db'}"
    for precision in ("float32", "bfloat16"):
        words = (*WORDS, "--precision", precision, "--storage", storage, "--out", tmp_path / precision)
        assert detloss(*words).exit_code == 0
    result = detloss("report", tmp_path / "new", "--storage", storage)
    assert result.exit_code == 1
    names = [word for word in result.output.split("'") if word.startswith("detloss compare ")]
    assert len(names) == 2
    result = detloss("report", tmp_path / "new", "--storage", storage, "--study", names[0])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "new" / "plan.json").read_text())
    assert found == json.loads((tmp_path / found["precision"] / "plan.json").read_text())
    missing = detloss("report", tmp_path / "other", "--storage", storage, "--study", "none")
    assert "expected the study 'none'" in missing.output
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--slurm", "partition"), "expected NAME=VALUE,..., got 'partition'"),
        (("--launch", "slurm"), '--launch: Could not detect "srun"'),
        (("--launch", "local", "--overwrite"), "--overwrite: expected without --launch"),
    ],
)
def test_a_wrong_launch_is_a_usage_error(words: tuple[str, ...], message: str, tmp_path: Path) -> None:
    result = detloss("compare", *words, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in result.output


def test_options_are_removed_with_their_values() -> None:
    words = ["data", "--launch", "slurm", "--agents=3", "--box", "--storage", "--storage=x"]
    assert without_options(words, ("--launch", "--agents")) == ["data", "--box", "--storage", "--storage=x"]
    assert without_options(words, ("--launch", "--agents", "--storage")) == ["data", "--box"]


SBATCH = """#!/bin/sh
cat "$1" >> {log}
echo "$DETLOSS_STORAGE" >> {log}.environment
echo "Submitted batch job $(wc -l < {log}.environment)"
"""


def test_slurm_gets_a_batch_file_for_each_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for sbatch: there is no SLURM in the tests."""
    log = tmp_path / "batches"
    for name, content in (("srun", "#!/bin/sh\n"), ("sbatch", SBATCH.format(log=log))):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DETLOSS_STORAGE", "")
    storage = f"postgresql://me:{SECRET}@host/base"
    parameters = {"time": "120", "partition": "gpu", "gpus_per_node": "1", "reservation": "mine", "mail-type": "END"}
    words = ["data", "--storage", storage, "--take", "1", "--launch", "slurm"]
    assert launch("slurm", words, storage, tmp_path / "agents", 2, parameters) == ["1", "2"]
    lines = log.read_text().splitlines()
    for option in (
        "time=120",
        "partition=gpu",
        "gpus-per-node=1",
        "reservation=mine",
        "mail-type=END",
        "job-name=detloss",
    ):
        assert lines.count(f"#SBATCH --{option}") == 2
    assert Path(f"{log}.environment").read_text().splitlines() == [storage] * 2
    written = [file for file in (tmp_path / "agents").rglob("*") if file.is_file()]
    assert written
    assert all(SECRET.encode() not in file.read_bytes() for file in [*written, log])
    for wrong in ({"setup": "not a list"}, {"time": "2:00:00"}):
        with pytest.raises(OptionError, match="launch: "):
            launch("slurm", words, storage, tmp_path / "agents", 1, wrong)


@pytest.mark.exhaustive
def test_local_agents_share_the_trials(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for split in ("train", "val"):
        for number in range(3):
            for kind in ("images", "labels"):
                (data / kind / split).mkdir(parents=True, exist_ok=True)
            name = f"{split}{number}"
            Image.new("RGB", (40, 30), (number * 80, 99, 0)).save(data / "images" / split / f"{name}.png")
            (data / "labels" / split / f"{name}.txt").write_text("0 0.5 0.5 0.4 0.4\n")
    out, run = tmp_path / "out", [sys.executable, "-c", "from detloss.experiments.cli import main; main()"]
    words = ["--quick", "--steps", "4", "--size", "64", "--jobs", "1", "--out", str(out)]
    launched = [*run, "compare", str(data), *words, "--launch", "local", "--agents", "2"]
    subprocess.run(launched, check=True, timeout=300, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    deadline = time.monotonic() + 400
    while not (out / "results.jsonl").exists() or results_in(out) < 2:
        assert time.monotonic() < deadline, [file.read_text() for file in (out / "agents").glob("*.err")]
        time.sleep(1)
    subprocess.run([*run, "report", str(out)], check=True, timeout=300)
    assert (out / "report.html").exists()
