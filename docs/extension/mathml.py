"""Formulas of the documentation as MathML."""

from docutils import nodes
from docutils.utils.math import MathError
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

from detloss.explorer.mathml import mathml

LOGGER = logging.getLogger(__name__)


def visit(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula; one that cannot be converted is a warning and stays TeX."""
    block = isinstance(node, nodes.math_block)
    try:
        translator.body.append(mathml(node.astext(), block=block))
    except MathError as error:
        LOGGER.warning("formula %r: %s", node.astext(), error, location=node)
        translator.body.append(f"<code>{translator.encode(node.astext())}</code>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx, which prefers a registered renderer to MathJax."""
    app.add_html_math_renderer("mathml", (visit, None), (visit, None))
    return {"parallel_read_safe": True}
