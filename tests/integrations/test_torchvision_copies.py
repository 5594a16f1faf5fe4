"""Copies of a torchvision detector, its state, and two handles of one model."""

import copy
import pickle
from contextlib import ExitStack

import pytest
import torch

import detloss
from detloss.integrations.torchvision import use_losses
from detloss.integrations.torchvision.stage import Stage, on
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
    def test_have_losses_of_their_own(self, build: Build, batch: Batch) -> None:
        model = build()
        handle = use_losses(model, **OTHER[build], normalizer=detloss.Normalizer(momentum=0.5))
        Run(model, batch)  # what a step leaves behind must be fit to be copied
        for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            stages = [value for each in twin.modules() for value in vars(each).values() if isinstance(value, Stage)]
            parts = set(twin.modules())
            assert all({stage.owner, stage.theirs.__self__} <= parts for stage in stages)
            ours = Run(model, batch)
            Run(twin, batch).assert_same_bits(ours)
        handle.remove()
        assert Run(model, batch).losses != ours.losses
        Run(twin, batch).assert_same_bits(ours)

    @OTHERS
    def test_of_the_state_dict_stay_as_they_were(self, build: Build) -> None:
        model = build()
        before = list(model.state_dict())
        use_losses(model, **OTHER[build], normalizer=detloss.Normalizer(momentum=0.5))
        assert list(model.state_dict()) == before

    def test_of_buffers_follow_the_models_device(self) -> None:
        loss = detloss.CrossEntropyLoss(class_weight=[1.0, 2.0])
        moved = on(torch.empty(1, device="meta"), loss)
        assert moved.class_weight.device.type == "meta"
        assert on(torch.empty(1, device="meta"), detloss.l1_loss) is detloss.l1_loss

    def test_of_the_loss_leave_the_users_alone(self, batch: Batch) -> None:
        loss = detloss.SmoothL1Loss(reduction="none")
        use_losses(models.ssd(), box=loss)
        assert loss.options["reduction"] == "none"


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
        with pytest.raises(RuntimeError, match=r"FCOSHead.compute_loss: expected what this handle put there"):
            first.remove()
        second.remove()
        first.remove()
