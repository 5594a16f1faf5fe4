"""The three formats: recognized, read to equal data sets, divided as their files specify."""

import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detloss.experiments.data.dataset import Dataset, DatasetError, load
from tests.support.datasets import (
    PAIR,
    Picture,
    coco_content,
    voc_text,
    with_rows,
    write_coco,
    write_voc,
    write_yolo,
)

Writer = Callable[[Path, tuple[Picture, ...]], Path]
WRITERS = (write_coco, write_voc, write_yolo)
each_format = pytest.mark.parametrize("write", WRITERS)


def shown(dataset: Dataset) -> dict[str, list[tuple[object, ...]]]:
    """A data set as plain values, its boxes to a thousandth of a pixel."""
    return {
        part: [
            (
                sample.name,
                sample.image.tobytes(),
                [dataset.class_names[label] for label in sample.labels],
                sample.boxes.round(3).tolist(),
            )
            for sample in samples
        ]
        for part, samples in (("train", dataset.train), ("validation", dataset.validation))
    }


def random_pictures(random: np.random.Generator) -> tuple[Picture, ...]:
    names = ["Zelle", "cell", "赤血球", "a & b"]
    pictures = []
    for number in range(12):
        width, height = map(int, random.integers(20, 90, size=2))
        rows = []
        for _ in range(random.integers(0 if number > 3 else 1, 6)):
            x1, y1 = int(random.integers(width - 1)), int(random.integers(height - 1))
            x2, y2 = int(random.integers(x1 + 1, width + 1)), int(random.integers(y1 + 1, height + 1))
            rows.append((str(random.choice(names)), float(x1), float(y1), float(x2), float(y2)))
        part = ("train", "val", "test")[number % 3]
        shade = int(random.integers(256))
        pictures.append(Picture(f"картинка {number}.png", part, tuple(rows), (width, height), shade))
    return tuple(pictures)


def test_a_random_data_set_is_equal_in_all_formats(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    pictures = random_pictures(random)
    size = int(random.integers(16, 200))
    coco, voc, yolo = (load(write(tmp_path / write.__name__, pictures), size=size) for write in WRITERS)
    assert shown(coco) == shown(voc) == shown(yolo)
    assert not coco.problems + voc.problems + yolo.problems
    wanted = {part: [picture for picture in pictures if picture.part == part] for part in ("train", "val")}
    for samples, sources in ((coco.train, wanted["train"]), (coco.validation, wanted["val"])):
        by_name = {sample.name: sample for sample in samples}
        assert set(by_name) == {picture.name for picture in sources}
        for picture in sources:
            sample = by_name[picture.name]
            height, width = sample.image.shape[:2]
            assert max(height, width) == size
            scale = np.array([width, height] * 2) / np.array(picture.size * 2)
            boxes = np.array([row[1:] for row in picture.rows]).reshape(-1, 4) * scale
            np.testing.assert_allclose(sample.boxes, boxes, rtol=1e-6, atol=1e-6)


@each_format
def test_types_shapes_and_the_default_size(write: Writer, tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "cells", PAIR))
    [sample] = dataset.train
    assert (dataset.name, dataset.class_names) == ("cells", ("cell",))
    assert (sample.image.shape, sample.image.dtype) == ((120, 160, 3), np.uint8)
    assert (sample.boxes.dtype, sample.labels.dtype) == (np.float32, np.int64)
    assert sample.boxes.tolist() == [[8, 12, 48, 52]]
    assert sample.labels.tolist() == [0]


@each_format
def test_an_image_without_objects_is_kept(write: Writer, tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "cells", (*PAIR, Picture("empty.png", rows=()))))
    empty = next(sample for sample in dataset.train if sample.name == "empty.png")
    assert (empty.boxes.shape, empty.labels.shape) == ((0, 4), (0,))


@each_format
def test_own_split_and_untouched_test(write: Writer, tmp_path: Path) -> None:
    folder = write(tmp_path / "cells", (*PAIR, Picture("three.png", "test")))
    dataset = load(folder)
    assert [sample.name for sample in dataset.train] == ["one.png"]
    assert [sample.name for sample in dataset.validation] == ["two.png"]
    assert dataset.split.startswith("By the data set's own ")
    assert "1 images with 1 boxes for training, 1 images with 1 boxes for validation; 1 test images" in dataset.split


