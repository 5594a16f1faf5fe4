"""Loss pages, generated from the catalog: one page with a plot and examples per row."""

from pathlib import Path
from shutil import rmtree

from sphinx.application import Sphinx

import detloss
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss
from detloss.experiments import plot_loss
from detloss.loss_names import CLASS_LOSSES, ROTATED_BOX_LOSSES

from .loss_examples import SIZES, examples

ALL_LOSSES = (*LOSSES, *ROTATED_LOSSES)
BOX_KINDS = (Kind.REGRESSION, Kind.BOX, Kind.ROTATED)

PAGE = """
{title}
{underline}

{names}

.. autofunction:: detloss.{loss.function.__name__}
{index}

{aliases}

Weights and normalizer
----------------------

{function_example}

Module
------

.. autoclass:: detloss.{loss.module.__name__}
{index}

The options are given once; {at_call} are given in the call:

{module_example}
"""

OVERVIEW = """
Losses
======

Every loss has a short name for the command line, a function and a module. :doc:`/contract` describes their common
arguments. *Weight* is the listed weight of a box loss in ``detloss compare``, relative to the class loss.

.. list-table::
   :header-rows: 1
   :widths: 16 20 18 8 38

   * - name
     - loss
     - input
     - weight
     - function, module
{rows}

.. toctree::
   :hidden:

{pages}
   compositions
   Gaussian losses for rotated boxes </gaussians>
   /penalty
"""


def write_pages(app: Sphinx) -> None:
    """Write all pages and plots."""
    folder = Path(app.srcdir, "losses")
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for loss in ALL_LOSSES:
        (folder / f"{loss.name}.rst").write_text(page(loss), encoding="utf-8")
        plot_loss.write([loss], folder / f"{loss.name}.png")
    rows = "\n".join(row(loss) for loss in ALL_LOSSES)
    pages = "\n".join(f"   {loss.name}" for loss in ALL_LOSSES)
    (folder / "index.rst").write_text(OVERVIEW.format(rows=rows, pages=pages), encoding="utf-8")


def page(loss: Loss) -> str:
    """The source of a loss's page."""
    first = next(each for each in ALL_LOSSES if each.function is loss.function)
    function_example, module_example = examples(loss)
    return PAGE.format(
        title=loss.title,
        underline="=" * len(loss.title),
        loss=loss,
        names=names(loss),
        index="" if loss is first else "   :no-index:",
        aliases=aliases(loss) if loss is first else "",
        function_example=function_example,
        at_call=" and ".join(f"``{name}``" for name in loss.module.at_call),
        module_example=module_example,
    )


def names(loss: Loss) -> str:
    """The names of a loss on the command line, and the options that distinguish it."""
    scenes = "--scenes rotated " if loss.kind is Kind.ROTATED else ""
    option = "--box" if loss.kind in BOX_KINDS else "--cls"
    commands = [f"``detloss show {loss.name}``"]
    if loss.name in ROTATED_BOX_LOSSES | CLASS_LOSSES:
        commands.insert(0, f"``detloss compare {scenes}{option} {loss.name}``")
    sentences = [f"Command line: {', '.join(commands)}."]
    if loss.options:
        options = ", ".join(f'{name}="{value}"' for name, value in loss.options.items())
        sentences.append(f"This is `{loss.function.__name__} <detloss.{loss.function.__name__}>` with ``{options}``.")
    if loss.from_counts is not None:
        options = ", ".join(loss.from_counts([1.0, 1.0]))
        sentences.append(
            f"``detloss compare`` computes ``{options}`` from the counts of the training set, as "
            "`class_weight_from_counts <detloss.class_weight_from_counts>` does."
        )
    if loss.from_sizes is not None:
        [option] = loss.from_sizes(SIZES)
        sentences.append(f"``{option}`` has no default.")
    return " ".join(sentences)


def aliases(loss: Loss) -> str:
    """Entries for the other public names of the function and the module."""
    entries = []
    for name in detloss.__all__:
        for item, directive in ((loss.function, "function"), (loss.module, "class")):
            if getattr(detloss, name) is item and name != item.__name__:
                entries.append(f".. py:{directive}:: detloss.{name}\n\n   Alias of `~detloss.{item.__name__}`.")
    return "\n\n".join(entries)


def row(loss: Loss) -> str:
    """The row of a loss in the overview."""
    cells = (
        f"``{loss.name}``",
        f":doc:`{loss.title} <{loss.name}>`",
        loss.kind.value,
        f"{loss.weight:g}" if loss.kind in BOX_KINDS else "",
        f"`~detloss.{loss.function.__name__}`, `~detloss.{loss.module.__name__}`",
    )
    return "\n".join(f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(cells))


def insert_plot(app: Sphinx, what: str, name: str, item: object, options: object, lines: list[str]) -> None:
    """Insert the plot of a loss before its arguments, and emphasize the advice on its use."""
    for k, line in enumerate(lines):
        # napoleon reads the text before a colon in "Returns:" as a type; in a field it is text
        line = ":returns:" if line == "Returns:" else line
        lines[k] = line.replace("When to choose it:", "**When to choose it:**", 1)
    folder, _, row_name = app.env.docname.partition("/")
    loss = next((loss for loss in ALL_LOSSES if folder == "losses" and loss.name == row_name), None)
    if loss is not None and item is loss.function:
        at = lines.index("Args:")
        lines[at:at] = [f".. image:: /losses/{loss.name}.png", f"   :alt: Value and gradient of {loss.title}", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx; plots are inserted before napoleon converts the sections."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", insert_plot, priority=400)
    return {"parallel_read_safe": True}
