"""Greedy non-maximum suppression: of the boxes that tell of one object, the surest stays."""

import torch
from torch import Tensor

import detloss

AT_ONCE = 128  # boxes that are compared with each other at a time, so that memory grows with n, not with its square


def suppress(boxes: Tensor, scores: Tensor, labels: Tensor, *, iou_threshold: float = 0.5) -> Tensor:
    """Choose the boxes that no surer box of the same class overlaps too much.

    From the highest score down, a box stays unless its IoU with one of its class that stayed already is above
    `iou_threshold`: what torchvision calls `batched_nms`.

    Args:
        boxes: (n, 4) corners x1, y1, x2, y2, in any unit.
        scores: (n,), higher is surer.
        labels: (n,) integers.
        iou_threshold: In [0, 1].

    Returns:
        (k,) int64 indices into `boxes`, the surest first.

    Edge cases:
        No boxes give no indices. Equal scores keep their order. An overlap equal to the threshold stays.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 3.0], [8.0, 8.0, 9.0, 9.0]])
        >>> suppress(boxes, torch.tensor([0.8, 0.9, 0.7]), torch.tensor([0, 0, 0])).tolist()
        [1, 2]

    Sources:
        Felzenszwalb et al., Object Detection with Discriminatively Trained Part-Based Models (2010), section 7.2,
        https://doi.org/10.1109/TPAMI.2009.167
    """

    def rivals(some: Tensor, others: Tensor) -> Tensor:
        close = detloss.iou(boxes[some], boxes[others], pairwise=True) > iou_threshold
        return close & (labels[some, None] == labels[others])

    waiting = scores.argsort(descending=True, stable=True)
    kept = [waiting[:0]]
    while len(waiting):
        surest, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        beats = rivals(surest, surest).triu(diagonal=1)  # [i, j]: i is surer than j and too close to it
        stays = torch.ones_like(surest, dtype=torch.bool)
        # Round k settles every box at the end of a chain of k rivals, so the rounds end, and end at the greedy answer.
        while not torch.equal(settled := ~(beats & stays[:, None]).any(dim=0), stays):
            stays = settled
        kept.append(surest[stays])
        waiting = waiting[~rivals(surest[stays], waiting).any(dim=0)]
    return torch.cat(kept)
