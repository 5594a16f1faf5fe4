"""Plot of a tuning: the score over the tuned parameters, with all candidates."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from detloss.experiments.plot_style import COLORS, INK, style
from detloss.experiments.tuning.candidates import Candidate, State
from detloss.experiments.tuning.search_space import LOG, Parameter
from detloss.experiments.tuning.tuning_result import Tuned

MAPS_PER_ROW = 3
GRID = 60  # points of a map along each side
BOTTOM_QUANTILE = 0.25  # lower end of the color scale, so that poor candidates do not hide differences of the others
MIN_COLOR_RANGE = 0.001  # in AP
MARGIN = 0.05  # around the candidates, as a fraction of their range
LENGTH_SCALE = 0.3  # of the Gaussian process, as a fraction of the range
NOISE = 0.1  # of the Gaussian process, as a fraction of the variance of the scores


def write(tuned: Tuned, path: Path) -> None:
    """Plot a tuning to a PNG file."""
    with style():
        draw(tuned).savefig(path, dpi=160, format="png")


def draw(tuned: Tuned) -> Figure:
    """Plot a curve for one parameter, a map for two, and for more a map of every pair, cut through the best."""
    parameters = tuned.design.parameters
    pairs = list(combinations(range(len(parameters)), 2))
    columns = max(min(len(pairs), MAPS_PER_ROW), 1)
    rows = max(-(-len(pairs) // columns), 1)
    figure = Figure(figsize=(2.4 + 4.0 * columns, 1.2 + 3.4 * rows))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[max(len(pairs), 1) :]:
        panel.set_axis_off()
    if pairs:
        maps = [draw_map(panel, tuned, *pair) for panel, pair in zip(panels, pairs)]
        figure.colorbar(maps[0], ax=panels, label="AP, interpolated between candidates", extend="min")
    else:
        draw_curve(panels[0], tuned, parameters[0])
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(handles))
    cut = f",\ncut through {tuned.best.candidate}" if len(pairs) > 1 else ""
    losses = f"{tuned.design.box.name} + {tuned.design.cls.name}"
    figure.suptitle(f"{losses}, mean AP of {tuned.design.folds} folds{cut}")
    return figure


def draw_curve(axes: Axes, tuned: Tuned, parameter: Parameter) -> None:
    """Plot the mean of the folds over one parameter, in a band from the worst fold to the best."""
    complete = [candidate for candidate in tuned.candidates if candidate.state is State.COMPLETE]
    complete.sort(key=lambda candidate: candidate.settings[parameter.name])
    values = [candidate.settings[parameter.name] for candidate in complete]
    folds = np.array([candidate.scores for candidate in complete])
    axes.fill_between(values, folds.min(axis=1), folds.max(axis=1), color=COLORS[0], alpha=0.25, linewidth=0)
    axes.plot(values, folds.mean(axis=1), color=COLORS[0])
    axes.set_ylabel("AP (band: range of the folds)")
    set_scale(axes, "x", parameter)
    tried = started(tuned)
    draw_candidates(axes, tuned, [candidate.settings[parameter.name] for candidate in tried], comparable_scores(tried))


def draw_map(axes: Axes, tuned: Tuned, across: int, up: int) -> QuadMesh:
    """Plot the score over two parameters, with the others at their best, and the candidates."""
    parameters, tried = tuned.design.parameters, started(tuned)
    scores = comparable_scores(tried)
    positions = np.array([positions_of(candidate, parameters) for candidate in tried])
    span = np.ptp(positions, axis=0)
    span[span == 0] = 1.0
    first, last = positions.min(axis=0) - MARGIN * span, positions.max(axis=0) + MARGIN * span
    grid = np.tile(positions_of(tuned.best.candidate, parameters), (GRID, GRID, 1))
    grid[..., across], grid[..., up] = np.meshgrid(*(np.linspace(first[one], last[one], GRID) for one in (across, up)))
    bottom = float(np.quantile(scores, BOTTOM_QUANTILE))
    mesh = axes.pcolormesh(
        np.vectorize(parameters[across].scale.value)(grid[..., across]),
        np.vectorize(parameters[up].scale.value)(grid[..., up]),
        interpolated(positions / span, scores, grid / span),
        norm=Normalize(bottom, max(float(scores.max()), bottom + MIN_COLOR_RANGE)),
        cmap="viridis",
        shading="gouraud",
        rasterized=True,
    )
    set_scale(axes, "x", parameters[across])
    set_scale(axes, "y", parameters[up])
    axes.grid(visible=False)
    values = [[candidate.settings[parameters[one].name] for candidate in tried] for one in (across, up)]
    draw_candidates(axes, tuned, values[0], values[1])
    return mesh


def started(tuned: Tuned) -> list[Candidate]:
    """List the candidates with at least one fold."""
    return [candidate for candidate in tuned.candidates if candidate.outcomes]


def comparable_scores(candidates: Sequence[Candidate]) -> np.ndarray:
    """The mean of each candidate's folds, corrected for the difficulty of its folds if it was dropped."""
    complete = np.array([candidate.scores for candidate in candidates if candidate.state is State.COMPLETE])
    easier = complete.mean(axis=0) - complete.mean()
    return np.array([candidate.score - easier[: len(candidate.scores)].mean() for candidate in candidates])


def positions_of(candidate: Candidate, parameters: Sequence[Parameter]) -> list[float]:
    """The positions of a candidate on the scales of the parameters."""
    return [parameter.scale.position(candidate.settings[parameter.name]) for parameter in parameters]


def interpolated(positions: np.ndarray, scores: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate the scores by a Gaussian process; far from all candidates it returns their mean."""
    # The import takes a second.
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    process = GaussianProcessRegressor(RBF(LENGTH_SCALE), alpha=NOISE, optimizer=None, normalize_y=True)
    scores_there: np.ndarray = process.fit(positions, scores).predict(points.reshape(-1, positions.shape[1]))
    return scores_there.reshape(points.shape[:-1])


def set_scale(axes: Axes, side: Literal["x", "y"], parameter: Parameter) -> None:
    """Set the scale of an axis to that of a parameter, with plain numbers."""
    axes.set(**{f"{side}scale": parameter.scale.name, f"{side}label": parameter.name})
    axis: Axis = axes.xaxis if side == "x" else axes.yaxis
    if parameter.scale is LOG:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_candidates(axes: Axes, tuned: Tuned, across: Sequence[float], up: Sequence[float] | np.ndarray) -> None:
    """Plot the candidates: complete and dropped ones, the start, and the best on top."""
    tried = started(tuned)
    complete = np.array([candidate.state is State.COMPLETE for candidate in tried])
    points = np.column_stack([across, up])
    for name, chosen, marker, size, color in (
        ("complete", complete, "o", 24, "white"),
        ("dropped", ~complete, "X", 28, "lightgrey"),
        ("start", is_candidate(tried, tuned.start.candidate), "s", 70, COLORS[1]),
        ("best", is_candidate(tried, tuned.best.candidate), "*", 160, COLORS[4]),
    ):
        if chosen.any():
            x, y = points[chosen].T
            axes.scatter(x, y, size, color, marker=marker, edgecolor=INK, linewidth=0.8, label=name, zorder=3)


def is_candidate(candidates: Sequence[Candidate], one: Candidate) -> np.ndarray:
    """Mark one of the candidates."""
    return np.array([candidate.number == one.number for candidate in candidates])
