"""Untrusted data: nothing outside of the folder is read, and no file or name stops a reader."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from detloss.experiments.data.dataset import DatasetError, load
from tests.support.dataset_layouts import (
    DIVIDED,
    UNDIVIDED,
    voc,
    write,
)
from tests.support.datasets import Picture, voc_text

SECONDS = 60


@pytest.fixture(autouse=True)
def _no_endless_reading() -> Iterator[None]:
    """Ends a test that waits for a pipe or reads for ever."""
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)


def problems_of(folder: Path) -> dict[tuple[str, str], str]:
    return {(problem.file, problem.row): problem.message for problem in load(folder, size=40).problems}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the data set, with images that it must not read."""
    Picture("private.png").write(tmp_path / "outside" / "images")
    return tmp_path / "outside" / "images"


@pytest.mark.parametrize("written", ["{outside}/private.png", "../outside/images/private.png", "../../private.png"])
def test_no_name_in_coco_leads_outside_the_folder(written: str, outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    UNDIVIDED["coco: one file, images"](folder)
    content = json.loads((folder / "cells.json").read_text())
    written = written.format(outside=outside)
    content["images"].append({"id": 9, "file_name": written})
    (folder / "cells.json").write_text(json.dumps(content))
    assert problems_of(folder) == {
        ("cells.json", "images[2]"): f"image {written!r} is missing in the data set's folder"
    }


@pytest.mark.parametrize("written", ["{outside}", "../outside/images", "/", "..", "{outside}/private.png"])
def test_no_path_in_a_yaml_leads_outside_the_folder(written: str, outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    DIVIDED["yolo: Roboflow"](folder)
    written = written.format(outside=outside)
    (folder / "data.yaml").write_text(f"train: train/images\nval: {written}\nnames: [cell, egg]\n")
    with pytest.raises(DatasetError) as caught:
        load(folder)
    expected = f"data.yaml, validation: expected a folder or a list of images in the data set's folder, got {written!r}"
    assert expected in str(caught.value)
    (folder / "data.yaml").write_text(f"path: {outside.parent}\ntrain: images\nval: images\nnames: [cell, egg]\n")
    assert "private.png" not in {sample.name for sample in load(folder).train}


def test_no_list_and_no_xml_leads_outside_the_folder(outside: Path, tmp_path: Path) -> None:
    UNDIVIDED["yolo: LabelImg"](tmp_path / "yolo")
    line = f"{outside}/private.png"
    write(tmp_path / "yolo", {"train.txt": f"a.png\nb.png\n{line}\n"})
    assert problems_of(tmp_path / "yolo") == {("train.txt", "line 3"): f"image {line!r} is missing"}
    voc(tmp_path / "voc", xml="annotations", images="images")
    text = voc_text(Picture("../../outside/images/private.png")).replace("<size>", f"<path>{line}</path><size>")
    write(tmp_path / "voc", {"annotations/c.xml": text})
    missing = "image 'private.png' is missing, and no other image is named c"
    assert problems_of(tmp_path / "voc") == {("annotations/c.xml", "whole file"): missing}


@pytest.mark.parametrize("line", ["{outside}/c", "../outside/images/c", "no/such/folder/c", "c\0", "/"])
def test_no_list_of_voc_leads_outside_the_folder(line: str, outside: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    DIVIDED["voc: Annotations, JPEGImages, lists"](folder)
    write(outside, {"c.xml": voc_text(Picture("private.png"))})
    write(folder, {"ImageSets/Main/train.txt": f"b\n{line.format(outside=outside)}\n"})
    [((file, row), message)] = problems_of(folder).items()
    assert Path(file).parent == Path("Annotations")
    assert (row, message) == ("whole file", "is in a list of ImageSets/Main, but there is no such file")


@pytest.mark.parametrize("layout", ["voc: annotations, images", "coco: one file, images", "yolo: images, labels"])
def test_pipes_folders_devices_and_loops_are_ignored(layout: str, tmp_path: Path) -> None:
    UNDIVIDED[layout](tmp_path)
    for place in ("pipe.json", "pipe.yaml", "pipe.xml", "pipe.txt", "labels.txt", "images/pipe.txt", "images/pipe.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / place)
    for place in ("folder.json", "data.yaml", "folder.xml", "folder.txt", "images/folder.png"):
        (tmp_path / place).mkdir()
    (tmp_path / "device.json").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "root").symlink_to("/")
    (tmp_path / "parent").symlink_to(tmp_path.parent)
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "images" / "loop.png").symlink_to("loop.png")
    (tmp_path / "images" / "gone.png").symlink_to("nowhere.png")
    dataset = load(tmp_path, size=40)
    assert [len(dataset.train), len(dataset.validation)] == [1, 1]
    names = {"pipe.png", "loop.png", "gone.png"}
    found = {Path(problem.file).name: problem.message for problem in dataset.problems}
    if layout.startswith("coco"):
        assert not found
    elif layout.startswith("voc"):
        assert found == {name: f"image has no annotation file {name.replace('png', 'xml')}" for name in names}
    else:
        assert found == dict.fromkeys(names, "image is not a regular file")


def sparse(file: Path, size: int) -> None:
    file.touch()
    os.truncate(file, size)


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    voc(tmp_path / "voc", xml="annotations", images="images")
    for name in ("annotations/c.xml", "more.json", "data.yaml"):
        sparse(tmp_path / "voc" / name, 2**40)
    message = "is not readable as xml: expected at most 67108864 bytes, got 1099511627776"
    assert problems_of(tmp_path / "voc") == {("annotations/c.xml", "whole file"): message}
    UNDIVIDED["yolo: LabelImg"](tmp_path / "yolo")
    Picture("c.png").write(tmp_path / "yolo")
    sparse(tmp_path / "yolo" / "c.txt", 2**40)
    message = "excluded with its image: is not readable as text: expected at most 67108864 bytes, got 1099511627776"
    assert problems_of(tmp_path / "yolo") == {("c.txt", "whole file"): message}
    UNDIVIDED["yolo: images, labels"](tmp_path / "settings")
    (tmp_path / "settings" / "data.yaml").write_text(f"names: [cell, egg]  # {'x' * 2**18}")
    message = "is not readable as yaml: expected at most 262144 bytes, got 262166"
    assert problems_of(tmp_path / "settings") == {("data.yaml", "whole file"): message}
    (tmp_path / "coco").mkdir()
    sparse(tmp_path / "coco" / "instances_train.json", 2**40)
    with pytest.raises(
        DatasetError, match=r"is not readable as json: expected at most 4294967296 bytes, got 1099511627"
    ):
        load(tmp_path / "coco")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DatasetError, match=r"is not readable as json: it is missing or not a regular file"):
        load(tmp_path / "pipe.json")


@pytest.mark.parametrize("names", ["names: {0: *a12, 1: egg}", "names: [*a12, egg]", "names: *a12\ntrain: *a12"])
def test_aliases_in_a_yaml_are_not_expanded(names: str, tmp_path: Path) -> None:
    UNDIVIDED["yolo: images, labels"](tmp_path)
    levels = [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 13)]
    write(tmp_path, {"data.yaml": "\n".join(["a0: &a0 [x]", *levels, names])})
    with pytest.raises(DatasetError) as caught:
        load(tmp_path)
    assert "data.yaml, class 0: expected an integer and a name, got 0 and a list" in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("key", ["train", "val"])
