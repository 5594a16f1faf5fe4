"""RotatedUnitBox: label assignment, operands of the losses, and training."""

import math
from functools import partial

import pytest
import torch
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss, Sizes
from detloss.detectors.assignment import Objects, assign_rotated, cell_centers
from tests.support.marks import exhaustive_except

BACKGROUND = 7
SIZES = Sizes(image=(16.0, 16.0), objects=4.0)
BOX_LOSSES = [
    *(loss.with_sizes(SIZES) for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX)),
    *ROTATED_LOSSES,
]
BOX_LOSSES = [loss for loss in BOX_LOSSES if not loss.axis_aligned_only]
every_box_loss = pytest.mark.parametrize("loss", BOX_LOSSES, ids=lambda loss: loss.name)


def called(loss: Loss) -> partial:
    """A loss of the catalog, for rotated boxes."""
    geometry = {"geometry": detloss.Rotated()} if loss.kind is Kind.BOX else {}
    return partial(loss.function, **loss.options, **geometry)


def objects_of(boxes: Tensor, labels: Tensor) -> Objects:
    """The objects of a single image."""
    return Objects.of([{"boxes": boxes, "labels": labels}])


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images(generator: torch.Generator) -> Tensor:
    return torch.rand(2, 3, 32, 40, generator=generator)


@pytest.fixture
def targets() -> list[dict[str, Tensor]]:
    none = {"boxes": torch.zeros(0, 5), "labels": torch.zeros(0, dtype=torch.int64)}
    boxes = torch.tensor([[12.0, 15, 20, 12, 0.7], [30, 10, 6, 13, -2.9]])
    return [{"boxes": boxes, "labels": torch.tensor([1, 0])}, none]


def holds(row: list[float], x: float, y: float) -> bool:
    """Whether a point lies on the inner side of all four edges."""
    corners = detloss.rotated_to_corners(torch.tensor(row, dtype=torch.float64)).tolist()
    edges = zip(corners, corners[1:] + corners[:1])
    return all((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) > 0 for (x1, y1), (x2, y2) in edges)


class TestAssignment:
    def test_is_the_smallest_box_around_each_center(self, generator: torch.Generator) -> None:
        centers = [(column + 0.5, row + 0.5) for row in range(16) for column in range(13)]
        for count in (0, 1, 2, 9):
            middles = torch.rand(count, 2, generator=generator) * 14
            sides = torch.rand(count, 2, generator=generator) ** 2 * 12 + 0.1
            angles = torch.rand(count, 1, generator=generator) * 8 - 4
            boxes = torch.cat((middles, sides, angles), dim=1)
            labels = torch.randint(BACKGROUND, (count,), generator=generator)
            found = assign_rotated(cell_centers(16, 13), objects_of(boxes, labels), background=BACKGROUND)
            owners: list[int | None] = [None] * len(centers)
            for index in (
                boxes[:, 2:4].prod(dim=1).argsort(descending=True).tolist()
            ):  # the smallest box is assigned last
                row = boxes[index].tolist()
                cells = [cell for cell, (x, y) in enumerate(centers) if holds(row, x, y)]
                gaps = [math.dist(row[:2], center) for center in centers]
                for cell in cells or [gaps.index(min(gaps))]:
                    owners[cell] = index
            for cell, owner in enumerate(owners):
                assert found.positive[cell] == (owner is not None)
                if owner is None:
                    assert found.labels[cell] == BACKGROUND
                    assert found.boxes[cell].tolist() == [0] * 5
                    assert found.fraction[cell] == 0
                else:
                    assert found.labels[cell] == labels[owner]
                    assert found.fraction[cell].item() == pytest.approx(1 / owners.count(owner))
                    (x, y), (cx, cy, *rest) = centers[cell], boxes[owner].tolist()
                    assert found.boxes[cell].tolist() == pytest.approx([cx - x, cy - y, *rest], abs=1e-5)

    def test_prefers_the_smaller_area_over_shorter_sides(self) -> None:
        boxes = torch.tensor([[4.5, 2.5, 4.0, 4.0, 0.0], [4.5, 2.5, 1.0, 9.0, math.pi / 2]])
        found = assign_rotated(cell_centers(5, 9), objects_of(boxes, torch.tensor([3, 4])), background=BACKGROUND)
        assert found.labels.reshape(5, 9)[2].tolist() == [4] * 9
        assert found.labels.reshape(5, 9)[1].tolist() == [7, 7, 7, 3, 3, 3, 7, 7, 7]

    def test_a_corner_of_the_axis_aligned_box_is_outside_the_rotated_box(self) -> None:
        square = torch.tensor([[2.5, 2.5, 4.0, 4.0, math.pi / 4]])
        found = assign_rotated(cell_centers(5, 5), objects_of(square, torch.tensor([1])), background=0)
        diamond = [[abs(x - 2) + abs(y - 2) <= 2 for x in range(5)] for y in range(5)]
        assert found.positive.reshape(5, 5).tolist() == diamond

    def test_of_the_center_of_a_rotated_box_only(self) -> None:
        upright = torch.tensor([[5.0, 4.0, 6.0, 8.0, math.pi / 2]])  # from 1 to 9 and from 1 to 7
        found = assign_rotated(cell_centers(8, 10), objects_of(upright, torch.tensor([4])), background=0, middle=0.4)
        rows, columns = found.positive.reshape(8, 10).nonzero(as_tuple=True)
        assert (sorted({*rows.tolist()}), sorted({*columns.tolist()})) == ([3, 4], [3, 4, 5, 6])


