"""Costs of queries and objects against their definition in plain Python."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss

QUERIES, OBJECTS, CLASSES = 7, 4, 5


def minus_probability(logits: list[float], label: int) -> float:
    return -math.exp(logits[label]) / sum(map(math.exp, logits))


def focal(logits: list[float], label: int, alpha: float = 0.25, gamma: float = 2.0) -> float:
    p = 1 / (1 + math.exp(-logits[label]))
    return -alpha * (1 - p) ** gamma * math.log(p) + (1 - alpha) * p**gamma * math.log(1 - p)


def edges(box: list[float]) -> list[tuple[float, float]]:
    """The two ends of a box, given as center and sizes, on each axis."""
    dims = len(box) // 2
    return [(box[k] - box[k + dims] / 2, box[k] + box[k + dims] / 2) for k in range(dims)]


def generalized_iou(a: list[float], b: list[float]) -> float:
    axes = list(zip(edges(a), edges(b)))
    shared = math.prod(max(min(x[1], y[1]) - max(x[0], y[0]), 0.0) for x, y in axes)
    spanned = math.prod(max(x[1], y[1]) - min(x[0], y[0]) for x, y in axes)
    union = sum(math.prod(last - first for first, last in edges(box)) for box in (a, b)) - shared
    return shared / union - (spanned - union) / spanned


def costs(
    case: dict[str, Tensor],
    classification: Callable[[list[float], int], float],
    weights: tuple[float, float, float],
) -> Tensor:
    """Every query with every object."""
    a, b, c = weights
    return torch.tensor(
        [
            [
                a * classification(logits, label)
                + b * sum(abs(x - y) for x, y in zip(box, target))
                - c * generalized_iou(box, target)
                for label, target in zip(case["labels"].tolist(), case["target_boxes"].tolist())
            ]
            for logits, box in zip(case["logits"].tolist(), case["boxes"].tolist())
        ],
        dtype=torch.float64,
    )


def draw(seed: int, *batch: int, objects: int = OBJECTS, dims: int = 2) -> dict[str, Tensor]:
    """Logits, boxes in fractions of the image as center and sizes, objects; float64."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> Tensor:
        return torch.rand(*batch, *shape, generator=generator, dtype=torch.float64)

    return {
        "logits": 8 * numbers(QUERIES, CLASSES) - 4,
        "boxes": numbers(QUERIES, 2 * dims) * 0.8 + 0.1,
        "labels": torch.randint(CLASSES, (*batch, objects), generator=generator),
        "target_boxes": numbers(objects, 2 * dims) * 0.8 + 0.1,
    }


@pytest.mark.parametrize(
    ("classification", "definition"),
    [
        (detloss.softmax_cost, minus_probability),
        (detloss.sigmoid_focal_cost, focal),
        (partial(detloss.sigmoid_focal_cost, alpha=0.6, gamma=1.5), partial(focal, alpha=0.6, gamma=1.5)),
    ],
    ids=["softmax", "focal", "another focal"],
)
def test_is_the_definition(classification: Callable, definition: Callable, seed: int) -> None:
    case = draw(seed)
    for weights in ((2.0, 5.0, 2.0), (0.3, 0.0, 0.0), (0.0, 0.7, 0.0), (0.0, 0.0, 1.5)):
        names = ("classification_weight", "distance_weight", "overlap_weight")
        ours = detloss.matching_cost(**case, classification=classification, **dict(zip(names, weights)))
        torch.testing.assert_close(ours, costs(case, definition, weights), rtol=1e-12, atol=1e-12)


def test_the_defaults_are_those_of_detr(seed: int) -> None:
    case = draw(seed)
    expected = costs(case, minus_probability, (1.0, 5.0, 2.0))
    torch.testing.assert_close(detloss.matching_cost(**case), expected, rtol=1e-12, atol=1e-12)


def test_of_volumes(seed: int) -> None:
    case = draw(seed, dims=3)
    ours = detloss.matching_cost(**case, geometry=detloss.AxisAligned("cxcywh", dims=3))
    torch.testing.assert_close(ours, costs(case, minus_probability, (1.0, 5.0, 2.0)), rtol=1e-12, atol=1e-12)


