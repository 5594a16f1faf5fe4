"""Training and evaluation: reproducible by seed, the same initial weights for every loss, and learning."""

import pickle
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from detloss.catalog import LOSSES, Kind
from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training import training_loop
from detloss.experiments.training.detectors import cells_per_class
from detloss.experiments.training.devices import Device
from detloss.experiments.training.evaluation import Evaluation
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import build, measure_speed, predict, run_trial
from detloss.loss_names import loss_named

BOXES = [loss.name for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX) and loss.from_sizes is None]
CLASSES = [loss.name for loss in LOSSES if loss.kind in (Kind.SIGMOID, Kind.QUALITY, Kind.SOFTMAX)]
TRIAL = Trial(box="giou", cls="focal", weight=1.0, seed=3, steps=4)


def evaluation_of(outcome: Outcome) -> Evaluation:
    assert outcome.evaluation is not None
    return outcome.evaluation


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


def test_a_trial_is_reproducible_by_its_seed(dataset: Dataset) -> None:
    first, second = run_trial(TRIAL, dataset), run_trial(TRIAL, dataset)
    assert first.curve == second.curve
    assert evaluation_of(first).ap == evaluation_of(second).ap == first.score
    assert evaluation_of(first).ap75 == evaluation_of(second).ap75
    assert list(first.predictions) == list(second.predictions)
    for image, prediction in first.predictions.items():
        assert all(np.array_equal(a, b) for a, b in zip(prediction, second.predictions[image]))
    assert run_trial(replace(TRIAL, seed=4), dataset).curve != first.curve


def test_initial_weights_are_the_same_for_all_losses(dataset: Dataset) -> None:
    """Except for the logit of the background, which some losses have."""
    focal, cross_entropy = (build(loss_named("giou"), loss_named(cls), TRIAL, dataset) for cls in ("focal", "ce"))
    expected = focal.state_dict()
    for name, value in cross_entropy.state_dict().items():
        if not name.startswith("class_head.1"):  # has one more logit
            assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(("box", "cls"), [*((box, "focal") for box in BOXES), *(("giou", cls) for cls in CLASSES)])
def test_every_loss_trains(box: str, cls: str, dataset: Dataset) -> None:
    outcome = run_trial(replace(TRIAL, box=box, cls=cls, steps=2), dataset)
    assert [step for step, _, _ in outcome.curve] == [1, 2]
    assert np.isfinite(outcome.curve).all()
    assert 0 <= outcome.score <= 1


def test_training_finds_the_shapes(dataset: Dataset) -> None:
    outcome = run_trial(replace(TRIAL, steps=60), dataset)
    assert evaluation_of(outcome).ap50 > 0.9
    assert outcome.curve[-1][2] < outcome.curve[0][2] / 2


def test_an_outcome_is_complete_and_can_be_pickled(dataset: Dataset) -> None:
    steps: list[int] = []
    outcome = run_trial(replace(TRIAL, steps=125), dataset, on_progress=lambda step, snapshot=None: steps.append(step))
    assert steps[:125] == list(range(1, 126))
    assert steps[125:] == [125, 125], "a batch of validation images of each size: a long evaluation reports too"
    assert outcome.curve[-1][0] == 125
    assert 40 <= len(outcome.curve) <= 61
    assert outcome.seconds > 0
    assert list(outcome.predictions) == [image for image, one in enumerate(dataset.validation) if len(one.boxes)]
    for boxes, scores, labels in outcome.predictions.values():
        assert boxes.shape == (len(scores), 4)
        assert labels.shape == scores.shape
    assert pickle.loads(pickle.dumps(outcome)).score == outcome.score


