"""Command `detloss`.

Commands import their dependencies when they run: `detloss --help`, usage errors and worker processes, which import this
file, need few of them.
"""

import io
import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

import detloss
from detloss.auditing.audit_command import audit_command
from detloss.catalog import ROTATED_LOSSES, Loss
from detloss.experiments import cli_options
from detloss.experiments.comparison.cluster_jobs import CLUSTERS
from detloss.experiments.comparison.plan import MATTERS, ROUNDS, ComparisonSettings, Pair, Plan, default_seeds
from detloss.experiments.comparison.tracking import TRACKERS, tracker_named
from detloss.experiments.losses_command import losses_command
from detloss.experiments.simulation.simulate_command import simulate
from detloss.experiments.tuning.tune_command import tune
from detloss.explorer.explore_command import explore
from detloss.loss_names import ALL_LOSSES, BOX_LOSSES, CLASS_LOSSES

if TYPE_CHECKING:
    from detloss.experiments.comparison.output import Folder
    from detloss.experiments.comparison.runner import Results

SYNTAX = "Options follow a name after colons: focal:alpha=none:gamma=1.5."
ARGUMENTS = "detloss.arguments"  # of the command, in the context
PLOT_SUFFIXES = (".png", ".svg", ".pdf")


class RecordedCommand(click.Command):
    """A command that stores its command line, without the password of a database, in the `obj` of its context.

    An address from the environment is not in it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        ctx.meta[ARGUMENTS] = list(args)
        rest = super().parse_args(ctx, args)
        storage = ctx.params.get("storage")
        if storage:
            from detloss.experiments.comparison.database import redacted

            typed = [word.replace(storage, redacted(storage)) for word in typed]
        ctx.obj = shlex.join([*ctx.command_path.split(), *typed])
        return rest


@click.group("detloss", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(detloss.__version__, prog_name="detloss")
def main() -> None:
    """Compare, tune and plot losses of object detectors."""
    # Python's resource tracker would warn, in its own process, of semaphores of workers that were terminated.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker:UserWarning")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack characters


@main.command(cls=RecordedCommand, short_help="Compare losses on your data.", context_settings={"show_default": True})
@cli_options.data
@click.option(
    "--box",
    "boxes",
    callback=lambda ctx, param, text: cli_options.several_losses(text, cli_options.box_losses(ctx)),
    default="smooth_l1,giou",
    help=f"Box losses, separated by commas: {', '.join(BOX_LOSSES)}; for rotated boxes also "
    f"{', '.join(loss.name for loss in ROTATED_LOSSES)}. {SYNTAX}",
)
@click.option(
    "--cls",
    "classes",
    callback=lambda ctx, param, text: cli_options.several_losses(text, CLASS_LOSSES),
    default="focal",
    help=f"Class losses, separated by commas: {', '.join(CLASS_LOSSES)}.",
)
@cli_options.detector
@click.option(
    "--seeds",
    callback=lambda ctx, param, text: cli_options.seeds_named(text),
    metavar="NUMBER|auto",
    show_default="5 for two pairs, else 3",
    help="Number of seeds, each a trial of every pair; auto: rounds of "
    f"{', '.join(map(str, ROUNDS))} seeds for the pairs that may be the best, until the comparison is decided.",
)
@click.option(
    "--hours",
    type=cli_options.Number(min=0, min_open=True),
    help="Time for the trials: none is started that would end later. The same command continues.",
)
@click.option("--first-seed", type=click.IntRange(min=0), default=0, help="First of the consecutive seeds.")
@click.option("--steps", type=click.IntRange(min=1), default=1200, help="Training steps of every trial.")
@click.option(
    "--quick", is_flag=True, help="One seed, half the steps, no search: a first look, not a reliable ranking."
)
@click.option(
    "--weights",
    callback=lambda ctx, param, text: cli_options.weights_named(text),
    metavar="LOSS=NUMBER,...",
    help="Weights of box losses, for all pairs or for one, BOX+CLS=NUMBER, instead of the search. Losses that are not "
    "named have their listed weight.",
)
@click.option(
    "--baseline",
    metavar="BOX+CLS",
    show_default="the first pair",
    help="Pair that the others are compared with; one loss is enough if a single pair has it.",
)
@click.option(
    "--matters",
    type=cli_options.Number(min=0),
    metavar="AP",
    default=MATTERS,
    help="Difference in AP that matters; pairs that differ by less are equal.",
)
@cli_options.precision
@cli_options.jobs("Trials")
@cli_options.devices_per_trial
@cli_options.train
@cli_options.predictions
@cli_options.time_limit
@cli_options.size
@cli_options.scenes
@cli_options.group
@cli_options.augment
@cli_options.cache
@cli_options.out("out/compare", "Output folder; the same command continues an interrupted comparison.")
@cli_options.storage(
    "Trials are shared through it: postgresql://..., or FILE.log on a shared file system.  [default: SQLite in --out]"
)
@click.option("--take", type=click.IntRange(min=1), help="Run this many trials, wait for no other process, and exit.")
@click.option(
    "--launch",
    type=click.Choice(CLUSTERS),
    help="Submit jobs that run the command, through submitit; requires detloss[cluster]. local: processes of this "
    "machine, to try it.  [default storage: study.log in --out]",
)
@click.option("--agents", type=click.IntRange(min=1), default=1, help="Number of jobs with --launch.")
@click.option(
    "--slurm",
    callback=lambda ctx, param, text: cli_options.key_values(text),
    metavar="NAME=VALUE,...",
    help="Parameters of the jobs: partition, time in minutes, gpus_per_node, cpus_per_task and others of sbatch.",
)
@click.option(
    "--log",
    type=click.Choice(list(TRACKERS)),
    help="Log every trial that this process finishes, with its package: parameters, AP over the steps, final AP.",
)
@click.option("--overwrite", is_flag=True, help="Remove earlier results from the folder and the database.")
@click.pass_context
def compare(
    ctx: click.Context,
    data: Path | None,
    boxes: tuple[Loss, ...],
    classes: tuple[Loss, ...],
    detector: str,
    seeds: int | Literal["auto"] | None,
    hours: float | None,
    first_seed: int,
    steps: int,
    quick: bool,
    weights: Mapping[Pair, float] | None,
    baseline: str | None,
    matters: float,
    precision: str,
    jobs: int | None,
    devices_per_trial: int,
    train: str | None,
    predictions: str | None,
    time_limit: float | None,
    size: int | None,
    scenes: str | None,
    group: str | None,
    augment: bool,
    cache: Path | None,
    out: Path,
    storage: str | None,
    take: int | None,
    launch: str | None,
    agents: int,
    slurm: Mapping[str, str],
    log: str | None,
    overwrite: bool,
) -> None:
    """Train a detector on DATA with every pair of a box loss and a class loss, and report the best.

    The detector is one of --detector, or that of your own training script: --train.

    DATA is COCO json, Pascal VOC xml, YOLO txt or a folder of them; by default, generated scenes of handwritten digits.
    """
    from rich.console import Console

    from detloss.experiments.comparison.database import redacted
    from detloss.experiments.comparison.output import Folder
    from detloss.experiments.comparison.session import Session
    from detloss.experiments.training import devices

    with cli_options.reported_errors():
        command = cli_options.user_command(ctx, out, jobs)
    if quick:
        if seeds not in (None, 1):
            raise click.BadParameter(f"expected 1 with --quick, got {seeds}", param_hint="--seeds")
        seeds, steps = 1, max(steps // 2, 1)
    auto = seeds == "auto"
    count = seeds if isinstance(seeds, int) else default_seeds(len(boxes) * len(classes), auto=auto)
    plan = Plan(
        cli_options.weights_to_try(boxes, classes, weights, searched=not quick),
        seeds=range(first_seed, first_seed + count),
        steps=steps,
        detector=detector if command is None else f"command {command.digest}",
        precision=precision,
        auto=auto,
    )
    reference, folder = cli_options.baseline_named(list(plan.weights), baseline), Folder(out)
    with cli_options.reported_errors():
        if command is None:
            cli_options.check_losses(boxes, classes, detector, data, scenes)
        else:
            cli_options.check_losses_of_command(boxes, classes, data)
        tracker = None if log is None else tracker_named(log, out)
        if launch is not None:
            launch_agents(ctx, launch, storage, folder, agents, slurm, overwrite=overwrite)
            return
        groups = (devices.command_groups if command else devices.device_groups)(jobs, devices_per_trial)
        detector_options = {"detector": detector, "precision": precision, "size": size or "as the reader chooses"}
        options: dict[str, str | int | float] = {
            "data": str(data or ("none" if command else "digit scenes")),
            "box": ", ".join(loss.name for loss in boxes),
            "cls": ", ".join(loss.name for loss in classes),
            **(command.options() if command else detector_options),
            "seeds": "auto" if auto else count,
            "hours": hours or "no limit",
            "first seed": first_seed,
            "steps": steps,
            "weights": "searched" if plan.searched else "given" if weights else "listed",
            "baseline": str(reference),
            "matters": matters,
            "jobs": len(groups),
            "devices per trial": devices_per_trial,
            "group": group or "none",
            "augment": "yes" if augment else "no",
            "storage": redacted(storage or folder.study),
        }
        path = None if data is None else str(data.resolve())
        if plan.searched and (command is None or command.holds_out):
            options["weights"] = "searched on held-out training images"
        trainer = None if command is None else command.name
        settings = ComparisonSettings(
            ctx.obj, path, size, scenes, reference, quick, options, matters, trainer, group, augment
        )
        session = Session(Console(), plan, settings, folder, cache, command, tracker)
        comparison, code = session.compare(storage, groups, overwrite=overwrite, take=take, hours=hours)
    end(ctx, comparison, folder, code, waited=take is None and not comparison.out_of_time)


def launch_agents(
    ctx: click.Context,
    cluster: str,
    storage: str | None,
    folder: "Folder",
    agents: int,
    parameters: Mapping[str, str],
    *,
    overwrite: bool,
) -> None:
    """Submit jobs that run the command, and print how to follow them."""
    from detloss.experiments.comparison.cluster_jobs import launch

    if overwrite:
        raise click.UsageError("--overwrite: expected without --launch, whose jobs would remove the results of others")
    folder.path.mkdir(parents=True, exist_ok=True)
    logs, shared = folder.path / "agents", storage or str(folder.journal.resolve())
    jobs = launch(cluster, ctx.meta[ARGUMENTS], shared, logs, agents, parameters)
    click.echo(f"jobs: {', '.join(jobs)}, with logs in {logs}\nreport at any time: detloss report {folder.path}")


def end(ctx: click.Context, results: "Results", folder: "Folder", code: int, *, waited: bool) -> None:
    """Exit with an error if a trial is missing; `code` is not 0 if the command was interrupted."""
    from detloss.experiments.comparison.progress import trial_name
    from detloss.experiments.console import printable

    missing, planned = results.missing, results.trial_count
    if not waited and results.unfinished:
        reason = ", because the time was used up" if results.out_of_time else " to other processes"
        click.echo(f"{results.unfinished} of {planned} trials are left{reason}.")
        missing -= results.unfinished
    kept = f"finished trials are kept in {folder.path}"
    if code:
        click.echo(printable(f"Interrupted: {missing} of {planned} trials are not finished; {kept}."), err=True)
        ctx.exit(code)
    for failure in results.failures:
        report = f"\n{trial_name(failure.trial)} failed: {failure.reason}\n{failure.details}".rstrip()
        click.echo(printable(report), err=True)
    if missing:
        raise click.ClickException(printable(f"{missing} of {planned} trials failed; {kept}."))


@main.command("report", short_help="Write the report of an unfinished comparison.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=Path("out/compare"))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="New path of data that were moved.")
@cli_options.storage("Needed if it is not in the folder. With it alone, the folder is made.")
@click.option("--study", metavar="NAME", help="Study in the storage, if that has several.")
@cli_options.cache
def write_report(folder: Path, data: Path | None, storage: str | None, study: str | None, cache: Path | None) -> None:
    """Write the report of the comparison in FOLDER from its finished trials, without training.

    FOLDER is the --out of a detloss compare that was interrupted or is still running, or a new folder for the report of
    a comparison in a shared --storage; out/compare by default.
    """
    from rich.console import Console

    from detloss.experiments.comparison import session
    from detloss.experiments.comparison.output import Folder

    with cli_options.reported_errors():
        output = Folder(folder)
        if storage is not None and not output.has_plan:
            session.restore_folder(output, storage, study)
        output.plan()  # so that the error for a folder without a comparison names it
        settings = output.settings()
        if data is not None:
            settings = replace(settings, data=str(data.resolve()))
        session.write_report(Console(), output, settings, storage, cache)


@main.command("show", short_help="Plot losses.")
@click.argument("losses", callback=lambda ctx, param, text: cli_options.several_losses(text, ALL_LOSSES))
@click.option("--rotated", is_flag=True, help="Plot box losses for rotated boxes.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Output file: {', '.join(PLOT_SUFFIXES)}.  [default: LOSSES.png]",
)
def show_losses(losses: tuple[Loss, ...], rotated: bool, out: Path | None) -> None:
    """Plot the value and the gradient of LOSSES, and for box losses the descent direction of a box.

    LOSSES are names separated by commas, with options after colons: giou,ciou or focal,focal:gamma=1.5.
    """
    path = out or Path(re.sub(r"[:,]", "-", f"{','.join(loss.name for loss in losses)}.png"))
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise click.BadParameter(f"expected a file name in {', '.join(PLOT_SUFFIXES)}, got {path}", param_hint="--out")
    from detloss.experiments import plot_loss

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        plot_loss.write(losses, path, rotated=rotated)
    except plot_loss.PlotError as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"plot: {path}")


main.add_command(audit_command)
main.add_command(explore)
main.add_command(losses_command)
main.add_command(simulate)
main.add_command(tune)
