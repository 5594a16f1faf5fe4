"""What the words of a command line mean, and what to say of those that mean nothing."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss
from detloss.experiments.comparison.plan import Pair, grid
from detloss.experiments.data.digit_scenes import STYLES
from detloss.experiments.training.builders import DETECTORS
from detloss.experiments.training.trial import BATCH, PRECISIONS

BOX_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.REGRESSION, Kind.BOX)}
ALL_BOX_LOSSES = BOX_LOSSES | {loss.name: loss for loss in ROTATED_LOSSES}
CLASS_LOSSES = {loss.name: loss for loss in LOSSES if loss.kind in (Kind.SIGMOID, Kind.SOFTMAX)}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
data = click.argument("data", required=False, type=click.Path(exists=True, path_type=Path))
detector = click.option("--detector", type=click.Choice(list(DETECTORS)), default="unitbox", help="What is trained.")
size = click.option("--size", type=click.IntRange(min=1), help="Longer side of every image in pixels.  [default: 160]")
scenes = click.option(
    "--scenes",
    type=click.Choice(list(STYLES)),
    help="Which scenes to train on where no DATA is given.  [default: digits]",
)


precision = click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="float32",
    help="Of convolutions and matrix products in training; bfloat16 can be faster on a GPU.",
)
devices_per_trial = click.option(
    "--devices-per-trial",
    type=click.IntRange(min=1, max=BATCH),
    default=1,
    help="GPUs, or processes where there are none, that share every batch of a training; with detloss[fabric].",
)


def jobs(what: str) -> Decorator:
    """The option that says how many of something run at the same time."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        show_default="a GPU each, or a core",
        help=f"{what} that run at the same time, one process and one thread each; on GPUs by turns.",
    )


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


def weights_named(words: str | None) -> dict[Pair, float] | None:
    """Read the weights of box losses, or of one in a pair: giou=2,giou+ce=4; no class loss: in all pairs."""
    if words is None:
        return None
    weights: dict[Pair, float] = {}
    for word in words.split(","):
        names, _, number = (part.strip() for part in word.partition("="))
        box, plus, cls = (name.strip() for name in names.partition("+"))
        loss_named(ALL_BOX_LOSSES, box)
        if plus:
            loss_named(CLASS_LOSSES, cls)
        if Pair(box, cls) in weights:
            raise click.BadParameter(f"expected every loss once, got {words!r}")
        try:
            weight = float(number)
        except ValueError as error:
            raise click.BadParameter(f"expected LOSS=NUMBER, got {word.strip()!r}") from error
        if not 0 < weight < float("inf"):
            raise click.BadParameter(f"{names}: expected a number above 0, got {number}")
        weights[Pair(box, cls)] = weight
    return weights


def weights_to_try(box: Loss, cls: Loss, given: Mapping[Pair, float] | None, *, searched: bool) -> tuple[float, ...]:
    """The weights of a box loss beside a class loss: a grid where they are searched, else one."""
    if given is not None:
        return (given.get(Pair(box.name, cls.name), given.get(Pair(box.name), box.weight)),)
    return grid(box.weight) if searched else (box.weight,)


def baseline_named(pairs: Sequence[Pair], words: str | None) -> Pair:
    """Find the pair that the others are compared with: BOX+CLS, or one loss that a single pair has."""
    if words is None:
        return pairs[0]
    wanted = [word.strip() for word in words.split("+")]
    meant = [pair for pair in pairs if wanted in (list(pair), [pair.box], [pair.cls])]
    if len(meant) != 1:
        listed = ", ".join("+".join(pair) for pair in pairs)
        raise click.BadParameter(
            f"expected one of the pairs {listed}, got {words!r}, which is {'several' if meant else 'none'} of them",
            param_hint="--baseline",
        )
    return meant[0]
