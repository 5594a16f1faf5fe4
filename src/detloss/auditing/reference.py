"""Reference of an audit: the definition of a loss with its options, and its cases in the battery."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from random import Random
from types import MappingProxyType
from typing import Any

import torch
from mpmath import mpf

from detloss.auditing.battery import cases as battery
from detloss.auditing.battery.cases import Case
from detloss.auditing.definitions import box_definitions, softmax_definitions
from detloss.auditing.definitions.exact_arithmetic import gradient
from detloss.auditing.definitions.weight_definitions import iou_focus
from detloss.auditing.oracle import exact_boxes, exact_qualities
from detloss.auditing.oracle.defined_boxes import Defined
from detloss.auditing.oracle.exact import Derivative, Exact
from detloss.auditing.rotated_cases import ROTATED, exact_of, rotated_cases
from detloss.auditing.specifications import PER_ROW, SPECIFICATIONS, Options, Specification
from detloss.catalog import Kind, Loss
from detloss.loss_names import loss_named, options_of

GENERATORS: Mapping[Kind, Callable[..., Iterator[Case]]] = {
    Kind.REGRESSION: battery.regression_cases,
    Kind.SOFTMAX: partial(battery.softmax_cases, classes=(2, 5, 81)),
    Kind.DISTRIBUTION: battery.distribution_cases,
    Kind.MASK: battery.mask_cases,
    **dict.fromkeys(battery.ONE_LOGIT, battery.binary_cases),
}
ROWS = 8  # per family of boxes
OF_SHAPES = ("enclosing", "form")  # options of a function that its definition for axis-aligned boxes does not have

DEFINITIONS: Mapping[str, Callable[..., Any]] = {
    name: getattr(box_definitions, name) for name in ("iou", "giou", "diou", "ciou")
}
"""Definitions of the box losses whose exact results are computed in fractions."""


def softmax_focal(logits: Sequence[float], target: int, **options: Any) -> Exact:
    """Focal loss of a softmax by difference quotients."""
    slopes = gradient(softmax_definitions.softmax_focal, list(logits), target, **options)
    value = softmax_definitions.softmax_focal(list(logits), target, **options)
    return Exact(value, tuple(Derivative(slope, slope, slope) for slope in slopes))


QUOTIENTS: Mapping[str, Callable[..., Exact]] = {
    "focal": partial(exact_qualities.poly_focal, poly=0.0),
    "poly_focal": exact_qualities.poly_focal,
    "qfl": exact_qualities.quality_focal,
    "vfl": exact_qualities.varifocal,
    "varifocal_with_constant_focus": partial(exact_qualities.varifocal, hold_focus=True),
    "mal": exact_qualities.matchability_aware,
    "iabce": exact_qualities.iou_aware_cross_entropy,
    "asl": exact_qualities.asymmetric,
    "softmax_focal": softmax_focal,
}
"""Exact results by difference quotients, which follow the factors that are held constant."""


@dataclass(frozen=True)
class Reference:
    """A definition with its options.

    Attributes:
        loss: The row of the catalog, with modifiers.
        specification: Its specification, for these options alone.
        options: The options of the function, by name.
        form: The format of boxes.
        dims: Their number of dimensions.
        has_hard_targets: Whether targets between 0 and 1 are left out.
    """

    loss: Loss
    specification: Specification
    options: Options
    form: str = "xyxy"
    dims: int = 2
    has_hard_targets: bool = False

    @property
    def kind(self) -> Kind:
        return self.loss.kind

    @property
    def is_rotated(self) -> bool:
        """Whether the boxes have an angle."""
        return self.form == ROTATED

    @property
    def by_element(self) -> bool:
        """Whether the unreduced loss has one value per element."""
        return self.kind not in PER_ROW

    def by_quotients(self, pred: Any, target: Any) -> Exact | None:
        """The exact result of a row by difference quotients, if the loss has factors that may be held constant."""
        name, exact = self.specification.name, self.specification.exact
        if self.is_rotated:
            return None
        if self.kind is Kind.BOX:
            if name in DEFINITIONS and not isinstance(exact, Defined):
                exact = Defined(DEFINITIONS[name], exact)
            if not isinstance(exact, Defined):
                return None
            return exact.exact(pred, target, self.form, self.specification.options_of(self.dims))
        return QUOTIENTS[name](pred, target, **self.specification.chosen) if name in QUOTIENTS else None

    def exact(self, pred: Any, target: Any) -> Exact:
        """The exact result of a row."""
        exact, options = self.specification.exact, self.specification.options_of(self.dims)
        if self.is_rotated or self.kind is not Kind.BOX:
            found: Exact = exact(pred, target, **({} if self.is_rotated else self.specification.chosen))
            return found
        if isinstance(exact, Defined):
            return exact.exact(pred, target, self.form, options)
        return exact_boxes.exact(exact, pred, target, self.form)

    def cases(self, rng: Random, dtype: torch.dtype) -> Iterator[Case]:
        """The cases of the battery, with finite operands and without the options of other losses."""
        losses = (self.specification,)
        if self.is_rotated:
            drawn = rotated_cases(self.specification, rng, dtype)
        elif self.kind is Kind.BOX:
            rows = 2 * ROWS if isinstance(self.specification.exact, Defined) else ROWS
            drawn = battery.box_cases(rng, dtype, losses, {(self.form, self.dims): rows})
        else:
            drawn = GENERATORS[self.kind](rng, dtype, losses)
        for case in drawn:
            if self.has_hard_targets and case.family.startswith("soft"):
                continue
            if case.options.get("class_weight") is None and "bins" not in case.options:
                yield finite_rows(case)

    def corners(self, row: Sequence[float]) -> list[Fraction]:
        """The minima and maxima of a box."""
        return exact_boxes.apply(exact_boxes.corner_map(self.form, self.dims), [Fraction(x) for x in row])


def finite_rows(case: Case) -> Case:
    """A case without the rows that have NaN or infinity."""
    rows = case.pred.reshape(len(case.pred), -1).isfinite().all(1)
    rows &= case.target.reshape(len(case.target), -1).isfinite().all(1)
    return replace(case, pred=case.pred[rows], target=case.target[rows])


def reference_named(like: str, options: Options, form: str = "xyxy", dims: int = 2) -> Reference:
    """The definition of a name of the catalog, with prefixes, and with other values of options.

    Raises:
        ValueError: There is no such loss or option, or no exact definition of it.
    """
    loss = loss_named(like)
    known = {**options_of(loss), **loss.modifier_options}
    for name in options:
        if name not in known:
            raise ValueError(
                f"with: expected one of the options {', '.join(known) or '(none)'} of {like}, got {name!r}"
            )
    loss = loss.with_options(options)
    if loss.kind is Kind.ROTATED or form == ROTATED:
        return rotated_reference(loss, known, options)
    found = {each.name: each for each in SPECIFICATIONS if is_entry(each.entry, loss)}
    base = next((name for name, each in found.items() if not each.of), None)
    if base is None:
        raise ValueError(f"like: expected a loss with an exact definition, got {like!r}")
    values = {**{name: each for name, each in known.items() if each is not inspect.Parameter.empty}, **loss.options}
    specification = found[base]
    if values.get("poly") and f"poly_{base}" in found:
        specification = found[f"poly_{base}"]
    elif values.get("hold_focus"):
        specification = found["varifocal_with_constant_focus"]
    missing = {name: each for name, each in specification.options_of(dims).items() if name not in values}
    values = {**missing, **values, **loss.modifier_options}
    restrict = of_boxes if loss.kind is Kind.BOX else of_logits
    return Reference(loss, restrict(specification, loss, values), values, form, dims)


def rotated_reference(loss: Loss, known: Options, options: Options) -> Reference:
    """The definition of a loss for rotated boxes.

    Raises:
        ValueError: There is none.
    """
    if loss.modifiers:
        raise ValueError(f"format: expected a loss without prefixes for rotated boxes, got {loss.name}")
    values = {**known, **loss.options, **options}
    specification = Specification(loss.name, exact_of(loss.name, values), is_symmetric=loss.name != "kld")
    return Reference(loss, specification, values, ROTATED)


def is_entry(entry: Loss, loss: Loss) -> bool:
    """Whether a loss of the catalog is another, apart from modifiers and class weights."""
    return entry.function is loss.function and entry.options.get("form") == loss.options.get("form")


def of_logits(specification: Specification, loss: Loss, values: Options) -> Specification:
    """A specification for the options that its exact result has."""
    parameters = inspect.signature(specification.exact).parameters.values()
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    names = {each.name for each in parameters}
    chosen = {name: each for name, each in values.items() if takes_all or name in names}
    return replace(specification, grid=lambda rng, finite: [chosen], chosen=chosen)


def of_boxes(specification: Specification, loss: Loss, values: Options) -> Specification:
    """A specification of boxes with modifiers.

    Raises:
        ValueError: The loss has a running mean, which one call does not determine.
    """
    names = {modifier.name for modifier in loss.modifiers}
    if "wise" in names:
        raise ValueError("like: expected a loss without a running mean, got the prefix wise-")
    overlap = [modifier.options for modifier in loss.modifiers if modifier.focus is None]
    names_of = [name for name in (*options_of(loss), *specification.chosen) if name not in OF_SHAPES]
    own = {name: values[name] for name in names_of if name in values}
    chosen = own | {name: value for options in overlap for name, value in options.items()}
    exact = specification.exact
    if names and not isinstance(exact, Defined):
        exact = Defined(DEFINITIONS[specification.name], exact)
    if "focal" in names:
        exact = Focused(exact.definition, exact.base, exact.terms, values["gamma"])
    return replace(specification, exact=exact, chosen=chosen)


@dataclass(frozen=True)
class Focused(Defined):
    """A loss times the constant weight IoU^gamma."""

    gamma: float = 0.5

    def exact(
        self,
        pred: Sequence[float],
        target: Sequence[float],
        form: str = "xyxy",
        options: Options = MappingProxyType({}),
    ) -> Exact:
        """The exact result of one pair of rows."""
        plain = super().exact(pred, target, form, options)
        weight = iou_focus(1 - exact_boxes.exact(exact_boxes.iou, pred, target, form).value, self.gamma)
        by_pred, by_target = (scaled(side, weight) for side in (plain.by_pred, plain.by_target))
        return Exact(weight * plain.value, by_pred, by_target, weight * plain.condition)


def scaled(derivatives: tuple[Derivative, ...], weight: mpf) -> tuple[Derivative, ...]:
    """Derivatives times a positive constant."""
    return tuple(Derivative(weight * each.low, weight * each.high, weight * each.condition) for each in derivatives)
