"""The command `detloss explore`, and the same file on the documentation site."""

import webbrowser
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from detloss.experiments.cli import main
from detloss.explorer import document
from docs.extension import explorer_page


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser would open."""
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    return opened


def test_it_writes_the_page_and_opens_it(tmp_path: Path, addresses: list[str]) -> None:
    path = tmp_path / "a folder" / "page.html"
    done = CliRunner().invoke(main, ["explore", "--out", str(path)])
    assert (done.exit_code, done.output) == (0, f"page: {path}\n")
    assert path.read_text(encoding="utf-8") == document.document()
    assert addresses == [path.as_uri()]


def test_the_default_file_without_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["explore", "--no-open"])
    assert (done.exit_code, done.output) == (0, "page: explorer.html\n")
    assert Path("explorer.html").exists()
    assert addresses == []


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path, addresses: list[str]) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["explore", "--out", str(tmp_path / "file" / "page.html")])
    assert done.exit_code == 1
    assert "Error" in done.output
    assert addresses == []


def test_the_documentation_has_the_same_file(tmp_path: Path) -> None:
    explorer_page.write(SimpleNamespace(outdir=tmp_path), RuntimeError())
    assert not (tmp_path / "_static").exists()
    explorer_page.write(SimpleNamespace(outdir=tmp_path), None)
    assert (tmp_path / "_static" / "explorer.html").read_text(encoding="utf-8") == document.document()
