"""The explorer as a file of the site, the same that ``detloss explore`` writes."""

from pathlib import Path

from sphinx.application import Sphinx

from detloss.explorer import document


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the page beside the pages of the site."""
    if error is None:
        document.write(Path(app.outdir, "_static", "explorer.html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
