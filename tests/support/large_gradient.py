"""`python -m tests.support.large_gradient SEED`: a gradient too large for a cache has the bits of its parts."""

import sys
from collections.abc import Callable, Iterator
from random import Random

import torch
from torch import Tensor

import detloss

LOSSES = (
    detloss.l1_loss,
    detloss.l2_loss,
    detloss.smooth_l1_loss,
    detloss.binary_cross_entropy_loss,
    detloss.sigmoid_focal_loss,
)
PART = 50_000  # numbers, which lie in a cache


def gradients(loss: Callable[..., Tensor], *operands: Tensor, wanted: int) -> Iterator[Tensor]:
    """Gradients by the first operands; the last one is the weight."""
    leaves = [operand.clone().requires_grad_(k < wanted) for k, operand in enumerate(operands)]
    value = loss(leaves[0], leaves[1], weight=leaves[2], reduction="sum")
    yield from torch.autograd.grad(value, leaves[:wanted])


def check(random: Random, dtype: torch.dtype) -> None:
    numbers = (1 << 21) // dtype.itemsize + random.randrange(1, 5000)
    torch.manual_seed(random.randrange(1 << 30))
    pred, target, weight = (
        torch.randn(numbers, dtype=dtype),
        torch.rand(numbers, dtype=dtype),
        torch.rand(numbers).to(dtype),
    )
    for loss in LOSSES:
        for wanted in (1, 2):
            whole = gradients(loss, pred, target, weight, wanted=wanted)
            parts = zip(
                *(
                    gradients(loss, *part, wanted=wanted)
                    for part in zip(*(x.split(PART) for x in (pred, target, weight)))
                )
            )
            for one, several in zip(whole, parts, strict=True):
                assert torch.equal(one, torch.cat(several)), (loss.__name__, dtype, numbers, wanted)


if __name__ == "__main__":
    torch.set_num_threads(2)
    for kind in (torch.float32, torch.float64, torch.bfloat16):
        check(Random(f"{sys.argv[1]} {kind}"), kind)
