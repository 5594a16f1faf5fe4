"""Worker processes: their devices, also after the death of one, and signals."""

import os
import signal
from collections.abc import Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from threading import Thread

import pytest
import torch

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training import workers
from detloss.experiments.training.devices import device_groups
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import (
    Advanced,
    Event,
    Failed,
    Finished,
    Terminated,
    Workers,
    WorkersError,
    exit_code,
)
from tests.support.trials import endless_trial, quick_trial, small_dataset


def next_event(team: Workers, seconds: float = 600) -> Event:
    """The next event of a single worker."""
    while True:
        for event in team.wait(seconds):
            return event


@pytest.mark.exhaustive
def test_gpus_are_assigned_round_robin_and_that_of_a_dead_worker_is_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with Workers(small_dataset, quick_trial, device_groups(3)) as team:
        assert team.free[::-1] == [("cuda:0",), ("cuda:1",), ("cuda:0",)]
        team.submit(Trial("giou", "focal", 1.0, 99, 3))  # kills its process
        assert team.busy[0].devices == ("cuda:0",)
        event = next_event(team)
        assert isinstance(event, Failed)
        assert event.died
        team.submit(Trial("giou", "focal", 1.0, 1, 3))
        assert team.busy[0].devices == ("cuda:0",)
        while not any(isinstance(event, Finished) for event in team.wait(600)):
            pass
        assert (len(team.idle), team.free[::-1]) == (1, [("cuda:1",), ("cuda:0",)])


TRIAL = Trial("giou", "focal", 1.0, 1, 3)


@pytest.fixture
def team() -> Iterator[Workers]:
    """Workers whose trial never ends, in a process that does not ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Workers(small_dataset, endless_trial, device_groups(1))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.exhaustive
def test_a_suspended_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with Workers(small_dataset, endless_trial, device_groups(1), stall_timeout=1.0) as team:
        team.stall_timeout = 600.0  # until it has started
        team.submit(TRIAL)
        step = next_event(team)
        assert isinstance(step, Advanced)
        os.kill(step.step, signal.SIGSTOP)  # the step of this trial is its process
        with monkeypatch.context() as suspended:
            suspended.setattr(workers, "monotonic", iter((0.0, 3600.0)).__next__)
            team.stall_timeout = 1.0
            assert team.wait(0.05) == [], "an hour in which this process was suspended too"
        failure = next_event(team, seconds=0.3)
        assert isinstance(failure, Failed)
        assert failure.died
        assert failure.reason.startswith("its worker process reported nothing for 1 seconds")
        assert team.available
        team.submit(Trial("giou", "focal", 1.0, 0, 3))
        team.stall_timeout = 600.0
        assert isinstance(next_event(team), Finished)


def no_data() -> Dataset:
    raise RuntimeError("no data")


@pytest.mark.exhaustive
def test_workers_that_cannot_start_end_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    with Workers(no_data, quick_trial, device_groups(1)) as team:
        team.submit(TRIAL)
        with pytest.raises(WorkersError, match="its worker process exited with code 1 before it had loaded the data"):
            team.wait(600)
    assert "RuntimeError: no data" in capfd.readouterr().err


def test_sigusr2_ends_the_run_like_sigterm(team: Workers) -> None:
    with pytest.raises(Terminated) as raised, team:
        os.kill(os.getpid(), signal.SIGUSR2)
    assert exit_code(raised.value) == 143


def test_an_interrupt_is_deferred_until_wait(team: Workers) -> None:
    reached = []

    def interrupted() -> None:
        with team:
            interrupt()
            team.submit(TRIAL)
            reached.append("after submit")
            team.wait(600)
            reached.append("after wait")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["after submit"]
    assert team.busy[0].process.exitcode == -signal.SIGKILL


@pytest.mark.exhaustive
def test_an_interrupt_ends_a_wait(team: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    ready: list[object] = []

    def wait(connections: list[Connection], timeout: float) -> list[object]:
        Thread(target=interrupt).start()
        ready.extend(connection.wait(connections))  # without a limit
        return ready

    def wait_for_events() -> None:
        with team:
            team.submit(TRIAL)
            assert isinstance(next_event(team), Advanced)  # and then nothing
            monkeypatch.setattr(workers, "wait", wait)
            team.wait(600)

    with pytest.raises(KeyboardInterrupt):
        wait_for_events()
    assert ready == [team.interrupts.reader]


def test_a_second_interrupt_is_raised_immediately(team: Workers) -> None:
    reached = []

    def interrupted() -> None:
        with team:
            interrupt()
            reached.append("after the first")
            interrupt()
            reached.append("after the second")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["after the first"]


def test_an_interrupt_at_the_end_is_not_lost(team: Workers) -> None:
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with team:
            interrupt()


def test_other_signal_handlers_are_left_alone(team: Workers) -> None:
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    with team:
        interrupt()
        assert team.wait(0.01) == []
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [signal.SIGINT]


def test_wait_returns_without_events_after_the_timeout() -> None:
    with Workers(small_dataset, endless_trial, device_groups(1)) as team:
        assert team.available
        assert team.wait(0.01) == []
        team.submit(Trial("giou", "focal", 1.0, 1, 3))
        assert not team.available
        assert team.wait(0.01) == []
