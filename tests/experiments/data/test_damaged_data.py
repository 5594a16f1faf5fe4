"""Damaged data sets: read, or rejected with an error that names the cause, in limited time and memory."""

import os
import random
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from detloss.experiments.console import printable
from detloss.experiments.data import coco
from detloss.experiments.data.dataset import Dataset, DatasetError, load
from tests.support.damage import damage
from tests.support.dataset_layouts import DIVIDED, UNDIVIDED
from tests.support.datasets import Picture, write_coco, write_voc, write_yolo

SECONDS = 30  # of the processor
WAIT = 180  # seconds in all
MEMORY = 3 * 2**30  # bytes beyond those that the process has mapped
LONGEST = 20_000  # characters of a message
VARIANTS = 200 if "DETLOSS_TEST_SEED" in os.environ else 10  # data sets per format, with consecutive seeds

WRITERS = {"coco": write_coco, "voc": write_voc, "yolo": write_yolo}
PICTURES = tuple(Picture(f"{part}{number}.png", part, shade=number) for part in ("train", "val") for number in range(4))


class TooSlowError(BaseException):
    """Reading takes too long."""


def too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlowError


@contextmanager
def limits() -> Iterator[None]:
    """Limit the time and the memory of a block."""
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, hard))
    before = [(number, signal.signal(number, too_slow)) for number in (signal.SIGALRM, signal.SIGPROF)]
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(WAIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for number, handler in before:
            signal.signal(number, handler)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def check(dataset: Dataset) -> None:
    """Everything that is read can be trained on and written."""
    for sample in (*dataset.train, *dataset.validation):
        image = sample.image
        assert (image.ndim, image.dtype, image.shape[2], max(image.shape[:2])) == (3, np.uint8, 3, 20)
        assert sample.boxes.shape == (len(sample.labels), 4)
        assert np.isfinite(sample.boxes).all()
        assert (sample.sides > 0).all()
        assert set(sample.labels.tolist()) <= set(range(len(dataset.class_names)))
    texts = [dataset.name, dataset.split, *dataset.class_names, *dataset.warnings]
    texts += [sample.name for sample in (*dataset.train, *dataset.validation)]
    texts += [text for problem in dataset.problems for text in (problem.file, problem.row, problem.message)]
    for text in texts:
        printable(text).encode()
        assert len(text) < LONGEST
    assert len(dataset.fingerprint()) == 16


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of this process")
@pytest.mark.parametrize("name", ["coco", "voc", "yolo"])
def test_damaged_data_are_read_or_rejected(
    name: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coco, "MAX_JSON_BYTES", 2**26)  # 4 GB are read in more than the time
    layouts = [writer for layout, writer in (UNDIVIDED | DIVIDED).items() if layout.startswith(name)]
    for variant in range(seed, seed + VARIANTS):
        draw = random.Random(variant)
        folder = tmp_path / f"{variant}" / "data"
        draw.choice((partial(WRITERS[name], pictures=PICTURES), draw.choice(layouts)))(folder)
        done, message = damage(folder, draw), ""
        try:
            with limits():
                check(load(folder, size=20, cache=tmp_path / "cache"))
        except DatasetError as error:
            message = str(error)
        except (Exception, TooSlowError) as error:
            raise AssertionError(f"seed {variant}: {', '.join(done)}") from error
        message.encode()
        assert len(message) < LONGEST, f"seed {variant}: {', '.join(done)}"
