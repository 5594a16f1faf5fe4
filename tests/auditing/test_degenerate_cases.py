"""Degenerate cases of the definitions, the quantities that they hold constant, and their precision."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from mpmath import atan, exp, inf, mpf, pi, workdps

from detloss.auditing.definitions import box_definitions as boxes
from detloss.auditing.definitions import sigmoid_definitions as sigmoid
from detloss.auditing.definitions import weight_definitions as weights
from detloss.auditing.definitions.exact_arithmetic import gradient

OFFSET = [0, 0, 4, 2], [1, 1, 5, 4]
LOSSES: list[tuple[Callable[..., mpf], dict[str, Any]]] = [
    *((loss, {}) for loss in (boxes.iou, boxes.giou, boxes.diou, boxes.ciou, boxes.eiou)),
    *((loss, {}) for loss in (boxes.siou, boxes.shape_iou, boxes.piou, boxes.wiou)),
    (boxes.mpdiou, {"image_size": (8, 6)}),
    (boxes.nwd, {"scale": 12.8}),
]


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    with workdps(40):
        yield


@pytest.mark.parametrize(("loss", "options"), LOSSES)
@pytest.mark.parametrize("box", [[0, 0, 4, 2], [1, 1, 1, 3], [2, 2, 2, 2]])
def test_identical_boxes_have_no_loss(loss: Callable[..., mpf], options: dict[str, Any], box: list[float]) -> None:
    assert loss(box, box, **options) == 0
    assert gradient(loss, box, box, **options) == [0, 0, 0, 0]


@pytest.mark.parametrize(("loss", "options"), LOSSES)
@pytest.mark.parametrize(
    ("pred", "target"),
    [
        ([0, 0, 4, 0], [1, 0, 5, 0]),  # flat, on one line
        ([1, 0, 1, 4], [1, 1, 1, 5]),
        ([0, 0, 0, 0], [1, 2, 1, 2]),  # points
        ([4, 2, 0, 0], [1, 1, 5, 4]),  # inverted
        ([4, 2, 0, 0], [5, 4, 1, 1]),
        ([1, 1, 3, 1], [0, 0, 4, 2]),  # flat, within the target
    ],
)
def test_degenerate_boxes_have_finite_losses(
    loss: Callable[..., mpf], options: dict[str, Any], pred: list[float], target: list[float]
) -> None:
    assert 0 < loss(pred, target, **options) < 6
    for by in (0, 1):
        assert all(abs(derivative) < 10 for derivative in gradient(loss, pred, target, by=by, **options))


def test_points_apart() -> None:
    pair = [0, 0, 0, 0], [3, 4, 3, 4]
    assert boxes.diou(*pair) == boxes.eiou(*pair) == boxes.shape_iou(*pair, scale=1) == 2
    assert boxes.piou(*pair) == 2
    assert gradient(boxes.piou, *pair) == [0, 0, 0, 0]
    assert weights.powerful_focus(*pair) == 0
    assert abs(boxes.nwd(*pair, scale=5) - (1 - exp(mpf(-1)))) < mpf(10) ** -35


@pytest.mark.parametrize("loss", [boxes.eiou, boxes.siou, boxes.piou])
def test_inverted_box_grows(loss: Callable[..., mpf]) -> None:
    x1, _, x2, _ = gradient(loss, [3, 0, 1, 2], [0, 0, 4, 2])
    assert x2 < 0 < x1


def test_flat_box_grows_into_its_target() -> None:
    assert gradient(boxes.iou, [1, 1, 3, 1], [0, 0, 4, 2]) == [0, 0.25, 0, -0.25]


@pytest.mark.parametrize("loss", [boxes.eiou, boxes.mpdiou, boxes.nwd, boxes.piou, boxes.wiou])
def test_any_number_of_dimensions(loss: Callable[..., mpf]) -> None:
    """A very short third axis, on which both boxes agree, does not change a loss except through means over the axes."""
    options = {boxes.mpdiou: {"image_size": (8, 6, 0)}, boxes.nwd: {"scale": 12.8}}.get(loss, {})
    planar = {boxes.mpdiou: {"image_size": (8, 6)}, boxes.nwd: {"scale": 12.8}}.get(loss, {})
    high = loss([0, 0, 0, 4, 2, 0.001], [1, 1, 0, 5, 4, 0.001], **options)
    if loss is boxes.piou:  # the mean over three axes instead of two
        assert abs(high - (mpf(14) / 17 + 1 - exp(-mpf(1) / 16))) < 1e-6
    else:
        assert abs(high - loss(*OFFSET, **planar)) < 1e-6


def test_touching_boxes_have_no_overlap_gradient() -> None:
    assert gradient(boxes.iou, [0, 0, 1, 1], [1, 0, 2, 1]) == [0, 0, 0, 0]


def test_coincident_edges_have_the_mean_of_both_derivatives() -> None:
    x1 = gradient(boxes.iou, [0, 0, 2, 2], [0, 0, 1, 2])[0]
    assert x1 == (mpf(1) / 2 - mpf(1) / 4) / 2  # IoU: (1 - x1) / 2 for x1 > 0, 1 / (2 - x1) for x1 < 0


@pytest.mark.parametrize(("loss", "options"), LOSSES[:-1])
def test_modifiers_at_their_neutral_values(loss: Callable[..., mpf], options: dict[str, Any]) -> None:
    neutral = {"power": 1.0, "interval": (0.0, 1.0), "inner": 1.0}
    assert loss(*OFFSET, **options, **neutral) == loss(*OFFSET, **options)


def test_quantities_held_constant() -> None:
    """The diagonal of WIoU is constant in derivatives, and so are CIoU's weight and those of Shape-IoU."""
    with workdps(30):
        attention = exp(mpf(13) / 164)
        slopes = gradient(boxes.iou, *OFFSET)
        distance = [mpf(-2) / 41 * shift * attention * 14 / 17 / 2 for shift in (mpf(1), mpf(3) / 2)]
        found = gradient(boxes.wiou, *OFFSET)
        for k in range(4):
            assert abs(found[k] - attention * slopes[k] - distance[k % 2]) < mpf(10) ** -25