@each_format
def test_without_an_own_split_every_fifth_image_is_for_validation(write: Writer, tmp_path: Path, seed: int) -> None:
    names = [f"{seed}-{number}.png" for number in range(60)]
    everything = tuple(Picture(name) for name in names)
    dataset = load(write(tmp_path / "cells", (*everything, Picture("apart.png", "test"))), size=8)
    validation = {name for name in names if zlib.crc32(name.encode()) % 5 == 0}
    assert {sample.name for sample in dataset.validation} == validation
    assert {sample.name for sample in dataset.train} == set(names) - validation
    assert dataset.split.startswith("Every fifth image is for validation (crc32 of its file name divisible by 5)")


@each_format
def test_one_folder_deep(write: Writer, tmp_path: Path) -> None:
    write(tmp_path / "cells" / "inside", PAIR)
    (tmp_path / "cells" / "README.md").write_text("about cells")
    assert len(load(tmp_path / "cells").train) == 1


@pytest.mark.parametrize("write", [write_voc, write_yolo])
def test_windows_line_ends(write: Callable[..., Path], tmp_path: Path) -> None:
    unix, windows = (load(write(tmp_path / str(number), PAIR, end)) for number, end in enumerate(("\n", "\r\n")))
    assert shown(unix) == shown(windows)
    assert not windows.problems


def test_coco_by_file_and_by_folders_of_parts(tmp_path: Path) -> None:
    for picture, part in zip(PAIR, ("train", "valid")):
        picture.write(tmp_path / part)
        file = tmp_path / part / "_annotations.coco.json"
        file.write_text(json.dumps(coco_content([picture], ["cell"])))
    assert "train/_annotations.coco.json and valid/_annotations.coco.json" in load(tmp_path).split
    pictures = [Picture(f"{number}.png") for number in range(20)]
    for picture in pictures:
        picture.write(tmp_path / "single" / "images")
    file = tmp_path / "single" / "cells.json"
    file.write_text(json.dumps(coco_content(pictures, ["cell"])))
    assert shown(load(file)) == shown(load(tmp_path / "single"))


def test_coco_classes_of_two_files_are_joined_by_name(tmp_path: Path) -> None:
    pictures = with_rows(("egg", 1, 1, 9, 9), part="val")
    folder = write_coco(tmp_path / "cells", pictures)
    for picture, names in zip(pictures, (["cell"], ["egg"])):
        file = folder / "annotations" / f"instances_{picture.part}.json"
        file.write_text(json.dumps(coco_content([picture], names)))
    dataset = load(folder)
    assert dataset.class_names == ("cell", "egg")
    assert dataset.validation[0].labels.tolist() == [1]


def test_captions_beside_instances_are_not_read(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "cells", PAIR)
    (folder / "annotations" / "captions_train.json").write_text('{"images": [], "annotations": [{"caption": "a"}]}')
    assert not load(folder).problems


@pytest.mark.parametrize("places", [("", ""), ("train", "valid")])
def test_voc_beside_its_images(places: tuple[str, str], tmp_path: Path) -> None:
    pictures = [*PAIR] if any(places) else [Picture(f"{number}.png") for number in range(20)]
    for number, picture in enumerate(pictures):
        folder = tmp_path / places[number % 2]
        picture.write(folder)
        (folder / picture.name).with_suffix(".xml").write_text(voc_text(picture))
    dataset = load(tmp_path)
    assert len(dataset.train) + len(dataset.validation) == len(pictures)
    assert dataset.split.startswith("By the data set's own folders train and valid" if any(places) else "Every fifth")


