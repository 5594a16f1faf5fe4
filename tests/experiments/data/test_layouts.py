"""Layouts of data sets: every documented one is read as intended, errors of others list their contents."""

from pathlib import Path

import pytest

from detloss.experiments.data.dataset import Dataset, DatasetError, load
from tests.support.dataset_layouts import (
    ALIKE,
    DIVIDED,
    NAMES,
    PICTURES,
    UNDIVIDED,
    Writer,
    voc,
    write,
    yolo,
)
from tests.support.datasets import Picture, voc_text


def shown(dataset: Dataset) -> list[list[tuple[str, str, list[float]]]]:
    """Names, classes and boxes of the two sides."""
    return [
        [
            (sample.name, dataset.class_names[label], box)
            for sample in side
            for label, box in zip(sample.labels, sample.boxes.round(3).tolist())
        ]
        for side in (dataset.train, dataset.validation)
    ]


FIRST, SECOND = ([(picture.name, picture.rows[0][0], [*picture.rows[0][1:]])] for picture in PICTURES)


@pytest.mark.parametrize("layout", [*UNDIVIDED, *DIVIDED])
def test_a_layout_is_read(layout: str, tmp_path: Path) -> None:
    (UNDIVIDED | DIVIDED)[layout](tmp_path)
    dataset = load(tmp_path, size=40)
    assert shown(dataset) == ([FIRST, SECOND] if layout in UNDIVIDED else [SECOND, FIRST])
    assert dataset.class_names == tuple(NAMES)
    assert not dataset.problems
    assert dataset.split.startswith("Every fifth" if layout in UNDIVIDED else "By the data set's own ")


def test_the_page_lists_every_layout(tmp_path: Path) -> None:
    """Blocks of the page and layouts correspond, except for layouts that differ only in names."""
    layouts = set()
    for number, (name, make) in enumerate((UNDIVIDED | DIVIDED).items()):
        make(tmp_path / str(number))
        if name not in ALIKE:
            layouts.add(listed(tmp_path / str(number)))
    page = (Path(__file__).parents[3] / "docs" / "data.rst").read_text(encoding="utf-8")
    blocks = [block.split("\n\n")[0] for block in page.split(".. code-block:: text\n\n")[1:]]
    assert {frozenset(line.strip() for line in block.splitlines()) for block in blocks} == layouts


def listed(folder: Path) -> frozenset[str]:
    """The paths of its files, the names of images and of their annotations as * and the images as jpg."""
    own = {picture.name[0] for picture in PICTURES} | {"t"}
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    stars = [path.with_name(f"*{path.suffix}") if path.stem in own else path for path in paths]
    return frozenset(path.as_posix().replace(".png", ".jpg") for path in stars)


