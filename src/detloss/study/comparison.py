"""A comparison: the plan of its trials, its run, and the folder that keeps its results."""

import json
import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detloss.catalog import Loss
from detloss.study.dataset import Dataset
from detloss.study.training import Outcome, Trial, run_trial
from detloss.study.workers import Event, Failed, Finished, TrialRunner, run_in_workers

RESULTS = "results.jsonl"


@dataclass
class Comparison:
    """Every trial of a comparison, and what has come of it so far.

    Args:
        trials: The plan, in the order in which the trials start.
        outcomes: The finished trials, in the order in which they finished.
        failures: The trials that raised or whose worker died.
    """

    trials: Sequence[Trial]
    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)

    def run(
        self, load: Callable[[], Dataset], results: Path, *, jobs: int, run_trial: TrialRunner = run_trial
    ) -> Generator[Event, None, None]:
        """Run the plan and yield what happens; each finished trial is in `results` before it is yielded.

        Args:
            load: Reads the data; every worker process calls it once, so it must be picklable.
            results: The results.jsonl to append to.
            jobs: How many trials run at the same time, one process and one torch thread each.
            run_trial: Trains and judges one trial; must be picklable.

        Yields:
            The events of the run. Closing the iterator ends the workers and keeps what is finished.
        """
        for event in run_in_workers(self.trials, load, run_trial, jobs):
            match event:
                case Finished(outcome):
                    append_result(results, outcome)
                    self.outcomes.append(outcome)
                case Failed():
                    self.failures.append(event)
            yield event


def plan(boxes: Sequence[Loss], classes: Sequence[Loss], *, seeds: Sequence[int], steps: int) -> list[Trial]:
    """List the trials of every pair of a box and a class loss on every seed, each at the box loss's listed weight.

    The seeds turn slowest, so that a run that is interrupted has compared all pairs on the seeds it reached.
    """
    return [
        Trial(box=box.name, cls=cls.name, weight=box.weight, seed=seed, steps=steps)
        for seed in seeds
        for box in boxes
        for cls in classes
    ]


def require_no_results(folder: Path) -> None:
    """Refuse a folder that has the results of an earlier run: two runs are never mixed.

    Raises:
        FileExistsError: There is a results.jsonl.
    """
    results = folder / RESULTS
    if results.exists():
        raise FileExistsError(f"{results} has the results of an earlier run: give another --out, or --overwrite it")


def fresh_results(folder: Path) -> Path:
    """Make the folder, remove what an earlier run left there, and return where the results go."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (RESULTS, "report.html"):
        (folder / name).unlink(missing_ok=True)
    return folder / RESULTS


def append_result(results: Path, outcome: Outcome) -> None:
    """Append one trial as a line of JSON, whole or not at all."""
    trial = outcome.trial
    record = {
        "box": trial.box,
        "cls": trial.cls,
        "weight": trial.weight,
        "seed": trial.seed,
        "phase": trial.phase,
        "steps": trial.steps,
        "ap": outcome.ap,
        "ap50": outcome.ap50,
        "ap75": outcome.ap75,
        "seconds": outcome.seconds,
    }
    with results.open("ab", buffering=0) as file:  # unbuffered: the line is one write, which the system appends as one
        file.write(json.dumps(record).encode() + b"\n")
        os.fsync(file.fileno())
