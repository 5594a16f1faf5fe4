"""Required parts of a public docstring, checked by the build and by a test."""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType

import detloss
from detloss.catalog import LOSSES
from detloss.losses.module import LossModule

MEASURES = "detloss.boxes.overlap"


def missing_parts(item: object) -> list[str]:
    """Names of the parts that the docstring of a public object lacks."""
    return [part for part, present in parts(item) if not present]


def parts(item: object) -> Iterator[tuple[str, bool]]:
    """Required parts of an object's docstring, each with whether it is present."""
    text = inspect.getdoc(item) or ""
    sentence, _, body = text.partition("\n\n")
    yield "a sentence", sentence.endswith(".")
    if isinstance(item, ModuleType) or (isinstance(item, type) and issubclass(item, Exception)):
        return
    if is_another_form(item):
        yield "the name of its function", bool(re.search(r"`[\w.]+`", sentence))
        return
    parameters = inspect.signature(item).parameters  # type: ignore[arg-type]
    if isinstance(item, type) and issubclass(item, LossModule):
        for name in parameters:
            yield f"the option {name}", documents(text, name)
        yield "the name of its function", f"`{item.function.__name__}`" in body
        return
    is_function = inspect.isfunction(item) and not hasattr(item, "__wrapped__")
    yield "When to choose it", "When to choose it:" in body
    if parameters:
        yield "Args", has_section(text, "Args")
        yield "Raises", has_section(text, "Raises")
        for name in parameters:
            yield f"the argument {name}", documents(text, name)
    if is_function:
        yield "Returns", has_section(text, "Returns")
    yield "Example", has_section(text, "Example") and ">>> " in text
    if item.__module__ == MEASURES or item in [loss.function for loss in LOSSES]:
        yield "a formula", has_formula(body)
        yield "Edge cases", has_section(text, "Edge cases")
        yield "Sources", has_section(text, "Sources")
        yield "See also", has_section(text, "See also")


def has_formula(body: str) -> bool:
    """Whether a formula precedes the advice: typeset by a math directive or role, or as a literal."""
    introduction, _, _ = body.partition("When to choose it:")
    return any(markup in introduction for markup in (".. math::", ":math:`", "``"))


def is_another_form(item: object) -> bool:
    """Whether an object is another form of a documented function: its module, or a drop-in replacement."""
    return item is detloss.ParameterPenalty or item.__module__.startswith("detloss.compat.")


def documents(text: str, name: str) -> bool:
    """Whether a docstring has an entry for an argument."""
    return bool(re.search(rf"^    {name}: ", text, re.MULTILINE))


def has_section(text: str, name: str) -> bool:
    """Whether a docstring has a Google-style section that is not empty."""
    return bool(re.search(rf"^{name}:\n    \S", text, re.MULTILINE))
