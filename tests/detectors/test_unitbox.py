"""UnitBox: label assignment, output planes, gradients and training."""

import copy
import io
from functools import partial

import pytest
import torch
from torch import Tensor, nn

import detloss
from detloss.catalog import Kind, Loss, Sizes
from detloss.detectors import UnitBox
from detloss.detectors.assignment import Objects, assign, cell_centers
from detloss.detectors.backbone import convolution
from detloss.loss_names import BOX_LOSSES, CLASS_LOSSES
from tests.support.marks import exhaustive_except

LTRB = detloss.AxisAligned(format="ltrb")
BACKGROUND = 7


def random_boxes(count: int, generator: torch.Generator, *, side: float = 12.0) -> Tensor:
    """Boxes of many sizes on a field of 16 by 16, small enough to be without a center or large enough to nest."""
    corners = torch.rand(count, 2, generator=generator) * 14
    sides = torch.rand(count, 2, generator=generator) ** 2 * side + 0.1
    return torch.cat((corners, corners + sides), dim=1)


def objects_of(boxes: Tensor, labels: Tensor) -> Objects:
    """The objects of a single image."""
    return Objects.of([{"boxes": boxes, "labels": labels}])


@pytest.fixture
def generator(seed: int) -> torch.Generator:
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


class TestAssignment:
    def test_is_the_smallest_box_around_each_center(self, generator: torch.Generator) -> None:
        for count in (0, 1, 2, 9):
            boxes = random_boxes(count, generator)
            labels = torch.randint(BACKGROUND, (count,), generator=generator)
            found = assign(cell_centers(16, 13), objects_of(boxes, labels), background=BACKGROUND)
            area = [((x2 - x1) * (y2 - y1)) for x1, y1, x2, y2 in boxes.tolist()]
            owners: list[int | None] = []
            for row in range(16):
                for column in range(13):
                    x, y = column + 0.5, row + 0.5
                    around = [
                        index for index, (x1, y1, x2, y2) in enumerate(boxes.tolist()) if x1 < x < x2 and y1 < y < y2
                    ]
                    owners.append(min(around, key=area.__getitem__, default=None))
            for index, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
                centers = [(column + 0.5, row + 0.5) for row in range(16) for column in range(13)]
                if not any(x1 < x < x2 and y1 < y < y2 for x, y in centers):
                    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
                    gaps = [(x - middle[0]) ** 2 + (y - middle[1]) ** 2 for x, y in centers]
                    nearest = gaps.index(min(gaps))
                    rival = owners[nearest]
                    if rival is None or area[index] < area[rival]:
                        owners[nearest] = index
            for cell, owner in enumerate(owners):
                x, y = cell % 13 + 0.5, cell // 13 + 0.5
                if owner is None:
                    assert found.labels[cell] == BACKGROUND
                    assert not found.positive[cell]
                    assert found.fraction[cell] == 0
                    assert found.boxes[cell].tolist() == [0, 0, 0, 0]
                else:
                    x1, y1, x2, y2 = boxes[owner].tolist()
                    assert found.labels[cell] == labels[owner]
                    assert found.positive[cell]
                    assert found.boxes[cell].tolist() == pytest.approx([x - x1, y - y1, x2 - x, y2 - y], abs=1e-5)
                    assert found.fraction[cell].item() == pytest.approx(1 / owners.count(owner))

    def test_gives_a_tiny_box_the_nearest_cell(self) -> None:
        box = torch.tensor([[1.6, 0.6, 1.9, 0.9]])
        found = assign(cell_centers(2, 3), objects_of(box, torch.tensor([4])), background=BACKGROUND)
        assert found.labels.tolist() == [7, 4, 7, 7, 7, 7]
        assert found.boxes[1].tolist() == pytest.approx([-0.1, -0.1, 0.4, 0.4])

    def test_prefers_the_first_of_equal_boxes(self) -> None:
        boxes = torch.tensor([[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 2.0]])
        found = assign(cell_centers(2, 2), objects_of(boxes, torch.tensor([3, 4])), background=BACKGROUND)
        assert found.labels.tolist() == [3, 3, 4, 7]

    def test_of_the_center_of_a_box_only(self) -> None:
        """The central half of a box from 1 to 9 and from 1 to 7 is from 3 to 7 and from 2.5 to 5.5, without its edge."""
        target = objects_of(torch.tensor([[1.0, 1.0, 9.0, 7.0]]), torch.tensor([4]))
        found = assign(cell_centers(8, 10), target, background=BACKGROUND, middle=0.5)
        rows, columns = found.positive.reshape(8, 10).nonzero(as_tuple=True)
        assert sorted({*rows.tolist()}) == [3, 4]
        assert sorted({*columns.tolist()}) == [3, 4, 5, 6]
        assert len(rows) == 8
        assert found.boxes.reshape(8, 10, 4)[3, 4].tolist() == [3.5, 2.5, 4.5, 3.5], "to the sides of the whole box"

    def test_assigns_targets_to_the_right_image_of_a_batch(self, generator: torch.Generator) -> None:
        """The target of a cell does not depend on the other images, of which some are empty."""
        targets = []
        for count in (3, 0, 7, 1, 0):
            labels = torch.randint(BACKGROUND, (count,), generator=generator)
            targets.append({"boxes": random_boxes(count, generator), "labels": labels})
        centers = cell_centers(16, 13)
        joined = assign(centers, Objects.of(targets), background=BACKGROUND)
        apart = [assign(centers, Objects.of([target]), background=BACKGROUND) for target in targets]
        for found, expected in zip(joined, zip(*apart), strict=True):
            torch.testing.assert_close(found, torch.cat(expected), rtol=0, atol=0)


