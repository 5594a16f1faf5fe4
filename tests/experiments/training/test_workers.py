"""Worker processes on devices: who gets which, and that a dead one's is free again."""

import os
import signal
from collections.abc import Iterator
from multiprocessing import connection
from multiprocessing.connection import Connection
from threading import Thread

import pytest
import torch

from detloss.experiments.training import workers
from detloss.experiments.training.devices import teams
from detloss.experiments.training.trial import Trial
from detloss.experiments.training.workers import (
    Advanced,
    Failed,
    Finished,
    Workers,
)
from tests.support.trials import endless_trial, quick_trial, small_dataset


def test_gpus_are_taken_by_turns_and_that_of_a_dead_worker_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with Workers(small_dataset, quick_trial, teams(3)) as team:
        assert team.free[::-1] == [("cuda:0",), ("cuda:1",), ("cuda:0",)]
        team.begin(Trial("giou", "focal", 1.0, 99, 3))  # kills its process
        assert team.busy[0].team == ("cuda:0",)
        [event] = team.listen(600)
        assert isinstance(event, Failed)
        assert event.died
        team.begin(Trial("giou", "focal", 1.0, 1, 3))
        assert team.busy[0].team == ("cuda:0",)
        while not any(isinstance(event, Finished) for event in team.listen(600)):
            pass
        assert (len(team.idle), team.free[::-1]) == (1, [("cuda:1",), ("cuda:0",)])


TRIAL = Trial("giou", "focal", 1.0, 1, 3)


@pytest.fixture
def team() -> Iterator[Workers]:
    """A worker that will not end by itself, in a process that has not been told to leave Ctrl-C alone."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield Workers(small_dataset, endless_trial, teams(1))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_until_it_is_listened_for(team: Workers) -> None:
    reached = []

    def interrupted() -> None:
        with team:
            interrupt()
            team.begin(TRIAL)
            reached.append("after begin")
            team.listen(600)
            reached.append("after listen")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert reached == ["after begin"]
    assert team.busy[0].process.exitcode == -signal.SIGKILL


def test_an_interrupt_wakes_who_listens(team: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    ready: list[object] = []

    def wait(connections: list[Connection], timeout: float) -> list[object]:
        Thread(target=interrupt).start()
        ready.extend(connection.wait(connections))  # for ever, if nothing wakes it
        return ready

    def listen() -> None:
        with team:
            team.begin(TRIAL)
            [step] = team.listen(600)
            assert isinstance(step, Advanced)  # and then nothing
            monkeypatch.setattr(workers, "wait", wait)
            team.listen(600)

    with pytest.raises(KeyboardInterrupt):
        listen()
    assert ready == [team.interrupts.reader]


def test_a_second_interrupt_comes_at_once(team: Workers) -> None:
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


def test_what_others_do_with_an_interrupt_is_left_to_them(team: Workers) -> None:
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    with team:
        interrupt()
        assert team.listen(0.01) == []
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert seen == [signal.SIGINT]


def test_silence_is_an_answer_in_time() -> None:
    with Workers(small_dataset, endless_trial, teams(1)) as team:
        assert team.available
        assert team.listen(0.01) == []
        team.begin(Trial("giou", "focal", 1.0, 1, 3))
        assert not team.available
        assert team.listen(0.01) == []