class TestPlane:
    @pytest.mark.parametrize(("background", "channels"), [(True, 3 + 1 + 5), (False, 3 + 5)])
    def test_has_logits_and_then_rows(self, background: bool, channels: int) -> None:
        plane = detloss.RotatedUnitBox(3, background=background)(torch.rand(2, 3, 33, 50))
        assert plane.shape == (2, channels, 9, 13)
        assert (plane[:, -3:-1] > 0).all(), "sides"

    def test_predict_inverts_the_encoding_of_the_targets(self) -> None:
        """A plane with exactly the assigned targets decodes to exactly the ground-truth boxes."""
        model = detloss.RotatedUnitBox(3)
        boxes = torch.tensor([[17.0, 13, 26, 10, 0.5], [38, 20, 9, 17, 2.0], [13, 25, 8, 15, -2.5]])
        target = {"boxes": boxes, "labels": torch.tensor([2, 0, 0])}
        cells = model.assign(8, 12, [target])
        logits = 20.0 * torch.nn.functional.one_hot(cells.labels, 4)
        plane = torch.cat((logits, cells.boxes), dim=1).T.reshape(1, 9, 8, 12)
        model.forward = lambda images: plane
        (found,) = model.predict(torch.zeros(1, 3, 32, 48))
        assert len(found["boxes"]) == 3
        longer_first = torch.tensor([[17.0, 13, 26, 10, 0.5], [38, 20, 17, 9, 2 - math.pi / 2], [13, 25, 15, 8, 0.0]])
        longer_first[2, 4] = -2.5 + math.pi / 2
        for row, label in zip(longer_first, target["labels"]):
            nearest = (found["boxes"] - row).abs().sum(dim=1).argmin()
            torch.testing.assert_close(found["boxes"][nearest], row)
            assert found["labels"][nearest] == label

    def test_rotated_duplicates_are_suppressed_and_crossed_boxes_are_not(self) -> None:
        """Two bars that cross have the same axis-aligned enclosing box, and share a third of their area."""
        model = detloss.RotatedUnitBox(1)
        rows = torch.tensor([[0.0, 0, 6, 2, 0.8], [-1.0, 0, 6, 2, 0.8 - math.pi], [-2.0, 0, 6, 2, 0.8 + math.pi / 2]])
        plane = torch.cat((torch.tensor([[5.0, -5], [4, -4], [3, -3]]), rows), dim=1).T.reshape(1, 7, 1, 3)
        model.forward = lambda images: plane
        (found,) = model.predict(torch.zeros(1, 3, 4, 12))
        assert found["boxes"].shape == (2, 5)
        assert found["boxes"][:, 4].tolist() == pytest.approx([0.8, 0.8 - math.pi / 2])
        assert found["boxes"][:, :2].tolist() == [[2, 2], [2, 2]]


