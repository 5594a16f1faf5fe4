"""detloss simulate."""

import json
import os
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from detloss.catalog import Loss
from detloss.experiments.cli_options import BOX_LOSSES, CLASS_LOSSES, losses_named
from detloss.experiments.simulation.cases import ALL_POINTS
from detloss.experiments.simulation.experiment import Simulation, SimulationError
from detloss.experiments.simulation.experiment import simulate as run
from detloss.experiments.simulation.gradients import GRADIENTS, losses_with

if TYPE_CHECKING:
    from rich.console import Console

RECORD, PICTURE = "simulate.json", "simulate.png"
FEWER_POINTS = 500
SHOWN_STEPS = (0, 20, 50, 100, 160, 200)


@click.command(context_settings={"show_default": True})
@click.option(
    "--losses",
    callback=lambda ctx, param, names: None if names is None else losses_named(BOX_LOSSES | CLASS_LOSSES, names),
    help="Losses of boxes, with commas between them.  [default: all that have the gradient]",
)
@click.option(
    "--gradient",
    type=click.Choice(list(GRADIENTS)),
    default="exact",
    help="That of the loss, the same with the enclosing diagonal constant, or the step of the paper's authors.",
)
@click.option(
    "--points",
    type=click.IntRange(min=1),
    help=f"Points that boxes start from, 343 cases each.  [default: {FEWER_POINTS}]",
)
@click.option("--full", is_flag=True, help=f"As many points as in the paper, {ALL_POINTS}.")
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), default=0, help="Of the points.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="What calculates.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/simulate"),
    help="Folder of the results.",
)
@click.option("--overwrite", is_flag=True, help="Replace the results of an earlier run in the folder.")
@click.pass_context
def simulate(
    ctx: click.Context,
    losses: tuple[Loss, ...] | None,
    gradient: str,
    points: int | None,
    full: bool,
    seed: int,
    device: str,
    out: Path,
    overwrite: bool,
) -> None:
    """Let boxes from all around a target go down every loss: the regression experiment of the DIoU paper.

    It shows how losses pull, not which trains the better detector: that is what detloss compare is for.
    """
    if full and points is not None:
        raise click.UsageError(f"--full: expected without --points, got --points {points} too")
    losses = losses or losses_with(gradient)
    points = ALL_POINTS if full else points or FEWER_POINTS
    from rich.console import Console

    from detloss.experiments.console import bars, say

    console = Console()
    try:
        require_no_record(out, overwrite=overwrite)
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=out, prefix=".unfinished-") as unfinished, bars(console, transient=True) as shown:
            tasks = {loss.name: shown.add_task(loss.name, total=points, unit="points") for loss in losses}
            simulation = run(
                losses,
                gradient=gradient,
                points=points,
                seed=seed,
                device=device,
                advance=lambda loss, done: shown.advance(tasks[loss.name], done),
            )
            write(simulation, Path(unfinished), out)
    except SimulationError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Interrupted: no results were written.", err=True)
        ctx.exit(128 + SIGINT)
    print_table(console, simulation)
    for name in (RECORD, PICTURE):
        say(console, f"{'picture' if name == PICTURE else 'numbers'}: {out / name}")


def require_no_record(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that has the results of an earlier run, unless they may be replaced.

    Raises:
        FileExistsError: There is a simulate.json.
    """
    if (out / RECORD).exists() and not overwrite:
        raise FileExistsError(
            f"{out / RECORD} has the results of an earlier run: give another --out, or --overwrite it"
        )


def write(simulation: Simulation, unfinished: Path, out: Path) -> None:
    """Write the results aside and then put them in place: whoever sees the numbers sees their picture too."""
    from detloss.experiments.simulation import simulation_plots

    (unfinished / RECORD).write_text(json.dumps(simulation.record(), allow_nan=False) + "\n", encoding="utf-8")
    simulation_plots.write(simulation, unfinished / PICTURE)
    (out / RECORD).unlink(missing_ok=True)
    for name in (PICTURE, RECORD):
        os.replace(unfinished / name, out / name)


def print_table(console: "Console", simulation: Simulation) -> None:
    """Print the error of every loss at some of the steps."""
    from rich.table import Table

    caption = [f"|dx| + |dy| + |dw| + |dh|, the sum over {simulation.cases:,} cases"]
    if any(course.is_trivial for course in simulation.courses):
        caption.append("* wins trivially: it regresses the very numbers that the error is measured on")
    table = Table("loss", title=f"error, {simulation.gradient} gradient", caption="\n".join(caption))
    for step in SHOWN_STEPS:
        table.add_column(f"step {step}" if step else "start", justify="right")
    for course in simulation.courses:
        name = f"{course.loss.name} *" if course.is_trivial else course.loss.name
        table.add_row(name, *(f"{course.totals[step]:,.0f}" for step in SHOWN_STEPS))
    console.print(table)
