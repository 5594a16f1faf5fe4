"""Formulas as MathML, which browsers typeset without scripts and without a network."""

import re
from html import unescape
from xml.etree import ElementTree

from docutils.utils.math import latex2mathml

NAMED_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)\w+;")
ALIGNMENT = {"ams-align": ("right", "left"), "cases": ("left",)}
"""Text alignment of the columns of a table by its class; browsers center them otherwise."""


def mathml(tex: str, *, block: bool) -> str:
    """Convert TeX to a ``math`` element."""
    text = latex2mathml.tex2mathml(tex, as_block=block).replace("⧵", "∖")  # the sign that more fonts have
    root = ElementTree.fromstring(NAMED_ENTITY.sub(lambda entity: unescape(entity[0]), text))
    namespace = root.tag.removesuffix("math")
    for table in root.iter(f"{namespace}mtable"):
        columns = ALIGNMENT.get(table.get("class", ""), ())
        for row in table if columns else ():
            for position, cell in enumerate(row):
                cell.set("style", f"text-align: {columns[position % len(columns)]}")
    ElementTree.register_namespace("", namespace.strip("{}"))
    return ElementTree.tostring(root, encoding="unicode")
