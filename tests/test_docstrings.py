"""Docstrings: every public name is documented in full, gaps are detected, and every example runs."""

import doctest
import importlib
import inspect
import pkgutil
import re
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


LOSS_FUNCTIONS = [
    name
    for name in detloss.__all__
    if inspect.isfunction(item := getattr(detloss, name)) and "normalizer" in inspect.signature(item).parameters
]
OPERAND = r"(``(pred|logits)``|the logits)"
CONTRACT = {
    r"weight: Weight per (box|row|element), 0 to exclude it: a number, or a tensor that broadcasts to the unreduced loss "
    r"dimension by dimension\.",
    r'reduction: ``"none"``, ``"sum"`` or ``"mean"``, the weighted sum divided by the normalizer\.',
    r"normalizer: Divisor of the mean; by default the number of (boxes|(rows|elements)( that are not ignored)?)\.",
    rf'Returns: (\(\.\.\.\)|The shape of {OPERAND}) for ``"none"``, else a scalar\. The dtype is that of {OPERAND}; a reduced '
    r"16-bit loss is float32\.",
    r"Raises: TypeError: An operand or an option has the wrong type\. ValueError: A shape, a device or the value of an "
    r"option is invalid\.",
}
"""Sentences common to all losses."""


@pytest.mark.parametrize("name", LOSS_FUNCTIONS)
def test_all_losses_describe_their_contract_in_the_same_words(name: str) -> None:
    text = " ".join(inspect.getdoc(getattr(detloss, name)).split())
    assert [sentence for sentence in CONTRACT if not re.search(sentence, text)] == []


def modules() -> Iterator[ModuleType]:
    """Every module of the package."""
    yield detloss
    for found in pkgutil.walk_packages(detloss.__path__, "detloss."):
        yield importlib.import_module(found.name)


@pytest.mark.parametrize("module", list(modules()), ids=lambda module: module.__name__)
def test_examples(module: ModuleType) -> None:
    failures, _ = doctest.testmod(module)
    assert failures == 0
