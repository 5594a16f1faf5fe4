"""The picture of a box that turns about its target's center: what overlap losses and their surrogates see of it."""

import math
from collections.abc import Callable
from functools import partial

import torch
from matplotlib.figure import Figure
from torch import Tensor

import detloss
from detloss import Rotated
from detloss.experiments.plot_style import COLORS

Loss = Callable[..., Tensor]
OVERLAPS: dict[str, Loss] = {
    "IoU, DIoU": partial(detloss.iou_loss, geometry=Rotated()),
    "GIoU, hull": partial(detloss.generalized_iou_loss, geometry=Rotated()),
    "GIoU, box": partial(detloss.generalized_iou_loss, geometry=Rotated(), enclosing="box"),
}
SURROGATES: dict[str, Loss] = {
    "GWD": detloss.gaussian_wasserstein_loss,
    "KLD": detloss.kullback_leibler_loss,
    "ProbIoU": detloss.probabilistic_iou_loss,
}
DASHES = ["-"] * len(OVERLAPS) + [(0, (3, 1.2))] * len(SURROGATES)

TARGET_ANGLE = math.pi / 6
STEPS = 360
TURNS = (torch.arange(STEPS, dtype=torch.float64) - 0.5 * (STEPS - 1)) * math.pi / STEPS
"""From -90 degrees to 90, and past the kinks at 0 and at both ends, not on them."""


def draw_turning(width: float, height: float) -> Figure:
    """Draw the losses of a box that has the target's center and sides, and their derivatives by its angle."""
    figure = Figure(figsize=(4.6, 6.0))
    value, slope = figure.subplots(2, 1, sharex=True)
    for (name, loss), color, dashes in zip((OVERLAPS | SURROGATES).items(), COLORS, DASHES, strict=True):
        values, slopes = along_turns(loss, width, height)
        value.plot(TURNS.rad2deg(), values, color=color, linestyle=dashes, label=name)
        slope.plot(TURNS.rad2deg(), slopes, color=color, linestyle=dashes)
    value.set(title=f"loss of a box of {width:g} × {height:g}, turned about its center", ylabel="loss")
    slope.set(title="derivative by its angle", xlabel="turned from the target by, degrees", ylabel="loss per radian")
    slope.set_xticks(range(-90, 91, 45))
    figure.legend(*value.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def along_turns(loss: Loss, width: float, height: float) -> tuple[Tensor, Tensor]:
    """A loss at all turns, and its derivative by the angle."""
    target = torch.tensor([0.0, 0.0, width, height, TARGET_ANGLE], dtype=torch.float64).expand(STEPS, 5)
    boxes = torch.cat([target[:, :4], TARGET_ANGLE + TURNS[:, None]], dim=-1).requires_grad_()
    values = loss(boxes, target, reduction="none")
    (slopes,) = torch.autograd.grad(values.sum(), boxes)
    return values.detach(), slopes[:, 4]
