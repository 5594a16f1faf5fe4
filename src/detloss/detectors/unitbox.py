"""UnitBox: every cell of one feature plane says what it sees, and how far the four sides of its box are."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

import detloss
from detloss.catalog import Kind, kind_of
from detloss.detectors import arguments
from detloss.detectors.assignment import Assignment, assign, cell_centres
from detloss.detectors.backbone import SmallPyramid, convolution
from detloss.detectors.suppression import suppress

FIRST_DISTANCE = 2.0  # strides to every side before training, so that boxes overlap from the first step
CANDIDATES = 1000  # the surest cells of an image that enter non-maximum suppression


class UnitBox(nn.Module):
    """Detect objects in one pass, without anchors, from a plane (C + 1 + 4, H, W).

    A cell's first channels are the logits of C classes and of the background, its last four the distances l, t, r, b
    from its centre to the sides of its box, in strides. A cell is positive if its centre lies in a box:

    ``loss = mean over objects of the mean over its cells of (class_loss + box_weight * box_loss) + sum over background
    cells of class_loss / number of positive cells``

    Every object counts the same, however large: were it every cell, a blood cell of 26 pixels would count seven times
    a platelet of 10, and platelets would be learnt last. The numbers of objects and of positive cells are means over
    ranks where torch.distributed runs, and at least 1. Nothing depends on which losses they are, so a comparison of
    losses compares nothing else.

    When to choose it: to train a detector in a minute, to compare losses, or to read how a dense detector is made.
    200 thousand parameters.

    Args:
        num_classes: C, without the background.
        box_loss: Called as ``box_loss(distances, target_distances, weight=, normalizer=)`` with (positives, 4) rows
            l, t, r, b in strides: a regression loss as it is, an overlap loss with
            ``geometry=AxisAligned(format="ltrb")`` (detloss's own with another format are refused). By default
            UnitBox's own, -log IoU.
        class_loss: Called as ``class_loss(logits, classes, weight=, normalizer=)`` with (cells, C + 1) logits, or
            (cells, C) where ``background`` is False, and (cells,) indices in which C is the background. By default
            softmax cross-entropy; where ``background`` is False, sigmoid focal loss.
        box_weight: The factor of the box loss.
        each_side: Whether the box loss has an entry for each of the four sides, as regression losses do, and so takes
            weights (positives, 1); overlap losses have one a box and take (positives,). None: detloss's own losses
            are known, any other has one a box.
        background: Whether the background has a logit of its own, for losses over a softmax; False for sigmoid
            losses, one class against all, which take weights (cells, 1): the plane is (C + 4, H, W) then. None:
            detloss's own losses are known, any other is over a softmax.
        prior: How probable a cell thinks an object before training, or each class where ``background`` is False: in
            (0, 1).
        backbone: A module from images (B, 3, H, W) to features (B, out_channels, H / stride, W / stride), with the
            integers ``out_channels`` and ``stride`` as attributes; H and W come padded to multiples of the stride. By
            default a small pyramid, stride 4.

    Raises:
        TypeError: ``num_classes`` is no integer, or the backbone lacks an attribute.
        ValueError: ``num_classes`` is below 1, the prior outside (0, 1), or an overlap loss reads rows that are not
            l, t, r, b.

    Edge cases:
        A box too small to have a cell's centre in it gets the nearest cell, whose prediction can touch but not equal
        it. A batch without boxes has a box loss of 0, attached to the graph. Images of any size will do.

    Example:
        >>> import torch
        >>> model = UnitBox(num_classes=2)
        >>> images = torch.zeros(1, 3, 30, 40)
        >>> model(images).shape
        torch.Size([1, 7, 8, 10])
        >>> target = {"boxes": torch.tensor([[8.0, 8.0, 24.0, 20.0]]), "labels": torch.tensor([1])}
        >>> sorted(model.loss(images, [target]))
        ['box', 'classification']

    Sources:
        Yu et al., UnitBox: An Advanced Object Detection Network (2016), https://arxiv.org/abs/1608.01471, with one
        class (faces) and one face an image; Lin et al., Focal Loss for Dense Object Detection (2017), section 3.3
        (the prior) and 4 (the normaliser), https://arxiv.org/abs/1708.02002

    See also:
        `iou_loss`, `cross_entropy_loss`, `sigmoid_focal_loss`.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        box_loss: Callable[..., Tensor] | None = None,
        class_loss: Callable[..., Tensor] | None = None,
        box_weight: float = 1.0,
        each_side: bool | None = None,
        background: bool | None = None,
        prior: float = 0.01,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        arguments.positive_integer("num_classes", num_classes)
        arguments.share("prior", prior)
        self.num_classes = num_classes
        arguments.reads_distances(box_loss)
        self.each_side = kind_of(box_loss) is Kind.REGRESSION if each_side is None else each_side
        self.background = kind_of(class_loss) is not Kind.SIGMOID if background is None else background
        self.box_weight = box_weight
        self.box_loss = box_loss or detloss.IoULoss(form="log", geometry=detloss.AxisAligned(format="ltrb"))
        self.class_loss = class_loss or (detloss.CrossEntropyLoss() if self.background else detloss.SigmoidFocalLoss())
        self.normalizer = detloss.Normalizer()

        self.backbone = backbone or SmallPyramid()
        channels, self.stride = arguments.backbone(self.backbone)
        distances = nn.Conv2d(channels, 4, 1)
        self.box_head = nn.Sequential(convolution(channels, channels), distances)
        class_tower = nn.Sequential(convolution(channels, channels), convolution(channels, channels))
        # The logits are made last: so a seed gives all else the same weights, whatever their number.
        logits = nn.Conv2d(channels, num_classes + self.background, 1)
        self.class_head = nn.Sequential(class_tower, logits)

        odds = math.log(prior / (1 - prior))
        prior_logits = [odds - math.log(num_classes)] * num_classes + [0.0] if self.background else [odds] * num_classes
        distances.bias = nn.Parameter(torch.full((4,), math.log(math.expm1(FIRST_DISTANCE))))
        logits.bias = nn.Parameter(torch.tensor(prior_logits))

    def forward(self, images: Tensor) -> Tensor:
        """Look at images.

        Args:
            images: (B, 3, H, W) in [0, 1].

        Returns:
            The plane (B, C + 1 + 4, H', W'), or (B, C + 4, H', W') without background: logits, the background's
            last of them, then the distances l, t, r, b in strides, all of them above 0. H' and W' are H and W by the
            stride, rounded up.

        Raises:
            TypeError: The images are no floating tensor.
            ValueError: The images are not (B, 3, H, W).
        """
        arguments.images(images)
        height, width = images.shape[-2:]
        features = self.backbone(pad(images, (0, -width % self.stride, 0, -height % self.stride)))
        return torch.cat((self.class_head(features), softplus(self.box_head(features))), dim=1)

    def loss(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Measure what training minimises.

        Args:
            images: (B, 3, H, W) in [0, 1].
            targets: One an image: "boxes", (n, 4) corners x1, y1, x2, y2 in pixels, and "labels", (n,) classes from
                0 to C - 1; n may be 0.

        Returns:
            "classification" and "box", scalars, weighted already: their sum is the training loss.

        Raises:
            TypeError: The images are no floating tensor.
            ValueError: A shape does not fit, or there are not as many targets as images.
        """
        return self.plane_loss(self(images), targets)

    def plane_loss(self, plane: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Measure the same on a plane that is there already.

        When to choose it: under DistributedDataParallel, which synchronises gradients only for its own forward:
        ``parallel.module.plane_loss(parallel(images), targets)``.

        Args:
            plane: What `forward` returned.
            targets: As for `loss`.

        Returns:
            As `loss`.

        Raises:
            ValueError: A shape does not fit, or there are not as many targets as images.
        """
        batch, channels, height, width = plane.shape
        arguments.targets(targets, batch)
        assignments = [self.assign(height, width, target) for target in targets]
        labels, distances, positive, share = (torch.cat(parts) for parts in zip(*assignments))
        cells = plane.permute(0, 2, 3, 1).reshape(-1, channels)
        objects, positives = self.normalizer(share.sum()), self.normalizer(positive.sum())
        weight = torch.where(positive, share * (positives / objects), 1.0)
        box_loss = self.box_loss(
            cells[positive, -4:],
            distances[positive],
            weight=weight[positive, None] if self.each_side else weight[positive],
            normalizer=positives,
        )
        class_loss = self.class_loss(
            cells[:, :-4],
            labels,
            weight=weight if self.background else weight[:, None],
            normalizer=positives,
        )
        return {"classification": class_loss, "box": self.box_weight * box_loss}

    def assign(self, height: int, width: int, target: Mapping[str, Tensor]) -> Assignment:
        """Say which cell of a plane has which box, as the loss does.

        Args:
            height: Cells from top to bottom.
            width: Cells from left to right.
            target: One image's, as for `loss`.

        Returns:
            The labels of the cells, row by row, C in the background; their distances in strides; which have a box.
        """
        boxes, labels = target["boxes"] / self.stride, target["labels"]
        centres = cell_centres(height, width, device=boxes.device)
        return assign(centres, boxes, labels, background=self.num_classes)

    @torch.no_grad()
    def predict(
        self,
        images: Tensor,
        *,
        score_threshold: float = 0.05,
        iou_threshold: float = 0.5,
        max_detections: int = 100,
    ) -> list[dict[str, Tensor]]:
        """Find the objects in images.

        A cell speaks for the most probable of its classes, and that probability is its score; of the boxes of one
        class that overlap too much the surest stays.

        Args:
            images: (B, 3, H, W) in [0, 1].
            score_threshold: Boxes that are not surer are dropped.
            iou_threshold: Above it, two boxes of a class are one object.
            max_detections: At most this many for an image.

        Returns:
            One an image, surest first: "boxes", (n, 4) corners x1, y1, x2, y2 in pixels, within the image; "scores",
            (n,); "labels", (n,) int64.

        Raises:
            TypeError: The images are no floating tensor.
            ValueError: The images are not (B, 3, H, W).
        """
        plane = self(images)
        centres = cell_centres(*plane.shape[-2:], device=plane.device)
        logits, distances = plane.flatten(2).transpose(1, 2).tensor_split([plane.shape[1] - 4], dim=-1)
        probabilities = logits.softmax(dim=-1)[..., :-1] if self.background else logits.sigmoid()
        scores, labels = probabilities.max(dim=-1)
        before, after = distances.chunk(2, dim=-1)
        height, width = images.shape[-2:]
        corners = torch.cat((centres - before, centres + after), dim=-1) * self.stride
        boxes = corners.clamp(min=0).minimum(corners.new_tensor([width, height, width, height]))

        detections = []
        for image in range(len(images)):
            best = scores[image].argsort(descending=True, stable=True)[:CANDIDATES]
            best = best[scores[image, best] > score_threshold]
            kept = suppress(boxes[image, best], scores[image, best], labels[image, best], iou_threshold=iou_threshold)
            best = best[kept[:max_detections]]
            detections.append(
                {"boxes": boxes[image, best], "scores": scores[image, best], "labels": labels[image, best]}
            )
        return detections
