"""Wording of the package and its documentation: standard terms, and module docstrings that name a thing or an action."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = {".py", ".pyi", ".md", ".rst", ".h", ".cpp", ".j2", ".css"}
FILES = sorted(
    [
        *(path for folder in ("src", "docs") for path in (ROOT / folder).rglob("*") if path.suffix in TEXT),
        *ROOT.glob("README*.md"),
    ]
)
REJECTED = re.compile(
    r"""
    turned\ (box|rectangle) | along\ the\ axes | surest | way\ back\b | what\ (is\ asked|comes\ back)
    | (begin|begins|began|begun|beginning)\ again | drawn\ anew | judged\ (on|by) | (fall|falls|fell|fallen)\ silent
    | told\ apart | wants\ a\ gradient | of\ one['’]s\ own | one\ against\ all | one\ a\ (class|loss)
    | a\ factor\ an\ entry | normaliser
    """,
    re.VERBOSE | re.IGNORECASE,
)
QUESTION = re.compile(r"(What|Which|Where|Who|Whose|Whom|How|Why|When)\b")


def running_text(text: str) -> str:
    """The text with line breaks and comment signs as single spaces: a phrase may stand on two lines."""
    return re.sub(r"\s+(?:(?://|#:?|\*)\s+)?", " ", text)


def rejected(text: str) -> list[str]:
    """Phrases for which the field has a standard term."""
    return [match[0] for match in REJECTED.finditer(running_text(text))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_terms_are_those_of_the_field(path: Path) -> None:
    assert rejected(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix == ".py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_module_docstrings_begin_with_a_noun_or_a_verb(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring or path.name == "__init__.py"
    assert not QUESTION.match(docstring or "")


@pytest.mark.parametrize(
    "phrase", ["A turned box.", "# the way\n    # back to it", "// along the\n// axes", "Judged on it"]
)
def test_a_phrase_is_found_across_lines_and_in_comments(phrase: str) -> None:
    assert len(rejected(phrase)) == 1


@pytest.mark.parametrize("phrase", ["one class", "fallen leaves", "the turning box", "way backward", "begin: again"])
def test_similar_words_are_no_such_phrase(phrase: str) -> None:
    assert rejected(phrase) == []
