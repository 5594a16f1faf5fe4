"""Charts of the report: pairs, values, styles and labels."""

import re
from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from matplotlib.figure import Figure

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Ranking, Standing
from detloss.experiments.comparison.report import charts
from detloss.experiments.comparison.report.charts import (
    COLORS,
    Curve,
    axis_of_differences,
    curve_of,
    series_styles,
    training_losses,
)
from detloss.experiments.comparison.statistics import Difference
from detloss.experiments.comparison.weight_fit import WeightFit
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.snapshots import Snapshot
from tests.support.trials import outcome_of

PAIRS = (Pair("l1", "focal"), Pair("l1", "ce"), Pair("giou", "focal"))
STYLES = series_styles([str(pair) for pair in PAIRS])


def standing_of(pair: Pair, *, weight: float = 1.0, steps: int = 4) -> Standing:
    outcomes = [outcome_of(Trial(*pair, weight, seed, steps)) for seed in (0, 1)]
    return Standing(pair, weight, outcomes, None)


def test_a_chart_has_the_pairs_that_train_with_its_loss() -> None:
    drawn = {}
    for chart in training_losses([standing_of(pair) for pair in PAIRS], STYLES):
        title = re.search(r'aria-label="(.*?) over', chart)
        assert title is not None
        drawn[title[1]] = set(re.findall(r"stroke: var\(--pair-(\d)\)", chart))
    assert drawn == {
        "class loss: focal": {"0", "2"},
        "class loss: ce": {"1"},
        "box loss: l1": {"0", "1"},
        "box loss: giou": {"2"},
    }


def test_curves_are_the_seeds_and_a_box_loss_has_no_weight() -> None:
    standing = standing_of(PAIRS[0], weight=4.0)
    series = STYLES[standing.name]
    curve = curve_of(standing, 0, series)
    assert (curve.label, curve.steps.tolist()) == ("focal", [1, 2, 3, 4])
    np.testing.assert_allclose(curve.values[0] * 4, [2, 1, 2 / 3, 0.5])
    np.testing.assert_allclose(curve.values[1] * 4, [2.1, 1.1, 2 / 3 + 0.1, 0.6])
    np.testing.assert_allclose(curve_of(standing, 1, series).values, [[1, 1 / 2, 1 / 3, 1 / 4]] * 2)


@pytest.mark.parametrize(("last", "drawn"), [(24, 2), (25, 3), (30, 3)])
def test_a_last_point_of_few_steps_is_omitted(last: int, drawn: int) -> None:
    """Points are 10 steps apart; the last is drawn if it averages at least half as many."""
    points = [(step, 1.0, 1.0) for step in (10, 20, last)]
    outcome = replace(outcome_of(Trial("l1", "focal", 1.0, 0, 4)), curve=points)
    curve = curve_of(Standing(PAIRS[0], 1.0, [outcome], None), 0, STYLES[str(PAIRS[0])])
    assert len(curve.steps) == curve.values.shape[1] == drawn


