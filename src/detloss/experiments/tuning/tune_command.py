"""detloss tune."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from detloss.catalog import Loss
from detloss.experiments import cli_options
from detloss.experiments.cli_options import BOX_LOSSES, CLASS_LOSSES, loss_named
from detloss.experiments.data.dataset import DatasetError, load


@click.command(context_settings={"show_default": True})
@cli_options.data
@click.option(
    "--box",
    callback=lambda ctx, param, name: loss_named(BOX_LOSSES, name),
    default="smooth_l1",
    help="The box loss.",
)
@click.option(
    "--cls",
    callback=lambda ctx, param, name: loss_named(CLASS_LOSSES, name),
    default="focal",
    help="The class loss.",
)
@click.option(
    "--over",
    callback=lambda ctx, param, names: names and [name.strip() for name in names.split(",")],
    show_default="the options of the class loss",
    help="What to tune, with commas between: alpha, gamma, beta, as the losses have them, and weight, of the box loss.",
)
@click.option("--folds", type=click.IntRange(min=2), default=3, help="Parts of the training images.")
@click.option("--trials", type=click.IntRange(min=2), default=20, help="Candidates to try.")
@click.option("--steps", type=click.IntRange(min=1), default=600, help="Training steps of every training.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the proposals and the trainings.")
@cli_options.detector
@cli_options.precision
@cli_options.jobs("Trainings")
@cli_options.devices_per_trial
@cli_options.size
@cli_options.scenes
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/tune"),
    help="Folder of the results; the same command goes on with what is there, and with more --trials tries more.",
)
@click.option("--overwrite", is_flag=True, help="Remove the results of an earlier run from the folder.")
@click.pass_context
def tune(
    ctx: click.Context,
    data: Path | None,
    box: Loss,
    cls: Loss,
    over: Sequence[str] | None,
    folds: int,
    trials: int,
    steps: int,
    seed: int,
    detector: str,
    precision: str,
    jobs: int | None,
    devices_per_trial: int,
    size: int | None,
    scenes: str | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Find the options of a loss that do best on DATA, by cross-validation, and print the line of code to paste.

    DATA is COCO json, Pascal VOC xml, YOLO txt or a folder of them; without it, scenes made of handwritten digits.
    """
    from rich.console import Console

    from detloss.experiments.comparison.output import FolderError
    from detloss.experiments.console import printable, say
    from detloss.experiments.training import devices
    from detloss.experiments.training.interrupts import exit_code
    from detloss.experiments.tuning.cross_validation import PICTURE, RECORD
    from detloss.experiments.tuning.cross_validation import tune as run
    from detloss.experiments.tuning.display import TuningDisplay, print_tuned
    from detloss.experiments.tuning.search import TrainingError
    from detloss.experiments.tuning.search_space import TuningError

    console = Console()
    try:
        teams = devices.teams(jobs, devices_per_trial)
        with TuningDisplay(console, teams) as display:
            tuned = run(
                partial(load, data, size=size, scenes=scenes),
                box=box.name,
                cls=cls.name,
                over=over,
                folds=folds,
                trials=trials,
                steps=steps,
                seed=seed,
                detector=detector,
                precision=precision,
                jobs=len(teams),
                devices_per_trial=devices_per_trial,
                out=out,
                overwrite=overwrite,
                watch=display.show,
            )
    except (TuningError, devices.DevicesError) as error:
        raise click.UsageError(f"--{error}") from error
    except (OSError, DatasetError, FolderError, TrainingError) as error:
        raise click.ClickException(printable(str(error))) from error
    except KeyboardInterrupt as interruption:
        click.echo(
            f"Interrupted: {display.settled} of {trials} candidates are finished; what is finished is kept in {out}.",
            err=True,
        )
        ctx.exit(exit_code(interruption))
    print_tuned(console, tuned)
    for name in (RECORD, PICTURE):
        say(console, f"{'picture' if name == PICTURE else 'numbers'}: {out / name}")
    for failure in tuned.failures:
        click.echo(f"\n{failure.trial} failed: {failure.reason}\n{failure.details}".rstrip(), err=True)
    if tuned.failures:
        raise click.ClickException(
            f"{len(tuned.failures)} of {trials} candidates failed; the same command begins them again."
        )
