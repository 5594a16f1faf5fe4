"""Trials in this process, one after another, in place of worker processes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import sleep

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import Event, Finished, TrialRunner, failure_of


class InProcess(AbstractContextManager["InProcess"]):
    """The interface of `Workers` for one trial at a time, which `wait` runs here; `run_trial` may be a closure."""

    def __init__(self, load: Callable[[], Dataset], run_trial: TrialRunner, groups: Sequence[DeviceGroup]) -> None:
        self.dataset, self.run_trial = load(), run_trial
        self.device = Device(groups[0][0])
        self.busy: list[Trial] = []

    def __exit__(self, *error: object) -> None:
        self.busy.clear()

    @property
    def available(self) -> bool:
        """Whether a trial can start."""
        return not self.busy

    def submit(self, trial: Trial) -> None:
        """Take a trial, which the next call of `wait` runs."""
        self.busy.append(trial)

    def wait(self, seconds: float) -> list[Event]:
        """Run the trial and return its result; without one, wait."""
        if not self.busy:
            sleep(seconds)
            return []
        trial = self.busy.pop()
        try:
            return [Finished(self.run_trial(trial, self.dataset, device=self.device))]
        except Exception as error:  # it ends the trial only
            return [failure_of(trial, error)]
