"""Audit of functions that fail, of other definitions, and the form of the report."""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import detloss
from detloss.auditing import subject
from detloss.auditing.accuracy import RUNS, Examination
from detloss.auditing.auditor import statements, subject_of_loss
from detloss.auditing.battery.error_bounds import error_bound
from detloss.auditing.behavior import ordinary_rows
from detloss.auditing.known_peers import PEERS, peer_of
from detloss.auditing.oracle.exact import Exact, mpf
from detloss.auditing.reference import reference_named
from detloss.auditing.report import Finding
from detloss.auditing.row_errors import DEGENERATE, FINITE, ZERO, row_errors
from detloss.auditing.variants import factors, fitting
from tests.support.faulty_losses import boxes, plain_giou
from tests.support.loss_table import TABLE, Row

DOCS = Path(__file__).parents[2] / "docs"
KEYS = ["promise", "dtype", "holds", "worst_ulps", "pred", "target", "expected", "got"]


def finding_of(report: object, promise: str, dtype: str) -> Finding:
    [found] = [each for each in report.findings if (each.promise, each.dtype) == (promise, dtype)]
    return found


def giou_with_eps(pred: Tensor, target: Tensor) -> Tensor:
    return boxes(penalty="giou", eps_of_area=1e-7)(pred, target)


@pytest.fixture(scope="module")
def report() -> object:
    return detloss.audit(giou_with_eps, "giou")


def test_the_keys_of_the_json(report) -> None:
    found = json.loads(report.to_json())
    assert list(found) == ["target", "like", "dtypes", "findings", "broken", "checked"]
    assert (found["like"], found["dtypes"]) == ("giou", ["float64", "float32", "bfloat16", "float16"])
    assert all(list(finding) == KEYS for finding in found["findings"])
    assert found["broken"] == sum(not finding["holds"] for finding in found["findings"]) > 0
    assert found["checked"] == len(found["findings"])


def test_an_example_is_small_and_is_reproduced(report, capsys) -> None:
    found = finding_of(report, DEGENERATE, "float32")
    assert (found.holds, found.expected) == (False, "2.0")
    assert [round(number, 2) for number in found.pred] == found.pred
    lines = found.reproduction.splitlines()
    assert len(lines) == 3
    exec("\n".join(lines), {})
    assert f"tensor([{float(found.got):.4f}]" in capsys.readouterr().out


@pytest.mark.parametrize(("value", "is_reward"), [(74.5, False), (60.0, True)])
def test_a_rounded_loss_of_an_inverted_box_is_no_reward(value: float, is_reward: bool) -> None:
    reference, inverted, target = reference_named("mpdiou", {"image_size": (1, 1)}), [0, 0, 8, -1], [0, 0, 8, 1]
    exact, bound = Exact(mpf("74.7075"), ()), error_bound("box", torch.bfloat16)  # 74.5 is the nearest bfloat16
    errors = row_errors(reference, torch.bfloat16, bound, inverted, target, exact, value, ())
    assert [error.is_broken for error in errors if error.promise == DEGENERATE] == [is_reward]


def test_all_reproductions_run(report) -> None:
    for finding in report.findings:
        exec(finding.reproduction, {})


def test_the_reproduction_of_our_loss_has_its_geometry_and_short_numbers(capsys) -> None:
    called = subject_of_loss(reference_named("inner-giou", {}, "xywh"))
    pred, target = torch.tensor([[0.0, 0.0, 0.1, 0.3]]), torch.tensor([[0.0, 0.1, 0.1, torch.nan]])
    code = called.reproduction(target, pred)
    assert "[[0.0, 0.0, 0.1, 0.3]]" in code
    assert "[[0.0, 0.1, 0.1, nan]]" in code
    exec(code, {})
    assert "tensor([nan]" in capsys.readouterr().out


@pytest.mark.parametrize("function", [detloss.GeneralizedIoULoss(), lambda pred, target: pred - target])
def test_the_reproduction_of_an_instance(function) -> None:
    assert statements(function, {"reduction": "none"}) == (
        "function = ...",
        "function(pred, target, reduction='none')",
    )


def test_the_loss_of_identical_boxes(report) -> None:
    found = finding_of(report, ZERO, "float32")
    assert (found.holds, found.expected, found.pred) == (False, "0.0", found.target)


def test_the_interval_of_boxes_with_one_axis() -> None:
    exact = reference_named("focaler-giou", {}, "xyxy", 1).exact([0.0, 1.0], [0.0, 2.0])
    assert float(exact.value) == pytest.approx(1 - 0.5 / 0.95, rel=1e-15)


def hangs(pred: Tensor, target: Tensor) -> Tensor:
    while True:
        time.sleep(0.01)


def raises(pred: Tensor, target: Tensor) -> Tensor:
    raise RuntimeError("no such thing")


def exits(pred: Tensor, target: Tensor) -> Tensor:
    raise SystemExit(3)


def returns_text(pred: Tensor, target: Tensor) -> str:
    return "loss"


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (raises, "RuntimeError: no such thing"),
        (exits, "SystemExit: 3"),
        (returns_text, "TypeError: expected a tensor, got str"),
    ],
)
def test_a_function_that_fails_has_findings(function, got: str) -> None:
    report = detloss.audit(function, "l1")
    assert report.broken == report.checked
    assert finding_of(report, RUNS, "float32").got == got


def raises_above_two(pred: Tensor, target: Tensor) -> Tensor:
    if bool((pred > 2).any()):
        raise RuntimeError("too large")
    return (pred - target).abs()


def test_a_function_that_fails_in_one_row() -> None:
    found = finding_of(detloss.audit(raises_above_two, "l1"), RUNS, "float32")
    assert found.got == "RuntimeError: too large"
    assert found.pred[0][0] > 2


