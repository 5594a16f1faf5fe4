"""HTML report of a tuning: the answer, the AP over each parameter and over every pair of them, and the candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from detloss.experiments.comparison.output import write_atomic
from detloss.experiments.comparison.report.charts import COLORS, WIDTH, svg
from detloss.experiments.comparison.report.page import render, versions
from detloss.experiments.plot_style import INK, style
from detloss.experiments.tuning.candidates import Candidate, State
from detloss.experiments.tuning.search_space import LOG, Parameter
from detloss.experiments.tuning.tuning_result import Tuned

GRID = 60  # points along each side of a chart
MARGIN = 0.05  # around the candidates, as a fraction of their range
BOTTOM_QUANTILE = 0.25  # lower end of the color scale, so that poor candidates do not hide differences of the others
MIN_COLOR_RANGE = 0.001  # in AP
LENGTH_SCALE = 0.3  # of the Gaussian process, as a fraction of the range of the candidates
MIN_VARIANCE = 1e-9  # of the AP, where all candidates are equal
DRAWS = 1000  # curves that are drawn for the interval of an optimum
INTERVAL = (0.025, 0.975)


@dataclass(frozen=True)
class Profile:
    """The AP and its standard deviation over one parameter, with the others at their best.

    `optimum` is the value with the highest AP, and `interval` its 95 % interval.
    """

    parameter: Parameter
    values: np.ndarray
    ap: np.ndarray
    deviation: np.ndarray
    optimum: float
    interval: tuple[float, float]


class Surface:
    """The AP over the parameters: a Gaussian process through the candidates with at least one fold.

    The noise of a candidate is that of the mean of its folds; their variance is pooled over the complete candidates.
    """

    def __init__(self, tuned: Tuned) -> None:
        # The import takes a second.
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel

        self.parameters = tuned.design.parameters
        self.tried = [candidate for candidate in tuned.candidates if candidate.outcomes]
        complete = np.array([candidate.scores for candidate in self.tried if candidate.state is State.COMPLETE])
        easier = complete.mean(axis=0) - complete.mean()
        residuals = complete - complete.mean(axis=1, keepdims=True) - easier
        freedom = max((len(complete) - 1) * (len(easier) - 1), 1)
        counts = np.array([len(candidate.outcomes) for candidate in self.tried])
        # Dropped candidates are corrected for the difficulty of their folds.
        self.scores = np.array([one.score - easier[: len(one.outcomes)].mean() for one in self.tried])
        self.positions = np.array([self.positions_of(candidate) for candidate in self.tried])
        self.span = np.ptp(self.positions, axis=0)
        self.span[self.span == 0] = 1.0
        self.best = np.array(self.positions_of(tuned.best.candidate))
        self.process = GaussianProcessRegressor(
            ConstantKernel(max(self.scores.var(), MIN_VARIANCE)) * RBF(LENGTH_SCALE),
            alpha=max(np.square(residuals).sum() / freedom, MIN_VARIANCE) / counts,
            optimizer=None,
        ).fit(self.positions / self.span, self.scores - self.scores.mean())

    def positions_of(self, candidate: Candidate) -> list[float]:
        """The positions of a candidate on the scales of the parameters."""
        return [parameter.scale.position(candidate.settings[parameter.name]) for parameter in self.parameters]

    def grid(self, index: int) -> np.ndarray:
        """Positions along a parameter, over the range of the candidates and a margin."""
        along, margin = self.positions[:, index], MARGIN * self.span[index]
        return np.linspace(along.min() - margin, along.max() + margin, GRID)

    def values(self, index: int, positions: np.ndarray) -> np.ndarray:
        """The values of a parameter at positions on its scale."""
        found: np.ndarray = np.vectorize(self.parameters[index].scale.value)(positions)
        return found

    def profile(self, index: int) -> Profile:
        """The AP over one of the parameters."""
        points = np.tile(self.best, (GRID, 1))
        points[:, index] = self.grid(index)
        ap, deviation = self.process.predict(points / self.span, return_std=True)
        tops = self.process.sample_y(points / self.span, DRAWS, random_state=0).argmax(axis=0)
        values = self.values(index, points[:, index])
        low, high = np.quantile(tops, INTERVAL, method="nearest")
        interval = float(values[low]), float(values[high])
        return Profile(
            self.parameters[index], values, ap + self.scores.mean(), deviation, float(values[ap.argmax()]), interval
        )

    def map(self, across: int, up: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values of two parameters, and the AP at every pair of them: (GRID, GRID) each."""
        points = np.tile(self.best, (GRID, GRID, 1))
        points[..., across], points[..., up] = np.meshgrid(self.grid(across), self.grid(up))
        ap = self.process.predict((points / self.span).reshape(-1, len(self.best))).reshape(GRID, GRID)
        values = (self.values(one, points[..., one]) for one in (across, up))
        return *values, ap + self.scores.mean()


