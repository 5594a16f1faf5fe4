"""A comparison: trials that any number of processes share, run here, and written into this folder."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic

from detloss.experiments.comparison.output import Folder, FolderError
from detloss.experiments.comparison.plan import Plan
from detloss.experiments.comparison.store import Ledger, StorageError
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Team
from detloss.experiments.training.snapshots import Glimpse
from detloss.experiments.training.trial import Outcome, Trial, run_trial
from detloss.experiments.training.workers import (
    Advanced,
    Event,
    Failed,
    Finished,
    Started,
    TrialRunner,
    Workers,
)

POLL = 1.0  # seconds between two looks for a trial where a worker has nothing to do


@dataclass(frozen=True)
class Gathered:
    """A result that was there already, or that another process has brought."""

    outcome: Outcome


@dataclass(frozen=True)
class Retried:
    """A trial whose worker died waits again."""

    failure: Failed


@dataclass(frozen=True)
class Late:
    """A result that came second and was dropped."""

    trial: Trial


@dataclass(frozen=True)
class Waiting:
    """Nothing is left to begin here while these trials run elsewhere, or seem to."""

    trials: list[Trial]


Happening = Event | Gathered | Retried | Late | Waiting


@dataclass
class Results:
    """What has come of a plan so far.

    Attributes:
        plan: Which trials there are.
        outcomes: The finished trials of both phases, in the order in which this process heard of them.
        failures: The trials that ended without a result.
        running: What was seen of the trials that run here.
    """

    plan: Plan
    outcomes: list[Outcome]
    failures: list[Failed]
    running: dict[Trial, list[Glimpse]] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        """How many planned trials have no result."""
        return self.plan.all_trials() - len(self.outcomes)

    @property
    def unfinished(self) -> int:
        """How many trials may still get a result."""
        return self.missing - len(self.failures)


def results_in(folder: Folder, storage: str, name: str, plan: Plan) -> Results:
    """Read what has come of a comparison, without beginning anything.

    Args:
        folder: Of the comparison; results that no database took are read too.
        storage: Address of the database.
        name: Of the study in it.
        plan: Of the comparison.

    Raises:
        StorageError: The database cannot be read, or has no such study.
        FolderError: A result in the folder is damaged.
    """
    with closing(Ledger(storage, name, plan, reading=True)) as ledger:
        outcomes, failures = ledger.results(()), ledger.failures()
    known = {outcome.trial for outcome in outcomes}
    outcomes += [outcome for outcome in folder.kept().values() if outcome.trial not in known]
    known = {outcome.trial for outcome in outcomes}
    return Results(plan, outcomes, [failure for failure in failures if failure.trial not in known])


class Comparison(Results):
    """The trials of a plan, run here and by others.

    Args:
        plan: Which trials there are.
        ledger: Who has which trial; the truth about the results.
        folder: Where they are written.

    Raises:
        FolderError: results.jsonl has results that the ledger lacks.

    Failures of other processes are known when the run is over.
    """

    def __init__(self, plan: Plan, ledger: Ledger, folder: Folder) -> None:
        super().__init__(plan, [], [])
        self.ledger, self.folder = ledger, folder
        for file, outcome in folder.kept().items():
            ledger.finish(outcome)
            file.unlink(missing_ok=True)
        written = folder.written()  # before the study is read, which has every result before its line is written
        self.gather()
        strange = written - {outcome.trial for outcome in self.outcomes}
        if strange:
            raise FolderError(
                f"{folder.results}: expected trials of the study in {ledger.place}, got {len(strange)} that it lacks: "
                "give another --out, or --overwrite it"
            )

    def gather(self) -> list[Outcome]:
        """Take over results that are new here; the answer is which."""
        new = self.ledger.results({outcome.trial for outcome in self.outcomes})
        self.folder.append(new)
        self.outcomes.extend(new)
        return new

    def snapshot(self) -> Results:
        """What is known now, for another thread."""
        running = {trial: list(glimpses) for trial, glimpses in self.running.items()}
        return Results(self.plan, list(self.outcomes), list(self.failures), running)

    def run(
        self,
        load: Callable[[], Dataset],
        *,
        teams: Sequence[Team],
        run_trial: TrialRunner = run_trial,
    ) -> Generator[Happening, None, None]:
        """Run what no other process runs, until every trial is finished, and yield what happens.

        A result is in the database and in results.jsonl before it is yielded.

        Args:
            load: Reads the data; every worker process calls it once, so it must be picklable.
            teams: The devices of each trial that runs at the same time, one process and one torch thread a device.
            run_trial: Trains and judges one trial; must be picklable.

        Yields:
            What happens. Closing the iterator ends the workers and keeps what is finished.

        Raises:
            StorageError: The database does not answer any more. A result that it did not take is in the folder, and
                enters it when the same comparison is run again.
            OSError: The folder cannot be written.
        """
        waiting = False
        try:
            with Workers(load, run_trial, teams) as workers:
                while open_trials := self.ledger.open_trials():
                    while workers.available and (trial := self.ledger.claim()):
                        waiting = False
                        workers.begin(trial)
                        yield Started(trial)
                    if not workers.busy and not waiting:
                        waiting = True
                        yield Waiting(open_trials)
                    yield from self.listen(workers)
                    self.ledger.beat()
                    yield from map(Gathered, self.gather())
            yield from map(Gathered, self.gather())
            self.failures = self.ledger.failures()
        finally:
            self.ledger.close()

    def listen(self, workers: Workers) -> Iterator[Happening]:
        """Hear the workers until a trial has ended, or it is time for the next sign of life."""
        due = monotonic() + (POLL if workers.available else self.ledger.beat_seconds)
        while (left := due - monotonic()) > 0:
            for event in workers.listen(left):
                self.watch(event)
                match event:
                    case Finished(outcome):
                        yield event if self.enter(outcome) else Late(outcome.trial)
                        due = monotonic()
                    case Failed():
                        if self.ledger.fail(event):
                            yield Retried(event)
                        else:
                            self.failures.append(event)
                            yield event
                        due = monotonic()
                    case _:
                        yield event

    def watch(self, event: Event) -> None:
        """Keep what is seen of a trial as long as it runs."""
        match event:
            case Advanced(trial, glimpse=Glimpse() as glimpse):
                self.running.setdefault(trial, []).append(glimpse)
            case Finished(Outcome(trial=trial)) | Failed(trial):
                self.running.pop(trial, None)

    def enter(self, outcome: Outcome) -> bool:
        """Bring a result into the database and the folder; the answer is whether it was the first of its trial."""
        try:
            first = self.ledger.finish(outcome)
        except StorageError as error:
            file = self.folder.keep(outcome)
            raise StorageError(f"{error}; the result of the last trial is kept in {file}") from error
        if first:
            self.folder.append([outcome])
            self.outcomes.append(outcome)
        return first
