"""Tables, Markdown and JSON of a run."""

import json
import platform
import re
from dataclasses import replace
from pathlib import Path

from docutils import nodes
from docutils.core import publish_doctree
from rich.console import Console

from benchmarks.cases import COMPILED
from benchmarks.inputs import Size
from benchmarks.published import published
from benchmarks.report import Report
from benchmarks.tables import ALL, of_all_backends, of_default_backend, results_table
from tests.support.benchmark_results import MACHINE, case_of, cell, ciou, share

RESULT = ciou(Size(65_536), ours=0.00026)
CELLS = [
    cell(256, {"torch": 0.8, COMPILED: 2.0}),
    cell(65_536, {"torch": 3.0, COMPILED: 1.25}),
    cell(65_536, {"torch": 4.0}, dtype="bfloat16", float32=0.95),
    cell(1_000_000, {}, dtype="bfloat16", float32=1.5),
]
REPORT = Report(MACHINE, [RESULT], [], CELLS, [share("cache"), share("memory")])

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


GRID = """\
### Lowest speed-up of all dtypes, with and without a weight

| loss | 256 | 65\u202f536 | 1\u202f000\u202f000 |
| --- | --- | --- | --- |
| l1 | 0.800 | 1.25 compiled | – |

### Lowest speed-up over others, by number of entries

| loss | dtype | weight | 256 | 65\u202f536 | 1\u202f000\u202f000 |
| --- | --- | --- | --- | --- | --- |
| l1 | float32 | no | 0.800 | 1.25 compiled | – |
| l1 | bfloat16 | no | – | 4.00 | – |

### Speed-up below 1

| loss | dtype | weight | entries | over | speed-up | limit |
| --- | --- | --- | --- | --- | --- | --- |
| l1 | float32 | no | 256 | torch | 0.800x | an empty autograd function takes 50.0 % of our time |

### Speed of 16-bit operands relative to float32

| loss | weight | bfloat16, from cache | float16, from cache | bfloat16, from memory | float16, from memory |
| --- | --- | --- | --- | --- | --- |
| l1 | no | 0.950x |  | 1.50x |  |
"""

SHARES = "| ciou | cache | 5.00 | 20.0 % | 60.0 % | 60.0 % | 40.0 % |"


def test_table_has_no_empty_column() -> None:
    table = results_table("All losses, sizes and backends", of_all_backends([RESULT]), ALL)
    assert table.markdown() + "\n" == RESULTS


def test_markdown_has_the_machine_and_the_tables() -> None:
    page = REPORT.markdown()
    assert page.startswith(
        "Some CPU, 2 cores, 1 thread, AVX-512; torch 2.13.0, torchvision 0.28.0, detloss 0.1.0 at abc1234; 2030-01-02.\n"
    )
    assert SUMMARY in page
    assert RESULTS in page
    assert GRID in page
    assert SHARES in page


def test_json_has_all_results() -> None:
    found = json.loads(json.dumps(REPORT.as_json()))
    assert found["machine"]["backends"] == {"cpu": "cpp"}
    (result,) = found["forward_backward"]
    assert (result["loss"], result["rows"], result["columns"], result["baseline"]) == ("ciou", 65_536, 1, "torchvision")
    assert result["measurements"]["torchvision"]["seconds"] == [46.0, 48.0, 47.0]
    assert result["measurements"]["torch.compile"]["compile_seconds"] == 6.54
    assert found["forward"] == []
    assert found["grid"][0]["ratios"]["torch"]["median"] == 0.8
    assert [each["place"] for each in found["shares"]] == ["cache", "memory"]


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
    assert "Lowest speed-up over others" in captured.get()
    assert "Forward only" not in captured.get()


def test_published_tables() -> None:
    text = published(replace(REPORT, forward_backward=[RESULT, replace(RESULT, case=case_of("giou"))]))
    readme, chinese, docs = re.split(r"README.*:\n|docs/backends.rst:\n", text)[1:]
    row = "| GIoU | 65\u202f536 | 3.97 ns | 180769x | 38462x |"
    assert readme.strip() == chinese.strip() == row
    assert "   CIoU | 65\u202f536 | 3.97 | 180769x (177692–183846) | 38462x | 16, 99\n" in docs
    assert docs.count(".. csv-table:: ") == 5
    document = publish_doctree(docs, settings_overrides={"halt_level": 2})
    assert len(list(document.findall(nodes.table))) == 5


def test_summary_prefers_the_main_size() -> None:
    small, main, large = (ciou(Size(rows)) for rows in (256, 65_536, 1_000_000))
    assert of_default_backend([small, main, large]) == [(main, "cpp")]
    assert of_default_backend([small, large]) == [(large, "cpp")]
