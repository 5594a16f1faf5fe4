"""Tunable parameters, start values, and the line of code to use."""

from dataclasses import replace
from math import isclose
from random import Random

import pytest
import torch

import detloss
from detloss.experiments.errors import OptionError
from detloss.experiments.tuning.search_space import (
    LINEAR,
    LOG,
    LOGIT,
    code_line,
    extended,
    parameters_over,
    start_settings,
    tunable_parameters,
    with_settings,
)
from detloss.loss_names import BOX_LOSSES, CLASS_LOSSES, loss_named


@pytest.mark.parametrize(
    ("box", "cls", "names"),
    [
        ("smooth_l1", "focal", ["alpha", "gamma", "beta", "weight"]),
        ("giou", "focal", ["alpha", "gamma", "weight"]),
        ("l1", "balanced_bce", ["alpha", "weight"]),
        ("smooth_l1", "softmax_focal", ["gamma", "beta", "weight"]),
        ("log_iou", "weighted_ce", ["weight"]),
        ("siou", "vfl", ["alpha", "gamma", "theta", "weight"]),
        (
            "alpha-inner-siou",
            "asl",
            ["positive_gamma", "negative_gamma", "margin", "theta", "power", "inner", "weight"],
        ),
        ("focal-giou", "focal", ["alpha", "gamma", "weight"]),
        ("focal-giou", "bce", ["gamma", "weight"]),
    ],
)
def test_tunable_parameters_follow_from_the_losses(box: str, cls: str, names: list[str]) -> None:
    assert list(tunable_parameters(loss_named(box), loss_named(cls))) == names


def test_settings_reach_the_modifiers_of_a_box_loss() -> None:
    box, cls = loss_named("wise-inner-giou"), loss_named("focal")
    tuned, tuned_cls = with_settings(box, cls, {"inner": 0.9, "delta": 2.0, "gamma": 1.0})
    assert tuned.build().loss.overlap == detloss.Overlap(inner=0.9)
    assert tuned.build().focuses[0].focus.delta == 2.0
    assert tuned_cls.options == {"gamma": 1.0}
    focal = loss_named("focal-giou")
    assert with_settings(focal, cls, {"gamma": 1.0})[0] == focal, "gamma is that of the class loss"
    assert with_settings(focal, loss_named("bce"), {"gamma": 1.0})[0] == focal.with_options({"gamma": 1.0})
    assert code_line(box, cls, {"inner": 0.9}) == (
        "box_loss = detloss.focused_loss.FocusedLoss("
        "detloss.GeneralizedIoULoss(overlap=detloss.Overlap(power=1.0, interval=(0.0, 1.0), inner=0.9)), "
        "[detloss.focused_loss.WiseWeight(version=3, alpha=1.9, delta=3.0, momentum=0.99)])"
    )


def test_defaults_are_those_of_the_losses() -> None:
    found = tunable_parameters(BOX_LOSSES["smooth_l1"], CLASS_LOSSES["focal"])
    assert {name: parameter.default for name, parameter in found.items()} == {
        "alpha": 0.25,
        "gamma": 2.0,
        "beta": 1.0,
        "weight": 1.0,
    }
    weight = tunable_parameters(BOX_LOSSES["l2"], CLASS_LOSSES["ce"])["weight"]
    assert (weight.low, weight.default, weight.high) == pytest.approx((0.025, 0.2, 1.6)), "around the listed weight"


