"""Folder of a comparison: results are not mixed or lost, and errors name the file."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from detloss.experiments.comparison import output
from detloss.experiments.comparison.output import Folder, FolderError
from detloss.experiments.training.checkpoints import file_of
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from tests.support.trials import outcome_of

KEYS = ["box", "cls", "weight", "seed", "phase", "steps", "detector", "precision"]
NUMBERS = ["ap", "ap50", "ap75", "small", "medium", "large", "seconds"]
EVIDENCE = ["curve", "errors"]
PLAN = {"seeds": [0, 1], "steps": 3}


def outcomes_of(*seeds: int) -> list:
    return [outcome_of(Trial("diou", "ce", 0.5, seed, 7), ap=0.25) for seed in seeds]


def test_results_are_lines_of_json(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_results([*outcomes_of(0, 1), outcome_of(Trial("l1", "ce", 1.0, 0, 2, Phase.SEARCH))])
    records = [json.loads(line) for line in folder.results.read_text().splitlines()]
    assert [(record["seed"], record["phase"]) for record in records] == [(0, "compare"), (1, "compare"), (0, "search")]
    assert list(records[0]) == [*KEYS, *NUMBERS, *EVIDENCE]
    first = ["diou", "ce", 0.5, 0, "compare", 7, "unitbox", "float32", 0.25, 0.45, 0.15, None, 0.25, 0.25, 3.0, [], {}]
    for value, expected in zip(records[0].values(), first, strict=True):
        assert value == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_results_replace_what_was_there(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.results.write_text('{"box": "l1"}\n{"torn')
    folder.write_results(outcomes_of(0))
    assert [json.loads(line)["seed"] for line in folder.results.read_text().splitlines()] == [0]
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"], "no temporary file is left"


def test_a_score_alone_has_a_line(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_results([Outcome(Trial("diou", "ce", 0.5, 0, 7), 0.25, 3.0)])
    [record] = [json.loads(line) for line in folder.results.read_text().splitlines()]
    assert [record[name] for name in NUMBERS] == [0.25, None, None, None, None, None, 3.0]


def test_the_same_plan_is_continued_and_others_are_rejected(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new" / "folder")
    folder.begin(PLAN, overwrite=False)
    folder.write_results(outcomes_of(0))
    folder.begin(PLAN | {"seeds": (0, 1)}, {"weights": 1}, overwrite=False)  # JSON has no tuples
    folder.begin(PLAN, {"weights": 2}, overwrite=False)
    assert folder.plan()["weights"] == 2, "the plan may change, and the results remain"
    message = (
        r"another comparison \(steps: expected 3 as in the earlier run, got 4\): use another --out, or --overwrite"
    )
    with pytest.raises(FolderError, match=message):
        folder.begin(PLAN | {"steps": 4}, overwrite=False)
    assert len(folder.results.read_text().splitlines()) == 1
    (folder.path / "notes.txt").write_text("the user's own")
    (folder.path / "notes.part").write_text("the user's own")
    (folder.path / "report.html.123.part").write_text("left by a process that was killed")
    folder.save_undelivered(outcomes_of(1)[0])
    folder.begin(PLAN | {"steps": 4}, overwrite=True)
    assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "notes.part", "notes.txt", "plan.json"]


def test_results_without_a_plan_are_rejected(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    with pytest.raises(
        FolderError, match=r"results\.jsonl contains the results of an earlier run.*--out, or --overwrite"
    ):
        Folder(tmp_path).begin(PLAN, overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "results.jsonl"]


def test_results_that_the_database_did_not_accept_are_saved_and_read(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    files = [folder.save_undelivered(outcome) for outcome in outcomes_of(0, 1)]
    assert [file.name for file in files] == [
        f"undelivered-diou-+-ce-weight-0.5-seed-{seed}-compare.json" for seed in (0, 1)
    ]
    read = folder.undelivered()
    assert list(read) == files
    assert [outcome.trial for outcome in read.values()] == [outcome.trial for outcome in outcomes_of(0, 1)]


def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_results(outcomes_of(0))
    before = folder.results.read_text()
    monkeypatch.setattr(output, "uuid4", lambda: UUID(int=0))
    (tmp_path / "results.jsonl.00000000.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*results\.jsonl'") as caught:
        folder.write_results(outcomes_of(0, 1))
    assert folder.results.read_text() == before
    assert [file.name for file in tmp_path.iterdir()] == ["results.jsonl"], "no temporary file is left"
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotADirectoryError, match="file"):
        Folder(tmp_path / "file" / "out").begin(PLAN, overwrite=False)


@pytest.mark.parametrize(("content", "found"), [("{", "as JSON, got Expecting"), ("[]", "got list")])
def test_a_damaged_plan_is_rejected(content: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(FolderError, match=rf"plan\.json: expected the plan of a comparison.*{found}"):
        Folder(tmp_path).begin(PLAN, overwrite=False)


PLAN_WRITER = """
import json, sys
from pathlib import Path
from detloss.experiments.comparison.output import Folder, FolderError
steps, path = int(sys.argv[1]), Path(sys.argv[2])
print("ready", flush=True)
for round in range(200):
    if not sys.stdin.readline():
        break
    try:
        Folder(path / str(round)).begin({"steps": steps}, overwrite=False)
        print("used", flush=True)
    except FolderError:
        print("rejected", flush=True)
"""


@pytest.mark.exhaustive
def test_of_two_commands_that_start_together_one_is_rejected(tmp_path: Path) -> None:
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", PLAN_WRITER, str(steps), tmp_path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )
        for steps in (20, 30)
    ]  # fmt: skip
    assert [command.stdout.readline() for command in commands] == ["ready\n"] * 2
    for round in range(200):
        for command in commands:
            command.stdin.write("\n")
        found = [command.stdout.readline().strip() for command in commands]
        assert sorted(found) == ["rejected", "used"]
        plan = json.loads((tmp_path / str(round) / "plan.json").read_text())
        assert plan == {"steps": 20 if found[0] == "used" else 30}
    for command in commands:
        command.communicate()


def test_the_weights_of_the_best_trial_of_each_pair_are_kept(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.weights.mkdir()
    scores = {("l1", 0): 0.2, ("l1", 1): 0.4, ("l1", 2): 0.3, ("giou", 0): 0.1, ("giou", 1): 0.05}
    outcomes = [outcome_of(Trial(box, "ce", 1.0, seed, 7), ap) for (box, seed), ap in scores.items()]
    for outcome in outcomes:
        file_of(outcome.trial, folder.weights).write_text(str(outcome.score))
    unfinished = Trial("l1", "ce", 1.0, 3, 7)
    file_of(unfinished, folder.weights).write_text("of a running trial")
    search = outcome_of(Trial("l1", "ce", 1.0, 0, 1, Phase.SEARCH), 0.9)
    folder.keep_weights([search, *outcomes])
    assert sorted(file.read_text() for file in folder.weights.iterdir()) == ["0.1", "0.4", "of a running trial"]
    best = folder.write_best_weights(outcomes[:3])
    assert best is outcomes[1]
    assert folder.best_weights.read_text() == "0.4"
    assert folder.write_best_weights(outcomes[3:]) is outcomes[3]
    file_of(outcomes[3].trial, folder.weights).unlink()
    assert folder.write_best_weights(outcomes[3:]) is None, "another machine trained it"
    assert not folder.best_weights.exists(), "those of another pair would mislead"
    assert folder.write_best_weights(()) is None
    folder.begin(PLAN, overwrite=True)
    assert not list(folder.weights.iterdir())
