"""Options that several commands share, and the conversion of their values."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from math import isnan
from pathlib import Path
from typing import Any, Literal

import click
from click.core import ParameterSource

from detloss.catalog import Loss
from detloss.experiments.comparison.cluster_jobs import STORAGE_VARIABLE
from detloss.experiments.comparison.plan import Pair, weight_grid
from detloss.experiments.data.dataset import placeholder
from detloss.experiments.data.digit_scenes import STYLES
from detloss.experiments.errors import OptionError, UserError
from detloss.experiments.training.batches import BATCH
from detloss.experiments.training.command import Command
from detloss.experiments.training.detectors import DETECTORS
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.training_loop import PRECISIONS, check_trials
from detloss.loss_names import (
    ALL_LOSSES,
    BOX_LOSSES,
    CLASS_LOSSES,
    EXAMPLE_SIZES,
    ROTATED_BOX_LOSSES,
    LossNameError,
    loss_named,
    losses_named,
)

PLUS = re.compile(r"\+(?=\s*[a-zA-Z])")
"""Separates the losses of a pair; in giou+focal:gamma=1e+2 that is the first sign only."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Number(click.FloatRange):
    """The type of an option whose value is a number in a range, and not NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


data = click.argument("data", required=False, type=click.Path(exists=True, path_type=Path), is_eager=True)
scenes = click.option(
    "--scenes",
    type=click.Choice(list(STYLES)),
    is_eager=True,
    help="Generated scenes to train on if no DATA is given.  [default: digits]",
)
detector = click.option("--detector", type=click.Choice(list(DETECTORS)), default="unitbox", help="Detector to train.")
size = click.option("--size", type=click.IntRange(min=1), help="Longer side of every image in pixels.  [default: 160]")
group = click.option(
    "--group",
    metavar="REGEX",
    help="Part of the paths of images that stay on one side of the split, such as the frames of a video: video_[0-9]+.",
)
augment = click.option(
    "--augment", is_flag=True, help="Flip, scale and crop training images at random, alike for all losses of a seed."
)
cache = click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for resized images, which later commands reuse.  [default: in the user's folder for caches]",
)
precision = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    help="Precision of convolutions and matrix products in training; bfloat16 can be faster on a GPU.",
)
devices_per_trial = click.option(
    "--devices-per-trial",
    type=click.IntRange(min=1, max=BATCH),
    default=1,
    help="GPUs, or processes on a CPU, that share every batch of a training; requires detloss[fabric].",
)


train = click.option(
    "--train",
    metavar="COMMAND",
    help="Command that trains your detector for one trial, with placeholders such as {data}, {steps} and {out}.",
)
predictions = click.option(
    "--predictions",
    metavar="FILE",
    help="Predictions of --train on the validation images as COCO results, such as '{out}/predictions.json'. Without "
    'it, the last line that the command prints is its score: {"score": 0.42}.',
)
time_limit = click.option(
    "--time-limit", type=Number(min=0, min_open=True), metavar="MINUTES", help="Limit of a trial of --train."
)


def seeds_named(text: str | None) -> int | Literal["auto"] | None:
    """Parse the number of seeds, or auto."""
    if text is None or text == "auto":
        return "auto" if text else None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"expected a number above 0 or auto, got {text!r}")
    return int(text)


def jobs(what: str) -> Decorator:
    """The option for the number of trials or trainings that run at a time."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        show_default="one per GPU, else one per core",
        help=f"{what} that run at a time, each in a process with one thread; GPUs are assigned in turn.",
    )


def out(default: str, use: str = "Output folder.") -> Decorator:
    """The option for the output folder."""
    return click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(default), help=use)


def storage(use: str) -> Decorator:
    """The option for the database of the trials."""
    return click.option(
        "--storage",
        metavar="URL",
        envvar=STORAGE_VARIABLE,
        help=f"Database of the trials, also from the environment variable {STORAGE_VARIABLE}. {use}",
    )


