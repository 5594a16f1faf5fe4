"""The three gradients that boxes can go down: the loss's own, the same with c^2 constant, the published one."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, Kind, Loss
from detloss.experiments.simulation.axis_pair import Pair
from detloss.experiments.simulation.published_step import PARTS, backwards

Total = Callable[[Tensor, Tensor], Tensor]
"""The sum of a loss over boxes before their targets, all (n, 4) rows of center and sides."""

Gradient = Callable[[Tensor, Tensor], Tensor]
"""Its derivative by each box, or what stands in the place of it: (n, 4)."""

GradientOf = Callable[[Loss], Gradient]

CENTER_AND_SIDES = detloss.AxisAligned(format="cxcywh")

WITH_DIAGONAL = (detloss.distance_iou_loss, detloss.complete_iou_loss)
"""The losses that divide by c^2, the squared diagonal of the smallest box around both."""


def exact(loss: Loss) -> Gradient:
    """The derivative of the loss."""
    return derivative(total(loss))


def detach(loss: Loss) -> Gradient:
    """The derivative of the loss with c^2 held constant; where there is no c^2, just the derivative."""
    value = total(loss)
    if loss.function not in WITH_DIAGONAL:
        return derivative(value)
    return derivative(lambda boxes, targets: value(boxes, targets) + held(Pair.of(boxes, targets)))


def published(loss: Loss) -> Gradient:
    """The step that the authors of the DIoU paper wrote by hand."""
    return partial(backwards, PARTS[loss.name])


GRADIENTS: Mapping[str, GradientOf] = {"exact": exact, "detach": detach, "published": published}
"""By the name on the command line."""


def losses_with(gradient: str) -> tuple[Loss, ...]:
    """The losses that boxes can go down by a gradient: all that take boxes, or their four numbers; few by hand."""
    boxes = (loss for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX))
    return tuple(loss for loss in boxes if GRADIENTS[gradient] is not published or loss.name in PARTS)


def total(loss: Loss) -> Total:
    """The sum of a loss: of a box loss over rows, of a regression loss over all numbers of the rows."""
    geometry = {"geometry": CENTER_AND_SIDES} if loss.kind is Kind.BOX else {}
    return partial(loss.function, **loss.options, **geometry, reduction="sum")


def held(pair: Pair) -> Tensor:
    """Zero, whose derivative takes from that of rho^2 / c^2 what comes through c^2."""
    return (pair.distance / pair.diagonal.detach() - pair.distance / pair.diagonal).sum()


def derivative(value: Total) -> Gradient:
    """The derivative of a sum by each of its boxes."""

    def gradient(boxes: Tensor, targets: Tensor) -> Tensor:
        boxes = boxes.detach().requires_grad_()
        (slope,) = torch.autograd.grad(value(boxes, targets), boxes)
        return slope

    return gradient
