"""The box losses that need no transcendental word have the bits of the reference, on every family of the battery."""

from random import Random

import pytest
import torch

import detloss
from detloss.kernels import eager
from detloss.kernels import triton as backend
from detloss.kernels.loops import PairLoop
from tests.battery.boxes import FAMILIES, REACHES, in_format


@pytest.mark.parametrize("measure", [False, True])
@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("form", ["xyxy", "xywh", "cxcywh", "ltrb"])
def test_bits_of_the_reference(form: str, dims: int, measure: bool, seed: int) -> None:
    rng, dtype = Random(seed), torch.float32
    pairs = [make(rng, dims, REACHES[dtype]) for make in FAMILIES.values() for _ in range(8)]
    pred, target = (torch.tensor([in_format(row, form) for row in rows], dtype=dtype) for rows in zip(*pairs))
    weight = torch.rand(len(pred), generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    for penalty in (detloss.formulas.iou, detloss.formulas.generalized_iou, detloss.formulas.distance_iou):
        loop = PairLoop(penalty, detloss.AxisAligned(form, dims), with_angle=False, measure=measure)
        ours, theirs = (
            each.evaluate(loop, "none", True, True, pred, target, weight, None, ()) for each in (backend, eager)
        )
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
        ours, theirs = (
            each.evaluate(loop, "mean", True, True, pred, target, weight, 3.7, ()) for each in (backend, eager)
        )
        torch.testing.assert_close(ours[1:], theirs[1:], rtol=0, atol=0, equal_nan=True)