def error_of(folder: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        load(folder, size=40)
    return str(caught.value)


def problems_of(folder: Path) -> dict[tuple[str, str], str]:
    return {(problem.file, problem.row): problem.message for problem in load(folder, size=40).problems}


@pytest.mark.parametrize(
    "hidden", [".git/a.xml", "__MACOSX/a.json", "plots/confusion.png", "notes.txt", "pom.xml", "a.json"]
)
def test_other_files_lie_about(hidden: str, tmp_path: Path) -> None:
    UNDIVIDED["yolo: images, labels"](tmp_path)
    write(tmp_path, {hidden: "<annotation></annotation>" if hidden.startswith(".git") else "<project>"})
    if hidden == "a.json":
        write(tmp_path, {hidden: '{"images": 3}'})
    if hidden.startswith("__"):
        write(tmp_path, {hidden: '{"images": [], "annotations": []}'})
    dataset = load(tmp_path, size=40)
    assert shown(dataset) == [FIRST, SECOND]
    assert not dataset.problems


def test_other_images_lie_about(tmp_path: Path) -> None:
    voc(tmp_path, xml="annotations", images="images")
    Picture("curve.png").write(tmp_path / "plots")
    assert shown(load(tmp_path, size=40)) == [FIRST, SECOND]
    assert not problems_of(tmp_path)


def test_classes_without_names_are_numbered(tmp_path: Path) -> None:
    yolo(tmp_path, labels="labels", images="images")
    (tmp_path / "labels" / "a.txt").write_text("10 .5 .5 .2 .2\n2 .5 .5 .2 .2\n")
    assert load(tmp_path).class_names == ("class 1", "class 2", "class 10")


def test_images_of_the_same_name_in_several_folders(tmp_path: Path) -> None:
    for camera in ("1", "2"):
        voc(tmp_path, xml=f"Annotations/cam{camera}", images=f"JPEGImages/cam{camera}")
    (tmp_path / "JPEGImages" / "cam2" / "a.png").unlink()
    assert shown(load(tmp_path, size=40)) == [FIRST, SECOND * 2]
    missing = "image 'a.png' is missing, and no other image is named a"
    assert problems_of(tmp_path) == {("Annotations/cam2/a.xml", "whole file"): missing}


def test_an_image_of_another_part_is_not_taken(tmp_path: Path) -> None:
    DIVIDED["voc: annotations/train, images/train"](tmp_path)
    voc(tmp_path, xml="annotations/train", images="images/train")
    (tmp_path / "images" / "train" / "a.png").unlink()
    (tmp_path / "annotations" / "val" / "a.xml").rename(tmp_path / "annotations" / "val" / "e.xml")
    missing = "image 'a.png' is missing, and no other image is named a"
    assert problems_of(tmp_path) == {("annotations/train/a.xml", "whole file"): missing}


def test_of_several_images_the_named_one_is_taken(tmp_path: Path) -> None:
    voc(tmp_path, xml="annotations", images="images")
    PICTURES[0].write(tmp_path / "masks")
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    dataset = load(tmp_path, size=40)
    assert shown(dataset) == [FIRST, SECOND]
    text = voc_text(PICTURES[0]).replace("a.png", "")
    write(tmp_path, {"annotations/a.xml": text})
    found = error_of(tmp_path)
    assert "annotations/a.xml, whole file: expected one image named a, found 2: images/a.jpg, images/a.png" in found


def test_ambiguous_names_in_coco_and_in_lists(tmp_path: Path) -> None:
    UNDIVIDED["coco: one file, images"](tmp_path / "coco")
    for folder in ("x", "y"):
        PICTURES[0].write(tmp_path / "coco" / folder)
        Picture("c.png").write(tmp_path / "yolo" / folder)
    (tmp_path / "coco" / "images" / "a.png").unlink()
    message = "cells.json, images[0]: image 'a.png': 2 images have this name: x/a.png, y/a.png"
    assert message in error_of(tmp_path / "coco")
    DIVIDED["yolo: lists"](tmp_path / "yolo")
    write(tmp_path / "yolo", {"train.txt": "images/b.png\nc.png\nz.png\n"})
    assert problems_of(tmp_path / "yolo") == {
        ("train.txt", "line 2"): "image 'c.png' is the name of several: x/c.png, y/c.png",
        ("train.txt", "line 3"): "image 'z.png' is missing",
    }


def test_the_nearest_of_several_images_is_taken(tmp_path: Path) -> None:
    other = Picture("a.png", size=(30, 40))
    for layout in ("voc: LabelImg", "coco: beside the images"):
        UNDIVIDED[layout](tmp_path / layout)
        other.write(tmp_path / layout / "images")
        assert shown(load(tmp_path / layout, size=40)) == [FIRST, SECOND]
    UNDIVIDED["yolo: LabelImg"](tmp_path / "yolo")
    other.write(tmp_path / "yolo" / "images")
    assert "images without a label file are kept as empty (1)" in load(tmp_path / "yolo").split
    DIVIDED["coco: images/train"](tmp_path / "parts")
    other.write(tmp_path / "parts" / "images")
    assert shown(load(tmp_path / "parts", size=40)) == [SECOND, FIRST]


def test_a_folder_that_is_named_has_to_be_the_one(tmp_path: Path) -> None:
    UNDIVIDED["coco: one file, images"](tmp_path)
    (tmp_path / "images").rename(tmp_path / "camera 1")
    file = tmp_path / "cells.json"
    file.write_text(file.read_text().replace("a.png", "camera 1/a.png").replace("b.png", "camera 2/b.png"))
    assert "images[1]: image 'camera 2/b.png' is missing in the data set's folder" in error_of(tmp_path)
    file.write_text(file.read_text().replace("camera 2/b.png", "camera 1/b.png"))
    assert shown(load(tmp_path, size=40)) == [FIRST, SECOND]


def test_a_path_outside_the_folder_is_not_found_by_its_last_part(tmp_path: Path) -> None:
    DIVIDED["yolo: images/train, labels/train"](tmp_path)
    write(tmp_path, {"data.yaml": "train: images/train\nval: /elsewhere/images\nnames: [cell, egg]\n"})
    assert "data.yaml, validation: expected a folder or a list of images in the data set's folder" in error_of(tmp_path)
    write(tmp_path, {"data.yaml": "train: images/train\nval: /elsewhere/eggs/images/val\nnames: [cell, egg]\n"})
    assert shown(load(tmp_path, size=40)) == [SECOND, FIRST]


@pytest.mark.parametrize("layout", ["voc: LabelImg", "coco: one file, images", "yolo: LabelImg"])
def test_two_data_sets_side_by_side(layout: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        UNDIVIDED[layout](tmp_path / name)
        assert shown(load(tmp_path / name, size=40)) == [FIRST, SECOND]
    assert "expected one data set, found 2; give the folder or file of one of them\n" in error_of(tmp_path)
    UNDIVIDED[layout](tmp_path / "deeper" / "down")
    assert "found 2" in error_of(tmp_path)


def test_two_label_files_for_one_image(tmp_path: Path) -> None:
    UNDIVIDED["yolo: images, labels"](tmp_path)
    write(tmp_path, {"images/a.txt": "a caption\n"})
    assert shown(load(tmp_path, size=40)) == [FIRST, SECOND]
    yolo(tmp_path, labels="old labels", images="images")
    (tmp_path / "labels").rename(tmp_path / "new labels")
    message = "images/b.png, whole file: expected one label file, found 2: new labels/b.txt, old labels/b.txt"
    assert message in error_of(tmp_path)


def test_images_of_no_part_beside_others(tmp_path: Path) -> None:
    DIVIDED["yolo: images/train, labels/train"](tmp_path)
    Picture("c.png").write(tmp_path / "images")
    message = "excluded: its folder names neither train nor val, and others' do"
    assert [sample.name for sample in load(tmp_path).train] == ["b.png"]
    assert problems_of(tmp_path) == {("images/c.png", "whole file"): message}


def test_the_same_images_to_train_and_to_validate_on(tmp_path: Path) -> None:
    UNDIVIDED["yolo: CVAT, Ultralytics"](tmp_path)
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/train\nnames: [cell, egg]\n")
    dataset = load(tmp_path, size=40)
    assert shown(dataset) == [FIRST, SECOND]
    assert dataset.split.endswith("data.yaml has the same images for train and val, so a new split was made.")


def test_class_names_that_differ(tmp_path: Path) -> None:
    DIVIDED["yolo: Roboflow, Darknet"](tmp_path)
    write(tmp_path, {"valid/_darknet.labels": "egg\ncell\n"})
    found = r"expected one list of class names, found train/_darknet\.labels and valid/_darknet\.labels, which differ"
    with pytest.raises(DatasetError, match=found):
        load(tmp_path)


def test_an_invalid_class_name_keeps_its_number(tmp_path: Path) -> None:
    UNDIVIDED["yolo: images, labels"](tmp_path)
    (tmp_path / "data.yaml").write_text("names: [[cell], egg]\n")
    (tmp_path / "labels" / "a.txt").write_text("1 .5 .5 .2 .2\n")
    dataset = load(tmp_path)
    assert dataset.class_names == ("egg",)
    assert [sample.labels.tolist() for sample in (*dataset.train, *dataset.validation)] == [[0], [0]]
    assert problems_of(tmp_path) == {("data.yaml", "class 0"): "expected an integer and a name, got 0 and a list"}


def test_json_and_yaml_by_their_own_paths(tmp_path: Path) -> None:
    UNDIVIDED["coco: CVAT"](tmp_path / "coco")
    assert shown(load(tmp_path / "coco" / "annotations" / "instances_default.json", size=40)) == [FIRST, SECOND]
    DIVIDED["yolo: Roboflow"](tmp_path / "yolo")
    assert shown(load(tmp_path / "yolo" / "data.yaml", size=40)) == [SECOND, FIRST]


def nothing(folder: Path) -> None:
    pass


def only_images(folder: Path) -> None:
    for picture in PICTURES:
        picture.write(folder / "images")


def other_formats(folder: Path) -> None:
    only_images(folder)
    write(folder, {"cvat.xml": "<annotations></annotations>", "a.json": "{}", "notes.txt": "hello", "b.csv": "a,b"})


def xml_alone(folder: Path) -> None:
    voc(folder, xml="annotations", images="images")
    for picture in PICTURES:
        (folder / "images" / picture.name).unlink()


def labels_alone(folder: Path) -> None:
    UNDIVIDED["yolo: CVAT 1.1"](folder)
    for file in [*folder.rglob("*.png"), folder / "train.txt"]:
        file.unlink()


def one_side(folder: Path) -> None:
    UNDIVIDED["voc: LabelImg"](folder)
    (folder / "b.xml").unlink()
    (folder / "b.png").unlink()


UNREADABLE = [
    (
        nothing,
        "no data set found. It has: no files\n  It has no images: put them into images/ in it.\nSupported layouts:\n",
    ),
    (
        only_images,
        "no data set found. It has:\n  images: 2 .png\n  There are images, but no annotations.\nSupported layouts:\n",
    ),
    (other_formats, "It has:\n  .: 1 .json, 1 .csv, 1 .xml, 1 .txt\n  images: 2 .png\n"),
    (other_formats, '\n  a.json is no COCO json: expected lists "images" and "annotations" in it\n'),
    (other_formats, "\n  cvat.xml is no Pascal VOC xml: expected <annotation> as its root\n"),
    (other_formats, "\n  notes.txt is no YOLO txt: expected rows of class, center x, center y, width, height\n"),
    (xml_alone, "no images for training. It was read as Pascal VOC xml and has:\n  annotations: 2 .xml\n  It has no "),
    (xml_alone, "Problems found: 2\n  annotations/a.xml, whole file: image 'a.png' is missing, and no other image is "),
    (labels_alone, "It was read as YOLO txt and has:\n  .: 1 .data, 1 .names\n  obj_train_data: 2 .txt\n  It has no "),
    (
        one_side,
        "no images for validation. Found 1 annotated images with 1 boxes, and 0 test images. Every fifth image ",
    ),
    (one_side, "(crc32 of its file name divisible by 5): add images, or divide them into folders train and val"),
]


@pytest.mark.parametrize(("make", "expected"), UNREADABLE)
def test_errors_of_unreadable_folders_list_their_contents(make: Writer, expected: str, tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    make(tmp_path / "cells")
    assert expected in error_of(tmp_path / "cells")


def test_annotation_files_without_image_folders(tmp_path: Path) -> None:
    UNDIVIDED["voc: annotations, images"](tmp_path)
    assert "It has no images: images/ is beside it: give the folder that has both." in error_of(
        tmp_path / "annotations"
    )
