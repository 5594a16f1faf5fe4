"""Terminal output: escaped lines and progress bars."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from detloss.experiments.comparison import estimate
from detloss.experiments.comparison.plan import Pair
from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.comparison.request import Request
from detloss.experiments.comparison.runner import Results
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Team

WORTH = 0.8  # a share of the time for which another precision is worth a word
QUICK = "A quick look, at one seed, half the steps and listed weights: its order is not to be trusted."


def printable(text: str) -> str:
    r"""Escape characters that control a terminal or that no encoding has, except line ends.

    Example:
        >>> printable("a\x1b]0;title.png")
        'a\\x1b]0;title.png'
    """
    return "".join(
        one if one.isprintable() or one in "\n\xa0" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def bars(console: Console, *, transient: bool = False) -> Progress:
    """Progress bars with the remaining time, in a terminal; every task has a `unit`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        disable=not console.is_terminal,
        transient=transient,
    )


def say(console: Console, line: str) -> None:
    """Print a line, with control characters escaped."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def say_data(console: Console, dataset: Dataset) -> None:
    """Print the data set, its split and everything that was excluded."""
    say(console, f"{dataset.name}: {dataset.split}")
    for problem in dataset.problems:
        say(console, f"excluded: {problem.file}, {problem.row}: {problem.message}")


def say_plan(
    console: Console, results: Results, dataset: Dataset, teams: Sequence[Team], remarks: Sequence[str]
) -> None:
    """Say what is going to be done, and how long it takes."""
    plan, done = results.plan, results.outcomes
    lines = [*remarks, f"plan: {estimate.in_words(plan)}"]
    if done:
        lines.append(f"finished earlier or elsewhere: {len(done)} of {plan.all_trials()} trials")
    if results.missing:
        left = estimate.seconds_left(plan, done, dataset, teams)
        machine = f"on this machine alone, with {len(teams)} at a time"
        if left is not None:
            lines.append(f"estimate: about {estimate.duration(left)} {machine}")
            half = replace(plan, precision="bfloat16")
            shorter = estimate.seconds_left(half, done, dataset, teams) if torch.cuda.is_available() else None
            if shorter is not None and shorter < WORTH * left:
                lines.append(f"about {estimate.duration(shorter)} with --precision bfloat16, which rounds coarser")
    for line in lines:
        say(console, line)


def remarks_on(request: Request, results: Results | None = None) -> list[str]:
    """Say what limits the results: that it is a quick look, and which weights the search chose."""
    return [QUICK] * request.quick + (search_remarks(results) if results else [])


def search_remarks(results: Results) -> list[str]:
    """Say which weights the search chose, and where a better one may lie beyond its ends."""
    plan = results.plan
    if not plan.search() or not any(outcome.trial.phase == 2 for outcome in results.outcomes):
        return []
    chosen = plan.chosen({outcome.trial: outcome.ap for outcome in results.outcomes})
    told = ", ".join(f"{pair} {weight:g}" for pair, weight in chosen.items())
    ends = [str(pair) for pair, weight in chosen.items() if weight in (plan.weights[pair][0], plan.weights[pair][-1])]
    beyond = f" At the end of what was tried, so that a better one may lie beyond: {', '.join(ends)}." if ends else ""
    return [f"Weights found by the search, on the first seed and the same images: {told}.{beyond}"]


def print_standings(console: Console, table: Sequence[Standing], baseline: Pair) -> None:
    """Print the means and ranges, and what the differences are worth."""
    rows = Table("losses", "weight", "AP", "difference", "verdict", box=SIMPLE)
    rows.caption = f"AP: mean (lowest–highest over the seeds); difference to {baseline}: mean [95 % interval]"
    for standing in table:
        rows.add_row(
            str(standing.pair).replace("+ ", "+\n"),
            f"{standing.weight:g}",
            f"{standing.ap:.3f}".replace(" ", "\n"),
            f"{standing.difference:.3f}".replace(" ", "\n", 1) if standing.difference else "",
            "baseline" if standing.pair == baseline else standing.verdict or "",
        )
    console.print(rows)
