"""Code of the docs: examples print what the pages show, and the program of the tutorial trains a detector."""

import doctest
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

import detloss

DOCS = Path(__file__).parents[1] / "docs"


PAGES = ["getting_started.rst", *sorted(f"disagreements/{path.name}" for path in (DOCS / "disagreements").iterdir())]


@pytest.mark.parametrize("page", PAGES)
def test_examples_print_what_the_page_shows(page: str) -> None:
    failures, examples = doctest.testfile(str(DOCS / page), module_relative=False)
    assert examples > 0
    assert failures == 0


def test_the_front_page_has_the_code_of_the_readme() -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    code = readme.partition("```python\n")[2].partition("```")[0]
    page = (DOCS / "index.rst").read_text(encoding="utf-8")
    assert "".join(f"   {line}" if line.strip() else line for line in code.splitlines(keepends=True)) in page


@pytest.fixture
def tutorial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The program of the tutorial, in an empty folder."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.chdir(tmp_path)
    yield importlib.import_module("training_loop")
    del sys.modules["training_loop"]


def test_the_tutorial_assigns_cells_to_the_smallest_box(tutorial: ModuleType) -> None:
    large, small = [0.0, 0.0, 40.0, 40.0], [8.0, 8.0, 16.0, 24.0]
    classes, sides = tutorial.assign(torch.tensor([large, small]), torch.tensor([0, 1]))
    plane = classes.unflatten(0, (16, 16))  # rows y, columns x, stride 4
    assert plane[0, 0] == plane[9, 9] == 0
    assert plane[2, 2] == plane[5, 3] == 1
    assert plane[10, 10] == plane[2, 10] == tutorial.CLASSES
    assert (classes == 1).sum() == 2 * 4
    assert sides.unflatten(0, (16, 16))[2, 3].tolist() == [6.0, 2.0, 2.0, 14.0]  # cell center (14, 10)


def test_the_tutorial_accepts_images_without_objects(tutorial: ModuleType) -> None:
    classes, _ = tutorial.assign(torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert (classes == tutorial.CLASSES).all()


@pytest.mark.exhaustive
def test_the_tutorial_trains_a_detector_and_saves_it(tutorial: ModuleType) -> None:
    box_loss = detloss.GeneralizedIoULoss(geometry=detloss.AxisAligned("ltrb"))
    precision = tutorial.train(box_loss, box_weight=1.0, seed=0, steps=150)
    model = tutorial.Detector()
    model.load_state_dict(torch.load("detector.pt", weights_only=True))
    assert tutorial.average_precision(model, tutorial.Rectangles(100, seed=2)) == precision
    assert precision > 0.2
