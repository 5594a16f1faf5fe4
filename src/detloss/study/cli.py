"""The command `detloss`."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import detloss
from detloss.catalog import LOSSES, Kind, Loss
from detloss.study import report, show
from detloss.study.comparison import Comparison, fresh_results, plan, require_no_results
from detloss.study.dataset import Dataset, DatasetError, load
from detloss.study.progress import ProgressDisplay, name_of

BOX_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX)}
CLASS_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.SIGMOID, Kind.SOFTMAX)}
INTERRUPTED = 130


def loss_named(losses: Mapping[str, Loss], name: str) -> Loss:
    """Find a loss; where there is none, say which is meant and which there are."""
    if name not in losses:
        near = get_close_matches(name.lower(), losses, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise click.BadParameter(f"no such loss: {name!r}.{hint} There are: {', '.join(losses)}.")
    return losses[name]


def losses_named(losses: Mapping[str, Loss], names: str) -> tuple[Loss, ...]:
    """Find every loss in a list with commas."""
    words = [word.strip() for word in names.split(",")]
    if len(set(words)) < len(words):
        raise click.BadParameter(f"expected every loss once, got {names!r}")
    return tuple(loss_named(losses, word) for word in words)


class RecordedCommand(click.Command):
    """A command that keeps what the user typed in its context's `obj`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.obj = shlex.join([*ctx.command_path.split(), *args])
        return super().parse_args(ctx, args)


@click.group("detloss", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(detloss.__version__, prog_name="detloss")
def main() -> None:
    """Find out which detector losses are best on your own data, and look at them."""


@main.command(cls=RecordedCommand, context_settings={"show_default": True})
@click.argument("data", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--box",
    "boxes",
    callback=lambda ctx, param, names: losses_named(BOX_LOSSES, names),
    default="smooth_l1,giou",
    help="Box losses to compare, with commas between them.",
)
@click.option(
    "--cls",
    "classes",
    callback=lambda ctx, param, names: losses_named(CLASS_LOSSES, names),
    default="focal",
    help="Class losses to compare, with commas between them.",
)
@click.option("--detector", type=click.Choice(["unitbox"]), default="unitbox", help="What is trained.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, help="Trials of every pair of losses.")
@click.option("--first-seed", type=click.IntRange(min=0), default=0, help="The seeds count up from here.")
@click.option("--steps", type=click.IntRange(min=1), default=1200, help="Training steps of every trial.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count,
    show_default="cores",
    help="Trials that run at the same time, one process and one thread each.",
)
@click.option("--size", type=click.IntRange(min=1), help="Longer side of every image in pixels.  [default: 160]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/compare"),
    help="Folder of the results.",
)
@click.option("--overwrite", is_flag=True, help="Remove the results of an earlier run from the folder.")
@click.pass_context
def compare(
    ctx: click.Context,
    data: Path | None,
    boxes: tuple[Loss, ...],
    classes: tuple[Loss, ...],
    detector: str,
    seeds: int,
    first_seed: int,
    steps: int,
    jobs: int,
    size: int | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Train a detector with every pair of a box and a class loss on DATA, and report which did best.

    DATA is COCO json, Pascal VOC xml, YOLO txt or a folder of them; without it, scenes made of handwritten digits.
    """
    console = Console()
    read = partial(load, data, size=size)
    try:
        if not overwrite:
            require_no_results(out)
        dataset = read()
        print_data(console, dataset)
        results = fresh_results(out)
    except (OSError, DatasetError) as error:
        raise click.ClickException(str(error)) from error
    comparison = Comparison(plan(boxes, classes, seeds=range(first_seed, first_seed + seeds), steps=steps))
    interrupted = run(console, comparison, read, results, jobs=jobs)
    if comparison.outcomes:
        page = out / "report.html"
        settings = {
            "data": data or dataset.name,
            "box": ", ".join(loss.name for loss in boxes),
            "cls": ", ".join(loss.name for loss in classes),
            "detector": detector,
            "seeds": seeds,
            "first seed": first_seed,
            "steps": steps,
            "jobs": jobs,
            "size": size or "as the reader chooses",
        }
        report.write(page, comparison, dataset, settings=settings, command=ctx.obj)
        print_summary(console, report.pairs_of(comparison.outcomes))
        console.print(f"report: {page}", soft_wrap=True, highlight=False)
    end(ctx, comparison, out, interrupted=interrupted)


def run(console: Console, comparison: Comparison, read: Callable[[], Dataset], results: Path, *, jobs: int) -> bool:
    """Run every trial under progress bars; the answer is whether the user interrupted it."""
    display = ProgressDisplay(console, comparison.trials)
    with display, closing(comparison.run(read, results, jobs=jobs)) as events:
        try:
            for event in events:
                display.show(event)
        except KeyboardInterrupt:
            return True
    return False


def print_data(console: Console, dataset: Dataset) -> None:
    """Say what is trained and judged on, and list everything that is wrong with it."""
    console.print(f"{dataset.name}: {dataset.split}", markup=False, highlight=False, soft_wrap=True)
    for problem in dataset.problems:
        line = f"left out: {problem.file}, {problem.row}: {problem.message}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_summary(console: Console, pairs: Sequence[report.Pair]) -> None:
    """Print the table of means and ranges, and what it is worth."""
    table = Table("box + class loss", "AP", "AP50", "AP75", "seconds", caption="mean (lowest–highest over the seeds)")
    for pair in pairs:
        table.add_row(pair.name, *(f"{part:.3f}" for part in (pair.ap, pair.ap50, pair.ap75)), f"{pair.seconds:.0f}")
    console.print(table)
    console.print(" ".join(report.findings(pairs)), markup=False, highlight=False)


def end(ctx: click.Context, comparison: Comparison, out: Path, *, interrupted: bool) -> None:
    """Leave with an error if a trial is missing."""
    missing = len(comparison.trials) - len(comparison.outcomes)
    kept = f"what is finished is kept in {out}"
    if interrupted:
        click.echo(f"Interrupted: {missing} of {len(comparison.trials)} trials are not finished; {kept}.", err=True)
        ctx.exit(INTERRUPTED)
    for failure in comparison.failures:
        click.echo(f"\n{name_of(failure.trial)} failed: {failure.reason}\n{failure.details}".rstrip(), err=True)
    if comparison.failures:
        raise click.ClickException(f"{missing} of {len(comparison.trials)} trials failed; {kept}.")


@main.command("show")
@click.argument("loss", callback=lambda ctx, param, name: loss_named(BOX_LOSSES | CLASS_LOSSES, name))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The picture's file, .png or .svg.  [default: LOSS.png]",
)
def show_loss(loss: Loss, out: Path | None) -> None:
    """Draw the value and the gradient of LOSS, and for a box loss where it pulls a box that is moved or stretched."""
    path = out or Path(f"{loss.name}.png")
    if path.suffix not in (".png", ".svg"):
        raise click.BadParameter(f"expected a file that ends in .png or .svg, got {path}", param_hint="--out")
    path.parent.mkdir(parents=True, exist_ok=True)
    show.write(loss, path)
    click.echo(f"picture: {path}")
