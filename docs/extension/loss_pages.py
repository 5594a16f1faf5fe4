"""One page a loss, written and drawn from the catalog: a row there is a page here."""

from pathlib import Path
from shutil import rmtree

from sphinx.application import Sphinx

import detloss
from detloss.catalog import LOSSES, Kind, Loss
from detloss.study import show

OPTION = {Kind.REGRESSION: "--box", Kind.BOX: "--box", Kind.SIGMOID: "--cls", Kind.SOFTMAX: "--cls"}

PAGE = """
{title}
{underline}

{names}

.. autofunction:: detloss.{loss.function.__name__}
{index}

{second_names}

The module
----------

.. autoclass:: detloss.{loss.module.__name__}
{index}

Its ``forward(pred, target, *, weight=None, normalizer=None)`` is the function with these options.
"""

OVERVIEW = """
The losses
==========

Every loss has a short name for the command line, a function and a module. :doc:`/contract` says what all of them share.
*Weight* is the weight of a box loss beside the class loss that ``detloss compare`` trains with.

.. list-table::
   :header-rows: 1
   :widths: 16 20 18 8 38

   * - name
     - loss
     - given
     - weight
     - function, module
{rows}

.. toctree::
   :hidden:

{pages}
   Gaussian losses for rotated boxes </gaussians>
   /penalty
"""


def write_pages(app: Sphinx) -> None:
    """Write and draw every page anew."""
    folder = Path(app.srcdir, "losses")
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for loss in LOSSES:
        (folder / f"{loss.name}.rst").write_text(page(loss), encoding="utf-8")
        show.write(loss, folder / f"{loss.name}.png")
    rows = "\n".join(row(loss) for loss in LOSSES)
    pages = "\n".join(f"   {loss.name}" for loss in LOSSES)
    (folder / "index.rst").write_text(OVERVIEW.format(rows=rows, pages=pages), encoding="utf-8")


def page(loss: Loss) -> str:
    """The source of a loss's page."""
    first = next(each for each in LOSSES if each.function is loss.function)
    return PAGE.format(
        title=loss.title,
        underline="=" * len(loss.title),
        loss=loss,
        names=names(loss),
        index="" if loss is first else "   :no-index:",
        second_names=second_names(loss) if loss is first else "",
    )


def names(loss: Loss) -> str:
    """What the command line calls it, and what makes it its own loss."""
    commands = f"``detloss compare {OPTION[loss.kind]} {loss.name}``, ``detloss show {loss.name}``"
    sentences = [f"On the command line: {commands}."]
    if loss.options:
        options = ", ".join(f'{name}="{value}"' for name, value in loss.options.items())
        sentences.append(f"This is `{loss.function.__name__} <detloss.{loss.function.__name__}>` with ``{options}``.")
    if loss.from_counts is not None:
        options = ", ".join(loss.from_counts([1.0, 1.0]))
        sentences.append(
            f"``detloss compare`` sets ``{options}`` from the training set's counts; in your own code "
            "`class_weight_from_counts <detloss.class_weight_from_counts>` does."
        )
    return " ".join(sentences)


def second_names(loss: Loss) -> str:
    """Entries for the other public names of the function and the module."""
    entries = []
    for name in detloss.__all__:
        for item, directive in ((loss.function, "function"), (loss.module, "class")):
            if getattr(detloss, name) is item and name != item.__name__:
                explanation = f"A second name of `~detloss.{item.__name__}`, the same object."
                entries.append(f".. py:{directive}:: detloss.{name}\n\n   {explanation}")
    return "\n\n".join(entries)


def row(loss: Loss) -> str:
    """A loss's row of the overview."""
    cells = (
        f"``{loss.name}``",
        f":doc:`{loss.title} <{loss.name}>`",
        loss.kind.value,
        f"{loss.weight:g}" if OPTION[loss.kind] == "--box" else "",
        f"`~detloss.{loss.function.__name__}`, `~detloss.{loss.module.__name__}`",
    )
    return "\n".join(f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(cells))


def insert_picture(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Put a loss's picture before its arguments, and make the question of choice easy to find."""
    for k, line in enumerate(lines):
        # napoleon takes what stands before a colon in "Returns:" for a type; as a field it is text
        line = ":returns:" if line == "Returns:" else line
        lines[k] = line.replace("When to choose it:", "**When to choose it:**", 1)
    folder, _, row_name = app.env.docname.partition("/")
    loss = next((loss for loss in LOSSES if folder == "losses" and loss.name == row_name), None)
    if loss is not None and item is loss.function:
        picture = [f".. image:: /losses/{loss.name}.png", f"   :alt: Value and gradient of {loss.title}", ""]
        at = lines.index("Args:")
        lines[at:at] = picture


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx; the picture goes in before napoleon rewrites the sections."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", insert_picture, priority=400)
    return {"parallel_read_safe": True}