def key_values(text: str | None) -> dict[str, str]:
    """Parse NAME=VALUE,...; values may contain colons and brackets."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    for name, equals, value in pairs:
        if not name or not equals or not value:
            raise click.BadParameter(f"expected NAME=VALUE,..., got {text!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}


@contextmanager
def reported_errors() -> Iterator[None]:
    """Convert errors that users can correct to error messages."""
    from detloss.experiments.console import printable

    try:
        yield
    except OptionError as error:
        raise click.UsageError(f"--{error}") from error
    except (OSError, UserError) as error:
        raise click.ClickException(printable(str(error))) from error


@contextmanager
def usage_errors() -> Iterator[None]:
    """Report a wrong name of a loss as an error of the option."""
    try:
        yield
    except LossNameError as error:
        raise click.BadParameter(str(error)) from error


one_loss, several_losses = usage_errors()(loss_named), usage_errors()(losses_named)
"""Conversion of the value of an option to losses."""


def box_losses(context: click.Context) -> Mapping[str, Loss]:
    """The box losses that the data of a command can have: only generated scenes have rotated boxes."""
    style = STYLES[context.params["scenes"] or "digits"]
    if not style.rotated or context.params["data"] is not None:
        return BOX_LOSSES
    return {name: loss for name, loss in ROTATED_BOX_LOSSES.items() if not loss.axis_aligned_only}


def weights_named(text: str | None) -> dict[Pair, float] | None:
    """Parse weights of box losses, for all pairs or for one: giou=2,giou+ce=4."""
    if text is None:
        return None
    weights: dict[Pair, float] = {}
    for part in text.split(","):
        names, _, number = (word.strip() for word in part.rpartition("="))
        try:
            weight = float(number)
        except ValueError as error:
            raise click.BadParameter(f"expected LOSS=NUMBER, got {part.strip()!r}") from error
        box, *cls = PLUS.split(names, maxsplit=1)
        pair = Pair(one_loss(box, ROTATED_BOX_LOSSES).name, *(one_loss(one, CLASS_LOSSES).name for one in cls))
        if pair in weights:
            raise click.BadParameter(f"expected every loss once, got {names} twice")
        if not 0 < weight < float("inf"):
            raise click.BadParameter(f"{names}: expected a number above 0, got {number}")
        weights[pair] = weight
    return weights


def weights_to_try(
    boxes: Sequence[Loss], classes: Sequence[Loss], given: Mapping[Pair, float] | None, *, searched: bool
) -> dict[Pair, tuple[float, ...]]:
    """The weights of every pair of a box loss and a class loss: a grid if they are searched, else one."""
    weights: dict[Pair, tuple[float, ...]] = {}
    for box, cls in product(boxes, classes):
        listed = weight_grid(box.weight) if searched and given is None else (box.weight,)
        named = [given[pair] for pair in (Pair(box.name, cls.name), Pair(box.name)) if given and pair in given]
        weights[Pair(box.name, cls.name)] = (named[0],) if named else listed
    for pair in given or ():
        if pair not in weights and pair not in {Pair(box) for box, _ in weights}:
            compared = ", ".join("+".join(pair) for pair in weights)
            raise click.BadParameter(
                f"expected losses of the pairs {compared}, got {'+'.join(filter(None, pair))}", param_hint="--weights"
            )
    return weights


def baseline_named(pairs: Sequence[Pair], text: str | None) -> Pair:
    """Find the pair that the others are compared with: BOX+CLS, or one loss if a single pair has it."""
    if text is None:
        return pairs[0]
    names = [one_loss(part, ALL_LOSSES).name for part in PLUS.split(text)]
    found = [pair for pair in pairs if names in (list(pair), [pair.box], [pair.cls])]
    if len(found) != 1:
        listed = ", ".join("+".join(pair) for pair in pairs)
        raise click.BadParameter(
            f"expected one of the pairs {listed}, got {text!r}, which matches {'several' if found else 'none'} of them",
            param_hint="--baseline",
        )
    return found[0]


def user_command(context: click.Context, out: Path, jobs: int | None) -> Command | None:
    """The command of the user that trains the detector, if there is one; raise an OptionError if it cannot be used."""
    options = context.params
    given = {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if options["train"] is None:
        for name in sorted(given & {"predictions", "time_limit"}):
            raise OptionError(f"{name.replace('_', '-')}: expected --train beside it, got none")
        return None
    for name in sorted(given & {"detector", "size", "scenes", "precision"}):
        raise OptionError(f"{name}: expected none with --train, whose command decides, got {options[name]}")
    if "steps" not in given:
        raise OptionError("steps: expected a number with --train, in the unit of its command, such as epochs, got none")
    minutes, data = options["time_limit"], options["data"]
    command = Command(
        options["train"],
        options["predictions"],
        out,
        data and data.resolve(),
        time_limit=minutes and 60 * minutes,
        jobs=jobs or 1,
    )
    command.check()
    return command


def check_losses_of_command(boxes: Sequence[Loss], classes: Sequence[Loss], data: Path | None) -> None:
    """Raise an OptionError if a loss cannot be built without the detector."""
    for loss in boxes:
        if data is None and loss.from_sizes is not None:
            (option,) = loss.from_sizes(EXAMPLE_SIZES)
            if option not in loss.options:
                raise OptionError(f"box: expected DATA or {loss.name}:{option}=... for {loss.name}, got none")
    for loss in classes:
        if loss.from_counts is not None:
            usable = ", ".join(one.name for one in CLASS_LOSSES.values() if one.from_counts is None)
            raise OptionError(f"cls: expected one of {usable} with --train, got {loss.name}, which needs the detector")


def check_losses(
    boxes: Sequence[Loss], classes: Sequence[Loss], detector: str, data: Path | None, scenes: str | None
) -> None:
    """Raise an OptionError if a detector does not support the losses, before any data are read."""
    trials = [Trial(box.name, cls.name, box.weight, 0, 1, detector=detector) for box in boxes for cls in classes]
    check_trials(trials, placeholder(data, scenes))
