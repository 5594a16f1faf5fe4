"""Page of the published names of box losses and their compositions, generated from the catalog."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sphinx.application import Sphinx

from detloss.catalog import LOSSES, MODIFIERS, Loss, Modifier
from detloss.loss_names import BOX_LOSSES, EXAMPLE_SIZES, can_follow, loss_named

PAGE = """
Published names and compositions
================================

.. currentmodule:: detloss

Most published box losses combine four parts: a geometry, the overlap of both boxes, penalties on their difference, and
a weight. A loss of detloss has the penalties. `Overlap` modifies the overlap, and :doc:`focusing weights </focus>`
multiply the loss. ``detloss compare`` and ``detloss show`` accept every name in the tables, and any combination of
prefixes: ``--box wise-inner-siou`` is Inner-SIoU with the weight of Wise-IoU v3.

Losses
------

{losses}

Prefixes
--------

{modifiers}

Losses with one prefix
----------------------

{composed}

Other published losses
----------------------

{others}
"""

FOCUSES = {"wise": "WiseFocus", "focal": "iou_focus"}
"""The public name of the weight of a prefix."""

OTHERS = (
    ("YOLOX, PP-YOLO: IoU squared", "``IoULoss(overlap=Overlap(power=2.0))``"),
    ("UnitBox", '``IoULoss(form="log", geometry=AxisAligned("ltrb"))``'),
    ("Wise-IoU v2", "``WiseIoULoss()``, weight ``WiseFocus(version=2)``"),
    ("Wise-IoU v3, ``wise-wiou``", "``WiseIoULoss()``, weight ``WiseFocus(version=3)``"),
    ("Powerful-IoU v2", "``PowerfulIoULoss()``, weight ``powerful_focus(pred, target)``"),
    ("D-FINE's FGL", "``DistributionFocalLoss(bins=fine_grained_bins())``, weight IoU"),
    ("Balanced softmax", "``CrossEntropyLoss(logit_offset=logit_offset_from_counts(counts))``"),
    ("Logit adjustment", "``CrossEntropyLoss(logit_offset=logit_offset_from_counts(counts, tau))``"),
    ("LDAM", "``CrossEntropyLoss(margin=margin_from_counts(counts))``"),
    ("PolyLoss, Poly-1", "``CrossEntropyLoss(poly=1.0)``, ``SigmoidFocalLoss(poly=1.0)``"),
    ("RT-DETR's VFL", "``VarifocalLoss(hold_focus=True)``"),
    ("YOLO segmentation, RF-DETR, Mask2Former", "``BinaryCrossEntropyLoss()`` and ``DiceLoss()``"),
    ("YOLO-FaceV2's slide loss", "``BinaryCrossEntropyLoss()``, weight ``slide_weight(iou, mean_iou)``"),
)
"""Published names and their compositions."""


def write_page(app: Sphinx) -> None:
    """Write the page beside those of the losses."""
    Path(app.srcdir, "losses", "compositions.rst").write_text(page(), encoding="utf-8")


def page() -> str:
    """The source of the page."""
    boxes = [loss for loss in LOSSES if loss.name in BOX_LOSSES and loss.kind.name == "BOX"]
    return PAGE.format(
        losses=table(("published name", "name", "module"), (base(loss) for loss in boxes)),
        modifiers=table(("prefix", "effect", "default values"), map(prefix, MODIFIERS)),
        composed=table(("published name", "name", "composition"), compositions(boxes)),
        others=table(("published name", "composition"), OTHERS),
    )


def base(loss: Loss) -> tuple[str, ...]:
    """The row of a loss without prefixes."""
    return f":doc:`{loss.title} <{loss.name}>`", f"``{loss.name}``", f"``{code(loss)}``"


def prefix(modifier: Modifier) -> tuple[str, ...]:
    """The row of a prefix."""
    options = ", ".join(f"``{name}={value}``" for name, value in modifier.options.items())
    return f"``{modifier.name}-``", modifier.meaning, options


def compositions(boxes: Iterable[Loss]) -> Iterator[tuple[str, ...]]:
    """The rows of all losses with one prefix."""
    for modifier in MODIFIERS:
        for loss in boxes:
            if can_follow(loss, modifier) and not loss.options:
                composed = loss_named(f"{modifier.name}-{loss.name}")
                weight = f", weight `{FOCUSES[modifier.name]}`" if modifier.focus is not None else ""
                yield f"{modifier.title}-{abbreviation(loss)}", f"``{composed.name}``", f"``{code(composed)}``{weight}"


def abbreviation(loss: Loss) -> str:
    """The usual abbreviation of a loss."""
    return loss.title if " " not in loss.title else loss.name.upper().replace("IOU", "IoU").replace("_", " ")


def code(loss: Loss) -> str:
    """The module of a loss in Python, without default values and without focusing weights."""
    options = {name: repr(value) for name, value in loss.options.items()}
    for modifier in loss.modifiers:
        values = ", ".join(f"{name}={value!r}" for name, value in modifier.options.items())
        if modifier.focus is None:
            options["overlap"] = f"Overlap({values})"
    if loss.from_sizes is not None:
        options = {name: "..." for name in loss.from_sizes(EXAMPLE_SIZES)} | options
    arguments = ", ".join(f"{name}={value}" for name, value in options.items())
    return f"{loss.module.__name__}({arguments})"


def table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for cells in (header, *rows):
        lines += [f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(cells)]
    return "\n".join(lines)


def setup(app: Sphinx) -> None:
    """Register with Sphinx, after the pages of the losses."""
    app.connect("builder-inited", write_page, priority=600)
