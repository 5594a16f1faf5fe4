"""torchvision's `BoundingBoxes`: converted by their format, or an error."""

import re

import pytest
import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2.functional import convert_bounding_box_format as convert

import detloss

LOSSES = (detloss.iou_loss, detloss.generalized_iou_loss, detloss.distance_iou_loss, detloss.complete_iou_loss)
PRED = torch.tensor([[10.0, 10.0, 15.0, 15.0], [0.0, 3.0, 7.0, 4.0]])
CORNERS = torch.tensor([[11.0, 9.0, 14.0, 17.0], [1.0, 2.0, 9.0, 5.0]])
formats = pytest.mark.parametrize("box_format", ["XYXY", "XYWH", "CXCYWH"])


def bounding_boxes(box_format: str, rows: Tensor = CORNERS) -> Tensor:
    boxes = tv_tensors.BoundingBoxes(rows, format="XYXY", canvas_size=(32, 32))
    return convert(boxes, new_format=tv_tensors.BoundingBoxFormat[box_format])


@formats
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_targets(loss: object, box_format: str) -> None:
    target = bounding_boxes(box_format)
    expected = loss(PRED, CORNERS, reduction="none")
    torch.testing.assert_close(loss(PRED, target, reduction="none"), expected)
    wide = detloss.AxisAligned("xywh")
    pred = torch.cat((PRED[:, :2], PRED[:, 2:] - PRED[:, :2]), 1)
    torch.testing.assert_close(loss(pred, target, reduction="none", geometry=wide), expected)
    centered = torch.cat(((PRED[:, :2] + PRED[:, 2:]) / 2, PRED[:, 2:] - PRED[:, :2]), 1)
    found = loss(centered, target, reduction="none", geometry=detloss.AxisAligned("cxcywh"))
    torch.testing.assert_close(found, expected)
    assert type(loss(PRED, target)) is Tensor


@formats
def test_gradients_reach_predictions(box_format: str) -> None:
    leaf = bounding_boxes(box_format).as_subclass(Tensor).clone().requires_grad_()
    pred = tv_tensors.wrap(leaf, like=bounding_boxes(box_format))
    detloss.iou_loss(pred, PRED).backward()
    reference = bounding_boxes(box_format).as_subclass(Tensor).clone().requires_grad_()
    geometry = detloss.Mixed(detloss.AxisAligned(box_format.lower()), detloss.AxisAligned())
    detloss.iou_loss(reference, PRED, geometry=geometry).backward()
    torch.testing.assert_close(leaf.grad, reference.grad)


@formats
def test_measures_and_other_functions(box_format: str) -> None:
    boxes = bounding_boxes(box_format)
    expected = detloss.iou(PRED, CORNERS, pairwise=True)
    torch.testing.assert_close(detloss.iou(PRED, boxes, pairwise=True), expected)
    mixed = detloss.Mixed(detloss.Rotated(), detloss.AxisAligned())
    rotated = torch.tensor([[12.0, 12.0, 5.0, 5.0, 0.3], [3.0, 3.0, 7.0, 2.0, 0.1]])
    torch.testing.assert_close(
        detloss.iou_loss(rotated, boxes, geometry=mixed), detloss.iou_loss(rotated, CORNERS, geometry=mixed)
    )
    scores = torch.tensor([0.5, 0.9])
    assert detloss.nms(boxes, scores, 0.5).tolist() == detloss.nms(CORNERS, scores, 0.5).tolist()
    logits, labels, corners = torch.zeros(2, 3), torch.tensor([0, 1]), detloss.AxisAligned()
    torch.testing.assert_close(
        detloss.matching_cost(logits, PRED, labels, boxes, geometry=corners),
        detloss.matching_cost(logits, PRED, labels, CORNERS, geometry=corners),
    )


def test_the_format_of_the_call_is_not_converted() -> None:
    target = bounding_boxes("XYXY", 1e9 + CORNERS)  # a conversion would round
    assert torch.equal(detloss.iou_loss(target, target.as_subclass(Tensor), reduction="none"), torch.zeros(2))


def test_boxes_of_an_image_without_objects() -> None:
    target = tv_tensors.BoundingBoxes(torch.zeros(0, 4), format="XYWH", canvas_size=(8, 8))
    assert detloss.iou_loss(torch.zeros(0, 4), target) == 0


@pytest.mark.parametrize("box_format", ["CXCYWHR", "XYWHR", "XYXYXYXY"])
def test_formats_without_a_geometry(box_format: str) -> None:
    boxes = tv_tensors.BoundingBoxes(torch.ones(1, len(box_format)), format=box_format, canvas_size=(8, 8))
    for geometry in (detloss.AxisAligned(), detloss.Rotated(), detloss.Polygon()):
        message = (
            f"pred: expected rows of {geometry}, got BoundingBoxes in format {box_format} "
            "(try pred.as_subclass(torch.Tensor) if its numbers are rows of the geometry)"
        )
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            detloss.iou_loss(boxes, boxes, geometry=geometry)


@pytest.mark.parametrize("geometry", [detloss.Rotated(), detloss.AxisAligned("ltrb"), detloss.AxisAligned(dims=3)])
def test_geometries_without_a_format(geometry: detloss.geometry.Geometry) -> None:
    boxes = bounding_boxes("XYWH")
    with pytest.raises(ValueError, match="^pred: expected rows of .*, got BoundingBoxes in format XYWH"):
        detloss.iou_loss(boxes, boxes, geometry=geometry)


def test_integers() -> None:
    boxes = bounding_boxes("XYWH", CORNERS.long())
    with pytest.raises(TypeError, match=r"^target: .* got torch.int64 \(try target.to\(torch.float32\)\)$"):
        detloss.iou_loss(PRED, boxes)
    torch.testing.assert_close(detloss.iou_loss(PRED, boxes.to(torch.float32)), detloss.iou_loss(PRED, CORNERS))
