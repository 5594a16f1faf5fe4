"""The arithmetic of the explorer in a browser against the eager backend in float64."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import Tensor

import detloss
from detloss.auditing.battery.box_families import FAMILIES, RANGES, in_format
from detloss.catalog import LOSSES, Kind, Loss
from detloss.explorer.losses import CANVAS, LISTS, page_losses
from tests.support.explorer_page import loss_rows, opened, rows_of

PAIRS = 10_000
DEGENERATE = 60  # pairs of every family of degenerate pairs
SAME_BITS = ("iou", "giou", "diou")
VALUE_ULPS, GRADIENT_ULPS = 4, 12  # the gradient's relative to the largest derivative or term
OTHER_VALUE_ULPS = {"log_cosh": 6, "ce": 10, "weighted_ce": 10, "softmax_focal": 10}
EXPONENTS = {"gamma", "positive_gamma", "negative_gamma"}  # a power multiplies the error of its base
OTHER_EXPONENTS = {"qfl": {"beta"}, "heatmap": {"alpha", "beta"}}
CANCELS = {"poly": -1.0, "label_smoothing": 1.0}
CATALOG = {loss.name: loss.with_sizes(CANVAS) for loss in LOSSES if loss.kind in LISTS}
RECORDS = {record["name"]: record for record in page_losses()}
MODIFIED = {"power": 3.0, "interval": [0.0, 0.95], "inner": 0.7}
LOGITS = (0.0, 1e-30, 1e-6, 0.3, 1.0, 2.5, 5.0, 17.0, 37.0, 88.0, 104.0, 745.0, 1000.0, 3e38, math.inf)


def names(kind: str) -> list[str]:
    return [name for name, record in RECORDS.items() if record["list"] == kind]


@pytest.fixture(scope="module")
def page(browser: Browser, explorer: Path) -> Iterator[Page]:
    with opened(browser, explorer) as page:
        yield page


@pytest.fixture(scope="module")
def pairs() -> Tensor:
    """Rows of two boxes: degenerate pairs of every family, and random ones."""
    rng, limits = Random(0), RANGES[torch.float64]
    drawn = [family(rng, 2, limits) for family in FAMILIES.values() for _ in range(DEGENERATE)]
    drawn += [FAMILIES["ordinary"](rng, 2, limits) for _ in range(PAIRS)]
    return torch.tensor([[*pred, *target] for pred, target in drawn], dtype=torch.float64)


def evaluated(loss: Loss, pred: Tensor, target: Tensor, options: dict[str, Any], **call: Any) -> Tensor:
    """Values and derivatives of a loss on the eager backend, a row per element or row."""
    leaf = pred.clone().requires_grad_()
    with detloss.use_backend("eager"):
        value = loss.build(**{**options, "reduction": "none"})(leaf, target, **call)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return torch.cat([value.detach().reshape(len(pred), -1), gradient.reshape(len(pred), -1)], -1)


def ulp(size: Tensor) -> Tensor:
    size = size.abs()
    return torch.nextafter(size, torch.full_like(size, math.inf)) - size


def assert_close(name: str, options: dict[str, Any], ours: Tensor, theirs: Tensor, terms: Tensor) -> None:
    """Values in ulps of themselves, gradients in ulps of the largest of the derivatives and of `terms`."""
    powers = EXPONENTS | OTHER_EXPONENTS.get(name, set())
    defaults = {option["name"]: option["default"] for option in RECORDS[name]["options"]}
    exponent = sum(value or 0.0 for key, value in {**defaults, **options}.items() if key in powers)
    value_ulps, gradient_ulps = OTHER_VALUE_ULPS.get(name, VALUE_ULPS) + 2 * exponent, GRADIENT_ULPS + 2 * exponent
    same = (ours == theirs) | (ours.isnan() & theirs.isnan())
    largest = theirs[:, 1:].abs().amax(-1, keepdim=True).maximum(terms)
    allowed = torch.cat([value_ulps * ulp(theirs[:, :1]), gradient_ulps * ulp(largest.expand_as(theirs[:, 1:]))], -1)
    wrong = ~(same | ((ours - theirs).abs() <= allowed.clamp(min=1e-300)))
    first = wrong.any(-1).nonzero()[:1].flatten()
    assert not wrong.any(), f"{options}: {wrong.any(-1).sum()} rows, first {ours[first]}, expected {theirs[first]}"


def options_of(name: str) -> list[dict[str, Any]]:
    """The defaults, and every option at several values of its range."""
    chosen: list[dict[str, Any]] = [{}]
    for option in RECORDS[name]["options"]:
        if isinstance(option["default"], bool):
            chosen.append({option["name"]: not option["default"]})
        elif option["low"] is not None:
            low, high = option["low"], option["high"]
            values = [value for value in (low, low + 0.35 * (high - low), high) if value != CANCELS.get(option["name"])]
            chosen += [{option["name"]: value} for value in values]
    return chosen


def test_the_names_are_those_of_the_catalog(page: Page) -> None:
    listed = page.evaluate("detloss.names")
    omitted = page.evaluate("detloss.omitted")
    assert {kind: names(kind) for kind in ("box", "logit", "row", "number")} == listed
    everything = [name for found in listed.values() for name in found] + list(omitted)
    assert sorted(everything) == sorted(loss.name for loss in (*LOSSES, *detloss.catalog.ROTATED_LOSSES))
    assert all(omitted.values())


@pytest.mark.parametrize("name", names("box"))
def test_boxes(page: Page, pairs: Tensor, name: str) -> None:
    for options in options_of(name):
        theirs = evaluated(CATALOG[name], pairs[:, :4], pairs[:, 4:], options)
        ours = loss_rows(page, "box", name, pairs, options)
        if name in SAME_BITS:
            is_nan = theirs.isnan()
            assert torch.equal(ours.isnan(), is_nan)
            assert torch.equal(ours[~is_nan].view(torch.int64), theirs[~is_nan].view(torch.int64))
        else:
            assert_close(
                name, options, ours, theirs, exponential_terms(name, theirs, options.get("scale", CANVAS.objects))
            )


def exponential_terms(name: str, results: Tensor, scale: float) -> Tensor:
    """The largest derivative times one plus the exponent of NWD, which multiplies the error of the distance."""
    largest = results[:, 1:].abs().amax(-1, keepdim=True)
    return largest * (1.0 - (scale * largest).log().clamp(max=0.0)) if name == "nwd" else largest


@pytest.mark.parametrize("name", [name for name in names("box") if RECORDS[name]["modified"]])
def test_modified_overlap(page: Page, pairs: Tensor, name: str) -> None:
    overlap = detloss.Overlap(**MODIFIED)
    theirs = evaluated(CATALOG[name], pairs[:, :4], pairs[:, 4:], {"overlap": overlap})
    ours = loss_rows(page, "box", name, pairs, MODIFIED)
    assert_close(name, {}, ours, theirs, 2.0 * theirs[:, 1:].abs().amax(-1, keepdim=True))


@pytest.mark.parametrize("box_format", ["xywh", "cxcywh", "ltrb"])
@pytest.mark.parametrize("name", SAME_BITS)
def test_formats(page: Page, pairs: Tensor, name: str, box_format: str) -> None:
    rows = torch.tensor(
        [
            [*in_format(row[:4], box_format), *in_format(row[4:], box_format)]
            for row in pairs[: 40 * DEGENERATE].tolist()
        ],
        dtype=torch.float64,
    )
    geometry = {"geometry": detloss.AxisAligned(box_format)}
    theirs = evaluated(CATALOG[name], rows[:, :4], rows[:, 4:], geometry)
    ours = loss_rows(page, "box", name, rows, {"format": box_format})
    assert torch.equal(ours.isnan(), theirs.isnan())
    assert torch.equal(ours.nan_to_num(), theirs.nan_to_num())


@pytest.mark.parametrize("name", names("number"))
def test_numbers(page: Page, name: str) -> None:
    rng = Random(1)
    errors = [sign * 10**k for k in range(-12, 13) for sign in (-1.0, 1.0)] + [rng.uniform(-3, 3) for _ in range(500)]
    rows = torch.tensor(
        [[error, 0.0] for error in errors] + [[1e6 + error, 1e6] for error in errors], dtype=torch.float64
    )
    for options in options_of(name):
        if name == "balanced_l1" and options.get("gamma", 1.5) > 64 * options.get("alpha", 0.5):
            continue
        theirs = evaluated(CATALOG[name], rows[:, 0], rows[:, 1], options)
        assert_close(name, options, loss_rows(page, "number", name, rows, options), theirs, torch.zeros(()))


@pytest.mark.parametrize("name", names("logit"))
def test_logits(page: Page, name: str) -> None:
    rng = Random(2)
    logits = [*LOGITS, *(-logit for logit in LOGITS), *(rng.uniform(-9, 9) for _ in range(300))]
    soft = (0.3,) if CATALOG[name].kind is Kind.SIGMOID and name != "asl" else ()
    rows = torch.tensor([[logit, label] for logit in logits for label in (0.0, 1.0, *soft)], dtype=torch.float64)
    qualities = (None, 0.0, 0.4, 1.0) if RECORDS[name]["has_quality"] else (None,)
    for options in options_of(name):
        for quality in qualities:
            call = {} if quality is None else {"quality": torch.full((len(rows),), quality, dtype=torch.float64)}
            theirs = evaluated(CATALOG[name], rows[:, 0], rows[:, 1], options, **call)
            extra = {} if quality is None else {"quality": quality}
            ours = loss_rows(page, "logit", name, rows, {**options, **extra})
            assert_close(name, options, ours, theirs, terms_of_logits(name, rows, options))


def terms_of_logits(name: str, rows: Tensor, options: dict[str, Any]) -> Tensor:
    """The derivatives of both labels, of which that of a soft target is a sum; 1 where the target follows the score."""
    if name == "iabce":
        return torch.ones(())
    if CATALOG[name].kind is not Kind.SIGMOID or name == "asl":
        return torch.zeros(())
    sides = [evaluated(CATALOG[name], rows[:, 0], torch.full_like(rows[:, 1], label), options) for label in (0.0, 1.0)]
    sum_of_sides = sum(side[:, 1:].abs() for side in sides)
    return torch.where((rows[:, 1:] > 0) & (rows[:, 1:] < 1), sum_of_sides, 0.0)


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("name", names("row"))
def test_rows(page: Page, name: str, classes: int) -> None:
    rng = Random(3)
    spreads = (0.0, 1.0, 9.0, 100.0, 900.0)
    logits = torch.tensor(
        [[rng.gauss(0, 1) * spread for _ in range(classes)] for spread in spreads for _ in range(40)],
        dtype=torch.float64,
    )
    target = torch.tensor([rng.randrange(classes) for _ in range(len(logits))])
    rows = torch.cat([logits, torch.nn.functional.one_hot(target, classes).double()], -1)
    per_class = [rng.uniform(0.1, 3.0) for _ in range(classes)]
    more: list[dict[str, Any]] = [{"class_weight": per_class}, {"logit_offset": per_class}, {"margin": 0.5}]
    for options in [*options_of(name), *more]:
        exact = {
            key: torch.tensor(each, dtype=torch.float64) if isinstance(each, list) else each
            for key, each in options.items()
        }
        theirs = evaluated(CATALOG[name], logits, target, exact)
        find = f"(r) => {{ const t = r.indexOf(1, {classes}) - {classes}; const x = r.slice(0, {classes}); "
        ours = rows_with_index(page, find, name, rows, options)
        assert_close(name, options, ours, theirs, torch.full((), float("label_smoothing" in options)))


def rows_with_index(page: Page, start: str, name: str, rows: Tensor, options: dict[str, Any]) -> Tensor:
    """The losses of rows whose target is a class index."""
    call = f"const {{ loss, gradient }} = detloss.row('{name}', x, t, {json.dumps(options)}); return [loss, ...gradient] }}"
    return rows_of(page, start + call, rows)


def test_soft_targets(page: Page) -> None:
    rng = Random(4)
    logits = torch.tensor([[rng.gauss(0, 3) for _ in range(5)] for _ in range(200)], dtype=torch.float64)
    target = torch.softmax(torch.tensor([[rng.gauss(0, 1) for _ in range(5)] for _ in range(200)]).double(), -1)
    theirs = evaluated(CATALOG["ce"], logits, target, {"label_smoothing": 0.1})
    ours = loss_rows(page, "row", "ce", torch.cat([logits, target], -1), {"label_smoothing": 0.1})
    assert_close("ce", {}, ours, theirs, torch.ones(()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("detloss.box('focal', [0, 0, 1, 1], [0, 0, 1, 1])", "name: expected one of iou, log_iou"),
        ("detloss.box('giou', [0, 0, 1, 1], [0, 0, 1, 1], { theta: 2 })", "giou: expected options among power"),
        ("detloss.box('giou', [0, 0, 1, 1], [0, 0, 1, 1], { format: 'yxyx' })", "format: expected one of xyxy"),
        ("detloss.logit('focal', 0, 1, { gama: 2 })", "focal: expected options among alpha, gamma"),
    ],
)
def test_a_wrong_name_is_an_error(page: Page, call: str, message: str) -> None:
    found = page.evaluate(f"() => {{ try {{ {call} }} catch (error) {{ return error.message }} }}")
    assert found.startswith(message)


def test_every_kind_of_loss_has_a_list() -> None:
    assert {loss.kind for loss in LOSSES} - set(LISTS) == {Kind.MASK, Kind.DISTRIBUTION}
