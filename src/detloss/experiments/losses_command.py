"""The command ``losses``: every name of a loss, every prefix and every option, with one line each."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from detloss.catalog import LOSSES, MODIFIERS, ROTATED_LOSSES, Kind, Loss
from detloss.loss_names import BOX_LOSSES, CLASS_LOSSES, options_of, written_value

Line = tuple[str, str, str]  # a name, its meaning and its options

OTHER_KINDS = (Kind.HEATMAP, Kind.DISTRIBUTION, Kind.MASK)


@click.command("losses", short_help="List the losses.")
def losses_command() -> None:
    """List the names of losses, with their options and the default values."""
    click.echo("\n".join(lines()))


def lines() -> Iterator[str]:
    """The text of the command."""
    yield from section("Box losses (--box)", map(line_of, BOX_LOSSES.values()))
    yield from section("Box losses of rotated boxes", map(line_of, ROTATED_LOSSES))
    yield from section(
        "Prefixes of box losses that compare overlaps, in any order: inner-siou, focaler-ciou, wise-inner-giou",
        ((f"{each.name}-", each.meaning, written(each.options)) for each in MODIFIERS),
    )
    yield from section("Class losses (--cls)", map(line_of, CLASS_LOSSES.values()))
    yield from section(
        "Losses for show and for Python only", (line_of(loss) for loss in LOSSES if loss.kind in OTHER_KINDS)
    )
    yield "Options follow the name: focal:alpha=none:gamma=1.5, inner-siou:inner=0.8, focaler-ciou:interval=0/0.95."


def section(title: str, rows: Iterable[Line]) -> Iterator[str]:
    """A title and its rows in columns."""
    table = list(rows)
    widths = [max(len(row[column]) for row in table) for column in (0, 1)]
    yield title
    for name, meaning, options in table:
        yield f"  {name:{widths[0]}}  {meaning:{widths[1]}}  {options}".rstrip()
    yield ""


def line_of(loss: Loss) -> Line:
    """The line of a loss; options without a default are computed from the data."""
    return loss.name, loss.title, written(options_of(loss))


def written(options: Mapping[str, Any]) -> str:
    """Options and their default values."""
    return ", ".join(
        name if value is inspect.Parameter.empty else f"{name}={written_value(value)}"
        for name, value in options.items()
    )
