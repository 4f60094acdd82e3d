"""``cleanlab-demo``: a thin layer over the assets, in the same Dagster instance that the web UI shows.

Commands know nothing of single task families. Exit codes: 0 success, 1 a gate failed, 2 usage error, 3 a run failed.
"""

from __future__ import annotations

import logging
from typing import Annotated

import typer
from rich.markup import escape

from cleanlab_assets import __version__
from cleanlab_assets.cli import audits, catalogue, summaries
from cleanlab_assets.cli.terminal import ExitCode, console, errors

# Failed attempts of a download are reported once, at its end.
logging.getLogger("cleanlab_assets").addHandler(logging.NullHandler())

_EXAMPLES = """Examples:

cleanlab-demo run -d adult_income -m random_forest --max-rows 5000 -o result.json

cleanlab-demo sweep diabetes --save-csv models.csv

cleanlab-demo ai-report result.json"""

__all__ = ["ExitCode", "app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=f"Audit a dataset for label errors and other data issues.\n\n{_EXAMPLES}",
    epilog="Exit codes: 0 success, 1 a gate failed, 2 usage error, 3 a run failed.",
)
app.command()(audits.run)
app.command()(audits.sweep)
app.command()(audits.gate)
app.command("list")(catalogue.list_audits)
app.command()(catalogue.describe)
app.command("download-data")(catalogue.download_data)
app.command("ai-report")(summaries.report)


def _print_version(requested: bool) -> None:
    if requested:
        console.print(f"cleanlab-demo {__version__}")
        raise typer.Exit(ExitCode.FINE)


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command; an unexpected error keeps its traceback, and does not look like a failed gate."""
    from cleanlab_assets.datasets.descriptions import OwnDatasetError

    try:
        app()
    except OwnDatasetError as error:
        errors.print(f"[red]error:[/red] {escape(str(error))}")
        raise SystemExit(ExitCode.WRONG_USE) from None
    except Exception:  # noqa: BLE001 - the traceback is shown in full
        errors.print_exception()
        raise SystemExit(ExitCode.RUN_FAILED) from None
