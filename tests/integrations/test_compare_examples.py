"""Examples of training scripts for `detloss compare`: each trains with its real package on eight images."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from detloss.experiments.data.dataset import Dataset, load
from detloss.experiments.training.command import Command, directory_of
from detloss.experiments.training.outcome import Trial
from tests.support.datasets import Picture, write_yolo

EXAMPLES = Path(__file__).parents[2] / "examples" / "compare"
TRIAL = Trial("giou", "focal", 2.0, seed=1, steps=2)


def rectangles(seed: int) -> tuple[Picture, ...]:
    """Four pictures for training and four for validation, each with a bright and a dark rectangle."""
    random = np.random.default_rng(seed)
    pictures = []
    for number in range(8):
        x, y, width, height = random.integers(5, 30, 4).tolist()
        rows = (
            ("bright", x, y, x + width, y + height),
            ("dark", x + 50.0, y + 1.0, x + 50.0 + width, y + 1.0 + height),
        )
        pictures.append(Picture(f"{number:03}.png", "train" if number < 4 else "val", rows, size=(128, 96)))
    return tuple(pictures)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    pictures = rectangles(0)
    folder = write_yolo(tmp_path / "data", pictures)
    for picture in pictures:
        with Image.open(folder / "images" / picture.part / picture.name) as image:
            for (_, *box), shade in zip(picture.rows, ("white", "black")):
                ImageDraw.Draw(image).rectangle(box, fill=shade)
            image.save(folder / "images" / picture.part / picture.name)
    return load(folder / "data.yaml")


def run(example: str, words: str, predictions: str, dataset: Dataset, folder: Path) -> list[int]:
    """Train as `detloss compare` does, and return the steps of the progress."""
    train = f"{sys.executable} {EXAMPLES / example} {words}"
    command = Command(train, predictions, folder, folder / "data" / "data.yaml", time_limit=600)
    command.check()
    command.prepare(dataset)
    steps: list[int] = []
    outcome = command(TRIAL, dataset, on_progress=steps.append)
    assert outcome.evaluation is not None
    assert 0 <= outcome.score <= 1
    assert (folder / "trials" / directory_of(TRIAL) / predictions.format(out="")[1:]).exists()
    return steps


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("YOLO_OFFLINE", "true"), ("HF_HUB_OFFLINE", "1"), ("YOLO_CONFIG_DIR", str(tmp_path))):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_has_at_most_forty_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.exhaustive
def test_torchvision(dataset: Dataset, tmp_path: Path) -> None:
    from torchvision.models.detection import retinanet_resnet50_fpn_v2

    torch.manual_seed(0)
    torch.save(retinanet_resnet50_fpn_v2(weights_backbone=None).state_dict(), tmp_path / "weights.pt")
    words = f"{tmp_path / 'weights.pt'} 128"
    steps = run("torchvision_finetuning.py", words, "{out}/predictions.json", dataset, tmp_path)
    assert steps == [1, 2]


@pytest.mark.exhaustive
def test_ultralytics(dataset: Dataset, tmp_path: Path) -> None:
    from ultralytics import YOLO

    torch.manual_seed(0)
    YOLO("yolov8n.yaml").save(tmp_path / "tiny.pt")
    words = f"{tmp_path / 'tiny.pt'} 128"
    steps = run("ultralytics_trainer.py", words, "{out}/val/predictions.json", dataset, tmp_path)
    assert steps == [1, 2]


@pytest.mark.exhaustive
def test_transformers(dataset: Dataset, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the Trainer of transformers needs accelerate")
    from transformers import RTDetrImageProcessor

    from tests.support.transformers_models import network, rt_detr

    network(rt_detr, seed=0).save_pretrained(tmp_path / "model")
    RTDetrImageProcessor(size={"height": 128, "width": 128}).save_pretrained(tmp_path / "model")
    words = str(tmp_path / "model")
    run("transformers_trainer.py", words, "{out}/predictions.json", dataset, tmp_path)
