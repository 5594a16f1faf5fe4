"""What a run leaves behind."""

import json
import platform
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import growth
from benchmarks.growth import duration
from benchmarks.report import Report
from benchmarks.size import Size
from benchmarks.tables import EVERYTHING, contest_table, of_active_backend, of_every_backend
from benchmarks.targets import ON_PROCESSOR, verdicts
from tests.support.benchmark_results import MACHINE, ciou

RESULT = ciou(Size(65_536), ours=0.00026)
GROWN = [ciou(Size(10**power)) for power in (2, 3)]
REPORT = Report(MACHINE, [RESULT], [], GROWN, list(verdicts([RESULT], ON_PROCESSOR, "v4")), ["linear + focal"])

CONTESTS = """\
### Every loss, size and backend

| loss | size | backend | ns an entry | torch, torchvision | torch.compile | compiled in | of the limit | bytes: ours, gradient, peer |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| ciou | 65\u202f536 | cpp | 3.97 | 180769x (177692–183846) | 38462x | 6.5 s | twin 192308 % | 16.0, 16.0, 99.0 |
| ciou | 65\u202f536 | eager | would take 13 GB |  |  | 6.5 s |  | –, 16.0, 99.0 |
"""


SUMMARY = """\
### In short

| loss | size | ns an entry | torch, torchvision | torch.compile | bytes: ours, gradient, peer |
| --- | --- | --- | --- | --- | --- |
| ciou | 65\u202f536 | 3.97 | 180769x (177692–183846) | 38462x | 16.0, 16.0, 99.0 |
"""


def test_the_table_of_contests_has_no_empty_column() -> None:
    assert (
        contest_table("Every loss, size and backend", of_every_backend([RESULT]), EVERYTHING).markdown() + "\n"
        == CONTESTS
    )


def test_markdown_has_the_machine_the_tables_the_picture_and_the_targets() -> None:
    page = REPORT.markdown()
    assert page.startswith(
        "Some CPU, 2 cores, 1 thread, AVX-512; torch 2.13.0, torchvision 0.28.0, detloss 0.1.0 at abc1234; 2030-01-02.\n"
    )
    assert SUMMARY in page
    assert CONTESTS in page
    assert "| ciou | 1\u202f000 | 1 s | would take 13 GB | 47 s | 500 ms |" in page
    assert "![Time over rows](growth.svg)" in page
    assert "Backend cpp: 4 of 4 targets hold. Not measured in this run: linear + focal." in page
    assert "- ciou, 65\u202f536, time an entry: ≤ 4.5 ns; measured 3.97 ns: holds" in page


def test_json_has_everything() -> None:
    found = json.loads(json.dumps(REPORT.as_json()))
    assert found["machine"]["backends"] == {"cpu": "cpp"}
    assert found["contests"][0]["scores"]["torchvision"]["seconds"] == [46.0, 48.0, 47.0]
    assert found["contests"][0]["scores"]["torch.compile"]["compile_seconds"] == 6.54
    assert found["targets"][0] == {
        "loss": "ciou",
        "rows": 65_536,
        "columns": 1,
        "row": "box losses from 65 536 boxes",
        "quantity": "against torchvision",
        "at_least": True,
        "bound": 40,
        "measured": found["targets"][0]["measured"],
        "holds": True,
    }
    assert found["unmeasured"] == ["linear + focal"]


def test_files_name_no_host_and_no_folder(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    for name in ("bench.md", "bench.json"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert platform.node() not in text
        assert str(Path.cwd()) not in text


def test_the_terminal_shows_tables_and_targets() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        REPORT.show(console)
    assert "Every loss, size and backend" in captured.get()
    assert "falls short" not in captured.get()


def test_the_picture(tmp_path: Path) -> None:
    growth.draw(GROWN, tmp_path / "growth.svg")
    drawn = (tmp_path / "growth.svg").read_text(encoding="utf-8")
    for words in ("How the cost of ciou grows", "number of boxes", "detloss, cpp", "torchvision"):
        assert words in drawn


@pytest.mark.parametrize(("seconds", "text"), [(2.0, "2 s"), (0.01, "10 ms"), (5.36e-4, "536 µs"), (2e-9, "2 ns")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_summary_prefers_the_usual_size() -> None:
    small, usual, large = (ciou(Size(rows)) for rows in (256, 65_536, 1_000_000))
    assert of_active_backend([small, usual, large]) == [(usual, "cpp")]
    assert of_active_backend([small, large]) == [(large, "cpp")]
