"""The pictures of the losses, and what they draw."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from detloss.catalog import LOSSES, Loss
from detloss.experiments import plot_loss
from tests.support.marks import some

BY_NAME = {loss.name: loss for loss in LOSSES}


@pytest.mark.parametrize(
    "loss", some(LOSSES, lambda loss: loss.name in ("l1", "focal", "giou")), ids=lambda loss: loss.name
)
def test_every_loss_has_a_picture(loss: Loss, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    plot_loss.write(loss, path)
    pixels = np.asarray(Image.open(path).convert("L"), dtype=float)
    assert pixels.shape[0] > 400
    assert pixels.shape[1] > 1000
    halves = np.array_split(pixels, 2, axis=1)
    assert all(half.std() > 10 for half in halves), "value on the left, gradient on the right"
    assert (pixels == 255).mean() > 0.2, "a white page"


def test_a_picture_as_svg_keeps_its_words(tmp_path: Path) -> None:
    path = tmp_path / "focal.svg"
    plot_loss.write(BY_NAME["focal"], path)
    words = " ".join("".join(element.itertext()) for element in ElementTree.parse(path).iter())
    for word in ("Sigmoid focal", "loss = ", "gamma 5, t = 1", "alpha 0.75, t = 0", "logit"):
        assert word in words


def curves_of(figure: Figure, axes: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {line.get_label(): (line.get_xdata(), line.get_ydata()) for line in figure.axes[axes].lines}


def test_the_curves_of_smooth_l1_are_its_definition() -> None:
    for name, (error, value) in curves_of(plot_loss.draw(BY_NAME["smooth_l1"]), 0).items():
        beta = float(name.removeprefix("beta "))
        far = np.abs(error) >= beta
        assert value[far] == pytest.approx(np.abs(error[far]) - beta / 2)
        assert value[~far] == pytest.approx(error[~far] ** 2 / 2 / beta)


def test_the_curves_of_focal_loss_are_its_definition() -> None:
    for name, (logit, value) in curves_of(plot_loss.draw(BY_NAME["focal"]), 0).items():
        gamma, positive = float(name.split(",")[0].removeprefix("gamma ")), name.endswith("t = 1")
        likelihood = 1 / (1 + np.exp(-logit if positive else logit))
        alpha = 0.25 if positive else 0.75
        assert value == pytest.approx(-alpha * (1 - likelihood) ** gamma * np.log(likelihood))


def test_rarer_classes_weigh_more_in_weighted_cross_entropy() -> None:
    curves = curves_of(plot_loss.draw(BY_NAME["weighted_ce"]), 0)
    heights = [curves[f"the other {k}× as frequent, t = this class"][1][0] for k in (1, 3, 9)]
    assert heights == sorted(heights)
    assert heights[0] == pytest.approx(np.log1p(np.exp(6.0)))


@pytest.mark.parametrize("name", ["l1", "l2", "bce", "ce", "giou", "diou"])
def test_the_gradient_is_the_slope_of_the_value(name: str) -> None:
    figure = plot_loss.draw(BY_NAME[name])
    (axis, value), (_, slope) = next(iter(curves_of(figure, 0).values())), next(iter(curves_of(figure, 1).values()))
    measured = np.gradient(value, axis)
    smooth = np.abs(np.gradient(slope)) < 0.1
    assert smooth.mean() > 0.7
    assert slope[smooth] == pytest.approx(measured[smooth], abs=0.05)


@pytest.mark.parametrize(("name", "pulls"), [("iou", False), ("log_iou", False), ("giou", True), ("diou", True)])
def test_which_losses_pull_boxes_that_do_not_overlap(name: str, pulls: bool) -> None:
    loss = BY_NAME[name]
    away, level, side = torch.tensor([1.5], dtype=torch.float64), torch.zeros(1, dtype=torch.float64), torch.tensor(1.0)
    right, down = plot_loss.slopes(lambda x, y: plot_loss.box_loss(loss, loss.options, x, y, side, side), away, level)
    assert (right.item() > 0) is pulls
    assert down.item() == 0
