"""A detector that is trained, evaluated and saved with detloss: the program of docs/tutorial.rst."""

from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO

import torch
from faster_coco_eval import COCO, COCOeval_faster
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.utils.data import DataLoader, Dataset

import detloss

CLASSES, SIZE, STRIDE = 2, 64, 4
Sample = tuple[Tensor, Tensor, Tensor]


class Rectangles(Dataset[Sample]):
    """Images with one to three rectangles: class 0 is red, class 1 is green."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        random = torch.Generator().manual_seed(1_000_000 * self.seed + index)
        image = 0.4 * torch.rand(3, SIZE, SIZE, generator=random)
        number = int(torch.randint(1, 4, (1,), generator=random))
        sides = torch.randint(8, 28, (number, 2), generator=random)
        corner = (torch.rand(number, 2, generator=random) * (SIZE - sides)).long()
        boxes = torch.cat([corner, corner + sides], dim=1)
        labels = torch.randint(CLASSES, (number,), generator=random)
        for (x1, y1, x2, y2), label in zip(boxes.tolist(), labels.tolist()):
            image[label, y1:y2, x1:x2] += 0.5
        return image, boxes.float(), labels


def collate(samples: list[Sample]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Stack the images; boxes and labels stay lists of one tensor per image."""
    images, boxes, labels = map(list, zip(*samples))
    return torch.stack(images), boxes, labels


class Detector(nn.Module):
    """Logits and distances to the sides of a box, for every cell of a feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(64, 64, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 5, padding=2),
            nn.ReLU(),
        )
        self.classification = nn.Conv2d(64, CLASSES, 1)
        self.regression = nn.Conv2d(64, 4, 1)
        nn.init.constant_(self.classification.bias, detloss.prior_bias(0.01))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.layers(images)
        logits = self.classification(features).flatten(2).mT
        distances = STRIDE * self.regression(features).flatten(2).mT.exp()
        return logits, distances  # (images, cells, classes), (images, cells, 4) in pixels


def cell_centers() -> Tensor:
    """The center of every cell in pixels, (cells, 2)."""
    steps = STRIDE * (torch.arange(SIZE // STRIDE) + 0.5)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1)


def assign(boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Class and distances for each cell, from the smallest box that contains its center."""
    centers = cell_centers()[:, None]
    distances = torch.cat([centers - boxes[:, :2], boxes[:, 2:] - centers], dim=-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=-1)
    areas = torch.where((distances > 0).all(dim=-1), areas, torch.inf)  # (cells, boxes)
    chosen = pad(areas, (1, 0), value=1e9).argmin(dim=1)  # 0: background
    classes = pad(labels, (1, 0), value=CLASSES)[chosen]
    return classes, pad(distances, (0, 0, 1, 0))[torch.arange(len(chosen)), chosen]


def losses(
    box_loss: Callable[..., Tensor],
    normalizer: detloss.Normalizer,
    outputs: tuple[Tensor, Tensor],
    targets: list[tuple[Tensor, Tensor]],
) -> tuple[Tensor, Tensor]:
    """Classification loss of all cells, and box loss of the positive cells."""
    logits, distances = outputs
    classes, sides = map(torch.stack, zip(*targets))
    positive = classes < CLASSES
    positives = normalizer(positive.sum())
    classification = detloss.sigmoid_focal_loss(logits, classes, normalizer=positives)
    box = box_loss(distances, sides, weight=positive.float(), normalizer=positives)
    return classification, box


def train(box_loss: Callable[..., Tensor], box_weight: float, seed: int, steps: int) -> float:
    """Train with this box loss, save the model, and return its AP on the validation set."""
    torch.manual_seed(seed)
    model, normalizer = Detector(), detloss.Normalizer()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    data = Rectangles(16 * steps, seed=1)
    loader = DataLoader(data, batch_size=16, shuffle=True, collate_fn=collate)
    for step, (images, boxes, labels) in enumerate(loader):
        targets = [assign(*sample) for sample in zip(boxes, labels)]
        classification, box = losses(box_loss, normalizer, model(images), targets)
        (classification + box_weight * box).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step:3}  classification {classification:.3f}  box {box:.3f}")
    torch.save(model.state_dict(), "detector.pt")
    return average_precision(model, Rectangles(100, seed=2))


@torch.no_grad()
def predict(model: Detector, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes x1, y1, x2, y2 in pixels, scores and labels after non-maximum suppression."""
    logits, distances = (output[0] for output in model.eval()(image[None]))
    scores, labels = logits.sigmoid().max(dim=-1)
    centers = cell_centers()
    boxes = torch.cat([centers - distances[:, :2], centers + distances[:, 2:]], dim=-1)
    kept = (scores > 0.05).nonzero()[:, 0]
    kept = kept[detloss.nms(boxes[kept], scores[kept], 0.6, labels=labels[kept])]
    return boxes[kept], scores[kept], labels[kept]


def average_precision(model: Detector, data: Rectangles) -> float:
    """COCO's AP: the mean over IoU thresholds from .50 to .95 and over classes."""
    annotations, detections = [], []
    for image_id in range(len(data)):
        image, *truth = data[image_id]
        for (x1, y1, x2, y2), label in zip(*(each.tolist() for each in truth)):
            box = {"image_id": image_id, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            area = (x2 - x1) * (y2 - y1)
            annotations.append(box | {"id": len(annotations) + 1, "area": area, "iscrowd": 0})
        for (x1, y1, x2, y2), score, label in zip(*(each.tolist() for each in predict(model, image))):
            box = {"image_id": image_id, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            detections.append(box | {"score": score})
    if not detections:
        return 0.0
    images = [{"id": image_id, "width": SIZE, "height": SIZE} for image_id in range(len(data))]
    categories = [{"id": label, "name": str(label)} for label in range(CLASSES)]
    with redirect_stdout(StringIO()):  # COCO's classes print their progress
        coco = COCO({"images": images, "annotations": annotations, "categories": categories})
        evaluation = COCOeval_faster(coco, coco.loadRes(detections), "bbox")
        evaluation.run()
    return float(evaluation.stats[0])


if __name__ == "__main__":
    box_loss = detloss.GeneralizedIoULoss(geometry=detloss.AxisAligned("ltrb"))
    print(f"AP {train(box_loss, box_weight=1.0, seed=0, steps=500):.3f}")
    model = Detector()
    model.load_state_dict(torch.load("detector.pt", weights_only=True))
    print(f"AP of the saved model {average_precision(model, Rectangles(100, seed=2)):.3f}")
