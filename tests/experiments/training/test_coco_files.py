"""COCO files for training scripts: images, ids, and predictions, which may be wrong in many ways."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faster_coco_eval import COCO
from PIL import Image

from detloss.experiments.data.dataset import Dataset, load
from detloss.experiments.training.coco_files import (
    PredictionsError,
    read_predictions,
    sizes_in_files,
    write_images,
)
from detloss.experiments.training.evaluation import evaluate
from tests.support.datasets import Picture, write_coco, write_yolo

PICTURES = (
    Picture("one.png", "train", (("cell", 20.0, 30.0, 120.0, 90.0), ("dog", 200.0, 8.0, 232.0, 40.0)), (400, 300)),
    Picture("two.png", "val", (("cell", 2.0, 3.0, 12.0, 13.0), ("dog", 20.0, 8.0, 32.0, 24.0)), (40, 30)),
    Picture("0007.png", "val", (("dog", 10.0, 20.0, 310.0, 220.0),), (640, 480)),
)
EXACT = {"image_id": "0007", "category_id": "dog", "bbox": [10, 20, 300, 200], "score": 0.9}


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """In two formats, the same pictures; this one has no ids."""
    return load(write_yolo(tmp_path / "data", PICTURES))


def written(folder: Path, rows: object) -> Path:
    file = folder / "predictions.json"
    file.write_text(json.dumps(rows))
    return file


def labels_and_corners(dataset: Dataset, file: Path) -> dict[str, list[tuple[int, list[float]]]]:
    """What the validation images have after resizing, by name, in pixels of their files."""
    found = {}
    for sample, prediction in zip(dataset.validation, read_predictions(file, dataset)):
        with Image.open(sample.file) as image:
            width, height = image.size
        scale = np.array([width, height] * 2) / np.array([*sample.image.shape[1::-1]] * 2)
        corners = (prediction.boxes * scale).round(3).tolist()
        found[sample.name] = list(zip(prediction.labels.tolist(), corners))
    return found


def test_predictions_are_in_pixels_of_the_image_files(dataset: Dataset, tmp_path: Path) -> None:
    rows = [EXACT, {"image_id": "two", "category_id": 1, "bbox": [2, 3, 10, 10], "score": 1}]
    found = labels_and_corners(dataset, written(tmp_path, rows))
    assert found == {"0007.png": [(1, [10, 20, 310, 220])], "two.png": [(0, [2, 3, 12, 13])]}


def test_the_ground_truth_as_predictions_has_an_ap_of_one(dataset: Dataset, tmp_path: Path) -> None:
    write_images(tmp_path / "validation.json", dataset.validation, dataset)
    truth = json.loads((tmp_path / "validation.json").read_text())
    names = {row["id"]: row["file_name"] for row in truth["images"]}
    rows = [row | {"score": 0.5} for row in truth["annotations"]]
    file = written(tmp_path, rows)
    assert evaluate(read_predictions(file, dataset), dataset.validation).ap == pytest.approx(1.0)
    for row in rows:
        row["file_name"] = names[row.pop("image_id")]
    assert evaluate(read_predictions(written(tmp_path, rows), dataset), dataset.validation).ap == pytest.approx(1.0)


def test_written_images_are_those_of_the_data(dataset: Dataset, tmp_path: Path) -> None:
    write_images(tmp_path / "train.json", dataset.train, dataset)
    truth = COCO(str(tmp_path / "train.json"), print_function=lambda *_: None)
    (image,) = truth.loadImgs(truth.getImgIds())
    with Image.open(image["file_name"]) as opened:
        assert opened.size == (image["width"], image["height"]) == (400, 300)
    names = {row["id"]: row["name"] for row in truth.loadCats(truth.getCatIds())}
    assert names == {1: "cell", 2: "dog"}
    boxes = [
        (names[row["category_id"]], np.round(row["bbox"], 3).tolist()) for row in truth.loadAnns(truth.getAnnIds())
    ]
    assert boxes == [("cell", [20, 30, 100, 60]), ("dog", [200, 8, 32, 32])]


def test_ids_of_coco_data_are_kept(tmp_path: Path) -> None:
    dataset = load(write_coco(tmp_path / "data", PICTURES))
    content = json.loads((tmp_path / "data" / "annotations" / "instances_val.json").read_text())
    ids = {row["file_name"]: row["id"] for row in content["images"]}
    assert ids == {"two.png": 1, "0007.png": 2}
    rows = [EXACT | {"image_id": 2, "category_id": 10}, EXACT | {"image_id": 1, "category_id": 0}]
    found = labels_and_corners(dataset, written(tmp_path, rows))
    assert [label for label, _ in found["0007.png"]] == [dataset.class_names.index("dog")]
    assert [label for label, _ in found["two.png"]] == [dataset.class_names.index("cell")]
    write_images(tmp_path / "validation.json", dataset.validation, dataset)
    truth = json.loads((tmp_path / "validation.json").read_text())
    assert {Path(row["file_name"]).name: row["id"] for row in truth["images"]} == ids
    assert {row["id"]: row["name"] for row in truth["categories"]} == {0: "cell", 10: "dog"}


def test_a_file_name_takes_precedence_over_an_id(dataset: Dataset, tmp_path: Path) -> None:
    """ultralytics writes the number 7 as the id of 0007.png."""
    found = labels_and_corners(dataset, written(tmp_path, [EXACT | {"image_id": 7, "file_name": "0007.png"}]))
    assert len(found["0007.png"]) == 1


def test_no_detection_is_an_ap_of_zero(dataset: Dataset, tmp_path: Path) -> None:
    assert evaluate(read_predictions(written(tmp_path, []), dataset), dataset.validation).ap == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": "one"}, "row 1: image_id: expected the id or the file name of a validation image, got 'one'"),
        ({"image_id": 7}, "row 1: image_id: expected .*, got 7"),
        ({"image_id": True}, "row 1: image_id: expected .*, got True"),
        ({"image_id": [1]}, r"row 1: image_id: expected .*, got \[1\]"),
        ({"file_name": "else/0007.png"}, "row 1: file_name: expected .*, got 'else/0007.png'"),
        ({"category_id": 0}, "row 1: category_id: expected one of cell, dog, 1, 2, got 0"),
        ({"category_id": None}, "row 1: category_id: expected one of .*, got None"),
        ({"bbox": [1, 2, 3]}, r"row 1: bbox: expected four finite numbers .*, got \[1, 2, 3\]"),
        ({"bbox": [1, 2, math.nan, 4]}, r"row 1: bbox: expected four finite numbers .*, got \[1, 2, nan, 4\]"),
        ({"bbox": [1, 2, -3, 4]}, r"row 1: bbox: expected .* sides of at least 0, got \[1, 2, -3, 4\]"),
        ({"bbox": [1, 2, 10**400, 4]}, "row 1: bbox: expected four finite numbers"),
        ({"score": math.inf}, "row 1: score: expected a finite number, got inf"),
        ({"score": "high"}, "row 1: score: expected a finite number, got 'high'"),
    ],
)
def test_a_wrong_row_is_named(dataset: Dataset, tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(PredictionsError, match=f"predictions.json, {message}"):
        read_predictions(written(tmp_path, [EXACT, EXACT | change]), dataset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "predictions.json: expected COCO results, got none: it is missing or not a regular file"),
        ("[", "predictions.json: expected COCO results as json: "),
        ("[" * 100_000, "predictions.json: expected COCO results as json: "),
        ("{}", "predictions.json: expected a list of detections, got dict"),
        ("[3]", "predictions.json, row 0: expected an object, got 3"),
    ],
)
def test_a_wrong_file_is_named(dataset: Dataset, tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "predictions.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PredictionsError, match=message):
        read_predictions(file, dataset)


def test_images_of_the_same_name_need_their_folder(dataset: Dataset, tmp_path: Path) -> None:
    files = [tmp_path / folder / "same.png" for folder in ("val", "sub")]
    samples = [replace(dataset.validation[0], name="same.png", file=file) for file in files]
    dataset = replace(dataset, validation=samples)
    row = {"category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    with pytest.raises(PredictionsError, match="file_name: expected one image, got 'same.png', which 2 images have"):
        read_predictions(written(tmp_path, [row | {"file_name": "same.png"}]), dataset)
    found = read_predictions(written(tmp_path, [row | {"file_name": "sub/same.png"}]), dataset)
    assert [len(prediction.scores) for prediction in found] == [0, 1]


def test_sizes_are_those_of_the_files(dataset: Dataset) -> None:
    sizes = sizes_in_files(dataset.train)
    assert sizes.image == pytest.approx((400, 300))
    assert sizes.objects == pytest.approx((math.sqrt(100 * 60) + 32) / 2, rel=1e-5)
