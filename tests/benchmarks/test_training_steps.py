"""Parts of training steps: both sides compute the same loss."""

import pytest
import torch

pytest.importorskip("ultralytics")

from benchmarks import training_steps
from benchmarks.timing import Budget

TINY = Budget(seconds=0.001, min_run_time=0.0, rounds=2)


def test_unitbox_with_losses_of_torch_has_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    values = recorded(monkeypatch)
    parts = training_steps.unitbox_runs(images=2, side=64)
    for run in parts["losses and assignment"].values():
        run()
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)
    assert len(parts["decoding"][training_steps.OURS]()) == 2
    assert parts["assignment"][training_steps.OURS]().positive.any()


def test_yolo_with_our_losses_has_the_same_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    values = recorded(monkeypatch)
    for run in training_steps.yolo_runs(images=2, side=64)["losses and assignment"].values():
        run()
    torch.testing.assert_close(*values, rtol=1e-4, atol=1e-5)


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The values of the losses that run."""
    values: list[torch.Tensor] = []
    backward = training_steps.backward

    def recording(loss, leaves):
        def value() -> torch.Tensor:
            values.append(loss())
            return values[-1]

        return backward(value, leaves)

    monkeypatch.setattr(training_steps, "backward", recording)
    return values


def test_table_has_a_speed_up_where_there_are_two_sides() -> None:
    parts = {
        "Model": {"losses": {"detloss": lambda: sum(range(9)), "others": lambda: None}, "decoding": {"detloss": int}}
    }
    losses, decoding = training_steps.table(parts, TINY).rows
    assert losses[:2] == ["Model", "losses"]
    assert losses[-1].endswith(")")
    assert decoding[3:] == ["", ""]
