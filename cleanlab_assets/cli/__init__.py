"""``cleanlab-demo``: a thin layer over the assets, in the same Dagster instance that the web UI shows.

Commands know nothing of single task families. ``terminal.ExitCode`` lists the exit codes.
"""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from cleanlab_assets import __version__
from cleanlab_assets.cli import (
    audits,
    catalogue,
    gate,
    maintenance,
    own_data,
    review_files,
    review_page,
    reviews,
    rules,
    summaries,
)
from cleanlab_assets.cli.endings import Commands, run_app
from cleanlab_assets.cli.terminal import ExitCode, console

# Failed attempts of a download are reported once, at its end.
logging.getLogger("cleanlab_assets").addHandler(logging.NullHandler())

_EXAMPLES = """Examples:

cleanlab-demo run -d adult_income -m random_forest --max-rows 5000 -o result.json

cleanlab-demo sweep diabetes --save-csv models.csv

cleanlab-demo ai-report result.json"""

__all__ = ["ExitCode", "app", "main"]

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help=f"Audit a dataset for label errors and other data issues.\n\n{_EXAMPLES}",
    epilog="Exit codes: 0 fine, 1 a gate or a blocking check failed, 2 wrong use, a wrong setting or data that cannot "
    "be read, 3 any other failed run, 130 interrupted, 143 terminated.",
)
app.command()(own_data.audit)
app.command()(audits.run)
app.command()(audits.sweep)
app.command()(gate.gate)
app.command()(gate.accept)
app.command("list")(catalogue.list_audits)
app.command()(catalogue.describe)
app.command("download-data")(catalogue.download_data)
app.command("ai-report")(summaries.report)
app.command()(review_page.review)
app.command()(reviews.decide)
app.command("decide-all")(rules.decide_all)
app.command()(reviews.undo)
app.command()(reviews.decisions)
app.command("import-decisions")(review_files.import_decisions)
app.command("export-tasks")(review_files.export_tasks)
app.command()(review_files.export)
app.command("end-run")(maintenance.end_run)


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
    """Run the command as a process, see ``endings.run_app``."""
    run_app(app)
