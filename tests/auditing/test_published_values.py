"""Values of the definitions: fractions and digits from independent computations."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from mpmath import asin, exp, inf, log, mp, mpf, nstr, pi, sin, sqrt, workdps

from detloss.auditing.definitions import bin_definitions as distributions
from detloss.auditing.definitions import box_definitions as boxes
from detloss.auditing.definitions import mask_definitions as masks
from detloss.auditing.definitions import number_definitions as regression
from detloss.auditing.definitions import sigmoid_definitions as sigmoid
from detloss.auditing.definitions import softmax_definitions as softmax
from detloss.auditing.definitions import weight_definitions as weights
from detloss.auditing.definitions.exact_arithmetic import gradient

OFFSET = [0, 0, 4, 2], [1, 1, 5, 4]
DIAGONAL = [0, 0, 2, 2], [1, 1, 3, 3]
APART = [0, 0, 1, 1], [3, 0, 4, 1]
NESTED = [0.5, 0.5, 1.5, 1.5], [0, 0, 2, 2]
E5 = (0.0, 0.95)


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    with workdps(40):
        yield


def agrees(found: Any, digits: str, slack: int = 1) -> bool:
    """Agreement to the digits given; the last one may differ by slack."""
    decimals = len(digits.partition(".")[2])
    return abs(found - mpf(digits)) <= mpf(slack) / mpf(10) ** decimals


BOX_VALUES = [
    (boxes.eiou, OFFSET, {}, "0.9652977044476327"),
    (boxes.siou, OFFSET, {}, "0.9181052479730968"),
    (boxes.mpdiou, OFFSET, {"image_size": (8, 6)}, "0.8935294117647059"),
    (boxes.nwd, OFFSET, {"scale": 12.8}, "0.1359792477605403"),
    (boxes.shape_iou, OFFSET, {}, "0.906026127112809"),
    (boxes.shape_iou, OFFSET, {"scale": 1}, "0.9121887320132649"),
    (boxes.piou, OFFSET, {}, "0.9547143555018627"),
    (boxes.wiou, OFFSET, {}, "0.8914662305490912"),
    (boxes.giou, OFFSET, {"power": 3}, "0.9978793761449216"),
    (boxes.ciou, OFFSET, {"power": 3}, "0.9950024554762935"),
    (boxes.ciou, OFFSET, {"inner": 0.7}, "1.031345377576378"),
    (boxes.iou, OFFSET, {"interval": E5}, "0.8142414860681115"),
    (boxes.ciou, OFFSET, {"interval": E5}, "0.8937152058904784"),
    (boxes.ciou, ([0, 0, 4, 2], [0, 0, 3, 3]), {"interval": E5}, "0.449383"),
    (boxes.siou, DIAGONAL, {}, "0.9623035403284874"),
    (boxes.piou, DIAGONAL, {}, "1.078342074071452"),
    (boxes.nwd, DIAGONAL, {"scale": 12.8}, "0.1046006280200217"),
    (boxes.wiou, DIAGONAL, {}, "0.957873487493026"),
    (boxes.siou, APART, {}, "1.337673766320825"),
    (boxes.piou, APART, {}, "1.894600775438136"),
    (boxes.wiou, APART, {}, "1.697933230547604"),
    (boxes.nwd, APART, {"scale": 12.8}, "0.208934889149704"),
    (boxes.siou, NESTED, {}, "0.7739686508210136"),
    (boxes.piou, NESTED, {}, "0.8105869371865242"),
    (boxes.nwd, NESTED, {"scale": 12.8}, "0.0537445524701175"),
]


@pytest.mark.parametrize(("loss", "pair", "options", "value"), BOX_VALUES)
def test_box_loss(loss: Callable[..., mpf], pair: Sequence[Any], options: dict[str, Any], value: str) -> None:
    assert agrees(loss(*pair, **options), value)


FRACTIONS = [
    (boxes.eiou, OFFSET, {}, mpf(14) / 17 + mpf(13) / 164 + mpf(1) / 16),
    (boxes.eiou, DIAGONAL, {}, mpf(61) / 63),
    (boxes.eiou, APART, {}, mpf(26) / 17),
    (boxes.diou, APART, {}, mpf(26) / 17),
    (boxes.eiou, NESTED, {}, mpf(5) / 4),
    (boxes.wiou, NESTED, {}, mpf(3) / 4),
    (boxes.mpdiou, NESTED, {"image_size": (2, 2)}, mpf(7) / 8),
    (boxes.iou, DIAGONAL, {"power": 3}, mpf(342) / 343),
    (boxes.iou, DIAGONAL, {"inner": 0.5}, mpf(1)),
    (boxes.giou, OFFSET, {"power": 3}, 1 - (mpf(3) / 17) ** 3 + (mpf(3) / 20) ** 3),
    (boxes.siou, APART, {}, 1 + (1 - exp(-mpf(9) / 8)) / 2),
    (boxes.nwd, OFFSET, {"scale": 12.8}, 1 - exp(-sqrt(mpf(3.5)) / mpf(12.8))),
    (boxes.wiou, OFFSET, {}, exp(mpf(13) / 164) * 14 / 17),
]


@pytest.mark.parametrize(("loss", "pair", "options", "value"), FRACTIONS)
def test_box_loss_in_closed_form(
    loss: Callable[..., mpf], pair: Sequence[Any], options: dict[str, Any], value: mpf
) -> None:
    assert abs(loss(*pair, **options) - value) < mpf(10) ** -14


def test_overlap_of_scaled_boxes() -> None:
    assert agrees(boxes.similarity(*OFFSET, inner=0.7), nstr(mpf(9) / 187, 14))
    assert agrees(boxes.similarity(*OFFSET, inner=1.2), nstr(mpf(19) / 77, 14))


def test_interval_before_power() -> None:
    mapped = mpf(3) / 17 / mpf("0.95")
    assert agrees(boxes.iou(*OFFSET, interval=E5, power=2), nstr(1 - mapped**2, 14))
    assert agrees(boxes.iou(*DIAGONAL, interval=E5), nstr(1 - mpf(20) / 133, 14))


@pytest.mark.parametrize(
    ("loss", "options", "derivatives"),
    [
        (boxes.eiou, {}, "-.02581776 .09360913 -.07283315 -.32767533"),
        (boxes.siou, {}, "-.01901140 -.05090708 -.05494520 -.22977601"),
        (boxes.nwd, {"scale": 12.8}, "-.01804057 -.01804057 -.01804057 -.03608113"),
        (boxes.wiou, {}, "-.04421702 -.07756250 -.07418227 -.21240613"),
        (boxes.piou, {}, "-.06148695 -.09582343 -.08916861 -.22039091"),
    ],
)
def test_box_gradient(loss: Callable[..., mpf], options: dict[str, Any], derivatives: str) -> None:
    found = gradient(loss, *OFFSET, **options)
    assert all(agrees(x, digits) for x, digits in zip(found, derivatives.split(), strict=True))


def test_angle_cost_is_that_of_the_paper() -> None:
    sine = mpf(3) / sqrt(13)
    assert agrees(1 - 2 * sin(asin(sine) - pi / 4) ** 2, nstr(mpf(12) / 13, 14))


def test_weights() -> None:
    third = mpf(3) / 17
    assert agrees(weights.iou_focus(third) * boxes.eiou(*OFFSET), "0.4055061452087928")
    attention, loss = boxes.wiou(*OFFSET), boxes.iou(*OFFSET)
    assert agrees(weights.wise_focus(loss, 0.5, version=2) * attention, "1.144088055174060")
    assert agrees(weights.wise_focus(loss, 0.5), "1.30835343834")
    assert agrees(weights.wise_focus(loss, 0.5) * attention, "1.166352907901629")
    for pair, value in (
        (OFFSET, "1.151809278344227"),
        (DIAGONAL, "1.369827805593601"),
        (APART, "1.515650244760317"),
        (NESTED, "0.8833295411740427"),
    ):
        assert agrees(weights.powerful_focus(*pair) * boxes.piou(*pair), value)
    assert agrees(weights.powerful_focus(*[APART[0]] * 2), "0.7196", slack=1)
    assert weights.wise_focus(1, 0) == weights.wise_focus(0, 0) == 0


def test_wise_focus_is_one_at_delta_and_largest_at_the_inverse_logarithm() -> None:
    assert agrees(weights.wise_focus(3, 1), "1.0000000000000")
    assert agrees(weights.wise_focus(1 / log(mpf(1.9)), 1), "1.3104")


def test_running_mean() -> None:
    assert agrees(weights.running_mean(1, [0.25, 0.75]), "0.995")
    assert weights.running_mean(0.5, []) == weights.running_mean(0.5, [inf]) == 0.5


@pytest.mark.parametrize(
    ("iou", "mean", "exponent"),
    [(0.3, 0.5, None), (0.45, 0.5, "0.5"), (0.5, 0.5, "0.5"), (0.75, 0.5, "0.25"), (0.15, 0.1, "0.8")],
)
def test_slide_weight(iou: float, mean: float, exponent: str | None) -> None:
    assert agrees(weights.slide_weight(iou, mean), nstr(exp(mpf(exponent or 0)), 14))


HALF, TWO = log(mpf(2)) / 4, log(mpf(2))
CLASS_VALUES = [
    (sigmoid.quality_focal, (0, 1, 0.8), {}, "0.0623832462504", "-0.130972077084"),
    (sigmoid.quality_focal, (1, 1, 0.8), {}, "0.00243949152453", "-0.0142418957219"),
    (sigmoid.quality_focal, (0, 0, 0.3), {}, HALF, "0.29828679514"),
    (sigmoid.quality_focal, (1, 1, 1), {}, "0.0226580575085", "-0.0525811299776"),
    (sigmoid.varifocal, (0, 1, 0.8), {}, 0.8 * TWO, "-0.24"),
    (sigmoid.varifocal, (1, 1, 0.8), {}, "0.410609350015", "-0.055153137096"),
    (sigmoid.varifocal, (0, 0, 0), {}, "0.129965096355", "0.223715096355"),
    (sigmoid.varifocal, (0, 1, 0), {}, "0.129965096355", "0.223715096355"),
    (sigmoid.varifocal, (0, 0, 0), {"hold_focus": True}, "0.129965096355", "0.09375"),
    (sigmoid.varifocal, (1, 0, 0), {}, "0.526401227559", "0.576176042399"),
    (sigmoid.varifocal, (1, 0, 0), {"hold_focus": True}, "0.526401227559", "0.293033853698"),
    (sigmoid.matchability_aware, (0, 1, 0.8), {}, TWO, "-0.2155417528"),
    (sigmoid.matchability_aware, (0, 1, 0.05), {}, TWO, "0.488819660113"),
    (sigmoid.matchability_aware, (0, 1, 0), {}, TWO, "0.5"),
    (sigmoid.matchability_aware, (1, 1, 0.8), {}, "0.597719934718", "0.0155168258301"),
    (sigmoid.matchability_aware, (0, 0, 0), {}, "0.245064535867", "0.176776695297"),
    (sigmoid.matchability_aware, (1, 0, 0), {}, "0.820879747705", "0.456962376415"),
    (sigmoid.matchability_aware, (1, 0, 0), {"alpha": 0.5}, "0.41043987385", "0.22848118821"),
    (sigmoid.iou_aware_cross_entropy, (0, 1, 0.8), {}, TWO, "-0.211311764016"),
    (sigmoid.iou_aware_cross_entropy, (1, 1, 0.8), {}, "0.531083798986", "-0.0511193099019"),
    (sigmoid.iou_aware_cross_entropy, (0, 1, 0), {}, TWO, "0.49"),
    (sigmoid.iou_aware_cross_entropy, (1, 0, 0), {}, "0.701868303411", "0.768234723199"),
    (sigmoid.heatmap_focal, (0, 1), {}, HALF, "-0.29828679514"),
    (sigmoid.heatmap_focal, (0, 0.5), {}, "0.0108304246962", "0.0186429246962"),
    (sigmoid.heatmap_focal, (0, 0.5), {"peak": 0.5}, HALF, "-0.29828679514"),
    (sigmoid.heatmap_focal, (-10, 1), {}, "9.99913745801", "-1.00077169164"),
    (sigmoid.asymmetric, (0, 1), {}, TWO, "-0.5"),
    (sigmoid.asymmetric, (0, 0), {}, "0.0245150535122", "0.0731171012393"),
    (sigmoid.asymmetric, (3, 0), {}, "1.5453905387", "0.617137589333"),
    (sigmoid.asymmetric, (-4, 0), {}, "0.00000000", "0.00000000"),
    (sigmoid.sigmoid_focal, (1, 0.8), {}, "0.06702", None),
    (sigmoid.binary_cross_entropy, (0, 1), {"poly": 1}, TWO + 0.5, "-0.75"),
    (sigmoid.sigmoid_focal, (0, 1), {"poly": 1}, HALF + 0.125, "-0.48578679514"),
]


@pytest.mark.parametrize(("loss", "arguments", "options", "value", "slope"), CLASS_VALUES)
def test_class_loss(
    loss: Callable[..., mpf], arguments: Sequence[Any], options: dict[str, Any], value: str | mpf, slope: str | None
) -> None:
    assert agrees(loss(*arguments, **options), value if isinstance(value, str) else nstr(value, 14))
    assert slope is None or agrees(gradient(loss, *arguments, **options), slope)


def test_quality_focal_loss_is_least_at_the_quality_and_the_focal_loss_is_not() -> None:
    assert abs(gradient(sigmoid.quality_focal, log(mpf(4)), 1, mpf("0.8"))) < 1e-12
    logit = log(mpf("0.9530") / mpf("0.0470"))
    assert abs(gradient(sigmoid.sigmoid_focal, logit, mpf("0.8"))) < 1e-3
    assert gradient(sigmoid.sigmoid_focal, log(mpf(4)), mpf("0.8")) < -0.01


ROW = [0, 1, 2, 0]


def test_distribution_focal_loss() -> None:
    loss = distributions.distribution_focal
    floor = mpf("0.562335144619")
    assert agrees(loss(ROW, 1.25), "1.24381170907")
    expected = ("0.0825945394435", "-0.525484764301", "0.360295685414", "0.0825945394435")
    for excess in (False, True):
        found = gradient(loss, ROW, 1.25, excess=excess)
        assert all(agrees(x, digits) for x, digits in zip(found, expected, strict=True))
    assert agrees(loss(ROW, 1.25) - loss(ROW, 1.25, excess=True), nstr(floor, 12))
    assert agrees(loss(ROW, 3), "2.49381170907")
    assert loss(ROW, 7) == loss(ROW, 3)
    assert loss(ROW, -1) == loss(ROW, 0)
    assert agrees(loss([0] * 17, 3.7), nstr(log(mpf(17)), 14))
    assert gradient(loss, ROW, 1.25, by=1) == 0


def test_fine_grained_bins() -> None:
    bins = distributions.fine_grained_bins()
    assert len(bins) == 33
    digits = ("-4.0", "-2.0", "-1.788131")
    assert all(agrees(x, expected) for x, expected in zip(bins, digits))
    assert agrees(bins[15], "-0.07598963")
    assert bins[16] == 0
    assert bins == [-value for value in reversed(bins)]
    place, fraction = distributions.place(mpf("0.1"), bins)
    assert place == 17
    assert agrees(fraction, "0.29365443521")


def test_softmax_losses() -> None:
    assert agrees(softmax.cross_entropy([2, 1, 0], 0, poly=1), "0.74236500867")
    assert agrees(softmax.softmax_focal([2, 1, 0], 0, poly=1), nstr(_focal(mpf("0.665240955775")), 10))
    offset = softmax.logit_offset_from_counts([900, 90, 10])
    assert agrees(softmax.cross_entropy([0, 0, 0], 2, logit_offset=offset), nstr(log(mpf(100)), 14))
    margins = softmax.margin_from_counts([1000, 100, 10])
    digits = ("0.158113883008", "0.281170662595", "0.5")
    assert all(agrees(x, expected) for x, expected in zip(margins, digits, strict=True))
    assert softmax.margin_from_counts([16, 0])[1] == 0.5
    lifted = softmax.cross_entropy([2, 1, 0], 0, margin=margins)
    assert agrees(lifted, nstr(softmax.cross_entropy([2 - margins[0], 1, 0], 0), 14))


def _focal(p: mpf) -> mpf:
    return (1 - p) ** 2 * -log(p) + (1 - p) ** 3


def test_logit_offset_is_the_balanced_softmax() -> None:
    offset = softmax.logit_offset_from_counts([100, 10, 0])
    weighted = [100 * exp(mpf(2)), 10 * exp(mpf(1)), mpf(1)]
    expected = -log(weighted[1] / sum(weighted))
    assert agrees(softmax.cross_entropy([2, 1, 0], 1, logit_offset=offset), nstr(expected, 14))


@pytest.mark.parametrize(
    ("difference", "value"),
    [(0.1, "0.0313530856515"), (0.5, "0.400567506905"), (1.0, "1.07859354474"), (-2.0, "2.57859354474")],
)
def test_balanced_l1(difference: float, value: str) -> None:
    assert agrees(regression.balanced_l1(difference, 0), value)
    doubled = regression.balanced_l1(2 * difference, 0, beta=2)
    assert agrees(doubled, nstr(2 * regression.balanced_l1(difference, 0), 14))


def test_regression_losses() -> None:
    assert agrees(gradient(regression.balanced_l1, 0.1, 0), "0.533827972341")
    assert agrees(regression.balanced_l1(0.1, 0, beta=0.5), "0.0492")
    assert agrees(regression.log_cosh(0.5, 0), "0.120114506958")
    assert agrees(regression.log_cosh(0, 2.5), nstr(log(mp.cosh(mpf(2.5))), 14))
    assert agrees(regression.charbonnier(1, 0), nstr(sqrt(mpf(2)) - 1, 14))
    assert agrees(regression.charbonnier(1e-30, 0) * mpf(10) ** 60, "0.5000000")


def test_masks() -> None:
    logits = [log(p / (1 - p)) for p in (mpf("0.9"), mpf("0.6"), mpf("0.2"))]
    found = masks.tversky(logits, [1, 1, 0])
    assert agrees(found, "0.214659685864")
    assert agrees(found ** mpf("0.75"), "0.315364545812")
    assert agrees(masks.dice(logits, [1, 1, 0]), "0.1892")
    assert agrees(masks.dice([0], [0.5]), "0.5")
    assert masks.dice([-inf], [0]) == 0
    assert masks.dice([], []) == 0
