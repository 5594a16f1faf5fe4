"""Every public name is documented in full, the documentation's gate notices what is not, and every example runs."""

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import detloss
from docs.extension.completeness import gaps, public_objects
from docs.extension.docstring_parts import missing_parts


@pytest.mark.parametrize("name", list(public_objects()))
def test_docstring_has_all_parts(name: str) -> None:
    assert missing_parts(public_objects()[name]) == []


def test_a_name_without_an_entry_is_a_gap() -> None:
    entries = set(public_objects()) - {"detloss.iou_loss"}
    assert list(gaps(entries)) == ["public name without an entry: detloss.iou_loss"]


def test_a_docstring_that_lacks_parts_is_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    short = inspect.getdoc(detloss.iou_loss).partition("Edge cases:")[0]
    monkeypatch.setattr(detloss.iou_loss, "__doc__", short.replace("form: ", "shape: "))
    lacking = ["the argument form", "Example", "Edge cases", "Sources", "See also"]
    assert list(gaps(public_objects())) == [f"docstring of detloss.iou_loss: lacks {part}" for part in lacking]


def modules() -> Iterator[ModuleType]:
    """Every module of the package."""
    yield detloss
    for found in pkgutil.walk_packages(detloss.__path__, "detloss."):
        yield importlib.import_module(found.name)


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    failures, _ = doctest.testmod(module)
    assert failures == 0
