"""Plots of losses: curves, fields, titles, and formats."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from PIL import Image

from detloss.catalog import LOSSES, ROTATED_LOSSES, Loss
from detloss.experiments import plot_loss
from detloss.experiments.plot_box_loss import SQUARE_TARGET, box_loss, value_and_gradients
from detloss.loss_names import loss_named, losses_named
from tests.support.marks import exhaustive_except

BY_NAME = {loss.name: loss for loss in LOSSES}


@pytest.mark.parametrize(
    "loss", exhaustive_except(LOSSES, lambda loss: loss.name in ("l1", "focal", "giou")), ids=lambda loss: loss.name
)
def test_every_loss_has_a_plot(loss: Loss, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    plot_loss.write([loss], path)
    pixels = np.asarray(Image.open(path).convert("L"), dtype=float)
    assert pixels.shape[0] > 400
    assert pixels.shape[1] > 1000
    halves = np.array_split(pixels, 2, axis=1)
    assert all(half.std() > 10 for half in halves), "value on the left, gradient on the right"
    assert (pixels == 255).mean() > 0.2, "a white page"


def test_an_svg_has_its_text(tmp_path: Path) -> None:
    path = tmp_path / "focal.svg"
    plot_loss.write([BY_NAME["focal"]], path)
    words = " ".join("".join(element.itertext()) for element in ElementTree.parse(path).iter())
    for word in ("Sigmoid focal", "loss per unit of the logit", "gamma 5, t = 1", "alpha 0.75, t = 0", "logit"):
        assert word in words


def curves_of(figure: Figure, axes: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in figure.axes[axes].lines}


def test_the_curves_of_smooth_l1_are_its_definition() -> None:
    for name, (error, value) in curves_of(plot_loss.draw([BY_NAME["smooth_l1"]]), 0).items():
        beta = float(name.removeprefix("beta "))
        far = np.abs(error) >= beta
        assert value[far] == pytest.approx(np.abs(error[far]) - beta / 2)
        assert value[~far] == pytest.approx(error[~far] ** 2 / 2 / beta)


def test_the_curves_of_focal_loss_are_its_definition() -> None:
    for name, (logit, value) in curves_of(plot_loss.draw([BY_NAME["focal"]]), 0).items():
        gamma, positive = float(name.split(",")[0].removeprefix("gamma ")), name.endswith("t = 1")
        likelihood = 1 / (1 + np.exp(-logit if positive else logit))
        alpha = 0.25 if positive else 0.75
        assert value == pytest.approx(-alpha * (1 - likelihood) ** gamma * np.log(likelihood))


def test_rarer_classes_weigh_more_in_weighted_cross_entropy() -> None:
    curves = curves_of(plot_loss.draw([BY_NAME["weighted_ce"]]), 0)
    heights = [curves[f"other class {k}× as frequent, t = this class"][1][0] for k in (1, 3, 9)]
    assert heights == sorted(heights)
    assert heights[0] == pytest.approx(np.log1p(np.exp(6.0)))


@pytest.mark.parametrize("name", ["l1", "l2", "bce", "ce", "giou", "diou"])
def test_the_gradient_is_the_slope_of_the_value(name: str) -> None:
    figure = plot_loss.draw([BY_NAME[name]])
    (axis, value), (_, slope) = next(iter(curves_of(figure, 0).values())), next(iter(curves_of(figure, 1).values()))
    measured = np.gradient(value, axis)
    smooth = np.abs(np.gradient(slope)) < 0.1
    assert smooth.mean() > 0.7
    assert slope[smooth] == pytest.approx(measured[smooth], abs=0.05)


def names_of(figure: Figure) -> list[list[str]]:
    return [[line.get_label() for line in axes.lines] for axes in figure.axes if axes.get_title().startswith("value")]


@pytest.mark.parametrize(
    ("losses", "rotated", "parameters"),
    [
        ("giou,ciou", False, ["shift", "scale"]),
        ("smooth_l1,giou", False, ["shift", "scale"]),
        ("giou,ciou,log_iou", True, ["angle", "shift", "scale"]),
        ("kld,giou:enclosing=box,l1", False, ["angle", "shift", "scale"]),
    ],
)
def test_several_box_losses_share_a_plot(losses: str, rotated: bool, parameters: list[str]) -> None:
    rows = losses_named(losses)
    figure = plot_loss.draw(rows, rotated=rotated)
    assert names_of(figure) == [[row.name for row in rows]] * len(parameters)
    assert [axes.get_title() for axes in figure.axes if "value" in axes.get_title()] == [
        f"value over the {parameter}" for parameter in parameters
    ]
    fields = [axes.get_title() for axes in figure.axes if axes.get_ylabel() == "center y"]
    assert fields == [row.name for row in rows]
    assert [line.partition(":")[0] for line in figure.get_suptitle().splitlines()] == [
        row.name.partition(":")[0] for row in rows
    ]


def test_curves_of_several_box_losses_are_their_definitions() -> None:
    (shift, giou), (_, iou), (_, l1) = curves_of(plot_loss.draw(losses_named("giou,iou,l1")), 0).values()
    overlap = np.clip(1 - np.abs(shift), 0, None)
    enclosing = 1 + np.abs(shift)
    assert iou == pytest.approx(1 - overlap / (2 - overlap))
    assert giou == pytest.approx(1 - overlap / (2 - overlap) + (enclosing - 2 + overlap) / enclosing)
    assert l1 == pytest.approx(2 * np.abs(shift))


def test_the_angle_of_a_square_has_a_gradient_for_iou_only() -> None:
    for name, sees in (("kld", False), ("gwd", False), ("probiou", False), ("giou", True)):
        curves = curves_of(plot_loss.draw([loss_named(name)], rotated=True), 0)
        assert list(curves) == ["1:1 box", "2:1 box", "4:1 box"]
        degrees, values = curves["1:1 box"]
        assert (degrees.min(), degrees.max()) == (-90, 90)
        assert bool(np.abs(values).max() > 0.1) is sees
        assert curves["4:1 box"][1].max() > 0.2


def test_the_curve_over_the_angle_is_the_wasserstein_distance() -> None:
    degrees, values = curves_of(plot_loss.draw([loss_named("gwd:form=linear")]), 0)["4:1 box"]
    long, short = 1 / 4, 1 / 64  # squares of the half sides 1/2 and 1/8
    # for equal spectra: tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2), whose square root is of a 2 x 2 matrix by its determinant
    trace = (long**2 + short**2) * np.cos(np.radians(degrees)) ** 2 + 2 * long * short * np.sin(
        np.radians(degrees)
    ) ** 2
    distance = 2 * (long + short) - 2 * np.sqrt(trace + 2 * long * short)
    assert values == pytest.approx(1 - 1 / (1 + distance), abs=1e-9)


def test_class_losses_share_a_plot_and_options_are_in_their_names() -> None:
    curves = curves_of(plot_loss.draw(losses_named("bce,ce,focal:gamma=0:alpha=none")), 0)
    expected = {"bce, t = 1", "ce, t = this class", "focal:alpha=none:gamma=0, t = 1"}
    assert expected <= set(curves)
    for name in expected:
        logit, value = curves[name]
        assert value == pytest.approx(np.log1p(np.exp(-logit)))


def test_an_option_in_the_name_is_not_varied() -> None:
    curves = curves_of(plot_loss.draw([loss_named("focal:gamma=0")]), 0)
    assert list(curves) == [f"alpha {alpha}, t = {t}" for alpha in ("0.25", "0.5", "0.75") for t in (1, 0)]
    logit, value = curves["alpha 0.5, t = 1"]
    assert value == pytest.approx(0.5 * np.log1p(np.exp(-logit)))
    assert len(plot_loss.draw([loss_named("focal:gamma=0:alpha=0.5")]).axes) == 2


@pytest.mark.parametrize("loss", [*LOSSES, *ROTATED_LOSSES], ids=lambda loss: loss.name)
def test_titles_have_a_formula_that_matplotlib_can_set(loss: Loss) -> None:
    for losses in ([loss], [loss, loss_named(loss.name)]):
        text = plot_loss.title(losses)
        assert "$L = " in text
        MathTextParser("agg").parse(text)


@pytest.mark.parametrize(("name", "pulls"), [("iou", False), ("log_iou", False), ("giou", True), ("diou", True)])
def test_which_losses_have_a_gradient_for_disjoint_boxes(name: str, pulls: bool) -> None:
    loss, target = BY_NAME[name], SQUARE_TARGET
    away, level = torch.tensor([1.5], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    _, right, down = value_and_gradients(lambda x, y: box_loss(loss, target, target.boxes(x, y)), away, level)
    assert (right.item() > 0) is pulls
    assert down.item() == 0
