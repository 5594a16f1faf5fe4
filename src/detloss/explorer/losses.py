"""Losses of the page: their formulas, options and titles as JSON."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from detloss.catalog import LOSSES, MODIFIERS, ROTATED_LOSSES, Kind, Loss, Sizes
from detloss.explorer.mathml import mathml
from detloss.explorer.requests import PER_CLASS, SET_BY_PAGE, call_of, formula_of, limits, variants
from detloss.formulas.measures import AnyPrimitive, ReadMeasures, Slopes
from detloss.kernels.interface import BoxRequest
from detloss.losses.overlap_options import Overlap

CANVAS = Sizes(image=(20.0, 15.0), objects=4.0)
"""Sizes of the canvas and of the objects on it, for losses with options in units of length."""

LISTS = {
    Kind.BOX: "box",
    Kind.SIGMOID: "logit",
    Kind.QUALITY: "logit",
    Kind.HEATMAP: "logit",
    Kind.SOFTMAX: "row",
    Kind.REGRESSION: "number",
}
OMITTED = {
    Kind.MASK: "a loss of all pixels of a mask, not of one logit",
    Kind.DISTRIBUTION: "a loss of a distribution over bins, not of classes",
    Kind.ROTATED: "a loss of rotated boxes, whose geometry is not generated in JavaScript",
}
FORMULA = re.compile(
    r"^\s*\.\. math::(?: (?P<line>.+)|\n\n(?P<block>(?:\s{3,}.+\n)+))|:math:`(?P<inline>L = [^`]+)`", re.M
)


@functools.cache
def page_losses() -> list[dict[str, Any]]:
    """The losses of the page."""
    return [record(loss.with_sizes(CANVAS)) for loss in LOSSES if loss.kind in LISTS]


def omitted_losses() -> list[dict[str, str]]:
    """The losses that are not on the page, with the reason."""
    return [
        {"name": loss.name, "title": loss.title, "kind": loss.kind.name.lower(), "reason": OMITTED[loss.kind]}
        for loss in (*LOSSES, *ROTATED_LOSSES)
        if loss.kind not in LISTS
    ]


def record(loss: Loss) -> dict[str, Any]:
    """A loss as JSON: its name, its formulas, the options that a user may set, and its mathematics."""
    call, options = call_of(loss), options_of(loss)
    base = formula_of(call)
    return {
        "name": loss.name,
        "title": loss.title,
        "list": LISTS[loss.kind],
        "function": loss.function.__name__,
        "reads": sorted(call.request.needs) if isinstance(call.request, BoxRequest) else [],
        "terms": count_terms(call.request.formula) if isinstance(call.request, BoxRequest) else None,
        "fixed": dict(loss.options) if not loss.from_sizes else {},
        "formula": asdict(base),
        "variants": [asdict(each) for each in variants(loss, base, options)],
        "modified": modified_geometries(loss),
        "options": [option(loss, name, default) for name, default in options.items()],
        "has_class_weight": loss.from_counts is not None,
        "has_quality": "quality" in inspect.signature(loss.function).parameters,
        "mathml": [mathml(tex, block=True) for tex in formulas(loss)],
        "sources": sources(loss),
    }


def count_terms(penalty: Callable[..., Any]) -> int | None:
    """The number of terms that a penalty adds to 1 - IoU; None if it is not such a sum."""
    counts: list[int] = []

    def total(m: Any, pair: Any, *terms: Any) -> Any:
        counts.append(len(terms))
        return counts, 1.0, Slopes()

    if "total" not in inspect.signature(penalty).parameters:
        return None
    try:
        loss, *_ = penalty(AnyPrimitive(), ReadMeasures(), total=total)
    except TypeError:  # it computes with the sum
        return None
    return counts[0] if loss is counts else None


def options_of(loss: Loss) -> dict[str, Any]:
    """The options of a loss that have one value, and their defaults."""
    parameters = inspect.signature(loss.function).parameters.values()
    without = SET_BY_PAGE | (PER_CLASS if loss.kind is Kind.SOFTMAX else set())
    return {
        each.name: loss.options.get(each.name, each.default)
        for each in parameters
        if each.kind is each.KEYWORD_ONLY and each.name not in without
    }


def option(loss: Loss, name: str, default: Any) -> dict[str, Any]:
    """An option: its default, and the range of its slider if it is a number."""
    is_number = default is None or (isinstance(default, float | int) and not isinstance(default, bool))
    low, high = limits(loss, name, default or 0.0) if is_number else (None, None)
    return {"name": name, "default": default, "low": low, "high": high}


def modified_geometries(loss: Loss) -> dict[str, str] | None:
    """The generated code of the boxes for the loss with modifiers, without and with inner boxes."""
    if "overlap" not in inspect.signature(loss.function).parameters or loss.options.get("form") == "log":
        return None
    overlaps = {"plain": Overlap(power=2.0), "inner": Overlap(inner=0.5)}
    calls = {name: call_of(loss, overlap=overlap) for name, overlap in overlaps.items()}
    return {name: str(formula_of(call).geometry) for name, call in calls.items()}


def overlap_options() -> list[dict[str, Any]]:
    """The options of the modifiers of the overlap, with the values of the papers."""
    values = {name: value for each in MODIFIERS if each.focus is None for name, value in each.options.items()}
    defaults = asdict(Overlap())
    return [{"name": name, "default": defaults[name], "example": value} for name, value in values.items()]


def formulas(loss: Loss) -> list[str]:
    """The formulas in the docstring before the advice; of a loss with forms, those of its form."""
    introduction, _, _ = (inspect.getdoc(loss.function) or "").partition("When to choose it:")
    found = [match["line"] or match["block"] or match["inline"] for match in FORMULA.finditer(introduction)]
    forms = [tex for tex in found if r"\log" in tex] if loss.options.get("form") == "log" else found
    return forms if loss.options else found[: 1 if "form" in inspect.signature(loss.function).parameters else None]


def sources(loss: Loss) -> list[str]:
    """The addresses of the publications."""
    text = inspect.getdoc(loss.function) or ""
    return re.findall(r"https://[^\s),;]+", text.partition("Sources:")[2].partition("See also:")[0])
