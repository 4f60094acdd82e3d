"""Runs whose process died without a word: they would stay "started" for ever and keep their place in the pool.

Dagster frees the places of such runs only while its daemon runs. On a laptop there may be none, and the next run would
wait for ever. So every run records its process, and whoever starts a run or opens the instance ends those of the dead.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from cleanlab_assets.processes import ProcessMark, is_alive, this_process, was_running

if TYPE_CHECKING:
    from collections.abc import Iterator

PROCESS_TAG = "cleanlab_assets/process"
"""Tag of a run: the process that works on it, or the latest where each step has its own."""
UNFINISHED = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
SECONDS_BETWEEN_LOOKS = 15.0
SECONDS_UNTIL_LEFT_OVER = 3600
"""Age from which a run that never recorded its process can be taken for dead."""


@dg.resource(description="Records which process works on a run, and ends the runs of processes that died.")
def process_record(context: dg.InitResourceContext) -> Iterator[None]:
    """Make the way free for a run, and keep it free; and say whose run it is.

    Dagster begins with this before the first step asks for its place in a pool.
    """
    if context.instance is None or context.run is None:
        yield
        return
    end_dead_runs(context.instance)
    context.instance.add_run_tags(context.run.run_id, {PROCESS_TAG: this_process().model_dump_json()})
    with _watch_for_dead_runs(context.instance):
        yield


@contextmanager
def _watch_for_dead_runs(instance: dg.DagsterInstance) -> Iterator[None]:
    """End dead runs again and again inside the block: one that holds a place may die while others wait for it."""
    if instance.is_ephemeral:  # no other process knows it
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            try:
                end_dead_runs(instance)
            except SQLAlchemyError:
                return  # the run itself meets what is wrong with the database, and says so

    watcher = threading.Thread(target=watch, daemon=True, name="watch_for_dead_runs")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report unfinished runs of dead processes of this machine as failed, and free their places in the pools.

    A run that recorded no process, because it died too early or is none of this project's, is only ended where the
    instance keeps its runs in local SQLite files, and an hour after its start.

    Returns:
        Ids of the runs that were ended.
    """
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(UNFINISHED))):
        if _is_dead(instance, record):
            end_run(instance, record.dagster_run)
            ended.append(record.dagster_run.run_id)
    return ended


def end_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Report a run as failed, and free its places in the pools."""
    instance.report_run_failed(run, "The process of this run ended without reporting.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def read_process(run: dg.DagsterRun) -> ProcessMark | None:
    """Return the process that a run recorded, or None."""
    recorded = run.tags.get(PROCESS_TAG)
    return None if recorded is None else ProcessMark.model_validate_json(recorded)


def _is_dead(instance: dg.DagsterInstance, record: dg.RunRecord) -> bool:
    run = record.dagster_run
    process = read_process(run)
    if process is None:
        is_local = (Path(instance.root_directory) / "history" / "runs.db").is_file()
        age = time.time() - record.create_timestamp.timestamp()
        if not is_local or age < SECONDS_UNTIL_LEFT_OVER:
            return False
    elif is_alive(process) is not False:
        return False
    return not any(was_running(pid, at) for pid, at in _processes_by_dagster(instance, run.run_id))


def _processes_by_dagster(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[int, float]]:
    """Yield the process ids that Dagster's own events of a run name, such as that which hands out the steps, and when.

    Of their processes nothing else is known; they count as of this machine.
    """
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        if entry.dagster_event is not None:
            pid = entry.dagster_event.engine_event_data.metadata.get("pid")
            if pid is not None:
                yield int(str(pid.value)), entry.timestamp
