"""Copies of a torchvision detector, its state, and two handles of one model."""

import copy
import pickle
from contextlib import ExitStack

import pytest
import torch

import detloss
from detloss.integrations.torchvision import use_losses
from detloss.integrations.torchvision.stage import Stage
from tests.support import torchvision_models as models
from tests.support.torchvision_losses import (
    FOCAL,
    L1,
    OTHER,
    OTHERS,
    Run,
)
from tests.support.torchvision_models import Batch, Build


@pytest.fixture
def batch(seed: int) -> Batch:
    return models.pictures(seed)


class TestCopies:
    @OTHERS
    def test_have_independent_losses(self, build: Build, batch: Batch) -> None:
        model = build()
        handle = use_losses(model, **OTHER[build], normalizer=detloss.Normalizer(momentum=0.5))
        Run(model, batch)  # the state after a step must be copyable
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            stages = [value for each in twin.modules() for value in vars(each).values() if isinstance(value, Stage)]
            parts = set(twin.modules())
            assert all({stage.owner, stage.framework.__self__} <= parts for stage in stages)
            ours = Run(model, batch)
            Run(twin, batch).assert_same_bits(ours)
        handle.remove()
        assert Run(model, batch).losses != ours.losses
        Run(twin, batch).assert_same_bits(ours)

    @OTHERS
    def test_of_the_state_dict_are_unchanged(self, build: Build) -> None:
        model = build()
        before = list(model.state_dict())
        use_losses(model, **OTHER[build], normalizer=detloss.Normalizer(momentum=0.5))
        assert list(model.state_dict()) == before

    def test_of_buffers_follow_the_models_device(self) -> None:
        model = models.ssd()
        use_losses(model, classification=detloss.CrossEntropyLoss(class_weight=[1.0] * models.CLASSES))
        adapted = model.compute_loss.classification
        logits, target = torch.zeros(2, models.CLASSES), torch.tensor([0, 1])
        assert adapted(logits, target).isfinite()
        assert adapted(logits.to("meta"), target.to("meta")).device.type == "meta"

    def test_of_the_loss_leave_the_users_loss_unchanged(self, batch: Batch) -> None:
        loss = detloss.SmoothL1Loss(reduction="none")
        use_losses(models.ssd(), box=loss)
        assert loss.reduction == "none"


class TestTwoHandles:
    @OTHERS
    def test_of_different_losses_add_up(self, build: Build, batch: Batch) -> None:
        model = build()
        with use_losses(model, **OTHER[build]):
            together = Run(model, batch)
        with ExitStack() as stack:
            for name, loss in OTHER[build].items():
                stack.enter_context(use_losses(model, **{name: loss}))
            Run(model, batch).assert_equal(together)

    def test_are_removed_in_the_opposite_order(self) -> None:
        model = models.fcos()
        first, second = use_losses(model, box=L1), use_losses(model, classification=FOCAL)
        with pytest.raises(RuntimeError, match=r"FCOSHead.compute_loss: expected the value that this handle has set"):
            first.remove()
        second.remove()
        first.remove()
