"""Terminal output: escaped lines, progress bars, and numbers in words."""

from typing import TYPE_CHECKING

from detloss.experiments.data.dataset import LISTED_PROBLEMS, Dataset

if TYPE_CHECKING:  # worker processes and usage errors need no terminal
    from rich.console import Console
    from rich.progress import Progress


def printable(text: str) -> str:
    r"""Escape characters that control a terminal or that no encoding has, except line ends.

    Example:
        >>> printable("a\x1b]0;title.png")
        'a\\x1b]0;title.png'
    """
    return "".join(
        one if one.isprintable() or one in "\n\xa0" else one.encode("unicode_escape").decode("ascii") for one in text
    )


def progress_bars(console: "Console", *, transient: bool = False) -> "Progress":
    """Progress bars with the remaining time, in a terminal; every task has a `unit`."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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


def print_line(console: "Console", line: str) -> None:
    """Print a line, with control characters escaped."""
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def print_dataset(console: "Console", dataset: Dataset) -> None:
    """Print the data set, its split, the first of everything that was excluded, and the warnings."""
    print_line(console, f"{dataset.name}: {dataset.split}")
    for problem in dataset.problems[:LISTED_PROBLEMS]:
        print_line(console, f"excluded: {problem.file}, {problem.row}: {problem.message}")
    if len(dataset.problems) > LISTED_PROBLEMS:
        print_line(console, f"excluded: {len(dataset.problems)} in all, which problems.csv in the output folder lists")
    for warning in dataset.warnings:
        print_line(console, f"warning: {warning}")


def counted(number: int, thing: str) -> str:
    """A number with its noun, such as 1 step or 2 steps."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def duration(seconds: float) -> str:
    """A duration in words."""
    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    return f"{seconds / 60:.0f} minutes" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"
