"""Which trial has which devices, and that several train as one does."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from select import select

import pytest
import torch

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.training.devices import DevicesError, Place, teams
from detloss.experiments.training.trial import Outcome, Trial, run_trial
from detloss.experiments.training.workers import (
    Advanced,
    Event,
    Failed,
    Finished,
    Workers,
)
from tests.support.trials import outcome_of, small_dataset

TRIAL = Trial("giou", "focal", 1.0, seed=3, steps=5)
PAIR = [("cpu", "cpu")]


def gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_without_a_gpu_trials_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert teams() == [("cpu",)] * 6
    assert teams(2) == [("cpu",)] * 2
    assert teams(size=4) == [("cpu",) * 4]
    assert teams(size=8) == [("cpu",) * 8], "at least one trial runs"
    assert teams(3, 2) == [("cpu", "cpu")] * 3


def test_gpus_are_dealt_in_teams_and_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 5)
    assert teams() == [(f"cuda:{number}",) for number in range(5)]
    assert teams(7)[4:] == [("cuda:4",), ("cuda:0",), ("cuda:1",)]
    assert teams(size=2) == [("cuda:0", "cuda:1"), ("cuda:2", "cuda:3")]
    assert teams(3, 2) == [("cuda:0", "cuda:1"), ("cuda:2", "cuda:3"), ("cuda:0", "cuda:1")]


def test_more_gpus_than_there_are_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    with pytest.raises(DevicesError, match="devices-per-trial: expected at most 2, the GPUs of this machine, got 3"):
        teams(size=3)


def test_without_fabric_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    assert teams(2) == [("cpu",)] * 2
    with pytest.raises(DevicesError, match=r"devices-per-trial: 2 need .*lightning-fabric, .* 'detloss\[fabric\]'"):
        teams(size=2)


def events_of(workers: Workers, *trials: Trial) -> list[Event]:
    """What happens when these trials run one after another."""
    events: list[Event] = []
    for trial in trials:
        workers.begin(trial)
        while workers.busy:
            events += workers.listen(600)
    return events


def shapes() -> Dataset:
    """A batch of the two small images, some without their boxes."""
    data = small_dataset()
    return replace(data, train=[*data.train * 6, *[without_boxes(data.train[0])] * 4])


def one_shape() -> Dataset:
    """A batch with boxes in one image alone, so that a device has none."""
    data = small_dataset()
    return replace(data, train=[data.train[0], *[without_boxes(data.train[1])] * 15])


def without_boxes(sample: Sample) -> Sample:
    return replace(sample, boxes=sample.boxes[:0], labels=sample.labels[:0])


def test_two_devices_train_as_one_does_and_end_with_their_worker() -> None:
    trials = [TRIAL, replace(TRIAL, box="l1", cls="ce"), replace(TRIAL, box="ciou", cls="softmax_focal")]
    with Workers(shapes, run_trial, PAIR) as workers:
        events = events_of(workers, *trials)
        processes = children_of(workers.idle[0].process.pid)
        assert len(processes) >= 2
    for process in processes:
        await_end(process)
    assert [event.step for event in events if isinstance(event, Advanced)] == [1, 2, 3, 4, 5] * 3
    outcomes = [event.outcome for event in events if isinstance(event, Finished)]
    for trial, together in zip(trials, outcomes, strict=True):
        alone = run_trial(trial, shapes())
        torch.testing.assert_close(torch.tensor(together.curve), torch.tensor(alone.curve), rtol=1e-4, atol=1e-5)
        for one, two in zip(together.predictions, alone.predictions, strict=True):
            torch.testing.assert_close(torch.from_numpy(one.scores), torch.from_numpy(two.scores), rtol=1e-3, atol=1e-4)


def children_of(process: int | None) -> list[int]:
    with open(f"/proc/{process}/task/{process}/children") as file:
        return [int(number) for number in file.read().split()]


def await_end(process: int) -> None:
    """Return when a process, which need not be a child of ours, has ended."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process)
        select([descriptor], [], [])
        os.close(descriptor)


@pytest.mark.exhaustive
def test_two_devices_train_every_detector_where_one_has_no_box() -> None:
    trials = [
        replace(TRIAL, detector=detector, cls=cls, steps=2)
        for detector, cls in (
            ("unitbox", "ce"),
            ("retinanet", "focal"),
            ("fcos", "bce"),
            ("faster-rcnn", "ce"),
            ("yolo", "bce"),
        )
    ]
    with Workers(one_shape, run_trial, PAIR) as workers:
        ends = [event for event in events_of(workers, *trials) if not isinstance(event, Advanced)]
    for event in ends:
        assert isinstance(event, Finished), event
        assert torch.tensor(event.outcome.curve).isfinite().all()
    assert len(ends) == len(trials)


def fails_on(
    trial: Trial, dataset: Dataset, *, place: Place, on_progress: Callable[[int], None] | None = None
) -> Outcome:
    """Go wrong as the seed says, on all devices or on the one that does not lead."""
    if trial.seed == 1:
        raise FloatingPointError("not a number")
    if trial.seed == 2 and not place.leads:
        raise MemoryError("too much")
    place.mean(torch.ones(()))  # where one device does not come, the other waits
    return outcome_of(trial)


@pytest.mark.exhaustive
def test_what_fails_on_a_device_is_told_and_another_trial_runs(capfd: pytest.CaptureFixture[str]) -> None:
    told = []
    with Workers(small_dataset, fails_on, PAIR) as workers:
        for seed in (1, 2):
            events = events_of(workers, replace(TRIAL, seed=seed))
            told += [(event.reason, event.died) for event in events if isinstance(event, Failed)]
        while workers.idle:
            [after] = events_of(workers, replace(TRIAL, seed=0))  # the worker has told, and ends
            assert isinstance(after, Failed)
            assert after.died
        assert isinstance(events_of(workers, replace(TRIAL, seed=0))[-1], Finished)
    on_all, (reason, died) = told
    assert on_all == ("FloatingPointError: not a number", False)
    # The device that leads may find out that the other is gone before it is ended itself.
    assert died or reason.startswith("RuntimeError"), reason
    assert "MemoryError: too much" in capfd.readouterr().err, "the process that ended says why"


def test_bfloat16_trains_nearly_as_float32_does() -> None:
    exact, coarse = (run_trial(replace(TRIAL, precision=precision), shapes()) for precision in ("float32", "bfloat16"))
    assert coarse.curve != exact.curve
    torch.testing.assert_close(torch.tensor(coarse.curve), torch.tensor(exact.curve), rtol=0.1, atol=0.02)
