"""Bits of the box losses on every family: those of the reference, or of C++ for losses with a logarithm or an angle."""

from random import Random

import pytest
import torch
from torch import Tensor

from detloss.auditing.battery.box_families import FAMILIES, RANGES, in_format
from detloss.formulas import penalties
from detloss.geometry import AxisAligned
from detloss.kernels import cpp, eager
from detloss.kernels.interface import BoxRequest, Call
from detloss.kernels.triton import launch
from tests.support.marks import exhaustive_except

every_format = pytest.mark.parametrize("form", ["xyxy", "xywh", "cxcywh", "ltrb"])


def drawn(rng: Random, form: str, dims: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of every family of the battery, and weights of which some are 0."""
    pairs = [make(rng, dims, RANGES[torch.float32]) for make in FAMILIES.values() for _ in range(8)]
    pred, target = (torch.tensor([in_format(row, form) for row in rows]) for rows in zip(*pairs))
    return pred, target, torch.tensor([rng.randrange(4) / 3 for _ in pairs])


def same(ours: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> None:
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("dims", exhaustive_except([1, 2, 3], lambda dims: dims == 2))
@every_format
def test_bits_of_the_reference(form: str, dims: int, seed: int) -> None:
    rng = Random(seed)
    pred, target, weight = drawn(rng, form, dims)
    for penalty in (penalties.iou, penalties.generalized_iou, penalties.distance_iou):
        request = BoxRequest(penalty, AxisAligned(form, dims), measure=rng.random() < 0.3)
        for reduction, divisor, first in (("none", None, 0), ("mean", 3.7, 1)):  # sums are another matter
            call = Call(pred, target, weight, divisor, (), request, reduction)
            same(launch.evaluate(call, True, True)[first:], eager.evaluate(call, True, True)[first:])


@pytest.mark.skipif(cpp.library is None, reason="nothing was built here")
@every_format
def test_bits_of_cpp(form: str, seed: int) -> None:
    pred, target, weight = drawn(Random(seed), form, 2)
    for penalty in (penalties.log_iou, penalties.complete_iou):
        request = BoxRequest(penalty, AxisAligned(form), measure=False)
        call = Call(pred, target, weight, None, (), request, "none")
        plan = cpp.kernel_for(call)
        assert plan is not None
        same(launch.evaluate(call, True, True), plan.evaluate(call, True, True))
