"""Folds and search of a tuning: disjoint images, a known optimum, interruptions, and failures."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from zlib import crc32

import numpy as np
import optuna
import pytest

from detloss.experiments.comparison import weight_search
from detloss.experiments.comparison.database import folder_lock
from detloss.experiments.comparison.output import FolderError
from detloss.experiments.data.dataset import Dataset, assign_folds, fold_dataset
from detloss.experiments.errors import OptionError
from detloss.experiments.training import training_loop
from detloss.experiments.training.devices import Device
from detloss.experiments.training.outcome import Outcome
from detloss.experiments.training.workers import Finished
from detloss.experiments.tuning.candidates import COMPLETE_BEFORE_PRUNING, State
from detloss.experiments.tuning.cross_validation import tune
from detloss.experiments.tuning.folds import TuningTrial, check_folds, run_tuning_trial
from detloss.experiments.tuning.search import Ended, TrainingError, TuningEvent
from detloss.loss_names import loss_named
from tests.support.marks import exhaustive_except, quick_and_exhaustive
from tests.support.trials import begin_comparison, fixed_plan
from tests.support.tuning_trials import (
    IMAGES,
    Surface,
    small_dataset,
    small_scenes,
    tuned,
)


@pytest.mark.parametrize("number", [2, 3, 5, 7])
def test_folds_are_disjoint_and_cover_the_training_images_only(number: int) -> None:
    dataset = small_dataset()
    judged_on: list[str] = []
    for fold in range(number):
        part = fold_dataset(dataset, fold, number)
        trained, judged = ([sample.name for sample in side] for side in (part.train, part.validation))
        assert not set(trained) & set(judged)
        assert set(trained) | set(judged) == {sample.name for sample in dataset.train}
        assert IMAGES // number <= len(judged) <= -(-IMAGES // number)
        judged_on += judged
    assert sorted(judged_on) == sorted(sample.name for sample in dataset.train)


def test_the_fold_of_an_image_depends_on_the_names_only(seed: int) -> None:
    samples = small_dataset().train
    shuffled = Random(seed).sample(samples, len(samples))
    where = dict(zip((sample.name for sample in samples), assign_folds(samples, 3)))
    assert [where[sample.name] for sample in shuffled] == assign_folds(shuffled, 3)
    assert where != dict(zip(where, [index % 3 for index in range(IMAGES)])), "not by their order"


def test_folds_are_equal_where_the_checksum_determines_the_validation_set() -> None:
    images = [replace(small_dataset().train[0], name=f"{number}.png") for number in range(60)]
    train = [image for image in images if crc32(image.name.encode()) % 5]
    sizes = np.bincount(assign_folds(train, 5), minlength=5)
    assert sizes.max() - sizes.min() <= 1


def test_folds_without_a_box_are_rejected() -> None:
    dataset = small_dataset()
    empty = replace(dataset.train[0], boxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64))
    barren = replace(dataset, train=[dataset.train[0], *(replace(empty, name=f"{number}") for number in range(5))])
    message = r"folds: expected boxes for \w+ in fold \d of 2, got none in 3 of 6 training images: use fewer folds"
    with pytest.raises(OptionError, match=message):
        check_folds(barren, 2)
    with pytest.raises(OptionError, match="got none in 0 of 24 training images: use fewer folds"):
        check_folds(dataset, 25)
    check_folds(dataset, 24)


def trial_of(settings: tuple[tuple[str, float], ...], fold: int | None) -> TuningTrial:
    return TuningTrial("smooth_l1", "focal", 3.0, 0, 5, candidate=0, settings=settings, fold=fold, folds=3)


def test_a_training_has_its_settings_and_its_images(monkeypatch: pytest.MonkeyPatch) -> None:

    def build(box, cls, trial, dataset):
        built.append((dict(box.options), dict(cls.options), trial.weight, dataset))
        raise InterruptedError

    built: list[tuple[dict, dict, float, Dataset]] = []
    monkeypatch.setattr(training_loop, "build", build)
    settings = (("alpha", 0.3), ("gamma", 1.5), ("beta", 0.25), ("weight", 3.0))
    dataset = small_dataset()
    for fold in (1, None):
        with pytest.raises(InterruptedError):
            run_tuning_trial(trial_of(settings, fold), dataset, device=Device())
    for box, cls, weight, _ in built:
        assert (box, cls, weight) == ({"beta": 0.25}, {"alpha": 0.3, "gamma": 1.5}, 3.0)
    validation = {sample.name for sample in dataset.validation}
    in_fold, whole = (part for _, _, _, part in built)
    assert not validation & {sample.name for sample in in_fold.train + in_fold.validation}
    assert not {sample.name for sample in in_fold.train} & {sample.name for sample in in_fold.validation}
    assert whole is dataset


def test_every_candidate_is_trained_in_the_same_way() -> None:
    surface = Surface()
    tuned(surface, over=["gamma", "weight"], seed=7, jobs=3)
    by_fold: dict[int | None, set[tuple]] = {}
    for call in surface.calls:
        by_fold.setdefault(call.fold, set()).add((call.seed, call.steps, call.folds, call.box, call.cls))
        assert call.weight == dict(call.settings)["weight"]
    assert by_fold == {fold: {(7 + (fold or 0), 5, 3, "smooth_l1", "focal")} for fold in (None, 0, 1, 2)}, (
        "a fold has its seed, whoever is trained"
    )


def test_the_first_candidates_are_the_start_settings_of_the_data() -> None:
    found = tuned(Surface())
    # 4 of 16 cells see one of two classes: 4 of 32 entries.
    assert found.candidates[0].settings == {"alpha": 0.875, "gamma": 2.0}
    assert found.candidates[1].settings == {"alpha": 0.25, "gamma": 2.0}
    assert found.start.candidate.number == 1, "the better of the two"
    assert len({tuple(candidate.settings.items()) for candidate in found.candidates}) == 16


def test_the_weight_also_starts_as_the_search_of_a_comparison_does(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[TuningTrial] = []
    monkeypatch.setattr(weight_search, "balanced_weight", lambda trial, *others: started.append(trial) or 8.0)
    found = tuned(Surface(), over=["gamma", "weight"], trials=4)
    listed = loss_named("smooth_l1").weight
    assert [one.settings["weight"] for one in found.candidates[:2]] == [
        listed,
        pytest.approx((8.0 * listed) ** 0.5, rel=0.13),  # rounded to a third of an octave
    ]
    assert all(one.state is State.COMPLETE for one in found.candidates[:2])
    assert [(trial.box, trial.cls, trial.seed) for trial in started] == [("smooth_l1", "focal", 0)]
    monkeypatch.setattr(weight_search, "balanced_weight", lambda *arguments: float("nan"))
    assert tuned(Surface(), over=["weight"], trials=3).candidates[0].settings == {"weight": listed}


def test_the_search_approaches_a_known_optimum_with_noise(seed: int) -> None:
    surface = Surface(noise=0.004, luck=seed)
    found = tuned(surface, trials=30, seed=seed)
    top = surface.height({"alpha": 0.4, "gamma": 1.0})
    best, start = (surface.height(dict(one.candidate.settings)) for one in (found.best, found.start))
    assert top - start > 0.03
    assert top - best < 0.02
    assert (
        found.best.candidate.scores
        == sorted((one.scores for one in found.candidates if one.state is State.COMPLETE), key=np.mean)[-1]
    )


def test_candidates_with_poor_first_folds_are_dropped_except_starts() -> None:
    surface = Surface(slope=-0.03)  # the starts are worst: what lies farther off is better
    found = tuned(surface)
    assert all(found.candidates[number].state is State.COMPLETE for number in (0, 1))
    surface = Surface()
    found = tuned(surface)
    dropped = [one for one in found.candidates if one.state is State.DROPPED]
    assert dropped
    assert len(surface.calls) == sum(len(one.scores) for one in found.candidates) + 2 < 16 * 3 + 2
    for one in dropped:
        last = len(one.scores) - 1
        earlier = [other for other in found.candidates if other.state is State.COMPLETE]
        assert one.score < max(np.mean(other.scores[: last + 1]) for other in earlier)
        assert len(one.scores) < 3
    assert found.best.candidate.score == max(one.score for one in found.candidates if one.state is State.COMPLETE)
    assert sum(one.state is State.COMPLETE for one in found.candidates) >= COMPLETE_BEFORE_PRUNING


def test_an_incomplete_candidate_is_not_the_best() -> None:
    surface = Surface()

    def lucky(trial: TuningTrial, dataset: Dataset, **options: object) -> Outcome:
        if (trial.candidate, trial.fold) == (3, 1):
            raise FloatingPointError("the gradient is gone")
        outcome = surface(trial, dataset, device=Device())
        return replace(outcome, score=outcome.score + (trial.candidate == 3))

    found = tuned(lucky)
    assert found.candidates[3].score > found.best.candidate.score
    assert found.best.candidate.number != 3


def test_the_seed_determines_the_proposals() -> None:
    first, second, other = (tuned(Surface(), seed=seed).record() for seed in (1, 1, 2))
    assert first == second
    assert first["candidates"][2]["settings"] != other["candidates"][2]["settings"]


def interrupting(after: int) -> Callable[[TuningEvent], None]:
    """Interrupt after so many trainings."""
    left = [after]

    def watch(happening: TuningEvent) -> None:
        left[0] -= isinstance(happening, Finished)
        if left[0] < 0:
            raise KeyboardInterrupt

    return watch


@pytest.mark.parametrize("after", exhaustive_except([0, 7, -1], lambda after: after == 7))
def test_an_interrupted_search_continues_without_repetition_to_the_same_result(after: int, tmp_path: Path) -> None:
    alone, surface = Surface(), Surface()
    whole = tuned(alone, trials=7)
    last = range(len(alone.calls))[after]
    with pytest.raises(KeyboardInterrupt):
        tuned(surface, trials=7, out=tmp_path, on_event=interrupting(last))
    assert len(surface.calls) == last + 1
    assert not (tmp_path / "tune.json").exists()
    assert tuned(surface, trials=7, out=tmp_path).record() == whole.record()
    assert tuned(surface, trials=7, out=tmp_path).record() == whole.record()
    assert surface.calls == alone.calls


@pytest.mark.parametrize("number", quick_and_exhaustive(3, 0))
def test_a_candidate_whose_process_died_during_the_proposal_gets_its_missing_settings(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suggest = optuna.Trial.suggest_float

    def die(trial: optuna.Trial, name: str, *bounds: float) -> float:
        if trial.number == number and name == "gamma":
            raise KeyboardInterrupt
        return suggest(trial, name, *bounds)

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Trial, "suggest_float", die)
        with pytest.raises(KeyboardInterrupt):
            tuned(Surface(), trials=5, out=tmp_path)
    found, whole = tuned(Surface(), trials=5, out=tmp_path), tuned(Surface(), trials=5)
    for one, other in zip(found.candidates, whole.candidates, strict=True):
        assert 0 <= one.settings["gamma"] <= 5
        assert one.settings == other.settings or one.number == number == 3
        assert one.settings["alpha"] == other.settings["alpha"]


def test_a_result_whose_process_died_before_the_study_knew_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(study: optuna.Study, number: int, *arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    alone, surface = Surface(), Surface()
    whole = tuned(alone, trials=4)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", die)
        with pytest.raises(KeyboardInterrupt):
            tuned(surface, trials=4, out=tmp_path)
    assert len(surface.calls) == 3, "all folds of the first candidate"
    assert tuned(surface, trials=4, out=tmp_path).record() == whole.record()
    assert surface.calls == alone.calls


@pytest.mark.exhaustive
def test_a_late_start_is_not_dropped(tmp_path: Path) -> None:
    surface = Surface(hopeless=lambda trial: trial.candidate == 0)
    found = tuned(surface, trials=8, out=tmp_path)
    assert sum(one.state is State.COMPLETE for one in found.candidates) >= COMPLETE_BEFORE_PRUNING
    surface.hopeless, surface.slope = lambda trial: False, 0.3
    late, *others = tuned(surface, trials=8, out=tmp_path).candidates
    assert late.score < min(one.score for one in others), "so it would be dropped, were it no start"
    assert late.state is State.COMPLETE


@pytest.mark.exhaustive
def test_more_candidates_extend_the_search(tmp_path: Path) -> None:
    surface = Surface()
    tuned(surface, out=tmp_path, trials=4)
    ended: list[TuningEvent] = []
    found = tuned(surface, out=tmp_path, trials=7, on_event=ended.append)
    assert [one.candidate.number for one in ended if isinstance(one, Ended)] == [4, 5, 6]
    assert found.record() == tuned(Surface(), trials=7).record()
    assert len(surface.calls) == len({(trial.candidate, trial.fold) for trial in surface.calls})
    assert len(tuned(surface, out=tmp_path, trials=4).candidates) == 7, "what was tried counts"


def test_other_results_are_never_mixed(tmp_path: Path) -> None:
    tuned(Surface(), out=tmp_path, trials=3)
    with pytest.raises(FolderError, match=r"steps: expected 5 as in the earlier run, got 6\): use another --out"):
        tuned(Surface(), out=tmp_path, trials=3, steps=6)
    with pytest.raises(FolderError, match=r"over: expected \['alpha', 'gamma'\] as in the earlier run"):
        tuned(Surface(), out=tmp_path, trials=3, over=["gamma"])
    surface = Surface()
    with pytest.raises(KeyboardInterrupt):
        tuned(surface, out=tmp_path, trials=3, steps=6, overwrite=True, on_event=interrupting(0))
    assert not {"tune.json", "report.html"} & {file.name for file in tmp_path.iterdir()}, "of the earlier run"
    assert len(surface.calls) == 1
    begin_comparison(tmp_path / "comparison", fixed_plan(0)).store.close()
    with pytest.raises(FolderError, match="contains the results of another comparison"):
        tuned(Surface(), out=tmp_path / "comparison", trials=3)


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    message = "is in use by another command: wait for it, or choose another --out"
    with folder_lock(tmp_path), pytest.raises(FolderError, match=message):
        tuned(Surface(), out=tmp_path, trials=3)
    tuned(Surface(), out=tmp_path, trials=3)


@pytest.mark.exhaustive
def test_a_training_that_raises_excludes_its_candidate_until_the_next_call(tmp_path: Path) -> None:
    surface = Surface(slope=0.0, hopeless=lambda trial: (trial.candidate, trial.fold) in {(0, 0), (3, 1)})
    found = tuned(surface, trials=5, out=tmp_path)
    assert [(one.trial.candidate, one.trial.fold) for one in found.failures] == [(0, 0), (3, 1)]
    assert str(found.failures[1].trial) == f"{found.candidates[3]}, fold 2"
    assert [found.candidates[number].state for number in (0, 3)] == [State.UNFINISHED] * 2
    assert found.start.candidate.number == 1
    records = json.loads((tmp_path / "tune.json").read_text())["candidates"]
    assert (records[0]["ap"], records[0]["state"]) == (None, "unfinished")
    surface.hopeless = lambda trial: False
    mended = tuned(surface, trials=5, out=tmp_path)
    assert mended.failures == []
    assert all(one.state is not State.UNFINISHED for one in mended.candidates)
    assert len(surface.calls) == len({(trial.candidate, trial.fold) for trial in surface.calls}) + 2


@pytest.mark.parametrize(
    ("hopeless", "message"),
    [
        (
            lambda trial: trial.candidate < 2,
            "alpha 0.875, gamma 2, fold 1 failed: FloatingPointError: the gradient is gone\nTraceback",
        ),
        (lambda trial: trial.fold is None, "on all training images failed: FloatingPointError: the gradient is gone"),
    ],
)
def test_a_start_and_the_final_trainings_are_required(hopeless: Callable, message: str) -> None:
    with pytest.raises(TrainingError) as caught:
        tuned(Surface(hopeless=hopeless))
    assert message in str(caught.value)


@pytest.mark.exhaustive
def test_a_real_search_on_scenes(tmp_path: Path) -> None:
    found = tune(small_scenes, over=["gamma"], folds=2, trials=3, steps=3, jobs=1, out=tmp_path)
    assert found.failures == []
    assert [candidate.state for candidate in found.candidates] == [State.COMPLETE] * 3
    assert found.fold_sizes == [6, 6]
    assert all(0 <= score <= 1 for candidate in found.candidates for score in candidate.scores)
    assert found.line.startswith("class_loss = detloss.SigmoidFocalLoss(gamma=")
    assert tune(small_scenes, over=["gamma"], folds=2, trials=3, steps=3, out=tmp_path).record() == found.record()
