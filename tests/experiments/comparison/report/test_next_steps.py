"""Next steps of the report: the code runs, the command is valid, and the number of seeds has the stated power."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import nct, t

import detloss
from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import rank
from detloss.experiments.comparison.report.next_steps import NextSteps, next_steps, with_seeds
from detloss.experiments.comparison.runner import Results
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import Failed
from tests.support.trials import fixed_plan, outcome_of, settings_of, small_dataset

BASELINE, OTHER = Pair("l1", "focal"), Pair("giou", "focal")


def steps_of(aps: dict[str, tuple[float, ...]], command: str = "detloss compare data") -> NextSteps | None:
    """The next steps for the AP of every box loss by seed, where the images are certain."""
    plan = fixed_plan(*range(max(map(len, aps.values()))), boxes=tuple(aps))
    outcomes = [
        outcome_of(Trial(box, "focal", 1.0, seed, 3), ap)
        for box, of_box in aps.items()
        for seed, ap in enumerate(of_box)
    ]
    return next_steps(rank(outcomes, BASELINE), Results(plan, outcomes, []), small_dataset(), settings_of(command))


def power(seeds: int, difference: float, scatter: float) -> float:
    """Power of the two-sided paired t-test of two losses with independent scatter."""
    noncentrality, limit = difference / (scatter * np.sqrt(2 / seeds)), t.ppf(0.975, seeds - 1)
    return float(nct.sf(limit, seeds - 1, noncentrality) + nct.cdf(-limit, seeds - 1, noncentrality))


def test_the_number_of_seeds_detects_the_difference_between_the_best_pairs() -> None:
    one, other = (0.42, 0.44, 0.43), (0.40, 0.43, 0.415)
    found = steps_of({"l1": other, "giou": one}, "detloss compare data --seeds 3 --overwrite")
    assert found is not None
    assert found.best.pair == OTHER
    difference = np.mean(one) - np.mean(other)
    scatter = np.sqrt((np.var(one, ddof=1) + np.var(other, ddof=1)) / 2)
    seeds = int(found.command.rpartition(" ")[2])
    assert power(seeds + 1, difference, scatter) > 0.78
    assert power(seeds - 2, difference, scatter) < 0.82
    assert found.advice == (
        f"About {seeds} seeds would detect the difference of {difference:.3f} AP between giou + focal and l1 + focal:"
        f" {seeds - 3} more. The finished trials are not repeated."
    )
    assert found.command == f"detloss compare data --seeds {seeds}"


def test_a_difference_that_does_not_matter_is_not_pursued() -> None:
    found = steps_of({"l1": (0.41, 0.43, 0.42), "giou": (0.43, 0.41, 0.423)})
    assert found is not None
    assert "would detect a difference of 0.01 AP: " in found.advice


def test_nothing_is_left_to_decide() -> None:
    for aps in ({"l1": (0.1, 0.11, 0.105), "giou": (0.5, 0.51, 0.49)}, {"l1": (0.4, 0.41)}):
        found = steps_of(aps)
        assert found is not None
        assert (found.advice, found.command) == ("", "")


def test_one_seed_needs_more() -> None:
    found = steps_of({"l1": (0.4,), "giou": (0.5,)}, "detloss compare --quick")
    assert found is not None
    assert found.advice.startswith("One seed cannot separate a difference from chance. 5 seeds")
    assert found.command == "detloss compare --seeds 5"


def test_many_seeds_or_images_are_no_command() -> None:
    found = steps_of({"l1": (0.2, 0.6, 0.4), "giou": (0.62, 0.21, 0.41)})
    assert found is not None
    assert "would hardly detect" in found.advice or "validation images" in found.advice
    assert found.command == ""


def test_without_a_best_pair_there_is_no_advice() -> None:
    trial = Trial("l1", "focal", 1.0, 0, 3)
    failures = [Failed(trial, "FloatingPointError: the loss is nan")]
    ranking = rank([], BASELINE, failures=failures)
    assert (
        next_steps(ranking, Results(fixed_plan(0, boxes=("l1",)), [], failures), small_dataset(), settings_of()) is None
    )


def test_the_code_inserts_the_losses_with_their_weight() -> None:
    found = steps_of({"inner-giou:inner=0.8": (0.4, 0.41)})
    assert found is not None
    inserted: dict[str, object] = {}
    exec(
        found.code, {"detloss": detloss, "model": "model", "use_losses": lambda model, **given: inserted.update(given)}
    )
    assert inserted.pop("box_weight") == 1
    boxes = torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([[1.0, 0, 5, 4]])
    expected = detloss.generalized_iou_loss(*boxes, overlap=detloss.Overlap(inner=0.8))
    assert inserted["box"](*boxes) == expected  # type: ignore[operator]
    assert isinstance(inserted["classification"], detloss.SigmoidFocalLoss)


def test_losses_of_the_user_and_of_rotated_boxes_have_no_code() -> None:
    rotated = replace(small_dataset(), geometry=detloss.Rotated())
    for pair, data in ((Pair("mine"), small_dataset()), (Pair("kld", "focal"), rotated)):
        outcomes = [outcome_of(Trial(pair.box, pair.cls, 2.0, 0, 3))]
        results = Results(replace(fixed_plan(0), weights={pair: (2.0,)}), outcomes, [])
        found = next_steps(rank(outcomes, pair), results, data, settings_of())
        assert found is not None
        assert (found.best.pair, found.best.weight, found.code) == (pair, 2.0, "")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("detloss compare", "detloss compare --seeds 7"),
        ("detloss compare 'my data' --seeds 3 --box l1", "detloss compare 'my data' --box l1 --seeds 7"),
        ("detloss compare --seeds=auto --hours 2", "detloss compare --hours 2 --seeds 7"),
        ("detloss compare --overwrite --quick", "detloss compare --seeds 7"),
        ("detloss compare --train 'a --seeds 3'", "detloss compare --train 'a --seeds 3' --seeds 7"),
        ("detloss.experiments.compare(train, ...)", "detloss.experiments.compare(train, ..., seeds=range(7))"),
    ],
)
def test_a_command_with_more_seeds(command: str, expected: str) -> None:
    assert with_seeds(command, 7) == expected
