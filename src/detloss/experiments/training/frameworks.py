"""Detectors of other frameworks for ``detloss compare``; a framework is imported where its detector is built."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from detloss.catalog import Loss
from detloss.experiments.data.dataset import Dataset

if TYPE_CHECKING:
    from detloss.experiments.training.framework_detector import FrameworkDetector

__all__ = ["faster_rcnn", "fcos", "retinanet", "yolo"]


def retinanet(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> "FrameworkDetector":
    """Make torchvision's RetinaNet with a trial's losses."""
    with extra("torchvision", "retinanet"):
        from detloss.experiments.training import torchvision_detectors
    return torchvision_detectors.retinanet(len(dataset.class_names), box, cls, weight)


def fcos(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> "FrameworkDetector":
    """Make torchvision's FCOS with a trial's losses."""
    with extra("torchvision", "fcos"):
        from detloss.experiments.training import torchvision_detectors
    return torchvision_detectors.fcos(len(dataset.class_names), box, cls, weight)


def faster_rcnn(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> "FrameworkDetector":
    """Make torchvision's Faster R-CNN with a trial's losses in its box head."""
    with extra("torchvision", "faster-rcnn"):
        from detloss.experiments.training import torchvision_detectors
    return torchvision_detectors.faster_rcnn(len(dataset.class_names), box, cls, weight)


def yolo(box: Loss, cls: Loss, weight: float, dataset: Dataset) -> "FrameworkDetector":
    """Make ultralytics' YOLOv8n with a trial's losses."""
    with extra("ultralytics", "yolo"):
        from detloss.experiments.training import ultralytics_detectors
    return ultralytics_detectors.yolo(len(dataset.class_names), box, cls, weight)


@contextmanager
def extra(package: str, detector: str) -> Iterator[None]:
    """Say how to get a package, where it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(
            f"detector {detector}: expected the package {package}, got none: pip install 'detloss[{package}]'",
            name=package,
        ) from error
