"""What a trial can train: each detector by its name, built with a trial's losses."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

import detloss
from detloss.catalog import Kind, Loss
from detloss.detectors import RotatedUnitBox, UnitBox
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training import frameworks


class Detector(Protocol):
    """What a trial needs of a module: how wrong it is, and what it sees."""

    def loss(self, images: Tensor, targets: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Tensor]:
        """The terms "classification" and "box", weighted."""

    def predict(self, images: Tensor) -> Sequence[Mapping[str, Tensor]]:
        """Boxes, scores and labels of each image."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """What is trained."""

    def train(self) -> object:
        """Prepare for training."""

    def eval(self) -> object:
        """Prepare for judging."""

    def to(self, device: str) -> object:
        """Move to a device, in place."""


class Recipe(NamedTuple):
    """How a detector is built and trained, for all losses alike.

    Attributes:
        build: Called with the box loss, the class loss, the weight of the box loss and the data.
        learning_rate: The highest of the schedule.
    """

    build: Callable[[Loss, Loss, float, Dataset], Detector]
    learning_rate: float


ASSIGNED_AT_ONCE = 256  # images
CENTER_SAMPLING = 0.7  # of UnitBox: with all cells of a box positive it learns less from as many steps


def unitbox(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> UnitBox | RotatedUnitBox:
    """Make the UnitBox of the data's boxes, with the options of a class loss that come from the data."""
    rows = detloss.Rotated() if dataset.geometry == detloss.Rotated() else detloss.AxisAligned(format="ltrb")
    model = unitbox_of(dataset)(
        box_loss=partial(box.function, **box.options, **({"geometry": rows} if box.kind is Kind.BOX else {})),
        class_loss=partial(cls.function, **cls.options),
        box_weight=weight,
    )
    if cls.from_counts is not None:
        from_data = cls.from_counts(cells_of_classes(model, dataset.train))
        model.class_loss = partial(cls.function, **cls.options, **from_data)
    return model


def unitbox_of(dataset: Dataset) -> Callable[..., UnitBox | RotatedUnitBox]:
    """Find the UnitBox for the classes and the boxes of the data; what is left to choose are its losses."""
    made = RotatedUnitBox if dataset.geometry == detloss.Rotated() else UnitBox
    return partial(made, len(dataset.class_names), center_sampling=CENTER_SAMPLING)


def check_boxes(box: Loss, detector: str, dataset: Dataset) -> None:
    """Refuse what has no boxes as the data have them.

    Raises:
        ValueError: A loss of turned boxes alone, of data without; or a detector without turned boxes, of data with.
    """
    turned = dataset.geometry == detloss.Rotated()
    if box.kind is Kind.ROTATED and not turned:
        raise ValueError(f"box: expected a loss of boxes along the axes for {dataset.name}, got {box.name!r}")
    if turned and detector != "unitbox":
        raise ValueError(f"detector: expected 'unitbox' for the turned boxes of {dataset.name}, got {detector!r}")


def cells_of_classes(model: UnitBox | RotatedUnitBox, samples: Sequence[Sample]) -> list[float]:
    """Count the cells that each class has in all images, the background's last."""
    return torch.cat(labels_of_cells(model, samples)).bincount(minlength=model.num_classes + 1).tolist()


def labels_of_cells(model: UnitBox | RotatedUnitBox, samples: Sequence[Sample]) -> list[Tensor]:
    """Assign each image's cells their labels, many images of one size at a time."""
    of_plane: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        height, width, _ = sample.image.shape
        of_plane[-(-height // model.stride), -(-width // model.stride)].append(index)
    labels: dict[int, Tensor] = {}
    for plane, indices in of_plane.items():
        for first in range(0, len(indices), ASSIGNED_AT_ONCE):
            batch = indices[first : first + ASSIGNED_AT_ONCE]
            assigned = model.assign(*plane, [target_of(samples[index]) for index in batch])
            labels |= zip(batch, assigned.labels.chunk(len(batch)))
    return [labels[index] for index in range(len(samples))]


def target_of(sample: Sample, device: str = "cpu") -> dict[str, Tensor]:
    """Write a sample's boxes as a detector takes them."""
    boxes, labels = torch.from_numpy(sample.boxes), torch.from_numpy(sample.labels)
    return {"boxes": boxes.to(device), "labels": labels.to(device)}


DETECTORS: Mapping[str, Recipe] = MappingProxyType(
    {
        "unitbox": Recipe(unitbox, learning_rate=2e-2),
        "retinanet": Recipe(frameworks.retinanet, learning_rate=6e-3),
        "fcos": Recipe(frameworks.fcos, learning_rate=6e-3),
        "faster-rcnn": Recipe(frameworks.faster_rcnn, learning_rate=6e-3),
        "yolo": Recipe(frameworks.yolo, learning_rate=6e-3),
    }
)