class TestPlane:
    @pytest.mark.parametrize(("background", "channels"), [(True, 3 + 1 + 4), (False, 3 + 4)])
    def test_has_logits_and_then_distances(self, background: bool, channels: int) -> None:
        model = UnitBox(3, background=background)
        plane = model(torch.rand(2, 3, 33, 50))
        assert plane.shape == (2, channels, 9, 13)
        assert (plane[:, -4:] > 0).all()

    @pytest.mark.parametrize("background", [True, False])
    def test_expects_few_objects_before_training(self, background: bool) -> None:
        model = UnitBox(4, background=background, prior=0.05)
        nn.init.zeros_(model.class_head[-1].weight)
        logits = model(torch.rand(1, 3, 16, 16))[0, :-4, 0, 0]
        object_in_cell = logits.softmax(0)[:4].sum() if background else logits.sigmoid()[0]
        assert object_in_cell.item() == pytest.approx(0.05, rel=1e-5)

    def test_predict_inverts_the_encoding_of_the_targets(self) -> None:
        """A plane with exactly the assigned targets decodes to exactly the ground-truth boxes."""
        model = UnitBox(3)
        target = {"boxes": torch.tensor([[4.0, 6, 30, 20], [33, 9, 47, 30]]), "labels": torch.tensor([2, 0])}
        cells = model.assign(8, 12, [target])
        logits = 20.0 * nn.functional.one_hot(cells.labels, 4)
        plane = torch.cat((logits, cells.boxes), dim=1).T.reshape(1, 8, 8, 12)
        model.forward = lambda images: plane
        (found,) = model.predict(torch.zeros(1, 3, 32, 48))
        order = found["boxes"][:, 0].argsort()
        torch.testing.assert_close(found["boxes"][order], target["boxes"])
        assert found["labels"][order].tolist() == [2, 0]
        assert found["scores"].min() > 0.999


