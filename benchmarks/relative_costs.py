"""Benchmark of every loss relative to a reference of its group: `python -m benchmarks.relative_costs`."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Generator

import detloss
from benchmarks import polygons
from benchmarks.inputs import Operands, Size, boxes, indexed_logits, mask_logits
from benchmarks.machine import this_machine
from benchmarks.meters import wall_seconds
from benchmarks.results import Summary, duration
from benchmarks.tables import Table
from benchmarks.timing import Budget, Candidate, forward_backward, interleaved
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss, Sizes

BUDGET = Budget(seconds=40.0, min_run_time=0.02, rounds=101)
BOXES, ROTATED_BOXES, CELLS, CLASSES = 65_536, 10_000, 12_000, 80
SIZES = Sizes(image=(640.0, 480.0), objects=32.0)
MASKS, PIXELS = 300, 12_544


def candidates(kinds: tuple[Kind, ...], operands: Operands, **options: object) -> dict[str, Candidate]:
    """The losses of these kinds with the same operands; the options apply to box losses."""

    def run(loss: Loss) -> Candidate:
        of_boxes = options if loss.kind is Kind.BOX else {}
        data = loss.from_counts([1.0] * (CLASSES + 1)) if loss.from_counts else {}
        data |= loss.from_sizes(SIZES) if loss.from_sizes else {}
        return Candidate(
            forward_backward(partial(loss.function, **loss.options, **of_boxes, **data, reduction="sum"), operands)
        )

    is_rotated = Kind.ROTATED in kinds
    return {
        loss.name: run(loss)
        for loss in (*LOSSES, *ROTATED_LOSSES)
        if loss.kind in kinds and not (is_rotated and loss.axis_aligned_only)
    }


def relative_to(reference: str, title: str, rows: int, group: Mapping[str, Candidate]) -> Table:
    """Every loss of a group: the time per row, and the median ratio to the reference."""
    seconds = interleaved(group, BUDGET, wall_seconds)
    cells = [
        [name, duration(Summary.of(times).median / rows), Summary.of_ratios(times, seconds[reference]).text("x")]
        for name, times in seconds.items()
    ]
    return Table(title, ["loss", "time per row", f"relative to {reference}"], cells)


def with_gradient(operands: Operands) -> Operands:
    """The same operands; the first requires a gradient."""
    return operands[0].requires_grad_(), *operands[1:]


def tables() -> list[Table]:
    """Box losses of axis-aligned and of rotated boxes, losses of logits, and mask losses."""
    generator = Generator().manual_seed(0)
    box_kinds = (Kind.REGRESSION, Kind.BOX)
    axis_aligned = with_gradient(boxes(Size(BOXES), generator))
    rotated = with_gradient(polygons.boxes(ROTATED_BOXES, generator))
    logits, labels = with_gradient(indexed_logits(Size(CELLS, CLASSES), generator))
    one_more = torch.cat((logits.detach(), logits.detach()[:, :1]), 1).requires_grad_()
    masks = with_gradient(mask_logits(Size(MASKS, PIXELS), generator))
    geometry = detloss.Rotated()
    return [
        relative_to("iou", f"{BOXES} axis-aligned boxes", BOXES, candidates(box_kinds, axis_aligned)),
        relative_to(
            "iou",
            f"{ROTATED_BOXES} rotated boxes",
            ROTATED_BOXES,
            candidates((*box_kinds, Kind.ROTATED), rotated, geometry=geometry),
        ),
        relative_to(
            "bce",
            f"{CELLS} cells with logits of {CLASSES} classes; softmax losses and dfl have one more logit",
            CELLS,
            candidates((Kind.SIGMOID, Kind.QUALITY, Kind.HEATMAP), (logits, labels))
            | candidates((Kind.SOFTMAX,), (one_more, labels))
            | candidates((Kind.DISTRIBUTION,), (one_more, labels.float())),
        ),
        relative_to("dice", f"{MASKS} masks of {PIXELS} pixels", MASKS, candidates((Kind.MASK,), masks)),
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(this_machine(torch.device("cpu")))
    for table in tables():
        print(f"\n{table.markdown()}", flush=True)
