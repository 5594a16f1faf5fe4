"""Tiny data sets for tests, written in each of the three formats."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape

from PIL import Image

Row = tuple[str, float, float, float, float]  # class name, x1, y1, x2, y2


@dataclass(frozen=True)
class Picture:
    """An image file to write, with its boxes and the part it is for."""

    name: str
    part: str = "train"
    rows: tuple[Row, ...] = (("cell", 2.0, 3.0, 12.0, 13.0),)
    size: tuple[int, int] = (40, 30)
    shade: int = 128

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", self.size, (self.shade, 10, 200)).save(folder / self.name)


PAIR = (Picture("one.png", "train"), Picture("two.png", "val"))


def with_rows(*rows: Row, part: str = "train") -> tuple[Picture, ...]:
    """The pair of pictures, the one of this part with these rows."""
    return tuple(replace(picture, rows=rows) if picture.part == part else picture for picture in PAIR)


def class_names_of(pictures: tuple[Picture, ...]) -> list[str]:
    return sorted({row[0] for picture in pictures for row in picture.rows})


def write_coco(folder: Path, pictures: tuple[Picture, ...]) -> Path:
    """Writes annotations/instances_PART.json and PART/ for every part."""
    names = class_names_of(pictures)
    (folder / "annotations").mkdir(parents=True)
    for part in sorted({picture.part for picture in pictures}):
        content = coco_content([picture for picture in pictures if picture.part == part], names)
        (folder / "annotations" / f"instances_{part}.json").write_text(json.dumps(content), encoding="utf-8")
    for picture in pictures:
        picture.write(folder / picture.part)
    return folder


def coco_content(pictures: list[Picture], names: list[str]) -> dict[str, list[dict[str, object]]]:
    images, annotations = [], []
    for picture in pictures:
        images.append({"id": len(images) + 1, "file_name": picture.name} | dict(zip(("width", "height"), picture.size)))
        for name, x1, y1, x2, y2 in picture.rows:
            annotation = {"id": len(annotations) + 1, "image_id": len(images), "category_id": 10 * names.index(name)}
            annotations.append(annotation | {"bbox": [x1, y1, x2 - x1, y2 - y1], "iscrowd": 0})
    categories = [{"id": 10 * number, "name": name} for number, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write_voc(folder: Path, pictures: tuple[Picture, ...], line_end: str = "\n") -> Path:
    """Writes Annotations/, JPEGImages/ and ImageSets/Main/PART.txt for every part."""
    lists = folder / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (folder / "Annotations").mkdir()
    for picture in pictures:
        picture.write(folder / "JPEGImages")
        file = (folder / "Annotations" / picture.name).with_suffix(".xml")
        file.write_text(voc_text(picture), encoding="utf-8", newline=line_end)
    for part in {picture.part for picture in pictures}:
        stems = [Path(picture.name).stem for picture in pictures if picture.part == part]
        (lists / f"{part}.txt").write_text("\n".join(stems) + "\n", encoding="utf-8", newline=line_end)
    return folder


def voc_text(picture: Picture) -> str:
    objects = "".join(
        f"<object><name>{escape(name)}</name><difficult>0</difficult><bndbox><xmin>{x1!r}</xmin><ymin>{y1!r}</ymin>"
        f"<xmax>{x2!r}</xmax><ymax>{y2!r}</ymax></bndbox></object>\n"
        for name, x1, y1, x2, y2 in picture.rows
    )
    width, height = picture.size
    return (
        f"<annotation>\n<filename>{escape(picture.name)}</filename>\n"
        f"<size><width>{width}</width><height>{height}</height></size>\n{objects}</annotation>\n"
    )


def write_yolo(folder: Path, pictures: tuple[Picture, ...], line_end: str = "\n") -> Path:
    """Writes data.yaml, and images/PART/ and labels/PART/ for every part."""
    names = class_names_of(pictures)
    for picture in pictures:
        picture.write(folder / "images" / picture.part)
        file = (folder / "labels" / picture.part / picture.name).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(yolo_line(names.index(row[0]), row[1:], picture.size) + "\n" for row in picture.rows)
        file.write_text(text, encoding="utf-8", newline=line_end)
    parts = "".join(f"{part}: images/{part}\n" for part in sorted({picture.part for picture in pictures}))
    (folder / "data.yaml").write_text(f"{parts}names: {json.dumps(names)}\n", encoding="utf-8", newline=line_end)
    return folder


def yolo_line(label: int, box: tuple[float, ...], size: tuple[int, int]) -> str:
    (x1, y1, x2, y2), (width, height) = box, size
    center_and_size = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
    return " ".join([str(label), *map(repr, center_and_size)])
