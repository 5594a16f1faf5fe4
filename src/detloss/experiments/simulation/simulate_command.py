"""Command `detloss simulate`."""

import json
import os
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from detloss.catalog import Loss
from detloss.experiments.cli_options import out, reported_errors, several_losses
from detloss.experiments.simulation.experiment import ALL_POINTS, GRADIENTS, Simulation, default_losses
from detloss.experiments.simulation.experiment import simulate as run
from detloss.loss_names import ALL_LOSSES

if TYPE_CHECKING:
    from rich.console import Console

RECORD, PLOT = "simulate.json", "simulate.png"
DEFAULT_POINTS = 500
PRINTED_STEPS = (0, 20, 50, 100, 160, 200)


@click.command(
    short_help="Reproduce the regression experiment of the DIoU paper.", context_settings={"show_default": True}
)
@click.option(
    "--losses",
    callback=lambda ctx, param, names: None if names is None else several_losses(names, ALL_LOSSES),
    help="Box losses, separated by commas, with options after colons.  [default: all that have the gradient]",
)
@click.option(
    "--gradient",
    type=click.Choice(list(GRADIENTS)),
    default="exact",
    help="The derivative of the loss, the same with the enclosing diagonal held constant, or the update of the paper's "
    "authors.",
)
@click.option(
    "--points",
    type=click.IntRange(min=1),
    help=f"Number of starting points, 343 cases each.  [default: {DEFAULT_POINTS}]",
)
@click.option("--full", is_flag=True, help=f"Use all {ALL_POINTS} points of the paper.")
@click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), default=0, help="Seed of the starting points.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", help="Device of the computation.")
@out("out/simulate")
@click.option("--overwrite", is_flag=True, help="Replace earlier results in the output folder.")
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
    """Reproduce the regression experiment of the DIoU paper.

    Boxes around a target follow the gradient of every loss. The experiment shows the gradient field of a loss, not
    which loss trains the better detector: for that, use detloss compare.
    """
    if full and points is not None:
        raise click.UsageError(f"--full: expected no --points beside it, got --points {points}")
    losses = losses or default_losses(gradient)
    points = ALL_POINTS if full else points or DEFAULT_POINTS
    from rich.console import Console

    from detloss.experiments.console import print_line, progress_bars

    console = Console()
    try:
        with reported_errors():
            if (out / RECORD).exists() and not overwrite:
                raise FileExistsError(
                    f"{out / RECORD}: expected no earlier results: choose another --out, or --overwrite them"
                )
            out.mkdir(parents=True, exist_ok=True)
            with (
                TemporaryDirectory(dir=out, prefix=".unfinished-") as unfinished,
                progress_bars(console, transient=True) as shown,
            ):
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
    except KeyboardInterrupt:
        click.echo("Interrupted: no results were written.", err=True)
        ctx.exit(128 + SIGINT)
    print_table(console, simulation)
    for name, kind in ((RECORD, "numbers"), (PLOT, "plot")):
        print_line(console, f"{kind}: {out / name}")


def write(simulation: Simulation, unfinished: Path, out: Path) -> None:
    """Write the results to a temporary folder and move them: where there are numbers, there is a plot."""
    from detloss.experiments.simulation import simulation_plots

    (unfinished / RECORD).write_text(json.dumps(simulation.record(), allow_nan=False) + "\n", encoding="utf-8")
    simulation_plots.write(simulation, unfinished / PLOT)
    (out / RECORD).unlink(missing_ok=True)
    for name in (PLOT, RECORD):
        os.replace(unfinished / name, out / name)


def print_table(console: "Console", simulation: Simulation) -> None:
    """Print the error of every loss at some of the steps."""
    from rich.table import Table

    caption = [f"|dx| + |dy| + |dw| + |dh|, summed over {simulation.cases:,} cases"]
    if any(course.is_trivial for course in simulation.courses):
        caption.append("* trivial: regresses the numbers that the error is measured on")
    table = Table("loss", title=f"error, {simulation.gradient} gradient", caption="\n".join(caption))
    for step in PRINTED_STEPS:
        table.add_column(f"step {step}" if step else "start", justify="right")
    for course in simulation.courses:
        name = f"{course.loss.name} *" if course.is_trivial else course.loss.name
        table.add_row(name, *(f"{course.totals[step]:,.0f}" for step in PRINTED_STEPS))
    console.print(table)
