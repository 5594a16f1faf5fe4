"""Formulas as MathML, which browsers typeset without scripts and without a network."""

import re
from html import unescape
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
NAMED_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)\w+;")
ALIGNMENT = {"ams-align": ("right", "left"), "cases": ("left",)}
"""Text alignment of the columns of a table by its class; browsers center them otherwise."""


def mathml(tex: str, *, block: bool) -> str:
    """Convert TeX to a ``math`` element."""
    text = latex2mathml.tex2mathml(tex, as_block=block)
    root = ElementTree.fromstring(NAMED_ENTITY.sub(lambda entity: unescape(entity[0]), text))
    namespace = root.tag.removesuffix("math")
    for table in root.iter(f"{namespace}mtable"):
        columns = ALIGNMENT.get(table.get("class", ""), ())
        for row in table if columns else ():
            for position, cell in enumerate(row):
                cell.set("style", f"text-align: {columns[position % len(columns)]}")
    ElementTree.register_namespace("", namespace.strip("{}"))
    return ElementTree.tostring(root, encoding="unicode")


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
