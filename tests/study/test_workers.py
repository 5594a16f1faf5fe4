"""Worker processes on devices: who gets which, and that a dead one's is free again."""

import pytest
import torch

from detloss.study.devices import teams
from detloss.study.training import Trial
from detloss.study.workers import Failed, Finished, Workers
from tests.study.trials import endless_trial, quick_trial, small_dataset


def test_gpus_are_taken_by_turns_and_that_of_a_dead_worker_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with Workers(small_dataset, quick_trial, teams(3)) as team:
        assert team.free[::-1] == [("cuda:0",), ("cuda:1",), ("cuda:0",)]
        team.begin(Trial("giou", "focal", 1.0, 99, 3))  # kills its process
        assert team.busy[0].team == ("cuda:0",)
        [event] = team.listen(60)
        assert isinstance(event, Failed)
        assert event.died
        team.begin(Trial("giou", "focal", 1.0, 1, 3))
        assert team.busy[0].team == ("cuda:0",)
        while not any(isinstance(event, Finished) for event in team.listen(60)):
            pass
        assert (len(team.idle), team.free[::-1]) == (1, [("cuda:1",), ("cuda:0",)])


def test_silence_is_an_answer_in_time() -> None:
    with Workers(small_dataset, endless_trial, teams(1)) as team:
        assert team.available
        assert team.listen(0.01) == []
        team.begin(Trial("giou", "focal", 1.0, 1, 3))
        assert not team.available
        assert team.listen(0.01) == []
