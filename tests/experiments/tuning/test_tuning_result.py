"""Result of a tuning: interval, recommendation, files, and report."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import detloss
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.data.dataset import Dataset, Sample, assign_folds, fold_dataset
from detloss.experiments.training.devices import Device
from detloss.experiments.training.evaluation import Evaluation, Prediction, evaluate
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.tuning import tuning_report
from detloss.experiments.tuning.candidates import Candidate, State
from detloss.experiments.tuning.folds import TuningTrial
from detloss.experiments.tuning.tuning_result import difference_over_folds
from tests.support.marks import exhaustive_except
from tests.support.tuning_trials import Surface, small_dataset, tuned


def test_the_interval_is_that_of_the_corrected_paired_t_test_without_detections(seed: int) -> None:
    found = tuned(Surface(noise=0.005, luck=seed), folds=6)
    best, start = found.best.candidate, found.start.candidate
    assert best.number != start.number
    low, high = stats.ttest_rel(best.scores, start.scores).confidence_interval(0.95)
    assert found.difference.mean == pytest.approx(best.score - start.score)
    corrected = (high - low) * np.sqrt((1 / 6 + 1 / 5) / (1 / 6))  # Nadeau and Bengio, for folds that overlap
    assert found.difference.high - found.difference.low == pytest.approx(corrected, rel=0.01)


def test_the_interval_covers_the_images_of_each_fold(seed: int) -> None:
    folds, random = 3, np.random.default_rng(seed)
    dataset = small_dataset()
    members = assign_folds(dataset.train, folds)
    labeled = [replace(sample, labels=np.array([fold])) for sample, fold in zip(dataset.train, members)]
    dataset = replace(dataset, train=labeled, class_names=("a", "b", "c"))
    sides = [fold_dataset(dataset, fold, folds).validation for fold in range(folds)]
    nothing = Prediction(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    def seen(sample: Sample) -> Prediction:
        return Prediction(sample.boxes, np.array([0.9], np.float32), sample.labels)

    def finding(images: int) -> tuple[Candidate, list[list[Prediction]]]:
        """A candidate that finds the objects of the first images of each fold."""
        predictions = [[seen(one) if place < images else nothing for place, one in enumerate(side)] for side in sides]
        precisions = [evaluate(found, side) for found, side in zip(predictions, sides)]
        outcomes = [outcome(precision) for precision in precisions]
        return Candidate(images, {}, State.COMPLETE, outcomes), predictions

    def outcome(evaluation: Evaluation) -> Outcome:
        score = evaluation.ap + random.normal(0, 1e-6)
        return Outcome(Trial("l1", "focal", 1.0, 0, 1), score, 0.0, evaluation)

    (best, found_by_best), (start, found_by_start) = finding(6), finding(2)
    difference = difference_over_folds(best, start, dataset)

    def drawn_difference() -> float:
        differences = []
        for side, one, other in zip(sides, found_by_best, found_by_start):
            drawn = random.integers(len(side), size=len(side))
            samples = [side[image] for image in drawn]
            first, second = (evaluate([found[image] for image in drawn], samples).ap for found in (one, other))
            differences.append(first - second)
        return float(np.mean(differences))

    scatter = np.std([drawn_difference() for _ in range(100)])
    assert (difference.high - difference.low) / (2 * 1.96) == pytest.approx(scatter, rel=0.35)


def test_a_better_and_confirmed_candidate_is_recommended() -> None:
    found = tuned(Surface(noise=1e-4))
    assert (found.verdict, found.confirmed) == (Verdict.BETTER, True)
    assert found.recommended is found.best.candidate
    assert found.findings()[0].startswith(
        f"Use the best candidate, {found.best.candidate}: it is better than the start, alpha 0.25, gamma 2, +"
    )
    made: dict[str, object] = {"detloss": detloss}
    exec(found.line, made)
    alpha, gamma = found.best.candidate.settings.values()
    assert isinstance(made["class_loss"], detloss.SigmoidFocalLoss)
    assert (f"{made['class_loss'].alpha}", f"{made['class_loss'].gamma}") == (f"{alpha}", f"{gamma}")


def test_an_unconfirmed_candidate_is_not_recommended() -> None:
    found = tuned(Surface(noise=1e-4, on_validation=lambda candidate: 0.5 if candidate == 1 else 0.0))
    assert (found.verdict, found.confirmed) == (Verdict.BETTER, False)
    assert found.recommended is found.start.candidate
    assert found.findings()[0].startswith("Keep the start, alpha 0.25, gamma 2: the best candidate, ")
    assert found.findings()[0].endswith("but not on the validation images, so the difference may be chance.")
    assert found.line == "class_loss = detloss.SigmoidFocalLoss(alpha=0.25, gamma=2.0)"


def test_an_indistinguishable_candidate_is_not_recommended_even_if_ahead_on_validation() -> None:
    equal = Surface(slope=0.0, on_validation=lambda candidate: 0.01 * (candidate == 4))

    def lucky(trial: TuningTrial, dataset: Dataset, **options: object) -> Outcome:
        outcome = equal(trial, dataset, device=Device())
        return replace(outcome, score=outcome.score + 0.1 * ((trial.candidate, trial.fold) == (4, 0)))

    found = tuned(lucky, over=["gamma"], trials=6)
    assert (found.best.candidate.number, found.confirmed) == (4, True)
    assert found.verdict is Verdict.NOT_DISTINGUISHABLE
    assert found.findings()[0].startswith("Keep the start, gamma 2: the best candidate, gamma ")
    assert "is not distinguishable from it, +0.033 [" in found.findings()[0]
    assert found.line == "class_loss = detloss.SigmoidFocalLoss(gamma=2.0)"


def test_the_start_is_recommended_if_nothing_is_better() -> None:
    surface = Surface(slope=0.0)
    found = tuned(surface)
    assert found.findings() == ["Keep the start, alpha 0.875, gamma 2: no candidate was better."]
    assert [trial.candidate for trial in surface.calls if trial.fold is None] == [0]
    assert found.record()["interval"] == [0.0, 0.0]
    assert found.line == "class_loss = detloss.SigmoidFocalLoss(alpha=0.875, gamma=2.0)"


def test_tune_json_has_the_whole_result(tmp_path: Path) -> None:
    found = tuned(Surface(noise=1e-3), out=tmp_path, trials=6)
    record = json.loads((tmp_path / "tune.json").read_text())
    assert record == found.record()
    assert list(record) == [
        *("detector", "precision", "box", "cls", "over", "folds", "seed", "steps", "candidates", "start", "best"),
        *("difference", "interval", "verdict", "confirmed", "line"),
    ]
    assert (record["folds"], record["over"], record["verdict"]) == ([8, 8, 8], ["alpha", "gamma"], found.verdict)
    assert [one["number"] for one in record["candidates"]] == list(range(6))
    for one in record["candidates"]:
        assert list(one) == ["number", "settings", "state", "ap", "folds", "seconds"]
        assert one["ap"] == pytest.approx(np.mean(one["folds"]))
        assert one["seconds"] == 2.0 * len(one["folds"])
    for role in ("start", "best"):
        judged = record[role]
        validation = judged.pop("validation")
        assert judged == record["candidates"][judged["number"]]
        assert validation["ap50"] == pytest.approx(validation["ap"] + 0.2)
    low, high = record["interval"]
    assert low <= record["difference"] <= high


@pytest.mark.parametrize(
    ("over", "maps"),
    exhaustive_except(
        [
            (["beta"], []),
            (["alpha", "gamma"], ["alpha and gamma"]),
            (["alpha", "gamma", "weight"], ["alpha and gamma", "alpha and weight", "gamma and weight"]),
        ],
        lambda case: len(case[0]) == 2,
    ),
)
def test_the_report_has_a_curve_per_parameter_and_a_map_per_pair(
    over: list[str], maps: list[str], tmp_path: Path
) -> None:
    found = tuned(Surface(noise=1e-3), over=over, trials=9, out=tmp_path)
    page = (tmp_path / "report.html").read_text()
    drawn = re.findall('<svg role="img" aria-label="AP over ([^,]+), and all candidates"', page)
    assert drawn == [*over, *maps]
    assert unescape(page).index(found.findings()[0]) < page.index("<svg")
    assert unescape(page).count(found.line) == 1
    assert page.count("<tr><td>") == 9
    shares = [int(share) for share in re.findall(r"explains\s+(\d+) % of the variance", page)]
    assert len(shares) == len(over)
    assert sum(shares) == pytest.approx(100, abs=2)


def test_the_importance_is_that_of_the_known_surface() -> None:
    def steep(trial: TuningTrial, dataset: Dataset, **options: object) -> Outcome:
        outcome = Surface(slope=0.0)(trial, dataset, device=Device())
        return replace(outcome, score=outcome.score - 0.05 * (dict(trial.settings)["gamma"] - 1) ** 2)

    importances = tuned(steep, trials=16).importances
    assert list(importances) == ["gamma", "alpha"]
    assert importances["gamma"] > 0.8


def test_the_map_has_the_maximum_of_the_surface_and_dropped_candidates_are_corrected() -> None:
    surface = Surface()
    found = tuning_report.Surface(tuned(surface, trials=30))
    heights = [surface.height(dict(candidate.settings)) for candidate in found.tried]
    assert any(candidate.state is State.DROPPED for candidate in found.tried)
    np.testing.assert_allclose(found.scores - np.array(heights), (0.0 + 0.02 - 0.01) / 3, atol=1e-9)
    alpha, gamma, ap = found.map(0, 1)
    top = np.unravel_index(ap.argmax(), ap.shape)
    assert (
        surface.height({"alpha": 0.4, "gamma": 1.0}) - surface.height({"alpha": alpha[top], "gamma": gamma[top]}) < 0.03
    )


def test_the_interval_of_the_optimum_has_the_true_value_and_grows_with_the_noise() -> None:
    widths = []
    for noise in (1e-4, 0.005, 0.02):
        found = tuned(Surface(noise=noise, luck=3), over=["gamma"], trials=20, seed=3)
        profile = tuning_report.Surface(found).profile(0)
        low, high = profile.interval
        step = profile.values[1] - profile.values[0]
        assert low - step <= 1.0 <= high + step
        assert low <= profile.optimum <= high
        widths.append(high - low)
    assert widths[0] < 0.1 < widths[1] < 0.4 < widths[2]


def test_equal_candidates_have_a_report(tmp_path: Path) -> None:
    found = tuned(Surface(slope=0.0), trials=4, out=tmp_path)
    assert found.importances == {}
    page = (tmp_path / "report.html").read_text()
    assert "Keep the start" in page
    assert "explains" not in page
