"""Numbers of the report, compared with COCO's own evaluation and with an instrumented training."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
import pytest
from faster_coco_eval import COCO, COCOeval_faster
from scipy.stats import ttest_ind
from torch import Tensor, nn

from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Ranking, Standing
from detloss.experiments.comparison.report.breakdowns import (
    ERRORS,
    GROUPINGS,
    MIN_IMAGES,
    MOST_CLASSES,
    Breakdown,
    breakdowns,
    source,
)
from detloss.experiments.comparison.report.charts import precision_at_recalls
from detloss.experiments.comparison.report.positives import positives
from detloss.experiments.comparison.statistics import Verdict
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.average_precision import RECALLS, MatchedDetections
from detloss.experiments.training.devices import Device
from detloss.experiments.training.evaluation import Prediction, evaluate
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import build, train
from detloss.loss_names import loss_named
from tests.support.trials import outcome_of

WIDTH, HEIGHT = 160, 120
CLASSES = 3
IMAGES = 40
ALL = 2**10 - 1  # found at every threshold
NAMES = tuple("abc")
BASELINE, OTHER = Pair("l1", "focal"), Pair("giou", "focal")


def scenes(seed: int) -> tuple[Dataset, list[Prediction]]:
    """At most one object of a class in an image, some classes never; detections near them, and false false_positives."""
    random = np.random.default_rng(seed)
    samples, predictions = [], []
    for number in range(IMAGES):
        labels = np.flatnonzero(random.random(CLASSES) < 0.6)
        corners = random.uniform(0, 60, (len(labels), 2))
        boxes = np.concatenate((corners, corners + np.exp(random.uniform(0.3, 4, (len(labels), 2)))), axis=1)
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        samples.append(Sample(f"{number}", image, boxes.astype(np.float32), labels))
        false_positives = random.uniform(0, 60, (5, 4))
        false_positives[:, 2:] += false_positives[:, :2] + 1
        near = boxes + random.normal(0, 0.05, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        found = np.concatenate((near, false_positives)).astype(np.float32)
        scores = random.random(len(found)).astype(np.float32)
        predictions.append(Prediction(found, scores, np.concatenate((labels, random.integers(0, CLASSES, 5)))))
    return Dataset("scenes", NAMES, samples, samples, [], ""), predictions


def coco_evaluator(
    dataset: Dataset, predictions: Sequence[Prediction], area_of: dict[tuple[int, int], float]
) -> COCOeval_faster:
    """COCO's evaluation, where each object, by image and row, has a given "area"."""
    objects, detections = [], []
    for image, (sample, prediction) in enumerate(zip(dataset.validation, predictions), start=1):
        for row, ((x1, y1, x2, y2), label) in enumerate(zip(sample.boxes.tolist(), sample.labels.tolist())):
            key = {
                "id": len(objects) + 1,
                "image_id": image,
                "category_id": label,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
            }
            objects.append(key | {"area": area_of.get((image - 1, row), 1.0), "iscrowd": 0})
        for (x1, y1, x2, y2), score, label in zip(*(column.tolist() for column in prediction)):
            key = {"image_id": image, "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            detections.append(key | {"score": score})
    truth = COCO(
        {
            "images": [{"id": image + 1, "height": HEIGHT, "width": WIDTH} for image in range(IMAGES)],
            "annotations": objects,
            "categories": [{"id": label, "name": name} for label, name in enumerate(NAMES)],
        },
        print_function=lambda *_: None,
    )
    return COCOeval_faster(truth, truth.loadRes(detections), "bbox", print_function=lambda *_: None)


def test_the_curve_is_cocos_and_its_mean_ap50(seed: int) -> None:
    dataset, predictions = scenes(seed)
    coco = coco_evaluator(dataset, predictions, {})
    coco.evaluate()
    coco.accumulate()
    expected = coco.eval["precision"][0, :, :, 0, -1]  # the first threshold, all sizes, at most 100 detections
    objects = np.bincount(np.concatenate([sample.labels for sample in dataset.validation]), minlength=CLASSES)
    evaluation = evaluate(predictions, dataset.validation)
    curve = precision_at_recalls(evaluation.matches, objects)
    np.testing.assert_allclose(curve, expected[:, objects > 0].mean(axis=1), rtol=1e-12)
    assert curve.mean() == pytest.approx(evaluation.ap50, abs=1e-9)


def test_a_curve_by_hand() -> None:
    """Two of the four objects of one class are found, by the first and the third detection; another class has none."""
    none, one = np.zeros(3, np.int32), np.array([1, 0, 1], np.uint16)
    half = precision_at_recalls(MatchedDetections(none, none.astype(np.int16), one), np.array([4]))
    np.testing.assert_allclose(half, np.where(RECALLS <= 0.25, 1.0, np.where(RECALLS <= 0.5, 2 / 3, 0.0)))
    both = precision_at_recalls(MatchedDetections(none, none.astype(np.int16), one), np.array([4, 0, 7]))
    np.testing.assert_allclose(both, half / 2)
    assert not precision_at_recalls(MatchedDetections.none(), np.array([4])).any()


def standing_of(pair: Pair, founds: Sequence[np.ndarray]) -> Standing:
    outcomes = []
    for seed, found in enumerate(founds):
        outcome = outcome_of(Trial(*pair, 1.0, seed, 4))
        assert outcome.evaluation is not None
        outcomes.append(replace(outcome, evaluation=replace(outcome.evaluation, found=found)))
    return Standing(pair, 1.0, outcomes, None)


@pytest.mark.parametrize("grouping", [0, 1])
def test_recalls_are_cocos_of_the_objects_of_a_group(seed: int, grouping: int) -> None:
    dataset, predictions = scenes(seed)
    values = {}
    for image, sample in enumerate(dataset.validation):
        for row, (x1, y1, x2, y2) in enumerate(sample.boxes.astype(float).tolist()):
            width, height = x2 - x1, y2 - y1
            values[image, row] = [width * height / (WIDTH * HEIGHT), width / height][grouping]
    standing = standing_of(BASELINE, [evaluate(predictions, dataset.validation).found])
    groups = {group.name: group for group in breakdowns(Ranking([standing], BASELINE), dataset)[-2:][grouping].groups}
    limits = (0.0, *GROUPINGS[grouping].limits, inf)
    for name, low, high in zip(GROUPINGS[grouping].names, limits, limits[1:]):
        members = [key for key, value in values.items() if low < value <= high]
        if not members:
            assert name not in groups
            continue
        assert groups[name].objects == len(members)
        coco = coco_evaluator(dataset, predictions, {key: 1e4 if key in members else 1.0 for key in values})
        coco.params.areaRng, coco.params.areaRngLbl = [[1e3, 1e5]], ["all"]
        coco.evaluate()
        coco.accumulate()
        counts = np.bincount(
            [dataset.validation[image].labels[row] for image, row in members], minlength=CLASSES
        )  # COCO's recall is per class
        recalls = coco.eval["recall"][:, :, 0, -1].mean(axis=0)
        expected = float(recalls[counts > 0] @ counts[counts > 0] / len(members))
        assert groups[name].values[str(BASELINE)].mean == pytest.approx(expected, abs=1e-9)


def boxes_of_size(images: int, side: int) -> Dataset:
    """One square object in each image of 100 x 100 pixels."""
    image = np.zeros((100, 100, 3), np.uint8)
    boxes = np.array([[10, 10, 10 + side, 10 + side]], np.float32)
    samples = [Sample(f"{number}", image, boxes, np.array([0])) for number in range(images)]
    return Dataset("squares", ("square",), samples, samples, [], "")


def by_size(founds: dict[Pair, Sequence[np.ndarray]], dataset: Dataset) -> Breakdown:
    return breakdowns(Ranking([standing_of(pair, found) for pair, found in founds.items()], BASELINE), dataset)[-2]


def test_a_limit_belongs_to_the_group_below_it() -> None:
    for side, name in ((10, "0.33 to 1 %"), (11, "1 to 3 %"), (3, "up to 0.1 %"), (4, "0.1 to 0.33 %")):
        [group] = by_size({BASELINE: [np.array([ALL], np.uint16)]}, boxes_of_size(1, side)).groups
        assert group.name == name
    assert by_size({BASELINE: [np.array([ALL], np.uint16)]}, boxes_of_size(1, 60)).scale == (0.9, 1.0)
    assert by_size({BASELINE: [np.array([0b1111], np.uint16)]}, boxes_of_size(1, 60)).scale == (0.4, 0.5)
    assert by_size({BASELINE: [np.array([0], np.uint16)]}, boxes_of_size(1, 60)).scale == (0.0, 0.1)


def test_a_clear_difference_is_significant_and_noise_is_not() -> None:
    random = np.random.default_rng(0)
    dataset = boxes_of_size(60, 20)
    few, many = ([(random.random(60) < rate).astype(np.uint16) * ALL for _ in range(4)] for rate in (0.3, 0.9))
    [group] = by_size({OTHER: many, BASELINE: few}, dataset).groups
    difference = group.differences[str(OTHER)]
    assert difference.mean == pytest.approx((np.mean(many) - np.mean(few)) / ALL)
    assert difference.verdict() is Verdict.BETTER
    assert list(group.significant) == [str(OTHER)]
    [reverse] = by_size({OTHER: few, BASELINE: many}, dataset).groups
    assert reverse.significant[str(OTHER)].verdict() is Verdict.WORSE
    [noise] = by_size({OTHER: few[:2], BASELINE: few[2:]}, dataset).groups
    assert not noise.significant
    assert noise.values[str(OTHER)].lowest == pytest.approx(min(np.mean(few[0]), np.mean(few[1])) / ALL)


def test_the_interval_accounts_for_the_images(seed: int) -> None:
    """If seeds hardly differ, the images remain: 1.96 times the standard error of a mean to either side."""
    random = np.random.default_rng(seed)
    one, other = (random.integers(0, 2, 400) * ALL for _ in range(2))
    almost = one ^ (np.arange(400) == 0) * 1  # another threshold of a single object
    [group] = by_size({OTHER: [one, one, almost], BASELINE: [other] * 3}, boxes_of_size(400, 20)).groups
    difference = group.differences[str(OTHER)]
    expected = 1.96 * np.std((one - other) / ALL) / np.sqrt(400)
    assert difference.mean - difference.low == pytest.approx(expected, rel=0.25)
    assert difference.high - difference.mean == pytest.approx(expected, rel=0.25)


def test_few_images_or_one_seed_are_not_significant() -> None:
    for images in (MIN_IMAGES - 1, MIN_IMAGES):
        none, all_found = np.zeros(images, np.uint16), np.full(images, ALL, np.uint16)
        almost = np.where(np.arange(images) == 0, ALL >> 1, all_found)
        found = by_size({BASELINE: [none] * 3, OTHER: [all_found, all_found, almost]}, boxes_of_size(images, 20))
        assert found.compared == int(images == MIN_IMAGES)
        assert len(found.groups[0].significant) == int(images == MIN_IMAGES)
    [group] = by_size({BASELINE: [none], OTHER: [all_found]}, boxes_of_size(images, 20)).groups
    assert group.differences
    assert not group.significant


def test_the_ap_of_a_class_is_cocos(seed: int) -> None:
    dataset, predictions = scenes(seed)
    evaluation = evaluate(predictions, dataset.validation)
    outcome = replace(outcome_of(Trial(*BASELINE, 1.0, 0, 4)), evaluation=evaluation)
    by_class, *_ = breakdowns(Ranking([Standing(BASELINE, 1.0, [outcome])], BASELINE), dataset)
    coco = coco_evaluator(dataset, predictions, {})
    coco.evaluate()
    coco.accumulate()
    expected = coco.eval["precision"][:, :, :, 0, -1].mean(axis=(0, 1))
    assert by_class.title == "AP by class"
    assert [group.name for group in by_class.groups] == list(NAMES)
    found = [group.values[str(BASELINE)].mean for group in by_class.groups]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert [group.objects for group in by_class.groups] == np.bincount(
        np.concatenate([sample.labels for sample in dataset.validation])
    ).tolist()


def test_the_most_frequent_classes_are_shown() -> None:
    image, count = np.zeros((100, 100, 3), np.uint8), MOST_CLASSES + 2
    boxes = np.array([[10, 10, 30, 30]], np.float32)
    labels = [label for label in range(count) for _ in range(1 + (label not in (3, 5)))]
    samples = [Sample(f"{number}", image, boxes, np.array([label])) for number, label in enumerate(labels)]
    names = tuple(f"class {label}" for label in range(count))
    standing = standing_of(BASELINE, [np.full(len(samples), ALL, np.uint16)])
    by_class = breakdowns(Ranking([standing], BASELINE), Dataset("many", names, samples, samples, [], ""))[0]
    assert by_class.title == f"AP by class, the {MOST_CLASSES} most frequent"
    assert [group.name for group in by_class.groups] == [name for name in names if name not in ("class 3", "class 5")]


def with_errors(standing: Standing, costs: Sequence[float]) -> Standing:
    """The standing with the AP50 that missed objects cost on each seed; other errors cost a tenth of it, or nothing."""
    recorded = [{**dict.fromkeys(ERRORS, 0.1 * cost), "missed": cost, "both": 0.0} for cost in costs]
    return replace(standing, outcomes=[replace(one, errors=errors) for one, errors in zip(standing.outcomes, recorded)])


def test_errors_are_compared_over_the_seeds() -> None:
    """The intervals are those of scipy's t-test with a common variance."""
    dataset = boxes_of_size(12, 20)
    costs = {OTHER: (0.110, 0.104, 0.113), BASELINE: (0.210, 0.199, 0.203)}
    founds = [np.full(12, ALL, np.uint16)] * 3
    standings = [with_errors(standing_of(pair, founds), of_pair) for pair, of_pair in costs.items()]
    ranking = Ranking([replace(standings[0], verdict=Verdict.BETTER), standings[1]], BASELINE)
    errors, *recalls = breakdowns(ranking, dataset)
    assert [group.name for group in errors.groups] == [name for error, name in ERRORS.items() if error != "both"]
    missed = errors.groups[-1]
    assert missed.values[str(OTHER)].mean == pytest.approx(0.109)
    assert missed.objects is None
    difference = missed.significant[str(OTHER)]
    interval = ttest_ind(costs[OTHER], costs[BASELINE]).confidence_interval()
    assert difference.mean == pytest.approx(np.mean(costs[OTHER]) - np.mean(costs[BASELINE]))
    assert (difference.low, difference.high) == pytest.approx(tuple(interval), abs=1e-3)
    assert source(ranking, [errors, *recalls]) == (
        f"giou + focal differs most from l1 + focal in the AP50 lost by missed objects, {difference:.3f}."
    )
    assert not source(Ranking(standings, BASELINE), [errors]), "not if the pairs themselves are not distinguishable"
    unknown = replace(standings[0], outcomes=[replace(one, errors={}) for one in standings[0].outcomes])
    assert len(breakdowns(Ranking([unknown, standings[1]], BASELINE), dataset)) == 2, "recall alone"


class RecordingNormalizer(nn.Module):
    """Wraps UnitBox's normalizer and records its inputs and outputs."""

    def __init__(self, normalizer: nn.Module) -> None:
        super().__init__()
        self.normalizer, self.counts, self.values = normalizer, [], []

    def forward(self, count: Tensor) -> Tensor:
        value: Tensor = self.normalizer(count)
        self.counts.append(float(count))
        self.values.append(float(value))
        return value


def test_positives_are_those_of_an_instrumented_training(seed: int) -> None:
    random = np.random.default_rng(seed)
    samples = []
    for number in range(37):
        image = random.integers(0, 255, (int(random.integers(20, 50)), int(random.integers(20, 50)), 3), dtype=np.uint8)
        corners = random.uniform(0, 12, (number % 3, 2))
        boxes = np.concatenate((corners, corners + random.uniform(0.5, 8, corners.shape)), axis=1).astype(np.float32)
        samples.append(Sample(f"{number}", image, boxes, np.zeros(len(boxes), np.int64)))
    dataset = Dataset("shapes", ("shape",), samples, samples[:1], [], "")
    counts, values, cells = [], [], []
    trials = [Trial("giou", "focal", 1.0, first, steps=5) for first in (seed % 1000, seed % 1000 + 1)]
    for trial in trials:
        model = build(loss_named("giou"), loss_named("focal"), trial, dataset)
        assert isinstance(model, nn.Module)
        model.normalizer = recorder = RecordingNormalizer(model.normalizer)
        model.register_forward_hook(lambda _, inputs, plane: cells.append(plane[:, 0].numel()))
        train(model, dataset, trial, Device(), lambda step: None)
        counts += recorder.counts[1::2]  # first the objects, then the positive cells
        values += recorder.values[1::2]
    found = positives([*trials, replace(trials[0], box="l1")], dataset)
    assert found is not None
    assert found.fraction == pytest.approx(sum(counts) / sum(cells))
    assert found.cells == pytest.approx(np.mean(cells))
    assert found.normalizer == pytest.approx(np.mean(values))
    assert (found.lowest, found.highest) == (min(values), max(values))


def test_a_batch_without_objects_is_divided_by_one() -> None:
    sample = Sample("empty", np.zeros((8, 8, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    found = positives([Trial("giou", "focal", 1.0, 0, 2)], Dataset("empty", ("a",), [sample], [sample], [], ""))
    assert found is not None
    assert (found.fraction, found.normalizer, found.lowest, found.cells) == (0.0, 1.0, 1, 64)


def test_positives_of_other_detectors_are_unknown() -> None:
    trial = Trial("l1", "focal", 1.0, 0, 2, detector="retinanet")
    assert positives([trial], boxes_of_size(1, 20)) is None
