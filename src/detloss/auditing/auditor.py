"""Function `audit`: any implementation of a loss against its definition."""

import functools
import sys
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from detloss.auditing.accuracy import Examination, operands
from detloss.auditing.battery.cases import DTYPES
from detloss.auditing.behavior import Behavior, ordinary_rows
from detloss.auditing.known_peers import Peer, peer_of
from detloss.auditing.reference import Reference, reference_named
from detloss.auditing.report import Report
from detloss.auditing.rotated_cases import ROTATED
from detloss.auditing.row_errors import GRADIENT
from detloss.auditing.subject import SECONDS_IN_ALL, Subject, accepts
from detloss.auditing.variants import factors, fitting
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind
from detloss.geometry import FORMATS, AxisAligned, Geometry, Rotated


def audit(
    function: Callable[..., Any],
    like: str | None = None,
    *,
    format: str = "xyxy",
    dims: int = 2,
    reduction: str | None = "none",
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Report:
    """Compare any implementation of a loss with its exact definition.

    The definition of the paper is evaluated with 60 digits on ordinary and on difficult inputs, in float64, float32,
    bfloat16 and float16. A promise that the function breaks comes with the smallest input found, the exact result, and
    three lines of Python that reproduce it.

    When to choose it: for a loss that is copied, ported or new, before training with it.

    Args:
        function: Called as ``function(pred, target)``, with ``reduction`` and ``options`` where it takes them.
        like: A name of the catalog, with prefixes, such as ``"siou"`` or ``"inner-ciou"``; None for the losses of
            detloss and of known libraries.
        format: The format of boxes: ``"xyxy"``, ``"xywh"``, ``"cxcywh"``, ``"ltrb"``, or
            ``"rotated"`` for center, sides and angle.
        dims: Their number of dimensions.
        reduction: The argument for an unreduced loss; None if the function has no such argument.
        options: Values of options of the definition, such as ``{"gamma": 1.5}``.
        seed: Of the random inputs.

    Returns:
        A report: ``print`` shows it, and ``broken``, ``checked`` and ``findings`` have the results.

    Raises:
        ValueError: An unknown name, format or option.

    Edge cases: a call that does not return within 5 seconds, raises an error or returns a result of another shape is a
    finding. An audit takes 30 seconds at most.

    Example:
        >>> import detloss
        >>> report = detloss.audit(detloss.generalized_iou_loss)
        >>> report.broken
        0

    Source: ``detloss audit``, the same on the command line.
    """
    if format not in (*FORMATS, ROTATED):
        raise ValueError(f"format: expected one of {', '.join([*FORMATS, ROTATED])}, got {format!r}")
    given = dict(options or {})
    peer = peer_of(function)
    if peer is not None and like in (None, peer.like):
        return audit_peer(peer, given, seed)
    like = like or own_name(function)
    if like is None:
        raise ValueError("like: expected the name of a loss, since the function is not a known one, got None")
    reference = reference_named(like, given, format, dims)
    keywords = keywords_of(function, reference, reduction, given)
    subject = Subject(function, keywords, statements(function, keywords), reference.by_element)
    return report(subject, reference, name_of(function), like, seed)


def audit_peer(peer: Peer, options: Mapping[str, Any] = MappingProxyType({}), seed: int = 0) -> Report:
    """The report of a loss of another library."""
    reference = reference_named(peer.like, {**peer.options, **options}, peer.form)
    function = peer.call
    keywords = keywords_of(function, reference, "none", {**peer.options, **options})
    subject = Subject(function, keywords, peer.statements, reference.by_element)
    return report(subject, reference, peer.name, peer.like, seed)


def audit_loss(name: str, like: str, options: Mapping[str, Any] = MappingProxyType({}), form: str = "xyxy") -> Report:
    """The report of a loss of detloss by its name, with any prefixes."""
    own, reference = (reference_named(each, options, form) for each in (name, like))
    return report(subject_of_loss(own), reference, f"detloss:{name}", like, 0)


def subject_of_loss(own: Reference, seconds: float = SECONDS_IN_ALL) -> Subject:
    """The loss of detloss that has a definition, with its options."""
    given = {**own.loss.options, **{option: own.options[option] for option in own.specification.lengths}}
    if own.kind is Kind.BOX:
        given["geometry"] = geometry_of(own)
    given["reduction"] = "none"
    call = f'loss_named("{own.loss.name}").build({", ".join(written(given))})(pred, target)'
    statements = "from detloss.loss_names import loss_named" + import_of_geometry(given), call
    return Subject(own.loss.build(**given), {}, statements, own.by_element, seconds=seconds)


def report(subject: Subject, reference: Reference, target: str, like: str, seed: int) -> Report:
    """The findings about a function."""
    rows = ordinary_rows(reference, seed)
    dims = dims_of_result(subject, reference, rows)
    subject.is_reduced = dims == 0
    definition, variant = fitting(subject, reference, seed)
    findings = [definition]
    skips_values, found = False, None
    if variant is not None:
        subject, reference, skips_values = variant.subject, variant.reference, variant.is_converted
        rows = ordinary_rows(reference, seed)
        found = factors(variant, seed)
        findings += [] if found is None else [found]
    findings += [] if dims is None else Behavior(subject, reference, *rows).findings(DTYPES)
    examination = Examination(subject, reference, skips_values)
    share = subject.seconds_left / len(DTYPES)
    for later, dtype in zip(reversed(range(len(DTYPES))), DTYPES):
        if not subject.has_hung:
            findings += examination.findings(dtype, Random(seed), later * share)
    if found is not None and not found.holds:  # the variant that fits names the fault
        findings = [finding for finding in findings if finding.promise != GRADIENT]
    return Report(target, like, tuple(str(dtype).removeprefix("torch.") for dtype in DTYPES), tuple(findings))


def dims_of_result(subject: Subject, reference: Reference, rows: tuple[Tensor, Tensor]) -> int | None:
    """The number of dimensions of the result for several rows, 0 for their mean; None if the function fails."""
    try:
        return subject(*operands(subject, rows[0][:4], rows[1][:4])).dim()
    except Exception:
        return None


def keywords_of(
    function: Callable[..., Any], reference: Reference, reduction: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments beside the operands that a function takes."""
    keywords: dict[str, Any] = {name: value for name, value in options.items() if accepts(function, name)}
    required = reference.specification.options_of(reference.dims)
    lengths = reference.specification.lengths
    keywords |= {name: required[name] for name in lengths if name not in keywords and accepts(function, name)}
    if reduction is not None and accepts(function, "reduction"):
        keywords["reduction"] = reduction
    if (getattr(function, "__module__", None) or "").startswith("detloss.losses") and accepts(function, "geometry"):
        keywords["geometry"] = geometry_of(reference)
        keywords |= {name: value for name, value in reference.loss.options.items() if accepts(function, name)}
    return keywords


def geometry_of(reference: Reference) -> Geometry:
    """The geometry of the boxes."""
    form: Any = reference.form
    return Rotated() if reference.is_rotated else AxisAligned(form, reference.dims)


def own_name(function: Callable[..., Any]) -> str | None:
    """The name in the catalog of a loss of detloss."""
    losses = (*LOSSES, *ROTATED_LOSSES)
    return next((each.name for each in losses if each.function is function or type(function) is each.module), None)


def name_of(function: Callable[..., Any]) -> str:
    """A function as ``module:name``, with the shortest module that has it."""
    inner = function.func if isinstance(function, functools.partial) else function
    inner = type(inner) if isinstance(inner, nn.Module) else inner
    name, module = getattr(inner, "__qualname__", type(inner).__qualname__), getattr(inner, "__module__", "builtins")
    parts = module.split(".")
    paths = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return next(
        (f"{path}:{name}" for path in paths if getattr(sys.modules.get(path), name, None) is inner), f"{module}:{name}"
    )


def statements(function: Callable[..., Any], keywords: Mapping[str, Any]) -> tuple[str, str]:
    """Python code that imports a function and calls it; instances and local functions cannot be imported."""
    module, _, name = name_of(function).partition(":")
    is_importable = getattr(sys.modules.get(module), name, None) is function
    importing, name = (f"from {module} import {name}", name) if is_importable else ("function = ...", "function")
    return importing + import_of_geometry(keywords), f"{name}({', '.join(['pred', 'target', *written(keywords)])})"


def written(keywords: Mapping[str, Any]) -> list[str]:
    """Arguments as Python code."""
    return [f"{name}={value!r}" for name, value in keywords.items()]


def import_of_geometry(keywords: Mapping[str, Any]) -> str:
    """The statement that imports the geometry among the arguments, if there is one."""
    return f"; from detloss import {type(keywords['geometry']).__name__}" if "geometry" in keywords else ""
