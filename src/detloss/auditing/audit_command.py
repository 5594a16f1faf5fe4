"""The command ``audit``: any implementation of a loss against its definition."""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detloss.loss_names import ALL_LOSSES, LossNameError, loss_named, value_of

if TYPE_CHECKING:
    from detloss.auditing.known_peers import Peer
    from detloss.auditing.report import Report

COLUMNS = ("library", "function", "as", "promises broken", "error in ulp", "broken promises")
WORST = ("accurate value", "float32")  # the promise whose largest error is shown
OPTIONS = {"like": "--as", "with": "--with", "format": "--format"}  # of arguments of the function
PROCESSES = 2
FORMATS = ("xyxy", "xywh", "cxcywh", "ltrb", "rotated")
DISTRIBUTIONS = {"segmentation_models_pytorch": "segmentation-models-pytorch"}
"""Names of packages on PyPI that differ from those of their modules."""


@click.command("audit", short_help="Check any implementation of a loss.")
@click.argument("target", required=False)
@click.option("--as", "like", metavar="NAME", help="The loss that it is, with any prefixes: ciou, inner-siou, focal.")
@click.option("--with", "settings", metavar="A=B,...", default="", help="Options of the loss, as in gamma=2,alpha=.25.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True, help="Format of boxes."
)
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the findings to a file.")
@click.option("--peers", "all_peers", is_flag=True, help="Check the known losses of all installed libraries.")
@click.pass_context
def audit_command(
    ctx: click.Context,
    target: str | None,
    like: str | None,
    settings: str,
    form: str,
    file: Path | None,
    all_peers: bool,
) -> None:
    """Compare TARGET, a function of your code or of another library, with the exact definition of its loss.

    TARGET is MODULE:FUNCTION, called as f(pred, target), with reduction="none" where it takes that; modules in the
    current folder are found. Losses of detloss, also by their names, and those of known libraries need no --as.

    The exit status is 1 if a promise is broken.
    """
    from rich.console import Console

    console = Console()
    if all_peers == (target is not None):
        raise click.UsageError(
            "TARGET: expected MODULE:FUNCTION or --peers, got " + ("both" if all_peers else "neither")
        )
    if target is None:
        with console.status("Checking all libraries, up to five minutes"):
            found = peer_reports(console)
        print_peers(console, found)
        text = "[" + ",\n".join(report.to_json() for _, report in found) + "]"
        broken = any(report.broken for _, report in found)
    else:
        with console.status("Checking, up to 30 seconds"):
            report = report_of(target, like, options_in(settings), form)
        report.print(console)
        text, broken = report.to_json(), bool(report.broken)
    if file is not None:
        try:
            file.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"--json: {error}") from error
    ctx.exit(int(broken))


def report_of(target: str, like: str | None, options: dict[str, Any], form: str) -> "Report":
    """The report of a function by its name.

    Raises:
        click.UsageError: There is no such function, loss, format or option.
    """
    from detloss.auditing.auditor import audit, audit_loss, audit_peer
    from detloss.auditing.known_peers import PEERS

    try:
        peer = next((peer for peer in PEERS if peer.name == target and like in (None, peer.like)), None)
        if peer is not None and form in (FORMATS[0], peer.form):
            member_named(peer.target)
            return audit_peer(peer, options)
        if ":" not in target or loss_is_named(target):
            return audit_loss(loss_of(target), like or target, options, form)
        return audit(function_named(target), like, format=form, options=options)
    except ValueError as error:
        name, colon, text = str(error).partition(": ")
        raise click.UsageError(f"{OPTIONS.get(name, name)}{colon}{text}") from error


def loss_of(target: str) -> str:
    """The target, which is the name of a loss.

    Raises:
        ValueError: It is not.
    """
    try:
        loss_named(target)
    except LossNameError as error:
        raise ValueError(f"TARGET: expected MODULE:FUNCTION or a loss. {error}") from error
    return target


def loss_is_named(target: str) -> bool:
    """Whether a target with colons is the name of a loss with options."""
    return target.lower().partition(":")[0].rpartition("-")[2] in ALL_LOSSES


def function_named(target: str) -> Callable[..., Any]:
    """The function MODULE:FUNCTION, whose module may lie in the current folder.

    Raises:
        click.UsageError: The module cannot be imported, or has no such function.
    """
    function: Callable[..., Any] = member_named(target)
    if isinstance(function, type):
        raise click.UsageError(f"TARGET: expected a function or an instance of a class, got the class {target!r}")
    return function


def member_named(target: str) -> Any:
    """The function or class MODULE:NAME.

    Raises:
        click.UsageError: The module cannot be imported, or has no such member.
    """
    path, _, name = target.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(path)
    except (Exception, SystemExit) as error:
        raise click.UsageError(f"TARGET: expected a module, got {path!r}: {type(error).__name__}: {error}") from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise click.UsageError(f"TARGET: expected a function of {path}, got {name!r}")
    return found


def options_in(settings: str) -> dict[str, Any]:
    """The options A=B,....

    Raises:
        click.UsageError: An option has no value.
    """
    options = {}
    for setting in filter(None, settings.split(",")):
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not equals or not value:
            raise click.UsageError(f"--with: expected A=B, got {setting!r}")
        options[name] = value_of(value)
    return options


def peer_reports(console: Any) -> list[tuple["Peer", "Report"]]:
    """The reports of all installed peers: a process per library, two at a time."""
    from detloss.auditing.known_peers import PEERS

    libraries: dict[str, list[Peer]] = {}
    for peer in PEERS:
        if peer.is_installed:
            libraries.setdefault(peer.library, []).append(peer)
    with ThreadPoolExecutor(PROCESSES) as threads:
        found = list(threads.map(reports_of_library, libraries.values()))
    for library, reports in zip(libraries, found):
        if isinstance(reports, str):
            console.print(f"{library}: {reports}", markup=False, highlight=False)
    return [pair for reports in found if not isinstance(reports, str) for pair in reports]


def reports_of_library(peers: list["Peer"]) -> "list[tuple[Peer, Report]] | str":
    """The reports of a library, in a process of its own, or the reason why there are none."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return list(zip(peers, pool.map(peer_report, peers)))
        except (BrokenProcessPool, ImportError, AttributeError) as error:
            return f"{type(error).__name__}: {error}"


def peer_report(peer: "Peer") -> "Report":
    """The report of a peer, on one thread, without the warnings of its library."""
    import torch

    from detloss.auditing.auditor import audit_peer

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    return audit_peer(peer)


def rows_of_peers(found: list[tuple["Peer", "Report"]]) -> Iterator[tuple[str, ...]]:
    """The cells under `COLUMNS`."""
    for peer, report in found:
        promises = dict.fromkeys(finding.promise for finding in report.findings if not finding.holds)
        library = f"{peer.library} {version_of(peer.library)}".replace("_", "-")
        error = next((each.worst_ulps for each in report.findings if (each.promise, each.dtype) == WORST), None)
        yield (
            library,
            peer.name.partition(":")[2],
            peer.like,
            f"{report.broken} of {report.checked}",
            "" if error is None else f"{error:.2g}",
            ", ".join(promises),
        )


def version_of(library: str) -> str:
    """The installed version of a library."""
    try:
        return version(DISTRIBUTIONS.get(library, library)).partition("+")[0]
    except PackageNotFoundError:
        return ""


def print_peers(console: Any, found: list[tuple["Peer", "Report"]]) -> None:
    """The table of all peers."""
    from rich.table import Table

    table = Table(*COLUMNS)
    for row in rows_of_peers(found):
        table.add_row(*row)
    console.print(table)
