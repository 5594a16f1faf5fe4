"""Command `detloss simulate`: files, output, errors, and interruptions."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from rich.progress import Progress

from detloss.catalog import LOSSES
from detloss.experiments.cli import main
from detloss.experiments.errors import OptionError
from detloss.experiments.simulation import simulate_command
from detloss.experiments.simulation.experiment import Simulation, default_losses, simulate

BY_NAME = {loss.name: loss for loss in LOSSES}


def detloss_simulate(*words: str | int | Path) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, words)])


def test_the_command_writes_numbers_and_a_plot(seed: int, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    words = ("--losses", "l1,ciou", "--gradient", "detach", "--points", 2, "--seed", seed, "--out", out)
    result = detloss_simulate(*words)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["simulate.json", "simulate.png"]
    record = json.loads((out / "simulate.json").read_text())
    courses = simulate([BY_NAME["l1"], BY_NAME["ciou"]], gradient="detach", points=2, seed=seed).courses
    assert record == {
        "cases": 686,
        "gradient": "detach",
        "losses": {"l1": courses[0].totals, "ciou": courses[1].totals},
    }
    assert (out / "simulate.png").read_bytes().startswith(b"\x89PNG")
    for words in ("detach gradient", "l1 *", "ciou", "686 cases", "trivial", f"{courses[1].totals[50]:,.0f}"):
        assert words in result.output
    assert result.output.splitlines()[-2:] == [f"numbers: {out / 'simulate.json'}", f"plot: {out / 'simulate.png'}"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the command asks for; it gets a small simulation whatever that is."""
    asked: dict[str, object] = {}
    simulation = simulate([BY_NAME["l2"]], gradient="exact", points=1, seed=0)

    def run(losses: object, **settings: object) -> Simulation:
        asked.update(settings, losses=losses)
        return simulation

    monkeypatch.setattr(simulate_command, "run", run)
    return asked


@pytest.mark.parametrize(("words", "points"), [((), 500), (("--full",), 5000), (("--points", 7), 7)])
def test_how_many_points(words: tuple[str | int, ...], points: int, asked: dict[str, object], tmp_path: Path) -> None:
    assert detloss_simulate(*words, "--out", tmp_path).exit_code == 0
    assert asked["points"] == points
    assert asked["gradient"] == "exact"
    assert asked["losses"] == default_losses("exact")
    assert asked["seed"] == 0
    assert asked["device"] == "cpu"


def test_the_published_step_is_for_the_losses_that_have_one(asked: dict[str, object], tmp_path: Path) -> None:
    assert detloss_simulate("--gradient", "published", "--out", tmp_path).exit_code == 0
    assert asked["losses"] == default_losses("published")


def test_the_default_output_folder(asked: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert detloss_simulate().exit_code == 0
    assert (tmp_path / "out" / "simulate" / "simulate.json").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--losses", "focal"], "for the exact gradient, got focal, a loss of one-vs-rest logits"),
        (["--losses", "giou,ce"], "got ce, a loss of softmax logits"),
        (["--losses", "l1", "--gradient", "published"], "--losses: expected some of iou, giou, diou, ciou for the published gradient, got l1, a loss of numbers"),
        (["--losses", "log_iou", "--gradient", "published"], "got log_iou, a loss of boxes"),
        (["--losses", "giuo"], "No such loss: 'giuo'. Did you mean giou?"),
        (["--losses", ""], "No such loss: ''."),
        (["--losses", "giou,giou"], "expected every loss once, got giou and giou"),
        (["--gradient", "approximate"], "'approximate' is not one of 'exact', 'detach', 'published'"),
        (["--points", "0"], "--points"),
        (["--seed", "-1"], "--seed"),
        (["--full", "--points", "9"], "--full: expected no --points beside it, got --points 9"),
        (["--device", "tpu"], "'tpu' is not one of 'cpu', 'cuda'"),
    ],
)  # fmt: skip
def test_wrong_options_are_explained(words: list[str], message: str, tmp_path: Path) -> None:
    result = detloss_simulate(*words, "--out", tmp_path)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_a_missing_gpu_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = detloss_simulate("--device", "cuda", "--points", 1, "--out", tmp_path)
    assert result.exit_code == 2
    assert "--device: expected cpu, because torch finds no GPU, got cuda" in " ".join(result.output.split())


def test_python_gets_the_same_errors() -> None:
    with pytest.raises(OptionError, match="got bce, a loss of one-vs-rest logits"):
        simulate([BY_NAME["bce"]], gradient="exact", points=1, seed=0)


def test_results_are_overwritten_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "simulate.json").write_text("precious")
    words = ("--losses", "l2", "--points", 1, "--out", tmp_path)
    refused = detloss_simulate(*words)
    assert refused.exit_code == 1
    message = f"{tmp_path / 'simulate.json'}: expected no earlier results: choose another --out, or --overwrite them"
    assert message in refused.output
    assert (tmp_path / "simulate.json").read_text() == "precious"
    assert detloss_simulate(*words, "--overwrite").exit_code == 0
    assert json.loads((tmp_path / "simulate.json").read_text())["cases"] == 343


def raising(error: BaseException) -> Callable[..., None]:
    """What stands in the place of something that fails."""

    def fail(*words: object, **settings: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("before", ["", "precious"])
@pytest.mark.parametrize("where", ["simulate_command.run", "simulation_plots.write"])
@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "Interrupted: no results were written."),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
    ],
)
def test_an_early_end_leaves_no_partial_results(
    before: str, where: str, error: BaseException, code: int, message: str,
    asked: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if before:
        (tmp_path / "simulate.json").write_text(before)
    monkeypatch.setattr(f"detloss.experiments.simulation.{where}", raising(error))
    result = detloss_simulate("--out", tmp_path, "--overwrite")
    assert result.exit_code == code
    assert message in result.output
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"simulate.json": before} if before else {})


def test_a_folder_that_cannot_be_created_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = detloss_simulate("--points", 1, "--out", tmp_path / "file" / "folder")
    assert result.exit_code == 1
    assert str(tmp_path / "file") in result.output


def test_progress_bars_count_points(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: dict[int, float] = {}
    monkeypatch.setattr(Progress, "advance", lambda bars, task, points: done.update({task: done.get(task, 0) + points}))
    detloss_simulate("--losses", "l2,iou", "--points", 30, "--out", tmp_path)
    assert list(done.values()) == [30, 30]
