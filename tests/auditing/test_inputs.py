"""Random inputs of the battery have the properties of their family, after rounding, in every dtype."""

from collections import Counter
from random import Random

import pytest
import torch

from detloss.auditing.battery import box_families as boxes
from detloss.auditing.battery import logit_families as logits
from detloss.auditing.battery.cases import DTYPES

Row = list[float]

# The relations that the pairs of each family may have.
RELATIONS = {
    "identical": {"identical"},
    "touching": {"touching"},
    "sharing_an_edge": {"overlapping", "nested"},
    "nested": {"nested"},
    "disjoint": {"disjoint"},
    "one_flat": {"flat"},
    "flat_on_an_edge": {"flat"},
    "pointlike": {"flat"},
    "both_flat": {"flat"},
    "inverted": {"inverted"},
}

# Minimum and maximum fraction of each relation among ordinary boxes in the plane.
FRACTIONS = {"overlapping": (0.5, 0.95), "disjoint": (0.03, 0.4), "nested": (0.02, 0.3)}


def relation(pred: Row, target: Row) -> str:
    """The relation of two boxes, given by minima followed by maxima."""
    half = len(pred) // 2
    axes = list(zip(pred[:half], pred[half:], target[:half], target[half:], strict=True))
    if any(low > high for a, b, c, d in axes for low, high in ((a, b), (c, d))):
        return "inverted"
    if pred == target:
        return "identical"
    if any(low == high for a, b, c, d in axes for low, high in ((a, b), (c, d))):
        return "flat"
    overlap = min(min(b, d) - max(a, c) for a, b, c, d in axes)
    if overlap <= 0:
        return "disjoint" if overlap < 0 else "touching"
    inside = all(a <= c and d <= b for a, b, c, d in axes) or all(c <= a and b <= d for a, b, c, d in axes)
    return "nested" if inside else "overlapping"


def pairs(family: str, dims: int, dtype: torch.dtype, seed: int, count: int) -> list[tuple[Row, Row]]:
    rng = Random(seed)
    made = [boxes.FAMILIES[family](rng, dims, boxes.RANGES[dtype]) for _ in range(count)]
    return [(_rounded(pred, dtype), _rounded(target, dtype)) for pred, target in made]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("family", RELATIONS)
def test_families_have_their_relations(family: str, dtype: torch.dtype, seed: int) -> None:
    for dims in (1, 2, 3, 4):
        assert {relation(*pair) for pair in pairs(family, dims, dtype, seed, 50)} <= RELATIONS[family]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_specks_are_nested(dtype: torch.dtype, seed: int) -> None:
    # In 16-bit dtypes a speck may be rounded to a flat box.
    assert {relation(*pair) for pair in pairs("speck", 2, dtype, seed, 200)} == {"nested"}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_ordinary_boxes_have_all_relations(dtype: torch.dtype, seed: int) -> None:
    seen = Counter(relation(*pair) for pair in pairs("ordinary", 2, dtype, seed, 2000))
    for name, (least, most) in FRACTIONS.items():
        assert least <= seen[name] / 2000 <= most, seen


def test_special_families_have_all_kinds_of_pairs(seed: int) -> None:
    flat = pairs("both_flat", 2, torch.float32, seed, 400)
    assert sum(_is_point(pred) and _is_point(target) for pred, target in flat) >= 20
    assert sum(pred[0] == pred[2] == target[0] == target[2] for pred, target in flat) >= 2
    inverted = pairs("inverted", 2, torch.float32, seed, 400)
    assert sum(pred == target for pred, target in inverted) >= 20
    assert sum(_is_inverted(pred) and not _is_inverted(target) for pred, target in inverted) >= 20
    assert sum(_is_inverted(target) and not _is_inverted(pred) for pred, target in inverted) >= 20
    finite = [pair for pair in pairs("not_finite", 2, torch.float32, seed, 400) if _is_finite(pair)]
    assert 60 <= len(finite) <= 200


@pytest.mark.parametrize("form", ["xywh", "cxcywh", "ltrb"])
def test_exact_families_are_exact_in_every_format(form: str, seed: int) -> None:
    for family in ("touching", "sharing_an_edge", "one_flat", "flat_on_an_edge", "both_flat", "pointlike"):
        for pred, target in pairs(family, 3, torch.float64, seed, 50):
            for corners in (pred, target):
                row = boxes.in_format(corners, form)
                assert _rounded(row, torch.bfloat16) == row


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_include_limits_of_exponentials(dtype: torch.dtype) -> None:
    sizes = {abs(logit) for logit in logits.extremes(dtype)}
    assert {0.0, 17.0, 37.0, 88.0, 89.0, 104.0, 1000.0, float("inf")} <= sizes
    assert dtype == torch.float16 or any(0 < size < 2e-30 for size in sizes)
    assert dtype == torch.float16 or any(2e38 < size < 1e39 for size in sizes)


def _rounded(row: Row, dtype: torch.dtype) -> Row:
    return torch.tensor(row, dtype=torch.float64).to(dtype).tolist()


def _is_point(row: Row) -> bool:
    return row[:2] == row[2:]


def _is_inverted(row: Row) -> bool:
    return row[2] < row[0] or row[3] < row[1]


def _is_finite(pair: tuple[Row, Row]) -> bool:
    return bool(torch.tensor(pair).isfinite().all())
