"""Presets of the descent: each shows what its sentence claims, by the losses of the library."""

import functools
import inspect
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, Kind
from detloss.explorer import presets
from detloss.explorer.losses import CANVAS
from detloss.explorer.presets import PRESETS, Preset

STEPS = 200
BY_NAME = {preset.name: preset for preset in PRESETS}
CATALOG = {loss.name: loss.with_sizes(CANVAS) for loss in LOSSES if loss.kind is Kind.BOX}
CENTER_AND_SIDES = detloss.AxisAligned("cxcywh")


def tensor(box: tuple[float, ...]) -> Tensor:
    return torch.tensor([box], dtype=torch.float64)


def start(preset: Preset, name: str) -> tuple[float, Tensor]:
    """The value and the derivatives of a loss before the first step."""
    pred = tensor(preset.pred).requires_grad_()
    value = CATALOG[name].build()(pred, tensor(preset.target))
    (gradient,) = torch.autograd.grad(value, pred)
    return value.item(), gradient[0]


def center_and_sides(box: tuple[float, ...]) -> Tensor:
    x1, y1, x2, y2 = box
    return tensor(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1))


@functools.cache
def descent(preset: Preset, name: str) -> Tensor:
    """The boxes before the first step and after every step, (201, 4) rows of center and sides."""
    loss = CATALOG[name].build(geometry=CENTER_AND_SIDES, reduction="sum")
    box, target = center_and_sides(preset.pred), center_and_sides(preset.target)
    boxes = [box]
    for step in range(STEPS):
        rate = preset.rate * (1.0 if step < 160 else 0.1 if step < 180 else 0.01)
        leaf = box.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(leaf, target), leaf)
        box = box - rate * gradient
        boxes.append(box)
    return torch.cat(boxes)


def overlaps(preset: Preset, name: str) -> Tensor:
    """The IoU before the first step and after every step."""
    boxes = descent(preset, name)
    return detloss.iou(boxes, center_and_sides(preset.target).expand_as(boxes), geometry=CENTER_AND_SIDES)


def reaches_target(preset: Preset, name: str) -> bool:
    return overlaps(preset, name)[-1].item() > 0.98


def test_there_are_six_presets() -> None:
    assert list(BY_NAME) == ["apart", "nested", "aspect", "far", "flat", "identical"]
    width, height = CANVAS.image
    for preset in PRESETS:
        for x1, y1, x2, y2 in (preset.pred, preset.target):
            assert 0 <= x1 <= x2 <= width
            assert 0 <= y1 <= y2 <= height


def test_apart_iou_has_no_gradient_and_its_box_does_not_move() -> None:
    preset = BY_NAME["apart"]
    value, gradient = start(preset, "iou")
    assert value == 1.0
    assert not gradient.any()
    assert torch.equal(descent(preset, "iou")[-1:], center_and_sides(preset.pred))
    assert reaches_target(preset, "giou")
    assert reaches_target(preset, "diou")


def test_nested_giou_equals_iou_until_an_edge_passes_that_of_the_target() -> None:
    preset = BY_NAME["nested"]
    (iou, by_iou), (giou, by_giou) = start(preset, "iou"), start(preset, "giou")
    assert iou == giou
    assert torch.equal(by_iou, by_giou)
    boxes, others = descent(preset, "iou"), descent(preset, "giou")
    target = center_and_sides(preset.target)
    room = (target - boxes)[:, :2].abs() + boxes[:, 2:] / 2 - target[:, 2:] / 2
    inside = (room < 0).all(-1)
    count = int((~inside).nonzero()[0])
    assert count > 30
    assert (boxes[: count + 1] - others[: count + 1]).abs().max() < 1e-9
    assert (boxes - others).abs().max() > 1e-3


def test_aspect_diou_equals_iou_and_losses_with_a_shape_term_are_larger() -> None:
    preset = BY_NAME["aspect"]
    (iou, by_iou), (diou, by_diou) = start(preset, "iou"), start(preset, "diou")
    assert iou == diou
    assert torch.equal(by_iou, by_diou)
    assert (descent(preset, "iou") - descent(preset, "diou")).abs().max() < 1e-9
    assert start(preset, "ciou")[0] > diou + 0.05
    assert start(preset, "eiou")[0] > diou + 0.05
    (x1, y1, x2, y2), (u1, v1, u2, v2) = preset.pred, preset.target
    assert (x2 - x1) / (y2 - y1) < 1 < (u2 - u1) / (v2 - v1)
    assert (x1 + x2, y1 + y2) == (u1 + u2, v1 + v2)


@pytest.mark.parametrize("name", ["giou", "diou"])
def test_far_the_box_grows_beyond_twice_the_target_before_it_overlaps(name: str) -> None:
    preset = BY_NAME["far"]
    areas = descent(preset, name)[:, 2] * descent(preset, name)[:, 3]
    target = center_and_sides(preset.target)[0, 2:].prod()
    first = int((overlaps(preset, name) > 0).nonzero()[0])
    assert areas[0] < 0.1 * target
    assert areas[first] > 2 * target
    assert areas[-1] < 1.1 * target
    assert reaches_target(preset, name)
    assert not start(preset, "iou")[1].any()


@pytest.mark.parametrize("name", BY_NAME["flat"].losses)
def test_flat_the_box_opens_and_reaches_the_target(name: str) -> None:
    preset = BY_NAME["flat"]
    assert preset.pred[1] == preset.pred[3]
    gradient = start(preset, name)[1]
    assert overlaps(preset, name)[0] == 0
    assert gradient.isfinite().all()
    assert gradient.any()
    assert reaches_target(preset, name)


@pytest.mark.parametrize("name", CATALOG)
def test_identical_every_loss_and_gradient_is_zero(name: str) -> None:
    preset = BY_NAME["identical"]
    value, gradient = start(preset, name)
    assert value == 0
    assert not gradient.any()
    assert torch.equal(descent(preset, name)[-1:], center_and_sides(preset.pred))


def number_descent(
    loss: detloss.L1Loss | detloss.L2Loss | detloss.SmoothL1Loss, start: float, rate: float
) -> list[float]:
    """A number before the first step and after every one of 30 steps to 0."""
    number = torch.tensor([start], dtype=torch.float64)
    found = [start]
    for _ in range(30):
        leaf = number.clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss(leaf, torch.zeros_like(leaf)), leaf)
        number = number - rate * slope
        found.append(number.item())
    return found


def test_the_descent_of_a_number_shows_what_its_text_claims() -> None:
    start, rate = 4.0, 1.05
    state = (Path(inspect.getfile(presets)).parent / "modules/state.js").read_text(encoding="utf-8")
    assert f"  start: {start:g},\n  length: {rate}," in state
    l2 = number_descent(detloss.L2Loss(), start, rate)
    assert all(abs(after) > abs(before) for before, after in pairwise(l2))
    l1 = number_descent(detloss.L1Loss(), start, rate)
    assert all(before * after < 0 and abs(after - before) == pytest.approx(rate) for before, after in pairwise(l1[10:]))
    assert abs(number_descent(detloss.SmoothL1Loss(), start, rate)[-1]) < 1e-6
    assert abs(number_descent(detloss.SmoothL1Loss(), start, 1.9)[-1]) < abs(
        number_descent(detloss.SmoothL1Loss(), start, 1.9)[20]
    )
    assert abs(number_descent(detloss.SmoothL1Loss(), start, 2.1)[-1]) > 0.5
