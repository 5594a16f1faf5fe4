"""Command `detloss tune`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from detloss.catalog import Loss
from detloss.experiments import cli_options
from detloss.experiments.data.dataset import DatasetError, load
from detloss.loss_names import CLASS_LOSSES
from detloss.types import DetectorName, Precision


@click.command(short_help="Tune the options of a loss on your data.", context_settings={"show_default": True})
@cli_options.data
@click.option(
    "--box",
    callback=lambda ctx, param, text: cli_options.one_loss(text, cli_options.box_losses(ctx)),
    default="smooth_l1",
    help="Box loss, with options after colons: smooth_l1:beta=0.5.",
)
@click.option(
    "--cls",
    callback=lambda ctx, param, text: cli_options.one_loss(text, CLASS_LOSSES),
    default="focal",
    help="Class loss, with options after colons: focal:alpha=0.5 keeps alpha and tunes gamma.",
)
@click.option(
    "--over",
    callback=lambda ctx, param, names: names and [name.strip().lower() for name in names.split(",")],
    show_default="the other options of the class loss",
    help="Parameters to tune, separated by commas: alpha, gamma and beta, if the losses have them, and weight, that of "
    "the box loss.",
)
@click.option("--folds", type=click.IntRange(min=2), default=3, help="Number of folds of the training images.")
@click.option("--trials", type=click.IntRange(min=2), default=20, help="Number of candidates.")
@click.option("--steps", type=click.IntRange(min=1), default=600, help="Steps of every training.")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the proposals and the trainings.")
@cli_options.detector
@cli_options.precision
@cli_options.jobs("Trainings")
@cli_options.devices_per_trial
@cli_options.size
@cli_options.scenes
@cli_options.group
@cli_options.augment
@cli_options.cache
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("out/tune"),
    help="Output folder; the same command continues an interrupted search, and more --trials extend it.",
)
@click.option("--overwrite", is_flag=True, help="Remove earlier results from the folder.")
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
    detector: DetectorName,
    precision: Precision,
    jobs: int | None,
    devices_per_trial: int,
    size: int | None,
    scenes: str | None,
    group: str | None,
    augment: bool,
    cache: Path | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Find the options of a loss that perform best on DATA by cross-validation, and print the line of code to use.

    DATA is COCO json, Pascal VOC xml, YOLO txt or a folder of them; by default, generated scenes of handwritten digits.
    """
    from rich.console import Console

    from detloss.experiments.comparison.output import FolderError
    from detloss.experiments.console import print_line, printable
    from detloss.experiments.training import devices
    from detloss.experiments.training.training_loop import DetectorError
    from detloss.experiments.training.workers import exit_code
    from detloss.experiments.tuning.cross_validation import PLOT, RECORD
    from detloss.experiments.tuning.cross_validation import tune as run
    from detloss.experiments.tuning.display import TuningDisplay, print_tuned
    from detloss.experiments.tuning.search import TrainingError
    from detloss.experiments.tuning.search_space import TuningError

    console = Console()
    try:
        cli_options.check_losses([box], [cls], detector, data, scenes)
        groups = devices.device_groups(jobs, devices_per_trial)
        with TuningDisplay(console, groups) as display:
            tuned = run(
                partial(
                    load,
                    data,
                    size=size,
                    scenes=scenes,
                    group=group,
                    augment=augment,
                    cache=cache,
                    announce=partial(print_line, console),
                ),
                box=box.name,
                cls=cls.name,
                over=over,
                folds=folds,
                trials=trials,
                steps=steps,
                seed=seed,
                detector=detector,
                precision=precision,
                jobs=len(groups),
                devices_per_trial=devices_per_trial,
                out=out,
                overwrite=overwrite,
                on_event=display.show,
            )
    except (TuningError, DetectorError, devices.DevicesError) as error:
        raise click.UsageError(f"--{error}") from error
    except (OSError, DatasetError, FolderError, TrainingError) as error:
        raise click.ClickException(printable(str(error))) from error
    except KeyboardInterrupt as interruption:
        click.echo(
            f"Interrupted: {display.ended} of {trials} candidates are finished; finished trainings are kept in {out}.",
            err=True,
        )
        ctx.exit(exit_code(interruption))
    print_tuned(console, tuned)
    for name, kind in ((RECORD, "numbers"), (PLOT, "plot")):
        print_line(console, f"{kind}: {out / name}")
    for failure in tuned.failures:
        report = f"\n{failure.trial} failed: {failure.reason}\n{failure.details}".rstrip()
        click.echo(printable(report), err=True)
    if tuned.failures:
        raise click.ClickException(
            f"{len(tuned.failures)} of {trials} candidates failed; the same command resumes them."
        )