@pytest.mark.parametrize(
    ("box", "cls", "over", "message"),
    [
        (
            "giou",
            "focal",
            ["beta"],
            "over: expected some of alpha, gamma, weight, the parameters of giou and focal, got 'beta'",
        ),
        ("l1", "ce", ["weight", ""], "over: expected some of weight, the parameters of l1 and ce, got ''"),
        ("l1", "ce", None, "over: expected some of weight, the parameters of l1 and ce, got none"),
        ("l1", "ce", [], "over: expected some of weight, the parameters of l1 and ce, got none"),
        ("l1", "focal", ["gamma", "gamma"], "over: expected every parameter once, got gamma, gamma"),
    ],
)
def test_parameters_that_the_losses_lack_are_rejected(box: str, cls: str, over: list[str] | None, message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parameters_over(BOX_LOSSES[box], CLASS_LOSSES[cls], over)
    assert str(caught.value) == message


def test_the_options_of_the_class_loss_are_tuned_by_default() -> None:
    def names(cls: str) -> list[str]:
        return [parameter.name for parameter in parameters_over(BOX_LOSSES["smooth_l1"], CLASS_LOSSES[cls], None)]

    assert (names("focal"), names("softmax_focal")) == (["alpha", "gamma"], ["gamma"])


@pytest.mark.parametrize(
    ("cls", "over", "starts"),
    [
        ("focal:alpha=0.5", None, {"gamma": 2.0}),
        ("focal:gamma=1.5", None, {"alpha": 0.25}),
        ("focal:gamma=7", ["gamma"], {"gamma": 7}),
        ("focal:alpha=none", None, {"gamma": 2.0}),
        ("focal:alpha=1", ["gamma"], {"gamma": 2.0}),
    ],
)
def test_options_in_a_name_are_fixed_or_the_start(cls: str, over: list[str] | None, starts: dict) -> None:
    found = parameters_over(BOX_LOSSES["l1"], loss_named(cls), over)
    assert {parameter.name: parameter.default for parameter in found} == starts


@pytest.mark.parametrize("cls", ["focal:alpha=none", "focal:alpha=1", "focal:alpha=0"])
def test_an_option_without_a_position_on_its_scale_is_not_tunable(cls: str) -> None:
    with pytest.raises(
        OptionError, match="over: expected some of gamma, weight, the parameters of l1 and focal:alpha="
    ):
        parameters_over(BOX_LOSSES["l1"], loss_named(cls), ["alpha"])


def test_scales_are_invertible_and_round_to_three_digits(seed: int) -> None:
    random = Random(seed)
    for scale, draw in ((LINEAR, lambda: 5 * random.random()), (LOG, lambda: 10 ** random.uniform(-3, 3))):
        value = draw()
        assert scale.value(scale.position(value)) == pytest.approx(value)
        assert scale.rounded(value) == pytest.approx(float(f"{value:.3g}"))
    for lack in (10 ** random.uniform(-5, -0.31) for _ in range(20)):
        for share in (lack, 1 - lack):
            assert LOGIT.value(LOGIT.position(share)) == pytest.approx(share)
            rounded = LOGIT.rounded(share)
            assert 0 < rounded < 1
            assert min(rounded, 1 - rounded) == pytest.approx(float(f"{lack:.3g}"))
    assert LOGIT.rounded(0.987654) == 0.9877
    assert LINEAR.rounded(0.0) == 0.0


def test_the_search_starts_from_the_counts_and_from_the_defaults() -> None:
    found = parameters_over(BOX_LOSSES["smooth_l1"], CLASS_LOSSES["focal"], ["gamma", "alpha", "beta"])
    # 12 of 64 cells see one of two classes: of the 128 elements 12 are positive.
    starts = start_settings(found, [4, 8, 52])
    assert starts == [{"gamma": 2.0, "alpha": 0.9062, "beta": 1.0}, {"gamma": 2.0, "alpha": 0.25, "beta": 1.0}]
    assert list(starts[0]) == ["gamma", "alpha", "beta"]
    assert isclose(starts[0]["alpha"], 116 / 128, abs_tol=1e-4)
    assert start_settings(found[:1], [4, 8, 52]) == [{"gamma": 2.0}], "no alpha, no counts"
    assert start_settings(found[1:2], [3, 1]) == [{"alpha": 0.25}], "the counts give the default"


def test_a_start_beyond_the_range_extends_it() -> None:
    [alpha] = parameters_over(BOX_LOSSES["l1"], CLASS_LOSSES["focal"], ["alpha"])
    assert extended(alpha, [{"alpha": 0.9999}, {"alpha": 0.25}]) == replace(alpha, high=0.9999)
    assert extended(alpha, [{"alpha": 0.01}]) == replace(alpha, low=0.01)


@pytest.mark.parametrize(
    ("counts", "message"), [([0, 9], "got 0 positive and 9 neg"), ([9, 0], "got 9 positive and 0 neg")]
)
def test_counts_without_an_alpha_are_rejected(counts: list[int], message: str) -> None:
    [alpha] = parameters_over(BOX_LOSSES["l1"], CLASS_LOSSES["focal"], ["alpha"])
    with pytest.raises(OptionError, match=f"over: expected cells with and without objects to tune alpha, {message}"):
        start_settings([alpha], counts)


def test_the_line_is_python_code_for_the_losses(seed: int) -> None:
    random = Random(seed)
    box, cls = BOX_LOSSES["smooth_l1"], CLASS_LOSSES["focal"]
    settings = {
        "alpha": LOGIT.rounded(random.uniform(0.05, 0.999)),
        "gamma": LINEAR.rounded(random.uniform(0, 5)),
        "beta": LOG.rounded(random.uniform(0.1, 4)),
        "weight": LOG.rounded(random.uniform(0.1, 8)),
    }
    made: dict[str, object] = {"detloss": detloss}
    exec(code_line(box, cls, settings), made)
    logits, target = torch.randn(4, 3), torch.tensor([0, 1, 2, 3])
    expected = detloss.sigmoid_focal_loss(logits, target, alpha=settings["alpha"], gamma=settings["gamma"])
    assert made["class_loss"](logits, target) == expected
    rows = torch.randn(5, 4)
    assert made["box_loss"](rows, -rows) == detloss.smooth_l1_loss(rows, -rows, beta=settings["beta"])
    assert made["box_weight"] == settings["weight"]


def test_the_line_has_the_tuned_losses_only() -> None:
    assert code_line(BOX_LOSSES["giou"], CLASS_LOSSES["focal"], {"gamma": 1.5}) == (
        "class_loss = detloss.SigmoidFocalLoss(gamma=1.5)"
    )
    assert code_line(BOX_LOSSES["smooth_l1"], CLASS_LOSSES["ce"], {"weight": 2.0, "beta": 0.5}) == (
        "box_loss = detloss.SmoothL1Loss(beta=0.5); box_weight = 2.0"
    )
