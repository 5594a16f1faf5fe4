"""The command `detloss`.

What a command needs is imported when it is called: `detloss --help` and worker processes, which import this file, need
little of it.
"""

import io
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

import detloss
from detloss.catalog import Loss
from detloss.experiments import cli_options
from detloss.experiments.cli_options import (
    ALL_BOX_LOSSES,
    BOX_LOSSES,
    CLASS_LOSSES,
    baseline_named,
    loss_named,
    losses_named,
    weights_named,
    weights_to_try,
)
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.simulation.simulate_command import simulate
from detloss.experiments.tuning.tune_command import tune

if TYPE_CHECKING:
    from detloss.experiments.comparison.output import Folder
    from detloss.experiments.comparison.runner import Results


class RecordedCommand(click.Command):
    """A command that keeps what the user typed, without the password of a database, in its context's `obj`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        rest = super().parse_args(ctx, args)
        storage = ctx.params.get("storage")
        if storage:
            from detloss.experiments.comparison.database_url import shown

            typed = [word.replace(storage, shown(storage)) for word in typed]
        ctx.obj = shlex.join([*ctx.command_path.split(), *typed])
        return rest


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn what a user can put right into an error message."""
    from detloss.experiments.comparison.output import FolderError
    from detloss.experiments.comparison.store import StorageError
    from detloss.experiments.console import printable
    from detloss.experiments.data.dataset import DatasetError
    from detloss.experiments.training.devices import DevicesError
    from detloss.experiments.training.trial import DetectorError

    try:
        yield
    except (DetectorError, DevicesError) as error:
        raise click.UsageError(f"--{error}") from error
    except (OSError, DatasetError, FolderError, StorageError) as error:
        raise click.ClickException(printable(str(error))) from error


@click.group("detloss", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(detloss.__version__, prog_name="detloss")
def main() -> None:
    """Find out which detector losses are best on your own data, and look at them."""
    # Semaphores of a worker that is ended are left to Python's tracker, which warns of them in a process of its own.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may not have every character


@main.command(cls=RecordedCommand, context_settings={"show_default": True})
@cli_options.data
@click.option(
    "--box",
    "boxes",
    callback=lambda ctx, param, names: losses_named(ALL_BOX_LOSSES, names),
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
@cli_options.detector
@click.option("--seeds", type=click.IntRange(min=1), default=3, help="Trials of every pair of losses.")
@click.option("--first-seed", type=click.IntRange(min=0), default=0, help="The seeds count up from here.")
@click.option("--steps", type=click.IntRange(min=1), default=1200, help="Training steps of every trial.")
@click.option("--quick", is_flag=True, help="One seed, half the steps, no search: a first look, not to be trusted.")
@click.option(
    "--weights",
    callback=lambda ctx, param, words: weights_named(words),
    metavar="LOSS=NUMBER,...",
    help="Weights of box losses, or of one in a pair, BOX+CLS=NUMBER, in place of the search; a loss that is not named "
    "has its listed weight.",
)
@click.option(
    "--baseline",
    metavar="BOX+CLS",
    show_default="the first pair",
    help="The pair that the others are compared with; one loss will do where a single pair has it.",
)
@cli_options.precision
@cli_options.jobs("Trials")
@cli_options.devices_per_trial
@cli_options.size
@cli_options.scenes
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/compare"),
    help="Folder of the results; the same command goes on with what is there.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="Database of the trials, postgresql://... to share them between machines.  [default: SQLite in --out]",
)
@click.option(
    "--overwrite", is_flag=True, help="Remove the results of an earlier run from the folder and the database."
)
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
    quick: bool,
    weights: Mapping[Pair, float] | None,
    baseline: str | None,
    precision: str,
    jobs: int | None,
    devices_per_trial: int,
    size: int | None,
    scenes: str | None,
    out: Path,
    storage: str | None,
    overwrite: bool,
) -> None:
    """Train a detector with every pair of a box and a class loss on DATA, and report which did best.

    DATA is COCO json, Pascal VOC xml, YOLO txt or a folder of them; without it, scenes made of handwritten digits.
    """
    from rich.console import Console

    from detloss.experiments.comparison.database_url import shown
    from detloss.experiments.comparison.output import Folder
    from detloss.experiments.comparison.request import Request
    from detloss.experiments.comparison.session import Session
    from detloss.experiments.training import devices

    if quick:
        seeds, steps = quick_settings(ctx, steps)
    plan = Plan(
        {
            Pair(box.name, cls.name): weights_to_try(box, cls, weights, searched=not quick)
            for box in boxes
            for cls in classes
        },
        seeds=range(first_seed, first_seed + seeds),
        steps=steps,
        detector=detector,
        precision=precision,
    )
    reference, folder = baseline_named(list(plan.weights), baseline), Folder(out)
    with reported_errors():
        teams = devices.teams(jobs, devices_per_trial)
        settings: dict[str, str | int] = {
            "data": str(data or "digit scenes"),
            "box": ", ".join(loss.name for loss in boxes),
            "cls": ", ".join(loss.name for loss in classes),
            "detector": detector,
            "seeds": seeds,
            "first seed": first_seed,
            "steps": steps,
            "weights": "searched" if plan.search() else "given" if weights else "listed",
            "baseline": str(reference),
            "precision": precision,
            "jobs": len(teams),
            "devices per trial": devices_per_trial,
            "size": size or "as the reader chooses",
            "storage": shown(storage or folder.study),
        }
        place = None if data is None else str(data.resolve())
        request = Request(ctx.obj, place, size, scenes, reference, quick, settings)
        comparison, code = Session(Console(), plan, request, folder).compare(storage, teams, overwrite=overwrite)
    end(ctx, comparison, folder, code)


