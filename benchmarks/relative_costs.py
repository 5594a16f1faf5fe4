"""`python -m benchmarks.relative_costs`: the cost of every loss, forward and backward, relative to one of its group."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Generator

import detloss
from benchmarks import polygons
from benchmarks.contest import Budget, Contender, contest, processor_seconds, training
from benchmarks.families import Operands, boxes, indexed_logits
from benchmarks.growth import duration
from benchmarks.machine import this_machine
from benchmarks.size import Size
from benchmarks.spread import Spread
from benchmarks.tables import Table
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss

BUDGET = Budget(seconds=40.0, stint=0.02, rounds=101)
BOXES, ROTATED_BOXES, CELLS, CLASSES = 65_536, 10_000, 12_000, 80


def contenders(kinds: tuple[Kind, ...], operands: Operands, **options: object) -> dict[str, Contender]:
    """The losses of these kinds on the same operands; box losses have the options, too."""

    def run(loss: Loss) -> Contender:
        of_boxes = options if loss.kind is Kind.BOX else {}
        counts = loss.from_counts([1.0] * (CLASSES + 1)) if loss.from_counts else {}
        return Contender(
            training(partial(loss.function, **loss.options, **of_boxes, **counts, reduction="sum"), operands)
        )

    return {loss.name: run(loss) for loss in (*LOSSES, *ROTATED_LOSSES) if loss.kind in kinds}


def relative_to(reference: str, title: str, rows: int, group: Mapping[str, Contender]) -> Table:
    """Every loss of a group: the time per row, and the median ratio to the reference."""
    seconds = contest(group, BUDGET, processor_seconds)
    cells = [
        [name, duration(Spread.of(times).median / rows), Spread.of_ratios(times, seconds[reference]).text("x")]
        for name, times in seconds.items()
    ]
    return Table(title, ["loss", "time per row", f"relative to {reference}"], cells)


def with_gradient(operands: Operands) -> Operands:
    """The same operands, the first with a gradient."""
    return operands[0].requires_grad_(), *operands[1:]


def tables() -> list[Table]:
    """Box losses of axis-aligned and of rotated boxes, and class losses with class indices."""
    generator = Generator().manual_seed(0)
    box_kinds = (Kind.REGRESSION, Kind.BOX)
    straight = with_gradient(boxes(Size(BOXES), generator))
    rotated = with_gradient(polygons.boxes(ROTATED_BOXES, generator))
    logits, labels = with_gradient(indexed_logits(Size(CELLS, CLASSES), generator))
    background = with_gradient((torch.cat((logits.detach(), logits.detach()[:, :1]), 1), labels))
    geometry = detloss.Rotated()
    return [
        relative_to("iou", f"{BOXES} axis-aligned boxes", BOXES, contenders(box_kinds, straight)),
        relative_to(
            "iou",
            f"{ROTATED_BOXES} rotated boxes",
            ROTATED_BOXES,
            contenders((*box_kinds, Kind.ROTATED), rotated, geometry=geometry),
        ),
        relative_to(
            "bce",
            f"{CELLS} cells with logits of {CLASSES} classes; softmax losses have one more, for background",
            CELLS,
            contenders((Kind.SIGMOID,), (logits, labels)) | contenders((Kind.SOFTMAX,), background),
        ),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(this_machine(torch.device("cpu")))
    for table in tables():
        print(f"\n{table.markdown()}", flush=True)
