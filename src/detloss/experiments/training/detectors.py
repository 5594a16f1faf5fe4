"""Detectors that a trial can train, built with the losses of the trial."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import detloss
from detloss.catalog import Kind, Loss, Sizes
from detloss.detectors import RotatedUnitBox, UnitBox
from detloss.detectors.backbone import SmallPyramid
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.detector_interface import Detector

IMAGES_PER_ASSIGNMENT = 256
CENTER_SAMPLING = 0.7  # of UnitBox: with all cells of a box positive, the same number of steps gives a lower AP


class Recipe(NamedTuple):
    """Construction and learning rate of a detector, the same for all losses."""

    build: Callable[[Loss, Loss, float, Dataset], Detector]  # the box loss, the class loss, the weight of the former
    learning_rate: float  # maximum of the schedule


def unitbox(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> UnitBox | RotatedUnitBox:
    """Build UnitBox or RotatedUnitBox, with class weights computed from the data where the loss has them."""
    geometry = detloss.Rotated() if dataset.geometry == detloss.Rotated() else detloss.AxisAligned(format="ltrb")
    model = unitbox_of(dataset)(
        box_loss=sized(box, dataset, unit=SmallPyramid.stride).build(
            **({"geometry": geometry} if box.kind is Kind.BOX else {})
        ),
        class_loss=cls.build(),
        box_weight=weight,
    )
    if cls.from_counts is not None:
        from_data = cls.from_counts(cells_per_class(model, dataset.train))
        model.class_loss = cls.build(**from_data)
    return model


def torchvision(name: str, box: Loss, cls: Loss, weight: float, dataset: Dataset) -> Detector:
    """Build a detector of torchvision by its name."""
    with required("torchvision", name):
        from detloss.experiments.training.torchvision_detectors import TORCHVISION
    return TORCHVISION[name](len(dataset.class_names), sized(box, dataset), cls, weight)


def yolo(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> Detector:
    """Build ultralytics' YOLOv8n."""
    with required("ultralytics", "yolo"):
        from detloss.experiments.training import ultralytics_detectors
    return ultralytics_detectors.yolo(len(dataset.class_names), sized(box, dataset), cls, weight)


DETECTORS: Mapping[str, Recipe] = MappingProxyType(
    {
        "unitbox": Recipe(unitbox, learning_rate=2e-2),
        **{name: Recipe(partial(torchvision, name), 6e-3) for name in ("retinanet", "fcos", "faster-rcnn")},
        "yolo": Recipe(yolo, learning_rate=6e-3),
    }
)


@contextmanager
def required(package: str, detector: str) -> Iterator[None]:
    """Name the extra that installs a package where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(
            f"detector {detector}: expected the package {package}, got none: pip install 'detloss[{package}]'",
            name=package,
        ) from error


def sized(box: Loss, dataset: Dataset, unit: float = 1.0) -> Loss:
    """Set the options of a box loss that are lengths, in units of so many pixels: the image and the mean object."""
    if box.from_sizes is None:
        return box
    images = np.array([sample.pixels.shape[1::-1] for sample in dataset.train])
    sides = np.concatenate([sample.sides for sample in dataset.train])
    return box.with_sizes(sizes_of(images / unit, sides / unit))


def sizes_of(images: np.ndarray, sides: np.ndarray) -> Sizes:
    """The sizes of a data set from the widths and heights of its images, (n, 2), and of its objects, (m, 2)."""
    width, height = images.max(axis=0).tolist()
    return Sizes((width, height), float(np.sqrt(sides.prod(axis=1)).mean()))


def check_geometry(box: Loss, detector: str, dataset: Dataset) -> None:
    """Raise ValueError if the box loss or the detector does not support the boxes of the data."""
    rotated = dataset.geometry == detloss.Rotated()
    if box.kind is Kind.ROTATED and not rotated:
        raise ValueError(f"box: expected a loss for axis-aligned boxes for {dataset.name}, got {box.name!r}")
    if rotated and detector != "unitbox":
        raise ValueError(f"detector: expected 'unitbox' for the rotated boxes of {dataset.name}, got {detector!r}")


def unitbox_of(dataset: Dataset) -> Callable[..., UnitBox | RotatedUnitBox]:
    """Select UnitBox or RotatedUnitBox by the geometry of the data; the losses remain to be given."""
    detector = RotatedUnitBox if dataset.geometry == detloss.Rotated() else UnitBox
    return partial(detector, len(dataset.class_names), center_sampling=CENTER_SAMPLING)


def cells_per_class(model: UnitBox | RotatedUnitBox, samples: Sequence[Sample]) -> list[float]:
    """Count the cells assigned to each class over all images; the background is last."""
    return torch.cat(cell_labels(model, samples)).bincount(minlength=model.num_classes + 1).tolist()


def cell_labels(model: UnitBox | RotatedUnitBox, samples: Sequence[Sample]) -> list[Tensor]:
    """Assign labels to the cells of each image, in batches of images of the same size."""
    by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        height, width, _ = sample.pixels.shape
        by_shape[-(-height // model.stride), -(-width // model.stride)].append(index)
    labels: dict[int, Tensor] = {}
    for shape, indices in by_shape.items():
        for first in range(0, len(indices), IMAGES_PER_ASSIGNMENT):
            batch = indices[first : first + IMAGES_PER_ASSIGNMENT]
            assigned = model.assign(*shape, [target_of(samples[index]) for index in batch])
            labels |= zip(batch, assigned.labels.chunk(len(batch)))
    return [labels[index] for index in range(len(samples))]


def target_of(sample: Sample) -> dict[str, Tensor]:
    """Convert the boxes and labels of a sample to tensors."""
    return {"boxes": torch.from_numpy(sample.boxes), "labels": torch.from_numpy(sample.labels)}
