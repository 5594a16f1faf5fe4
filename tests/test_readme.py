"""Both READMEs: their code runs, their facts are measured, they agree with each other and name every capability."""

import contextlib
import importlib
import io
import json
import re
import tomllib
from pathlib import Path

import click
import pytest

import detloss
from benchmarks.facts import facts, table

ROOT = Path(__file__).parents[1]
ENGLISH = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in FENCE.findall(ENGLISH) if language == "python"]


def code_of(page: str) -> list[tuple[str, str]]:
    """The code blocks, without the comments of console blocks, which are translated."""
    return [
        (language, re.sub(r" +# .*", "", code) if language == "console" else code)
        for language, code in FENCE.findall(page)
    ]


def rows_of(page: str) -> list[list[str]]:
    """The rows of all tables, without their first column."""
    return [line.split("|")[2:] for line in page.splitlines() if line.startswith("| ")]


def figures_of(page: str) -> list[str]:
    """All numbers outside of code blocks."""
    return sorted(re.findall(r"\d+(?:\.\d+)*(?:e-?\d+)?", FENCE.sub("", page)))


def links_of(page: str) -> list[str]:
    """The targets of all links and images, except the link to the other language."""
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", page) if not link.startswith("README")]


def names_of(page: str) -> set[str]:
    """Everything in backticks, and every identifier in it."""
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", page))
    return {name for span in spans for name in (span, *re.findall(r"\w+", span))}


def test_both_have_the_same_code() -> None:
    assert code_of(CHINESE) == code_of(ENGLISH)


def test_both_have_the_same_figures() -> None:
    assert figures_of(CHINESE) == figures_of(ENGLISH)


def test_both_have_the_same_names_and_paths() -> None:
    def names(page: str) -> list[str]:
        return sorted(re.findall(r"`[^`\n]+`", FENCE.sub("", page)))

    assert names(CHINESE) == names(ENGLISH)


def test_both_have_the_same_links_and_each_leads_to_a_file() -> None:
    assert links_of(CHINESE) == links_of(ENGLISH)
    for link in links_of(ENGLISH):
        assert link.startswith("https://") or (ROOT / link).is_file(), link


def test_the_picture_is_an_image() -> None:
    pictures = re.findall(r"^!\[.*\]\((.*)\)$", ENGLISH, re.MULTILINE)
    assert pictures
    for path in pictures:
        assert (ROOT / path).read_bytes().startswith(b"\x89PNG"), path


def test_the_comparison_is_that_of_the_findings() -> None:
    found = json.loads((ROOT / "docs/findings/bccd-box.json").read_text(encoding="utf-8"))["pairs"]
    [worse] = [one for one in found if one["verdict"] not in (None, "not distinguishable")]
    assert (worse["box"], worse["verdict"]) == ("l2", "worse")
    assert f"only L2 of {len(found) - 1}\nother box losses" in ENGLISH
    assert (
        f"lower by {-worse['difference']:.3f}, with the interval [{worse['low']:.3f}, {worse['high']:.3f}]" in ENGLISH
    )


def test_the_facts_are_measured() -> None:
    header, _, *measured = table(facts()).splitlines()
    stated = ENGLISH.partition(header)[2].partition("\n\n")[0].splitlines()[2:]
    assert len(stated) == 6
    assert set(stated) <= set(measured)
    assert [row for row in rows_of(CHINESE) if row in rows_of("\n".join(stated))] == rows_of("\n".join(stated))


@pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_public_name_is_there(page: str) -> None:
    """A module such as `CompleteIoULoss` is there through its function, `complete_iou_loss`."""
    names = names_of(page)
    functions = {name.replace("_", "") for name in names}
    modules = {name for name in detloss.__all__ if name.endswith(("Loss", "Penalty")) and name.lower() in functions}
    assert set(detloss.__all__) - modules - names == set()


def test_every_command_is_there() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, name = settings["project"]["scripts"]["detloss"].partition(":")
    group = getattr(importlib.import_module(module), name)
    commands = {f"detloss {command}" for command in group.list_commands(click.Context(group))}
    assert commands
    assert commands <= names_of(ENGLISH)


@pytest.mark.parametrize("code", PYTHON)
def test_the_code_prints_what_its_comments_say(code: str) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, {})
    promised = re.findall(r"^(?:print\(.*\)  )?# (.*)\n", code, re.MULTILINE)
    assert output.getvalue().splitlines() == promised


def test_the_page_is_short_and_starts_with_ten_lines_of_code() -> None:
    assert len(ENGLISH.splitlines()) <= 140
    assert len([line for line in PYTHON[0].splitlines() if line]) == 10
