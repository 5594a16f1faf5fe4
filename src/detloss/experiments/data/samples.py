"""Samples: images with their boxes, and checks of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from detloss.experiments.data.image_cache import DecodedImage, StoredImage
from detloss.experiments.data.images import ImageError
from detloss.experiments.data.records import WHOLE_FILE, AnnotatedImage, Problem, box_problem, well_formed


@dataclass(frozen=True)
class Sample:
    """One image with its objects."""

    name: str
    pixels: np.ndarray | StoredImage  # (height, width, 3) uint8, in memory or in a file
    # rows of the data set's geometry in pixels of `image`, (n, 4) or (n, 5) float32; all have an area
    boxes: np.ndarray
    labels: np.ndarray  # indices into the data set's class names, (n,) int64
    file: Path | None = None  # the image file, which may be larger than `image`; None for generated scenes
    # width and height of the upright image in the file; None for generated scenes
    file_size: tuple[int, int] | None = None
    id: int | str | None = None  # the image's id in a COCO file; None in other formats
    digest: str = ""  # SHA-256 of the image file; "" for generated scenes
    group: str = ""  # name of the images that are resampled together; "" if it is alone

    @property
    def image(self) -> np.ndarray:
        """The pixels as an array."""
        return self.pixels.array() if isinstance(self.pixels, StoredImage) else self.pixels

    @property
    def identity(self) -> str:
        """A hash of the image file, or of the pixels of a generated scene."""
        return self.digest or sha256(self.image.tobytes()).hexdigest()

    @property
    def sides(self) -> np.ndarray:
        """Widths and heights of the boxes in pixels, of rotated ones along their own sides; (n, 2) float64."""
        rotated = self.boxes.shape[1] == 5
        sides = self.boxes[:, 2:4] if rotated else self.boxes[:, 2:] - self.boxes[:, :2]
        return sides.astype(np.float64)


def group_numbers(samples: Sequence[Sample]) -> np.ndarray:
    """Number the groups of samples in the order of their first samples; (n,) int64."""
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(sample.group or index, len(numbers)) for index, sample in enumerate(samples)])


def make_samples(
    images: Sequence[AnnotatedImage],
    decoded: Sequence[DecodedImage | ImageError],
    class_names: tuple[str, ...],
    problems: list[Problem],
) -> list[Sample]:
    """Check images and their boxes; what is excluded is added to the problems."""
    label_of = {name: label for label, name in enumerate(class_names)}
    samples = []
    for image, pixels in zip(images, decoded, strict=True):
        if isinstance(pixels, ImageError):
            problems.append(Problem(str(image.image), WHOLE_FILE, str(pixels)))
        elif image.declared_size not in (None, pixels.size):
            declared, width, height = "{} x {}".format(*image.declared_size), *pixels.size
            message = f"expected {declared} pixels as annotated, got an upright image of {width} x {height}"
            problems.append(Problem(str(image.source), f"size of {image.image.name}", message))
        else:
            samples.append(make_sample(image, pixels, label_of, problems))
    return samples


def make_sample(
    image: AnnotatedImage, decoded: DecodedImage, label_of: dict[str, int], problems: list[Problem]
) -> Sample:
    """Combine an image with its valid boxes, resized as it was."""
    size = decoded.size
    boxes, labels = [], []
    for annotation in image.annotations:
        x1, y1, x2, y2 = annotation.box
        across, down = size if image.unit == "fractions" else (1, 1)
        box = (x1 * across, y1 * down, x2 * across, y2 * down)
        problem = box_problem(box, *size)
        if problem is None:
            boxes.append(box)
            labels.append(label_of[annotation.class_name])
        else:
            problems.append(Problem(str(image.source), annotation.row, problem))
    height, width, _ = decoded.pixels.shape
    scale = np.array([width, height] * 2) / np.array(size * 2)
    return Sample(
        name=well_formed(image.image.name),
        pixels=decoded.pixels,
        boxes=(np.array(boxes).reshape(-1, 4) * scale).astype(np.float32),
        labels=np.array(labels, dtype=np.int64),
        file=image.image,
        file_size=size,
        id=image.id,
        digest=decoded.digest,
        group=well_formed(image.group),
    )


def copies(train: Sequence[Sample], validation: Sequence[Sample]) -> list[str]:
    """Warn of validation images that are copies of training images."""
    trained = {sample.identity: sample for sample in train}
    pairs = [(sample, trained[sample.identity]) for sample in validation if sample.identity in trained]
    if not pairs:
        return []
    sample, original = pairs[0]
    return [
        f"{len(pairs)} of {len(validation)} validation images are copies of training images, which makes the AP too "
        f"high: {sample.name} is a copy of {original.name}."
    ]
