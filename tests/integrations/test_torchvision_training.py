"""Training of torchvision's detectors with every loss of the catalog, in every role that it fits."""

import copy
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from detloss.catalog import LOSSES, Kind, Loss, Sizes
from detloss.integrations.torchvision import use_losses
from tests.support import torchvision_models as models
from tests.support.torchvision_losses import KEYS, OWN
from tests.support.torchvision_models import Build

EXAMPLE = Path(__file__).parents[2] / "examples" / "torchvision_model.py"


def fitting() -> Iterator[object]:
    """Every loss of the catalog in every place of every model."""
    boxes, sigmoid, softmax = (Kind.REGRESSION, Kind.BOX), (Kind.SIGMOID,), (Kind.SOFTMAX,)
    for build in (models.retinanet_v2, models.fcos, models.ssd, models.faster_rcnn):
        is_softmax = build in (models.ssd, models.faster_rcnn)
        for place in OWN[build]:
            classes = softmax if is_softmax and place == "classification" else sigmoid
            if place == "classification" and not is_softmax:
                classes += (Kind.QUALITY,)
            for row in LOSSES:
                if row.kind in (boxes if place.endswith("box") else classes):
                    marks = () if row.name in ("giou", "focal", "softmax_focal") else pytest.mark.exhaustive
                    yield pytest.param(build, place, row, id=f"{build.__name__}-{place}-{row.name}", marks=marks)


class TestTraining:
    """Every loss of the catalog, in every role that it fits, on one repeated batch.

    The measure is the model's own loss: a loss of qualities rises with the boxes, so that its value shows no progress.
    """

    @pytest.mark.parametrize(("build", "place", "row"), list(fitting()))
    def test_reduces_the_own_loss_of_the_model(self, build: Build, place: str, row: Loss, seed: int) -> None:
        batch = models.pictures(seed, counts=(2, 2))
        model = build()

        def losses() -> dict[str, torch.Tensor]:
            torch.manual_seed(seed)
            return model(*copy.deepcopy(batch))

        (key,) = set(KEYS[place]) & set(losses())
        before = losses()[key].item()
        loss = row.with_sizes(Sizes(image=(64.0, 64.0), objects=20.0)).build()
        if row.from_counts is not None:
            loss = row.module(**row.options, **row.from_counts([40.0, 3.0, 2.0, 1.0]))
        handle = use_losses(model, **{place: loss})
        # The backbone stays, or else the region proposal network would show the box head other rows at every step.
        head = model.head if hasattr(model, "head") else model.rpn if place.startswith("proposal") else model.roi_heads
        optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
        for _ in range(16):
            # Qualities need trained boxes: those of a new FCOS have no area.
            trained = sum(losses().values()) if row.kind is Kind.QUALITY else losses()[key]
            optimizer.zero_grad()
            trained.backward()
            optimizer.step()
        handle.remove()
        assert losses()[key].item() < 0.95 * before


@pytest.mark.exhaustive
def test_the_example_trains(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLE))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[1] for line in lines] == [str(step) for step in range(0, 121, 20)]
    assert all(float(lines[-1][column]) < 0.9 * float(lines[0][column]) for column in (3, 5))
