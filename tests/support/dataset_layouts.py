"""Common layouts of data sets: those of labeling tools, and those made by hand.

Every layout has the two `PICTURES` with one box each. Without a split of its own, the checksum of its name puts the
second into the validation set; in a layout with a split, it is the first, so that a split that is not seen shows.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.support.datasets import (
    Picture,
    coco_content,
    voc_text,
    yolo_line,
)

PICTURES = (
    Picture("a.png", rows=(("cell", 2.0, 3.0, 12.0, 13.0),)),
    Picture("b.png", rows=(("egg", 20.0, 10.0, 36.0, 26.0),), shade=40),
)
NAMES = ["cell", "egg"]

TRAIN_VAL = ("val", "train")
TRAIN_VALID = ("valid", "train")
TRAIN_TEST = ("train", "train")

Writer = Callable[[Path], None]


def write(folder: Path, texts: dict[str, str]) -> None:
    """Writes text files by their paths."""
    for place, text in texts.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")


def voc(
    folder: Path,
    xml: str,
    images: str,
    parts: tuple[str, str] = ("", ""),
    head: str = "",
    texts: dict[str, str] | None = None,
) -> None:
    """Write an xml file and an image for each picture; {} in a path stands for the part, in the head for the name."""
    for picture, part in zip(PICTURES, parts):
        picture.write(folder / images.format(part))
        text = voc_text(picture).replace("<annotation>", "<annotation>" + head.format(picture.name))
        write(folder, {f"{xml.format(part)}/{picture.name[0]}.xml": text})
    write(folder, texts or {})


def yolo(
    folder: Path,
    labels: str,
    images: str,
    parts: tuple[str, str] = ("", ""),
    texts: dict[str, str] | None = None,
) -> None:
    """Write a label file and an image for each picture; {} in a path stands for the part."""
    for picture, part in zip(PICTURES, parts):
        picture.write(folder / images.format(part))
        [(name, *box)] = picture.rows
        row = yolo_line(NAMES.index(name), tuple(box), picture.size)
        write(folder, {f"{labels.format(part)}/{picture.name[0]}.txt": f"{row}\n"})
    write(folder, texts or {})


def coco(folder: Path, json_file: str, images: str, parts: tuple[str, ...] = (), name: str = "{}") -> None:
    """Write a json file for each part, or one for all, and the images; `name` is the pattern of their file names."""
    groups = {part: [picture] for part, picture in zip(parts, PICTURES)} or {"": [*PICTURES]}
    for part, pictures in groups.items():
        content = coco_content(pictures, NAMES)
        for picture, row in zip(pictures, content["images"]):
            picture.write(folder / images.format(part))
            row["file_name"] = name.format(picture.name)
        write(folder, {json_file.format(part): json.dumps(content)})


def with_test(writer: Writer, place: str) -> Writer:
    """The same layout with a test image, which has no annotations."""

    def both(folder: Path) -> None:
        writer(folder)
        Picture("t.png").write(folder / place)

    return both


CLASSES = "cell\negg\n"
YAML = "nc: 2\nnames: ['cell', 'egg']\n"
CVAT_NAMES = "names:\n  0: cell\n  1: egg\n"
ROBOFLOW_YAML = f"train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\n{YAML}"
COLAB_YAML = f"train: /content/eggs-1/train/images\nval: /content/eggs-1/valid/images\n{YAML}"
README = {"README.dataset.txt": "# eggs\nhttps://universe.roboflow.com\n", "README.roboflow.txt": "\neggs - v1\n"}
VOC_LISTS = {
    "ImageSets/Main/train.txt": "b\n",
    "ImageSets/Main/val.txt": "a\n",
    "ImageSets/Main/trainval.txt": "a\nb\n",
}
DARKNET = {"obj.data": "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n", "obj.names": CLASSES}

UNDIVIDED: dict[str, Writer] = {
    "voc: annotations, images": partial(voc, xml="annotations", images="images"),
    "voc: annots, images": partial(voc, xml="annots", images="images"),
    "voc: Annotations, JPEGImages": partial(voc, xml="Annotations", images="JPEGImages"),
    "voc: ANNOTATIONS, Images": partial(voc, xml="ANNOTATIONS", images="Images"),
    "voc: my boxes, imgs": partial(voc, xml="my boxes", images="imgs"),
    "voc: xml, the images of folder": partial(voc, xml="xml", images="photos", head="<folder>photos</folder>"),
    "voc: annotations beside the images": partial(voc, xml="annotations", images="."),
    "voc: images beside the annotations": partial(voc, xml=".", images="images"),
    "voc: two folders down": partial(voc, xml="archive/eggs/annotations", images="archive/eggs/images"),
    "voc: path on another machine": partial(
        voc, xml="labels", images="shots/new", head="<path>C:\\Users\\me\\shots\\new\\{}</path>"
    ),
    "voc: LabelImg": partial(voc, xml=".", images=".", head="<folder>x</folder><path>/home/me/x/{}</path>"),
    "voc: CVAT": partial(
        voc,
        xml="Annotations",
        images="JPEGImages",
        head="<folder></folder>",
        texts={
            "ImageSets/Main/default.txt": "a\nb\n",
            "labelmap.txt": "# label:color_rgb:parts:actions\ncell:1,2,3::\n",
        },
    ),
    "voc: CVAT, frames in folders": partial(
        voc,
        xml="Annotations/cam/1",
        images="JPEGImages/cam/1",
        texts={"ImageSets/Main/default.txt": "cam/1/a\ncam/1/b\n"},
    ),
    "voc: Label Studio": partial(voc, xml="Annotations", images="images", head="<folder>images</folder>"),
    "voc: images by part, xml not": partial(voc, xml="annotations", images="images/{}", parts=("train", "train")),
    "voc: train and test": with_test(
        partial(voc, xml="images/{}", images="images/{}", parts=TRAIN_TEST), "images/test"
    ),
    "coco: one file, images": partial(coco, json_file="cells.json", images="images"),
    "coco: beside the images": partial(coco, json_file="_annotations.coco.json", images="."),
    "coco: CVAT": partial(coco, json_file="annotations/instances_default.json", images="images"),
    "coco: CVAT 2": partial(coco, json_file="annotations/instances_default.json", images="images/default"),
    "coco: Label Studio": partial(coco, json_file="result.json", images="images", name="images/{}"),
    "coco: Label Studio on Windows": partial(coco, json_file="result.json", images="images", name="images\\{}"),
    "coco: path on another machine": partial(coco, json_file="result.json", images="photos", name="/home/me/eggs/{}"),
    "coco: FiftyOne": partial(coco, json_file="labels.json", images="data"),
    "coco: Roboflow, train alone": partial(coco, json_file="train/_annotations.coco.json", images="train"),
    "yolo: images, labels": partial(yolo, labels="labels", images="images", texts={"classes.txt": CLASSES}),
    "yolo: Images, Labels": partial(yolo, labels="Labels", images="Images", texts={"Labels/classes.txt": CLASSES}),
    "yolo: LabelImg": partial(yolo, labels=".", images=".", texts={"classes.txt": CLASSES}),
    "yolo: Label Studio": partial(
        yolo, labels="labels", images="images", texts={"classes.txt": CLASSES, "notes.json": '{"categories": []}'}
    ),
    "yolo: CVAT 1.1": partial(
        yolo,
        labels="obj_train_data",
        images="obj_train_data",
        texts=DARKNET | {"train.txt": "data/obj_train_data/a.png\ndata/obj_train_data/b.png\n"},
    ),
    "yolo: CVAT, Ultralytics": partial(
        yolo,
        labels="labels/train",
        images="images/train",
        texts={
            "data.yaml": f"{CVAT_NAMES}path: .\ntrain: train.txt\n",
            "train.txt": "data/images/train/a.png\ndata/images/train/b.png\n",
        },
    ),
    "yolo: train alone": partial(
        yolo, labels="train/labels", images="train/images", texts={"data.yaml": ROBOFLOW_YAML.replace("valid", "train")}
    ),
}

DIVIDED: dict[str, Writer] = {
    "voc: Annotations, JPEGImages, lists": partial(voc, xml="Annotations", images="JPEGImages", texts=VOC_LISTS),
    "voc: Roboflow": with_test(partial(voc, xml="{}", images="{}", parts=TRAIN_VALID, texts=README), "test"),
    "voc: train/annotations, train/images": partial(voc, xml="{}/annotations", images="{}/images", parts=TRAIN_VAL),
    "voc: annotations/train, images/train": partial(voc, xml="annotations/{}", images="images/{}", parts=TRAIN_VAL),
    "voc: train_annots, train_images": partial(voc, xml="{}_annots", images="{}_images", parts=TRAIN_VAL),
    "voc: annotations, images/train": partial(voc, xml="annotations", images="images/{}", parts=TRAIN_VAL),
    "coco: as COCO itself": partial(
        coco, json_file="annotations/instances_{}2017.json", images="{}2017", parts=TRAIN_VAL
    ),
    "coco: images in one folder": partial(coco, json_file="annotations/{}.json", images="images", parts=TRAIN_VAL),
    "coco: Roboflow": with_test(
        partial(coco, json_file="{}/_annotations.coco.json", images="{}", parts=TRAIN_VALID), "test"
    ),
    "coco: images/train": partial(coco, json_file="{}.json", images="images/{}", parts=TRAIN_VAL),
    "yolo: Roboflow": partial(
        yolo, labels="{}/labels", images="{}/images", parts=TRAIN_VALID, texts=README | {"data.yaml": ROBOFLOW_YAML}
    ),
    "yolo: Roboflow, from Colab": partial(
        yolo, labels="{}/labels", images="{}/images", parts=TRAIN_VALID, texts={"data.yaml": COLAB_YAML}
    ),
    "yolo: Roboflow, Darknet": partial(
        yolo,
        labels="{}",
        images="{}",
        parts=TRAIN_VALID,
        texts={"train/_darknet.labels": CLASSES, "valid/_darknet.labels": CLASSES},
    ),
    "yolo: images/train, labels/train": partial(
        yolo, labels="labels/{}", images="images/{}", parts=TRAIN_VAL, texts={"classes.txt": CLASSES}
    ),
    "yolo: train/images, no yaml": partial(
        yolo, labels="{}/labels", images="{}/images", parts=TRAIN_VAL, texts={"obj.names": CLASSES}
    ),
    "yolo: yaml of its own folder": partial(
        yolo,
        labels="labels/{}",
        images="images/{}",
        parts=TRAIN_VAL,
        texts={"conf/eggs.yaml": f"path: ..\ntrain: images/train\nval: images/val\n{YAML}"},
    ),
    "yolo: yaml with a path": partial(
        yolo,
        labels="labels/{}",
        images="images/{}",
        parts=TRAIN_VAL,
        texts={"eggs.yaml": f"path: ../datasets/eggs\ntrain: images/train\nval: images/val\n{YAML}"},
    ),
    "yolo: lists": partial(
        yolo,
        labels="labels",
        images="images",
        texts={"classes.txt": CLASSES, "train.txt": "./images/b.png\n", "val.txt": "./images/a.png\n"},
    ),
    "yolo: Darknet lists": partial(
        yolo,
        labels="obj_{}_data",
        images="obj_{}_data",
        parts=TRAIN_VALID,
        texts=DARKNET | {"train.txt": "data/obj_train_data/b.png\n", "valid.txt": "data/obj_valid_data/a.png\n"},
    ),
}

ALIKE = {
    "voc: annots, images",
    "voc: Annotations, JPEGImages",
    "voc: ANNOTATIONS, Images",
    "voc: my boxes, imgs",
    "voc: xml, the images of folder",
    "voc: two folders down",
    "voc: path on another machine",
    "voc: images by part, xml not",
    "coco: Label Studio on Windows",
    "coco: path on another machine",
    "coco: Roboflow, train alone",
    "yolo: Images, Labels",
    "yolo: train alone",
    "yolo: Roboflow, from Colab",
    "yolo: yaml of its own folder",
}
"""Layouts that have the folders of another under other names, or other paths in their files."""
