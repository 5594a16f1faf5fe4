"""Charts of the report: pairs, values, styles and labels."""

import re
from dataclasses import replace

import numpy as np
import pytest

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.comparison.report.charts import (
    COLORS,
    box_loss,
    class_loss,
    curve_of,
    separated,
    series_styles,
    training_losses,
)
from detloss.experiments.training.outcome import Trial
from tests.support.trials import outcome_of

PAIRS = (Pair("l1", "focal"), Pair("l1", "ce"), Pair("giou", "focal"))
STYLES = series_styles([str(pair) for pair in PAIRS])


def standing_of(pair: Pair, *, weight: float = 1.0, steps: int = 4) -> Standing:
    outcomes = [outcome_of(Trial(*pair, weight, seed, steps)) for seed in (0, 1)]
    return Standing(pair, weight, outcomes, None)


def test_a_chart_has_the_pairs_that_train_with_its_loss() -> None:
    charts = training_losses([standing_of(pair) for pair in PAIRS], STYLES)
    drawn = {}
    for chart in charts:
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
    curve = curve_of(standing, "focal", series, box_loss)
    assert curve.steps.tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(curve.values[0] * 4, [2, 1, 2 / 3, 0.5])
    np.testing.assert_allclose(curve.values[1] * 4, [2.1, 1.1, 2 / 3 + 0.1, 0.6])
    np.testing.assert_allclose(curve_of(standing, "l1", series, class_loss).values, [[1, 1 / 2, 1 / 3, 1 / 4]] * 2)


@pytest.mark.parametrize(("last", "drawn"), [(24, 2), (25, 3), (30, 3)])
def test_a_last_point_of_few_steps_is_omitted(last: int, drawn: int) -> None:
    """Points are 10 steps apart; the last is drawn if it averages at least half as many."""
    points = [(step, 1.0, 1.0) for step in (10, 20, last)]
    outcome = replace(outcome_of(Trial("l1", "focal", 1.0, 0, 4)), curve=points)
    curve = curve_of(Standing(PAIRS[0], 1.0, [outcome], None), "", STYLES[str(PAIRS[0])], box_loss)
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


def test_labels_are_separated_and_close_to_their_lines() -> None:
    assert separated([0.2, 0.8], 0.1).tolist() == [0.2, 0.8]
    np.testing.assert_allclose(separated([0.5, 0.5], 0.1), [0.45, 0.55])
    np.testing.assert_allclose(separated([0.0, 0.0, 1.0], 0.2), [0.0, 0.2, 1.0])
    np.testing.assert_allclose(separated([0.9, 1.0, 1.0], 0.2), [0.6, 0.8, 1.0])
