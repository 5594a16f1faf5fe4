"""Normalizer in two real processes: averaged gradients are those of one process on the joined batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

import detloss
from tests.support.distributed import RANKS, on_two_ranks

STEPS = 3


def batches(seed: int) -> list[list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]]:
    """For each rank its micro-batches, of unequal sizes and unequal counts of positives."""
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for rank in range(RANKS):
        steps = []
        for step in range(STEPS):
            size = 5 + 3 * rank + step
            features = torch.randn(size, 6, generator=generator, dtype=torch.float64)
            target = torch.randint(0, 4, (size,), generator=generator)
            boxes = torch.rand(size, 4, generator=generator, dtype=torch.float64) + 0.5
            steps.append((features, target, boxes))
        drawn.append(steps)
    return drawn


def model(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Linear(6, 3 + 4, dtype=torch.float64)


def loss_of(net: nn.Module, batch: tuple, normalizer: torch.Tensor) -> torch.Tensor:
    features, target, boxes = batch
    logits, distances = net(features).split([3, 4], -1)
    positive = (target < 3).to(torch.float64)
    geometry = detloss.AxisAligned(format="ltrb")
    return detloss.sigmoid_focal_loss(logits, target, normalizer=normalizer) + detloss.generalized_iou_loss(
        distances.exp(), boxes, geometry=geometry, weight=positive, normalizer=normalizer
    )


def positives(batches_of_a_rank: list) -> int:
    return sum(int((target < 3).sum()) for _, target, _ in batches_of_a_rank)


def work(rank: int, seed: int) -> dict[str, Any]:
    net = DistributedDataParallel(model(seed))
    mine = batches(seed)[rank]
    normalizer = detloss.Normalizer()(torch.tensor(positives(mine)))  # the count of the whole step, all its parts
    total = torch.zeros((), dtype=torch.float64)
    for step, batch in enumerate(mine):
        last = step == STEPS - 1
        with net.no_sync() if not last else torch.enable_grad():
            loss = loss_of(net, batch, normalizer)
            loss.backward()
        total += loss.detach()
    distributed.all_reduce(total)
    smooth = detloss.Normalizer(momentum=0.5)
    running = [smooth(4 * rank + 2).item(), smooth(8 * rank).item()]
    least = detloss.Normalizer()(rank).item()
    unused = detloss.iou_loss(net(mine[0][0][:0])[:, :4], mine[0][2][:0])
    return {
        "loss": total / RANKS,
        "gradients": [p.grad for p in net.parameters()],
        "running": running,
        "least": least,
        "unused": unused.detach(),
    }


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_processes_equal_one(tmp_path: Path, seed: int) -> None:
    results = on_two_ranks(work, seed, folder=tmp_path)
    net = model(seed)
    joined = [torch.cat(parts) for parts in zip(*(batch for rank in batches(seed) for batch in rank))]
    count = sum(map(positives, batches(seed)))
    expected = loss_of(net, tuple(joined), torch.tensor(count))
    expected.backward()
    for result in results:
        torch.testing.assert_close(result["loss"], expected.detach(), rtol=1e-12, atol=0)
        for ours, parameter in zip(result["gradients"], net.parameters()):
            torch.testing.assert_close(ours, parameter.grad, rtol=1e-10, atol=1e-15)
        assert result["running"] == [4.0, 4.0]  # means 4 and 4; half of each
        assert result["least"] == 1.0  # one positive on one of two ranks: a mean of a half, and the minimum
        assert result["unused"] == 0
