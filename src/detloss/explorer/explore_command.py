"""Command `detloss explore`."""

import webbrowser
from pathlib import Path

import click


@click.command("explore", short_help="Open an interactive page of the losses.", context_settings={"show_default": True})
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), default=Path("explorer.html"), help="HTML file."
)
@click.option("--no-open", is_flag=True, help="Do not open the file in the browser.")
def explore(out: Path, no_open: bool) -> None:
    """Write an interactive page of the losses to one HTML file, and open it in the default browser.

    The file needs no network and no other file.
    """
    from detloss.explorer import document

    try:
        document.write(out)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"page: {out}")
    if not no_open:
        webbrowser.open(out.resolve().as_uri())
