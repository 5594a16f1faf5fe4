"""Losses of axis-aligned boxes by their sides and edges: degenerate boxes, lengths as tensors, errors."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detloss
from detloss import Rotated

IMAGE = (8.0, 6.0)
LOSSES: dict[str, tuple[Callable[..., Tensor], dict[str, object]]] = {
    "eiou": (detloss.efficient_iou_loss, {}),
    "siou": (detloss.scylla_iou_loss, {}),
    "mpdiou": (detloss.minimum_points_distance_iou_loss, {"image_size": IMAGE}),
    "nwd": (detloss.normalized_wasserstein_loss, {"scale": 5.0}),
    "wiou": (detloss.wise_iou_loss, {}),
    "shapeiou": (detloss.shape_iou_loss, {"scale": 1.5}),
    "piou": (detloss.powerful_iou_loss, {}),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
LIMIT = 1 - math.exp(-1)


def both(name: str, pred: list[float], target: list[float], **options: object) -> tuple[float, list[float]]:
    """The loss of one pair, and its gradient by the prediction."""
    loss, own = LOSSES[name]
    boxes = torch.tensor([pred], dtype=torch.float64, requires_grad=True)
    value = loss(boxes, torch.tensor([target], dtype=torch.float64), **{**own, **options})
    return value.item(), torch.autograd.grad(value, boxes)[0][0].tolist()


@pytest.mark.parametrize("box", [[0, 0, 2, 1], [0, 0, 2, 0], [1, 1, 1, 1]], ids=["box", "flat", "point"])
@every_loss
def test_identical_boxes_have_loss_0_and_no_gradient(name: str, box: list[float]) -> None:
    assert both(name, box, box) == (0.0, [0.0] * 4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eiou", 1 + 0.25 + 0),
        ("siou", 1 + 0.5 * (1 - math.exp(-2 * 0.25))),
        ("mpdiou", 1 + 8 / 100),
        ("nwd", 1 - math.exp(-2 / 5)),
        ("wiou", math.exp(0.25)),
        ("piou", 1 + 1),
    ],
)
def test_flat_boxes_on_one_line(name: str, expected: float) -> None:
    """The axis on which both boxes have no extent adds nothing, except to PIoU, where P is the mean of 1/2 and 0."""
    value, slopes = both(name, [0, 0, 2, 0], [2, 0, 4, 0])
    if name == "piou":
        expected = 1 + 1 - math.exp(-0.25)
    assert value == pytest.approx(expected, rel=1e-14)
    assert all(map(math.isfinite, slopes))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eiou", 2.0),
        ("siou", 1 + 0.5 * 2 * (1 - math.exp(-1 * 1))),
        ("mpdiou", 1 + 4 / 100),
        ("nwd", 1 - math.exp(-math.sqrt(2) / 5)),
        ("wiou", math.e),
        ("shapeiou", 2.0),
        ("piou", 2.0),
    ],
)
def test_two_different_points(name: str, expected: float) -> None:
    value, slopes = both(name, [0, 0, 0, 0], [1, 1, 1, 1])
    assert value == pytest.approx(expected, rel=1e-14)
    assert all(map(math.isfinite, slopes))


def test_a_target_without_extent_is_infinitely_far_for_piou() -> None:
    value, slopes = both("piou", [0, 0, 2, 1], [0, 0.5, 2, 0.5])
    assert value == 2.0
    assert all(map(math.isfinite, slopes))
    value, _ = both("piou", [0, 0, 2, 0], [1, 0, 3, 0])  # the edges on the flat axis coincide
    assert value == pytest.approx(1 + 1 - math.exp(-((1 / 4) ** 2)), rel=1e-14)


@pytest.mark.parametrize("name", ["eiou", "siou", "mpdiou", "nwd", "shapeiou", "piou"])
def test_an_inverted_prediction_is_restored(name: str) -> None:
    """A step against the gradient increases the negative width."""
    value, (left, _, right, _) = both(name, [3, 0, 1, 2], [0, 0, 4, 2])
    assert math.isfinite(value)
    assert right - left < 0


@every_loss
def test_disjoint_boxes_are_attracted(name: str) -> None:
    _, (left, _, right, _) = both(name, [0, 0, 1, 1], [3, 0, 4, 1])
    assert left + right < 0


def test_common_centers_have_no_distance_cost() -> None:
    value, slopes = both("siou", [0.5, 0.5, 1.5, 1.5], [0, 0, 2, 2])
    assert value == pytest.approx(0.7739686508210136, rel=1e-14)
    assert slopes[0] == -slopes[2]


@pytest.mark.parametrize(("name", "option"), [("mpdiou", "image_size"), ("nwd", "scale")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_lengths_may_be_tensors(name: str, option: str, dtype: torch.dtype, seed: int) -> None:
    loss, _ = LOSSES[name]
    generator = torch.Generator().manual_seed(seed)
    pred, target, size = torch.rand(3, 4, 5, 4, generator=generator, dtype=dtype)
    lengths = 1 + size[..., :2] if option == "image_size" else 1 + size[..., 0]
    ours = loss(pred, target, reduction="none", **{option: lengths})
    for i in range(4):
        for j in range(5):
            own = lengths[i, j].tolist()
            expected = loss(pred[i, j], target[i, j], **{option: own})
            torch.testing.assert_close(ours[i, j], expected, rtol=1e-6, atol=0)
    shared = loss(pred, target, reduction="none", **{option: lengths[:1]})
    torch.testing.assert_close(shared[0], ours[0], rtol=0, atol=0)


def test_the_diagonal_of_float32_sizes_has_the_precision_of_the_boxes() -> None:
    pred, target = torch.tensor([[0.0, 0, 4, 2]], dtype=torch.float64), torch.tensor([[1.0, 1, 5, 4]]).double()
    loss = detloss.MinimumPointsDistanceIoULoss(image_size=(2.0, 1.0))
    assert loss(pred, target).item() == pytest.approx(1 - 3 / 17 + (2 + 5) / 5, rel=1e-15)


def test_a_length_of_0_in_a_tensor_has_no_penalty() -> None:
    pred, target = torch.tensor([[0.0, 0.0, 4.0, 2.0]]), torch.tensor([[1.0, 1.0, 5.0, 4.0]])
    assert detloss.normalized_wasserstein_loss(pred, target, scale=torch.zeros(1)) == 0
    loss = detloss.minimum_points_distance_iou_loss(pred, target, image_size=torch.zeros(2))
    assert loss == detloss.iou_loss(pred, target)


def test_rotated_boxes_have_the_loss_of_their_gaussians() -> None:
    pred, target = torch.tensor([[2.0, 1.0, 4.0, 2.0, 0.0]]), torch.tensor([[3.0, 2.5, 4.0, 3.0, 0.0]])
    loss = detloss.normalized_wasserstein_loss(pred, target, scale=12.8, geometry=Rotated())
    assert loss.item() == pytest.approx(0.1359792477605403, rel=1e-6)
    boxes = pred.double().requires_grad_()
    each = torch.tensor([12.8], dtype=torch.float64)

    def of(boxes: Tensor) -> Tensor:
        return detloss.normalized_wasserstein_loss(boxes, target.double(), scale=each, geometry=Rotated())

    assert torch.autograd.gradcheck(of, boxes)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("mpdiou", {"image_size": (640, 0)}, ValueError, "image_size: expected more than 0, got 0"),
        ("mpdiou", {"image_size": (640,)}, ValueError, "image_size: expected 2 numbers, one per axis, got 1"),
        ("mpdiou", {"image_size": 640}, TypeError, "image_size: expected 2 numbers or a tensor, got int"),
        ("mpdiou", {"image_size": torch.ones(3)}, ValueError, "image_size: expected shape (2,) or (..., 2), got (3,)"),
        ("nwd", {"scale": 0.0}, ValueError, "scale: expected more than 0, got 0.0"),
        ("nwd", {"scale": "12"}, TypeError, "scale: expected a number, got str"),
        (
            "nwd",
            {"scale": torch.ones(3)},
            ValueError,
            "scale: expected a scalar or a shape that broadcasts to the rows (1,) dimension by dimension, got (3,)",
        ),
        ("siou", {"theta": 0.5}, ValueError, "theta: expected a finite number of at least 1, got 0.5"),
        ("shapeiou", {"scale": -1.0}, ValueError, "scale: expected a finite number of at least 0, got -1.0"),
        (
            "eiou",
            {"geometry": Rotated()},
            ValueError,
            "geometry: expected one with the measure axes, which efficient_iou reads, got Rotated()",
        ),
        (
            "siou",
            {"geometry": detloss.AxisAligned(dims=3)},
            ValueError,
            "geometry: expected one with the measure plane, which scylla_iou reads, got "
            "AxisAligned(format='xyxy', dims=3)",
        ),
    ],
)
def test_errors(name: str, options: dict, error: type[Exception], message: str) -> None:
    geometry = options.get("geometry", detloss.AxisAligned())
    rows = torch.ones(1, *geometry.row)
    loss, own = LOSSES[name]
    with pytest.raises(error) as caught:
        loss(rows, rows, **{**own, **options})
    assert str(caught.value) == message


def test_a_length_that_requires_a_gradient_is_an_error() -> None:
    rows = torch.ones(1, 4)
    with pytest.raises(ValueError, match="^scale: expected a constant, got a tensor that requires grad"):
        detloss.normalized_wasserstein_loss(rows, rows, scale=torch.ones(1, requires_grad=True))
