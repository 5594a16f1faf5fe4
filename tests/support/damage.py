"""Random damage to the files of a data set, as by broken disks, careless scripts and attackers."""

import json
import os
import random
import re
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

Damage = Callable[[Path, random.Random], None]
"""Damages a file."""

ALIASES = "a0: &a0 [x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)) + "\n"
ENTITIES = (
    '<!DOCTYPE a [<!ENTITY e0 "x">'
    + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    + "]><annotation><filename>&e11;</filename></annotation>"
)
TOKENS = (
    *("", "0", "-1", "1e400", "-0.0", "nan", "inf", "9" * 400, "99999999999", "true", "null", "no", "~"),
    *("../../x.png", "/", "/etc/passwd", "C:\\x.png", "..", ".", "a\0b", "x" * 5000, "\u202e", "\x1b]0;x\x07"),
    *("{", "}", "[", "]", "<", ">", "&", ":", ",", '"', "'", "*a11", "&a0", "<!--", "]]>", "!!python/object:os.system"),
    *("train", "val", "images", "labels", "names", "path", "annotation", "bndbox", "\ufeff", "\ud800", "\u2028"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**4000, -(2**64), 0.5, 1e308, float("nan"), float("inf")),
    *("", "a.png", "../../a.png", "/", "\0", "\ud800", "x" * 5000, [], {}, [[]], {"a": []}, [1, 2, 3], [0, 0, 9, 9]),
    *([1e308] * 4, ["1"] * 4, [None] * 4, [True] * 4, [2**4000] * 4),
)
SUFFIXES = (".png", ".jpg", ".txt", ".xml", ".json", ".yaml", ".tif", ".PNG", "", ".gz")
FORMATS = ("EPS", "TIFF", "GIF", "PPM", "PCX", "PDF", "ICO", "JPEG2000", "WEBP", "BMP", "TGA", "JPEG")
MODES = ("RGB", "L", "1", "P", "CMYK", "I;16", "F", "RGBA", "I", "LA")


def change_bytes(file: Path, random: random.Random) -> None:
    """Overwrite, insert, remove or repeat some bytes, or cut the file."""
    content = bytearray(file.read_bytes())
    for _ in range(random.choice((1, 1, 3, 20))):
        at, length = random.randrange(len(content) + 1), random.choice((1, 2, 4, 30))
        some = random.choice((random.randbytes(length), b"\xff" * length, b"\0" * length, bytes(content[at:][:length])))
        kind = random.randrange(4)
        if kind == 0:
            content[at : at + length] = some
        elif kind == 1:
            content[at:at] = some
        elif kind == 2:
            del content[at : at + length]
        else:
            del content[at:]
    file.write_bytes(content)


def change_words(file: Path, random: random.Random) -> None:
    """Replace some words of a text by troublesome ones."""
    parts = re.split(r"([\w./-]+)", file.read_bytes().decode("latin-1"))
    for _ in range(random.choice((1, 2, 5))):
        parts[random.randrange(len(parts))] = random.choice(TOKENS)
    file.write_bytes("".join(parts).encode("utf-8", random.choice(("surrogatepass", "replace"))))


def change_json(file: Path, random: random.Random) -> None:
    """Replace, add or remove some values of a json file; the bytes of another."""
    try:
        content = [json.loads(file.read_bytes())]
    except (ValueError, RecursionError):
        return change_bytes(file, random)
    for _ in range(random.choice((1, 2, 5))):
        inner: Any = content
        while True:
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            if not keys:
                break
            key = random.choice(keys)
            if not isinstance(inner[key], dict | list) or random.random() < 0.15:
                if random.random() < 0.2 and inner is not content:
                    del inner[key]
                else:
                    inner[key] = random.choice((*VALUES, content[0]))
                break
            inner = inner[key]
    try:
        file.write_text(json.dumps(content[0]))
    except (ValueError, RecursionError):  # it contains itself
        file.write_text("[" * 100_000)
    return None


def replace_text(file: Path, random: random.Random) -> None:
    """Replace a text by one that grows when it is parsed, or is nested deeply."""
    texts = (
        *(f"{ALIASES}{names}" for names in ("names: {0: *a11}", "names: *a11", "train: *a11\nnames: [a]", "*a11 : 1")),
        *(ENTITIES, "<annotation>" + "<a>" * 50_000, "[" * 50_000, '{"images": ' * 20_000, "{" * 5_000, "- " * 3_000),
        *("0 .5 .5 .1 .1\n" * 20_000, "names: [" + "a," * 20_000 + "]", "", "\n", "null", "[]", "{}", '"x"'),
    )
    file.write_text(random.choice(texts))


def replace_image(file: Path, random: random.Random) -> None:
    """Replace a file by an image of another kind, perhaps with a huge size in its header."""
    buffer = BytesIO()
    try:
        size = random.choice(((40, 30), (1, 1), (1, 3000), (30, 40)))
        Image.new(random.choice(MODES), size).save(buffer, format=random.choice(FORMATS))
    except (OSError, ValueError, KeyError):
        Image.new("RGB", (40, 30)).save(buffer, format="PNG")
    content = buffer.getvalue()
    if random.random() < 0.3:
        content = content.replace((30).to_bytes(4, "big"), (random.choice((20_000, 2**31 - 1))).to_bytes(4, "big"), 1)
    file.write_bytes(content)


def replace_file(file: Path, random: random.Random) -> None:
    """Replace a file by something else: nothing, a folder, a link, a pipe, a device, a giant file."""
    file.unlink()
    kind = random.randrange(9)
    if kind == 0:
        file.mkdir()
    elif kind == 1:
        os.mkfifo(file)
    elif kind in (2, 3, 4, 5):
        others = (file.name, "/dev/zero", "..", "/", "nowhere", str(random.choice([*file.parent.iterdir(), file])))
        file.symlink_to(random.choice(others))
    elif kind == 6:
        file.touch()
        os.truncate(file, random.choice((2**40, 2**31, 2**20)))


def move_file(file: Path, random: random.Random) -> None:
    """Rename a file, or copy it to a new name."""
    stem = random.choice(
        ("a", "b", "\udcff", "x" * 200, "a b", "..a", "ümlaut", "\x1b]0;x\x07", "-rf", "a\nb", file.stem)
    )
    place = file.parent / random.choice((".", "train", "val", "images", "labels", ".."))
    place.mkdir(exist_ok=True)
    target = place / f"{stem}{random.choice((file.suffix, *SUFFIXES))}"
    if not os.path.lexists(target) and stem + target.suffix:
        random.choice((shutil.copy, shutil.move))(file, target)


DAMAGES: tuple[Damage, ...] = (
    *(change_bytes, change_bytes, change_words, change_words, change_json, change_json),
    *(replace_text, replace_image, replace_file, move_file),
)


def damage(folder: Path, random: random.Random) -> list[str]:
    """Damage some files of a folder, and describe what was done."""
    done = []
    for _ in range(random.choice((1, 1, 2, 4))):
        files = sorted(file for file in folder.rglob("*") if file.is_file() and file.stat().st_size < 2**20)
        if files:
            # Most files are images; annotations are damaged as often.
            kinds = sorted({file.suffix for file in files})
            kind = random.choice(kinds)
            file = random.choice([file for file in files if file.suffix == kind])
            one = random.choice(DAMAGES)
            one(file, random)
            done.append(f"{one.__name__} {os.fsencode(file.relative_to(folder))!r}")
    return done
