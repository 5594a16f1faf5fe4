"""The page of changes, converted from CHANGELOG.md."""

from pathlib import Path

from sphinx.application import Sphinx

UNDERLINES = {"#": "=", "##": "-", "###": "~"}


def converted(markdown: str) -> str:
    """Markdown with headings, lists and inline code as reStructuredText."""
    lines = []
    for line in markdown.replace("`", "``").splitlines():
        marks, _, title = line.partition(" ")
        if marks in UNDERLINES:
            lines += [title, UNDERLINES[marks] * len(title)]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def write_page(app: Sphinx) -> None:
    """Write the page before Sphinx looks for sources."""
    source = Path(app.srcdir).parent / "CHANGELOG.md"
    Path(app.srcdir, "changelog.rst").write_text(converted(source.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True}