def overflows(pred: Tensor, target: Tensor) -> Tensor:
    return torch.where(pred.abs() > 60000, torch.inf, (pred - target).abs())


def test_an_example_is_not_rounded_beyond_the_range_of_its_dtype() -> None:
    examination = Examination(subject.Subject(overflows, {}, ("", ""), True), reference_named("l1", {}))
    [case] = [case for case in examination.reference.cases(Random(1), torch.float16) if case.family == "ordinary"]
    assert examination.breaks(FINITE, case, 65000.0, 1.0)
    assert examination.breaks(FINITE, case, 7e4, 1.0) is None


def test_a_function_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "SECONDS", 0.3)
    start = time.monotonic()
    report = detloss.audit(hangs, "l1")
    assert time.monotonic() - start < 10
    assert report.broken == report.checked >= 1
    assert all(finding.got == subject.NO_RESULT for finding in report.findings)


def similarity(pred: Tensor, target: Tensor) -> Tensor:
    return 1 - plain_giou(pred, target)


def of_distances(pred: Tensor, target: Tensor) -> Tensor:
    signs = torch.tensor([-1, -1, 1, 1])
    return plain_giou(signs * pred, signs * target)


def with_threshold(pred: Tensor, target: Tensor) -> Tensor:
    """CIoU of mmdet."""
    iou = 1 - boxes()(pred, target)
    diou = boxes(penalty="diou")(pred, target)
    (w, h), (tw, th) = ((box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) for box in (pred, target))
    v = 4 / torch.pi**2 * (torch.atan2(tw, th) - torch.atan2(w, h)).square()
    alpha = torch.where(iou >= 0.5, v / (1 - iou + v), 0.0)
    return diou + alpha.detach() * v


@pytest.mark.parametrize(
    ("function", "like", "got"),
    [
        (similarity, "giou", "a similarity, 1 - loss"),
        pytest.param(of_distances, "giou", "boxes in the format ltrb", marks=pytest.mark.exhaustive),
        pytest.param(with_threshold, "ciou", "alpha is 0 below an IoU of 0.5", marks=pytest.mark.exhaustive),
    ],
)
def test_another_definition_is_no_fault(function, like: str, got: str) -> None:
    report = detloss.audit(function, like)
    found = finding_of(report, "definition", "float64")
    assert (found.holds, found.got) == (True, got)
    assert finding_of(report, FINITE, "float64").dtype == "float64"


def focal_by_class(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss whose terms of both classes are weighted by the target, as in kornia."""
    p = logits.sigmoid()
    positive, negative = 0.25 * (1 - p) ** 2 * -F.logsigmoid(logits), 0.75 * p**2 * -F.logsigmoid(-logits)
    return target * positive + (1 - target) * negative


def test_another_loss_for_soft_targets_is_no_fault() -> None:
    reference = reference_named("focal", {"gamma": 2.0, "alpha": 0.25})
    found, variant = fitting(subject.Subject(focal_by_class, {}, ("", ""), True), reference, seed=1)
    assert (found.holds, found.got) == (True, "another loss for targets between 0 and 1, which are not compared")
    families = {case.family.partition(",")[0] for case in variant.reference.cases(Random(1), torch.float32)}
    assert families == {"hard", "NaN"}
    assert {0.0, 1.0} == {*ordinary_rows(variant.reference, seed=1)[1].tolist()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_textbook_formulas_have_their_definition(row: Row) -> None:
    if not row.index_target and row.of == "ce":
        return  # the audit gives classes, not their probabilities
    reference = reference_named(row.of or row.name, {**row.chosen})
    called = subject.Subject(row.definition, {}, ("", ""), reference.by_element)
    found, variant = fitting(called, reference, seed=1)
    assert (found.holds, found.got) == (True, None)
    assert variant is not None
    constant = factors(variant, seed=1)
    assert constant is None or constant.holds


def test_another_loss_is_a_fault() -> None:
    found = finding_of(detloss.audit(plain_giou, "iou"), "definition", "float64")
    assert (found.holds, found.expected, found.got) == (False, "iou", "the loss giou")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"like": "gious"}, "No such loss: 'gious'"),
        ({"like": "giou", "format": "yxyx"}, "format: expected one of xyxy, xywh, cxcywh, ltrb, rotated, got 'yxyx'"),
        ({"like": "focal", "options": {"beta": 1.0}}, "with: expected one of"),
        ({"like": "wise-ciou"}, "like: expected a loss without a running mean"),
        ({}, "like: expected the name of a loss, since the function is not a known one, got None"),
    ],
)
def test_wrong_arguments(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        detloss.audit(plain_giou, **arguments)


def test_known_functions_are_recognized() -> None:
    assert peer_of(torch.nn.functional.mse_loss).like == "l2"
    assert peer_of(plain_giou) is None
    assert len({peer.name for peer in PEERS}) == len(PEERS)


def test_audit_is_loaded_on_first_use() -> None:
    program = "import sys, detloss; assert 'mpmath' not in sys.modules; detloss.audit; assert 'mpmath' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_finding_of_the_page_is_reproduced() -> None:
    page = (DOCS / "audit.rst").read_text(encoding="utf-8")
    code = page.partition(".. code-block:: python\n\n")[2].partition("\n\n")[0]
    names: dict[str, object] = {"torch": torch}
    exec(textwrap.dedent(code), names)
    [pred] = [json.loads(line.split(maxsplit=1)[1]) for line in page.splitlines() if line.startswith("     pred ")]
    row = torch.tensor([pred])
    assert f"got       {names['giou'](row, row).item()}" in page
