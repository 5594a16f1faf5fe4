"""What the terminal says before and after the trials."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from detloss.experiments.data.dataset import Dataset
from detloss.experiments.printable import printable


def bars(console: Console, *, transient: bool = False) -> Progress:
    """Bars with the time left, where there is a terminal; every task says its `unit`."""
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
    """Print a line; what would control the terminal is written as an escape."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def say_data(console: Console, dataset: Dataset) -> None:
    """Say what is trained and judged on, and list everything that is wrong with it."""
    say(console, f"{dataset.name}: {dataset.split}")
    for problem in dataset.problems:
        say(console, f"left out: {problem.file}, {problem.row}: {problem.message}")


def counted(number: int, thing: str) -> str:
    """A number with its noun, such as 1 step or 2 steps."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    return f"{seconds / 60:.0f} minutes" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"