def test_a_long_path(key: str, tmp_path: Path) -> None:
    DIVIDED["yolo: Roboflow"](tmp_path)
    settings = {"train": "train/images", "val": "valid/images", "names": "[cell, egg]"} | {key: "x" * 5000}
    write(tmp_path, {"data.yaml": "".join(f"{name}: {value}\n" for name, value in settings.items())})
    with pytest.raises(DatasetError) as caught:
        load(tmp_path)
    assert f"expected a folder or a list of images in the data set's folder, got '{'x' * 199}" in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("layout", ["coco: one file, images", "yolo: images, labels"])
def test_many_class_names_take_no_quadratic_time(layout: str, tmp_path: Path) -> None:
    UNDIVIDED[layout](tmp_path)
    count = 100_000
    if layout.startswith("coco"):
        content = json.loads((tmp_path / "cells.json").read_text())
        content["categories"] += [{"id": 1000 + number, "name": f"class {number}"} for number in range(count)]
        (tmp_path / "cells.json").write_text(json.dumps(content))
    else:
        names = ["cell", "egg", *(f"class {number}" for number in range(count))]
        write(tmp_path, {"classes.txt": "\n".join(names)})
    assert len(load(tmp_path, size=40).class_names) == count + 2


def test_file_names_that_are_not_utf_8(tmp_path: Path) -> None:
    UNDIVIDED["yolo: LabelImg"](tmp_path)
    for number, name in enumerate((b"\xff", b"\xfe\xe9", b"broken\xfc")):
        shutil.copy(tmp_path / "a.png", os.fsencode(tmp_path) + b"/" + name + b".png")
        shutil.copy(tmp_path / "a.txt", os.fsencode(tmp_path) + b"/" + name + b".txt")
        if number == 2:
            os.truncate(os.fsencode(tmp_path) + b"/" + name + b".png", 60)
    dataset = load(tmp_path, size=40)
    names = {sample.name for sample in (*dataset.train, *dataset.validation)}
    assert names == {"a.png", "b.png", "\\udcff.png", "\\udcfe\\udce9.png"}
    [problem] = dataset.problems
    assert (problem.file, problem.row) == ("broken\\udcfc.png", "whole file")
    for text in (*names, problem.message, dataset.split):
        text.encode()
    shutil.rmtree(tmp_path)
    os.makedirs(os.fsencode(tmp_path) + b"/\xff")
    with pytest.raises(DatasetError) as caught:
        load(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")))
    str(caught.value).encode()
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    UNDIVIDED["voc: LabelImg"](folder)
    assert load(folder).name == "\\udcff"


def test_lone_surrogates_in_class_names(tmp_path: Path) -> None:
    UNDIVIDED["coco: one file, images"](tmp_path)
    file = tmp_path / "cells.json"
    file.write_text(file.read_text().replace('"cell"', '"\\ud800dog"').replace("b.png", "\\udcff.png"))
    assert "\\ud800dog" in file.read_text()
    with pytest.raises(DatasetError) as caught:
        load(tmp_path)
    str(caught.value).encode()
    file.write_text(file.read_text().replace("\\udcff.png", "b.png"))
    dataset = load(tmp_path)
    assert dataset.class_names == ("\\ud800dog", "egg")
    assert len(dataset.fingerprint()) == 16


def test_postscript_starts_no_program(tmp_path: Path) -> None:
    voc(tmp_path, xml="annotations", images="images")
    Picture("c.png").write(tmp_path / "images")
    write(tmp_path, {"annotations/c.xml": voc_text(Picture("c.png"))})
    Image.new("RGB", (40, 30)).save(tmp_path / "images" / "c.png", format="EPS")
    message = problems_of(tmp_path)["images/c.png", "whole file"]
    assert message.startswith("image cannot be read: ")


def test_a_link_to_a_folder_counts_once(tmp_path: Path) -> None:
    voc(tmp_path, xml="Annotations", images="originals")
    (tmp_path / "images").symlink_to("originals")
    (tmp_path / "JPEGImages").symlink_to(tmp_path / "originals")
    dataset = load(tmp_path, size=40)
    assert [len(dataset.train), len(dataset.validation)] == [1, 1]
    assert not dataset.problems


def test_a_linked_folder_of_images_is_read(tmp_path: Path) -> None:
    voc(tmp_path / "cells", xml="Annotations", images="../store")
    (tmp_path / "cells" / "images").symlink_to(tmp_path / "store")
    assert len(load(tmp_path / "cells").train) == 1
