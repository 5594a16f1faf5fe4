"""The folder: nothing mixed, nothing lost, torn lines mended, full disks named."""

import errno
import json
from pathlib import Path

import pytest

from detloss.experiments.comparison.output import Folder, FolderError
from detloss.experiments.training.trial import Trial
from tests.support.trials import outcome_of

KEYS = ["box", "cls", "weight", "seed", "phase", "steps", "detector", "precision"]
NUMBERS = ["ap", "ap50", "ap75", "small", "medium", "large", "seconds"]
SETTINGS = {"seeds": [0, 1], "steps": 3}


def outcomes_of(*seeds: int) -> list:
    return [outcome_of(Trial("diou", "ce", 0.5, seed, 7), ap=0.25) for seed in seeds]


def test_results_are_appended_line_by_line_and_each_once(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.append(outcomes_of(0, 1))
    folder.append(outcomes_of(1, 2))
    records = [json.loads(line) for line in folder.results.read_text().splitlines()]
    assert [record["seed"] for record in records] == [0, 1, 2]
    assert list(records[0]) == [*KEYS, *NUMBERS]
    first = ["diou", "ce", 0.5, 0, 2, 7, "unitbox", "float32", 0.25, 0.45, 0.15, None, 0.25, 0.25, 3.0]
    assert list(records[0].values()) == pytest.approx(first)


def test_a_torn_last_line_is_cut_off_and_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.mend() is None
    folder.append(outcomes_of(0, 1))
    assert folder.mend() is None
    whole = folder.results.read_bytes()
    folder.results.write_bytes(whole[:-40])
    told = folder.mend()
    torn = len(whole.splitlines(keepends=True)[1]) - 40
    assert told == f"{folder.results}: the last line was torn after {torn} bytes; it was cut off"
    folder.append(outcomes_of(0, 1))
    assert folder.results.read_bytes() == whole


@pytest.mark.parametrize("line", ["{", "[1]", '{"box": "l1"}', '"word"', ""])
def test_a_line_that_is_no_result_is_named(line: str, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.append(outcomes_of(0))
    with folder.results.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(FolderError, match=r"results\.jsonl, line 2: expected a result, got "):
        folder.append(outcomes_of(1))


def test_the_same_settings_go_on_and_others_are_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "new" / "folder")
    folder.begin(SETTINGS, overwrite=False)
    folder.append(outcomes_of(0))
    folder.begin(SETTINGS | {"seeds": (0, 1)}, overwrite=False)  # a tuple is a list once it is JSON
    told = r"another comparison \(steps: expected 3 as in the earlier run, got 4\): give another --out, or --overwrite"
    with pytest.raises(FolderError, match=told):
        folder.begin(SETTINGS | {"steps": 4}, overwrite=False)
    assert len(folder.written()) == 1
    (folder.path / "notes.txt").write_text("the user's own")
    folder.keep(outcomes_of(1)[0])
    folder.begin(SETTINGS | {"steps": 4}, overwrite=True)
    assert sorted(path.name for path in folder.path.iterdir()) == [".lock", "notes.txt", "plan.json"]


def test_results_without_a_plan_are_refused(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text("precious\n")
    with pytest.raises(FolderError, match=r"results\.jsonl has the results of an earlier run.*--out, or --overwrite"):
        Folder(tmp_path).begin(SETTINGS, overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["results.jsonl"]


def test_what_no_database_took_is_kept_and_read_again(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    kept = [folder.keep(outcome) for outcome in outcomes_of(0, 1)]
    assert [file.name for file in kept] == [
        f"undelivered-diou-+-ce-weight-0.5-seed-{seed}-phase-2.json" for seed in (0, 1)
    ]
    read = folder.kept()
    assert list(read) == kept
    assert [outcome.trial for outcome in read.values()] == [outcome.trial for outcome in outcomes_of(0, 1)]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.results.symlink_to("/dev/full")
    folder.written = set  # type: ignore[method-assign]  # the device never ends
    with pytest.raises(OSError, match=r"No space left on device: '.*results\.jsonl'") as caught:
        folder.append(outcomes_of(0))
    assert caught.value.errno == errno.ENOSPC


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotADirectoryError, match="file"):
        Folder(tmp_path / "file" / "out").begin(SETTINGS, overwrite=False)


def test_a_folder_that_cannot_be_locked_is_named(tmp_path: Path) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(OSError, match=r"results\.jsonl: unable to open database file"):
        Folder(tmp_path).append(outcomes_of(0))


@pytest.mark.parametrize(("content", "told"), [("{", "as JSON, got Expecting"), ("[]", "got list")])
def test_a_plan_that_is_none_is_refused(content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(FolderError, match=rf"plan\.json: expected the settings of a comparison.*{told}"):
        Folder(tmp_path).begin(SETTINGS, overwrite=False)
