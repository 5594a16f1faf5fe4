"""Error rates of verdicts, intervals and regrets on simulated scores of known losses."""

import pytest

from tools.verdicts import SCENARIOS, Scenario, simulate

PAGES = 150  # three standard errors of 5 % are 5.3 %
ERRORS = ("false verdict", "interval missed", "best missed", "regret exceeded")


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario("2 equal losses", (0.0,) * 2, 3),
        Scenario("4 equal losses, trials fail", (0.0,) * 4, 3, failing=0.1),
        pytest.param(Scenario("8 losses", (0.0,) * 6 + (0.02, 0.05), 3), marks=pytest.mark.exhaustive),
    ],
    ids=lambda scenario: scenario.name,
)
def test_errors_are_rare_and_large_differences_are_found(scenario: Scenario) -> None:
    rates = simulate(scenario, PAGES)
    assert {name: rates[name] for name in ERRORS if rates[name] > 0.05 + 0.053} == {}


@pytest.mark.exhaustive
def test_a_difference_is_detected_with_the_predicted_power() -> None:
    """The seeds of two losses have the standard deviation .0135, so .0415 is detected with 80 %; pairing adds to it."""
    rates = simulate(Scenario("2 losses", (0.0, 0.045), 3), PAGES)
    assert rates["power"] > 0.7
    assert rates["losses in the set"] < 1.4


def test_scenarios_have_different_names() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
