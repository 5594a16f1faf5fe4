"""Plots of the simulation page, drawn by the code of ``detloss simulate``."""

from pathlib import Path

from sphinx.application import Sphinx

from detloss.experiments.simulation import simulation_plots
from detloss.experiments.simulation.experiment import default_losses, simulate

POINTS = 200
"""Enough for curves that look like those of all 5000 points."""


def draw(app: Sphinx) -> None:
    """Plot the losses of the paper with exact gradients and with the published step."""
    folder = Path(app.srcdir, "simulation")
    folder.mkdir(exist_ok=True)
    for gradient in ("exact", "published"):
        simulation = simulate(default_losses("published"), gradient=gradient, points=POINTS, seed=0)
        simulation_plots.write(simulation, folder / f"{gradient}.png")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
