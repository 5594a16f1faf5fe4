"""`python -m benchmarks.polygons`: rotated boxes beside the usual torch code, matrices of them, and bodies of space."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, product

import torch
from torch import Generator, Tensor

import detloss
from benchmarks.contest import Budget, Contender, Run, contest, inference, processor_seconds, training
from benchmarks.growth import duration
from benchmarks.machine import this_machine
from benchmarks.memory import peak_bytes
from benchmarks.peers import rotated
from benchmarks.spread import Spread, figure
from benchmarks.stage import backends_of
from benchmarks.tables import Table
from detloss import Cuboid, Polytope, Rotated

PAIRS = (100, 1000, 10_000)
PAIRS_OF_BODIES = 1000
MATRIX = 2000
BLOCK = 20  # rows of the matrix that the peer takes at once: all of them would take tens of gigabytes
BUDGET = Budget(seconds=20.0, stint=0.05, rounds=15)
PEER = "usual torch code"
CPU = torch.device("cpu")

Loss = Callable[..., Tensor]
LOSSES: dict[str, tuple[Loss, Loss]] = {
    "IoU": (partial(detloss.iou_loss, geometry=Rotated()), rotated.iou_loss),
    "GIoU, hull": (partial(detloss.generalized_iou_loss, geometry=Rotated()), rotated.giou_loss),
}
BODIES: dict[str, Loss] = {
    "Cuboid, IoU": partial(detloss.iou_loss, geometry=Cuboid()),
    "Cuboid, GIoU": partial(detloss.generalized_iou_loss, geometry=Cuboid()),
    "Polytope of 8 vertices, IoU": partial(detloss.iou_loss, geometry=Polytope()),
    "Polytope of 8 vertices, GIoU": partial(detloss.generalized_iou_loss, geometry=Polytope()),
}


def boxes(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Rotated predictions near their targets: three of four overlap."""
    targets = torch.rand(count, 5, generator=generator) * torch.tensor([640.0, 640.0, 60.0, 60.0, math.pi])
    targets[:, 2:4] += 20.0
    errors = torch.randn(count, 5, generator=generator) * torch.tensor([20.0, 20.0, 8.0, 8.0, 0.3])
    predictions = targets + errors
    predictions[:, 2:4].clamp_(min=4.0)
    return predictions, targets


def cuboids(count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Cars near cars."""
    targets = torch.rand(count, 7, generator=generator) * torch.tensor([80.0, 80.0, 1.0, 2.0, 1.0, 0.5, math.pi])
    targets += torch.tensor([0.0, 0.0, 0.0, 3.5, 1.5, 1.4, 0.0])
    return targets + 0.2 * torch.randn(count, 7, generator=generator), targets


def vertices_of(rows: Tensor) -> Tensor:
    """The eight corners of cuboids."""
    signs = torch.cartesian_prod(*[torch.tensor([-0.5, 0.5])] * 3)
    x, y, z = (signs * rows[:, None, 3:6]).unbind(-1)
    cosine, sine = rows[:, 6:].cos(), rows[:, 6:].sin()
    return rows[:, None, :3] + torch.stack((x * cosine - y * sine, x * sine + y * cosine, z), -1)


def ours(call: Run) -> Iterator[tuple[str, Contender]]:
    """A call with each of our backends."""
    for backend in backends_of(CPU):
        yield f"detloss, {backend}", Contender(call, partial(detloss.use_backend, backend))


def in_turns(loss: Loss, count: int) -> Run:
    """A forward and a backward pass, each of other boxes than the last: a processor learns the branches of a few."""
    predictions, targets = boxes(max(PAIRS), Generator().manual_seed(0))
    batches = zip(predictions.split(count), targets.split(count))
    runs = cycle([training(loss, (each.clone().requires_grad_(), other)) for each, other in batches])
    return lambda: next(runs)()


def losses() -> Table:
    """A forward and a backward pass of rotated boxes, everybody in turns."""
    rows = []
    for (name, (our_loss, peer)), count in product(LOSSES.items(), PAIRS):
        contenders = dict(ours(in_turns(our_loss, count))) | {PEER: Contender(in_turns(peer, count))}
        times = contest(contenders, BUDGET, processor_seconds)
        for contender, seconds in times.items():
            peak = contenders[contender].measured(peak_bytes)
            ratio = Spread.of_ratios(times[PEER], seconds).text("x")
            median = Spread.of(seconds).median
            rows.append(
                [name, f"{count}", contender, duration(median), duration(median / count), ratio, megabytes(peak)]
            )
    header = ["loss", "pairs", "by", "forward and backward", "a pair", "the usual code takes", "memory"]
    return Table("Rotated boxes, forward and backward", header, rows)


def matrix() -> Table:
    """IoU of many boxes with as many others, once."""
    first, second = (rows[:MATRIX] for rows in boxes(MATRIX, Generator().manual_seed(0)))
    calls = dict(ours(inference(partial(detloss.iou, geometry=Rotated(), pairwise=True), (first, second))))
    calls[PEER] = Contender(inference(in_blocks, (first, second)))
    rows = []
    for name, contender in calls.items():
        seconds, peak = contender.measured(processor_seconds, 1), contender.measured(peak_bytes)
        rows.append([name, duration(seconds), duration(seconds / MATRIX**2), megabytes(peak)])
    return Table(f"IoU of {MATRIX} x {MATRIX} rotated boxes", ["by", "time", "a pair", "memory"], rows)


def in_blocks(boxes: Tensor, others: Tensor) -> Tensor:
    """The peer's matrix, some rows at a time."""
    return torch.cat([rotated.pairwise_iou(block, others) for block in boxes.split(BLOCK)])


def bodies() -> Table:
    """Pairs of bodies a second, forward and backward."""
    rows = []
    for name, loss in BODIES.items():
        predictions, targets = cuboids(PAIRS_OF_BODIES, Generator().manual_seed(0))
        if name.startswith("Polytope"):
            predictions, targets = vertices_of(predictions), vertices_of(targets)
        contenders = dict(ours(training(loss, (predictions.requires_grad_(), targets))))
        for contender, seconds in contest(contenders, BUDGET, processor_seconds).items():
            a_second = PAIRS_OF_BODIES / Spread.of(seconds).median
            rows.append([name, contender, figure(a_second), megabytes(contenders[contender].measured(peak_bytes))])
    title = f"{PAIRS_OF_BODIES} pairs of bodies, forward and backward"
    return Table(title, ["loss", "by", "pairs a second", "memory"], rows)


def megabytes(size: int) -> str:
    """Bytes as megabytes."""
    return f"{figure(size / 1e6)} MB"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(this_machine(CPU))
    for table in (losses, matrix, bodies):
        print(f"\n{table().markdown()}", flush=True)
