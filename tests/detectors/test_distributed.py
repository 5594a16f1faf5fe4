"""Training of UnitBox on two ranks, equal to one process on the images of both."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from detloss import AxisAligned, GeneralizedIoULoss, SigmoidFocalLoss
from detloss.detectors import UnitBox
from tests.support.distributed import RANKS, on_two_ranks

STEPS, SIZE, CLASSES = 4, 32, 3
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # counts are summed in float32, and a step magnifies differences up to 60 times
Batch = tuple[Tensor, list[dict[str, Tensor]]]


def batches(seed: int, rank: int) -> list[Batch]:
    """Every step's images; the ranks have other numbers of objects, one of them none in the first step.

    Never fewer than one per rank, where the normalizer's minimum would apply.
    """
    generator = torch.Generator().manual_seed(RANKS * seed + rank)
    drawn = []
    for step in range(STEPS):
        targets = []
        for _ in range(2):
            count = int(torch.randint(rank, 4 + 2 * rank, (), generator=generator)) if step or rank else 0
            corner = torch.rand(count, 2, generator=generator) * 20
            boxes = torch.cat((corner, corner + 4 + 8 * torch.rand(count, 2, generator=generator)), dim=1)
            targets.append({"boxes": boxes, "labels": torch.randint(0, CLASSES, (count,), generator=generator)})
        drawn.append((torch.rand(2, 3, SIZE, SIZE, generator=generator, dtype=torch.float64), targets))
    return drawn


def detector(seed: int) -> UnitBox:
    torch.manual_seed(seed)
    box_loss = GeneralizedIoULoss(geometry=AxisAligned(format="ltrb"))
    return UnitBox(CLASSES, box_loss=box_loss, class_loss=SigmoidFocalLoss()).double()


def work(rank: int, seed: int) -> dict[str, list[Tensor]]:
    """This rank's losses step by step, and the weights after them."""
    parallel = DistributedDataParallel(detector(seed))
    optimizer = torch.optim.SGD(parallel.parameters(), lr=0.1)
    losses = []
    for images, targets in batches(seed, rank):
        terms = parallel.module.plane_loss(parallel(images), targets)
        losses.append(torch.stack((terms["classification"], terms["box"])).detach())
        optimizer.zero_grad()
        torch.autograd.backward(terms["classification"] + terms["box"])
        optimizer.step()
    return {"losses": losses, "weights": [weight.detach() for weight in parallel.parameters()]}


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_ranks_are_one_process_on_the_joined_batch(tmp_path: Path, seed: int) -> None:
    ranks = on_two_ranks(work, seed, folder=tmp_path)
    model = detector(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step, parts in enumerate(zip(*(batches(seed, rank) for rank in range(RANKS)), strict=True)):
        terms = model.loss(
            torch.cat([images for images, _ in parts]), [each for _, targets in parts for each in targets]
        )
        mean = sum(rank["losses"][step] for rank in ranks) / RANKS
        torch.testing.assert_close(mean, torch.stack((terms["classification"], terms["box"])).detach(), **CLOSE)
        optimizer.zero_grad()
        torch.autograd.backward(terms["classification"] + terms["box"])
        optimizer.step()
    for rank in ranks:
        torch.testing.assert_close(rank["weights"], [weight.detach() for weight in model.parameters()], **CLOSE)
