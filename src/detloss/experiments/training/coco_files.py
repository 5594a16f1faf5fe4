"""COCO files for training scripts: the images of a data set, and the predictions of a script."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeGuard
from uuid import uuid4

import numpy as np

from detloss.catalog import Sizes
from detloss.experiments.data.coco import is_key, is_number
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.data.records import MAX_JSON_BYTES, contents_of
from detloss.experiments.training.detectors import sizes_of
from detloss.experiments.training.evaluation import Prediction

Id = int | str
LARGEST = 1e30  # number in a file; sums of such numbers are finite in float32


class PredictionsError(Exception):
    """Predictions that cannot be evaluated; the message names file, row, and what was expected and found."""


def class_ids(dataset: Dataset) -> list[Id]:
    """The ids of the classes: those of the data set's own COCO files, otherwise numbers from 1 as in COCO."""
    ids = [dataset.class_ids.get(name) for name in dataset.class_names]
    known = [one for one in ids if one is not None]
    return known if len(set(known)) == len(ids) else list(range(1, len(ids) + 1))


def image_ids(samples: Sequence[Sample]) -> list[Id]:
    """The ids of images: those of the data set's own COCO file, otherwise numbers from 1."""
    known = [sample.id for sample in samples if sample.id is not None]
    return known if len(set(known)) == len(samples) else list(range(1, len(samples) + 1))


def file_scale(sample: Sample) -> np.ndarray:
    """Factors from the pixels of the resized image, in which boxes are stored, to those of its file: x, y, x, y."""
    height, width, _ = sample.image.shape
    file_width, file_height = sample.file_size or (width, height)
    return np.array([file_width / width, file_height / height] * 2)


def sizes_in_files(samples: Sequence[Sample]) -> Sizes:
    """The sizes of images and their objects in pixels of the image files."""
    images = np.array([sample.image.shape[1::-1] * file_scale(sample)[:2] for sample in samples])
    return sizes_of(images, np.concatenate([sample.sides * file_scale(sample)[:2] for sample in samples]))


def write_images(file: Path, samples: Sequence[Sample], dataset: Dataset) -> None:
    """Write images with their boxes as COCO json, with absolute paths, in pixels of the image files."""
    ids, images, annotations = class_ids(dataset), list[dict[str, Any]](), list[dict[str, Any]]()
    for image, sample in zip(image_ids(samples), samples):
        width, height = sample.file_size or sample.image.shape[1::-1]
        path = str(sample.file.resolve() if sample.file else sample.name)
        images.append({"id": image, "file_name": path, "width": width, "height": height})
        for box, label in zip((sample.boxes * file_scale(sample)).tolist(), sample.labels.tolist()):
            x1, y1, x2, y2 = box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": ids[label],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": one, "name": name} for one, name in zip(ids, dataset.class_names)]
    part = file.with_suffix(f".{uuid4().hex[:8]}.part")  # scripts of another process may be reading the file
    part.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    os.replace(part, file)


def read_predictions(file: Path, dataset: Dataset) -> list[Prediction]:
    """Read COCO results: a json list of objects with image_id or file_name, category_id, bbox and score.

    An image is identified by its id in COCO files or by its file name, with or without folder and suffix; a class by
    its id or its name. Validation images that do not occur have no detection. Boxes are converted to pixels of the
    resized image.

    Raises:
        PredictionsError: The file is missing or is not such a list, or a row has an unknown image or class, or a number
            that is not finite.
    """
    try:
        rows = json.loads(contents_of(file, MAX_JSON_BYTES))
    except OSError as error:
        raise PredictionsError(f"{file}: expected COCO results, got none: {error}") from error
    except (ValueError, RecursionError) as error:
        raise PredictionsError(f"{file}: expected COCO results as json: {error}") from error
    if not isinstance(rows, list):
        raise PredictionsError(f"{file}: expected a list of detections, got {type(rows).__name__}")
    images = images_by_name(dataset.validation)
    classes = {one: label for ids in (dataset.class_names, class_ids(dataset)) for label, one in enumerate(ids)}
    found: list[list[tuple[list[float], float, int]]] = [[] for _ in dataset.validation]
    for number, row in enumerate(rows):
        try:
            if not isinstance(row, dict):
                raise PredictionsError(f"expected an object, got {row!r:.60}")
            image = image_of(row, images, dataset.validation)
            found[image].append((box_of(row), score_of(row), class_of(row, classes)))
        except PredictionsError as error:
            raise PredictionsError(f"{file}, row {number}: {error}") from None
    return [prediction_of(rows_of_image, sample) for rows_of_image, sample in zip(found, dataset.validation)]


def images_by_name(samples: Sequence[Sample]) -> dict[Id, list[int]]:
    """The indices of the images by id, file name, and file name without its suffix."""
    images: dict[Id, list[int]] = {}
    for index, (identity, sample) in enumerate(zip(image_ids(samples), samples)):
        name = sample.file.name if sample.file else sample.name
        for key in {identity, name, PurePath(name).stem}:
            images.setdefault(key, []).append(index)
    return images


def image_of(row: Mapping[str, Any], images: Mapping[Id, list[int]], samples: Sequence[Sample]) -> int:
    """The index of the image of a row."""
    field = "file_name" if "file_name" in row else "image_id"
    given = row.get(field)
    candidates = images.get(given, []) if is_key(given) else []
    if isinstance(given, str) and not candidates:
        path = PurePath(given)
        files = [(index, samples[index].file) for index in images.get(path.name, [])]
        candidates = [index for index, file in files if file and file.resolve().parts[-len(path.parts) :] == path.parts]
    if not candidates:
        raise PredictionsError(f"{field}: expected the id or the file name of a validation image, got {given!r:.60}")
    if len(candidates) > 1:
        raise PredictionsError(f"{field}: expected one image, got {given!r:.60}, which {len(candidates)} images have")
    return candidates[0]


def class_of(row: Mapping[str, Any], classes: Mapping[Id, int]) -> int:
    """The label of a row."""
    given = row.get("category_id")
    if not is_key(given) or given not in classes:
        known = ", ".join(map(str, classes))
        raise PredictionsError(f"category_id: expected one of {known:.200}, got {given!r:.60}")
    return classes[given]


def box_of(row: Mapping[str, Any]) -> list[float]:
    """The box of a row."""
    box = row.get("bbox")
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_finite, box)) or min(box[2:]) < 0:
        expected = "four finite numbers x, y, width, height with sides of at least 0"
        raise PredictionsError(f"bbox: expected {expected}, got {box!r:.60}")
    return box


def score_of(row: Mapping[str, Any]) -> float:
    """The score of a row."""
    score = row.get("score")
    if not is_finite(score):
        raise PredictionsError(f"score: expected a finite number, got {score!r:.60}")
    return float(score)


def is_finite(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    return is_number(value) and abs(value) <= LARGEST


def prediction_of(rows: Sequence[tuple[list[float], float, int]], sample: Sample) -> Prediction:
    """Convert the rows of an image."""
    boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
    corners = np.concatenate((boxes[:, :2], boxes[:, :2] + boxes[:, 2:]), axis=1) / file_scale(sample)
    scores, labels = [score for _, score, _ in rows], [label for _, _, label in rows]
    return Prediction(corners.astype(np.float32), np.array(scores, np.float32), np.array(labels, np.int64))
