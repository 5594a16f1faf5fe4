"""A trial: the same for the same seed, on equal terms for every loss, and the better the longer it trains."""

import pickle
from dataclasses import replace
from itertools import chain, count

import numpy as np
import pytest
import torch

from detloss.catalog import LOSSES, Kind
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.loss_names import loss_named
from detloss.experiments.training import trial
from detloss.experiments.training.builders import cells_of_classes
from detloss.experiments.training.devices import Place
from detloss.experiments.training.trial import (
    Trial,
    build,
    images_of,
    order,
    pace,
    run_trial,
)

BOXES = [loss.name for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX)]
CLASSES = [loss.name for loss in LOSSES if loss.kind in (Kind.SIGMOID, Kind.SOFTMAX)]
TRIAL = Trial(box="giou", cls="focal", weight=1.0, seed=3, steps=4)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Bright squares and dark bars on grey, images of two sizes, some of them empty."""
    random = np.random.default_rng(0)
    samples = []
    for number in range(20):
        image = random.integers(90, 110, (32 + 8 * (number % 2), 40, 3), dtype=np.uint8)
        boxes, labels = [], []
        if number % 5:
            x, y = (int(value) for value in random.integers(0, 8, 2))
            image[y : y + 12, x : x + 12] = 250
            image[y + 3 : y + 9, x + 14 : x + 32] = 5
            boxes, labels = [[x, y, x + 12, y + 12], [x + 14, y + 3, x + 32, y + 9]], [0, 1]
        corners = np.array(boxes, np.float32).reshape(-1, 4)
        samples.append(Sample(f"{number}.png", image, corners, np.array(labels, np.int64)))
    return Dataset("shapes", ("square", "bar"), samples[:16], samples[16:], [], "")


def test_a_seed_decides_everything(dataset: Dataset) -> None:
    first, second = run_trial(TRIAL, dataset), run_trial(TRIAL, dataset)
    assert first.curve == second.curve
    assert (first.ap, first.ap50, first.ap75) == (second.ap, second.ap50, second.ap75)
    for one, other in zip(first.predictions, second.predictions):
        assert all(np.array_equal(a, b) for a, b in zip(one, other))
    assert run_trial(replace(TRIAL, seed=4), dataset).curve != first.curve


def test_losses_meet_on_equal_terms(dataset: Dataset) -> None:
    """The initial weights are the same for all losses, but for the background's logit where there is one."""
    focal, cross_entropy = (build(loss_named("giou"), loss_named(cls), TRIAL, dataset) for cls in ("focal", "ce"))
    expected = focal.state_dict()
    for name, value in cross_entropy.state_dict().items():
        if not name.startswith("class_head.1"):  # one logit more
            assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(("box", "cls"), [*((box, "focal") for box in BOXES), *(("giou", cls) for cls in CLASSES)])
def test_every_loss_trains(box: str, cls: str, dataset: Dataset) -> None:
    outcome = run_trial(replace(TRIAL, box=box, cls=cls, steps=2), dataset)
    assert [step for step, _, _ in outcome.curve] == [1, 2]
    assert np.isfinite(outcome.curve).all()
    assert 0 <= outcome.ap <= 1


def test_training_finds_the_shapes(dataset: Dataset) -> None:
    outcome = run_trial(replace(TRIAL, steps=60), dataset)
    assert outcome.ap50 > 0.9
    assert outcome.curve[-1][2] < outcome.curve[0][2] / 2


def test_outcome_is_whole_and_travels(dataset: Dataset) -> None:
    steps: list[int] = []
    outcome = run_trial(replace(TRIAL, steps=125), dataset, on_progress=lambda step, glimpse=None: steps.append(step))
    assert steps == list(range(1, 126))
    assert outcome.curve[-1][0] == 125
    assert 40 <= len(outcome.curve) <= 61
    assert outcome.seconds > 0
    assert len(outcome.predictions) == len(dataset.validation)
    for boxes, scores, labels in outcome.predictions:
        assert boxes.shape == (len(scores), 4)
        assert labels.shape == scores.shape
    assert pickle.loads(pickle.dumps(outcome)).ap == outcome.ap


