"""Shared data set: equality in another process, and no remaining files."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.data.shared_memory import SharedDataset
from tests.support.trials import small_dataset


def several_sizes() -> Dataset:
    dataset = small_dataset()
    first, second = dataset.train
    return replace(dataset, train=[replace(first, image=first.image[:7, :5]), second])


def pixels_of(load: Callable[[], Dataset]) -> list[np.ndarray]:
    """In another process: all images, after they were written to."""
    dataset = load()
    images = [sample.image for sample in dataset.train + dataset.validation]
    copies = [image.copy() for image in images]
    for image in images:
        image[:] = 255 - image
    return copies


@pytest.mark.exhaustive
def test_another_process_has_the_same_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dataset = several_sizes()
    shared = SharedDataset(dataset)
    assert not list(tmp_path.iterdir())
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        theirs = pool.submit(pixels_of, shared).result()
    ours = shared()
    assert ours.fingerprint() == dataset.fingerprint()
    for sample, expected, found in zip(
        ours.train + ours.validation, dataset.train + dataset.validation, theirs, strict=True
    ):
        np.testing.assert_array_equal(sample.image, expected.image)
        np.testing.assert_array_equal(found, expected.image)
        np.testing.assert_array_equal(sample.boxes, expected.boxes)
        np.testing.assert_array_equal(sample.labels, expected.labels)
