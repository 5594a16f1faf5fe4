"""Power, interval and inner boxes of the box losses, against their definitions, on every geometry and backend."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from mpmath import mp, workdps
from torch import Tensor

import detloss
from detloss import AxisAligned, Cuboid, Overlap, Polygon, Polytope, Rotated
from detloss.auditing.definitions import box_definitions as definitions
from detloss.auditing.definitions.exact_arithmetic import gradient
from detloss.kernels import AVAILABLE
from tests.support.loss_table import BOXES, Row
from tests.support.marks import exhaustive_except

IMAGE = (8.0, 6.0)
LOSSES: dict[str, tuple[Callable[..., Tensor], Callable[..., object], dict[str, object]]] = {
    "iou": (detloss.iou_loss, definitions.iou, {}),
    "giou": (detloss.generalized_iou_loss, definitions.giou, {}),
    "diou": (detloss.distance_iou_loss, definitions.diou, {}),
    "ciou": (detloss.complete_iou_loss, definitions.ciou, {}),
    "eiou": (detloss.efficient_iou_loss, definitions.eiou, {}),
    "siou": (detloss.scylla_iou_loss, definitions.siou, {"theta": 3.0}),
    "mpdiou": (detloss.minimum_points_distance_iou_loss, definitions.mpdiou, {"image_size": IMAGE}),
    "wiou": (detloss.wise_iou_loss, definitions.wiou, {}),
    "shapeiou": (detloss.shape_iou_loss, definitions.shape_iou, {"scale": 1.5, "theta": 3.0}),
    "piou": (detloss.powerful_iou_loss, definitions.piou, {}),
}
MODIFIERS = (
    {"power": 3.0},
    {"power": 0.5},
    {"interval": (0.1, 0.75)},
    {"inner": 0.75},
    {"inner": 1.25},
    {"power": 2.0, "interval": (0.0, 0.875), "inner": 1.25},
)
PAIRS = (
    ([0.0, 0.0, 4.0, 2.0], [1.0, 1.0, 5.0, 4.0]),
    ([0.0, 0.0, 4.0, 2.0], [0.5, 0.25, 4.25, 1.5]),
    ([0.0, 0.0, 1.0, 1.0], [3.0, 0.5, 4.0, 2.0]),
    ([0.5, 0.5, 1.5, 1.5], [0.0, 0.0, 2.0, 2.0]),
    ([0.0, 0.0, 2.0, 3.0], [0.0, 1.0, 2.0, 2.5]),
)
every_loss = pytest.mark.parametrize("name", LOSSES)
every_backend = pytest.mark.parametrize("backend", AVAILABLE["cpu"])


def both(loss: Callable[..., Tensor], *rows: list[float], **options: object) -> tuple[Tensor, Tensor, Tensor]:
    """The loss of one pair, and its derivatives by both rows."""
    pred, target = (torch.tensor([row], dtype=torch.float64, requires_grad=True) for row in rows)
    value = loss(pred, target, reduction="none", **options)
    return value.detach()[0], *(slope[0] for slope in torch.autograd.grad(value.sum(), (pred, target)))


@every_backend
@pytest.mark.parametrize(
    "modifiers", exhaustive_except(MODIFIERS, lambda each: each not in ({"power": 0.5}, {"inner": 1.25})), ids=str
)
@every_loss
def test_values_and_gradients_are_those_of_the_definition(name: str, modifiers: dict, backend: str) -> None:
    loss, definition, options = LOSSES[name]
    for pair in PAIRS:
        with workdps(30), detloss.use_backend(backend):
            value, *slopes = both(loss, *pair, **options, overlap=Overlap(**modifiers))
            given = [list(map(mp.mpf, row)) for row in pair]
            assert value.item() == pytest.approx(
                float(definition(*given, **options, **modifiers)), rel=1e-13, abs=1e-14
            )
            for k, slope in enumerate(slopes):
                expected = [float(x) for x in gradient(definition, *given, by=k, **options, **modifiers)]
                assert slope.tolist() == pytest.approx(expected, rel=1e-11, abs=1e-12)


@every_backend
@pytest.mark.parametrize(
    ("target", "expected"), [([3.5, 1.5, 6.0, 4.0], 1.0), ([0.125, 0.0, 4.0, 2.0], 0.0)], ids=["below", "above"]
)
def test_an_overlap_outside_the_interval_has_no_gradient(target: list[float], expected: float, backend: str) -> None:
    with detloss.use_backend(backend):
        value, *slopes = both(detloss.iou_loss, [0.0, 0.0, 4.0, 2.0], target, overlap=Overlap(interval=(0.1, 0.75)))
    assert value.item() == expected
    assert not any(slope.any() for slope in slopes)


@pytest.mark.parametrize("row", [row for row in BOXES if row.name in LOSSES], ids=lambda row: row.name)
def test_a_neutral_modifier_changes_no_bit(row: Row, seed: int) -> None:
    """Each modifier is neutral beside another one that acts, and all together in the default."""
    pred, target = row.inputs(seed, torch.float32)
    pred = torch.cat((pred.detach(), pred.detach()[:3])).requires_grad_()
    target = torch.cat((target.detach(), pred.detach()[:3]))
    for plain, other in (
        (None, Overlap()),
        (Overlap(power=2.0), Overlap(power=2.0, interval=(0, 1), inner=1)),
        (Overlap(inner=0.5), Overlap(power=1, interval=(0.0, 1.0), inner=0.5)),
    ):
        options = {} if plain is None else {"overlap": plain}
        first, second = (row(pred, target, reduction="none", **each) for each in (options, {"overlap": other}))
        assert torch.equal(first, second)
        assert torch.equal(*(torch.autograd.grad(loss.sum(), pred)[0] for loss in (first, second)))


@pytest.mark.parametrize(
    "modifiers", [{"interval": (0.0, 1.0 - 1e-12)}, {"inner": 1.0 + 1e-12}, {"power": 1.0 + 1e-12}]
)
@every_loss
def test_the_loss_is_continuous_at_a_neutral_modifier(name: str, modifiers: dict) -> None:
    loss, _, options = LOSSES[name]
    for pair in PAIRS[:2]:
        plain, modified = both(loss, *pair, **options), both(loss, *pair, **options, overlap=Overlap(**modifiers))
        for ours, theirs in zip(modified, plain):
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-10)


# ------------------------------------------------------------------------------------------------- other geometries

RECTANGLES = torch.tensor([[2.0, 1.0, 4.0, 2.0], [3.0, 2.5, 4.0, 3.0]], dtype=torch.float64)  # cx, cy, w, h
HEIGHTS = torch.tensor([[0.5, 2.0], [1.0, 3.0]], dtype=torch.float64)  # z, h


def corners(rows: Tensor) -> Tensor:
    """The vertices of rectangles cx, cy, w, h."""
    signs = torch.tensor([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]], dtype=torch.float64)
    return rows[:, None, :2] + signs * rows[:, None, 2:]


def rotated(rows: Tensor, heights: Tensor) -> Tensor:
    return torch.cat((rows, torch.zeros_like(rows[:, :1])), -1)


def cuboids(rows: Tensor, heights: Tensor) -> Tensor:
    return torch.cat((rows[:, :2], heights[:, :1], rows[:, 2:], heights[:, 1:], torch.zeros_like(rows[:, :1])), -1)


def prisms(rows: Tensor, heights: Tensor) -> Tensor:
    flat = corners(rows).repeat(1, 2, 1)
    ends = heights[:, :1] + torch.tensor([-0.5, 0.5], dtype=torch.float64) * heights[:, 1:]
    return torch.cat((flat, ends.repeat_interleave(4, 1).unsqueeze(-1)), -1)


def half_spaces(rows: Tensor, heights: Tensor) -> Tensor:
    centers, sides = torch.cat((rows[:, :2], heights[:, :1]), -1), torch.cat((rows[:, 2:], heights[:, 1:]), -1)
    normals = torch.cat((torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)))
    limits = torch.cat((centers, -centers), -1) + 0.5 * sides.repeat(1, 2)
    return torch.cat((normals.expand(len(rows), -1, -1), limits.unsqueeze(-1)), -1)


GEOMETRIES: dict[str, tuple[detloss.geometry.Shape, Callable[[Tensor, Tensor], Tensor]]] = {
    "rotated": (Rotated(), rotated),
    "polygon": (Polygon(), lambda rows, heights: corners(rows)),
    "cuboid": (Cuboid(), cuboids),
    "vertices": (Polytope(), prisms),
    "halfspaces": (Polytope("halfspaces"), half_spaces),
}


@pytest.mark.parametrize("modifiers", MODIFIERS, ids=str)
@pytest.mark.parametrize("shape", GEOMETRIES)
@pytest.mark.parametrize("name", ["iou", "giou"])
def test_shapes_that_are_axis_aligned_have_the_loss_of_boxes(name: str, shape: str, modifiers: dict) -> None:
    loss, overlap = LOSSES[name][0], Overlap(**modifiers)
    geometry, rows_of = GEOMETRIES[shape]
    pred, target = (rows_of(RECTANGLES[k : k + 1], HEIGHTS[k : k + 1]) for k in (0, 1))
    numbers = RECTANGLES
    if geometry.dims == 3:
        numbers = torch.cat((RECTANGLES[:, :2], HEIGHTS[:, :1], RECTANGLES[:, 2:], HEIGHTS[:, 1:]), -1)
    plain, options = AxisAligned("cxcywh", geometry.dims), {"enclosing": "box"} if name == "giou" else {}
    expected = loss(numbers[:1], numbers[1:], geometry=plain, overlap=overlap)
    ours = loss(pred, target, geometry=geometry, overlap=overlap, **options)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("modifiers", [{"inner": 0.75}, {"power": 2.0, "interval": (0.0, 0.9), "inner": 1.25}], ids=str)
@pytest.mark.parametrize("shape", ["rotated", "polygon", "cuboid", "vertices"])
def test_gradients_of_inner_shapes_are_difference_quotients(shape: str, modifiers: dict) -> None:
    geometry, rows_of = GEOMETRIES[shape]
    pred, target = (rows_of(RECTANGLES[k : k + 1], HEIGHTS[k : k + 1]) for k in (0, 1))
    generator = torch.Generator().manual_seed(1)
    pred, target = (
        rows + 0.1 * torch.rand(rows.shape, generator=generator, dtype=torch.float64) for rows in (pred, target)
    )
    function = detloss.generalized_iou_loss if geometry.dims == 2 else detloss.iou_loss
    loss = partial(function, geometry=geometry, overlap=Overlap(**modifiers))
    assert torch.autograd.gradcheck(loss, (pred.requires_grad_(), target.requires_grad_()), atol=1e-6, fast_mode=True)


def test_inner_half_spaces_have_the_gradient_of_difference_quotients() -> None:
    geometry, rows_of = GEOMETRIES["halfspaces"]
    pred, target = (rows_of(RECTANGLES[k : k + 1], HEIGHTS[k : k + 1]) for k in (0, 1))
    loss = partial(detloss.iou_loss, target=target, geometry=geometry, overlap=Overlap(inner=0.75))
    pred.requires_grad_()
    slopes = torch.autograd.grad(loss(pred), pred)[0]
    step = torch.zeros_like(pred)
    step[..., 3] = 1e-6 * torch.rand(step.shape[:-1], generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    quotient = (loss(pred + step) - loss(pred - step)) / 2
    torch.testing.assert_close((slopes * step).sum(), quotient, rtol=1e-6, atol=1e-14)


# ------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"power": 0.0}, ValueError, "power: expected more than 0, got 0.0"),
        ({"power": "3"}, TypeError, "power: expected a number, got str"),
        ({"inner": -1.0}, ValueError, "inner: expected a finite number of at least 0, got -1.0"),
        ({"inner": math.nan}, ValueError, "inner: expected a finite number of at least 0, got nan"),
        ({"interval": 0.95}, TypeError, "interval: expected two numbers such as (0.0, 0.95), got 0.95"),
        ({"interval": (0.5, 0.5)}, ValueError, "interval: expected 0 <= start < end <= 1, got (0.5, 0.5)"),
        ({"interval": (0.0, 95)}, ValueError, "interval: expected 0 <= start < end <= 1, got (0.0, 95)"),
    ],
)
def test_options_that_are_out_of_range(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        Overlap(**options)
    assert str(caught.value) == message


def test_the_logarithm_has_no_modifiers() -> None:
    rows = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    with pytest.raises(ValueError, match="^overlap: expected the default with form='log', got Overlap"):
        detloss.iou_loss(rows, rows, form="log", overlap=Overlap(power=2.0))
    assert detloss.iou_loss(rows, rows, form="log", overlap=Overlap()) == 0


def test_overlap_is_an_instance() -> None:
    rows = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    message = "^overlap: expected an instance such as Overlap\\(power=3.0\\), got {'power': 3.0}$"
    with pytest.raises(TypeError, match=message):
        detloss.iou_loss(rows, rows, overlap={"power": 3.0})  # type: ignore[arg-type]
