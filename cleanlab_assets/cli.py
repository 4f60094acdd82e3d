"""``cleanlab-demo``: a thin layer over the assets, in the same Dagster instance that the web UI shows.

Exit codes: 0 fine, 1 a gate failed, 2 wrong use, 3 a run failed.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cleanlab_assets import __version__
from cleanlab_assets.settings import Settings, load_settings, project_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg
    from rich.status import Status

    from cleanlab_assets.orchestration.family import Family
    from cleanlab_assets.orchestration.runs import RunOutcome

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Audit a dataset for label errors and other data issues.",
)
_console = Console(highlight=False, soft_wrap=True)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)

DEFAULT_DATASET = "breast_cancer"
DEFAULT_MODEL = "logistic_regression"
DatasetOption = Annotated[str, typer.Option("--dataset", "-d", help="Dataset; `cleanlab-demo list` names them.")]
ModelOption = Annotated[str, typer.Option("--model", "-m", help="Model of the dataset's task family.")]


class ExitCode(IntEnum):
    """What the exit code of a command says."""

    FINE = 0
    GATE_FAILED = 1
    WRONG_USE = 2
    RUN_FAILED = 3


def _print_version(requested: bool) -> None:
    if requested:
        _console.print(f"cleanlab-demo {__version__}")
        raise typer.Exit(ExitCode.FINE)


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None: ...


@app.command()
def run(
    dataset: DatasetOption = DEFAULT_DATASET,
    model: ModelOption = DEFAULT_MODEL,
    config: Annotated[
        Path | None, typer.Option(help="YAML or JSON run config, as `dagster asset materialize --config` takes it.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Materialize everything, also what is up to date.")] = False,
) -> None:
    """Audit a dataset with a model: materialize what is out of date, then say what was found.

    Example: cleanlab-demo run -d adult_income -m random_forest
    """
    family = _find_family(dataset, model)
    from cleanlab_assets.models.catalogue import ModelParameterError
    from cleanlab_assets.orchestration.partitions import partition_keys
    from cleanlab_assets.orchestration.runs import RunConfigError, materialize_level, resolve_configs

    try:
        configs = resolve_configs(family, _read_config(config))
        family.check_model(dataset, model, configs)
    except (RunConfigError, ModelParameterError) as error:
        _fail(ExitCode.WRONG_USE, str(error))
    with _open_instance() as instance, _console.status("loading") as status:
        definitions = _load_definitions(status)
        for level, partition in partition_keys(dataset, model).items():
            outcome = materialize_level(definitions, instance, family, level, partition, configs=configs, force=force)
            _print_outcome(outcome)
            if not outcome.success:
                _fail(ExitCode.RUN_FAILED, outcome.error or "the run failed")
        status.update("reading results")
        _print_summary(instance, family, dataset, model)


@app.command()
def gate(
    dataset: DatasetOption = DEFAULT_DATASET,
    model: ModelOption = DEFAULT_MODEL,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Evaluate every check of a dataset and model; exit with 1 if an ERROR check fails.

    Example: cleanlab-demo gate -d adult_income -m random_forest --strict
    """
    family = _find_family(dataset, model)
    from cleanlab_assets.orchestration.runs import evaluate_checks

    with _open_instance() as instance, _console.status("evaluating checks") as status:
        _warn_of_stale_assets(instance, family, dataset, model)
        outcomes = evaluate_checks(_load_definitions(status), instance, family, dataset, model)
    checks = [check for outcome in outcomes for check in outcome.checks]
    _print_checks(outcomes)
    # A blocking check that fails also fails its run: that is a closed gate, not a broken run.
    broken = [
        outcome.error for outcome in outcomes if not outcome.success and not any(c.is_error for c in outcome.checks)
    ]
    if broken:
        _fail(ExitCode.RUN_FAILED, str(broken[0]))
    failed = [check for check in checks if check.is_error or (strict and not check.passed)]
    if failed:
        _fail(ExitCode.GATE_FAILED, f"{len(failed)} of {len(checks)} checks failed the gate")
    _console.print(f"gate passed: {len(checks)} checks, {sum(not check.passed for check in checks)} warnings")


@app.command("list")
def list_datasets() -> None:
    """List datasets, models and which audits are materialized."""
    from cleanlab_assets.datasets.catalogue import datasets_of
    from cleanlab_assets.models.catalogue import models_of
    from cleanlab_assets.orchestration.families import FAMILIES
    from cleanlab_assets.orchestration.partitions import MODEL

    with _open_instance() as instance:
        for family in FAMILIES:
            done = set(instance.get_materialized_partitions(family.asset_keys(MODEL)[-1]))
            models = models_of(family.name)
            table = Table("dataset", "rows", "source", "audited with", title=f"{family.name}: {', '.join(models)}")
            for dataset in datasets_of(family.name).values():
                audited = [model for model in models if f"{dataset.name}|{model}" in done]
                source = "embedded" if dataset.is_embedded else "download"
                table.add_row(dataset.name, f"{dataset.expected_rows:,}", source, "\n".join(audited) or "-")
            _console.print(table)


def _warn_of_stale_assets(instance: dg.DagsterInstance, family: Family, dataset: str, model: str) -> None:
    """Say which of the artifacts that a gate judges are out of date; settings are not judged."""
    from cleanlab_assets.orchestration.freshness import find_stale_assets
    from cleanlab_assets.orchestration.partitions import partition_keys

    for level, partition in partition_keys(dataset, model).items():
        for key, reason in find_stale_assets(instance, family, level, partition, {}).items():
            _errors.print(f"[yellow]note:[/yellow] {key.to_user_string()} is out of date: {escape(reason)}")


