"""Non-maximum suppression against torchvision's, and against the greedy algorithm in plain Python."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss

Box = list[float]


def shared(a: Box, b: Box) -> tuple[float, float]:
    """Areas of intersection and union of two boxes; a box with a side below 0 is empty."""
    left, top, right, bottom = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    areas = [max(x2 - x1, 0.0) * max(y2 - y1, 0.0) for x1, y1, x2, y2 in (a, b)]
    both = max(right - left, 0.0) * max(bottom - top, 0.0)
    return both, sum(areas) - both


def iou(a: Box, b: Box) -> float:
    both, either = shared(a, b)
    return both / either if either else float(a == b and a[0] <= a[2] and a[1] <= a[3])


def distance_iou(a: Box, b: Box) -> float:
    apart = sum((a[k] + a[k + 2] - b[k] - b[k + 2]) ** 2 / 4 for k in (0, 1))
    diagonal = sum((max(a[k], a[k + 2], b[k], b[k + 2]) - min(a[k], a[k + 2], b[k], b[k + 2])) ** 2 for k in (0, 1))
    return iou(a, b) - (apart / diagonal if diagonal else 0.0)


def greedy(
    boxes: Tensor, scores: Tensor, threshold: float, labels: Tensor, measure: Callable[[Box, Box], float] = iou
) -> list[int]:
    """From the highest score down, boxes that overlap no kept box of their class."""
    rows, classes = boxes.tolist(), labels.tolist()
    kept: list[int] = []
    for i in sorted(range(len(rows)), key=lambda index: -scores[index].item()):
        if all(classes[i] != classes[j] or measure(rows[i], rows[j]) <= threshold for j in kept):
            kept.append(i)
    return kept


def crowd(count: int, generator: torch.Generator) -> Tensor:
    """Boxes of which many overlap, a third of them twice, some points and lines among them."""
    corners = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 1.5 * count**0.5
    sides = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 8 + 0.1
    sides[: count // 10, 0] = 0.0
    sides[: count // 20, 1] = 0.0
    boxes = torch.cat((corners, corners + sides), dim=1)
    boxes[count // 3 : 2 * (count // 3)] = boxes[2 * (count // 3) : 3 * (count // 3)]
    return boxes


def draw(count: int, seed: int, scores: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, scores (the given number of different ones; None: all different) and labels, in random order."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(count, generator=generator)
    level = order if scores is None else torch.randint(scores, (count,), generator=generator)
    return (
        crowd(count, generator)[order.argsort()],
        level.double() / 4096,
        torch.randint(5, (count,), generator=generator),
    )


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("count", [0, 1, 2, 50, 5000])
def test_against_torchvision(count: int, threshold: float, seed: int) -> None:
    from torchvision import ops

    for levels in (None, 7):
        boxes, scores, _ = draw(count, seed, levels)
        assert detloss.nms(boxes, scores, threshold).tolist() == ops.nms(boxes, scores, threshold).tolist()
    boxes, scores, labels = draw(count, seed)
    expected = ops.batched_nms(boxes, scores, labels, threshold)
    assert detloss.nms(boxes, scores, threshold, labels=labels).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("measure", "definition"),
    [(detloss.iou, iou), (detloss.distance_iou, distance_iou)],
    ids=["IoU", "DIoU"],
)
@pytest.mark.parametrize("levels", [None, 6], ids=["all scores different", "many equal"])
def test_is_the_greedy_choice(measure: Callable, definition: Callable, levels: int | None, seed: int) -> None:
    boxes, scores, labels = draw(400, seed, levels)
    boxes[::40] = boxes[::40].flip(-1)  # some inverted
    boxes[1::40] = boxes[2].repeat(10, 1)
    boxes[3::40, 2:] = boxes[3::40, :2] = boxes[3, :2]  # points that are the same
    for threshold in (-0.1, 0.2, 0.6):
        for classes in (labels, labels.double(), torch.zeros(400)):
            kept = detloss.nms(boxes, scores, threshold, measure=measure, labels=classes)
            assert kept.tolist() == greedy(boxes, scores, threshold, classes, definition)
        assert torch.equal(detloss.nms(boxes, scores, threshold, measure=measure), kept)  # one class


def test_keeps_the_first_of_equals() -> None:
    boxes, scores = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(3, 1), torch.full((3,), 0.5)
    assert detloss.nms(boxes, scores, 0.5).tolist() == [0]
    assert detloss.nms(boxes, scores, 0.5, labels=torch.tensor([0, 1, 0])).tolist() == [0, 1]
    assert detloss.nms(boxes * 0, scores, 0.5).tolist() == [0]  # points too


def test_lets_a_suppressed_box_suppress_nothing() -> None:
    x = torch.arange(300.0)  # IoU 3/5 of neighbors, 1/3 of the next but one; more boxes than are compared at a time
    boxes = torch.stack((x, torch.zeros(300), x + 4, torch.ones(300)), dim=1)
    assert detloss.nms(boxes, -x, 0.5).tolist() == list(range(0, 300, 2))


def test_keeps_crowded_objects_by_the_distance_of_their_centers() -> None:
    boxes, scores = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 1.0, 4.0, 5.0]]), torch.tensor([0.8, 0.9])
    assert detloss.nms(boxes, scores, 0.59).tolist() == [1]  # IoU 12/20
    assert detloss.nms(boxes, scores, 0.59, measure=detloss.distance_iou).tolist() == [1, 0]  # less 1/41
    assert detloss.nms(boxes, scores, 0.57, measure=detloss.distance_iou).tolist() == [1]


def test_an_overlap_equal_to_the_threshold_stays() -> None:
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 2.0]])
    assert detloss.nms(boxes, torch.ones(2), 0.5).tolist() == [0, 1]
    assert detloss.nms(boxes, torch.ones(2), 0.4999).tolist() == [0]


def test_reads_other_formats_and_volumes(seed: int) -> None:
    boxes, scores, labels = draw(200, seed)
    first, last = boxes.chunk(2, dim=1)
    expected = detloss.nms(boxes, scores, 0.3, labels=labels)
    sizes = detloss.AxisAligned(format="xywh")
    assert torch.equal(
        detloss.nms(torch.cat((first, last - first), 1), scores, 0.3, labels=labels, geometry=sizes), expected
    )
    height = torch.tensor([[0.0, 2.0]], dtype=torch.float64).expand(200, 2)
    volumes = torch.cat((first, height[:, :1], last, height[:, 1:]), dim=1)
    assert torch.equal(detloss.nms(volumes, scores, 0.3, labels=labels, geometry=detloss.AxisAligned(dims=3)), expected)


def test_sixteen_bits_are_compared_in_thirty_two(seed: int) -> None:
    boxes, scores, labels = draw(300, seed)
    for dtype in (torch.bfloat16, torch.float16):
        short = boxes.to(dtype)
        kept = detloss.nms(short, scores, 0.5, labels=labels)
        assert kept.tolist() == greedy(short.double(), scores, 0.5, labels)
    close = torch.tensor([[0.0, 0, 250, 250], [0, 0, 153, 245]], dtype=torch.bfloat16)  # .5998, in bfloat16 .6016
    assert detloss.nms(close, torch.ones(2), 0.6).tolist() == [0, 1]


def test_result_does_not_require_grad() -> None:
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0]], requires_grad=True)
    scores = torch.ones(1, requires_grad=True)
    requires_grad = []

    def watched(a: Tensor, b: Tensor, **options: object) -> Tensor:
        requires_grad.append(a.requires_grad or b.requires_grad)
        return detloss.iou(a, b, **options)

    assert detloss.nms(boxes, scores, 0.5, measure=watched).tolist() == [0]
    assert requires_grad
    assert not any(requires_grad)


def test_non_finite_boxes() -> None:
    nan = float("nan")
    boxes = torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, nan, 4.0], [0.0, 0.0, 4.0, 4.0]])
    assert detloss.nms(boxes, torch.tensor([0.7, 0.9, 0.8]), 0.5).tolist() == [1, 2]
    assert detloss.nms(boxes, torch.tensor([nan, 0.9, 0.8]), 0.5).tolist() == [0, 1]
    labels = torch.tensor([nan, nan, 1.0])
    assert detloss.nms(boxes, torch.tensor([0.7, 0.9, 0.8]), 0.5, labels=labels).tolist() == [1, 2, 0]


BOXES, SCORES = torch.rand(3, 4), torch.rand(3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (partial(detloss.nms, [[0.0]], SCORES, 0.5), TypeError, r"boxes: expected a tensor, got list \(try torch.tensor\(boxes\)\)"),
        (partial(detloss.nms, BOXES.long(), SCORES, 0.5), TypeError, r"boxes: expected a floating dtype, got torch.int64 \(try boxes.to\(torch.float32\)\)"),
        (partial(detloss.nms, BOXES[0], SCORES, 0.5), ValueError, r"boxes: expected \(n, 4\), got \(4,\)"),
        (partial(detloss.nms, BOXES[None], SCORES, 0.5), ValueError, r"boxes: expected \(n, 4\), got \(1, 3, 4\)"),
        (partial(detloss.nms, torch.rand(3, 5), SCORES, 0.5), ValueError, r"boxes: expected \(..., 4\) rows of .*, got \(3, 5\)"),
        (partial(detloss.nms, BOXES, 0.5, 0.5), TypeError, "scores: expected a tensor, got float"),
        (partial(detloss.nms, BOXES, SCORES.long(), 0.5), TypeError, r"scores: expected a floating dtype, got torch.int64 \(try scores.to\(torch.float32\)\)"),
        (partial(detloss.nms, BOXES, SCORES[:2], 0.5), ValueError, r"scores: expected shape \(3,\), one per box, got \(2,\)"),
        (partial(detloss.nms, BOXES, SCORES[:, None], 0.5), ValueError, r"scores: expected shape \(3,\), one per box, got \(3, 1\)"),
        (partial(detloss.nms, BOXES, SCORES.to("meta"), 0.5), ValueError, r"scores: expected device cpu \(same as boxes\), got meta"),
        (partial(detloss.nms, BOXES, SCORES, 50), ValueError, r"iou_threshold: expected a finite number in \[-1, 1\], got 50"),
        (partial(detloss.nms, BOXES, SCORES, float("nan")), ValueError, r"iou_threshold: expected a finite number .*, got nan"),
        (partial(detloss.nms, BOXES, SCORES, "0.5"), TypeError, "iou_threshold: expected a number, got str"),
        (partial(detloss.nms, BOXES, SCORES, 0.5, labels=[0, 1, 2]), TypeError, r"labels: expected a tensor, got list \(try torch.tensor\(labels\)\)"),
        (partial(detloss.nms, BOXES, SCORES, 0.5, labels=SCORES[:1]), ValueError, r"labels: expected shape \(3,\), one per box, got \(1,\)"),
        (
            partial(detloss.nms, BOXES, SCORES, 0.5, labels=SCORES.to("meta")),
            ValueError,
            r"labels: expected device cpu \(same as boxes\), got meta",
        ),
        (
            partial(detloss.nms, BOXES, SCORES, 0.5, geometry=detloss.AxisAligned),
            TypeError,
            "geometry: expected an instance such as AxisAligned",
        ),
    ],
)  # fmt: skip
def test_errors_name_the_argument(call: Callable, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()
