"""Trials in this process, one after another, in place of worker processes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import sleep
from types import TracebackType

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.workers import Event, Failed, Finished, TrialRunner, failure_of


class InProcess(AbstractContextManager["InProcess"]):
    """The interface of `Workers` for one trial at a time, which `wait` runs in this process.

    Args:
        load: Loads the data.
        run_trial: Trains and evaluates one trial; it may be a closure.
        groups: One device.
    """

    def __init__(
        self,
        load: Callable[[], Dataset],
        run_trial: TrialRunner,
        groups: Sequence[DeviceGroup],
    ) -> None:
        self.dataset, self.run_trial = load(), run_trial
        self.device = Device(groups[0][0])
        self.busy: list[Trial] = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
        return [self.result_of(self.busy.pop())]

    def result_of(self, trial: Trial) -> Finished | Failed:
        """Run a trial; an exception fails it."""
        try:
            return Finished(self.run_trial(trial, self.dataset, device=self.device))
        except Exception as error:
            return failure_of(trial, error)
