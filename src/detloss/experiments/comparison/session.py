"""One run of `detloss compare` or `detloss report`, step by step, with its output on the terminal."""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from typing import Any

from rich.console import Console

import detloss
from detloss.experiments.comparison import report
from detloss.experiments.comparison.findings import findings
from detloss.experiments.comparison.output import STUDY, Folder, FolderError
from detloss.experiments.comparison.plan import Plan
from detloss.experiments.comparison.progress import ProgressDisplay
from detloss.experiments.comparison.ranking import Bootstrap, standings
from detloss.experiments.comparison.report.live_page import LivePage
from detloss.experiments.comparison.request import Request
from detloss.experiments.comparison.runner import Comparison, Results, results_in
from detloss.experiments.comparison.store import Ledger
from detloss.experiments.console import (
    print_standings,
    remarks_on,
    say,
    say_data,
    say_plan,
)
from detloss.experiments.data.shared_memory import SharedDataset
from detloss.experiments.training.devices import Team
from detloss.experiments.training.interrupts import exit_code
from detloss.experiments.training.trial import check_trials
from detloss.experiments.training.workers import Advanced


class Session:
    """A comparison with its data, its folder and its terminal.

    Args:
        console: The terminal.
        plan: Which trials there are.
        request: Its other options.
        folder: Where results are written.
    """

    def __init__(self, console: Console, plan: Plan, request: Request, folder: Folder) -> None:
        self.console, self.plan, self.request, self.folder = console, plan, request, folder
        self.dataset = request.read()
        self.bootstrap = Bootstrap(self.dataset)

    def compare(self, storage: str | None, teams: Sequence[Team], *, overwrite: bool) -> tuple[Comparison, int]:
        """Run every trial, and say and write what was found.

        Args:
            storage: Address of the database; None: a file in the folder.
            teams: The devices of each trial that runs at the same time.
            overwrite: Whether the results of an earlier run are removed.

        Returns:
            The comparison, and the exit code of a process that was interrupted, else 0.
        """
        say_data(self.console, self.dataset)
        check_trials(self.plan.samples(), self.dataset)
        comparison = self.begin(storage, overwrite=overwrite)
        say_plan(self.console, comparison, self.dataset, teams, remarks_on(self.request))
        say(self.console, f"report: {self.folder.report}, which refreshes itself while trials run")
        code = 0
        with LivePage[Results](self.write_running) as page:
            page.show(comparison.snapshot())
            display = ProgressDisplay(self.console, comparison.plan, comparison.outcomes)
            with display, closing(comparison.run(SharedDataset(self.dataset), teams=teams)) as events:
                try:
                    for event in events:
                        display.show(event)
                        if not isinstance(event, Advanced) or event.glimpse is not None:
                            page.show(comparison.snapshot())
                except KeyboardInterrupt as interruption:
                    code = exit_code(interruption)
        self.conclude(comparison)
        return comparison, code

    def begin(self, storage: str | None, *, overwrite: bool) -> Comparison:
        """Take the folder and the database, and what they have of this comparison already."""
        settings = self.plan.settings() | {"data": self.dataset.fingerprint(), "detloss": detloss.__version__}
        self.folder.begin(settings, overwrite=overwrite)
        self.folder.note(self.request)
        mended = self.folder.mend()
        if mended:
            say(self.console, mended)
        ledger = Ledger(storage or self.folder.study, study_name(settings), self.plan, anew=overwrite)
        return Comparison(self.plan, ledger, self.folder)

    def conclude(self, results: Results) -> None:
        """Print what was found and write the report; the answer is printed last, also where the page cannot be."""
        baseline = self.request.baseline
        table = standings(results.outcomes, self.bootstrap, baseline, results.failures)
        answer, *details = findings(table, baseline, results)
        if table:
            print_standings(self.console, table, baseline)
        for line in (*details, *remarks_on(self.request, results)):
            say(self.console, line)
        try:
            report.write(self.folder.report, results, table, self.dataset, self.request)
            say(self.console, f"report: {self.folder.report}")
        finally:
            say(self.console, answer)

    def write_running(self, results: Results) -> None:
        """Write the page as it is while trials run."""
        table = standings(results.outcomes, self.bootstrap, self.request.baseline, results.failures)
        report.write(self.folder.report, results, table, self.dataset, self.request, running=True)


def study_name(settings: Mapping[str, Any]) -> str:
    """What the database calls the comparison with these settings."""
    return f"detloss compare {sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]}"


def rewrite(console: Console, folder: Folder, request: Request, storage: str | None) -> Results:
    """Write the report of a comparison that ran earlier, or runs elsewhere, from what has finished.

    Args:
        console: The terminal.
        folder: Of the comparison.
        request: Of the comparison.
        storage: Address of the database; None: a file in the folder.

    Raises:
        FolderError: There is no comparison in the folder, or the data are not those of the comparison.
        StorageError: The database has no such comparison.
    """
    settings = folder.settings()
    plan = Plan.from_settings(settings)
    if storage is None and not (folder.path / STUDY).exists():
        place = request.settings.get("storage")
        raise FolderError(f"{folder.path}: found no {STUDY} in it: give the --storage of the comparison, {place}")
    results = results_in(folder, storage or folder.study, study_name(settings), plan)
    session = Session(console, plan, request, folder)
    found = session.dataset.fingerprint()
    if found != settings["data"]:
        where = request.data or session.dataset.name
        raise FolderError(f"{where}: expected the data of the comparison, {settings['data']}, got other data, {found}")
    session.conclude(results)
    return results
