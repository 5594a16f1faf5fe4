"""The picture of a tuning: the score over what was tuned, with everything that was tried."""

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

MAPS_A_ROW = 3
GRID = 60  # points of a map from side to side
HOPELESS = 0.25  # the share of candidates that have one color, lest they hide how the others differ
FLAT = 0.001  # the least AP from one end of the colors to the other
MARGIN = 0.05  # around what was tried, as a share of its range
REACH = 0.3  # how far a score tells of its neighbours, likewise
CHANCE = 0.1  # how much of the variance of the scores is taken for chance


def write(tuned: Tuned, path: Path) -> None:
    """Draw a tuning into a PNG file."""
    with style():
        draw(tuned).savefig(path, dpi=160, format="png")


def draw(tuned: Tuned) -> Figure:
    """Draw a curve for one parameter, a map for two, and for more a map of every two, cut through the best."""
    parameters = tuned.design.parameters
    pairs = list(combinations(range(len(parameters)), 2))
    columns = max(min(len(pairs), MAPS_A_ROW), 1)
    rows = max(-(-len(pairs) // columns), 1)
    figure = Figure(figsize=(2.4 + 4.0 * columns, 1.2 + 3.4 * rows))
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[max(len(pairs), 1) :]:
        panel.set_axis_off()
    if pairs:
        maps = [draw_map(panel, tuned, *pair) for panel, pair in zip(panels, pairs)]
        figure.colorbar(maps[0], ax=panels, label="AP; between the dots a smooth guess", extend="min")
    else:
        draw_curve(panels[0], tuned, parameters[0])
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(handles))
    cut = f",\ncut through {tuned.best.candidate}" if len(pairs) > 1 else ""
    losses = f"{tuned.design.box.name} + {tuned.design.cls.name}"
    figure.suptitle(f"{losses}, mean AP of {tuned.design.folds} folds{cut}")
    return figure


def draw_curve(axes: Axes, tuned: Tuned, parameter: Parameter) -> None:
    """Draw the mean of the folds over one parameter, in a band from the worst of them to the best."""
    complete = [candidate for candidate in tuned.candidates if candidate.state is State.COMPLETE]
    complete.sort(key=lambda candidate: candidate.settings[parameter.name])
    values = [candidate.settings[parameter.name] for candidate in complete]
    folds = np.array([candidate.scores for candidate in complete])
    axes.fill_between(values, folds.min(axis=1), folds.max(axis=1), color=COLORS[0], alpha=0.25, linewidth=0)
    axes.plot(values, folds.mean(axis=1), color=COLORS[0])
    axes.set_ylabel("AP; the band: from the worst fold to the best")
    give_scale(axes, "x", parameter)
    tried = begun(tuned)
    draw_tried(axes, tuned, [candidate.settings[parameter.name] for candidate in tried], comparable_scores(tried))


def draw_map(axes: Axes, tuned: Tuned, across: int, up: int) -> QuadMesh:
    """Draw the score over two parameters, the others at their best, with the values that were tried."""
    parameters, tried = tuned.design.parameters, begun(tuned)
    scores = comparable_scores(tried)
    places = np.array([places_of(candidate, parameters) for candidate in tried])
    span = np.ptp(places, axis=0)
    span[span == 0] = 1.0
    first, last = places.min(axis=0) - MARGIN * span, places.max(axis=0) + MARGIN * span
    grid = np.tile(places_of(tuned.best.candidate, parameters), (GRID, GRID, 1))
    grid[..., across], grid[..., up] = np.meshgrid(*(np.linspace(first[one], last[one], GRID) for one in (across, up)))
    bottom = float(np.quantile(scores, HOPELESS))
    mesh = axes.pcolormesh(
        np.vectorize(parameters[across].scale.value)(grid[..., across]),
        np.vectorize(parameters[up].scale.value)(grid[..., up]),
        smooth_guess(places / span, scores, grid / span),
        norm=Normalize(bottom, max(float(scores.max()), bottom + FLAT)),
        cmap="viridis",
        shading="gouraud",
        rasterized=True,
    )
    give_scale(axes, "x", parameters[across])
    give_scale(axes, "y", parameters[up])
    axes.grid(visible=False)
    values = [[candidate.settings[parameters[one].name] for candidate in tried] for one in (across, up)]
    draw_tried(axes, tuned, values[0], values[1])
    return mesh


def begun(tuned: Tuned) -> list[Candidate]:
    """The candidates that have at least one fold."""
    return [candidate for candidate in tuned.candidates if candidate.outcomes]


def comparable_scores(candidates: Sequence[Candidate]) -> np.ndarray:
    """The mean of each candidate's folds, less what these are easier than all folds: so dropped ones compare."""
    complete = np.array([candidate.scores for candidate in candidates if candidate.state is State.COMPLETE])
    easier = complete.mean(axis=0) - complete.mean()
    return np.array([candidate.score - easier[: len(candidate.scores)].mean() for candidate in candidates])


def places_of(candidate: Candidate, parameters: Sequence[Parameter]) -> list[float]:
    """Where a candidate stands on the scale of every parameter."""
    return [parameter.scale.position(candidate.settings[parameter.name]) for parameter in parameters]


def smooth_guess(places: np.ndarray, scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Guess the scores at other places, by a Gaussian process: near those that are near, else the mean."""
    # Takes a second, which the start of every command can do without.
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    process = GaussianProcessRegressor(RBF(REACH), alpha=CHANCE, optimizer=None, normalize_y=True)
    guess: np.ndarray = process.fit(places, scores).predict(wanted.reshape(-1, places.shape[1]))
    return guess.reshape(wanted.shape[:-1])


def give_scale(axes: Axes, side: Literal["x", "y"], parameter: Parameter) -> None:
    """Make one side of a drawing the scale of a parameter, with plain numbers."""
    axes.set(**{f"{side}scale": parameter.scale.name, f"{side}label": parameter.name})
    axis: Axis = axes.xaxis if side == "x" else axes.yaxis
    if parameter.scale is LOG:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_tried(axes: Axes, tuned: Tuned, across: Sequence[float], up: Sequence[float] | np.ndarray) -> None:
    """Draw what was tried: the complete ones, the dropped ones, the start, and the best on top."""
    tried = begun(tuned)
    complete = np.array([candidate.state is State.COMPLETE for candidate in tried])
    points = np.column_stack([across, up])
    for name, chosen, marker, size, color in (
        ("complete", complete, "o", 24, "white"),
        ("dropped", ~complete, "X", 28, "lightgrey"),
        ("start", marked(tried, tuned.start.candidate), "s", 70, COLORS[1]),
        ("best", marked(tried, tuned.best.candidate), "*", 160, COLORS[4]),
    ):
        if chosen.any():
            x, y = points[chosen].T
            axes.scatter(x, y, size, color, marker=marker, edgecolor=INK, linewidth=0.8, label=name, zorder=3)


def marked(candidates: Sequence[Candidate], one: Candidate) -> np.ndarray:
    """Which of the candidates is this one."""
    return np.array([candidate.number == one.number for candidate in candidates])
