"""The experiment: the boxes of the same cases go down every loss."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from detloss.catalog import Loss
from detloss.experiments.simulation.cases import CASES_A_POINT, points_in_disc
from detloss.experiments.simulation.descent import Course, descend
from detloss.experiments.simulation.gradients import GRADIENTS, losses_with


class SimulationError(ValueError):
    """What was asked for cannot be simulated."""


@dataclass(frozen=True)
class Simulation:
    """What came of an experiment.

    Attributes:
        gradient: What the boxes went down: ``"exact"``, ``"detach"`` or ``"published"``.
        points: (n, 2) centers of the boxes before the first step.
        courses: The course of every loss's error.
    """

    gradient: str
    points: Tensor
    courses: Sequence[Course]

    @property
    def cases(self) -> int:
        """How many boxes went to a target by each loss."""
        return len(self.points) * CASES_A_POINT

    def record(self) -> dict[str, object]:
        """What simulate.json holds."""
        losses = {course.loss.name: course.totals for course in self.courses}
        return {"cases": self.cases, "gradient": self.gradient, "losses": losses}


def simulate(
    losses: Sequence[Loss],
    *,
    gradient: str,
    points: int,
    seed: int,
    device: str = "cpu",
    advance: Callable[[Loss, int], object] = lambda loss, points: None,
) -> Simulation:
    """Let boxes around their targets go down every loss.

    Args:
        losses: Rows of the catalog, each a loss of boxes or of their numbers.
        gradient: ``"exact"``, ``"detach"``, with c^2 constant, or ``"published"``, the step written by hand.
        points: How many points the boxes start from, 343 cases each.
        seed: Of the points.
        device: What calculates: ``"cpu"`` or ``"cuda"``.
        advance: Told how many more points a loss is done with.

    Returns:
        The course of every loss's error.

    Raises:
        SimulationError: A loss has no such gradient by boxes, or the device is not there.
    """
    fitting = losses_with(gradient)
    for loss in losses:
        if loss not in fitting:
            names = ", ".join(each.name for each in fitting)
            raise SimulationError(
                f"losses: expected some of {names} for the {gradient} gradient, "
                f"got {loss.name}, a loss of {loss.kind.value}"
            )
    if device == "cuda" and not torch.cuda.is_available():
        raise SimulationError("device: expected cpu, since torch finds no GPU here, got cuda")
    start = points_in_disc(points, seed)
    courses = [descend(loss, GRADIENTS[gradient], start.to(device), advance=partial(advance, loss)) for loss in losses]
    return Simulation(gradient, start, courses)
