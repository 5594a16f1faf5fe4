"""Rejected input: listed with its file, its row and the reason, while the rest is read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detloss.experiments.data.dataset import DatasetError, Problem, load
from detloss.experiments.data.records import box_problem
from tests.support.datasets import (
    PAIR,
    Picture,
    with_rows,
    write_coco,
    write_voc,
    write_yolo,
)

Writer = Callable[[Path, tuple[Picture, ...]], Path]
GOOD = ("cell", 2.0, 3.0, 12.0, 13.0)


def problems_of(folder: Path) -> list[Problem]:
    """The rows left out of a data set that can still be read."""
    dataset = load(folder)
    assert all(any(len(sample.boxes) for sample in side) for side in (dataset.train, dataset.validation))
    return dataset.problems


def listed(folder: Path) -> set[tuple[str, str, str]]:
    return {(problem.file, problem.row, problem.message) for problem in problems_of(folder)}


FAULTS = [
    ((5.0, 5.0, 5.0, 9.0), "box (5, 5, 5, 9) has no area"),
    ((9.0, 5.0, 5.0, 9.0), "box (9, 5, 5, 9) is inverted: expected x1 < x2 and y1 < y2"),
    ((50.0, 5.0, 60.0, 9.0), "box (50, 5, 60, 9) lies outside the image of 40 x 30 pixels"),
    ((35.0, 5.0, 42.5, 9.0), "box (35, 5, 42.5, 9) reaches 2.5 pixels beyond the image of 40 x 30 pixels"),
    ((-1.5, 5.0, 8.0, 9.0), "box (-1.5, 5, 8, 9) reaches 1.5 pixels beyond the image of 40 x 30 pixels"),
    ((float("nan"), 5.0, 8.0, 9.0), "box (nan, 5, nan, 9) has a number that is not finite"),
    ((2.0, 5.0, float("inf"), 9.0), "has a number that is not finite"),
]


@pytest.mark.parametrize("write", [write_coco, write_voc, write_yolo])
@pytest.mark.parametrize(("box", "message"), FAULTS)
def test_a_faulty_box_is_left_out(
    write: Writer, box: tuple[float, float, float, float], message: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "cells", with_rows(GOOD, ("cell", *box), GOOD))
    [problem] = problems_of(folder)
    file, row = {
        write_coco: ("annotations/instances_train.json", "annotations[1], id 2"),
        write_voc: ("Annotations/one.xml", "object 2, cell"),
        write_yolo: ("labels/train/one.txt", "line 2"),
    }[write]
    assert (problem.file, problem.row) == (file, row)
    finite_only = "not finite" in message
    assert problem.message.endswith("has a number that is not finite") if finite_only else problem.message == message
    assert load(folder, size=40).train[0].boxes.tolist() == [[*GOOD[1:]]] * 2


def test_one_pixel_beyond_the_edge_is_rounding(tmp_path: Path) -> None:
    assert box_problem((-1, -0.5, 41, 31), 40, 30) is None
    assert box_problem((-1.01, 0, 40, 30), 40, 30) is not None
    assert box_problem((40, 2, 40.9, 9), 40, 30) == "box (40, 2, 40.9, 9) lies outside the image of 40 x 30 pixels"
    folder = write_voc(tmp_path / "cells", with_rows(("cell", 30, 20, 41, 31)))
    dataset = load(folder, size=40)
    assert dataset.train[0].boxes.tolist() == [[30, 20, 41, 31]]
    assert not dataset.problems


def edit_json(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder / "annotations" / "instances_train.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


COCO_ROWS = [
    ({"image_id": 9}, "image_id 9 is none of the images"),
    ({"category_id": 7}, "unknown class: category_id 7 is none of the categories"),
    ({"category_id": [0]}, "unknown class: category_id [0] is none of the categories"),
    ({"iscrowd": 1}, "iscrowd: outlines a crowd, not an object"),
    ({"bbox": [1, 2, 3]}, "bbox: expected [x, y, width, height], got [1, 2, 3]"),
    ({"bbox": [1, 2, 3, "4"]}, "bbox: expected [x, y, width, height], got [1, 2, 3, '4']"),
    ({"bbox": None}, "bbox: expected [x, y, width, height], got None"),
]


@pytest.mark.parametrize(("change", "message"), COCO_ROWS)
def test_coco_rows(change: dict[str, object], message: str, tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "cells", with_rows(GOOD, GOOD))
    edit_json(folder, lambda content: content["annotations"][1].update(change))
    assert listed(folder) == {("annotations/instances_train.json", "annotations[1], id 2", message)}


def test_coco_images_and_categories(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "cells", PAIR)

    def change(content: dict[str, Any]) -> None:
        content["images"] += [{"id": 1, "file_name": "two.png"}, {"id": 3, "file_name": "gone.png"}, {"id": 4}, 5]
        content["annotations"].append({"image_id": 3, "category_id": 0, "bbox": [1, 2, 3, 4]})
        content["categories"] += [{"id": 0, "name": "egg"}, {"id": 8, "name": "cell"}, {"name": "egg"}]

    edit_json(folder, change)
    messages = {row: message for file, row, message in listed(folder)}
    assert messages.pop("images[2]").startswith("image 'gone.png' is missing in the data set's folder")
    assert messages == {
        "images[1]": "image id 1 is taken by 'one.png'",
        "images[3]": "expected an id and a file_name, got 4 and None",
        "images[4]": "expected an object, got int 5",
        "categories[1]": "category id 0 is taken by 'cell'",
        "categories[2]": "category name 'cell' is taken",
        "categories[3]": "expected an integer as id and a name, got None and 'egg'",
    }


def test_coco_file_that_is_not_json(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "cells", PAIR)
    file = folder / "annotations" / "instances_train.json"
    file.write_text(file.read_text()[:50])
    with pytest.raises(
        DatasetError, match=r"(?s)cells: no images for training.*instances_train.json, whole file: is not r"
    ):
        load(folder)


def test_coco_file_that_names_no_part_beside_others_that_do(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "cells", PAIR)
    (folder / "annotations" / "instances_all.json").write_text('{"images": []}')
    message = "excluded: its name has neither train nor val, and others' names do"
    assert listed(folder) == {("annotations/instances_all.json", "whole file", message)}


VOC_TEXTS = [
    ("<name>cell</name>", "", "object 1", "unknown class: expected a name, got none"),
    (
        "<xmax>12.0</xmax>",
        "<xmax>wide</xmax>",
        "object 1",
        "bndbox: expected four numbers, got xmin '2.0', ymin '3.0', xmax 'wide', ymax '13.0'",
    ),
    (
        "<ymin>3.0</ymin>",
        "",
        "object 1",
        "bndbox: expected four numbers, got xmin '2.0', ymin '', xmax '12.0', ymax '13.0'",
    ),
    (
        "<width>40</width>",
        "<width>400</width>",
        "size of one.png",
        "expected 400 x 30 pixels as annotated, got an upright image of 40 x 30",
    ),
    ("</annotation>", "", "whole file", "is not readable as xml: no element found: line 6, column 0"),
]


@pytest.mark.parametrize(("old", "new", "row", "message"), VOC_TEXTS)
def test_voc_rows(old: str, new: str, row: str, message: str, tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", (*PAIR, Picture("three.png")))
    file = folder / "Annotations" / "one.xml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert listed(folder) == {("Annotations/one.xml", row, message)}


def test_an_entity_bomb_is_rejected(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", (*PAIR, Picture("three.png")))
    entities = "".join(f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 20))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "lol">{entities}]><annotation><filename>&e19;</filename></annotation>'
    (folder / "Annotations" / "one.xml").write_text(bomb)
    [problem] = problems_of(folder)
    assert (problem.file, problem.row) == ("Annotations/one.xml", "whole file")
    assert problem.message.startswith("is not readable as xml: EntitiesForbidden(name='e0'")


def test_voc_images_and_annotations_without_each_other(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", (*PAIR, Picture("three.png"), Picture("four.png")))
    (folder / "JPEGImages" / "three.png").unlink()
    (folder / "Annotations" / "four.xml").unlink()
    messages = {(file, row): message for file, row, message in listed(folder)}
    missing = messages.pop(("Annotations/three.xml", "whole file"))
    assert missing.startswith("image 'three.png' is missing, and no other image is named three")
    unlisted = "is in a list of ImageSets/Main, but there is no such file"
    assert messages == {("Annotations/four.xml", "whole file"): unlisted}
    for name in ("train.txt", "val.txt"):
        (folder / "ImageSets" / "Main" / name).unlink()
    with pytest.raises(DatasetError, match=r"JPEGImages/four\.png, whole file: image has no annotation file four\.xml"):
        load(folder)


YOLO_LINES = [
    ("0 .5 .5 .2", "expected class, center x, center y, width, height; got '0 .5 .5 .2'"),
    ("0 .5 .5 .2 .2 .9", "expected class, center x, center y, width, height; got '0 .5 .5 .2 .2 .9'"),
    ("0.5 .5 .5 .2 .2", "expected class, center x, center y, width, height; got '0.5 .5 .5 .2 .2'"),
    ("cell .5 .5 .2 .2", "expected class, center x, center y, width, height; got 'cell .5 .5 .2 .2'"),
    ("3 .5 .5 .2 .2", "unknown class 3: expected 0 to 0"),
    ("-1 .5 .5 .2 .2", "unknown class -1: expected 0 to 0"),
]


@pytest.mark.parametrize(("line", "message"), YOLO_LINES)
def test_yolo_rows(line: str, message: str, tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "cells", PAIR)
    with (folder / "labels" / "train" / "one.txt").open("a") as file:
        file.write(f"\n{line}\n")
    assert listed(folder) == {("labels/train/one.txt", "line 3", message)}


def test_yolo_files(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "cells", (*PAIR, Picture("three.png")))
    (folder / "labels" / "val" / "gone.txt").write_text("0 .5 .5 .2 .2\n")
    (folder / "labels" / "train" / "three.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cell, cell]\n")
    found = {file: (row, message) for file, row, message in listed(folder)}
    assert found["labels/train/three.txt"][1].startswith("excluded with its image: is not readable as text: ")
    assert found["labels/val/gone.txt"] == ("whole file", "labels without an image gone")
    assert found["data.yaml"] == ("class 1", "class name 'cell' is taken")
    assert len(found) == 3
    assert "three.png" not in {sample.name for sample in load(folder).train}


def test_yolo_settings_that_are_broken_or_name_nothing(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "cells", PAIR)
    (folder / "data.yaml").write_text("names: [cell\n")
    assert {(file, row) for file, row, _ in listed(folder)} == {("data.yaml", "whole file")}
    (folder / "data.yaml").write_text("train: images/train\nval: elsewhere\nnames: [cell]\n")
    with pytest.raises(
        DatasetError, match=r"(?s)no images for validation.*data\.yaml, validation: expected a folder or a list"
    ):
        load(folder)


def test_an_image_in_two_lists_is_only_trained_on(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", (*PAIR, Picture("three.png", "test")))
    lists = folder / "ImageSets" / "Main"
    (lists / "train.txt").write_text("one\nthree\n")
    (lists / "val.txt").write_text("one\ntwo\n")
    dataset = load(folder)
    assert [[sample.name for sample in side] for side in (dataset.train, dataset.validation)] == [
        ["one.png"],
        ["two.png"],
    ]
    assert {(problem.file, problem.message) for problem in dataset.problems} == {
        ("JPEGImages/one.png", "image in validation is already in train; used there only"),
        ("JPEGImages/three.png", "image in train is already in test; used there only"),
    }


def test_test_images_only(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no images for training"):
        load(write_yolo(tmp_path / "cells", (Picture("one.png", "test"),)))


@pytest.mark.parametrize(("part", "purpose"), [("train", "training"), ("val", "validation")])
def test_a_side_without_boxes(part: str, purpose: str, tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", with_rows(("cell", 5, 5, 5, 5), part=part))
    with pytest.raises(DatasetError, match=rf"(?s)cells: no boxes for {purpose}\. .*Problems found: 1.* has no area"):
        load(folder)