def luminance(color: str) -> float:
    """WCAG's relative luminance of #rrggbb."""
    channels = [int(color[first : first + 2], 16) / 255 for first in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_lines_have_contrast_on_a_light_and_on_a_dark_page() -> None:
    for light, dark in COLORS:
        assert 1.05 / (luminance(light) + 0.05) >= 3, light
        assert (luminance(dark) + 0.05) / (luminance("#14181d") + 0.05) >= 4.5, dark


def test_styles_are_distinct() -> None:
    names = [str(number) for number in range(42)]
    assert len(set(series_styles(names).values())) == 42
    for first in range(0, 42, 6):
        few = list(series_styles(names).values())[first : first + 6]
        assert len({one.dash for one in few}) == len({one.marker for one in few}) == 6, "without colors too"


def test_the_axis_shows_all_differences() -> None:
    """The interval of the first pair ends at +.031; a seed of the second is .07 below the baseline."""
    aps = {PAIRS[0]: (0.40, 0.41), PAIRS[1]: (0.42, 0.43), PAIRS[2]: (0.33, 0.44)}
    standings = [
        Standing(pair, 1.0, [outcome_of(Trial(*pair, 1.0, seed, 4), ap) for seed, ap in enumerate(of_pair)])
        for pair, of_pair in aps.items()
    ]
    standings[1] = replace(standings[1], difference=Difference(0.02, 0.009, 0.031))
    standings[2] = replace(standings[2], difference=Difference(-0.02, -inf, inf))
    ticks = axis_of_differences(Ranking(standings, PAIRS[0]))
    assert ticks[0] <= -0.07
    assert ticks[-1] >= 0.031
    assert 0.0 in ticks
    assert len(ticks) < 9
    np.testing.assert_allclose(np.diff(ticks), ticks[1] - ticks[0])


def test_a_search_is_drawn_with_its_trials_and_its_parabola(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parabola is numpy's, and the scale is that of all searches."""
    figures: list[Figure] = []
    monkeypatch.setattr(charts, "svg", lambda figure, description: figures.append(figure) or description)
    weights = np.array([0.5, 1, 2, 4, 8])
    scores = 0.3 - 0.02 * (np.log2(weights) - 1.3) ** 2 + np.array([0.004, -0.006, 0.002, 0.005, -0.003])
    fit = WeightFit({(weight, 0): score for weight, score in zip(weights.tolist(), scores.tolist())})
    flat = WeightFit({(1.0, 0): 0.1, (2.0, 0): 0.2})
    drawn = charts.ap_over_weight({PAIRS[0]: fit, PAIRS[2]: flat}, STYLES, "AP")
    assert drawn == [
        f"AP of l1 + focal over the weight, selected {fit.weight:g}",
        "AP of giou + focal over the weight, selected 2",
    ]
    points, curve, selected = figures[0].axes[0].get_lines()
    np.testing.assert_allclose(points.get_xydata(), np.column_stack([weights, scores]))
    x, y = curve.get_xydata().T
    expected = np.polynomial.Polynomial.fit(np.log2(weights), scores, 2)
    np.testing.assert_allclose(y, expected(np.log2(x)), rtol=1e-9)
    assert selected.get_xdata()[0] == pytest.approx(2 ** (round(3 * 1.3) / 3), rel=1e-3)
    assert figures[1].axes[0].get_lines()[1].get_xydata().tolist() == [[1.0, 0.1], [2.0, 0.2]], "no maximum"
    assert figures[0].axes[0].get_ylim() == figures[1].axes[0].get_ylim()


def test_the_ap_over_the_steps_is_the_mean_of_the_seeds_in_their_range(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Sequence[Curve]] = []
    monkeypatch.setattr(charts, "line_chart", lambda title, quantity, curves: drawn.append(curves) or title)
    recorded = [[(2, 0.1), (4, 0.3)], [(2, 0.2), (4, 0.5)]]
    outcomes = [
        with_curve(outcome_of(Trial(*PAIRS[0], 1.0, seed, 4)), of_seed) for seed, of_seed in enumerate(recorded)
    ]
    unrecorded = standing_of(PAIRS[1])
    assert charts.ap_over_steps([Standing(PAIRS[0], 1.0, outcomes), unrecorded], STYLES)
    [[curve]] = drawn
    assert (curve.label, curve.steps.tolist()) == ("l1 + focal", [2, 4])
    np.testing.assert_allclose(curve.values, [[0.1, 0.3], [0.2, 0.5]])
    assert charts.ap_over_steps([unrecorded], STYLES) == ""


def test_lines_are_means_and_bands_are_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(charts, "svg", lambda figure, description: figures.append(figure) or "")
    values = np.array([[0.1, 0.3], [0.2, 0.7]])
    charts.line_chart("AP", "AP", [Curve("a", STYLES[str(PAIRS[0])], np.array([2, 4]), values)])
    [axes] = figures[0].axes
    [line], [band] = axes.get_lines(), axes.collections
    np.testing.assert_allclose(line.get_xydata(), [[2, 0.15], [4, 0.5]])
    corners = {(x, round(y, 9)) for x, y in band.get_paths()[0].vertices.tolist()}
    assert corners == {(2, 0.1), (2, 0.2), (4, 0.3), (4, 0.7)}
    assert line.get_label() == "a: 0.500"


def with_curve(outcome: Outcome, points: Sequence[tuple[int, float]]) -> Outcome:
    """The outcome with a recorded AP after several steps."""
    return replace(outcome, snapshots=[Snapshot(step, ap, {}) for step, ap in points])
