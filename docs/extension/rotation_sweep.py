"""Plot of a box rotated about the center of its target: overlap losses and Gaussian losses over the angle."""

import math
from collections.abc import Callable, Mapping
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
GAUSSIANS: dict[str, Loss] = {
    "GWD": detloss.gaussian_wasserstein_loss,
    "KLD": detloss.kullback_leibler_loss,
    "ProbIoU": detloss.probabilistic_iou_loss,
}
SOLID, DASHED = "-", (0, (3, 1.2))

TARGET_ANGLE = math.pi / 6
STEPS = 360
ROTATIONS = (torch.arange(STEPS, dtype=torch.float64) - 0.5 * (STEPS - 1)) * math.pi / STEPS
"""From -90 to 90 degrees, avoiding the kinks at 0 and at both ends."""


def draw_rotation(width: float, height: float, losses: Mapping[str, Loss] = OVERLAPS | GAUSSIANS) -> Figure:
    """Plot losses of a box with the center and sides of its target, and their derivatives by the angle."""
    figure = Figure(figsize=(4.6, 6.0))
    value, gradient = figure.subplots(2, 1, sharex=True)
    for (name, loss), color in zip(losses.items(), COLORS, strict=False):
        values, derivatives = evaluate(loss, width, height)
        line = {"color": color, "linestyle": SOLID if name in OVERLAPS else DASHED}
        value.plot(ROTATIONS.rad2deg(), values, label=name, **line)
        gradient.plot(ROTATIONS.rad2deg(), derivatives, **line)
    value.set(title=f"loss of a {width:g} × {height:g} box, rotated about its center", ylabel="loss")
    gradient.set(title="derivative by the angle", xlabel="rotation from the target, degrees", ylabel="loss per radian")
    gradient.set_xticks(range(-90, 91, 45))
    figure.legend(*value.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def evaluate(loss: Loss, width: float, height: float) -> tuple[Tensor, Tensor]:
    """Evaluate a loss at all rotations; return its values and their derivatives by the angle."""
    target = torch.tensor([0.0, 0.0, width, height, TARGET_ANGLE], dtype=torch.float64).expand(STEPS, 5)
    boxes = torch.cat([target[:, :4], TARGET_ANGLE + ROTATIONS[:, None]], dim=-1).requires_grad_()
    values = loss(boxes, target, reduction="none")
    (gradient,) = torch.autograd.grad(values.sum(), boxes)
    return values.detach(), gradient[:, 4]
