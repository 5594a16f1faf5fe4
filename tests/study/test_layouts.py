"""Every layout that the documentation lists is read as it is meant; what is none says what it has."""

from pathlib import Path

import pytest

from detloss.study.dataset import Dataset, load
from tests.study.layouts import DIVIDED, NAMES, PICTURES, UNDIVIDED


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
