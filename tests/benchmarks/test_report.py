"""Tables, Markdown, JSON and the plot of a run."""

import json
import platform
from pathlib import Path

from rich.console import Console

from benchmarks import scaling
from benchmarks.inputs import Size
from benchmarks.report import Report
from benchmarks.tables import ALL, of_all_backends, of_default_backend, results_table
from tests.support.benchmark_results import MACHINE, ciou

RESULT = ciou(Size(65_536), ours=0.00026)
SCALED = [ciou(Size(10**power)) for power in (2, 3)]
REPORT = Report(MACHINE, [RESULT], [], SCALED)

RESULTS = """\
### All losses, sizes and backends

| loss | size | backend | ns per element | torch, torchvision | torch.compile | compile time | fraction of bound | bytes per element (ours, gradient, baseline) |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| ciou | 65\u202f536 | cpp | 3.97 | 180769x (177692–183846) | 38462x | 6.5 s | bandwidth 192308 % | 16.0, 16.0, 99.0 |
| ciou | 65\u202f536 | eager | needs 13 GB |  |  | 6.5 s |  | –, 16.0, 99.0 |
"""


SUMMARY = """\
### Summary

| loss | size | ns per element | torch, torchvision | torch.compile | bytes per element (ours, gradient, baseline) |
| --- | --- | --- | --- | --- | --- |
| ciou | 65\u202f536 | 3.97 | 180769x (177692–183846) | 38462x | 16.0, 16.0, 99.0 |
"""


def test_table_has_no_empty_column() -> None:
    table = results_table("All losses, sizes and backends", of_all_backends([RESULT]), ALL)
    assert table.markdown() + "\n" == RESULTS


def test_markdown_has_the_machine_the_tables_and_the_plot() -> None:
    page = REPORT.markdown()
    assert page.startswith(
        "Some CPU, 2 cores, 1 thread, AVX-512; torch 2.13.0, torchvision 0.28.0, detloss 0.1.0 at abc1234; 2030-01-02.\n"
    )
    assert SUMMARY in page
    assert RESULTS in page
    assert "| ciou | 1\u202f000 | 1 s | needs 13 GB | 47 s | 500 ms |" in page
    assert page.endswith("![Time by size](scaling.svg)\n")


def test_json_has_all_results() -> None:
    found = json.loads(json.dumps(REPORT.as_json()))
    assert found["machine"]["backends"] == {"cpu": "cpp"}
    (result,) = found["forward_backward"]
    assert (result["loss"], result["rows"], result["columns"], result["baseline"]) == ("ciou", 65_536, 1, "torchvision")
    assert result["measurements"]["torchvision"]["seconds"] == [46.0, 48.0, 47.0]
    assert result["measurements"]["torch.compile"]["compile_seconds"] == 6.54
    assert (found["forward"], len(found["scaling"])) == ([], 2)


def test_files_contain_no_host_and_no_folder(tmp_path: Path) -> None:
    REPORT.write(tmp_path)
    for name in ("bench.md", "bench.json"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert platform.node() not in text
        assert str(Path.cwd()) not in text


def test_terminal_shows_the_tables() -> None:
    console = Console(width=160)
    with console.capture() as captured:
        REPORT.show(console)
    assert "All losses, sizes and backends" in captured.get()
    assert "Time of forward + backward by size" in captured.get()


def test_plot_has_title_labels_and_curves(tmp_path: Path) -> None:
    scaling.plot(SCALED, tmp_path / "scaling.svg")
    drawn = (tmp_path / "scaling.svg").read_text(encoding="utf-8")
    for text in ("ciou: time by size", "number of boxes", "detloss, cpp", "torchvision"):
        assert text in drawn


def test_summary_prefers_the_main_size() -> None:
    small, main, large = (ciou(Size(rows)) for rows in (256, 65_536, 1_000_000))
    assert of_default_backend([small, main, large]) == [(main, "cpp")]
    assert of_default_backend([small, large]) == [(large, "cpp")]
