"""Devices of the trials, and that several train like one."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from select import select

import pytest
import torch

from detloss.experiments.data.dataset import Dataset, Sample
from detloss.experiments.errors import OptionError
from detloss.experiments.training import devices
from detloss.experiments.training.devices import Device, device_groups
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import run_trial
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
    monkeypatch.setattr(devices, "cpu_count", lambda: 6)
    assert device_groups() == [("cpu",)] * 6
    assert device_groups(2) == [("cpu",)] * 2
    assert device_groups(size=4) == [("cpu",) * 4]
    assert device_groups(size=8) == [("cpu",) * 8], "at least one trial runs"
    assert device_groups(3, 2) == [("cpu", "cpu")] * 3


def test_only_the_cores_that_this_process_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 0)
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert device_groups() == [("cpu",)]
    finally:
        os.sched_setaffinity(0, allowed)


def test_gpus_are_grouped_and_assigned_round_robin(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 5)
    assert device_groups() == [(f"cuda:{number}",) for number in range(5)]
    assert device_groups(7)[4:] == [("cuda:4",), ("cuda:0",), ("cuda:1",)]
    assert device_groups(size=2) == [("cuda:0", "cuda:1"), ("cuda:2", "cuda:3")]
    assert device_groups(3, 2) == [("cuda:0", "cuda:1"), ("cuda:2", "cuda:3"), ("cuda:0", "cuda:1")]


def test_more_gpus_than_there_are_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    with pytest.raises(OptionError, match="devices-per-trial: expected at most 2, the GPUs of this machine, got 3"):
        device_groups(size=3)


def test_without_fabric_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    assert device_groups(2) == [("cpu",)] * 2
    with pytest.raises(OptionError, match=r"devices-per-trial: 2 need .*lightning-fabric, .* 'detloss\[fabric\]'"):
        device_groups(size=2)


def events_of(workers: Workers, *trials: Trial) -> list[Event]:
    """The events of these trials, run one after another."""
    events: list[Event] = []
    for trial in trials:
        workers.submit(trial)
        while workers.busy:
            events += workers.wait(600)
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


@pytest.mark.exhaustive
def test_two_devices_train_like_one_and_exit_with_their_worker() -> None:
    trials = [TRIAL, replace(TRIAL, box="l1", cls="ce"), replace(TRIAL, box="ciou", cls="softmax_focal")]
    with Workers(shapes, run_trial, PAIR) as workers:
        events = events_of(workers, *trials)
        processes = children_of(workers.idle[0].process.pid)
        assert len(processes) >= 2
    for process in processes:
        await_end(process)
    assert [event.step for event in events if isinstance(event, Advanced)] == [
        1,
        2,
        3,
        4,
        5,
        5,
    ] * 3  # 5 again after evaluation
    outcomes = [event.outcome for event in events if isinstance(event, Finished)]
    for trial, together in zip(trials, outcomes, strict=True):
        alone = run_trial(trial, shapes())
        torch.testing.assert_close(torch.tensor(together.curve), torch.tensor(alone.curve), rtol=1e-4, atol=1e-5)
        assert list(together.predictions) == list(alone.predictions)
        for one, two in zip(together.predictions.values(), alone.predictions.values(), strict=True):
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
    trial: Trial, dataset: Dataset, *, device: Device, on_progress: Callable[[int], None] | None = None
) -> Outcome:
    """Raise with seed 1 on all devices, and with seed 2 on the device that is not the main one."""
    if trial.seed == 1:
        raise FloatingPointError("not a number")
    if trial.seed == 2 and not device.is_main:
        raise MemoryError("too much")
    device.mean(torch.ones(()))  # blocks until both devices arrive
    return outcome_of(trial)


@pytest.mark.exhaustive
def test_a_failure_on_a_device_is_reported_and_another_trial_runs(capfd: pytest.CaptureFixture[str]) -> None:
    reported = []
    with Workers(small_dataset, fails_on, PAIR) as workers:
        for seed in (1, 2):
            events = events_of(workers, replace(TRIAL, seed=seed))
            reported += [(event.reason, event.died) for event in events if isinstance(event, Failed)]
        while workers.idle:
            [after] = events_of(workers, replace(TRIAL, seed=0))  # the worker has reported, and exits
            assert isinstance(after, Failed)
            assert after.died
        assert isinstance(events_of(workers, replace(TRIAL, seed=0))[-1], Finished)
    on_all, (reason, died) = reported
    assert on_all == ("FloatingPointError: not a number", False)
    # The main device may notice the death of the other before it is terminated itself.
    assert died or reason.startswith("RuntimeError"), reason
    assert "MemoryError: too much" in capfd.readouterr().err, "the process that died prints its error"


def test_bfloat16_trains_nearly_like_float32() -> None:
    exact, coarse = (run_trial(replace(TRIAL, precision=precision), shapes()) for precision in ("float32", "bfloat16"))
    assert coarse.curve != exact.curve
    torch.testing.assert_close(torch.tensor(coarse.curve), torch.tensor(exact.curve), rtol=0.1, atol=0.02)
