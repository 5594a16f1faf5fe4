"""Workers without processes, for tests of the code that handles their events."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.snapshots import Snapshot
from detloss.experiments.training.workers import (
    Advanced,
    Event,
    Finished,
    failure_of,
)


class Inline:
    """`Workers` without processes: each call of `wait` runs one trial in this process."""

    def __init__(
        self,
        load: Callable[[], Dataset],
        run_trial: Callable[..., Outcome],
        groups: Sequence[DeviceGroup],
        stall_timeout: float = 0.0,
    ) -> None:
        self.dataset, self.run_trial, self.jobs = load(), run_trial, len(groups)
        self.busy: list[Trial] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.busy.clear()

    @property
    def available(self) -> bool:
        return len(self.busy) < self.jobs

    def submit(self, trial: Trial) -> None:
        self.busy.append(trial)

    def wait(self, seconds: float) -> list[Event]:
        return list(self.events(self.busy.pop(0))) if self.busy else []

    def events(self, trial: Trial) -> Iterator[Event]:
        advances: list[Advanced] = []

        def advance(step: int, snapshot: Snapshot | None = None) -> None:
            advances.append(Advanced(trial, step, snapshot))

        try:
            outcome = self.run_trial(trial, self.dataset, device=Device(), on_progress=advance)
            yield from advances
            yield Finished(outcome)
        except Exception as error:
            yield failure_of(trial, error)
