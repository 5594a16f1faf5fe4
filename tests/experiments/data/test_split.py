"""Split: groups of images stay together, and copies on both sides are noticed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from detloss.experiments.comparison.statistics import draws_of_images
from detloss.experiments.data.dataset import Dataset, DatasetError, assign_folds, load
from detloss.experiments.data.samples import Sample, group_numbers
from tests.support.datasets import PAIR, Picture, coco_content, write_coco
from tests.support.trials import small_dataset

VIDEOS = tuple(
    Picture(f"video{video}_{frame}.png", shade=4 * video + frame) for video in range(12) for frame in range(4)
)


def one_folder(folder: Path, pictures: tuple[Picture, ...]) -> Path:
    """A data set without a split."""
    for picture in pictures:
        picture.write(folder / "images")
    (folder / "cells.json").write_text(json.dumps(coco_content(list(pictures), ["cell"])))
    return folder


def videos_of(samples: list[Sample]) -> set[str]:
    return {sample.name.partition("_")[0] for sample in samples}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return one_folder(tmp_path_factory.mktemp("videos"), VIDEOS)


@pytest.mark.parametrize("pattern", ["video[0-9]+", "(video[0-9]+)_", "images/(.*)_"])
def test_groups_are_on_one_side(pattern: str, videos: Path) -> None:
    without = load(videos, size=10)
    assert videos_of(without.train) & videos_of(without.validation), "frames of a video are on both sides"
    dataset = load(videos, size=10, group=pattern)
    assert len(dataset.train) + len(dataset.validation) == 48
    assert not videos_of(dataset.train) & videos_of(dataset.validation)
    assert dataset.split.startswith("Every fifth group of images is for validation")
    assert f"12 groups by {pattern!r}" in dataset.split


def test_groups_are_drawn_together(videos: Path) -> None:
    dataset = load(videos, size=10, group="video[0-9]+")
    draws = draws_of_images(group_numbers(dataset.validation))
    assert draws.shape[1] == len(dataset.validation)
    for video in videos_of(dataset.validation):
        frames = [index for index, sample in enumerate(dataset.validation) if sample.name.startswith(f"{video}_")]
        assert len(frames) == 4
        assert (draws[:, frames] == draws[:, frames[:1]]).all()
    assert (draws != draws[:, :1]).any()
    np.testing.assert_array_equal(draws.sum(axis=1), len(dataset.validation), "groups of equal size")


def test_images_without_a_group_are_alone() -> None:
    samples = [*small_dataset().train, replace(small_dataset().train[0], group="a")]
    assert group_numbers([*samples, samples[2], samples[0]]).tolist() == [0, 1, 2, 2, 3]


def test_folds_keep_groups_together(videos: Path) -> None:
    dataset = load(videos, size=10, group="video[0-9]+")
    members = assign_folds(dataset.train, 3)
    folds = {(sample.group, fold) for sample, fold in zip(dataset.train, members, strict=True)}
    assert len(folds) == len(videos_of(dataset.train))
    assert set(members) == {0, 1, 2}


def test_an_own_split_of_a_group_excludes_its_validation_images(tmp_path: Path) -> None:
    pictures = (*PAIR, Picture("three.a.png", "train"), Picture("three.b.png", "val"))
    folder = write_coco(tmp_path / "cells", pictures)
    dataset = load(folder, group=r"(three)\.")
    assert [sample.name for sample in dataset.train] == ["one.png", "three.a.png"]
    assert [sample.name for sample in dataset.validation] == ["two.png"]
    [problem] = dataset.problems
    message = "excluded: it is for validation, and images of its group 'three' are for training"
    assert (problem.file, problem.message) == ("val/three.b.png", message)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("video(", r"group: expected a regular expression, got 'video\(' \(missing \), unterminated subpattern"),
        ("film", r"group: expected a pattern in paths such as 'train/one.png', got 'film'"),
    ],
)
def test_an_unusable_pattern_is_an_error(pattern: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        load(write_coco(tmp_path / "cells", PAIR), group=pattern)


def test_generated_scenes_have_no_groups() -> None:
    with pytest.raises(DatasetError, match="group: expected none for generated scenes, got 'a'"):
        load(None, group="a")


def test_copies_of_training_images_are_warned_of(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "cells", (*PAIR, Picture("three.png", "val", shade=9)))
    shutil.copy(folder / "train" / "one.png", folder / "val" / "two.png")
    dataset: Dataset = load(folder)
    assert dataset.warnings == [
        "1 of 2 validation images are copies of training images, which makes the AP too high: two.png is a copy of "
        "one.png."
    ]
    Picture("two.png", shade=10).write(folder / "val")
    assert not load(folder).warnings
