"""The arithmetic of the explorer in a browser against the eager backend in float64."""

import math
from random import Random

import pytest
import torch
from playwright.sync_api import Page
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, Kind, Loss
from detloss.explorer.losses import CANVAS, LISTS
from tests.battery.boxes import FAMILIES, RANGES
from tests.support.explorer_page import opened_page

PAIRS = 10_000
SAME_BITS = ("iou", "giou", "diou")
ULPS = 4
BOXES = [loss.with_sizes(CANVAS) for loss in LOSSES if loss.kind is Kind.BOX]


@pytest.fixture(scope="module")
def page() -> Page:
    with opened_page() as page:
        yield page


def random_pairs(rng: Random) -> tuple[Tensor, Tensor]:
    """Random pairs, most of them overlapping, and every family of degenerate pairs."""
    pairs = [family(rng, 2, RANGES[torch.float64]) for family in FAMILIES.values() for _ in range(60)]
    while len(pairs) < PAIRS:
        pairs.append(FAMILIES["ordinary"](rng, 2, RANGES[torch.float64]))
    pred, target = (torch.tensor(rows, dtype=torch.float64) for rows in zip(*pairs))
    return pred, target
