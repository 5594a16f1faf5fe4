"""Planted faults: the audit finds them, and has no finding about losses without a fault."""

from functools import cache

import pytest
import torch

import detloss
from detloss.auditing.auditor import audit, audit_loss
from detloss.auditing.report import Report
from detloss.catalog import LOSSES
from tests.support.faulty_losses import CLEAN, FAULTS, Fault, dice_of_logits
from tests.support.marks import exhaustive_except


@cache
def broken_by_the_copy(like: str, form: str) -> dict[tuple[str, str], float]:
    """The promises that the copy of a loss without a fault breaks, with the largest errors."""
    return broken(audit(CLEAN[like], like, format=form))


def broken(report: Report) -> dict[tuple[str, str], float]:
    return {(each.promise, each.dtype): each.worst_ulps or 0.0 for each in report.findings if not each.holds}


def consequences(fault: Fault) -> list[tuple[str, str]]:
    """The promises that a fault breaks, or breaks by errors a hundred times larger."""
    clean = broken_by_the_copy(fault.like, fault.form)
    faulty = broken(audit(fault.loss, fault.like, format=fault.form, options=fault.options))
    return [name for name, ulps in faulty.items() if name not in clean or ulps > 100 * clean[name]]


def test_a_loss_of_other_operands_has_another_definition() -> None:
    [found] = [each for each in audit(dice_of_logits, "dice").findings if each.promise == "definition"]
    assert (found.holds, found.got) == (True, "probabilities, not logits")


QUICK = ("eps of 1e-7 in the area", "mean over the wrong dimension")


@pytest.mark.parametrize(
    "fault", exhaustive_except(FAULTS, lambda fault: fault.name in QUICK), ids=lambda fault: fault.name
)
def test_a_planted_fault_is_found(fault: Fault) -> None:
    assert consequences(fault)


def test_there_are_enough_faults() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30


@pytest.mark.parametrize(
    ("name", "got"),
    [
        ("alpha attached", "alpha attached"),
        ("c^2 detached", "c^2 detached"),
        ("focus detached", "(1 - p_t)^gamma detached"),
        ("c^2 of WIoU attached", "c^2 attached"),
        ("enclosing area detached", "enclosing box detached"),
    ],
)
@pytest.mark.exhaustive
def test_the_variant_that_fits_is_named(name: str, got: str) -> None:
    [fault] = [fault for fault in FAULTS if fault.name == name]
    report = audit(fault.loss, fault.like, options=fault.options)
    [finding] = [finding for finding in report.findings if finding.promise == "constant factors"]
    assert (finding.holds, finding.got) == (False, got)


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["eager", "cpp"])
@pytest.mark.parametrize("name", [loss.name for loss in LOSSES])
def test_our_losses_have_no_finding(name: str, backend: str, seed: int) -> None:
    [loss] = [loss for loss in LOSSES if loss.name == name]
    with detloss.use_backend(backend):
        report = audit(loss.function, name, seed=seed)
    assert [finding for finding in report.findings if not finding.holds] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "form"),
    [("inner-siou", "xyxy"), ("focaler-ciou", "cxcywh"), ("alpha-giou", "ltrb"), ("focal-eiou", "xywh")],
)
def test_compositions_have_no_finding(name: str, form: str) -> None:
    report = audit_loss(name, name, form=form)
    assert [finding for finding in report.findings if not finding.holds] == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["giou", "gwd", "kld", "probiou"])
def test_rotated_boxes_have_no_finding(name: str) -> None:
    report = audit_loss(name, name, form="rotated")
    assert [finding for finding in report.findings if not finding.holds] == []


@pytest.mark.parametrize("dims", [1, pytest.param(3, marks=pytest.mark.exhaustive)])
def test_boxes_of_other_dimensions(dims: int) -> None:
    report = audit(detloss.iou_loss, dims=dims)
    assert [finding for finding in report.findings if not finding.holds] == []
    assert report.checked > 30


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