def quick_settings(ctx: click.Context, steps: int) -> tuple[int, int]:
    """The seeds and the steps of a first look."""
    if ctx.get_parameter_source("seeds") is ParameterSource.COMMANDLINE:
        raise click.BadParameter("--quick has one seed: leave one of the two out", param_hint="--seeds")
    return 1, max(steps // 2, 1)


def end(ctx: click.Context, results: "Results", folder: "Folder", code: int) -> None:
    """Leave with an error if a trial is missing; `code` is not 0 where the command was interrupted."""
    from detloss.experiments.comparison.progress import name_of
    from detloss.experiments.console import printable

    missing, planned = results.missing, results.plan.all_trials()
    kept = f"what is finished is kept in {folder.path}"
    if code:
        click.echo(printable(f"Interrupted: {missing} of {planned} trials are not finished; {kept}."), err=True)
        ctx.exit(code)
    for failure in results.failures:
        told = f"\n{name_of(failure.trial)} failed: {failure.reason}\n{failure.details}".rstrip()
        click.echo(printable(told), err=True)
    if missing:
        raise click.ClickException(printable(f"{missing} of {planned} trials failed; {kept}."))


@main.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="Where the data are, if they have been moved since."
)
@click.option("--storage", metavar="URL", help="Database of the trials, if the comparison was given one.")
def write_report(folder: Path, data: Path | None, storage: str | None) -> None:
    """Write the report of the comparison in FOLDER from what has finished, and train nothing.

    FOLDER is the --out of detloss compare, which was interrupted or is still running.
    """
    from rich.console import Console

    from detloss.experiments.comparison.output import Folder
    from detloss.experiments.comparison.session import rewrite

    with reported_errors():
        place = Folder(folder)
        place.settings()  # so that a folder without a comparison is named as such
        request = place.request()
        rewrite(Console(), place, request if data is None else request.moved_to(data), storage)


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
    from detloss.experiments import plot_loss

    path.parent.mkdir(parents=True, exist_ok=True)
    plot_loss.write(loss, path)
    click.echo(f"picture: {path}")


main.add_command(simulate)
main.add_command(tune)