def test_an_image_is_predicted_without_padding_beside_larger_ones() -> None:
    class WholeImage(torch.nn.Module):
        """Detects one object, as large as the image that it is given."""

        def predict(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
            box = torch.tensor([[0.0, 0.0, images.shape[3], images.shape[2]]])
            return [{"boxes": box, "scores": torch.ones(1), "labels": torch.zeros(1, dtype=torch.int64)}] * len(images)

    sizes = [(40, 160), (160, 160), (40, 160), (20, 30)] * 9
    samples = [
        Sample(f"{number}", np.zeros((*size, 3), np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
        for number, size in enumerate(sizes)
    ]
    found = predict(WholeImage(), samples, "cpu")  # type: ignore[arg-type]
    assert [prediction.boxes.tolist() for prediction in found] == [[[0, 0, width, height]] for height, width in sizes]


def test_all_losses_of_a_seed_have_the_same_augmentation(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[list[float]] = []

    def to_network(pixels: torch.Tensor, device: str) -> torch.Tensor:
        batches[-1].append(pixels.double().sum().item())
        return batches_to_network(pixels, device)

    batches_to_network = training_loop.to_network
    monkeypatch.setattr(training_loop, "to_network", to_network)
    for augment, trial in ((True, TRIAL), (True, replace(TRIAL, box="l1", cls="ce")), (False, TRIAL)):
        batches.append([])
        run_trial(trial, replace(dataset, augment=augment))
    assert batches[0] == batches[1] != batches[2]


def test_cells_are_counted_by_class() -> None:
    image = np.zeros((16, 30, 3), np.uint8)  # 4 by 8 cells
    sample = Sample("one", image, np.array([[0, 0, 8, 8], [12, 4, 16, 12]], np.float32), np.array([1, 0]))
    dataset = Dataset("one", ("a", "b"), [sample], [sample], [], "")
    model = build(loss_named("giou"), loss_named("ce"), TRIAL, dataset)
    assert cells_per_class(model, [sample, sample]) == [4, 8, 52]


def test_class_weights_come_from_the_data(dataset: Dataset) -> None:
    weighted = build(loss_named("giou"), loss_named("weighted_ce"), TRIAL, dataset)
    square, bar, background = weighted.class_loss.class_weight.tolist()
    assert bar > square / 3
    assert background < min(square, bar)


def test_unknown_losses_are_rejected(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match=r"'focal' is a loss of .*. There are: l1, "):
        run_trial(replace(TRIAL, box="focal"), dataset)


def test_an_unknown_detector_is_rejected(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match=r"detector: expected one of unitbox.*, got 'nothing'"):
        run_trial(replace(TRIAL, detector="nothing"), dataset)


def test_images_boxes_and_model_go_to_the_device_and_predictions_come_back(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a GPU, the meta device shows what would have been moved; it has no values to train with."""
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

    monkeypatch.setattr(training_loop, "build", lambda *arguments: Recorder(build(*arguments)))
    with pytest.raises(InterruptedError):
        run_trial(TRIAL, dataset, device=Device("meta"))
    assert moved == ["meta", "loss"]


def test_the_speed_is_that_of_a_step_and_of_all_images(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        training_loop, "perf_counter", count().__next__
    )  # a second passes between two readings of the clock
    assert measure_speed(TRIAL, dataset, Device()) == (1, 2), "a batch of each of two sizes"
    many = replace(dataset, validation=dataset.validation * 100)
    assert measure_speed(TRIAL, many, Device()) == (1, 26), "two sizes of 13 batches each instead of one"


def test_ap_is_evaluated_by_size(dataset: Dataset) -> None:
    outcome = run_trial(replace(TRIAL, steps=60), dataset)
    assert np.isnan(evaluation_of(outcome).small)
    assert np.isnan(evaluation_of(outcome).medium)
    assert evaluation_of(outcome).large == pytest.approx(outcome.score)
    assert evaluation_of(outcome).matches.hits.any()


def test_a_gradient_that_is_not_finite_is_an_error(dataset: Dataset) -> None:
    with pytest.raises(FloatingPointError, match="step 1: expected a finite gradient norm, got nan"):
        run_trial(replace(TRIAL, weight=float("nan")), dataset)