def test_a_batch_is_its_parts(seed: int) -> None:
    case = draw(seed, 2, 3)
    joined = detloss.matching_cost(**case)
    assert joined.shape == (2, 3, QUERIES, OBJECTS)
    for i in range(2):
        for j in range(3):
            part = detloss.matching_cost(**{name: value[i, j] for name, value in case.items()})
            torch.testing.assert_close(joined[i, j], part, rtol=1e-14, atol=1e-14)


def test_reads_the_given_format(seed: int) -> None:
    case = draw(seed)
    first = case["boxes"] - 0.3, case["target_boxes"] - 0.3
    corners = {
        **case,
        "boxes": torch.cat((first[0][:, :2], case["boxes"][:, :2]), 1),
        "target_boxes": torch.cat((first[1][:, :2], case["target_boxes"][:, :2]), 1),
    }
    ours = detloss.matching_cost(
        **corners, geometry=detloss.AxisAligned(), classification_weight=0, distance_weight=1, overlap_weight=0
    )
    torch.testing.assert_close(ours, torch.cdist(corners["boxes"], corners["target_boxes"], p=1))
    same = detloss.matching_cost(
        **{**corners, "target_boxes": corners["boxes"][:OBJECTS]},
        geometry=detloss.AxisAligned(),
        overlap=detloss.complete_iou,
        classification_weight=0,
        distance_weight=0,
        overlap_weight=1,
    )
    assert same.diagonal().tolist() == [-1.0] * OBJECTS
    assert (same > -1).sum() == (QUERIES - 1) * OBJECTS


@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.parametrize("batch", [(), (2,), (0,)])
def test_of_few_objects(objects: int, batch: tuple[int, ...], seed: int) -> None:
    cost = detloss.matching_cost(**draw(seed, *batch, objects=objects))
    assert cost.shape == (*batch, QUERIES, objects)
    assert cost.isfinite().all()


@pytest.mark.parametrize("classification", [detloss.softmax_cost, detloss.sigmoid_focal_cost])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_is_finite_where_its_operands_are(classification: Callable, dtype: torch.dtype, seed: int) -> None:
    case = draw(seed)
    case["logits"] *= 1e4
    case["boxes"][0] = case["target_boxes"][0]
    case["boxes"][1, 2:] = case["target_boxes"][1, 2:] = case["boxes"][2, 3] = 0.0
    case["boxes"][3, 2:] *= -1
    case["boxes"][1] = case["target_boxes"][1]
    moved = {name: value.to(dtype) if value.is_floating_point() else value for name, value in case.items()}
    cost = detloss.matching_cost(**moved, classification=classification)
    assert cost.dtype == torch.promote_types(dtype, torch.float32)
    assert cost.isfinite().all()


def test_non_finite_values_stay_in_their_row(seed: int) -> None:
    case = draw(seed)
    case["boxes"][2, 1] = math.nan
    case["logits"][4, 0] = math.nan
    broken = detloss.matching_cost(**case).isnan()
    assert torch.equal(broken.any(dim=1), torch.tensor([False, False, True, False, True, False, False]))
    without = detloss.matching_cost(**case, distance_weight=0, overlap_weight=0)
    assert torch.equal(without.isnan().any(dim=1), torch.arange(QUERIES) == 4)  # a term of weight 0 is absent


def test_result_does_not_require_grad(seed: int) -> None:
    case = {name: value.requires_grad_(value.is_floating_point()) for name, value in draw(seed).items()}
    assert not detloss.matching_cost(**case).requires_grad
    logits = case["logits"]
    for classification in (detloss.softmax_cost, detloss.sigmoid_focal_cost):
        assert classification(logits).requires_grad


def test_class_costs_of_logits_in_sixteen_bits(seed: int) -> None:
    logits = draw(seed)["logits"]
    for classification in (detloss.softmax_cost, detloss.sigmoid_focal_cost):
        for dtype in (torch.bfloat16, torch.float16):
            short = logits.to(dtype)
            expected = classification(short.double()).to(dtype)
            torch.testing.assert_close(classification(short), expected, rtol=0.02, atol=0.02)


