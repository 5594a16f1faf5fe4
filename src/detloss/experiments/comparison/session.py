"""One run of `detloss compare` or `detloss report`, with its terminal output."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch
from rich.console import Console

import detloss
from detloss.experiments.comparison.bootstrap import Bootstrap
from detloss.experiments.comparison.database import StorageError, redacted
from detloss.experiments.comparison.findings import expected_precision, findings
from detloss.experiments.comparison.output import STUDY, Folder, FolderError
from detloss.experiments.comparison.plan import ComparisonSettings, Plan
from detloss.experiments.comparison.progress import ProgressDisplay, print_ranking, remarks_on, say_plan, trial_name
from detloss.experiments.comparison.ranking import Ranking, rank
from detloss.experiments.comparison.report.page import LivePage, write_page
from detloss.experiments.comparison.rounds import confidence_of, next_plan
from detloss.experiments.comparison.runner import Comparison, Results, read_results
from detloss.experiments.comparison.shared_storage import recorded_studies
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.comparison.tracking import Tracker
from detloss.experiments.comparison.weight_search import check_search, with_balanced_grids
from detloss.experiments.console import print_dataset, print_line
from detloss.experiments.data.dataset import Dataset, SharedDataset
from detloss.experiments.training.devices import DeviceGroup
from detloss.experiments.training.outcome import Outcome
from detloss.experiments.training.training_loop import check_trials
from detloss.experiments.training.workers import Advanced, Finished, Trainer, exit_code


class Session:
    """A comparison with its data, its folder and its terminal.

    The trainer is the user's command or function; without one, detloss trains. The tracker logs the trials that finish
    in this process.
    """

    def __init__(
        self,
        console: Console,
        plan: Plan,
        settings: ComparisonSettings,
        folder: Folder,
        cache: Path | None = None,
        trainer: Trainer | None = None,
        tracker: Tracker | None = None,
    ) -> None:
        self.console, self.plan, self.settings, self.folder = console, plan, settings, folder
        self.trainer, self.tracker = trainer, tracker
        self.dataset = settings.load_data(cache, partial(print_line, console))
        self.bootstrap = Bootstrap(self.dataset)
        self.next_plan = partial(next_plan, rank=self.rank)

    def compare(
        self,
        storage: str | None,
        groups: Sequence[DeviceGroup],
        *,
        overwrite: bool,
        in_process: bool = False,
        take: int | None = None,
        hours: float | None = None,
    ) -> tuple[Comparison, int]:
        """Run every trial, then print the findings and write the report; the arguments are those of `Comparison.run`.

        Returns:
            The comparison, and the exit code: that of a signal if one interrupted the run, else 0.
        """
        if self.dataset.validation:
            print_dataset(self.console, self.dataset)
            check_search(self.plan, self.dataset)
        if self.trainer is None:
            check_trials(self.plan.sample_trials(), self.dataset)
            self.plan = with_balanced_grids(self.plan, self.dataset, groups[0][0])
        comparison = self.begin(storage, overwrite=overwrite)
        if self.trainer is not None:
            self.trainer.prepare(self.dataset)
        remarks = remarks_on(self.settings)
        if self.dataset.validation:  # the scatter of other scores than AP is unknown
            remarks += expected_precision(self.plan, self.rank(comparison))
        say_plan(self.console, comparison, self.dataset, groups, remarks)
        print_line(self.console, f"report: {self.folder.report}, which is updated while trials run")
        code = 0
        with LivePage(self.write_running) as page:
            page.show(comparison.snapshot())
            display, load = ProgressDisplay(self.console, comparison), SharedDataset(self.dataset)
            run = comparison.run(
                load, groups=groups, run_trial=self.trainer, in_process=in_process, take=take, hours=hours
            )
            with display, closing(run) as events:
                try:
                    for event in events:
                        display.show(event)
                        if isinstance(event, Finished):
                            self.track(event.outcome)
                        if not isinstance(event, Advanced) or event.snapshot is not None:
                            page.show(comparison.snapshot())
                except KeyboardInterrupt as interruption:
                    code = exit_code(interruption)
        self.conclude(comparison)
        return comparison, code

    def track(self, outcome: Outcome) -> None:
        """Log a finished trial; an error of the tracker is printed, and the comparison continues."""
        try:
            if self.tracker is not None:
                self.tracker(outcome)
        except Exception as error:  # a server may not answer; the result is in the database
            print_line(self.console, f"--log: {trial_name(outcome.trial)} was not logged: {error}")

    def begin(self, storage: str | None, *, overwrite: bool) -> Comparison:
        """Open the folder and the database, with the results that they already contain."""
        identity = identity_of(self.plan, self.dataset)
        self.folder.begin(identity, self.plan.to_json(), overwrite=overwrite)
        self.folder.write_settings(self.settings)
        self.folder.write_problems(self.dataset.problems)
        store = TrialStore(storage or self.folder.study, study_name(identity), self.plan, overwrite=overwrite)
        if store.plan != self.plan:
            self.plan = store.plan
            self.folder.begin(identity, self.plan.to_json(), overwrite=False)
        store.describe({"plan": identity | self.plan.to_json(), "settings": self.settings.to_json()})
        return Comparison(self.plan, store, self.folder, self.next_plan)

    def rank(self, results: Results) -> Ranking:
        """Rank the pairs."""
        settings = self.settings
        return rank(
            results.outcomes,
            settings.baseline,
            self.bootstrap,
            results.failures,
            matters=settings.matters,
            fits=results.plan.fits(results.ended),
            confidence=confidence_of(results.plan),
            dropped=results.plan.dropped,
        )

    def conclude(self, results: Results) -> None:
        """Print the findings and write the report; the answer is printed last, even if writing fails."""
        ranking = self.rank(results)
        answer, *details = findings(ranking, results)
        if ranking.standings:
            print_ranking(self.console, ranking)
        for line in (*details, *remarks_on(self.settings, results)):
            print_line(self.console, line)
        try:
            self.folder.write_standings(ranking.to_json())
            write_page(self.folder.report, results, ranking, self.dataset, self.settings)
            print_line(self.console, f"report: {self.folder.report}")
            best = self.folder.write_best_weights(ranking.best[0].outcomes if ranking.best else ())
            if best is not None:
                print_line(self.console, f"weights of {trial_name(best.trial)}: {self.folder.best_weights}")
        finally:
            print_line(self.console, answer)

    def write_running(self, results: Results) -> None:
        """Write the report while trials run."""
        write_page(self.folder.report, results, self.rank(results), self.dataset, self.settings, running=True)


def identity_of(plan: Plan, dataset: Dataset) -> dict[str, str]:
    """What all trials of a study have in common; trials of other losses, weights, seeds and steps can be added."""
    versions = {"detloss": detloss.__version__, "torch": torch.__version__.partition("+")[0]}
    return {"data": dataset.fingerprint(), **versions, **plan.detector_settings}


def study_name(identity: Mapping[str, str]) -> str:
    """The name of a study in the database."""
    return f"detloss compare {sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]}"


def restore_folder(folder: Folder, storage: str, name: str | None) -> None:
    """Make the folder of a comparison from its study, which the name selects if the database has several."""
    studies = recorded_studies(storage)
    if name is None and len(studies) == 1:
        [name] = studies
    if name not in studies:
        expected = "one comparison" if name is None else f"the study {name!r}"
        found = ", ".join(f"{study!r}" for study in studies) or "none"
        raise StorageError(f"storage: expected {expected} in {redacted(storage)}, found {found}: select one by --study")
    folder.begin(studies[name]["plan"], overwrite=False)
    folder.write_settings(ComparisonSettings.from_json(studies[name]["settings"]))


def write_report(
    console: Console, folder: Folder, settings: ComparisonSettings, storage: str | None, cache: Path | None
) -> Results:
    """Write the report of a comparison that has ended, or that is running elsewhere, from its finished trials.

    Raises:
        FolderError: There is no comparison in the folder, or the data have changed.
        StorageError: The database has no such comparison.
    """
    recorded = folder.plan()
    plan = Plan.from_json(recorded)
    if storage is None and not folder.has_study:
        address = settings.options.get("storage")
        raise FolderError(f"{folder.path}: found no {STUDY} in it: give the --storage of the comparison, {address}")
    identity = {name: value for name, value in recorded.items() if name not in plan.to_json()}
    results = read_results(folder, storage or folder.study, study_name(identity), plan)
    session = Session(console, plan, settings, folder, cache)
    found = session.dataset.fingerprint()
    if found != identity["data"]:
        data = settings.data or session.dataset.name
        raise FolderError(f"{data}: expected the data of the comparison, {identity['data']}, got other data, {found}")
    while (extended := session.next_plan(results)) is not None:
        results = read_results(folder, storage or folder.study, study_name(identity), extended)
    folder.write_results(results.outcomes)  # of agents that share the folder, a slow one may have written it last
    session.conclude(results)
    return results
