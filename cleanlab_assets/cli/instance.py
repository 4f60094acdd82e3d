"""The project's Dagster instance and code location, with progress in place of Dagster's event log."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cleanlab_assets.cli.endings import raise_if_interrupted
from cleanlab_assets.cli.terminal import console, errors
from cleanlab_assets.settings import load_settings, project_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    import dagster as dg

    from cleanlab_assets.settings import Settings

DEPTH_OF_ARTIFACTS = 4
"""Directories within directories in which artifacts lie: family, asset, dataset, parts of a model's result."""
SECONDS_UNTIL_TOLD = 5
"""Who waits this long for a place in a pool is told who holds it."""
_EXPECTED_WARNING = "allow_missing_partitions=True"
"""Part of Dagster's words on each model that a comparison lacks; the comparison itself says why it lacks it."""


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """Open the project's Dagster instance: ``DAGSTER_HOME``, or else ``data/dagster_home`` of the project."""
    settings = load_settings()  # a wrong one ends the command before anything is touched
    home = Path(os.environ.get("DAGSTER_HOME") or project_root() / "data" / "dagster_home").expanduser().resolve()
    os.environ["DAGSTER_HOME"] = str(home)  # Dagster takes an absolute path only
    from cleanlab_assets.orchestration import instances
    from cleanlab_assets.orchestration.dead_runs import end_dead_runs

    with instances.open_instance(home) as instance:
        for run_id in end_dead_runs(instance):
            errors.print(f"[yellow]note:[/yellow] run {run_id} was interrupted and is now marked as failed")
        for path in _remove_left_overs(settings):
            errors.print(f"[yellow]note:[/yellow] removed {escape(str(path))}, left over from a killed run")
        yield instance


def _remove_left_overs(settings: Settings) -> list[Path]:
    """Remove unfinished files of killed runs; object stores have none."""
    from cleanlab_assets.scratch import remove_left_overs, remove_temporary_left_overs

    removed = remove_left_overs(settings.data_dir, depth=1) + remove_temporary_left_overs()
    if "://" not in settings.artifacts_dir:
        removed += remove_left_overs(Path(settings.artifacts_dir), depth=DEPTH_OF_ARTIFACTS)
    return removed


class RunProgress:
    """A bar over the steps of the runs of a command, and the step at work."""

    def __init__(self, title: str) -> None:
        """Prepare a bar; it shows inside ``with`` and leaves nothing behind."""
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None)
        self._title = title
        self._waiting: dict[str, threading.Timer] = {}

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the bar."""
        for step in list(self._waiting):
            self._end_waiting(step)
        self._bar.stop()

    def name(self, title: str) -> None:
        """Name what is at work."""
        raise_if_interrupted()
        self._title = title
        self._bar.update(self._task, description=title)

    def expect(self, n_steps: int) -> None:
        """Start to count the steps of a run."""
        self._bar.reset(self._task, total=n_steps)

    def load_definitions(self, instance: dg.DagsterInstance) -> dg.Definitions:
        """Load the code location with a logger that moves the bar, and says who holds what a run waits for."""
        settings = load_settings()
        import dagster as dg

        from cleanlab_assets.definitions import build_definitions

        def build_logger(_context: dg.InitLoggerContext) -> logging.Logger:
            logger = logging.Logger("cleanlab_assets.progress", level=logging.DEBUG)  # noqa: LOG001 - not a global one
            logger.addHandler(_ProgressHandler(self, instance, settings.log_level))
            return logger

        loggers = {"progress": dg.LoggerDefinition(build_logger, description="Shows the step at work.")}
        return build_definitions(settings, loggers=loggers)

    def start_step(self, step: str) -> None:
        """Show the step at work."""
        raise_if_interrupted()
        self._end_waiting(step)
        self._bar.update(self._task, description=f"{self._title}: {step.partition('__')[2].replace('_', ' ')}")

    def end_step(self) -> None:
        """Count a step."""
        self._bar.advance(self._task)

    def wait_for(self, pool: str, step: str, instance: dg.DagsterInstance) -> None:
        """Say after a while who holds the pool that a step needs, unless it starts before."""

        def tell() -> None:
            from cleanlab_assets.orchestration.pools import describe_holders

            for holder in describe_holders(instance, pool):
                errors.print(f"[yellow]waiting[/yellow] for a place in the pool {pool}: {escape(holder)}")

        self._end_waiting(step)
        self._waiting[step] = threading.Timer(SECONDS_UNTIL_TOLD, tell)
        self._waiting[step].daemon = True
        self._waiting[step].start()

    def _end_waiting(self, step: str) -> None:
        if (timer := self._waiting.pop(step, None)) is not None:
            timer.cancel()
            timer.join()


class _ProgressHandler(logging.Handler):
    """Moves the bar, and prints warnings; with log level DEBUG Dagster's whole event log."""

    def __init__(self, progress: RunProgress, instance: dg.DagsterInstance, log_level: str) -> None:
        super().__init__()
        self._progress = progress
        self._instance = instance
        self._shown_level = logging.getLevelNamesMapping()[log_level]

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_event", None)
        if event is not None and event.is_step_start:
            self._progress.start_step(event.step_key)
        elif event is not None and event.event_type_value == "ASSET_MATERIALIZATION":
            self._progress.end_step()
        elif event is not None and event.is_engine_event and (pool := event.engine_event_data.metadata.get("pool")):
            self._progress.wait_for(str(pool.value), str(event.step_key), self._instance)
        # The outcome of the run shows errors once, with their cause; the log would repeat them for every step.
        message = record.getMessage()
        is_warning = record.levelno == logging.WARNING and _EXPECTED_WARNING not in message
        if (is_warning and self._shown_level <= logging.WARNING) or self._shown_level == logging.DEBUG:
            errors.print(escape(f"{record.levelname.lower()}: {message}"))
