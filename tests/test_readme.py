"""Both READMEs: their code runs, their facts are the measured ones, and they say the same."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from benchmarks.facts import facts, table
from detloss.catalog import LOSSES

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in FENCE.findall(ENGLISH) if language == "python"]


def code_of(page: str) -> list[tuple[str, str]]:
    """The code blocks; a shell's comments are prose."""
    return [
        (language, re.sub(r" +# .*", "", code) if language == "console" else code)
        for language, code in FENCE.findall(page)
    ]


def rows_of(page: str) -> list[list[str]]:
    """The rows of all tables, without what stands in the first column."""
    return [line.split("|")[2:] for line in page.splitlines() if line.startswith("| ")]


def figures_of(page: str) -> list[str]:
    """All numbers outside of code blocks."""
    return sorted(re.findall(r"\d+(?:\.\d+)*(?:e-?\d+)?", FENCE.sub("", page)))


def test_the_two_have_the_same_code() -> None:
    assert code_of(CHINESE) == code_of(ENGLISH)


def test_the_two_have_the_same_figures() -> None:
    assert figures_of(CHINESE) == figures_of(ENGLISH)


def test_the_two_have_the_same_names_and_paths() -> None:
    def names(page: str) -> list[str]:
        return sorted(re.findall(r"`[^`\n]+`", FENCE.sub("", page)))

    assert names(CHINESE) == names(ENGLISH)


def test_the_two_have_the_same_pictures_which_are_there() -> None:
    pictures = re.findall(r"^!\[.*\]\((.*)\)$", ENGLISH, re.MULTILINE)
    assert pictures
    assert pictures == re.findall(r"^!\[.*\]\((.*)\)$", CHINESE, re.MULTILINE)
    for path in pictures:
        assert (ROOT / path).read_bytes().startswith(b"\x89PNG"), path


def test_nothing_is_left_to_fill_in() -> None:
    assert "<!--" not in ENGLISH


def test_the_facts_are_the_measured_ones() -> None:
    measured = table(facts())
    assert measured in ENGLISH
    answers = [row[1:] for row in rows_of(measured)[1:]]
    assert [row[1:] for row in rows_of(CHINESE)[1 : len(answers) + 1]] == answers


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_loss_is_listed(page: str) -> None:
    rows = [f"| `{loss.name}` | `{loss.function.__name__}` | `{loss.module.__name__}` |" for loss in LOSSES]
    assert "\n".join(rows) + "\n" in page


def test_the_map_has_folders_that_exist_and_all_of_the_package() -> None:
    listed = {Path(path) for path in re.findall(r"^\| `([\w/]+)/` \|", ENGLISH, re.MULTILINE)}
    assert all((ROOT / path).is_dir() for path in listed)
    packages = {path.parent.relative_to(ROOT) for path in (ROOT / "src" / "detloss").glob("*/__init__.py")}
    assert packages <= listed


@pytest.mark.parametrize("code", PYTHON)
def test_the_code_prints_what_its_comments_say(code: str) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, {})
    promised = re.findall(r"^(?:print\(.*\)  )?# (.*)\n", code, re.MULTILINE)
    assert output.getvalue().splitlines() == promised


def test_the_page_opens_with_ten_lines_of_code() -> None:
    assert len([line for line in PYTHON[0].splitlines() if line]) == 10