def test_weight_of_ciou_held_constant() -> None:
    angle = atan(mpf(4) / 3) - atan(mpf(2))
    v = 4 / pi**2 * angle**2
    alpha = v / (mpf(14) / 17 + v)
    d_width = alpha * 8 / pi**2 * angle * -2 / (4**2 + 2**2)  # d atan(w / h) / d w = h / (w^2 + h^2)
    aspect = gradient(boxes.ciou, *OFFSET)[2] - gradient(boxes.diou, *OFFSET)[2]
    assert abs(aspect - d_width) < mpf(10) ** -35


def test_weights_of_shape_iou_held_constant() -> None:
    """Both are 1 for a square target, for any scale; attached, their derivatives would depend on the scale."""
    pair = [0, 0, 4, 4], [1, 2, 5, 6]
    scaled, plain = (gradient(boxes.shape_iou, *pair, by=1, scale=scale) for scale in (2.0, 0.0))
    assert all(abs(x - y) < mpf(10) ** -35 for x, y in zip(scaled, plain, strict=True))


def test_extreme_arguments_keep_their_digits() -> None:
    close = [1e30, 1e30, 1e30 + 2e14, 2e30], [1e30, 1e30, 1e30 + 4e14, 2e30]
    sides = [mpf(box[2]) - mpf(box[0]) for box in close]
    assert abs(boxes.iou(*close) - (1 - sides[0] / sides[1])) < 1e-14
    slope = gradient(sigmoid.varifocal, -300, 0, 0, gamma=0)
    assert abs(slope * (1 + exp(mpf(300))) / 0.75 - 1) < mpf(10) ** -35


@pytest.mark.parametrize(("logit", "label", "value"), [(inf, 1, 0), (-inf, 0, 0), (-inf, 1, inf), (inf, 0, inf)])
@pytest.mark.parametrize(
    "loss",
    [
        sigmoid.quality_focal,
        sigmoid.varifocal,
        sigmoid.matchability_aware,
        sigmoid.iou_aware_cross_entropy,
        lambda x, label, quality: sigmoid.heatmap_focal(x, label),
        lambda x, label, quality: sigmoid.asymmetric(x, label, margin=0.0),
    ],
)
def test_infinite_logit(loss: Callable[..., mpf], logit: float, label: int, value: float) -> None:
    assert loss(logit, label, 1) == value
