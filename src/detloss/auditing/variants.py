"""Variants of a definition: another format, another loss of the catalog, a similarity, and factors held constant."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random
from typing import Any

import torch
from mpmath import nstr
from torch import Tensor

from detloss.auditing.accuracy import operands
from detloss.auditing.battery import box_families
from detloss.auditing.definitions import box_definitions
from detloss.auditing.definitions.exact_arithmetic import exchanged, recorded
from detloss.auditing.oracle import exact_boxes
from detloss.auditing.oracle.defined_boxes import Defined
from detloss.auditing.oracle.exact import Exact
from detloss.auditing.reference import Reference, reference_named
from detloss.auditing.report import Finding
from detloss.auditing.rotated_cases import rotated_pairs
from detloss.auditing.row_errors import DIGITS
from detloss.auditing.subject import Subject
from detloss.catalog import LOSSES, Kind

DEFINITION, FACTORS = "definition", "constant factors"
FITS = 1e-4  # relative; implementations with an eps of 1e-7 fit
ROWS = 4
OF_HARD_TARGETS = ("focal", "poly_focal", "asl", "asymmetric_without_margin")
"""Losses that their papers define for targets of 0 and 1 alone."""


@dataclass(frozen=True)
class Variant:
    """A definition that a function may have instead.

    Attributes:
        description: What differs.
        subject: The function, with its result or its operands converted.
        reference: The definition.
        is_converted: Whether the conversion rounds, so that errors in ulps say nothing about the function.
        is_fault: Whether the function is another loss than its name says.
    """

    description: str
    subject: Subject
    reference: Reference
    is_converted: bool = False
    is_fault: bool = False


def variants(subject: Subject, reference: Reference) -> Iterator[Variant]:
    """The definition itself, then others."""
    yield Variant("", subject, reference)
    if reference.kind is Kind.BOX and not reference.is_rotated:
        if reference.loss.name == "ciou":
            yield Variant("alpha is 0 below an IoU of 0.5", subject, with_threshold(reference))
        for form in exact_boxes.FORMATS:
            if form != reference.form:
                yield Variant(f"boxes in the format {form}", subject, replace(reference, form=form))
    for description, adapt in CONVERSIONS:
        adapted = replace(subject, adapt=adapt)
        yield Variant(description, adapted, reference, is_converted=True)
    swapped = replace(subject, function=lambda pred, target, **options: subject.function(target, pred, **options))
    yield Variant("arguments in the order target, pred", swapped, reference)
    if reference.kind in (Kind.SIGMOID, Kind.QUALITY, Kind.HEATMAP, Kind.MASK):
        given = lambda pred, target, **options: subject.function(pred.sigmoid(), target, **options)  # noqa: E731
        yield Variant("probabilities, not logits", replace(subject, function=given), reference, is_converted=True)
    for loss in LOSSES:
        if loss.kind is reference.kind and loss.name != reference.loss.name and not reference.is_rotated:
            other = reference_named(loss.name, {}, reference.form, reference.dims)
            yield Variant(f"the loss {loss.name}", subject, other, is_fault=True)


CONVERSIONS: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    ("a similarity, 1 - loss", lambda result: 1.0 - result),
    ("the negative similarity", lambda result: 1.0 + result),
    ("twice the loss", lambda result: result / 2.0),
    ("half the loss", lambda result: result * 2.0),
)


def with_threshold(reference: Reference) -> Reference:
    """CIoU whose alpha is 0 below an IoU of 0.5, as in the second paper of its authors."""
    own = reference.specification
    changed = replace(
        own, exact=Defined(box_definitions.ciou, exact_boxes.ciou), chosen={**own.chosen, "threshold": 0.5}
    )
    return replace(reference, specification=changed)


def fitting(subject: Subject, reference: Reference, seed: int) -> tuple[Finding, Variant | None]:
    """The first variant whose values the function has on ordinary rows, and the finding about it."""
    found: Finding | None = None
    for variant in variants(subject, reference):
        misfit = deviation(variant, list(ordinary(variant.reference, Random(seed))))
        if misfit is None:
            variant = for_its_targets(variant, seed)
            named, got = (reference.loss.name if variant.is_fault else None), variant.description or None
            return Finding(DEFINITION, "float64", named is None, expected=named, got=got), variant
        found = found or misfit
        if subject.has_hung:
            break
    assert found is not None
    return found, None


def for_its_targets(variant: Variant, seed: int) -> Variant:
    """The variant, for targets of 0 and 1 alone if the paper has no others and the function extends it otherwise."""
    rng = Random(seed)
    rows = [(rng.gauss(0, 2), rng.random()) for _ in range(2 * ROWS)]
    if variant.reference.specification.name not in OF_HARD_TARGETS or deviation(variant, rows) is None:
        return variant
    difference = "another loss for targets between 0 and 1, which are not compared"
    description = f"{variant.description}, {difference}" if variant.description else difference
    return replace(variant, description=description, reference=replace(variant.reference, has_hard_targets=True))


def deviation(variant: Variant, rows: list[tuple[Any, Any]]) -> Finding | None:
    """The row with the largest deviation from a definition, or None if the function fits."""
    pred, target = tensors(rows, variant.reference)
    outcome = variant.subject.evaluate(*operands(variant.subject, pred, target))
    if outcome.values is None:
        return Finding(DEFINITION, "float64", False, expected="a value per row", got=outcome.problem)
    worst, finding = 0.0, None
    for row, value in zip(rows, outcome.values.tolist()):
        exact = variant.reference.exact(*row).value
        error = abs(value - float(exact)) / max(abs(float(exact)), 1e-3)
        if not error <= max(FITS, worst):
            worst = error
            finding = Finding(DEFINITION, "float64", False, None, row[0], row[1], nstr(exact, DIGITS), repr(value))
    return finding


def tensors(rows: list[tuple[Any, Any]], reference: Reference) -> tuple[Tensor, Tensor]:
    """Rows as operands in float64; indices of classes stay integers."""
    pred = torch.tensor([row[0] for row in rows], dtype=torch.float64)
    is_index = reference.specification.index_target
    return pred, torch.tensor([row[1] for row in rows], dtype=None if is_index else torch.float64)


def ordinary(reference: Reference, rng: Random) -> Iterator[tuple[Any, Any]]:
    """Ordinary rows of numbers: of boxes, some overlap and some do not."""
    if reference.is_rotated:
        for make in (box_families.ordinary, box_families.disjoint):
            for _ in range(ROWS):
                yield rotated_pairs(rng, make, torch.float64)
        return
    if reference.kind is Kind.BOX:
        limits = box_families.RANGES[torch.float64]
        for make in (box_families.ordinary, box_families.ordinary, box_families.disjoint):
            for _ in range(ROWS):
                pair = make(rng, reference.dims, limits)
                if reference.specification.name == "log_iou" and make is box_families.disjoint:
                    continue
                pred, target = (box_families.in_format(corners, reference.form) for corners in pair)
                if reference.exact(pred, target).value < 80:
                    yield pred, target
        return
    if reference.kind is Kind.REGRESSION:
        for _ in range(2 * ROWS):
            yield rng.gauss(0, 2), rng.gauss(0, 2)
        return
    columns = {Kind.SOFTMAX: 5, Kind.DISTRIBUTION: 17, Kind.MASK: 7}.get(reference.kind)
    for k in range(2 * ROWS):
        if columns is None:
            chance = rng.random() if reference.kind in (Kind.QUALITY, Kind.HEATMAP) and k % 2 else float(k % 4 == 1)
            yield rng.gauss(0, 2), chance
        elif reference.kind is Kind.SOFTMAX:
            yield [rng.gauss(0, 2) for _ in range(columns)], rng.randrange(columns)
        elif reference.kind is Kind.DISTRIBUTION:
            yield [rng.gauss(0, 2) for _ in range(columns)], rng.uniform(0, columns - 1)
        else:
            yield [rng.gauss(0, 2) for _ in range(columns)], [float(rng.random() < 0.5) for _ in range(columns)]


def factors(variant: Variant, seed: int) -> Finding | None:
    """The factors that the function holds constant against the paper, or differentiates against it.

    None: the loss has no such factors, or no choice of them has the gradient of the function.
    """
    rows = list(ordinary(variant.reference, Random(seed)))[: 2 * ROWS]
    with recorded() as names:
        if variant.reference.by_quotients(*rows[0]) is None:
            return None
        for row in rows[1:]:
            variant.reference.by_quotients(*row)
        found = sorted(names)
    if not found:
        return None
    outcome = variant.subject.evaluate(*operands(variant.subject, *tensors(rows, variant.reference)))
    if outcome.gradient is None:
        return None
    for exchange in (each for count in range(3) for each in combinations(found, count)):
        with exchanged(exchange):
            exact = [variant.reference.by_quotients(*row) for row in rows]
        misfits = [k for k, (gradient, each) in enumerate(zip(outcome.gradient, exact)) if not has(gradient, each)]
        if not misfits:
            expected, got = (
                ", ".join(f"{name} {'detached' if names[name] == held else 'attached'}" for name in exchange)
                for held in (True, False)
            )
            pred, target = rows[0] if exchange else (None, None)
            shown = expected or None, got or None
            return Finding(FACTORS, "float64", not exchange, None, pred, target, *shown)
    return None


def has(gradient: Tensor, exact: Exact | None) -> bool:
    """Whether a gradient fits the exact one."""
    assert exact is not None
    expected = torch.tensor([float((each.low + each.high) / 2) for each in exact.by_pred], dtype=torch.float64)
    largest = float(expected.abs().amax())
    return bool(((gradient - expected).abs() <= 1e2 * FITS * max(largest, 1e-9)).all())