def _find_family(dataset: str, model: str) -> Family:
    from cleanlab_assets.datasets.catalogue import UnknownDatasetError, get_dataset
    from cleanlab_assets.models.catalogue import UnknownModelError, get_model
    from cleanlab_assets.orchestration.families import family_of

    try:
        family = family_of(get_dataset(dataset))
        get_model(family.name, model)
    except (UnknownDatasetError, UnknownModelError) as error:
        _fail(ExitCode.WRONG_USE, str(error))
    return family


def _read_config(path: Path | None) -> dict[str, Any]:
    import yaml

    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        _fail(ExitCode.WRONG_USE, f"cannot read the config {path}: {error.strerror}")
    except yaml.YAMLError as error:
        _fail(ExitCode.WRONG_USE, f"{path} is neither YAML nor JSON: {' '.join(str(error).split())}")
    if not isinstance(content, dict):
        _fail(ExitCode.WRONG_USE, f"{path} holds {type(content).__name__}, expected a mapping that starts with 'ops:'")
    return content


@contextmanager
def _open_instance() -> Iterator[dg.DagsterInstance]:
    """Open the project's Dagster instance: ``DAGSTER_HOME``, or else ``data/dagster_home`` of the project."""
    import dagster as dg

    home = Path(os.environ.get("DAGSTER_HOME") or project_root() / "data" / "dagster_home").expanduser().resolve()
    os.environ["DAGSTER_HOME"] = str(home)  # Dagster takes an absolute path only
    home.mkdir(parents=True, exist_ok=True)
    from cleanlab_assets.orchestration.dead_runs import end_dead_runs

    with dg.DagsterInstance.get() as instance:
        for run_id in end_dead_runs(instance):
            _errors.print(f"[yellow]note:[/yellow] run {run_id} had died and is now marked as failed")
        yield instance


def _load_definitions(status: Status) -> dg.Definitions:
    """Load the code location with a logger that shows the step at work instead of Dagster's event log."""
    settings = _load_settings()
    import dagster as dg

    from cleanlab_assets.definitions import build_definitions

    def build_progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("cleanlab_assets.progress", level=logging.DEBUG)  # noqa: LOG001 - not a global one
        logger.addHandler(_ProgressHandler(status, settings.log_level))
        return logger

    progress = dg.LoggerDefinition(build_progress_logger, description="Shows the step at work.")
    return build_definitions(settings, loggers={"progress": progress})


def _load_settings() -> Settings:
    from pydantic import ValidationError

    try:
        return load_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "CLEANLAB_DEMO_" + "_".join(str(part) for part in first["loc"]).upper()
        _fail(ExitCode.WRONG_USE, f"{name} is {first['input']!r}: {first['msg']}")


class _ProgressHandler(logging.Handler):
    """Shows which step is at work, and warnings; with log level DEBUG Dagster's whole event log."""

    def __init__(self, status: Status, log_level: str) -> None:
        super().__init__()
        self._status = status
        self._shown_level = logging.getLevelNamesMapping()[log_level]

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if event is not None and event.is_step_start:
            self._status.update(event.step_key.replace("__", " / ").replace("_", " "))
        # The outcome of the run tells errors once, with their root; the log would tell them again for every step.
        is_warning = record.levelno == logging.WARNING and self._shown_level <= logging.WARNING
        if is_warning or self._shown_level == logging.DEBUG:
            _errors.print(escape(f"{record.levelname.lower()}: {record.getMessage()}"))


def _print_outcome(outcome: RunOutcome) -> None:
    if not outcome.reasons:
        _console.print(f"[dim]{outcome.partition}: {outcome.level} level is up to date[/dim]")
        return
    for key, reason in outcome.reasons.items():
        _console.print(f"[dim]{outcome.partition}: {key.to_user_string()} ({reason})[/dim]")
    _print_checks([outcome], only_failed=True)


def _print_checks(outcomes: list[RunOutcome], *, only_failed: bool = False) -> None:
    for outcome in outcomes:
        for check in outcome.checks:
            if check.passed and only_failed:
                continue
            mark = (
                "[green]pass[/green]"
                if check.passed
                else "[red]FAIL[/red]"
                if check.is_error
                else "[yellow]warn[/yellow]"
            )
            _console.print(f"{mark}  {check.asset} {check.check}: {escape(check.description)}")


def _print_summary(instance: dg.DagsterInstance, family: Family, dataset: str, model: str) -> None:
    from cleanlab_assets.orchestration.freshness import latest_materialization

    paths = {}
    for key in family.asset_keys("model"):
        latest = latest_materialization(instance, key, f"{dataset}|{model}")
        if latest is not None:
            paths[key.path[-1]] = str(latest.metadata["path"].value)
    _console.print(f"\n[bold]{dataset} / {model}[/bold]")
    for line in family.summarize(paths):
        _console.print(f"  {line}", markup=False)
    for name in family.reports:
        _console.print(f"  {name.replace('_', ' ')}: {paths[name]}", markup=False)


def main() -> None:
    """Run the command; an error that nobody foresaw keeps its traceback, and does not look like a failed gate."""
    try:
        app()
    except Exception:  # noqa: BLE001 - the traceback is shown in full
        _errors.print_exception()
        raise SystemExit(ExitCode.RUN_FAILED) from None


def _fail(code: ExitCode, message: str) -> NoReturn:
    _errors.print(f"[red]error:[/red] {escape(message)}")
    raise typer.Exit(code)
