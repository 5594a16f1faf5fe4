"""The command `detloss`."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import click
from click.core import ParameterSource
from rich.console import Console

import detloss
from detloss.catalog import Loss
from detloss.study import devices, options, report, show
from detloss.study.comparison import Comparison
from detloss.study.dataset import Dataset, DatasetError, load
from detloss.study.folder import Folder, FolderError
from detloss.study.ledger import Ledger, StorageError
from detloss.study.options import (
    ALL_BOX_LOSSES,
    BOX_LOSSES,
    CLASS_LOSSES,
    baseline_named,
    loss_named,
    losses_named,
    weights_named,
    weights_to_try,
)
from detloss.study.plan import Pair, Plan
from detloss.study.progress import ProgressDisplay, name_of
from detloss.study.sharing import SharedDataset
from detloss.study.simulation.command import simulate
from detloss.study.standings import findings, standings
from detloss.study.terminal import INTERRUPTED, QUICK, print_standings, say, say_data, say_plan, search_remarks
from detloss.study.training import DetectorError, check_trials
from detloss.study.tuning.command import tune


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
@options.data
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
@options.detector
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
@options.precision
@options.jobs("Trials")
@options.devices_per_trial
@options.size
@options.scenes
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
    console = Console()
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
    reference = baseline_named(list(plan.weights), baseline)
    try:
        teams = devices.teams(jobs, devices_per_trial)
        dataset = load(data, size=size, scenes=scenes)
        say_data(console, dataset)
        check_trials(plan.samples(), dataset)
        comparison = begin(console, plan, dataset, Folder(out), storage, overwrite=overwrite)
        remarks = [QUICK] if quick else []
        say_plan(console, comparison, dataset, teams, remarks)
        interrupted = run(console, comparison, SharedDataset(dataset), teams)
        if any(outcome.trial.phase == 2 for outcome in comparison.outcomes):
            settings = {
                "data": data or dataset.name,
                "box": ", ".join(loss.name for loss in boxes),
                "cls": ", ".join(loss.name for loss in classes),
                "detector": detector,
                "seeds": seeds,
                "first seed": first_seed,
                "steps": steps,
                "weights": "searched" if plan.search() else "given" if weights else "listed",
                "baseline": reference,
                "precision": precision,
                "jobs": len(teams),
                "devices per trial": devices_per_trial,
                "size": size or "as the reader chooses",
                "storage": comparison.ledger.place,
            }
            remarks += search_remarks(comparison)
            conclude(console, comparison, dataset, reference, remarks, settings, ctx.obj)
    except (DetectorError, devices.DevicesError) as error:
        raise click.UsageError(f"--{error}") from error
    except (OSError, DatasetError, FolderError, StorageError) as error:
        raise click.ClickException(str(error)) from error
    end(ctx, comparison, interrupted=interrupted)


def quick_settings(ctx: click.Context, steps: int) -> tuple[int, int]:
    """The seeds and the steps of a first look."""
    if ctx.get_parameter_source("seeds") is ParameterSource.COMMANDLINE:
        raise click.BadParameter("--quick has one seed: leave one of the two out", param_hint="--seeds")
    return 1, max(steps // 2, 1)


def begin(
    console: Console, plan: Plan, dataset: Dataset, folder: Folder, storage: str | None, *, overwrite: bool
) -> Comparison:
    """Take the folder and the database, and what they have of this comparison already."""
    settings = plan.settings() | {"data": dataset.fingerprint(), "detloss": detloss.__version__}
    folder.begin(settings, overwrite=overwrite)
    mended = folder.mend()
    if mended:
        say(console, mended)
    name = f"detloss compare {sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]}"
    return Comparison(plan, Ledger(storage or folder.study, name, plan, anew=overwrite), folder)


def run(console: Console, comparison: Comparison, read: Callable[[], Dataset], teams: Sequence[devices.Team]) -> bool:
    """Run every trial under progress bars; the answer is whether the user interrupted it."""
    display = ProgressDisplay(console, comparison.plan, comparison.outcomes)
    with display, closing(comparison.run(read, teams=teams)) as events:
        try:
            for event in events:
                display.show(event)
        except KeyboardInterrupt:
            return True
    return False


def conclude(
    console: Console,
    comparison: Comparison,
    dataset: Dataset,
    baseline: Pair,
    remarks: Sequence[str],
    settings: Mapping[str, object],
    command: str,
) -> None:
    """Print the verdicts and the table, and write the report."""
    table = standings(comparison.outcomes, dataset, baseline)
    page = comparison.folder.report
    report.write(
        page, comparison, table, dataset, baseline=baseline, remarks=remarks, settings=settings, command=command
    )
    print_standings(console, table, baseline)
    for line in (*findings(table, baseline), *remarks, f"report: {page}"):
        say(console, line)


def end(ctx: click.Context, comparison: Comparison, *, interrupted: bool) -> None:
    """Leave with an error if a trial is missing."""
    missing, planned = comparison.missing, comparison.plan.all_trials()
    kept = f"what is finished is kept in {comparison.folder.path}"
    if interrupted:
        click.echo(f"Interrupted: {missing} of {planned} trials are not finished; {kept}.", err=True)
        ctx.exit(INTERRUPTED)
    for failure in comparison.failures:
        click.echo(f"\n{name_of(failure.trial)} failed: {failure.reason}\n{failure.details}".rstrip(), err=True)
    if missing:
        raise click.ClickException(f"{missing} of {planned} trials failed; {kept}.")


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


main.add_command(simulate)
main.add_command(tune)