SETTINGS = {
    "softmax": dict(class_loss=detloss.softmax_focal_loss, box_loss=partial(detloss.iou_loss, geometry=LTRB)),
    "sigmoid": dict(class_loss=detloss.sigmoid_focal_loss, background=False),
    "quality": dict(class_loss=detloss.QualityFocalLoss()),
    "balanced": dict(class_loss=detloss.balanced_cross_entropy_loss, background=False),
    "module": dict(class_loss=detloss.CrossEntropyLoss(), box_loss=detloss.GeneralizedIoULoss(geometry=LTRB)),
    "regression": dict(box_loss=detloss.smooth_l1_loss, each_side=True),
}


@pytest.fixture
def images(generator: torch.Generator) -> Tensor:
    return torch.rand(2, 3, 32, 40, generator=generator)


@pytest.fixture
def targets() -> list[dict[str, Tensor]]:
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    return [{"boxes": torch.tensor([[3.0, 5, 21, 25], [24, 8, 31, 13]]), "labels": torch.tensor([1, 0])}, none]


class TestLoss:
    @pytest.mark.parametrize("losses", SETTINGS.values(), ids=SETTINGS)
    def test_reaches_every_parameter(self, losses: dict, images: Tensor, targets: list) -> None:
        model = UnitBox(2, **losses)
        sum(model.loss(images, targets).values()).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    @pytest.mark.parametrize("losses", SETTINGS.values(), ids=SETTINGS)
    def test_of_boxes_has_gradients_at_positive_cells_only(self, losses: dict, images: Tensor, targets: list) -> None:
        model = UnitBox(2, **losses)
        plane = model(images).detach().requires_grad_()
        model.plane_loss(plane, targets)["box"].backward()
        positive = model.assign(8, 10, targets).positive.reshape(2, 8, 10)
        moved = plane.grad.abs().sum(dim=1) > 0
        assert torch.equal(moved, positive)
        assert not plane.grad[:, :-4].any()

    def test_is_the_documented_sum(self, images: Tensor, targets: list) -> None:
        model = UnitBox(2, box_weight=3.0)
        plane = model(images)
        terms = model.plane_loss(plane, targets)
        objects: dict[tuple[int, ...], list[Tensor]] = {}
        background = torch.zeros(())
        boxes: dict[tuple[int, ...], list[Tensor]] = {}
        for image, target in enumerate(targets):
            cells = model.assign(8, 10, [target])
            for cell in range(80):
                values = plane[image, :, cell // 10, cell % 10]
                nll = -values[:3].log_softmax(0)[cells.labels[cell]]
                if not cells.positive[cell]:
                    background = background + nll
                    continue
                key = (image, int(cells.labels[cell]))
                left, top, right, bottom = values[-4:]
                tl, tt, tr, tb = cells.boxes[cell]
                shared = (left.minimum(tl) + right.minimum(tr)) * (top.minimum(tt) + bottom.minimum(tb))
                union = (left + right) * (top + bottom) + (tl + tr) * (tt + tb) - shared
                objects.setdefault(key, []).append(nll)
                boxes.setdefault(key, []).append(-(shared / union).log())
        positives = sum(len(cells) for cells in objects.values())
        means = [torch.stack(cells).mean() for cells in objects.values()]
        torch.testing.assert_close(terms["classification"], torch.stack(means).mean() + background / positives)
        means = [torch.stack(cells).mean() for cells in boxes.values()]
        torch.testing.assert_close(terms["box"], 3 * torch.stack(means).mean())

    def test_passes_the_overlap_of_positive_cells_as_quality(self, images: Tensor, targets: list) -> None:
        given = []

        class Recorded(detloss.VarifocalLoss):
            def forward(self, logits: Tensor, labels: Tensor, **options: Tensor) -> Tensor:
                given.append((labels, options["quality"]))
                return super().forward(logits, labels, **options)

        model = UnitBox(2, class_loss=Recorded())
        plane = model(images)
        model.plane_loss(plane, targets)["classification"].backward()
        ((labels, quality),) = given
        assert not quality.requires_grad
        height, width = plane.shape[-2:]
        centers = torch.cartesian_prod(torch.arange(height) + 0.5, torch.arange(width) + 0.5).flip(1).repeat(2, 1) * 4
        first, second = (4 * plane[:, 2:]).permute(0, 2, 3, 1).reshape(-1, 4).chunk(2, 1)
        corners = torch.cat([centers - first, centers + second], 1)
        for cell in range(len(labels)):
            image = cell // (height * width)
            boxes = targets[image]["boxes"][targets[image]["labels"] == labels[cell]]
            expected = detloss.iou(corners[cell, None], boxes).max().item() if len(boxes) else 0.0
            assert quality[cell].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert (quality > 0).sum() == (labels < 2).sum() > 0

    @pytest.mark.parametrize("losses", SETTINGS.values(), ids=SETTINGS)
    def test_without_objects_is_zero_on_the_graph(self, losses: dict, images: Tensor, targets: list) -> None:
        model = UnitBox(2, **losses)
        terms = model.loss(images, [targets[1], targets[1]])
        assert terms["box"].item() == 0
        assert terms["classification"].item() > 0
        sum(terms.values()).backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_does_not_mix_the_images_of_a_batch(self, images: Tensor) -> None:
        model = UnitBox(2)
        joined, apart = model(images), torch.cat([model(image[None]) for image in images])
        torch.testing.assert_close(joined, apart)


class TestErrors:
    def test_name_the_argument(self, images: Tensor, targets: list) -> None:
        model = UnitBox(2)
        with pytest.raises(ValueError, match=r"images: expected \(B, 3, H, W\), got \(3, 32, 40\)"):
            model(images[0])
        with pytest.raises(TypeError, match="images: expected a floating dtype"):
            model(images.to(torch.uint8))
        with pytest.raises(ValueError, match="targets: expected one for each of 2 images, got 1"):
            model.loss(images, targets[:1])
        with pytest.raises(ValueError, match=r"targets\[0\]\['boxes'\]: expected \(n, 4\), got \(4,\)"):
            model.loss(images, [{"boxes": torch.zeros(4), "labels": torch.zeros(1)}, targets[1]])
        with pytest.raises(ValueError, match=r"targets\[1\]\['labels'\]: expected \(0,\) like its boxes, got \(1,\)"):
            model.loss(images, [targets[0], {"boxes": torch.zeros(0, 4), "labels": torch.zeros(1)}])
        with pytest.raises(ValueError, match="num_classes: expected at least 1, got 0"):
            UnitBox(0)
        with pytest.raises(TypeError, match="num_classes: expected an integer, got float"):
            UnitBox(2.0)
        with pytest.raises(ValueError, match=r"prior: expected between 0 and 1, got 1\.0"):
            UnitBox(2, prior=1.0)
        for share in (0.0, 1.1):
            with pytest.raises(ValueError, match=f"center_sampling: expected above 0 and at most 1, got {share}"):
                UnitBox(2, center_sampling=share)
        with pytest.raises(TypeError, match=r"box_loss: expected an instance, IoULoss\(\), got the class IoULoss"):
            detloss.UnitBox(2, box_loss=detloss.IoULoss)
        with pytest.raises(TypeError, match="backbone: expected a module with integers out_channels and stride"):
            UnitBox(2, backbone=nn.Conv2d(3, 8, 1))  # out_channels, but no integer stride


class TestModule:
    def test_a_constant_added_to_all_inputs_of_a_filter_is_removed(self, generator: torch.Generator) -> None:
        layer = convolution(5, 32)
        features = torch.rand(2, 5, 9, 9, generator=generator)
        near, far = (layer[0](features + shift)[..., 1:-1, 1:-1] for shift in (0.0, 3.0))  # beyond the border are zeros
        torch.testing.assert_close(near, far)

    def test_center_sampling_makes_fewer_cells_positive(self, targets: list) -> None:
        whole, middle = (UnitBox(2, center_sampling=share).assign(8, 10, targets).positive for share in (1.0, 0.5))
        assert middle.sum() < whole.sum()
        assert not (middle & ~whole).any()

    def test_copies_and_state_dict_preserve_it(self, images: Tensor) -> None:
        model = UnitBox(2)
        torch.testing.assert_close(copy.deepcopy(model)(images), model(images))
        file = io.BytesIO()
        torch.save(model.state_dict(), file)
        file.seek(0)
        other = UnitBox(2)
        other.load_state_dict(torch.load(file, weights_only=True))
        torch.testing.assert_close(other(images), model(images))

    def test_takes_any_backbone(self, images: Tensor) -> None:
        backbone = nn.Conv2d(3, 24, 8, stride=8)
        backbone.stride = 8
        assert UnitBox(2, backbone=backbone)(images[:, :, :30, :37]).shape == (2, 2 + 1 + 4, 4, 5)

    def test_predictions_are_clipped_sorted_by_score_and_limited(self, images: Tensor) -> None:
        for found in UnitBox(2, prior=0.5).predict(images, score_threshold=0.01, max_detections=5):
            assert found["boxes"].shape == (len(found["scores"]), 4)
            assert len(found["scores"]) <= 5
            assert found["scores"].tolist() == sorted(found["scores"].tolist(), reverse=True)
            assert (found["boxes"] >= 0).all()
            assert (found["boxes"] <= torch.tensor([40, 32, 40, 32])).all()
            assert not found["boxes"].requires_grad

    def test_predicts_nothing_if_all_scores_are_low(self, images: Tensor) -> None:
        for found in UnitBox(2).predict(images, score_threshold=0.999):
            assert found["boxes"].shape == (0, 4)
            assert found["labels"].dtype == torch.int64

    @pytest.mark.parametrize("name", exhaustive_except(SETTINGS, lambda name: name == "softmax"))
    def test_memorizes_one_image(self, name: str, images: Tensor, targets: list) -> None:
        target = targets[0]
        model = UnitBox(2, **SETTINGS[name])
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(150):
            optimizer.zero_grad()
            sum(model.loss(images[:1], [target]).values()).backward()
            optimizer.step()
        (found,) = model.predict(images[:1])
        for box, label in zip(target["boxes"], target["labels"]):
            overlap = detloss.iou(found["boxes"], box[None], pairwise=True)[:, 0]
            best = overlap.argmax()
            assert overlap[best] > 0.5
            assert found["labels"][best] == label
            assert best < 2  # nothing scores higher than the two true boxes


@pytest.mark.parametrize("loss", [*BOX_LOSSES.values(), *CLASS_LOSSES.values()], ids=lambda loss: loss.name)
def test_own_losses_are_known(loss: Loss) -> None:
    """Operands of a loss follow from the function, partial or module of the catalog."""
    loss = loss.with_sizes(Sizes(image=(8.0, 8.0), objects=4.0))
    geometry = {"geometry": detloss.AxisAligned(format="ltrb")} if loss.kind is Kind.BOX else {}
    images = torch.rand(1, 3, 32, 32)
    targets = [{"boxes": torch.tensor([[4.0, 4.0, 20.0, 24.0]]), "labels": torch.tensor([1])}]
    for given in (partial(loss.function, **loss.options, **geometry), loss.module(**loss.options, **geometry)):
        box = loss.kind in (Kind.REGRESSION, Kind.BOX)
        model = detloss.UnitBox(2, **{"box_loss" if box else "class_loss": given})
        assert model(images).shape[1] == (3 if box or loss.kind is Kind.SOFTMAX else 2) + 4
        sum(model.loss(images, targets).values()).backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize(
    "loss",
    [detloss.generalized_iou_loss, detloss.IoULoss(), partial(detloss.iou_loss, geometry=detloss.AxisAligned("xywh"))],
)
def test_an_overlap_loss_of_another_geometry_is_rejected(loss: object) -> None:
    with pytest.raises(
        ValueError, match=r"^box_loss: expected geometry=AxisAligned\(format='ltrb'\) for rows l, t, r, b, got"
    ):
        detloss.UnitBox(2, box_loss=loss)