def test_voc_finds_a_renamed_image_and_by_file_name(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", PAIR)
    (folder / "Annotations" / "two.xml").write_text(voc_text(Picture("C:\\photos\\other.png")))
    (folder / "JPEGImages" / "two.png").rename(folder / "JPEGImages" / "other.png")
    (folder / "Annotations" / "one.xml").write_text(voc_text(Picture("stale.png")))
    dataset = load(folder)
    assert [sample.name for sample in dataset.train + dataset.validation] == ["one.png", "other.png"]
    assert not dataset.problems


def test_difficult_objects_are_kept_and_counted(tmp_path: Path) -> None:
    folder = write_voc(tmp_path / "cells", PAIR)
    file = folder / "Annotations" / "one.xml"
    file.write_text(file.read_text().replace("<difficult>0", "<difficult>1"))
    dataset = load(folder)
    assert len(dataset.train[0].boxes) == 1
    assert "objects marked difficult are kept (1)" in dataset.split


def move_yolo(folder: Path, layout: str) -> Path:
    """Convert the output of `write_yolo` to another common layout."""
    if layout != "data.yaml":
        (folder / "data.yaml").unlink()
    if layout == "parts outside":
        for part in ("train", "val"):
            (folder / part).mkdir()
            for kind in ("images", "labels"):
                (folder / kind / part).rename(folder / part / kind)
        (folder / "data.yaml").write_text("train: ../train/images\nval: ../val/images\nnames:\n  0: cell\n")
    if layout in ("beside", "lists"):
        for place in sorted(folder.glob("*/*")):
            for file in place.iterdir():
                file.rename(folder / file.name)
        (folder / "classes.txt").write_text("cell\n")
    if layout == "lists":
        (folder / "train.txt").write_text("one.png\n")
        (folder / "val.txt").write_text("data/two.png\n")
    return folder


@pytest.mark.parametrize("layout", ["data.yaml", "folders", "parts outside", "lists"])
def test_yolo_layouts(layout: str, tmp_path: Path) -> None:
    dataset = load(move_yolo(write_yolo(tmp_path / "cells", PAIR), layout))
    assert [[sample.name for sample in side] for side in (dataset.train, dataset.validation)] == [
        ["one.png"],
        ["two.png"],
    ]
    assert dataset.class_names == (("class 0",) if layout == "folders" else ("cell",))
    assert dataset.train[0].boxes.tolist() == [[8, 12, 48, 52]]
    assert not dataset.problems


def test_yolo_labels_beside_images_and_a_named_settings_file(tmp_path: Path) -> None:
    pictures = tuple(Picture(f"{number}.png") for number in range(20))
    beside = load(move_yolo(write_yolo(tmp_path / "beside", pictures), "beside"))
    assert (len(beside.train) + len(beside.validation), beside.class_names) == (20, ("cell",))
    folder = write_yolo(tmp_path / "cells", PAIR)
    shutil.copy(folder / "data.yaml", folder / "other.yaml")
    assert shown(load(folder / "other.yaml"))["train"]
    with pytest.raises(
        DatasetError, match=r"expected one file of settings, found data\.yaml, other\.yaml; give one of them"
    ):
        load(folder)


def test_yolo_class_names_are_text(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "cells", PAIR)
    settings = folder / "data.yaml"
    settings.write_text("train: [images/train]\nval: images/val\nnames: [no]\n")
    assert load(folder).class_names == ("no",)


def test_yolo_image_without_label_file_is_empty_and_counted(tmp_path: Path) -> None:
    folder = write_yolo(tmp_path / "cells", (*PAIR, Picture("three.png")))
    (folder / "labels" / "train" / "three.txt").unlink()
    dataset = load(folder)
    assert [len(sample.boxes) for sample in dataset.train] == [1, 0]
    assert "images without a label file are kept as empty (1)" in dataset.split


def test_missing_or_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nowhere: there is no such file or folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"(?s)no data set found.*COCO json: .*Pascal VOC xml: .*YOLO txt: "):
        load(tmp_path)
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(
        DatasetError, match=r"expected a folder, a COCO json file or YOLO's data.yaml, .* ends in \.png"
    ):
        load(tmp_path / "photo.png")


def test_two_data_sets_at_once(tmp_path: Path) -> None:
    write_coco(tmp_path, PAIR)
    write_voc(tmp_path, PAIR)
    with pytest.raises(DatasetError, match=r"(?s)expected one data set, found 2; give .*instances_train.*one\.xml"):
        load(tmp_path)


def test_sizes_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"size: expected at least one pixel, got 0"):
        load(write_coco(tmp_path / "cells", PAIR), size=0)
    with pytest.raises(DatasetError, match=r"size: expected none for generated scenes, whose size is fixed, got 96"):
        load(None, size=96)
