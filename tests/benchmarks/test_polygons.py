"""Peer of rotated boxes against exact values and against detloss, for pairs in general position."""

import pytest
import torch

import detloss
from benchmarks.peers import rotated
from detloss import Rotated
from detloss.auditing.oracle import exact_polygons as oracle
from tests.support.convex_pairs import RECTANGLES, fractions_of


def test_peer_has_the_exact_values(seed: int) -> None:
    first, second = RECTANGLES["random"].pairs(seed, 20)
    for k in range(len(first)):
        exact = oracle.losses(*(oracle.rectangle(fractions_of(rows[k])) for rows in (first, second)))
        pair = first[k : k + 1], second[k : k + 1]
        assert rotated.iou_loss(*pair).item() == pytest.approx(float(exact["iou"]), abs=1e-12)
        assert rotated.giou_loss(*pair).item() == pytest.approx(float(exact["giou"]), abs=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(detloss.iou_loss, rotated.iou_loss), (detloss.generalized_iou_loss, rotated.giou_loss)]
)
@pytest.mark.parametrize("name", ["random", "apart"])
def test_peer_agrees_in_value_and_gradients(name: str, ours: object, theirs: object, seed: int) -> None:
    rows = RECTANGLES[name].pairs(seed, 2000)
    results = []
    for loss in (lambda *pair: ours(*pair, geometry=Rotated()), theirs):
        leaves = [each.clone().requires_grad_() for each in rows]
        value = loss(*leaves)
        results.append((value.detach(), *torch.autograd.grad(value, leaves)))
    for found, expected in zip(*results):
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_pairwise_iou_of_the_peer(seed: int) -> None:
    first, second = RECTANGLES["random"].pairs(seed, 40)
    expected = detloss.iou(first, second[:30], geometry=Rotated(), pairwise=True)
    torch.testing.assert_close(rotated.pairwise_iou(first, second[:30]), expected, rtol=0, atol=1e-10)