class TestLoss:
    @every_box_loss
    def test_reaches_every_parameter(self, loss: Loss, images: Tensor, targets: list) -> None:
        model = detloss.RotatedUnitBox(2, box_loss=called(loss))
        sum(model.loss(images, targets).values()).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    @every_box_loss
    def test_is_equal_for_equivalent_rows_of_a_rectangle(self, loss: Loss, images: Tensor, targets: list) -> None:
        model = detloss.RotatedUnitBox(2, box_loss=called(loss))
        plane = model(images).detach()
        quarter = torch.tensor([0.0, 0, 0, 0, math.pi / 2])
        written = [targets[0]["boxes"], targets[0]["boxes"][:, [0, 1, 3, 2, 4]] + quarter]
        written.append(written[0] - 2 * quarter)
        first, *others = (model.plane_loss(plane, [targets[0] | {"boxes": rows}, targets[1]]) for rows in written)
        for other in others:
            torch.testing.assert_close(other["box"], first["box"])

    def test_of_numbers_is_the_documented_one(self) -> None:
        """One cell, one box: the center is 1 and 2 pixels away, a quarter and a half of a stride."""
        model = detloss.RotatedUnitBox(1, box_loss=detloss.l1_loss, box_weight=3.0)
        target = {"boxes": torch.tensor([[3.0, 4.0, 8.0, 2.0, 0.3]]), "labels": torch.tensor([0])}
        plane = torch.tensor([0.0, 0.0, 0.5, 0.1, 4.0, 1.0, 0.2]).reshape(1, 7, 1, 1)
        expected = abs(0.5 - 0.25) + abs(0.1 - 0.5) + math.log(4 / 2) + math.log(1 / 0.5) + abs(0.2 - 0.3)
        assert model.plane_loss(plane, [target])["box"].item() == pytest.approx(3 * expected, rel=1e-5)

    def test_of_rectangles_is_the_documented_one(self) -> None:
        """A target of two by one strides under a prediction that is twice as wide: IoU 1/2, and the hull is their union."""
        model = detloss.RotatedUnitBox(1)
        target = {"boxes": torch.tensor([[2.0, 2.0, 8.0, 4.0, 0.0]]), "labels": torch.tensor([0])}
        plane = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0, 4.0, math.pi / 2]).reshape(1, 7, 1, 1)
        assert model.plane_loss(plane, [target])["box"].item() == pytest.approx(0.5, rel=1e-5)

    @pytest.mark.parametrize(("name", "jumps"), [("smooth_l1", True), ("l1", True), ("giou", False), ("kld", False)])
    def test_at_the_end_of_the_angles_range(self, name: str, jumps: bool) -> None:
        """A target rotated from just below a right angle to just above it, which losses of numbers treat as half a turn."""
        model = detloss.RotatedUnitBox(1, box_loss=called(next(loss for loss in BOX_LOSSES if loss.name == name)))
        plane = torch.tensor([0.0, 0.0, 0.0, 0.0, 4.0, 1.0, math.pi / 2 - 0.01]).reshape(1, 7, 1, 1)
        before, behind = (
            model.plane_loss(
                plane,
                [{"boxes": torch.tensor([[2.0, 2.0, 16.0, 4.0, angle]]), "labels": torch.tensor([0])}],
            )["box"].item()
            for angle in (math.pi / 2 - 0.02, math.pi / 2 + 0.001)
        )
        assert before < 0.1
        assert (behind > 2) if jumps else (behind < 0.1)

    @every_box_loss
    def test_without_objects_is_zero_on_the_graph(self, loss: Loss, images: Tensor, targets: list) -> None:
        model = detloss.RotatedUnitBox(2, box_loss=called(loss))
        terms = model.loss(images, [targets[1], targets[1]])
        assert terms["box"].item() == 0
        sum(terms.values()).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    "name", exhaustive_except(["smooth_l1", "giou", "kld", "gwd", "probiou"], lambda name: name == "giou")
)
def test_memorizes_one_image(name: str, images: Tensor, targets: list) -> None:
    model = detloss.RotatedUnitBox(2, box_loss=called(next(loss for loss in BOX_LOSSES if loss.name == name)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        sum(model.loss(images[:1], targets[:1]).values()).backward()
        optimizer.step()
    (found,) = model.predict(images[:1])
    for box, label in zip(targets[0]["boxes"], targets[0]["labels"]):
        overlap = detloss.iou(found["boxes"], box[None], geometry=detloss.Rotated(), pairwise=True)[:, 0]
        best = overlap.argmax()
        assert overlap[best] > 0.5
        assert found["labels"][best] == label
        assert best < 2  # nothing scores higher than the two true boxes


class TestErrors:
    def test_name_the_argument(self, images: Tensor) -> None:
        upright = {"boxes": torch.zeros(1, 4), "labels": torch.zeros(1, dtype=torch.int64)}
        with pytest.raises(ValueError, match=r"targets\[0\]\['boxes'\]: expected \(n, 5\), got \(1, 4\)"):
            detloss.RotatedUnitBox(2).loss(images[:1], [upright])
        with pytest.raises(ValueError, match="num_classes: expected at least 1, got 0"):
            detloss.RotatedUnitBox(0)

    @pytest.mark.parametrize(
        "loss", [detloss.generalized_iou_loss, detloss.IoULoss(), partial(detloss.iou_loss, geometry=detloss.Polygon())]
    )
    def test_an_overlap_loss_of_another_geometry_is_rejected(self, loss: object) -> None:
        with pytest.raises(
            ValueError, match=r"^box_loss: expected geometry=Rotated\(\) for rows cx, cy, w, h, angle, got"
        ):
            detloss.RotatedUnitBox(2, box_loss=loss)