def test_focal_cost_of_large_logits() -> None:
    logits = torch.tensor([40.0, -40.0, 1e4, -1e4])
    expected = [-0.75 * 40, 0.25 * 40, -0.75e4, 0.25e4]
    assert detloss.sigmoid_focal_cost(logits).tolist() == pytest.approx(expected, rel=1e-6)
    assert detloss.sigmoid_focal_cost(logits, alpha=None).tolist() == pytest.approx([-40, 40, -1e4, 1e4], rel=1e-6)


CASE = draw(0)
META = torch.device("meta")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"logits": [[0.0]]}, TypeError, r"logits: expected a tensor, got list \(try torch.tensor\(logits\)\)"),
        ({"boxes": None}, TypeError, "boxes: expected a tensor, got NoneType"),
        (
            {"logits": CASE["labels"]},
            TypeError,
            r"logits: expected a floating dtype, got torch.int64 \(try logits.to\(torch.float32\)\)",
        ),
        ({"logits": CASE["logits"][0]}, ValueError, r"logits: expected \(..., queries, classes\), got \(5,\)"),
        ({"boxes": CASE["boxes"][:3]}, ValueError, r"boxes: expected \(7, 4\), one box per query, got \(3, 4\)"),
        ({"boxes": CASE["boxes"][:, :3]}, ValueError, r"boxes: expected \(7, 4\), one box per query, got \(7, 3\)"),
        ({"boxes": CASE["boxes"].to(META)}, ValueError, r"boxes: expected device cpu \(same as logits\), got meta"),
        ({"labels": [0, 1]}, TypeError, r"labels: expected a tensor, got list \(try torch.tensor\(labels\)\)"),
        ({"labels": CASE["labels"].double()}, TypeError, "labels: expected an integer dtype, got torch.float64"),
        ({"labels": CASE["labels"] > 0}, TypeError, "labels: expected an integer dtype, got torch.bool"),
        ({"labels": CASE["labels"].to(META)}, ValueError, r"labels: expected device cpu \(same as logits\), got meta"),
        (
            {"labels": CASE["labels"][None]},
            ValueError,
            r"labels: expected \(objects\) beside logits \(7, 5\), got \(1, 4\)",
        ),
        (
            {name: CASE[name][None] for name in ("logits", "boxes", "target_boxes")},
            ValueError,
            r"labels: expected \(1, objects\) beside logits \(1, 7, 5\), got \(4,\)",
        ),
        ({"labels": torch.tensor([0, 5, 1, 2])}, ValueError, r"labels: expected class indices in \[0, 4\], got 5"),
        ({"labels": torch.tensor([0, 4, -1, 2])}, ValueError, r"labels: expected class indices in \[0, 4\], got -1"),
        (
            {"target_boxes": CASE["target_boxes"][:3]},
            ValueError,
            r"target_boxes: expected \(4, 4\), one box per object, got \(3, 4\)",
        ),
        ({"overlap_weight": -1.0}, ValueError, "overlap_weight: expected a finite number of at least 0, got -1.0"),
        ({"distance_weight": "5"}, TypeError, "distance_weight: expected a number, got str"),
        (
            {"classification_weight": 0, "distance_weight": 0, "overlap_weight": 0},
            ValueError,
            "classification_weight, distance_weight, overlap_weight: expected one above 0, got none",
        ),
        ({"geometry": "cxcywh"}, TypeError, "geometry: expected an instance such as AxisAligned"),
    ],
)
def test_errors_name_the_argument(changes: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        detloss.matching_cost(**{**CASE, **changes})


def test_errors_of_class_costs() -> None:
    for classification in (detloss.softmax_cost, detloss.sigmoid_focal_cost):
        with pytest.raises(TypeError, match=r"^logits: expected a floating dtype, got torch.int64 \(try"):
            classification(torch.tensor([1]))
    with pytest.raises(ValueError, match=r"^alpha: expected a finite number in \[0, 1\], got 2"):
        detloss.sigmoid_focal_cost(torch.zeros(1), alpha=2)
    with pytest.raises(ValueError, match="^gamma: expected a finite number of at least 0, got -1"):
        detloss.sigmoid_focal_cost(torch.zeros(1), gamma=-1)