def test_every_sample_comes_once_before_any_comes_again() -> None:
    stream = order(24, seed=1)
    three = [next(stream) for _ in range(3)]
    assert [len(batch) for batch in three] == [16] * 3
    drawn = [*chain.from_iterable(three)]
    assert sorted(drawn[:24]) == sorted(drawn[24:]) == list(range(24))
    assert drawn[:24] != drawn[24:]


def test_images_of_a_batch_are_filled_up_with_black(dataset: Dataset) -> None:
    images = images_of(dataset.train[:4], "cpu")
    assert (images.shape, images.dtype) == ((4, 3, 40, 40), torch.float32)
    assert images.is_contiguous(memory_format=torch.channels_last)
    for image, sample in zip(images, dataset.train[:4]):
        height, width, _ = sample.image.shape
        expected = torch.from_numpy(sample.image.astype(np.float32) / 255).permute(2, 0, 1)
        torch.testing.assert_close(image[:, :height, :width], expected)
        assert not image[:, height:].any()


def test_cells_are_counted_by_class() -> None:
    image = np.zeros((16, 30, 3), np.uint8)  # 4 by 8 cells
    sample = Sample("one", image, np.array([[0, 0, 8, 8], [12, 4, 16, 12]], np.float32), np.array([1, 0]))
    dataset = Dataset("one", ("a", "b"), [sample], [sample], [], "")
    model = build(loss_named("giou"), loss_named("ce"), TRIAL, dataset)
    assert cells_of_classes(model, [sample, sample]) == [4, 8, 52]


def test_class_weights_come_from_the_data(dataset: Dataset) -> None:
    weighted = build(loss_named("giou"), loss_named("weighted_ce"), TRIAL, dataset)
    square, bar, background = weighted.class_loss.keywords["class_weight"].tolist()
    assert bar > square / 3
    assert background < min(square, bar)


def test_unknown_losses_are_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match=r"'focal' is a loss of .*. There are: l1, "):
        run_trial(replace(TRIAL, box="focal"), dataset)


def test_an_unknown_detector_is_refused(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match=r"detector: expected one of unitbox.*, got 'nothing'"):
        run_trial(replace(TRIAL, detector="nothing"), dataset)


def test_images_boxes_and_model_go_to_the_device_and_predictions_come_back(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no GPU, the meta device tells what would have gone there: it has no values to train with."""
    moved: list[str] = []

    class Recorder:
        def __init__(self, model: torch.nn.Module) -> None:
            self.model = model

        def __getattr__(self, name: str) -> object:
            return getattr(self.model, name)

        def to(self, device: str) -> None:
            moved.append(device)

        def loss(self, images: torch.Tensor, targets: list[dict[str, torch.Tensor]]) -> object:
            assert {images.device.type, *(value.device.type for target in targets for value in target.values())} == {
                "meta"
            }
            moved.append("loss")
            raise InterruptedError

    monkeypatch.setattr(trial, "build", lambda *arguments: Recorder(build(*arguments)))
    with pytest.raises(InterruptedError):
        run_trial(TRIAL, dataset, place=Place("meta"))
    assert moved == ["meta", "loss"]


def test_the_pace_is_that_of_a_step_and_of_all_images(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "perf_counter", count().__next__)  # a second passes between two looks at the clock
    assert pace(TRIAL, dataset, Place()) == (1, 1)
    many = replace(dataset, validation=dataset.validation * 100)
    assert pace(TRIAL, many, Place()) == (1, 25), "25 batches in place of one"


def test_size_classes_are_told(dataset: Dataset) -> None:
    outcome = run_trial(replace(TRIAL, steps=60), dataset)
    assert np.isnan(outcome.small)
    assert np.isnan(outcome.medium)
    assert outcome.large == pytest.approx(outcome.ap)
    assert outcome.matches.hits.any()


def test_a_loss_that_breaks_is_told(dataset: Dataset) -> None:
    with pytest.raises(FloatingPointError, match="step 1: expected a finite gradient, got length nan"):
        run_trial(replace(TRIAL, weight=float("nan")), dataset)