def write(tuned: Tuned, path: Path) -> None:
    """Write the report, completely or not at all."""
    surface, names = Surface(tuned), [parameter.name for parameter in tuned.design.parameters]
    profiles = [surface.profile(index) for index in range(len(names))]
    maps = [draw_map(tuned, surface, *pair) for pair in combinations(range(len(names)), 2)]
    page = render(
        "tuning/tuning_report.html.j2",
        title=f"Tuning of {', '.join(names)} for {tuned.design.box.name} + {tuned.design.cls.name}",
        findings=tuned.findings(),
        colors=COLORS,
        refresh=None,
        tuned=tuned,
        names=names,
        profiles=profiles,
        curves=[draw_curve(tuned, surface, index, profile) for index, profile in enumerate(profiles)],
        maps=maps,
        versions=versions(),
    )
    write_atomic(path, page)


def draw_curve(tuned: Tuned, surface: Surface, index: int, profile: Profile) -> str:
    """Draw the AP over a parameter with its standard deviation, the interval of the optimum, and the candidates."""
    name, color = profile.parameter.name, COLORS[0][0]
    with style():
        figure = Figure(figsize=(WIDTH, 3.0))
        axes = figure.subplots()
        axes.axvspan(*profile.interval, color=INK, alpha=0.07, linewidth=0)
        low, high = profile.ap - profile.deviation, profile.ap + profile.deviation
        axes.fill_between(profile.values, low, high, color=color, alpha=0.25, linewidth=0)
        axes.plot(profile.values, profile.ap, color=color)
        draw_candidates(axes, tuned, surface.tried, surface.values(index, surface.positions[:, index]), surface.scores)
        axes.set_ylabel("mean AP of the folds")
        set_scale(axes, "x", profile.parameter)
        figure.legend(loc="outside lower left", ncols=4, fontsize=8.5, borderpad=0, handletextpad=0.2)
        return svg(figure, f"AP over {name}, and all candidates")


def draw_map(tuned: Tuned, surface: Surface, across: int, up: int) -> str:
    """Draw the AP over two parameters with the others at their best, and the candidates."""
    parameters = surface.parameters
    bottom = float(np.quantile(surface.scores, BOTTOM_QUANTILE))
    colors = Normalize(bottom, max(float(surface.scores.max()), bottom + MIN_COLOR_RANGE))
    with style():
        figure = Figure(figsize=(WIDTH, 3.2))
        axes = figure.subplots()
        mesh = axes.pcolormesh(*surface.map(across, up), norm=colors, shading="gouraud", rasterized=True)
        figure.colorbar(mesh, label="AP", extend="min")
        draw_candidates(
            axes, tuned, surface.tried, *(surface.values(one, surface.positions[:, one]) for one in (across, up))
        )
        set_scale(axes, "x", parameters[across])
        set_scale(axes, "y", parameters[up])
        axes.grid(visible=False)
        return svg(figure, f"AP over {parameters[across].name} and {parameters[up].name}, and all candidates")


def set_scale(axes: Axes, side: Literal["x", "y"], parameter: Parameter) -> None:
    """Set the scale of an axis to that of a parameter, with plain numbers."""
    axes.set(**{f"{side}scale": parameter.scale.name, f"{side}label": parameter.name})
    axis = axes.xaxis if side == "x" else axes.yaxis
    if parameter.scale is LOG:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_candidates(axes: Axes, tuned: Tuned, tried: Sequence[Candidate], x: np.ndarray, y: np.ndarray) -> None:
    """Draw the candidates: complete and dropped ones, the start, and the best on top."""
    complete = np.array([candidate.state is State.COMPLETE for candidate in tried])
    numbers = np.array([candidate.number for candidate in tried])
    for name, chosen, marker, size, color in (
        ("complete", complete, "o", 24, "white"),
        ("dropped", ~complete, "X", 28, "lightgrey"),
        ("start", numbers == tuned.start.candidate.number, "s", 60, COLORS[1][0]),
        ("best", numbers == tuned.best.candidate.number, "*", 130, COLORS[4][0]),
    ):
        if chosen.any():
            axes.scatter(
                x[chosen], y[chosen], size, color, marker=marker, edgecolor=INK, linewidth=0.8, label=name, zorder=3
            )
