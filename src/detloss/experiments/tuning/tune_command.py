"""Command `detloss tune`."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from detloss.catalog import Loss
from detloss.experiments import cli_options
from detloss.experiments.data.dataset import load
from detloss.loss_names import CLASS_LOSSES
from detloss.types import DetectorName


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
@cli_options.out(
    "out/tune", "Output folder; the same command continues an interrupted search, and more --trials extend it."
)
@click.option("--overwrite", is_flag=True, help="Remove earlier results from the folder.")
@click.pass_context
def tune(
    ctx: click.Context,
    /,
    data: Path | None,
    box: Loss,
    cls: Loss,
    trials: int,
    detector: DetectorName,
    jobs: int | None,
    devices_per_trial: int,
    out: Path,
    **options: Any,
) -> None:
    """Find the options of a loss that perform best on DATA by cross-validation, and print the line of code to use.

    DATA is COCO json, Pascal VOC xml, YOLO txt or a folder of them; by default, generated scenes of handwritten digits.
    """
    from rich.console import Console

    from detloss.experiments.console import print_line, printable
    from detloss.experiments.training.devices import device_groups
    from detloss.experiments.training.workers import exit_code
    from detloss.experiments.tuning.cross_validation import RECORD, REPORT
    from detloss.experiments.tuning.cross_validation import tune as run
    from detloss.experiments.tuning.display import TuningDisplay, print_tuned

    console = Console()
    reading = {name: options.pop(name) for name in ("size", "scenes", "group", "augment", "cache")}
    try:
        with cli_options.reported_errors():
            cli_options.check_losses([box], [cls], detector, data, reading["scenes"])
            groups = device_groups(jobs, devices_per_trial)
        with cli_options.reported_errors(), TuningDisplay(console, groups) as display:
            tuned = run(
                partial(load, data, announce=partial(print_line, console), **reading),
                box=box.name,
                cls=cls.name,
                trials=trials,
                detector=detector,
                jobs=len(groups),
                devices_per_trial=devices_per_trial,
                out=out,
                **options,
                on_event=display.show,
            )
    except KeyboardInterrupt as interruption:
        click.echo(
            f"Interrupted: {display.ended} of {trials} candidates are finished; finished trainings are kept in {out}.",
            err=True,
        )
        ctx.exit(exit_code(interruption))
    print_tuned(console, tuned, [f"numbers: {out / RECORD}", f"report: {out / REPORT}"])
    for failure in tuned.failures:
        click.echo(printable(f"\n{failure}"), err=True)
    if tuned.failures:
        raise click.ClickException(
            f"{len(tuned.failures)} of {trials} candidates failed; the same command resumes them."
        )
