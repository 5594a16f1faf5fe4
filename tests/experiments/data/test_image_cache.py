"""Cache of resized images: decoded once, shared by processes, complete or absent, and never outdated."""

import errno
import os
import pickle
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from detloss.experiments.data import image_cache
from detloss.experiments.data.dataset import Dataset, DatasetError, SharedDataset, load
from detloss.experiments.data.images import ImageError, read_resized_image
from tests.support.datasets import PAIR, Picture, write_coco
from tests.support.trials import small_dataset


def pixels_of(dataset: Dataset) -> list[np.ndarray]:
    return [sample.image for sample in (*dataset.train, *dataset.validation)]


def read(folder: Path, cache: Path, size: int = 20) -> tuple[Dataset, list[str]]:
    """The data set, and what is announced without the paths."""
    lines: list[str] = []
    dataset = load(folder, size=size, cache=cache, announce=lines.append)
    return dataset, [" ".join(word for word in line.split() if not word.startswith("/")) for line in lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_coco(tmp_path / "cells", PAIR)


def test_images_are_decoded_once(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, announced = read(folder, cache)
    assert announced == ["images: decoding 2 into 1.8 kB"], "two images of 20 x 15 pixels"
    again, announced = read(folder, cache)
    assert announced == ["images: 1.8 kB in"]
    for ours, theirs in zip(pixels_of(first), pixels_of(again), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert not ours.flags.writeable
    assert first.fingerprint() == again.fingerprint()
    assert (pixels_of(first)[0][0, 0] == (128, 10, 200)).all()
    _, announced = read(folder, cache, size=10)
    assert announced == ["images: decoding 2 into 480 bytes"], "another size is another cache"


def test_a_changed_image_is_decoded_again_even_with_its_old_size_and_time(folder: Path, tmp_path: Path) -> None:
    before, _ = read(folder, tmp_path / "cache")
    image = folder / "train" / "one.png"
    times = image.stat()
    Picture("one.png", shade=40).write(folder / "train")
    os.truncate(image, times.st_size)
    os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
    after, announced = read(folder, tmp_path / "cache")
    assert announced == ["images: decoding 2 into 1.8 kB"]
    assert pixels_of(after)[0][0, 0, 0] == 40
    assert after.fingerprint() != before.fingerprint()


def test_the_identity_is_that_of_the_bytes_not_of_names_and_times(folder: Path, tmp_path: Path) -> None:
    before, _ = read(folder, tmp_path / "cache")
    shutil.copytree(folder, tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere" / "train" / "one.png", (0, 0))
    after, announced = read(tmp_path / "elsewhere", tmp_path / "cache")
    assert announced == ["images: decoding 2 into 1.8 kB"]
    assert after.fingerprint() == before.fingerprint()


@pytest.mark.parametrize("damage", ["pixels.bin", "index.json", "cut index.json", "cut pixels.bin", "part"])
def test_a_damaged_or_unfinished_cache_is_replaced(damage: str, folder: Path, tmp_path: Path) -> None:
    expected = [image.copy() for image in pixels_of(read(folder, tmp_path / "cache")[0])]
    [target] = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    if damage == "part":
        target.rename(f"{target}.part")
    elif damage.startswith("cut"):
        os.truncate(target / damage.split()[1], 50)
    else:
        (target / damage).unlink()
    found, announced = read(folder, tmp_path / "cache")
    assert announced == ["images: decoding 2 into 1.8 kB"]
    for ours, theirs in zip(pixels_of(found), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_disk_without_space_is_an_error(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2000, 500, 1500))
    cache = tmp_path / "cache"
    message = f"cache: expected 1.8 kB of free space in {cache}, found 1.5 kB: choose another folder with --cache"
    with pytest.raises(DatasetError, match=message):
        read(folder, cache)
    assert not [path for path in cache.iterdir() if path.is_dir()]


def test_a_disk_that_fills_meanwhile_is_an_error(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(image_cache, "stored", full)
    with pytest.raises(
        DatasetError, match=r"cache: expected a writable folder, got .* \(No space left on device\): ch"
    ):
        read(folder, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]


def test_a_folder_that_cannot_be_created_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"cache: expected a writable folder, got .*file/cache \(Not a directory\)"):
        read(folder, tmp_path / "file" / "cache")


def test_broken_images_are_remembered(folder: Path, tmp_path: Path) -> None:
    dataset = write_coco(tmp_path / "broken", (*PAIR, Picture("text.png")))
    (dataset / "train" / "text.png").write_text("no image")
    problems = [read(dataset, tmp_path / "cache")[0].problems for _ in range(2)]
    assert problems[0] == problems[1]
    assert [problem.file for problem in problems[0]] == ["train/text.png"]


def test_an_error_that_has_passed_is_not_remembered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_disk(file: Path, longer_side: int) -> object:
        if file.name == "two.png":
            raise ImageError("image cannot be read: Input/output error")
        return read_resized_image(file, longer_side)

    expected, _ = read(folder, tmp_path / "elsewhere")
    with monkeypatch.context() as patch:
        patch.setattr(image_cache, "read_resized_image", broken_disk)
        with pytest.raises(DatasetError, match="no images for validation"):
            read(folder, tmp_path / "cache")
    found, announced = read(folder, tmp_path / "cache")
    assert announced == ["images: decoding 2 into 1.8 kB"]
    assert found.fingerprint() == expected.fingerprint()


def sums(shared: SharedDataset) -> list[int]:
    return [int(image.sum()) for image in pixels_of(shared())]


@pytest.mark.exhaustive
def test_other_processes_have_the_same_images(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored, _ = read(folder, tmp_path / "cache", size=400)
    assert len(pickle.dumps(stored)) < 5000 < sum(image.size for image in pixels_of(stored))
    (tmp_path / "temporary").mkdir()
    with monkeypatch.context() as patch:  # multiprocessing would keep the folder for its sockets
        patch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        shared = [SharedDataset(stored), SharedDataset(small_dataset())]
    assert not list((tmp_path / "temporary").iterdir())
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        theirs = [pool.submit(sums, one).result() for one in (*shared, *shared)]
    assert theirs == [sums(one) for one in (*shared, *shared)]
    assert shared[0]().fingerprint() == stored.fingerprint()


def test_two_commands_decode_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    both = threading.Barrier(2)
    build = image_cache.build

    def counted(files: Sequence[Path], *arguments: object) -> list[object]:
        built.append(len(files))
        return build(files, *arguments)

    def start() -> None:
        both.wait()
        read(folder, tmp_path / "cache")

    monkeypatch.setattr(image_cache, "build", counted)
    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [2]
