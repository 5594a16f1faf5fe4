"""Stand-ins of detectron2's parts: attributes, calls, divisors and inputs."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import ops

CLASSES, IMAGES, LEVELS = 3, 2, (10, 6)
ANCHORS = sum(LEVELS)
SMALL = 0.005  # deltas that invert no box


class Transform:
    """A translation between boxes and deltas, as Box2BoxTransform."""

    def get_deltas(self, src_boxes: Tensor, target_boxes: Tensor) -> Tensor:
        return (target_boxes - src_boxes) / 3

    def apply_deltas(self, deltas: Tensor, boxes: Tensor) -> Tensor:
        return boxes + 3 * deltas


class BoxHead(nn.Module):
    """FastRCNNOutputLayers."""

    def __init__(self, *, agnostic: bool = False, use_sigmoid_ce: bool = False, use_fed_loss: bool = False) -> None:
        super().__init__()
        self.num_classes, self.agnostic, self.box2box_transform = CLASSES, agnostic, Transform()
        self.use_sigmoid_ce, self.use_fed_loss = use_sigmoid_ce, use_fed_loss
        self.loss_weight = {"loss_box_reg": 0.5, "loss_cls": 2.0}

    def losses(self, predictions: tuple[Tensor, Tensor], proposals: Sequence[SimpleNamespace]) -> dict[str, Tensor]:
        scores, deltas = predictions
        labels = torch.cat([each.gt_classes for each in proposals])
        if self.use_sigmoid_ce:
            target = functional.one_hot(labels, CLASSES + 1)[:, :-1].to(scores.dtype)
            each = functional.binary_cross_entropy_with_logits(scores[:, :-1], target, reduction="sum")
            loss_cls = each / max(len(labels), 1)
        else:
            loss_cls = functional.cross_entropy(scores, labels) if len(labels) else scores.sum() * 0
        boxes, gt_boxes = (
            torch.cat([getattr(each, name).tensor for each in proposals]) for name in ("proposal_boxes", "gt_boxes")
        )
        terms = {"loss_cls": loss_cls, "loss_box_reg": self.box_reg_loss(boxes, gt_boxes, deltas, labels)}
        return {name: term * self.loss_weight.get(name, 1.0) for name, term in terms.items()}

    def box_reg_loss(self, proposal_boxes: Tensor, gt_boxes: Tensor, pred_deltas: Tensor, gt_classes: Tensor) -> Tensor:
        return self.box_sum(functional.l1_loss, proposal_boxes, gt_boxes, pred_deltas, gt_classes, decoded=False)

    def box_sum(
        self, loss: Callable, boxes: Tensor, gt_boxes: Tensor, deltas: Tensor, labels: Tensor, *, decoded: bool
    ) -> Tensor:
        total = deltas.sum() * 0
        for row in (labels < CLASSES).nonzero().flatten().tolist():
            first = 0 if self.agnostic else 4 * int(labels[row])
            of_class, box, target = deltas[row, first : first + 4], boxes[row], gt_boxes[row]
            if decoded:
                pred = self.box2box_transform.apply_deltas(of_class, box)
            else:
                pred, target = of_class, self.box2box_transform.get_deltas(box, target)
            total = total + loss(pred[None], target[None], reduction="sum")
        return total / max(len(labels), 1)


class Dense(nn.Module):
    """Common part of RetinaNet and the region proposal network."""

    def joined(
        self, anchors: Sequence, logits: Sequence, labels: Sequence, deltas: Sequence, boxes: Sequence
    ) -> tuple[Tensor, ...]:
        references = torch.cat([level.tensor for level in anchors]).expand(IMAGES, -1, -1)
        return references, torch.cat(logits, 1), torch.stack(labels), torch.cat(deltas, 1), torch.stack(boxes)


class RetinaNet(Dense):
    """RetinaNet, which divides by a running mean of the positives."""

    def __init__(self) -> None:
        super().__init__()
        self.num_classes, self.box2box_transform = CLASSES, Transform()
        self.focal_loss_alpha, self.smooth_l1_beta = 0.25, 0.1

    def losses(self, *given: Sequence) -> dict[str, Tensor]:
        references, logits, labels, deltas, boxes = self.joined(*given)
        positive, counted = (labels >= 0) & (labels < CLASSES), labels >= 0
        self.loss_normalizer = 0.9 * getattr(self, "loss_normalizer", 100) + 0.1 * max(int(positive.sum()), 1)
        target = functional.one_hot(labels[counted], CLASSES + 1)[:, :-1].to(logits.dtype)
        wanted = self.box2box_transform.get_deltas(references[positive], boxes[positive])
        return {
            "loss_cls": ops.sigmoid_focal_loss(logits[counted], target, reduction="sum") / self.loss_normalizer,
            "loss_box_reg": functional.smooth_l1_loss(deltas[positive], wanted, beta=0.1, reduction="sum")
            / self.loss_normalizer,
        }


class ProposalNetwork(Dense):
    """RPN, which divides by the anchors that it samples."""

    def __init__(self) -> None:
        super().__init__()
        self.box2box_transform, self.batch_size_per_image = Transform(), 5
        self.loss_weight = {"loss_rpn_cls": 2.0, "loss_rpn_loc": 0.5}

    def losses(self, *given: Sequence) -> dict[str, Tensor]:
        references, logits, labels, deltas, boxes = self.joined(*given)
        positive, counted, divisor = labels == 1, labels >= 0, 5 * IMAGES
        target = labels[counted].to(logits.dtype)
        pred = self.box2box_transform.apply_deltas(deltas[positive], references[positive])
        terms = {
            "loss_rpn_cls": functional.binary_cross_entropy_with_logits(logits[counted], target, reduction="sum"),
            "loss_rpn_loc": ops.generalized_box_iou_loss(pred, boxes[positive], reduction="sum", eps=0.0),
        }
        return {name: self.loss_weight[name] * term / divisor for name, term in terms.items()}


class Detector(nn.Module):
    """GeneralizedRCNN."""

    def __init__(self, predictor: nn.Module, proposing: nn.Module | None = None) -> None:
        super().__init__()
        self.roi_heads = nn.Module()
        self.roi_heads.box_predictor = predictor
        self.proposal_generator = proposing


def corners(generator: torch.Generator, *shape: int) -> Tensor:
    first = torch.rand(*shape, 2, generator=generator, dtype=torch.float64)
    size = torch.rand(*shape, 2, generator=generator, dtype=torch.float64)
    return torch.cat((first, first + size + 0.2), -1)


def sampled(
    seed: int, columns: int, counts: tuple[int, int] = (7, 5)
) -> tuple[tuple[Tensor, Tensor], list[SimpleNamespace]]:
    """Inputs of a box head: predictions, and the proposals of two images."""
    generator = torch.Generator().manual_seed(seed)
    proposals = [
        SimpleNamespace(
            gt_classes=torch.randint(CLASSES + 1, (count,), generator=generator),
            proposal_boxes=SimpleNamespace(tensor=corners(generator, count)),
            gt_boxes=SimpleNamespace(tensor=corners(generator, count)),
        )
        for count in counts
    ]
    count = sum(len(each.gt_classes) for each in proposals)
    scores = torch.randn(count, CLASSES + 1, generator=generator, dtype=torch.float64, requires_grad=True)
    deltas = SMALL * torch.randn(count, columns, generator=generator, dtype=torch.float64)
    return (scores, deltas.requires_grad_()), proposals


def everywhere(seed: int, classes: int | None, *, empty: bool = False) -> tuple[Sequence, ...]:
    """Inputs of a part with anchors: one list per level, one list per image; some anchors are ignored."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int, size: float = 1.0) -> Tensor:
        return (size * torch.randn(*shape, generator=generator, dtype=torch.float64)).requires_grad_()

    background = 0 if classes is None else classes
    labels = torch.randint(-1, 2 if classes is None else classes + 1, (IMAGES, ANCHORS), generator=generator)
    return (
        [SimpleNamespace(tensor=corners(generator, level)) for level in LEVELS],
        [numbers(IMAGES, level, *(() if classes is None else (classes,))) for level in LEVELS],
        list(torch.full_like(labels, background) if empty else labels),
        [numbers(IMAGES, level, 4, size=SMALL) for level in LEVELS],
        list(corners(generator, IMAGES, ANCHORS)),
    )
