"""Benchmark of rotated boxes against plain torch code, of cuboids and of polytopes: `python -m benchmarks.polygons`."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, product

import torch
from torch import Generator, Tensor

import detloss
from benchmarks.environment import backends_of
from benchmarks.machine import this_machine
from benchmarks.meters import Run, peak_bytes, wall_seconds
from benchmarks.peers import rotated
from benchmarks.results import Summary, duration, three_digits
from benchmarks.tables import Table
from benchmarks.timing import Budget, Candidate, forward, forward_backward, interleaved
from detloss import Cuboid, Polytope, Rotated

PAIRS = (100, 1000, 10_000)
SOLID_PAIRS = 1000
MATRIX = 2000
BLOCK = 20  # rows of the matrix per call of the peer, which needs tens of gigabytes for all of them
BUDGET = Budget(seconds=20.0, min_run_time=0.05, rounds=15)
PEER = "plain torch"
CPU = torch.device("cpu")

Loss = Callable[..., Tensor]
LOSSES: dict[str, tuple[Loss, Loss]] = {
    "IoU": (partial(detloss.iou_loss, geometry=Rotated()), rotated.iou_loss),
    "GIoU, hull": (partial(detloss.generalized_iou_loss, geometry=Rotated()), rotated.giou_loss),
}
SOLIDS: dict[str, Loss] = {
    "Cuboid, IoU": partial(detloss.iou_loss, geometry=Cuboid()),
    "Cuboid, GIoU": partial(detloss.generalized_iou_loss, geometry=Cuboid()),
    "Polytope of 8 vertices, IoU": partial(detloss.iou_loss, geometry=Polytope()),
    "Polytope of 8 vertices, GIoU": partial(detloss.generalized_iou_loss, geometry=Polytope()),
}


def boxes(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Rotated predictions near their targets; about three of four overlap."""
    targets = torch.rand(count, 5, generator=generator) * torch.tensor([640.0, 640.0, 60.0, 60.0, math.pi])
    targets[:, 2:4] += 20.0
    errors = torch.randn(count, 5, generator=generator) * torch.tensor([20.0, 20.0, 8.0, 8.0, 0.3])
    predictions = targets + errors
    predictions[:, 2:4].clamp_(min=4.0)
    return predictions, targets


def cuboids(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Cuboids of the size of cars, with predictions near their targets."""
    targets = torch.rand(count, 7, generator=generator) * torch.tensor([80.0, 80.0, 1.0, 2.0, 1.0, 0.5, math.pi])
    targets += torch.tensor([0.0, 0.0, 0.0, 3.5, 1.5, 1.4, 0.0])
    return targets + 0.2 * torch.randn(count, 7, generator=generator), targets


def vertices_of(rows: Tensor) -> Tensor:
    """The eight corners of cuboids."""
    signs = torch.cartesian_prod(*[torch.tensor([-0.5, 0.5])] * 3)
    x, y, z = (signs * rows[:, None, 3:6]).unbind(-1)
    cosine, sine = rows[:, 6:].cos(), rows[:, 6:].sin()
    return rows[:, None, :3] + torch.stack((x * cosine - y * sine, x * sine + y * cosine, z), -1)


def with_backends(call: Run) -> Iterator[tuple[str, Candidate]]:
    """A call with each backend of detloss."""
    for backend in backends_of(CPU):
        yield f"detloss, {backend}", Candidate(call, partial(detloss.use_backend, backend))


def over_batches(loss: Loss, count: int) -> Run:
    """A forward and a backward pass of a new batch per call: branch prediction adapts to repeated boxes."""
    predictions, targets = boxes(max(PAIRS), Generator().manual_seed(0))
    batches = zip(predictions.split(count), targets.split(count))
    runs = cycle([forward_backward(loss, (each.clone().requires_grad_(), other)) for each, other in batches])
    return lambda: next(runs)()


def losses() -> Table:
    """A forward and a backward pass of rotated boxes, interleaved."""
    rows = []
    for (name, (our_loss, peer)), count in product(LOSSES.items(), PAIRS):
        candidates = dict(with_backends(over_batches(our_loss, count))) | {PEER: Candidate(over_batches(peer, count))}
        times = interleaved(candidates, BUDGET, wall_seconds)
        for candidate, seconds in times.items():
            peak = candidates[candidate].read(peak_bytes)
            speedup = Summary.of_ratios(times[PEER], seconds).text("x")
            median = Summary.of(seconds).median
            rows.append(
                [name, f"{count}", candidate, duration(median), duration(median / count), speedup, megabytes(peak)]
            )
    header = ["loss", "pairs", "implementation", "time", "time per pair", f"speed-up over {PEER}", "peak memory"]
    return Table("Rotated boxes, forward and backward", header, rows)


def matrix() -> Table:
    """Pairwise IoU, one call each."""
    first, second = (rows[:MATRIX] for rows in boxes(MATRIX, Generator().manual_seed(0)))
    calls = dict(with_backends(forward(partial(detloss.iou, geometry=Rotated(), pairwise=True), (first, second))))
    calls[PEER] = Candidate(forward(in_blocks, (first, second)))
    rows = []
    for name, candidate in calls.items():
        seconds, peak = candidate.read(wall_seconds, 1), candidate.read(peak_bytes)
        rows.append([name, duration(seconds), duration(seconds / MATRIX**2), megabytes(peak)])
    header = ["implementation", "time", "time per pair", "peak memory"]
    return Table(f"Pairwise IoU of {MATRIX} x {MATRIX} rotated boxes", header, rows)


def in_blocks(boxes: Tensor, others: Tensor) -> Tensor:
    """The matrix of the peer, block by block."""
    return torch.cat([rotated.pairwise_iou(block, others) for block in boxes.split(BLOCK)])


def solids() -> Table:
    """Pairs of cuboids and polytopes per second, forward and backward."""
    rows = []
    for name, loss in SOLIDS.items():
        predictions, targets = cuboids(SOLID_PAIRS, Generator().manual_seed(0))
        if name.startswith("Polytope"):
            predictions, targets = vertices_of(predictions), vertices_of(targets)
        candidates = dict(with_backends(forward_backward(loss, (predictions.requires_grad_(), targets))))
        for candidate, seconds in interleaved(candidates, BUDGET, wall_seconds).items():
            per_second = three_digits(SOLID_PAIRS / Summary.of(seconds).median)
            rows.append([name, candidate, per_second, megabytes(candidates[candidate].read(peak_bytes))])
    title = f"{SOLID_PAIRS} pairs of cuboids and polytopes, forward and backward"
    return Table(title, ["loss", "implementation", "pairs per second", "peak memory"], rows)


def megabytes(size: int) -> str:
    """Bytes as megabytes."""
    return f"{three_digits(size / 1e6)} MB"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(this_machine(CPU))
    for table in (losses, matrix, solids):
        print(f"\n{table().markdown()}", flush=True)
