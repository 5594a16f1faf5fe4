"""Time of losses, label assignment and decoding in a training step: `python -m benchmarks.training_steps`.

Random images and boxes; CPU time of one thread, without the forward pass of the network. The framework's losses are
those of ultralytics; UnitBox with the losses of torch is the same detector with plain operations.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional
from ultralytics.cfg import get_cfg
from ultralytics.nn.tasks import DetectionModel

import detloss
from benchmarks.machine import this_machine
from benchmarks.meters import Run, cpu_seconds
from benchmarks.peers import mmdet
from benchmarks.results import Summary, duration
from benchmarks.tables import Table
from benchmarks.timing import Budget, Candidate, interleaved
from detloss.detectors import UnitBox
from detloss.integrations.ultralytics import use_losses

IMAGES, SIDE, OBJECTS, CLASSES = 4, 320, 8, 20
BUDGET = Budget(seconds=6.0, min_run_time=0.01, rounds=101)
OURS, OTHERS = "detloss", "others"


def boxes(images: int, generator: Generator) -> Tensor:
    """Centers and sides of the objects of every image, as fractions of it."""
    sides = 0.1 + 0.4 * torch.rand(images, OBJECTS, 2, generator=generator)
    centers = sides / 2 + (1 - sides) * torch.rand(images, OBJECTS, 2, generator=generator)
    return torch.cat((centers, sides), -1)


class Predicted(UnitBox):
    """A UnitBox whose forward pass returns a feature map that is already predicted."""

    def __init__(self, **options: Any) -> None:
        super().__init__(CLASSES, **options)
        self.plane = torch.empty(0)

    def forward(self, images: Tensor) -> Tensor:
        """The feature map."""
        return self.plane if len(self.plane) else super().forward(images)


def torch_class_loss(logits: Tensor, labels: Tensor, *, weight: Tensor, normalizer: Tensor) -> Tensor:
    """Cross-entropy of torch."""
    return (weight * functional.cross_entropy(logits, labels, reduction="none")).sum() / normalizer


def torch_box_loss(pred: Tensor, target: Tensor, *, weight: Tensor, normalizer: Tensor) -> Tensor:
    """-log IoU of distances by operations of torch."""
    signs = pred.new_tensor([-1.0, -1.0, 1.0, 1.0])
    return (weight * mmdet.log_iou(signs * pred, signs * target)).sum() / normalizer


def unitbox_runs(images: int = IMAGES, side: int = SIDE) -> dict[str, dict[str, Run]]:
    """The parts of a step of UnitBox."""
    generator = Generator().manual_seed(0)
    pictures, placed = torch.rand(images, 3, side, side, generator=generator), side * boxes(images, generator)
    corners = torch.cat((placed[..., :2] - placed[..., 2:] / 2, placed[..., :2] + placed[..., 2:] / 2), -1)
    targets = [{"boxes": each, "labels": torch.arange(OBJECTS) % CLASSES} for each in corners]
    torch.manual_seed(0)
    model, plain = Predicted(), Predicted(box_loss=torch_box_loss, class_loss=torch_class_loss)
    with torch.no_grad():
        plane = model(pictures)
    model.plane = plain.plane = plane.requires_grad_()

    def step(of: UnitBox) -> Run:
        return backward(lambda: sum(of.plane_loss(plane, targets).values(), torch.zeros(())), [plane])

    height, width = plane.shape[-2:]
    return {
        "losses and assignment": {OURS: step(model), OTHERS: step(plain)},
        "assignment": {OURS: lambda: model.assign(height, width, targets)},
        "decoding": {OURS: lambda: model.predict(pictures)},
    }


def yolo_runs(images: int = IMAGES, side: int = SIDE) -> dict[str, dict[str, Run]]:
    """The loss of a YOLO with the losses of detloss and with its own: CIoU, binary cross-entropy and DFL."""
    generator = Generator().manual_seed(0)
    torch.manual_seed(0)
    model = DetectionModel("yolov8n.yaml", nc=CLASSES, verbose=False)
    model.args = get_cfg()
    batch = {
        "img": torch.rand(images, 3, side, side, generator=generator),
        "batch_idx": torch.arange(images).repeat_interleave(OBJECTS).float(),
        "cls": (torch.arange(images * OBJECTS) % CLASSES).float()[:, None],
        "bboxes": boxes(images, generator).flatten(0, 1),
    }
    with torch.no_grad():
        predicted = model(batch["img"])
    leaves = [predicted[name].requires_grad_() for name in ("boxes", "scores")]
    own, new = model.init_criterion(), model.init_criterion()
    model.criterion = new
    use_losses(
        model,
        box=detloss.CompleteIoULoss(),
        classification=detloss.BinaryCrossEntropyLoss(),
        distribution=detloss.DistributionFocalLoss(),
    )
    runs = {
        name: backward(lambda criterion=criterion: criterion(predicted, batch)[0].sum(), leaves)
        for name, criterion in ((OURS, new), (OTHERS, own))
    }
    return {"losses and assignment": runs}


def backward(loss: Callable[[], Tensor], leaves: list[Tensor]) -> Run:
    """A loss with its backward pass; the gradients are discarded."""

    def run() -> None:
        loss().backward()
        for leaf in leaves:
            leaf.grad = None

    return run


def table(parts: dict[str, dict[str, dict[str, Run]]], budget: Budget = BUDGET) -> Table:
    """Time per step by model and part, and the ratio of the times with the other losses and with ours."""
    rows = []
    for model, its_parts in parts.items():
        for part, runs in its_parts.items():
            seconds = interleaved({name: Candidate(run) for name, run in runs.items()}, budget, cpu_seconds)
            times = [duration(Summary.of(seconds[name]).median) if name in seconds else "" for name in (OURS, OTHERS)]
            speedup = Summary.of_ratios(seconds[OTHERS], seconds[OURS]).text("x") if OTHERS in seconds else ""
            rows.append([model, part, *times, speedup])
    title = f"Training step of {IMAGES} images of {SIDE} x {SIDE} pixels, without the network"
    return Table(title, ["model", "part", "detloss", "torch or the framework", "speed-up"], rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(this_machine(torch.device("cpu")))
    print(f"\n{table({'UnitBox': unitbox_runs(), 'YOLOv8n': yolo_runs()}).markdown()}")
