"""Train with two processes and gradient accumulation; the gradient equals that of one process on the joined batch."""

import tempfile

import torch
from torch import distributed, multiprocessing, nn

import detloss


def cells(count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random features of cells, their classes (3 is background), and the distances to the sides of their boxes."""
    features = torch.randn(count, 16)
    return features, torch.where(features[:, 3] > 1, features[:, :3].argmax(dim=1), 3), features[:, 4:8].exp()


def train(rank: int, rendezvous: str) -> None:
    distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    torch.manual_seed(rank)
    head = nn.Linear(16, 3 + 4)  # 3 logits and the logarithms of the distances l, t, r, b
    model, optimizer = nn.parallel.DistributedDataParallel(head), torch.optim.Adam(head.parameters(), lr=0.02)
    for step in range(301):
        batches = [cells(500), cells(300)]
        positives = detloss.Normalizer()(sum((labels < 3).sum() for _, labels, _ in batches))  # of both ranks
        for index, (features, labels, sides) in enumerate(batches):
            model.require_backward_grad_sync = index == len(batches) - 1  # once per step
            logits, pred = model(features).split([3, 4], dim=1)
            focal = detloss.sigmoid_focal_loss(logits, labels, normalizer=positives)
            options = {"geometry": detloss.AxisAligned("ltrb"), "weight": (labels < 3).float()}
            box = detloss.generalized_iou_loss(pred.exp(), sides, normalizer=positives, **options)
            (focal + box).backward()
        optimizer.step()
        optimizer.zero_grad()
        if rank == 0 and step % 100 == 0:
            print(f"step {step:3}  focal {focal.item():.3f}  box {box.item():.3f}", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(train, args=(f"file://{folder}/rendezvous",), nprocs=2)
